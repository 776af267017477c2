// What the daemon says about jobs, and what can be asked of it about one.
#ifndef JD_JOB_H
#define JD_JOB_H

#include "future.h"
#include "msg.h"

void jd_job_on_submitted(jobd_future *f, const struct jd_msg *reply);
void jd_job_on_attached(jobd_future *f, const struct jd_msg *reply);
// f is a reference, taken.
void jd_job_on_cancelled(jobd_future *f, const struct jd_msg *reply);
void jd_job_on_state(jobd_conn *c, const struct jd_job_state *event);
void jd_job_on_done(jobd_conn *c, const struct jd_job_done *event);
void jd_job_on_log(jobd_conn *c, const struct jd_job_log *event);
void jd_job_on_output(jobd_conn *c, const struct jd_job_output *event);

// Wishes about a future that is open: queued, as a submit is. Who has asked before does not ask
// again to cancel. 0 | JOBD_E_NOMEM | JOBD_E_AGAIN.
JD_MUST_USE int jd_job_ask_cancel(jobd_future *f);
JD_MUST_USE int jd_job_ask_abort(jobd_future *f, int64_t grace_ms, bool force);

#endif
