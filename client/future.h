// A client's view of a job. It ends exactly once: by job.done, by a refused submit, or when the
// connection dies. The connection holds a reference until then, the program one until its unref.
#ifndef JD_FUTURE_H
#define JD_FUTURE_H

#include "conn.h"

struct jd_watch;
struct jd_ears;

struct jd_callback {
    jobd_done_fn fn; // NULL = none
    void *arg;
    struct jd_callback *next; // owned
};

enum jd_cancel_state { JD_CANCEL_NONE, JD_CANCEL_ASKED, JD_CANCEL_WON, JD_CANCEL_REFUSED };

enum { JD_VALUE_INLINE_BYTES = 40 };

struct jobd_future {
    jobd_conn *conn;      // holds a reference
    jobd_executor *ex;    // while it is open, NULL = none: in that executor's list
    jobd_future *ex_prev; // neighbours there
    jobd_future *ex_next;
    jobd_future *link;        // next of the pending or the spare futures
    struct jd_watch *watches; // walks that have not met this future yet
    struct jd_callback callback;
    struct jd_ears *ears;   // owned; NULL = nobody listens
    struct jd_fault *fault; // a reference, once it failed: the words, if there are any
    uint64_t job_id;
    uint64_t run_ns;
    uint64_t done_order;
    double progress;
    uint32_t n_refs;
    uint32_t handle;
    uint32_t worker_pid;
    uint32_t value_bytes;
    int error;         // 0, or why the job failed
    int16_t status;    // of a process: its exit code, or -signal
    uint8_t state;     // jobd_future_state
    uint8_t job_state; // jobd_job_state
    uint8_t attempt;
    uint8_t cancel;      // enum jd_cancel_state
    bool accepted : 1;   // the daemon knows the job: events may come
    bool waited : 1;     // a blocking call waits for it
    bool is_pending : 1; // in the connection's queue of callbacks to run
    union {
        uint8_t small[JD_VALUE_INLINE_BYTES];
        void *big; // owned, when value_bytes is over JD_VALUE_INLINE_BYTES
    } value;
};

// A pending future without a handle, with one reference. NULL = out of memory.
JD_MUST_USE jobd_future *jd_future_new(jobd_conn *c);
void jd_future_free_spares(jobd_conn *c);

// Keeps the value that a future, which is open, will have. False = out of memory.
JD_MUST_USE bool jd_future_keep(jobd_future *f, jobd_bytes value);

// How a future ends. Each ends it for good, tells who waits, runs or queues its callbacks, frees
// its handle and drops the connection's reference.
void jd_future_succeed(jobd_future *f);
void jd_future_fail(jobd_future *f, int code, jobd_bytes name, jobd_bytes text);
void jd_future_cancel(jobd_future *f);
void jd_future_lose(jobd_future *f); // the connection is dead

static inline jobd_bytes jd_future_value(const jobd_future *f) {
    const void *at = f->value_bytes > JD_VALUE_INLINE_BYTES ? f->value.big : f->value.small;
    return (jobd_bytes){at, f->value_bytes};
}

static inline bool jd_future_is_done(const jobd_future *f) {
    return f->state >= JOBD_CANCELLED;
}

#endif
