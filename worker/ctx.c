#include "ctx.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "clock.h"
#include "log.h"

// ---- the host table ----

static int set_value(jobd_task_ctx *ctx, jobd_bytes value) {
    jd_buf_consume(&ctx->value, jd_buf_used(&ctx->value));
    if (value.len == 0 || jd_check_one(value.data, value.len) != value.len)
        return JOBD_E_INVAL;
    int r = jd_buf_append(&ctx->value, value.data, value.len);
    return r == JOBD_E_MSGSIZE ? JOBD_E_RESULT_TOO_BIG : r;
}

static int host_result(jobd_task_ctx *ctx, jobd_bytes value) {
    ctx->value_bytes = value.len;
    ctx->value_err = set_value(ctx, value);
    return ctx->value_err;
}

static int host_fail(jobd_task_ctx *ctx, const char *name, const char *message) {
    snprintf(ctx->name, sizeof ctx->name, "%s", name ? name : "");
    snprintf(ctx->message, sizeof ctx->message, "%s", message ? message : "");
    return JOBD_E_TASK;
}

static bool host_cancelled(const jobd_task_ctx *ctx) {
    return jd_board_cancelled(ctx->board, ctx->slot, ctx->seq);
}

static uint64_t host_now_ns(const jobd_task_ctx *ctx) {
    (void)ctx;
    return clock_now_ns();
}

static uint64_t host_started_ns(const jobd_task_ctx *ctx) {
    return ctx->start_ns;
}

static int64_t host_time_left_ms(const jobd_task_ctx *ctx) {
    if (ctx->deadline_ns == 0)
        return JOBD_FOREVER;
    uint64_t now = clock_now_ns();
    return now >= ctx->deadline_ns ? 0 : (int64_t)((ctx->deadline_ns - now) / CLOCK_NS_PER_MS);
}

static int host_progress(jobd_task_ctx *ctx, double fraction, const char *note) {
    if (isnan(fraction))
        fraction = 0;
    jd_board_set_progress(ctx->board, ctx->slot, fmin(fmax(fraction, 0), 1), note);
    ctx->has_progress[ctx->slot] = true;
    return 0;
}

static JD_PRINTF(3, 4) void host_log(jobd_task_ctx *ctx, int level, const char *fmt, ...) {
    char text[JD_LOG_LINE_MAX / 2], quoted[JD_LOG_LINE_MAX - 64];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t len = JD_MIN((size_t)JD_MAX(n, 0), sizeof text - 1);
    int within = JD_MAX(JD_MIN(level, (int)JD_LOG_DEBUG), (int)JD_LOG_ERROR);
    jd_log((enum jd_log_level)within, "task.log", "job=%llu text=%s", (unsigned long long)ctx->job,
           jd_log_quote(quoted, sizeof quoted, (jobd_bytes){text, len}));
}

static void *host_alloc(jobd_task_ctx *ctx, size_t n) {
    return arena_alloc(&ctx->arena, n);
}

static uint64_t host_job_id(const jobd_task_ctx *ctx) {
    return ctx->job;
}

static uint32_t host_attempt(const jobd_task_ctx *ctx) {
    return ctx->attempt;
}

const jobd_host ctx_host = {
    .struct_size = sizeof(jobd_host),
    .abi_major = JOBD_TASK_ABI_MAJOR,
    .abi_minor = JOBD_TASK_ABI_MINOR,
    .result = host_result,
    .fail = host_fail,
    .cancelled = host_cancelled,
    .time_left_ms = host_time_left_ms,
    .progress = host_progress,
    .log = host_log,
    .alloc = host_alloc,
    .job_id = host_job_id,
    .attempt = host_attempt,
    .now_ns = host_now_ns,
    .started_ns = host_started_ns,
};

// ---- the life of a job ----

void ctx_init(jobd_task_ctx *ctx, struct jd_board *board, size_t max_value_bytes) {
    *ctx = (struct jobd_task_ctx){.board = board};
    jd_buf_init(&ctx->value, max_value_bytes);
}

void ctx_free(jobd_task_ctx *ctx) {
    jd_buf_free(&ctx->value);
    arena_free(&ctx->arena);
}

void ctx_clear_progress(jobd_task_ctx *ctx, unsigned slot) {
    if (!ctx->has_progress[slot]) // most jobs never report any: their part of the board stays cold
        return;
    jd_board_clear_progress(ctx->board, slot);
    ctx->has_progress[slot] = false;
}

void ctx_begin(jobd_task_ctx *ctx, const struct jd_run *run, uint64_t start_ns) {
    ctx->slot = (unsigned)run->slot;
    ctx->seq = run->seq;
    ctx->job = run->job;
    ctx->attempt = (uint32_t)run->attempt;
    ctx->start_ns = start_ns;
    bool limited = run->time_limit_ms > 0 && run->time_limit_ms < INT64_MAX / CLOCK_NS_PER_MS;
    ctx->deadline_ns = limited ? start_ns + run->time_limit_ms * CLOCK_NS_PER_MS : 0;
    ctx->value_err = 0;
    ctx->name[0] = ctx->message[0] = '\0';
}

// The result that the task tried to set was not taken.
static int value_refused(jobd_task_ctx *ctx) {
    switch (ctx->value_err) {
    case JOBD_E_RESULT_TOO_BIG:
        snprintf(ctx->message, sizeof ctx->message,
                 "the result has %zu bytes, the limit is %zu: return less, or raise max_frame",
                 ctx->value_bytes, ctx->value.max);
        return JOBD_E_RESULT_TOO_BIG;
    case JOBD_E_NOMEM:
        snprintf(ctx->message, sizeof ctx->message, "no memory for the result of %zu bytes",
                 ctx->value_bytes);
        return JOBD_E_NOMEM;
    default:
        host_fail(ctx, "bad_result", "the task's result is not exactly one msgpack value");
        return JOBD_E_TASK;
    }
}

static int error_of(jobd_task_ctx *ctx, int returned) {
    if (ctx->value_err && (returned == 0 || returned == ctx->value_err))
        return value_refused(ctx);
    if (returned == 0)
        return 0;
    if (returned == JOBD_E_CANCELLED && host_cancelled(ctx)) {
        snprintf(ctx->message, sizeof ctx->message, "the task stopped as it was asked to");
        return JOBD_E_CANCELLED;
    }
    if (ctx->name[0] || ctx->message[0])
        return JOBD_E_TASK;
    if (returned < 0 && strcmp(jobd_errname(returned), jobd_errname(1)) != 0)
        snprintf(ctx->message, sizeof ctx->message, "the task returned %s = %d (%s)",
                 jobd_errname(returned), returned, jobd_strerror(returned));
    else
        snprintf(ctx->message, sizeof ctx->message, "the task returned %d", returned);
    return JOBD_E_TASK;
}

void ctx_outcome(jobd_task_ctx *ctx, int returned, struct jd_result *ret) {
    int error = error_of(ctx, returned);
    if (!error) {
        ret->value = jd_buf_view(&ctx->value);
        return;
    }
    ret->error = (uint64_t)-error;
    ret->name = jd_text(ctx->name);
    ret->text = jd_text(ctx->message);
}

void ctx_end(jobd_task_ctx *ctx) {
    jd_buf_consume(&ctx->value, jd_buf_used(&ctx->value));
    arena_reset(&ctx->arena);
}
