#include "host.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "call.h"
#include "clock.h"
#include "ctx.h"
#include "log.h"
#include "pipes.h"

static int64_t time_left_ms(const jobd_task_ctx *ctx) {
    if (ctx->deadline_ns == 0)
        return JOBD_FOREVER;
    uint64_t now = clock_now_ns();
    return now >= ctx->deadline_ns ? 0 : (int64_t)((ctx->deadline_ns - now) / CLOCK_NS_PER_MS);
}

static int progress(jobd_task_ctx *ctx, double fraction, const char *note) {
    if (ctx->kind != CTX_JOB)
        return 0;
    double within = isnan(fraction) ? 0 : fmin(fmax(fraction, 0), 1);
    ctx->post->marked[ctx->slot] = true;
    jd_board_set_progress(ctx->post->link->board, ctx->slot,
                          ((double)ctx->item + within) / (double)ctx->n_items, note);
    return 0;
}

static JD_PRINTF(3, 4) void write_log(jobd_task_ctx *ctx, int level, const char *fmt, ...) {
    char text[JD_TEXT_MAX + 1], quoted[JD_LOG_LINE_MAX - 64];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    jobd_bytes line = {text, JD_MIN((size_t)JD_MAX(n, 0), sizeof text - 1)};
    int within = JD_MAX(JD_MIN(level, (int)JD_LOG_DEBUG), (int)JD_LOG_ERROR);
    if (ctx->kind == CTX_INIT) {
        jd_log((enum jd_log_level)within, "task.log", "text=%s",
               jd_log_quote(quoted, sizeof quoted, line));
        return;
    }
    const struct jd_msg msg = {
        .shape = JD_EVENT,
        .op = JD_OP_TASK_LOG,
        .u.task_log = {
            .slot = ctx->slot, .seq = ctx->seq, .level = (uint64_t)within, .text = line}};
    post_send(ctx->post, &msg); // a master that is gone shows when the result is sent
}

static void *job_alloc(jobd_task_ctx *ctx, size_t n) {
    return arena_alloc(&ctx->arena, n);
}

static uint64_t job_id(const jobd_task_ctx *ctx) {
    return ctx->job;
}

static uint32_t attempt(const jobd_task_ctx *ctx) {
    return ctx->attempt;
}

static uint64_t now_ns(const jobd_task_ctx *ctx) {
    (void)ctx;
    return clock_now_ns();
}

static uint64_t started_ns(const jobd_task_ctx *ctx) {
    return ctx->start_ns;
}

static uint32_t item(const jobd_task_ctx *ctx, uint32_t *ret_n) {
    if (ret_n)
        *ret_n = ctx->n_items;
    return ctx->item;
}

static const jobd_integrand_def *integrand(const jobd_task_ctx *ctx, jobd_bytes name) {
    return registry_find_integrand(ctx->post->tasks, name);
}

const jobd_host host_table = {
    .struct_size = sizeof(jobd_host),
    .abi_major = JOBD_TASK_ABI_MAJOR,
    .abi_minor = JOBD_TASK_ABI_MINOR,
    .result = ctx_set_value,
    .fail = ctx_fail,
    .cancelled = ctx_cancelled,
    .time_left_ms = time_left_ms,
    .progress = progress,
    .log = write_log,
    .alloc = job_alloc,
    .job_id = job_id,
    .attempt = attempt,
    .now_ns = now_ns,
    .started_ns = started_ns,
    .item = item,
    .call = call_run,
    .n_pipes = pipes_count,
    .pipe_send = pipes_send,
    .pipe_recv = pipes_recv,
    .pipe_poll = pipes_poll,
    .pipe_close = pipes_close_one,
    .integrand = integrand,
};
