// Tasks that call: LEND, a few SUBMITs, RESUME, whose answer comes when all of them have ended and the
// job has a slot again.
#include "sim.h"

enum { CHILD_BITS = 15 };

static uint64_t handle_of(const struct sim_thread *t, uint32_t child) {
    return (uint64_t)t->run.slot << CHILD_BITS | child;
}

static void ask(struct sim *sim, uint32_t i, struct jd_msg *msg) {
    msg->shape = JD_REQUEST;
    sim_worker_message(sim, i, msg);
}

static void lend(struct sim *sim, uint32_t i, struct sim_thread *t) {
    struct jd_msg msg = {.op = JD_OP_LEND, .id = t->lend_id = sim->worker[i].next_request++};
    t->calls = false;
    msg.u.lend = (struct jd_lend){t->run.slot, t->run.seq};
    ask(sim, i, &msg);
}

// The daemon's answer to a submit is told by its id: 1000 and the child's number.
static void submit(struct sim *sim, uint32_t i, struct sim_thread *t) {
    uint8_t args[SIM_ARGS_BYTES];
    struct jd_msg msg = {.op = JD_OP_SUBMIT, .id = 1000 + t->n_children};
    struct jd_submit *s = &msg.u.submit;
    uint8_t depth = (uint8_t)(sim->job[t->run.job].depth + 1);
    uint32_t job = sim_job_invent(sim, s, args, &(struct sim_kind){.depth = depth});
    if (job == UINT32_MAX)
        return;
    s->handle = handle_of(t, t->n_children);
    t->child[t->n_children++] = (struct sim_child){.expect = EXPECT_REPLY, .job = job};
    sim->worker[i].thread_asking = t->run.slot;
    ask(sim, i, &msg);
}

static void resume(struct sim *sim, uint32_t i, struct sim_thread *t) {
    struct jd_msg msg = {.op = JD_OP_RESUME, .id = t->resume_id = sim->worker[i].next_request++};
    t->state = THREAD_RESUMES;
    msg.u.lend = (struct jd_lend){t->run.slot, t->run.seq};
    ask(sim, i, &msg);
}

static void stop_child(struct sim *sim, uint32_t i, struct sim_thread *t) {
    uint32_t k = (uint32_t)sim_below(&sim->rng, t->n_children);
    struct jd_msg msg = {.op = JD_OP_ABORT, .id = 2000 + k};
    msg.u.abort = (struct jd_abort){.handle = handle_of(t, k), .grace_ms = 20};
    if (sim_chance(&sim->rng, 300)) {
        msg.op = JD_OP_CANCEL;
        msg.id = 3000 + k;
        msg.u.cancel = (struct jd_cancel){.handle = handle_of(t, k)};
    }
    sim->worker[i].thread_asking = t->run.slot;
    ask(sim, i, &msg);
}

bool sim_call_act(struct sim *sim, uint32_t i, struct sim_thread *t) {
    switch (t->state) {
    case THREAD_COMPUTES:
        if (t->calls)
            lend(sim, i, t);
        return t->lend_id != 0 || t->state != THREAD_COMPUTES;
    case THREAD_CALLS:
        if (sim->worker[i].liar && sim_chance(&sim->rng, 50))
            return false; // goes on without a word
        if (t->n_children < SIM_CHILDREN && sim_chance(&sim->rng, 700))
            submit(sim, i, t);
        else
            resume(sim, i, t);
        return true;
    case THREAD_RESUMES:
        if (sim->worker[i].liar && sim_chance(&sim->rng, 50))
            resume(sim, i, t);
        else if (t->n_children > 0 && sim_chance(&sim->rng, t->stop_asked ? 300 : 10))
            stop_child(sim, i, t);
        return true;
    }
    JD_UNREACHABLE();
}

// ---- what it is told ----

static void on_child_reply(struct sim *sim, struct sim_thread *t, const struct jd_msg *msg) {
    struct sim_child *child = &t->child[msg->id % 1000];
    struct sim_job *job = &sim->job[child->job];
    SIM_CHECK(sim, msg->id % 1000 < t->n_children);
    if (msg->op == JD_OP_ABORT) {
        if (msg->u.abort_ok.state && child->expect == EXPECT_DONE)
            sim_job_aborted(sim, child->job, false);
        return;
    }
    if (msg->op == JD_OP_CANCEL) {
        bool done = msg->u.cancel_ok.cancelled;
        SIM_CHECK(sim, !done || child->expect == EXPECT_DONE);
        if (done && sim_job_futures(sim, child->job) == 1)
            job->cancelled = job->may_be_cancelled = true;
        child->gives_up = done && !job->cancelled;
        return;
    }
    SIM_CHECK(sim, child->expect == EXPECT_REPLY);
    child->expect = msg->error ? EXPECT_NOTHING : EXPECT_DONE;
    if (msg->error) {
        SIM_CHECK(sim, msg->error == JOBD_E_NOTASK || msg->error == JOBD_E_NOENT ||
                           msg->error == JOBD_E_LIMIT);
        return;
    }
    struct sim_job *other = sim_job_of_id(sim, msg->u.submit_ok.job);
    if (!other) {
        sim_job_accepted(sim, child->job, msg->u.submit_ok.job);
        return;
    }
    child->job = (uint32_t)(other - sim->job); // it had that one's key
    other->kept |= !sim_core_has(sim, other->id);
}

static void on_reply(struct sim *sim, uint32_t i, const struct jd_msg *msg) {
    struct sim_worker *w = &sim->worker[i];
    if (msg->id == SIM_LIE) {
        if (msg->op == JD_OP_SUBMIT && !msg->error && !sim_job_of_id(sim, msg->u.submit_ok.job))
            sim_job_accepted(sim, w->lie, msg->u.submit_ok.job);
        return;
    }
    if (msg->id >= 1000) {
        struct sim_thread *t = sim_thread_at(w, w->thread_asking);
        bool refused = msg->error && msg->op != JD_OP_SUBMIT;
        SIM_CHECK(sim, w->liar || (t && !refused));
        if (t && !refused)
            on_child_reply(sim, t, msg);
        return;
    }
    struct sim_thread *t = w->thread;
    while (t < w->thread + w->n_claimed && t->lend_id != msg->id && t->resume_id != msg->id)
        t++;
    if (w->liar) { // it may have asked for anything
        if (t < w->thread + w->n_claimed && !msg->error)
            t->state = msg->op == JD_OP_LEND ? THREAD_CALLS : THREAD_COMPUTES;
        if (t < w->thread + w->n_claimed)
            t->lend_id = 0;
        return;
    }
    SIM_CHECK(sim, t < w->thread + w->n_claimed);
    if (t->lend_id == msg->id) {
        SIM_CHECK(sim, !msg->error || msg->error == JOBD_E_AGAIN);
        t->lend_id = 0;
        t->state = msg->error ? THREAD_COMPUTES : THREAD_CALLS;
        sim->totals.lent += !msg->error;
        return;
    }
    SIM_CHECK(sim, !msg->error);
    t->resume_id = 0;
    t->state = THREAD_COMPUTES;
    for (uint32_t k = 0; k < t->n_children; k++)
        SIM_CHECK(sim, t->child[k].expect == EXPECT_NOTHING); // all have ended
    SIM_CHECK(sim, sim_threads_busy(w) <= w->n_threads);      // and there is a thread for it
}

static void on_child_done(struct sim *sim, uint32_t i, const struct jd_job_done *d) {
    struct sim_worker *w = &sim->worker[i];
    struct sim_thread *t = sim_thread_at(w, d->handle >> CHILD_BITS);
    uint64_t k = d->handle & ((1u << CHILD_BITS) - 1);
    SIM_CHECK(sim, w->liar || (t && k < t->n_children && t->child[k].expect == EXPECT_DONE));
    if (!t || k >= t->n_children || t->child[k].expect != EXPECT_DONE)
        return;
    t->child[k].expect = EXPECT_NOTHING;
    bool lives = w->liar && sim_core_has(sim, sim->job[t->child[k].job].id); // a lie hit it
    if (t->child[k].gives_up || lives)
        sim_job_left(sim, t->child[k].job);
    else
        sim_job_done(sim, t->child[k].job, d);
}

void sim_call_on_message(struct sim *sim, uint32_t i, const struct jd_msg *msg) {
    if (msg->shape == JD_REPLY) {
        on_reply(sim, i, msg);
        return;
    }
    SIM_CHECK(sim, msg->op == JD_OP_JOB_DONE);
    on_child_done(sim, i, &msg->u.job_done);
}

void sim_call_drop(struct sim *sim, struct sim_thread *t) {
    uint32_t n = t->n_children;
    for (uint32_t k = 0; k < n; k++) {
        bool waits = t->child[k].expect == EXPECT_DONE;
        t->child[k].expect = EXPECT_NOTHING;
        if (waits)
            sim_job_left(sim, t->child[k].job);
    }
}
