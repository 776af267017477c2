#include "map.h"

#include <stdio.h>
#include <string.h>

#include "children.h"
#include "chunk.h"
#include "log.h"
#include "mem.h"

enum { HERE_VALUE_MAX_BYTES = 1 << 30 }; // results of a map that goes through no frame

static int read_params(jobd_bytes params, jobd_bytes *ret_task, struct items *ret) {
    jobd_reader r = jobd_reader_of(params);
    jobd_bytes item;
    uint32_t n_params = 0;
    jobd_read_array(&r, &n_params);
    jobd_read_str(&r, ret_task);
    const unsigned char *from = r.pos;
    if (jobd_read_array(&r, &ret->n) < 0 || n_params != 2)
        return JOBD_E_INVAL;
    ret->first = r.pos;
    for (uint32_t i = 0; i < ret->n; i++)
        if (jobd_read_type(&r) != JOBD_T_ARRAY || jobd_read_raw(&r, &item) < 0)
            return JOBD_E_INVAL;
    ret->array = (jobd_bytes){from, (size_t)(r.pos - from)};
    return r.pos == r.end ? 0 : JOBD_E_INVAL;
}

static int no_task(jobd_task_ctx *ctx, jobd_bytes name) {
    char text[CTX_MESSAGE_BYTES], quoted[JOBD_TASK_NAME_MAX * 2];
    snprintf(text, sizeof text, "there is no task %s to map",
             jd_log_quote(quoted, sizeof quoted, name));
    ctx_fail(ctx, "", text);
    return JOBD_E_NOTASK;
}

int map_fail(jobd_task_ctx *ctx, int code, uint32_t item, const jobd_error *why) {
    char text[CTX_MESSAGE_BYTES + 32];
    snprintf(text, sizeof text, "item %u: %s", item,
             why->message[0] ? why->message : jobd_strerror(code));
    ctx_fail(ctx, why->name, text);
    return code;
}

static int keep_result(jobd_task_ctx *ctx, jobd_bytes value, jobd_bytes *ret) {
    void *copy = arena_alloc(&ctx->arena, value.len);
    if (!copy)
        return JOBD_E_NOMEM;
    *ret = (jobd_bytes){memcpy(copy, value.data, value.len), value.len};
    return 0;
}

// One after the other, in the job that calls.
static int run_here(jobd_task_ctx *ctx, const jobd_task_def *task, const struct items *items,
                    uint64_t stop_ns, jobd_bytes *ret) {
    jobd_task_ctx *inner = jd_alloc(sizeof *inner); // a map may be called from within another
    if (!inner)
        return JOBD_E_NOMEM;
    ctx_init(inner, ctx->post);
    inner->value.max = HERE_VALUE_MAX_BYTES;
    ctx_begin_inner(inner, ctx, items->n);
    inner->stop_ns = stop_ns;
    int error = chunk_run(inner, task, items->array);
    if (error == 0) {
        error = keep_result(ctx, jd_buf_view(&inner->value), ret);
    } else if (error != JOBD_E_TIMEOUT && !ctx_cancelled(ctx)) {
        jobd_error why = {0};
        snprintf(why.name, sizeof why.name, "%s", inner->name);
        snprintf(why.message, sizeof why.message, "%s", inner->message);
        map_fail(ctx, error, inner->item, &why);
    }
    ctx_end(inner);
    ctx_free(inner);
    jd_free(inner);
    return error;
}

int map_call(jobd_task_ctx *ctx, jobd_bytes params, uint64_t stop_ns, jobd_bytes *ret) {
    struct items items;
    jobd_bytes name;
    int r = read_params(params, &name, &items);
    if (r < 0)
        return r;
    const jobd_task_def *task = registry_find(ctx->post->tasks, name);
    if (!task)
        return no_task(ctx, name);
    if (ctx->kind == CTX_JOB && items.n > 0) {
        r = children_run(ctx, name, &items, stop_ns, ret);
        if (r != JOBD_E_AGAIN)
            return r;
    }
    return run_here(ctx, task, &items, stop_ns, ret);
}
