// The tasks every worker has. But for exec they use nothing but the plugin ABI (jobd/task.h) and
// common.
#ifndef WORKER_TASKS_H
#define WORKER_TASKS_H

#include <jobd/task.h>

#include "buf.h"

extern const jobd_task_module tasks_builtin;

int task_echo(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args);
int task_ping(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args);
int task_integrate(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args);
int task_quad(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args);
int task_countdown(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args);
int task_sleep(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args);
int task_exec(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args);

// ---- for the tasks themselves ----

// A buffer of n bytes that lives as long as the job: packing up to n bytes into it allocates
// nothing. False = out of memory. It must not be freed.
bool tasks_buf(const jobd_host *host, jobd_task_ctx *ctx, size_t n, struct jd_buf *ret);
// Sleeps until host->now_ns() says so. 0 | JOBD_E_CANCELLED, at most 10 ms after the job was asked.
int tasks_sleep_until(const jobd_host *host, jobd_task_ctx *ctx, uint64_t until_ns);

#endif
