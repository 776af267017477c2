// Waiting. A blocking call is one loop around the calls that an event loop makes: send, poll,
// receive, look whether that was it.
#ifndef JD_LOOP_H
#define JD_LOOP_H

#include "conn.h"

struct jd_walk;

// What the connection is stepped for: says when to stop, and whose callbacks may run. Lives on the
// stack of the call that waits; conn->wait points to it meanwhile.
struct jd_wait {
    bool (*met)(const struct jd_wait *w); // NULL outside jd_loop_wait()
    const void *subject;                  // for met()
    const struct jd_walk *walk;           // callbacks of its futures may run
    const jobd_executor *ex;              // callbacks of its futures may run
    bool all;                             // callbacks of all futures may run
    bool failed;                          // a future that is waited for failed
    size_t n_left;                        // futures that are waited for and not done
};

// Steps until w->met(). Returns 0 | JOBD_E_TIMEOUT | why the connection is dead | JOBD_E_DEADLK |
// JOBD_E_FORKED. A deadline of 0 still looks once at what has come. Afterwards the connection may
// be gone, if a callback closed it and the caller holds nothing of it.
JD_MUST_USE int jd_loop_wait(jobd_conn *c, struct jd_wait *w, uint64_t deadline_ns);

#endif
