#include "ctx.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "clock.h"

void ctx_init(jobd_task_ctx *ctx, struct post *post) {
    *ctx = (struct jobd_task_ctx){.post = post};
    jd_buf_init(&ctx->value, post->link->max_frame - JD_ENVELOPE_BYTES);
}

void ctx_free(jobd_task_ctx *ctx) {
    jd_buf_free(&ctx->value);
    arena_free(&ctx->arena);
}

// ---- beginnings ----

static void forget_words(jobd_task_ctx *ctx) {
    ctx->value_err = 0;
    ctx->name[0] = ctx->message[0] = '\0';
}

void ctx_begin(jobd_task_ctx *ctx, const struct jd_run *run, uint64_t start_ns) {
    ctx->kind = CTX_JOB;
    ctx->slot = (unsigned)run->slot;
    ctx->seq = run->seq;
    ctx->job = run->job;
    ctx->attempt = (uint32_t)run->attempt;
    ctx->item = 0;
    ctx->chunk = run->chunk > 0;
    ctx->n_items = ctx->chunk ? (uint32_t)run->chunk : 1;
    ctx->start_ns = start_ns;
    bool limited = run->time_limit_ms > 0 && run->time_limit_ms < INT64_MAX / CLOCK_NS_PER_MS;
    ctx->deadline_ns = limited ? start_ns + run->time_limit_ms * CLOCK_NS_PER_MS : 0;
    ctx->status = 0;
    forget_words(ctx);
}

void ctx_begin_init(jobd_task_ctx *ctx) {
    const struct jd_run none = {.attempt = 1};
    ctx_begin(ctx, &none, clock_now_ns());
    ctx->kind = CTX_INIT;
}

void ctx_begin_inner(jobd_task_ctx *ctx, const jobd_task_ctx *outer, uint32_t n_items) {
    ctx->kind = CTX_INNER;
    ctx->slot = outer->slot;
    ctx->seq = outer->seq;
    ctx->job = outer->job;
    ctx->attempt = outer->attempt;
    ctx->chunk = true;
    ctx->n_items = n_items;
    ctx->start_ns = outer->start_ns;
    ctx->deadline_ns = outer->deadline_ns;
}

void ctx_begin_item(jobd_task_ctx *ctx, uint32_t item) {
    ctx->item = item;
    ctx->value_from = jd_buf_used(&ctx->value);
    forget_words(ctx);
}

void ctx_drop_item(jobd_task_ctx *ctx) {
    jd_buf_cut(&ctx->value, ctx->value_from);
}

// ---- what the task says ----

bool ctx_cancelled(const jobd_task_ctx *ctx) {
    return ctx->kind != CTX_INIT && jd_board_cancelled(ctx->post->link->board, ctx->slot, ctx->seq);
}

static int take_value(jobd_task_ctx *ctx, jobd_bytes value) {
    ctx_drop_item(ctx);
    if (value.len == 0 || jd_check_one(value.data, value.len) != value.len)
        return JOBD_E_INVAL;
    int r = jd_buf_append(&ctx->value, value.data, value.len);
    return r == JOBD_E_MSGSIZE ? JOBD_E_RESULT_TOO_BIG : r;
}

int ctx_set_value(jobd_task_ctx *ctx, jobd_bytes value) {
    ctx->value_bytes = value.len;
    ctx->value_err = take_value(ctx, value);
    return ctx->value_err;
}

int ctx_fail(jobd_task_ctx *ctx, const char *name, const char *message) {
    snprintf(ctx->name, sizeof ctx->name, "%s", name ? name : "");
    snprintf(ctx->message, sizeof ctx->message, "%s", message ? message : "");
    return JOBD_E_TASK;
}

// ---- what it means ----

static int too_big(jobd_task_ctx *ctx) {
    if (ctx->chunk)
        snprintf(
            ctx->message, sizeof ctx->message,
            "with item %u the results of the chunk have %zu bytes, the limit is %zu: put fewer "
            "items into a chunk, or raise max_frame",
            ctx->item, ctx->value_from + ctx->value_bytes, ctx->value.max);
    else
        snprintf(ctx->message, sizeof ctx->message,
                 "the result has %zu bytes, the limit is %zu: return less, or raise max_frame",
                 ctx->value_bytes, ctx->value.max);
    return JOBD_E_RESULT_TOO_BIG;
}

// The result that the task tried to set was not taken.
static int value_refused(jobd_task_ctx *ctx) {
    switch (ctx->value_err) {
    case JOBD_E_RESULT_TOO_BIG:
        return too_big(ctx);
    case JOBD_E_NOMEM:
        snprintf(ctx->message, sizeof ctx->message, "no memory for the result of %zu bytes",
                 ctx->value_bytes);
        return JOBD_E_NOMEM;
    default:
        return ctx_fail(ctx, "bad_result", "the task's result is not exactly one msgpack value");
    }
}

// Only what the worker knows to be so is believed; all else is the task's own failure.
static bool says_truth(const jobd_task_ctx *ctx, int returned) {
    return (returned == JOBD_E_CANCELLED && ctx_cancelled(ctx)) ||
           (returned == JOBD_E_EXITED && ctx->status != 0);
}

int ctx_error(jobd_task_ctx *ctx, int returned) {
    if (ctx->value_err && (returned == 0 || returned == ctx->value_err))
        return value_refused(ctx);
    if (returned == 0)
        return 0;
    if (returned == JOBD_E_CANCELLED && ctx_cancelled(ctx))
        snprintf(ctx->message, sizeof ctx->message, "the task stopped as it was asked to");
    if (says_truth(ctx, returned))
        return returned;
    if (ctx->name[0] || ctx->message[0])
        return JOBD_E_TASK;
    if (returned < 0 && strcmp(jobd_errname(returned), jobd_errname(1)) != 0)
        snprintf(ctx->message, sizeof ctx->message, "the task returned %s = %d (%s)",
                 jobd_errname(returned), returned, jobd_strerror(returned));
    else
        snprintf(ctx->message, sizeof ctx->message, "the task returned %d", returned);
    return JOBD_E_TASK;
}

void ctx_outcome(const jobd_task_ctx *ctx, int error, struct jd_result *ret) {
    if (!error || ctx->chunk)
        ret->value = jd_buf_view(&ctx->value);
    ret->status = ctx->status;
    if (!error)
        return;
    ret->error = (uint64_t)-error;
    ret->name = jd_text(ctx->name);
    ret->text = jd_text(ctx->message);
}

void ctx_end(jobd_task_ctx *ctx) {
    jd_buf_consume(&ctx->value, jd_buf_used(&ctx->value));
    ctx->value_from = 0;
    arena_reset(&ctx->arena);
}
