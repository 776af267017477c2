#include "job.h"

#include "chunk.h"
#include "host.h"
#include "pipes.h"

static int run_task(jobd_task_ctx *ctx, const struct jd_run *run) {
    const jobd_task_def *task = registry_at(ctx->post->tasks, run->task);
    if (!task) {
        ctx_fail(ctx, "", "the worker has no task of that number");
        return JOBD_E_NOTASK;
    }
    if (ctx->chunk)
        return chunk_run(ctx, task, run->args);
    return ctx_error(ctx, task->fn(&host_table, ctx, run->args));
}

bool job_run(jobd_task_ctx *ctx, const struct jd_run *run, uint64_t start_ns, struct jd_msg *ret) {
    struct post *post = ctx->post;
    post_clear_marks(post, (unsigned)run->slot);
    if (!jd_board_claim(post->link->board, (unsigned)run->slot, run->seq))
        return false;
    ret->shape = JD_EVENT;
    ret->op = JD_OP_RESULT;
    ret->error = 0;
    ret->u.result = (struct jd_result){.slot = run->slot, .seq = run->seq};
    ctx_begin(ctx, run, start_ns);
    ctx_outcome(ctx, run_task(ctx, run), &ret->u.result);
    if (post->pipes)
        pipes_close(post->pipes);
    return true;
}
