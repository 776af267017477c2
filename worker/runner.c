// A job passes: taken (its frame was read) -> claimed (the master cannot take it back any more) ->
// run -> its result in the ring -> the next claim. In this order a master that looks at the board
// after this process died knows of each job whether it ran, and has every result there was.
//
// There is one look at the clock per job: the end of one is the start of the next. And there is no
// lock: nobody else is here.
#include "runner.h"

#include "clock.h"
#include "ctx.h"
#include "job.h"
#include "mem.h"
#include "tree.h"

enum { LONG_BATCH = 32 };

struct runner {
    struct post *post;
    struct link *link;
    uint64_t now_ns; // the last job boundary
    jobd_task_ctx ctx;
    size_t n_batch;
    struct jd_run batch[JD_WINDOW_MAX]; // views into the link's input
};

// Decodes what has arrived, without running any of it, and tells the master how far that is.
static int take_batch(struct runner *rn) {
    struct jd_msg msg;
    uint64_t taken = 0;
    int r = 0;
    rn->n_batch = 0;
    while (rn->n_batch < JD_LEN(rn->batch) && (r = link_next(rn->link, &msg)) > 0) {
        if (msg.shape == JD_EVENT && msg.op == JD_OP_RUN)
            rn->batch[rn->n_batch++] = msg.u.run;
        else if ((r = post_route(rn->post, &msg)) < 0)
            return r;
    }
    for (size_t i = 0; i < rn->n_batch; i++)
        taken = JD_MAX(taken, rn->batch[i].seq);
    if (taken > 0)
        jd_board_set_taken(rn->link->board, taken);
    return r < 0 ? r : 0;
}

static int run_job(struct runner *rn, const struct jd_run *run) {
    struct jd_msg msg;
    uint64_t start_ns = rn->now_ns;
    if (!job_run(&rn->ctx, run, start_ns, &msg))
        return 0; // the master has taken it back
    rn->now_ns = clock_now_ns();
    rn->post->failed = msg.u.result.error != 0;
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
    if (rn->post->held.data)
        jd_buf_free(&rn->post->held);
    return 0;
}

// Jobs that came while one of the batch waited for the master.
static int run_queue(struct runner *rn) {
    int r = 0;
    for (struct work *w; r == 0 && (w = work_pop(&rn->post->queue));) {
        r = run_job(rn, &w->run);
        jd_free(w);
    }
    return r;
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

int runner_run(struct post *p) {
    struct runner rn = {.post = p, .link = p->link, .now_ns = clock_now_ns()};
    int r;
    ctx_init(&rn.ctx, p);
    do {
        r = take_batch(&rn);
        if (r == 0)
            r = run_batch(&rn);
        if (r == 0)
            r = run_queue(&rn);
        if (r == 0 && p->ended != JOBD_E_CLOSED) // that end is met again, with all results out
            r = p->ended;
        if (r == 0 && rn.n_batch == 0)
            r = rest(&rn);
    } while (r == 0);
    ctx_free(&rn.ctx);
    return r;
}
