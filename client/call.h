// Requests that wait for their reply. Each has a place in the connection's table; its id is the
// place + 1, since 0 is HELLO. Every request ends exactly once: by its reply, or when the connection
// dies.
#ifndef JD_CALL_H
#define JD_CALL_H

#include "conn.h"
#include "msg.h"

// A request that a blocking call waits for, on that call's stack.
struct jd_call {
    bool done;
    int error;        // 0 | JOBD_E_*
    uint64_t number;  // the reply's: the next page of a listing, a job's state, was it cancelled
    uint64_t done_ns; // when the reply was read
};

// Queues a request: fills in shape and id. ptr belongs to the op: the future of job.submit,
// process.start and job.attach (held by its handle), of job.cancel (a reference, handed over), the
// number of an executor; else NULL, and the reply is dropped.
// 0 | JOBD_E_NOMEM | JOBD_E_AGAIN; then nothing has changed.
JD_MUST_USE int jd_calls_request(jobd_conn *c, struct jd_msg *msg, void *ptr);

// Sends a request and waits for its reply. What the daemon listed is in c->answer.
JD_MUST_USE int jd_calls_ask(jobd_conn *c, struct jd_msg *msg, struct jd_call *call,
                             int64_t timeout_ms);

void jd_calls_on_reply(jobd_conn *c, struct jd_msg *msg);
void jd_calls_end(jobd_conn *c); // the connection is dead

#endif
