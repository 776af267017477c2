#include "tasks/tasks.h"

#include <time.h>

enum { SLICE_NS = 10000000 }; // how long a job that was asked to stop may go on sleeping

static const jobd_task_def builtin[] = {
    {"echo", task_echo, JOBD_TASK_IDEMPOTENT, "[value] -> value"},
    {"ping", task_ping, JOBD_TASK_IDEMPOTENT, "[value] or [] -> [received ns, sent ns, value]"},
    {"integrate", task_integrate, JOBD_TASK_IDEMPOTENT | JOBD_TASK_CANCELLABLE,
     "[function or expression, a, b, n, kernel = \"portable\", rule = \"left\", isa, edges, "
     "{parameter: value}] -> [integral in n steps, n, kernel, rule, isa, evaluations]"},
    {"countdown", task_countdown, JOBD_TASK_CANCELLABLE,
     "[n] -> n, after n seconds; reports progress each second"},
    {"sleep", task_sleep, JOBD_TASK_IDEMPOTENT | JOBD_TASK_CANCELLABLE,
     "[seconds] -> nil, after that time"},
    {"exec", task_exec, JOBD_TASK_CANCELLABLE,
     "[[program, ...], [\"NAME=value\", ...], directory or \"\"] -> nil; its exit status"},
    {"quad", task_quad, JOBD_TASK_IDEMPOTENT | JOBD_TASK_CANCELLABLE,
     "[function or expression, a, b, n, kernel = \"portable\", isa, {parameter: value}] -> [isa, "
     "[[integral, error, rounding] of each of n panels]]"},
};

const jobd_task_module tasks_builtin = JOBD_TASK_MODULE("builtin", JOBD_VERSION, builtin);

bool tasks_buf(const jobd_host *host, jobd_task_ctx *ctx, size_t n, struct jd_buf *ret) {
    uint8_t *data = host->alloc(ctx, n);
    *ret = (struct jd_buf){.data = data, .cap = n, .max = n};
    return data != NULL;
}

int tasks_sleep_until(const jobd_host *host, jobd_task_ctx *ctx, uint64_t until_ns) {
    for (uint64_t now; (now = host->now_ns(ctx)) < until_ns;) {
        if (host->cancelled(ctx))
            return JOBD_E_CANCELLED;
        const struct timespec slice = {.tv_nsec = (long)JD_MIN(until_ns - now, (uint64_t)SLICE_NS)};
        nanosleep(&slice, NULL);
    }
    return host->cancelled(ctx) ? JOBD_E_CANCELLED : 0;
}
