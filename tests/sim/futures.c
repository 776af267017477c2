// What a client asks about jobs, and what it is told of them: each future hears of one end.
#include <string.h>

#include "sim.h"

static uint32_t any_handle(struct sim *sim) {
    return (uint32_t)sim_below(&sim->rng, SIM_HANDLES);
}

// Mostly one that stands for a job.
static uint32_t used_handle(struct sim *sim, const struct sim_client *c) {
    uint32_t handle = any_handle(sim);
    for (unsigned n = 0; n < 8 && c->future[handle].expect != EXPECT_DONE; n++)
        handle = any_handle(sim);
    return handle;
}

static uint64_t any_id(struct sim *sim) {
    uint64_t back = sim_below(&sim->rng, 20), next = core_next_id(sim->core);
    return next > back ? next - back : 1;
}

// The handle is asked for; if it was in use, the old job lives on.
static struct sim_asked ask_for(struct sim_client *c, uint32_t handle, uint32_t job) {
    struct sim_asked a = {.handle = handle, .job = job};
    a.busy = c->future[handle].expect != EXPECT_NOTHING;
    if (!a.busy)
        c->future[handle] = (struct sim_future){.expect = EXPECT_REPLY, .job = job};
    return a;
}

void sim_future_submit(struct sim *sim, struct sim_client *c) {
    uint8_t args[SIM_ARGS_BYTES];
    struct jd_msg msg = {.op = JD_OP_SUBMIT};
    struct jd_submit *s = &msg.u.submit;
    uint32_t job = sim_job_invent(sim, s, args, &(struct sim_kind){0});
    if (job == UINT32_MAX)
        return;
    s->handle = any_handle(sim);
    s->executor = sim_below(&sim->rng, SIM_EXECUTORS);
    while (!c->executor[s->executor].open && !sim_chance(&sim->rng, 200))
        s->executor = sim_below(&sim->rng, SIM_EXECUTORS);
    if (!s->detached)
        sim->job[job].limit = c->executor[s->executor].limit;
    sim_client_send(sim, c, &msg, ask_for(c, (uint32_t)s->handle, job));
}

void sim_future_process(struct sim *sim, struct sim_client *c) {
    uint8_t args[SIM_ARGS_BYTES];
    struct jd_submit s = {0};
    uint32_t job = sim_job_invent(sim, &s, args, &(struct sim_kind){.process = true});
    if (job == UINT32_MAX)
        return;
    struct jd_msg msg = {.op = JD_OP_PROCESS};
    msg.u.process = (struct jd_process){.handle = any_handle(sim),
                                        .task = s.task,
                                        .args = s.args,
                                        .n_pipes = sim_below(&sim->rng, 3),
                                        .time_limit_ms = s.time_limit_ms,
                                        .label = s.label,
                                        .detached = s.detached,
                                        .output = sim_chance(&sim->rng, 300)};
    sim->job[job].n_pipes = (uint32_t)msg.u.process.n_pipes;
    c->n_fds += sim->job[job].n_pipes;
    if (c->n_fds > 0 && sim_chance(&sim->rng, 50))
        c->n_fds--; // one did not arrive
    sim_client_send(sim, c, &msg, ask_for(c, (uint32_t)msg.u.process.handle, job));
}

void sim_future_attach(struct sim *sim, struct sim_client *c) {
    struct jd_msg msg = {.op = JD_OP_ATTACH};
    msg.u.attach = (struct jd_attach){.handle = any_handle(sim), .job = any_id(sim)};
    struct sim_asked a = ask_for(c, (uint32_t)msg.u.attach.handle, 0);
    a.about = msg.u.attach.job;
    sim_client_send(sim, c, &msg, a);
}

void sim_future_cancel(struct sim *sim, struct sim_client *c) {
    struct jd_msg msg = {.op = JD_OP_CANCEL};
    struct sim_asked a = {.handle = used_handle(sim, c)};
    a.about = sim_chance(&sim->rng, 200) ? any_id(sim) : 0;
    msg.u.cancel = (struct jd_cancel){.handle = a.handle, .job = a.about};
    sim_client_send(sim, c, &msg, a);
}

void sim_future_abort(struct sim *sim, struct sim_client *c) {
    struct jd_msg msg = {.op = JD_OP_ABORT};
    struct sim_asked a = {.handle = used_handle(sim, c)};
    a.about = sim_chance(&sim->rng, 300) ? any_id(sim) : 0;
    msg.u.abort = (struct jd_abort){.handle = a.handle, .job = a.about};
    msg.u.abort.grace_ms = sim_chance(&sim->rng, 700) ? sim_below(&sim->rng, 300) : 0;
    msg.u.abort.force = a.now = sim_chance(&sim->rng, 500);
    sim_client_send(sim, c, &msg, a);
}

void sim_future_signal(struct sim *sim, struct sim_client *c) {
    struct jd_msg msg = {.op = JD_OP_SIGNAL};
    struct sim_asked a = {.handle = used_handle(sim, c)};
    a.about = sim_chance(&sim->rng, 300) ? any_id(sim) : 0;
    msg.u.signal = (struct jd_signal){
        .handle = a.handle, .job = a.about, .signal = sim_chance(&sim->rng, 500) ? 15 : 9};
    sim_client_send(sim, c, &msg, a);
}

// ---- replies ----

// The future stands for a job that there is, or that is kept.
static void attach(struct sim *sim, struct sim_future *f, struct sim_job *job) {
    f->expect = EXPECT_DONE;
    f->job = (uint32_t)(job - sim->job);
    job->kept |= !sim_core_has(sim, job->id);
    sim->totals.attached++;
}

static void on_refused(struct sim *sim, struct sim_client *c, const struct sim_asked *a,
                       int error) {
    const struct sim_job *job = &sim->job[a->job];
    if (!a->busy)
        c->future[a->handle].expect = EXPECT_NOTHING;
    switch (error) {
    case JOBD_E_STATE:
        SIM_CHECK(sim, a->busy);
        return;
    case JOBD_E_STOPPING:
        SIM_CHECK(sim, sim->stopping || sim_any_pool_drains(sim));
        return;
    case JOBD_E_NOTASK:
        SIM_CHECK(sim, job->unknown);
        return;
    case JOBD_E_NOENT: // its executor was not opened, or its pool is gone
        SIM_CHECK(sim, a->op == JD_OP_SUBMIT);
        return;
    case JOBD_E_INVAL:
        SIM_CHECK(sim, a->op == JD_OP_PROCESS && job->n_pipes > 0);
        return;
    default:
        SIM_CHECK(sim, error == JOBD_E_LIMIT);
        SIM_CHECK(sim, a->op == JD_OP_PROCESS || sim->cfg.max_jobs < 100);
    }
}

static void on_submitted(struct sim *sim, struct sim_client *c, const struct sim_asked *a,
                         const struct jd_msg *msg) {
    if (msg->error) {
        on_refused(sim, c, a, msg->error);
        return;
    }
    uint64_t id = msg->u.submit_ok.job;
    struct sim_job *other = sim_job_of_id(sim, id);
    struct sim_future *f = &c->future[a->handle];
    SIM_CHECK(sim, !a->busy && id != 0);
    f->expect = EXPECT_DONE;
    if (!other) {
        f->owner = !sim->job[a->job].detached;
        sim_job_accepted(sim, a->job, id);
        sim->totals.processes += msg->op == JD_OP_PROCESS;
        return;
    }
    SIM_CHECK(sim, other->key && other->key == sim->job[a->job].key);
    SIM_CHECK(sim, !other->ended || other->detached);
    attach(sim, f, other);
}

static void on_attached(struct sim *sim, struct sim_client *c, const struct sim_asked *a,
                        int error) {
    struct sim_job *job = sim_job_of_id(sim, a->about);
    struct sim_future *f = &c->future[a->handle];
    SIM_CHECK(sim,
              !error || error == JOBD_E_STATE || error == JOBD_E_NOENT || error == JOBD_E_LIMIT);
    SIM_CHECK(sim, (error == JOBD_E_STATE) == a->busy);
    if (error == JOBD_E_NOENT)
        SIM_CHECK(sim, !sim_core_has(sim, a->about));
    if (error && !a->busy)
        f->expect = EXPECT_NOTHING;
    if (error)
        return;
    SIM_CHECK(sim, job != NULL);
    attach(sim, f, job);
}

// The job that a request was about, or NULL.
static struct sim_job *subject(struct sim *sim, const struct sim_client *c,
                               const struct sim_asked *a) {
    const struct sim_future *f = &c->future[a->handle];
    if (a->about)
        return sim_job_of_id(sim, a->about);
    return f->expect == EXPECT_DONE ? &sim->job[f->job] : NULL;
}

static void on_cancelled(struct sim *sim, struct sim_client *c, const struct sim_asked *a) {
    struct sim_job *job = subject(sim, c, a);
    SIM_CHECK(sim, job != NULL);
    uint32_t index = (uint32_t)(job - sim->job);
    if (!a->about && !job->detached && sim_job_futures(sim, index) > 1) {
        c->future[a->handle].gives_up = true;
        return;
    }
    job->cancelled = job->may_be_cancelled = true;
}

void sim_future_on_reply(struct sim *sim, struct sim_client *c, const struct sim_asked *a,
                         const struct jd_msg *msg) {
    switch (msg->op) {
    case JD_OP_SUBMIT:
    case JD_OP_PROCESS:
        on_submitted(sim, c, a, msg);
        return;
    case JD_OP_ATTACH:
        on_attached(sim, c, a, msg->error);
        return;
    case JD_OP_CANCEL:
        SIM_CHECK(sim, !msg->error);
        if (msg->u.cancel_ok.cancelled)
            on_cancelled(sim, c, a);
        return;
    case JD_OP_ABORT:
        SIM_CHECK(sim, !msg->error);
        if (msg->u.abort_ok.state) {
            SIM_CHECK(sim, subject(sim, c, a) != NULL);
            sim_job_aborted(sim, (uint32_t)(subject(sim, c, a) - sim->job), a->now);
        }
        return;
    default:
        SIM_CHECK(sim, msg->op == JD_OP_SIGNAL);
        SIM_CHECK(sim, msg->error || subject(sim, c, a)->process);
    }
}

// ---- events ----

static void on_done(struct sim *sim, struct sim_client *c, const struct jd_job_done *d) {
    struct sim_future *f = &c->future[d->handle];
    SIM_CHECK(sim, f->expect == EXPECT_DONE); // after its reply, and only once
    f->expect = EXPECT_NOTHING;
    // Where a liar is about, the daemon may know of a future that the model has given up.
    const struct sim_job *job = &sim->job[f->job];
    bool lives = job->touched_by_liar && sim_core_has(sim, job->id);
    if (!f->gives_up && !lives) {
        sim_job_done(sim, f->job, d);
        return;
    }
    SIM_CHECK(sim, d->state == JOBD_JOB_CANCELLED && !sim->job[f->job].ended);
    if (f->owner)
        sim_job_moved(sim, f->job);
    sim_job_left(sim, f->job);
    SIM_CHECK(sim, !job->abandoned || lives); // others wait
}

void sim_future_on_event(struct sim *sim, struct sim_client *c, const struct jd_msg *msg) {
    uint64_t handle = msg->op == JD_OP_JOB_DONE    ? msg->u.job_done.handle
                      : msg->op == JD_OP_JOB_STATE ? msg->u.job_state.handle
                      : msg->op == JD_OP_JOB_LOG   ? msg->u.job_log.handle
                                                   : msg->u.job_output.handle;
    SIM_CHECK(sim, handle < SIM_HANDLES && c->future[handle].expect == EXPECT_DONE);
    const struct sim_job *job = &sim->job[c->future[handle].job];
    switch (msg->op) {
    case JD_OP_JOB_DONE:
        on_done(sim, c, &msg->u.job_done);
        return;
    case JD_OP_JOB_STATE:
        SIM_CHECK(sim, !c->paused && msg->u.job_state.state < JOBD_JOB_DONE);
        return;
    case JD_OP_JOB_LOG:
        SIM_CHECK(sim,
                  !c->paused && sim_job_of_args(sim, msg->u.job_log.text) == c->future[handle].job);
        return;
    default:
        SIM_CHECK(sim, msg->op == JD_OP_JOB_OUTPUT && job->process);
        SIM_CHECK(sim, sim_job_of_args(sim, msg->u.job_output.data) == c->future[handle].job);
    }
}
