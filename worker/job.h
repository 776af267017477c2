// One job, from its frame to its result.
#ifndef WORKER_JOB_H
#define WORKER_JOB_H

#include "ctx.h"

// Claims the job and runs it; its RESULT is in *ret, with views into ctx until ctx_end(), and wants
// its run_ns. False: the master has taken the job back.
bool job_run(jobd_task_ctx *ctx, const struct jd_run *run, uint64_t start_ns, struct jd_msg *ret);

#endif
