#include "call.h"

#include <string.h>

#include "clock.h"
#include "map.h"

typedef int call_fn(jobd_task_ctx *ctx, jobd_bytes params, uint64_t stop_ns, jobd_bytes *ret);

static const struct {
    const char *what;
    call_fn *fn;
} calls[] = {{"map", map_call}};

// 0 = never.
static uint64_t stop_time(int64_t timeout_ms) {
    if (timeout_ms < 0 || timeout_ms > INT64_MAX / CLOCK_NS_PER_MS / 2)
        return 0;
    return clock_now_ns() + (uint64_t)timeout_ms * CLOCK_NS_PER_MS;
}

int call_run(jobd_task_ctx *ctx, const char *what, jobd_bytes params, int64_t timeout_ms,
             jobd_bytes *ret) {
    if (!what || !ret)
        return JOBD_E_INVAL;
    for (size_t i = 0; i < JD_LEN(calls); i++)
        if (strcmp(calls[i].what, what) == 0)
            return ctx->kind == CTX_INIT ? JOBD_E_STATE
                                         : calls[i].fn(ctx, params, stop_time(timeout_ms), ret);
    return JOBD_E_NOTSUP;
}
