// Submits: how a job starts.
#ifndef JD_SUBMIT_H
#define JD_SUBMIT_H

#include "executor.h"
#include "future.h"

// Fills in what the options say. The strings stay views of the program's.
// 0 | JOBD_E_INVAL | JOBD_E_VERSION.
JD_MUST_USE int jd_submit_fill(struct jd_submit *s, const jobd_submit_options *opts);

// Starts the job of a job.submit, process.start or job.attach: fills in the handle, queues the
// request and makes the future, which is added to ex unless that is NULL.
// 0 | JOBD_E_NOMEM | JOBD_E_AGAIN | JOBD_E_CLOSED; then nothing has changed.
JD_MUST_USE int jd_submit_start(jobd_conn *c, jobd_executor *ex, struct jd_msg *msg,
                                jobd_future **ret_future);

// Starts a process. Its descriptors go with the request; they are taken if this succeeds, and closed
// when they are sent. 0 | JOBD_E_MSGSIZE | as jd_submit_start().
JD_MUST_USE int jd_submit_process(jobd_conn *c, const struct jd_process *process, const int *fds,
                                  jobd_future **ret_future);

#endif
