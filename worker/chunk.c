// Items are often tiny, so what is done for each of them is: a look at the stop flag, its number on
// the board, and its result at the end of one buffer. No clock, no system call, no allocation.
#include "chunk.h"

#include <stdio.h>

#include "clock.h"
#include "host.h"
#include "pack.h"
#include "read.h"

enum { ARRAY_HEAD_BYTES = 5 }; // of fixed width: the count comes last

static const unsigned char nil = 0xc0;

static int open_array(jobd_task_ctx *ctx) {
    static const unsigned char head[ARRAY_HEAD_BYTES] = {0xdd};
    JD_ASSERT(jd_buf_used(&ctx->value) == 0);
    int r = jd_buf_append(&ctx->value, head, sizeof head);
    if (r < 0)
        ctx_fail(ctx, "", "no memory for the results of the chunk");
    return r;
}

static void close_array(jobd_task_ctx *ctx, uint32_t n) {
    uint32_t count = htobe32(n);
    memcpy(ctx->value.data + ctx->value.pos + 1, &count, sizeof count);
}

static int stopped(jobd_task_ctx *ctx) {
    if (ctx_cancelled(ctx))
        return ctx_error(ctx, JOBD_E_CANCELLED);
    if (ctx->stop_ns && clock_now_ns() >= ctx->stop_ns)
        return JOBD_E_TIMEOUT;
    return 0;
}

static int bad_item(jobd_task_ctx *ctx) {
    char text[CTX_MESSAGE_BYTES];
    snprintf(text, sizeof text, "the arguments of item %u of %u are not an array", ctx->item,
             ctx->n_items);
    return ctx_fail(ctx, "bad_args", text);
}

static int run_item(jobd_task_ctx *ctx, const jobd_task_def *task, jobd_reader *r) {
    jobd_bytes args;
    int error = stopped(ctx);
    if (error)
        return error;
    if (jobd_read_type(r) != JOBD_T_ARRAY || jd_read_raw(r, &args) < 0)
        return bad_item(ctx);
    error = ctx_error(ctx, task->fn(&host_table, ctx, args));
    if (ctx->arena.used || ctx->arena.spills)
        arena_reset(&ctx->arena);
    if (!error && jd_buf_used(&ctx->value) == ctx->value_from)
        error = ctx_error(ctx, ctx_set_value(ctx, (jobd_bytes){&nil, sizeof nil}));
    return error;
}

int chunk_run(jobd_task_ctx *ctx, const jobd_task_def *task, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_there, n_done = 0;
    struct jd_board *board = ctx->kind == CTX_JOB ? ctx->post->link->board : NULL;
    int error = open_array(ctx);
    if (error)
        return error;
    if (board)
        ctx->post->marked[ctx->slot] = true;
    if (jd_read_array(&r, &n_there) < 0 || n_there != ctx->n_items)
        r = jobd_reader_of((jobd_bytes){NULL, 0}); // the first item is missing, then
    for (; !error && n_done < ctx->n_items; n_done += !error) {
        ctx_begin_item(ctx, n_done);
        if (board)
            jd_board_set_item(board, ctx->slot, n_done);
        error = run_item(ctx, task, &r);
    }
    if (error)
        ctx_drop_item(ctx);
    close_array(ctx, n_done);
    return error;
}
