// What a job can ask the daemon for: jobd_host.call.
#ifndef WORKER_CALL_H
#define WORKER_CALL_H

#include "ctx.h"

// As jobd/task.h says of jobd_host.call.
int call_run(jobd_task_ctx *ctx, const char *what, jobd_bytes params, int64_t timeout_ms,
             jobd_bytes *ret);

#endif
