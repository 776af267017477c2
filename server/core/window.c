// A worker's window: what it was sent and has not finished. The slot table here is the truth; the
// board's slots are what the worker is told.
#include "log.h"
#include "sched.h"
#include "state.h"

enum { WINDOW_UNKNOWN = 2, WINDOW_NS = 1000000, LONG_TASK_NS = 500000, RUN_HEAD_BYTES = 64 };

void window_init(struct worker *w) {
    w->out_head = w->out_tail = w->void_head = SLOT_NONE;
    w->n_out = w->n_void = 0;
    w->est_ns = 0;
    w->bytes = 0;
    w->n_free = JD_WINDOW_MAX;
    for (unsigned i = 0; i < JD_WINDOW_MAX; i++) {
        w->free[i] = (uint8_t)(JD_WINDOW_MAX - 1 - i);
        w->slot[i] = (struct slot){.state = SLOT_FREE};
    }
}

// Two jobs, so that the next one is there when the first is done; more only of what is known to be
// short, up to 1 ms of work.
bool window_has_room(const struct worker *w, uint32_t est_ns, uint32_t bytes) {
    if (w->n_free == 0)
        return false;
    if (w->n_out == 0)
        return true;
    if (w->bytes + bytes + RUN_HEAD_BYTES > JD_WINDOW_BYTES)
        return false;
    if (est_ns > LONG_TASK_NS)
        return w->n_out < WINDOW_UNKNOWN;
    return w->est_ns + est_ns <= WINDOW_NS || w->n_out < WINDOW_UNKNOWN;
}

static void list_add(struct worker *w, uint16_t index) {
    struct slot *slot = &w->slot[index];
    slot->prev = w->out_tail;
    slot->next = SLOT_NONE;
    if (w->out_tail != SLOT_NONE)
        w->slot[w->out_tail].next = index;
    else
        w->out_head = index;
    w->out_tail = index;
    w->n_out++;
}

static void list_remove(struct worker *w, uint16_t index) {
    struct slot *slot = &w->slot[index];
    if (slot->prev != SLOT_NONE)
        w->slot[slot->prev].next = slot->next;
    else
        w->out_head = slot->next;
    if (slot->next != SLOT_NONE)
        w->slot[slot->next].prev = slot->prev;
    else
        w->out_tail = slot->prev;
    w->n_out--;
}

static void free_slot(struct worker *w, uint16_t index) {
    w->slot[index].state = SLOT_FREE;
    w->slot[index].job = 0;
    w->free[w->n_free++] = (uint8_t)index;
}

void window_dispatch(struct core *core, uint32_t number, uint32_t job_index, uint32_t est_ns) {
    struct worker *w = &core->workers[number];
    struct job *job = job_at(&core->jobs, job_index);
    uint16_t index = w->free[--w->n_free];
    struct slot *slot = &w->slot[index];
    slot->seq = ++w->seq;
    slot->job = job_index;
    slot->est_ns = est_ns;
    slot->bytes = job->args_bytes + RUN_HEAD_BYTES;
    slot->state = SLOT_SENT;
    list_add(w, index);
    w->est_ns += est_ns;
    w->bytes += slot->bytes;
    w->pool->n_out++;
    job_set_state(job, JOBD_JOB_SENT);
    job->worker = (uint16_t)number;
    job->slot = (uint8_t)index;
    if (job->attempts > 0)
        core->counts.retried++;

    struct effect *fx = core_emit(core, EFFECT_DISPATCH);
    fx->worker = number;
    fx->msg.shape = JD_EVENT;
    fx->msg.op = JD_OP_RUN;
    fx->msg.u.run = (struct jd_run){
        .slot = index,
        .seq = slot->seq,
        .job = job->id,
        .attempt = job->attempts + 1u,
        .task = core->tasks.list[job->task].wire,
        .time_limit_ms = job_time_limit_ns(&core->jobs, job) / 1000000,
        .args = job_args(job),
    };
    if (core->sample_ns == UINT64_MAX)
        sample_arm(core);
    window_update_idle(core, number);
}

void window_release(struct core *core, uint32_t number, unsigned index, bool to_void) {
    struct worker *w = &core->workers[number];
    struct slot *slot = &w->slot[index];
    list_remove(w, (uint16_t)index);
    w->est_ns -= slot->est_ns;
    w->bytes -= slot->bytes;
    w->pool->n_out--;
    if (to_void && slot->seq > w->taken) {
        slot->state = SLOT_VOID;
        slot->job = 0;
        slot->next = w->void_head;
        w->void_head = (uint16_t)index;
        w->n_void++;
    } else {
        free_slot(w, (uint16_t)index);
    }
    if (w->stop_why && w->stop_slot == index) {
        w->stop_why = STOP_NONE;
        if (w->stop_stage ==
            STOP_TERMINATED) // it has been sent TERM: the next job must not meet that
            worker_kill(core, number);
    }
    window_update_idle(core, number);
}

void window_update_idle(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    struct pool *pool = w->pool;
    bool idle = worker_takes_jobs(w) && w->n_out == 0 && w->n_free > 0;
    if (idle == w->idle)
        return;
    w->idle = idle;
    if (idle) {
        w->idle_prev = 0;
        w->idle_next = pool->idle;
        if (pool->idle)
            core->workers[pool->idle - 1].idle_prev = number + 1;
        pool->idle = number + 1;
        pool->look_for_work = true;
        return;
    }
    if (w->idle_prev)
        core->workers[w->idle_prev - 1].idle_next = w->idle_next;
    else
        pool->idle = w->idle_next;
    if (w->idle_next)
        core->workers[w->idle_next - 1].idle_prev = w->idle_prev;
}

void window_on_taken(struct worker *w, uint64_t seq) {
    if (seq <= w->taken || seq > w->seq) // old news, or a lie
        return;
    w->taken = seq;
    w->stall_ns = 0;
    uint16_t *link = &w->void_head;
    while (*link != SLOT_NONE) {
        uint16_t index = *link;
        if (w->slot[index].seq > seq) {
            link = &w->slot[index].next;
            continue;
        }
        *link = w->slot[index].next;
        w->n_void--;
        free_slot(w, index);
    }
}

void window_revoke(struct core *core, uint32_t number, unsigned index, enum revoke_why why) {
    struct slot *slot = &core->workers[number].slot[index];
    JD_ASSERT(slot->state == SLOT_SENT);
    slot->state = SLOT_REVOKING;
    slot->why = (uint8_t)why;
    struct effect *fx = core_emit(core, EFFECT_REVOKE);
    fx->worker = number;
    fx->slot = (uint8_t)index;
    fx->seq = slot->seq;
}

void window_take_back_all(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    for (uint16_t index = w->out_tail; index != SLOT_NONE; index = w->slot[index].prev)
        if (w->slot[index].state == SLOT_SENT)
            window_revoke(core, number, index, REVOKE_SHARE);
}

static void on_won(struct core *core, const struct slot was) {
    struct job *job = job_at(&core->jobs, was.job);
    if (job->flags & JOB_OWNER_GONE || was.why == REVOKE_CANCEL) {
        job_end_cancelled(core, was.job,
                          was.why == REVOKE_CANCEL ? "cancelled by its submitter"
                                                   : "its connection ended");
        return;
    }
    job_set_state(job, JOBD_JOB_QUEUED);
    core->counts.taken_back++;
    sched_put_back(core, was.job);
}

void window_on_revoked(struct core *core, const struct event *e) {
    struct worker *w = &core->workers[e->worker];
    struct slot *slot = &w->slot[e->slot];
    JD_ASSERT(slot->state == SLOT_REVOKING && slot->seq == e->seq);
    const struct slot was = *slot;
    const struct job *job = job_at(&core->jobs, was.job);
    if (was.why == REVOKE_CANCEL) {
        struct client *client = client_at(&core->clients, job->client);
        struct jd_msg request = {.op = JD_OP_CANCEL, .id = was.cancel_id};
        if (client->state == CLIENT_OPEN)
            core_emit_reply(core, client->peer, &request)->msg.u.cancel_ok.cancelled = e->won;
    }
    if (e->won) {
        window_release(core, e->worker, e->slot, true);
        on_won(core, was);
        return;
    }
    slot->state = SLOT_CLAIMED;
    if (job->flags & JOB_OWNER_GONE)
        stop_begin(core, e->worker, e->slot, STOP_OWNER_GONE);
}

void window_on_result(struct core *core, uint32_t number, const struct jd_result *r) {
    struct worker *w = &core->workers[number];
    struct slot *slot = &w->slot[r->slot];
    struct job *job = job_at(&core->jobs, slot->job);
    struct task *task = &core->tasks.list[job->task];
    uint32_t job_index = slot->job;
    uint64_t run_ns = JD_MIN(r->run_ns, core->now_ns - w->since_ns); // no longer than it was ready
    struct fate fate = {.state = JOBD_JOB_DONE, .value = r->value, .run_ns = run_ns, .pid = w->pid};
    if (r->error) {
        bool stopped = w->stop_why && w->stop_slot == r->slot;
        fate.state = JOBD_JOB_FAILED;
        if (stopped)
            fate = stop_fate(core, (enum stop_why)w->stop_why, job);
        else
            fate.error = -(int)r->error, fate.name = r->name, fate.text = r->text;
        fate.value = (jobd_bytes){0};
        fate.run_ns = run_ns;
        fate.pid = w->pid;
    }
    task_ran(task, run_ns);
    w->results++;
    w->jobs_done++;
    window_on_taken(w, slot->seq);
    window_release(core, number, (unsigned)r->slot, false);
    job_end(core, job_index, &fate);
}
