// The books on every job: what was promised when it was submitted, and what became of it.
#include <string.h>

#include "sim.h"

#define MS_NS UINT64_C(1000000)

// Each depth of calls has keys of its own: a job that waits for itself would wait for ever.
static void make_special(struct sim *sim, struct sim_job *job, struct jd_submit *s) {
    static const char *const keys[] = {"red",  "green", "blue", "grey",
                                       "pink", "cyan",  "gold", "teal"};
    _Static_assert(JD_LEN(keys) == 2 * (SIM_DEPTH + 1), "two keys for each depth");
    if (sim_chance(&sim->rng, 100))
        s->delay_ms = 1 + sim_below(&sim->rng, 300);
    if (sim_chance(&sim->rng, 100))
        s->deadline_ms = 1 + sim_below(&sim->rng, 400);
    if (sim_chance(&sim->rng, 200)) {
        s->max_retries = sim_below(&sim->rng, 4);
        s->retry_delay_ms = sim_below(&sim->rng, 50);
    }
    if (sim_chance(&sim->rng, 300))
        s->priority = (int64_t)sim_below(&sim->rng, 7) - 3;
    if (sim_chance(&sim->rng, 100))
        s->chunk = 1 + sim_below(&sim->rng, 5);
    if (sim_chance(&sim->rng, 60)) {
        job->key = (uint8_t)(1 + 2 * job->depth + sim_below(&sim->rng, 2));
        s->key = jd_text(keys[job->key - 1]);
    }
    s->max_lost = sim_below(&sim->rng, 3);
}

uint32_t sim_job_invent(struct sim *sim, struct jd_submit *s, uint8_t *args,
                        const struct sim_kind *kind) {
    if (sim->n_jobs == SIM_JOBS)
        return UINT32_MAX;
    uint32_t index = sim->n_jobs++;
    struct sim_job *job = &sim->job[index];
    uint64_t name = index;
    bool pure = sim_chance(&sim->rng, 600);
    memset(args, 0, SIM_ARGS_BYTES);
    memcpy(args, &name, sizeof name);
    *job = (struct sim_job){.process = kind->process, .depth = kind->depth};
    job->unknown = sim_chance(&sim->rng, 20);
    if (!job->process)
        make_special(sim, job, s);
    s->task = jd_text(job->unknown ? "pur" : sim_task_names[pure ? SIM_TASK_PURE : SIM_TASK_ONCE]);
    s->args = (jobd_bytes){args, 8 + sim_below(&sim->rng, SIM_ARGS_BYTES - 7)};
    s->detached = job->depth == 0 && sim_chance(&sim->rng, 80);
    if (sim_chance(&sim->rng, 100))
        s->time_limit_ms = 1 + sim_below(&sim->rng, 200);
    if (sim_chance(&sim->rng, 100))
        s->label = jd_text("label");
    job->not_before_ns = sim->now_ns + s->delay_ms * MS_NS;
    job->deadline_ns = s->deadline_ms ? sim->now_ns + s->deadline_ms * MS_NS : 0;
    job->retry_delay_ns = s->retry_delay_ms * MS_NS;
    job->lost_allowed = job->process ? 0 : pure ? 2 : (uint32_t)s->max_lost;
    job->max_retries = (uint32_t)s->max_retries;
    job->chunk = s->chunk > 0;
    job->limited = s->time_limit_ms > 0;
    job->detached = s->detached;
    return index;
}

void sim_job_accepted(struct sim *sim, uint32_t index, uint64_t id) {
    struct sim_job *job = &sim->job[index];
    uint64_t place = id - sim->cfg.first_job_id;
    SIM_CHECK(sim, id >= sim->cfg.first_job_id && place < SIM_JOBS && sim->by_id[place] == 0);
    for (uint32_t i = 0; job->key && i < sim->n_jobs; i++) // a key names one unfinished job
        SIM_CHECK(sim, sim->job[i].key != job->key || !sim->job[i].id || sim->job[i].ended ||
                           !sim_core_has(sim, sim->job[i].id));
    sim->by_id[place] = index + 1;
    job->id = id;
}

struct sim_job *sim_job_of_id(struct sim *sim, uint64_t id) {
    uint64_t place = id - sim->cfg.first_job_id;
    return place < SIM_JOBS && sim->by_id[place] ? &sim->job[sim->by_id[place] - 1] : NULL;
}

uint32_t sim_job_of_args(const struct sim *sim, jobd_bytes args) {
    uint64_t name;
    SIM_CHECK(sim, args.len >= sizeof name);
    memcpy(&name, args.data, sizeof name);
    SIM_CHECK(sim, name < sim->n_jobs);
    return (uint32_t)name;
}

// ---- where it is ----

void sim_job_dispatched(struct sim *sim, uint32_t worker, const struct jd_run *run) {
    struct sim_worker *w = &sim->worker[worker];
    uint32_t index = sim_job_of_args(sim, run->args);
    struct sim_job *job = &sim->job[index];
    struct sim_limit *limit = &sim->limit[job->limit];
    SIM_CHECK(sim, w->alive && w->said_hello && run->task < SIM_TASKS && !job->unknown);
    SIM_CHECK(sim, job->id == run->job && !job->out && !job->ended);
    SIM_CHECK(sim, w->process == job->process && w->n_pipes == job->n_pipes);
    SIM_CHECK(sim, w->out[run->slot].seq == 0 && (run->chunk > 0) == job->chunk);
    if (!job->touched_by_liar) {
        SIM_CHECK(sim, sim->now_ns >= job->not_before_ns);
        SIM_CHECK(sim, !job->deadline_ns || sim->now_ns < job->deadline_ns);
        SIM_CHECK(sim, !job->aborted && !job->cancelled && !job->finished);
    }
    job->touched_by_liar |= w->liar;
    job->out = true;
    job->worker = worker;
    job->pid = w->pid;
    limit->out++;
    SIM_CHECK(sim, job->limit == 0 || limit->out <= limit->cap);
    w->out[run->slot] = (struct sim_run){.seq = run->seq, .job = index};
    w->n_given++;
    sim_check_dispatch(sim, worker, job->id);
}

void sim_job_settled(struct sim *sim, uint32_t worker, uint8_t slot, uint64_t seq) {
    struct sim_run *run = &sim->worker[worker].out[slot];
    if (run->seq == 0 || run->seq != seq)
        return;
    struct sim_job *job = &sim->job[run->job];
    run->seq = 0;
    job->out = false;
    sim->limit[job->limit].out--;
}

void sim_job_claimed(struct sim *sim, uint32_t worker, uint32_t index) {
    struct sim_job *job = &sim->job[index];
    if (sim->worker[worker].liar || job->touched_by_liar)
        return;
    SIM_CHECK(sim, job->out && !job->ended && !job->finished && !job->cancelled);
    job->runs++;
    SIM_CHECK(sim, job->runs <= 1 + job->lost_allowed + job->max_retries);
}

void sim_job_failed(struct sim *sim, uint32_t index) {
    struct sim_job *job = &sim->job[index];
    uint64_t delay_ns = job->retry_delay_ns << job->failures;
    job->failures++;
    if (job->failures > job->max_retries)
        return;
    job->not_before_ns = sim->now_ns + delay_ns;
    sim->totals.retried++;
}

void sim_job_aborted(struct sim *sim, uint32_t index, bool force) {
    struct sim_job *job = &sim->job[index];
    job->may_be_killed = job->may_be_cancelled = true;
    if (job->process && !job->out && job->runs > 0) // its result is there: it is about to end
        return;
    job->aborted = true;
    job->must_end |= force || (job->out && sim->worker[job->worker].n_threads == 1);
}

// ---- who waits for it ----

uint32_t sim_job_futures(const struct sim *sim, uint32_t job) {
    uint32_t n = 0;
    for (unsigned i = 0; i < SIM_CLIENTS; i++)
        for (unsigned h = 0; h < SIM_HANDLES; h++)
            n += sim->client[i].future[h].expect == EXPECT_DONE &&
                 sim->client[i].future[h].job == job;
    for (unsigned i = 0; i < SIM_NUMBERS; i++)
        for (unsigned t = 0; t < sim->worker[i].n_claimed; t++)
            for (unsigned k = 0; k < sim->worker[i].thread[t].n_children; k++)
                n += sim->worker[i].thread[t].child[k].expect == EXPECT_DONE &&
                     sim->worker[i].thread[t].child[k].job == job;
    return n;
}

void sim_job_moved(struct sim *sim, uint32_t index) {
    struct sim_job *job = &sim->job[index];
    if (job->out) {
        sim->limit[job->limit].out--;
        sim->limit[0].out++;
    }
    job->limit = 0;
}

void sim_job_left(struct sim *sim, uint32_t index) {
    struct sim_job *job = &sim->job[index];
    if (!job->detached && sim_job_futures(sim, index) == 0)
        job->abandoned = true;
}

// ---- how it ends: for a reason that the model knows ----

static void check_failed(struct sim *sim, const struct sim_job *job, const struct jd_job_done *d) {
    switch (-(int)d->error) {
    case JOBD_E_TASK:
    case JOBD_E_EXITED:
        SIM_CHECK(sim, job->failures > job->max_retries ||
                           (job->failures > 0 && (job->abandoned || sim->stopping)));
        return;
    case JOBD_E_NOTASK:
        SIM_CHECK(sim, job->unknown);
        return;
    default:
        SIM_CHECK(sim, job->process && job->runs == 0); // it could not be started
    }
}

static void check_reason(struct sim *sim, const struct sim_job *job, const struct jd_job_done *d) {
    switch (d->state) {
    case JOBD_JOB_DONE:
        SIM_CHECK(sim, job->finished);
        return;
    case JOBD_JOB_FAILED:
        check_failed(sim, job, d);
        return;
    case JOBD_JOB_CANCELLED:
        SIM_CHECK(sim, !job->finished);
        SIM_CHECK(sim, job->may_be_cancelled || job->abandoned || sim->stopping || job->process);
        return;
    case JOBD_JOB_KILLED:
        SIM_CHECK(sim, job->may_be_killed || job->abandoned || sim->stopping);
        return;
    case JOBD_JOB_TIMED_OUT:
        SIM_CHECK(sim, job->limited || (job->deadline_ns && sim->now_ns >= job->deadline_ns));
        return;
    default:
        SIM_CHECK(sim, d->state == JOBD_JOB_LOST && job->deaths > 0);
        SIM_CHECK(sim, job->deaths > job->lost_allowed || job->abandoned || sim->stopping);
    }
}

static void check_process(struct sim *sim, const struct sim_job *job, const struct jd_job_done *d) {
    if (job->runs == 0)
        return;
    const struct sim_worker *w = &sim->worker[job->worker];
    SIM_CHECK(sim, !w->alive || w->pid != job->pid); // nothing is left of it
    if (d->state == JOBD_JOB_DONE || d->state == JOBD_JOB_FAILED || d->state == JOBD_JOB_LOST)
        SIM_CHECK(sim, d->status == job->status);
}

void sim_job_done(struct sim *sim, uint32_t index, const struct jd_job_done *d) {
    struct sim_job *job = &sim->job[index];
    bool told = job->ended != 0;
    uint64_t name = index;
    SIM_CHECK(sim, d->state >= JOBD_JOB_DONE && d->state <= JOBD_JOB_LOST);
    SIM_CHECK(sim, (d->state == JOBD_JOB_DONE) == (d->error == 0));
    if (d->error == (uint64_t)-JOBD_E_RESULT_TOO_BIG) { // it was not kept
        SIM_CHECK(sim, job->detached && !sim_core_has(sim, job->id));
        return;
    }
    SIM_CHECK(sim, !told || job->ended == d->state); // the same for all of its futures
    job->ended = (uint8_t)d->state;
    sim->any_ended = true;
    if (!told)
        sim->totals.ended[d->state]++;
    if (job->touched_by_liar)
        return;
    SIM_CHECK(sim, !job->cancelled || d->state == JOBD_JOB_CANCELLED);
    SIM_CHECK(sim, !job->aborted || d->state == JOBD_JOB_DONE || d->state == JOBD_JOB_CANCELLED ||
                       d->state == JOBD_JOB_KILLED);
    check_reason(sim, job, d);
    if (job->process)
        check_process(sim, job, d);
    if (d->value.len == 0 && job->kept) // without its value
        return;
    SIM_CHECK(sim, d->value.len == sizeof name || (d->value.len == 0 && d->error));
    SIM_CHECK(sim, d->value.len == 0 || !d->error || job->chunk); // what came before the failure
    SIM_CHECK(sim, d->value.len == 0 || memcmp(d->value.data, &name, sizeof name) == 0);
}
