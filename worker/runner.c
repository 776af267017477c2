// A job passes: taken (its frame was read) -> claimed (the master cannot take it back any more) ->
// run -> its result in the ring -> the next claim. In this order a master that looks at the board
// after this process died knows of each job whether it ran, and has every result there was.
//
// There is one look at the clock per job: the end of one is the start of the next.
#include "runner.h"

#include "clock.h"
#include "ctx.h"
#include "log.h"
#include "tree.h"

enum { LONG_BATCH = 32 };

struct runner {
    struct link *link;
    const struct registry *tasks;
    uint64_t now_ns; // the last job boundary
    jobd_task_ctx ctx;
    size_t n_batch;
    struct jd_run batch[JD_WINDOW_MAX]; // views into the link's input
};

static void log_bye(const struct jd_bye *bye) {
    char quoted[256];
    jd_log(JD_LOG_INFO, "master.bye", "code=%llu text=%s", (unsigned long long)bye->code,
           jd_log_quote(quoted, sizeof quoted, bye->text));
}

// Decodes what has arrived, without running any of it, and tells the master how far that is.
static int take_batch(struct runner *rn) {
    struct jd_msg msg;
    uint64_t taken = 0;
    int r = 0;
    rn->n_batch = 0;
    while (rn->n_batch < JD_LEN(rn->batch) && (r = link_next(rn->link, &msg)) > 0) {
        if (msg.shape != JD_EVENT)
            return JOBD_E_PROTO;
        if (msg.op == JD_OP_BYE)
            log_bye(&msg.u.bye);
        else if (msg.op != JD_OP_RUN)
            return JOBD_E_PROTO;
        else
            rn->batch[rn->n_batch++] = msg.u.run;
    }
    for (size_t i = 0; i < rn->n_batch; i++)
        taken = JD_MAX(taken, rn->batch[i].seq);
    if (taken > 0)
        jd_board_set_taken(rn->link->board, taken);
    return r < 0 ? r : 0;
}

static void run_task(struct runner *rn, const struct jd_run *run, struct jd_result *result) {
    const jobd_task_def *task = registry_at(rn->tasks, run->task);
    if (!task) {
        result->error = (uint64_t)-JOBD_E_NOTASK;
        result->text = jd_text("the worker has no task of that number");
        return;
    }
    ctx_outcome(&rn->ctx, task->fn(&ctx_host, &rn->ctx, run->args), result);
}

static int run_job(struct runner *rn, const struct jd_run *run) {
    struct jd_board *board = rn->link->board;
    unsigned slot = (unsigned)run->slot;
    ctx_clear_progress(&rn->ctx, slot);
    if (!jd_board_claim(board, slot, run->seq))
        return 0; // the master has taken it back
    struct jd_msg msg;
    msg.shape = JD_EVENT;
    msg.op = JD_OP_RESULT;
    msg.error = 0;
    msg.u.result = (struct jd_result){.slot = run->slot, .seq = run->seq};
    uint64_t start_ns = rn->now_ns;
    ctx_begin(&rn->ctx, run, start_ns);
    run_task(rn, run, &msg.u.result);
    rn->now_ns = clock_now_ns();
    msg.u.result.run_ns = rn->now_ns - start_ns;
    int r = link_send(rn->link, &msg, rn->now_ns);
    ctx_end(&rn->ctx);
    return r < 0 ? r : link_flush_old(rn->link, rn->now_ns);
}

// What is done goes out in the middle of a long batch too: the master can send more meanwhile, and
// neither waits for the other.
static int run_batch(struct runner *rn) {
    size_t half = rn->n_batch >= LONG_BATCH ? rn->n_batch / 2 : rn->n_batch;
    for (size_t i = 0; i < rn->n_batch; i++) {
        int r = i == half ? link_flush(rn->link) : 0;
        if (r == 0)
            r = run_job(rn, &rn->batch[i]);
        if (r < 0)
            return r;
    }
    link_release(rn->link);
    return 0;
}

// Nothing is left to do: the results go out, then the worker sleeps until more arrives.
static int rest(struct runner *rn) {
    int r = link_flush(rn->link);
    if (r < 0)
        return r;
    tree_reap(); // what earlier jobs started and left behind
    r = link_fill(rn->link);
    rn->now_ns = clock_now_ns();
    return r;
}

int runner_run(struct link *l, const struct registry *tasks) {
    struct runner rn = {.link = l, .tasks = tasks, .now_ns = clock_now_ns()};
    int r;
    ctx_init(&rn.ctx, l->board, l->max_frame - JD_ENVELOPE_BYTES);
    do {
        r = take_batch(&rn);
        if (r == 0)
            r = run_batch(&rn);
        if (r == 0 && rn.n_batch == 0)
            r = rest(&rn);
    } while (r == 0);
    ctx_free(&rn.ctx);
    return r;
}
