// One task called for many arguments, by a job.
#ifndef WORKER_MAP_H
#define WORKER_MAP_H

#include "ctx.h"

// params: [task, [arguments, ...]]; *ret: the array of results. stop_ns: when to give up, 0 =
// never. 0 | JOBD_E_INVAL | as call "map" in jobd/task.h.
int map_call(jobd_task_ctx *ctx, jobd_bytes params, uint64_t stop_ns, jobd_bytes *ret);

// The words for an item that failed, as host->fail() gives them. Returns code.
int map_fail(jobd_task_ctx *ctx, int code, uint32_t item, const jobd_error *why);

#endif
