#include "call.h"

#include <string.h>

#include "clock.h"
#include "map.h"

typedef int call_fn(jobd_task_ctx *ctx, jobd_bytes params, uint64_t stop_ns, jobd_bytes *ret);

static const struct {
    const char *what;
    call_fn *fn;
} calls[] = {{"map", map_call}};

int call_run(jobd_task_ctx *ctx, const char *what, jobd_bytes params, int64_t timeout_ms,
             jobd_bytes *ret) {
    if (!what || !ret)
        return JOBD_E_INVAL;
    for (size_t i = 0; i < JD_LEN(calls); i++)
        if (strcmp(calls[i].what, what) == 0)
            return ctx->kind == CTX_INIT
                       ? JOBD_E_STATE
                       : calls[i].fn(ctx, params, clock_limit_ns(timeout_ms), ret);
    return JOBD_E_NOTSUP;
}
