// The jobs that a worker runs: from its socket to its ring, by way of its threads.
#include <string.h>

#include "sim.h"

static void append(struct sim *sim, struct sim_queue *q, struct sim_run run) {
    SIM_CHECK(sim, q->n < SIM_QUEUE);
    q->list[q->n++] = run;
}

static struct sim_run take(struct sim_queue *q) {
    struct sim_run run = q->list[0];
    q->n--;
    memmove(q->list, q->list + 1, q->n * sizeof run);
    return run;
}

uint32_t sim_threads_busy(const struct sim_worker *w) {
    uint32_t n = 0;
    for (uint32_t t = 0; t < w->n_claimed; t++)
        n += w->thread[t].state == THREAD_COMPUTES;
    return n;
}

struct sim_thread *sim_thread_at(struct sim_worker *w, uint64_t slot) {
    for (uint32_t t = 0; t < w->n_claimed; t++)
        if (w->thread[t].run.slot == slot)
            return &w->thread[t];
    return NULL;
}

// ---- what it is sent ----

void sim_thread_on_dispatch(struct sim *sim, uint32_t i, const struct jd_run *run) {
    struct sim_worker *w = &sim->worker[i];
    for (uint32_t k = 0; k < w->inbox.n; k++) // unread frames are bounded: one for each slot
        SIM_CHECK(sim, w->liar || w->inbox.list[k].slot != run->slot);
    w->word[run->slot] = jd_slot_word(run->seq, JD_SLOT_QUEUED);
    append(sim, &w->inbox,
           (struct sim_run){.seq = run->seq,
                            .job = sim_job_of_args(sim, run->args),
                            .slot = (uint8_t)run->slot});
}

bool sim_thread_on_revoke(struct sim *sim, uint32_t i, uint8_t slot, uint64_t seq) {
    struct sim_worker *w = &sim->worker[i];
    bool won = w->word[slot] == jd_slot_word(seq, JD_SLOT_QUEUED);
    if (w->liar && sim_chance(&sim->rng, 300)) // it wrote over the word just before
        won = false;
    if (won)
        w->word[slot] = jd_slot_word(seq, JD_SLOT_REVOKED);
    return won && w->alive;
}

void sim_thread_on_ask_stop(struct sim *sim, uint32_t i, uint8_t slot, uint64_t seq) {
    struct sim_thread *t = sim_thread_at(&sim->worker[i], slot);
    if (t && t->run.seq == seq)
        t->stop_asked = true;
    else // it was claimed, so it is in the ring by now
        SIM_CHECK(sim, sim->worker[i].liar || sim->worker[i].done.n > 0);
}

// ---- what it sends ----

static void deliver_one(struct sim *sim, uint32_t i, const struct sim_run *run) {
    struct sim_worker *w = &sim->worker[i];
    struct sim_job *job = &sim->job[run->job];
    uint64_t name = run->job;
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_RESULT};
    msg.u.result = (struct jd_result){
        .slot = run->slot, .seq = run->seq, .run_ns = sim_below(&sim->rng, 5000000)};
    if (!run->failed || job->chunk)
        msg.u.result.value = (jobd_bytes){&name, sizeof name};
    if (run->failed) {
        msg.u.result.error = (uint64_t)-JOBD_E_TASK;
        msg.u.result.text = jd_text("it failed");
    }
    if (run->cancelled)
        msg.u.result.error = (uint64_t)-JOBD_E_CANCELLED;
    if (w->process)
        job->status = msg.u.result.error ? 1 : 0;
    sim_job_settled(sim, i, run->slot, run->seq);
    if (run->failed)
        sim_job_failed(sim, run->job);
    sim_worker_message(sim, i, &msg);
}

void sim_thread_deliver(struct sim *sim, uint32_t i, uint32_t n) {
    struct sim_worker *w = &sim->worker[i];
    for (n = JD_MIN(n, w->done.n); n > 0; n--) {
        struct sim_run run = take(&w->done);
        deliver_one(sim, i, &run);
    }
}

static void tell(struct sim *sim, uint32_t i, const struct sim_run *run) {
    uint64_t name = run->job;
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_TASK_LOG};
    msg.u.task_log = (struct jd_task_log){
        .slot = run->slot, .seq = run->seq, .level = 2, .text = {&name, sizeof name}};
    if (sim->worker[i].process && sim_chance(&sim->rng, 500)) {
        msg.op = JD_OP_TASK_PID;
        msg.u.pid = (struct jd_pid){.slot = run->slot, .seq = run->seq, .pid = 99};
    }
    sim_worker_message(sim, i, &msg);
}

// ---- computing ----

static void read_socket(struct sim_worker *w) {
    for (uint32_t k = 0; k < w->inbox.n; k++)
        w->batch.list[w->batch.n++] = w->inbox.list[k];
    if (w->inbox.n)
        w->taken = w->inbox.list[w->inbox.n - 1].seq;
    w->inbox.n = 0;
}

static void claim_next(struct sim *sim, uint32_t i) {
    struct sim_worker *w = &sim->worker[i];
    struct sim_run run = take(&w->batch);
    if (w->word[run.slot] != jd_slot_word(run.seq, JD_SLOT_QUEUED))
        return;
    w->word[run.slot] = jd_slot_word(run.seq, JD_SLOT_STARTED);
    sim_job_claimed(sim, i, run.job);
    struct sim_thread *t = &w->thread[w->n_claimed++];
    *t = (struct sim_thread){.run = run};
    t->endless = sim->faults && sim_chance(&sim->rng, sim->endless_1000);
    t->obeys = sim_chance(&sim->rng, 500);
    t->calls = !w->process && sim->faults && sim->job[run.job].depth < SIM_DEPTH &&
               sim_chance(&sim->rng, sim->call_1000);
}

static void finish(struct sim *sim, uint32_t i, uint32_t at) {
    struct sim_worker *w = &sim->worker[i];
    struct sim_run run = w->thread[at].run;
    run.failed = sim_chance(&sim->rng, sim->fail_1000);
    run.cancelled = !run.failed && w->thread[at].stop_asked && sim_chance(&sim->rng, 300);
    if (!run.failed && !run.cancelled && !w->liar)
        sim->job[run.job].finished = true;
    for (uint32_t k = 0; k < w->thread[at].n_children; k++) // an honest one has waited for them
        sim->job[w->thread[at].child[k].job].touched_by_liar |= w->liar;
    sim_call_drop(sim, &w->thread[at]);
    w->thread[at] = w->thread[--w->n_claimed];
    append(sim, &w->done, run);
}

static void run_thread(struct sim *sim, uint32_t i, uint32_t at) {
    struct sim_worker *w = &sim->worker[i];
    struct sim_thread *t = &w->thread[at];
    const struct sim_job *job = &sim->job[t->run.job];
    bool stuck = t->endless && (sim->faults || job->limited || job->must_end);
    // In a worker of several threads the flag is all there is, unless somebody forces it.
    bool obeys = t->stop_asked && (t->obeys || (w->n_threads > 1 && !job->must_end));
    if (stuck && !(obeys && sim_chance(&sim->rng, 200)))
        return; // something must end it
    if (sim_call_act(sim, i, t))
        return;
    if (sim_chance(&sim->rng, 50))
        tell(sim, i, &t->run);
    else
        finish(sim, i, at);
}

void sim_thread_compute(struct sim *sim, uint32_t i) {
    struct sim_worker *w = &sim->worker[i];
    // One thread that calls waits; of several, another one takes its place.
    bool free = w->n_threads == 1 ? w->n_claimed == 0 : sim_threads_busy(w) < w->n_threads;
    if (free && w->batch.n > 0 && w->n_claimed < SIM_CLAIMED)
        claim_next(sim, i);
    else if (w->n_claimed > 0 && (!free || w->inbox.n == 0 || sim_chance(&sim->rng, 500)))
        run_thread(sim, i, (uint32_t)sim_below(&sim->rng, w->n_claimed));
    else if (w->done.n > 0)
        sim_thread_deliver(sim, i, UINT32_MAX);
    else if (w->inbox.n > 0)
        read_socket(w);
    else if (w->leaving)
        sim_worker_die(sim, i, 0);
}
