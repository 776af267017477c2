// What the daemon says about jobs, and the wish to cancel one.
#ifndef JD_JOB_H
#define JD_JOB_H

#include "future.h"
#include "msg.h"

void jd_job_on_submitted(jobd_future *f, const struct jd_msg *reply);
// f is a reference, taken.
void jd_job_on_cancelled(jobd_future *f, const struct jd_msg *reply);
void jd_job_on_state(jobd_conn *c, const struct jd_job_state *event);
void jd_job_on_done(jobd_conn *c, const struct jd_job_done *event);

#endif
