// What the compute threads of a worker share: the link to the master, and who waits for what of it.
//
// A thread that has nothing better to do waits for the socket, reads what comes and hands it out:
// jobs go to the queue, answers to the job that waits for them. A job that waits does so itself if
// no thread is idle. The lock is held around all of it but the wait itself, and is not needed where
// there is only one thread.
#ifndef WORKER_POST_H
#define WORKER_POST_H

#include <pthread.h>

#include "link.h"
#include "registry.h"
#include "work.h"

// A job that asked the master for something. Both functions are called with the lock held, by the
// thread that reads; what they are given is gone when they return.
struct waiter {
    pthread_cond_t arrived;
    void (*on_reply)(struct waiter *w, const struct jd_msg *reply);
    void (*on_done)(struct waiter *w, const struct jd_job_done *done);
};

struct pipes;
struct post {
    struct link *link;
    const struct registry *tasks;
    struct pipes *pipes;         // of a process; NULL = none
    bool failed;                 // the last job did
    bool marked[JD_BOARD_SLOTS]; // a job has left its progress or item on the board
    struct jd_buf held;          // messages that the link has handed out, see link_hold()
    bool shared;                 // by several threads
    void (*on_room)(void *arg);  // NULL, or: jobs may be run now, or the link has ended
    void *on_room_arg;
    int bell_fd; // an eventfd that ends the wait of a job that reads; -1 = none
    pthread_mutex_t lock;
    // ---- behind the lock ----
    int ended;       // why nothing comes any more; 0 = it does
    bool reading;    // a job that waits
    unsigned n_idle; // threads that wait for the socket
    unsigned n_waiters;
    unsigned n_lent;                        // jobs whose slot others may use
    struct waiter *waiters[JD_BOARD_SLOTS]; // by the slot of their job
    struct work_queue queue;
};

enum { POST_KIND_SHIFT = 16, POST_SLOT_SHIFT = 24 };

// The id of a request: one that cannot be out twice, and tells who waits for the reply.
// kind: 1 to 255; k: below 65536.
static inline uint32_t post_id(unsigned slot, unsigned kind, uint32_t k) {
    return (uint32_t)slot << POST_SLOT_SHIFT | (uint32_t)kind << POST_KIND_SHIFT | k;
}
static inline unsigned post_kind(uint32_t id) {
    return id >> POST_KIND_SHIFT & 0xff;
}

// Both are borrowed.
void post_init(struct post *p, struct link *l, const struct registry *tasks);
void post_free(struct post *p);

// From any thread, without the lock.
int post_send(struct post *p, const struct jd_msg *msg);
// The same, and it is on its way when this returns.
int post_send_now(struct post *p, const struct jd_msg *msg);
// Before a slot's claim: a job never shows what its predecessor has left on the board.
void post_clear_marks(struct post *p, unsigned slot);

// ---- with the lock held, or with one thread only ----

// Hands out a message. 0 | JOBD_E_PROTO | JOBD_E_NOMEM.
int post_route(struct post *p, const struct jd_msg *msg);
// Nothing comes any more, and all who wait know. why: an error of the link.
void post_end(struct post *p, int why);
// Reads what there is and hands it out. What goes wrong is post_end()'s.
void post_read(struct post *p);
// A job that holds this slot waits from now on, at most one for each slot; w is borrowed.
void post_begin_wait(struct post *p, unsigned slot, struct waiter *w);
void post_end_wait(struct post *p, unsigned slot);
// Another job may run in the place of this one; it is counted in n_lent.
void post_lend(struct post *p);
// Something may have changed for w when this returns, at the latest after timeout_ms.
void post_wait(struct post *p, struct waiter *w, int timeout_ms);
// This thread reads no longer: a job that waits must, if nobody else does.
void post_hand_over(struct post *p);

#endif
