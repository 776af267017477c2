// A master for tests of the worker: starts the real jobd-worker as jobd does, with a socket, a
// board and a pipe for its last words, and drives it frame by frame. What goes wrong in here ends
// the test.
#ifndef TESTS_FAKE_MASTER_H
#define TESTS_FAKE_MASTER_H

#include <sys/types.h>

#include "board.h"
#include "msg.h"

enum { FAKE_WAIT_MS = 30000 }; // nothing a worker does takes this long; only a failing test does

struct fake_master {
    pid_t pid;
    int socket; // -1 = closed
    int log;    // what the worker writes to 1 and 2
    struct jd_board *board;
    size_t max_frame;
    uint64_t seq;         // of the last RUN frame
    struct jd_buf in;     // the worker's stream; views of results point into it
    size_t handed_out;    // of it: the result given last
    uint64_t received;    // stream bytes so far
    struct jd_buf out;    // RUN frames not sent yet
    struct jd_buf hello;  // the frame, kept
    struct jd_hello said; // views into it
};

struct fake_options {
    const char *const *plugins; // NULL-terminated, or NULL
    const char *threads;        // NULL = it is not told
    bool process;
    const int *pipes; // descriptors that it gets as 5, 6, ...; closed here
    unsigned n_pipes;
};

// Starts a worker without waiting for anything. args: NULL-terminated; none of --parent and
// --max-frame is added.
void fake_spawn(struct fake_master *m, const char *const *args);
// Starts a worker with these plugins (NULL-terminated, or NULL) and exchanges HELLO.
void fake_start(struct fake_master *m, const char *const *plugins);
void fake_start_as(struct fake_master *m, const struct fake_options *o);
// Asks for a clean end, insists on exit status 0, frees everything.
void fake_stop(struct fake_master *m);
// Frees everything after the worker has been joined.
void fake_free(struct fake_master *m);

// The number of a task, as the worker has announced it.
uint64_t fake_task(const struct fake_master *m, const char *name);
// Publishes a job and packs its frame; returns its sequence. It goes out with fake_send().
uint64_t fake_run(struct fake_master *m, unsigned slot, const char *task, jobd_bytes args);
// The same, of a chunk: args is an array of n_items arguments.
uint64_t fake_run_chunk(struct fake_master *m, unsigned slot, const char *task, jobd_bytes args,
                        uint32_t n_items);
// Packs any message; it goes out with fake_send().
void fake_pack(struct fake_master *m, const struct jd_msg *msg);
void fake_send(struct fake_master *m);
// Answers a request of the worker's, at once. Without an error the result is nil, or that of op
// with all fields 0.
void fake_reply(struct fake_master *m, uint32_t id, uint16_t op, int error, const char *text);
void fake_send_bytes(struct fake_master *m, const void *data, size_t n);

// Waits for the next message of the worker's, whatever it is. Views until the next call.
struct jd_msg fake_next(struct fake_master *m);
// Waits for the next message, which must be a result. Views until the next call.
struct jd_result fake_result(struct fake_master *m);
// After the worker's death: takes what is left in the socket and in the ring, then the next result;
// false = there is none.
bool fake_result_left(struct fake_master *m, struct jd_result *ret);

// Waits until the board says so.
void fake_wait_started(struct fake_master *m, unsigned slot, uint64_t seq);
void fake_wait_taken(struct fake_master *m, uint64_t seq);

// Half-closes: the worker ends when it has done what it was sent.
void fake_hang_up(struct fake_master *m);
// Waits for the worker's end; returns its wait status.
int fake_join(struct fake_master *m);
// What the worker wrote to its log; text ends with a NUL. After fake_join().
void fake_log(struct fake_master *m, char *text, size_t size);
// Waits until a process is gone or a zombie.
void fake_wait_gone(int pidfd);

#endif
