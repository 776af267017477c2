// A worker's window: what it was sent and has not finished. The slot table here is the truth; the
// board's slots are what the worker is told.
#include <string.h>

#include "log.h"
#include "process.h"
#include "sched.h"
#include "state.h"
#include "watch.h"

enum { WINDOW_UNKNOWN = 2, WINDOW_NS = 1000000, LONG_TASK_NS = 500000, RUN_HEAD_BYTES = 64 };

void window_init(struct worker *w) {
    w->out_head = w->out_tail = w->void_head = SLOT_NONE;
    w->n_out = w->n_void = w->n_lent = 0;
    w->est_ns = 0;
    w->bytes = 0;
    w->n_free = JD_WINDOW_MAX;
    for (unsigned i = 0; i < JD_WINDOW_MAX; i++) {
        w->free[i] = (uint8_t)(JD_WINDOW_MAX - 1 - i);
        w->slot[i] = (struct slot){.state = SLOT_FREE};
    }
}

// For each thread two jobs, so that the next one is there when the first is done; more only of what is
// known to be short, up to 1 ms of work.
bool window_has_room(const struct worker *w, uint32_t est_ns, uint32_t bytes) {
    unsigned at_least = WINDOW_UNKNOWN * w->n_threads;
    if (w->n_free == 0)
        return false;
    if (worker_free_threads(w) > 0)
        return true;
    if (w->bytes + bytes + RUN_HEAD_BYTES > JD_WINDOW_BYTES)
        return false;
    if (est_ns > LONG_TASK_NS)
        return w->n_out < at_least;
    return w->est_ns + est_ns <= WINDOW_NS * w->n_threads || w->n_out < at_least;
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

static void forget_more(struct worker *w, unsigned index) {
    if (!w->slot[index].has_more)
        return;
    memset(&w->more[index], 0, sizeof w->more[index]);
    w->slot[index].has_more = false;
}

static void free_slot(struct worker *w, uint16_t index) {
    w->slot[index].state = SLOT_FREE;
    w->slot[index].job = 0;
    w->free[w->n_free++] = (uint8_t)index;
}

// Among the idle ones, or out of them.
static void list_idle(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    struct pool *pool = w->pool;
    if (w->idle) {
        w->idle_prev = 0;
        w->idle_next = pool->idle;
        if (pool->idle)
            core->workers[pool->idle - 1].idle_prev = number + 1;
        pool->idle = number + 1;
        pool->look_for_work = true;
        core_pool_is_due(core, pool);
        return;
    }
    if (w->idle_prev)
        core->workers[w->idle_prev - 1].idle_next = w->idle_next;
    else
        pool->idle = w->idle_next;
    if (w->idle_next)
        core->workers[w->idle_next - 1].idle_prev = w->idle_prev;
}

// What was sent to it has changed; whether it takes jobs has not.
static void update_idle(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    bool idle = w->open && worker_free_threads(w) > 0 && w->n_free > 0;
    if (idle == w->idle)
        return;
    w->idle = idle;
    list_idle(core, number);
}

void window_update_idle(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    w->open = worker_takes_jobs(w);
    core_pool_is_due(core, w->pool);
    update_idle(core, number);
}

static void count_out(struct core *core, const struct job *job, int change) {
    const struct lane *lane = job->lane ? lane_at(&core->clients, job->lane) : NULL;
    if (lane && lane->capped)
        share_out(core, lane->share, change);
}

void window_dispatch(struct core *core, uint32_t number, uint32_t job_index, uint32_t est_ns) {
    struct worker *w = &core->workers[number];
    struct job *job = job_at(&core->jobs, job_index);
    uint16_t index = w->free[--w->n_free];
    struct slot *slot = &w->slot[index];
    slot->seq = ++w->seq;
    slot->sent_ns = core->now_ns;
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
    count_out(core, job, 1);

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
        .chunk = job->side ? job_side_at(&core->jobs, job->side)->chunk : 0,
    };
    if (core->sample_ns == UINT64_MAX)
        sample_arm(core);
    if (++w->n_given == w->pool->recycle_jobs)
        worker_retire(core, number, false);
    update_idle(core, number);
}

void window_release(struct core *core, uint32_t number, unsigned index, bool to_void) {
    struct worker *w = &core->workers[number];
    struct slot *slot = &w->slot[index];
    bool had_more = slot->has_more;
    count_out(core, job_at(&core->jobs, slot->job), -1);
    if (had_more) {
        lend_end(core, number, index);
        stop_end(core, number, index);
        forget_more(w, index);
    }
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
    if (w->retiring && w->n_out == 0)
        pool_unbalance(core, w->pool);
    core_pool_is_due(core, w->pool);
    if (had_more)
        window_update_idle(core, number);
    else
        update_idle(core, number);
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

void window_set_running(struct core *core, uint32_t number, unsigned index) {
    struct slot *slot = &core->workers[number].slot[index];
    struct job *job = job_at(&core->jobs, slot->job);
    slot->state = SLOT_RUNNING;
    slot->since_ns = core->now_ns;
    job_set_state(job, JOBD_JOB_RUNNING);
    if (core->n_watchers)
        watch_job(core, job, "job.running", (jobd_bytes){0});
}

void window_take_back_all(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    for (uint16_t index = w->out_tail; index != SLOT_NONE; index = w->slot[index].prev)
        if (w->slot[index].state == SLOT_SENT)
            window_revoke(core, number, index, REVOKE_SHARE);
}

// The job did not begin there.
static void on_won(struct core *core, uint32_t job_index, enum revoke_why why,
                   const struct slot_more *more) {
    struct job *job = job_at(&core->jobs, job_index);
    if (job->flags & JOB_OWNER_GONE) {
        job_withdraw(core, job_index, "its connection ended");
        return;
    }
    if (why == REVOKE_CANCEL) {
        job_withdraw(core, job_index, cancelled_text(core, job, more->asker));
        return;
    }
    if (why == REVOKE_STOP) {
        struct fate fate = stop_fate(core, &more->stop, job);
        if (fate.state == JOBD_JOB_KILLED) { // it never ran
            job_withdraw(core, job_index, (const char *)fate.text.data);
            return;
        }
        if (job->flags & JOB_PROCESS)
            process_withdraw(core, job_index);
        job_end(core, job_index, &fate);
        return;
    }
    job_set_state(job, JOBD_JOB_QUEUED);
    core->counts.taken_back++;
    sched_put_back(core, job_index);
}

static void answer_cancel(struct core *core, const struct slot_more *more, bool won) {
    const struct client *client = client_at(&core->clients, more->asker);
    struct jd_msg request = {.op = JD_OP_CANCEL, .id = more->ask_id};
    if (client->state == CLIENT_OPEN)
        client_emit_reply(core, client, &request)->msg.u.cancel_ok.cancelled = won;
}

void window_on_revoked(struct core *core, const struct event *e) {
    struct worker *w = &core->workers[e->worker];
    struct slot *slot = &w->slot[e->slot];
    JD_ASSERT(slot->state == SLOT_REVOKING && slot->seq == e->seq);
    const struct slot_more more = w->more[e->slot];
    enum revoke_why why = (enum revoke_why)slot->why;
    uint32_t job_index = slot->job;
    const struct job *job = job_at(&core->jobs, job_index);
    if (why == REVOKE_CANCEL)
        answer_cancel(core, &more, e->won);
    if (e->won) {
        forget_more(w, e->slot);
        window_release(core, e->worker, e->slot, true);
        on_won(core, job_index, why, &more);
        return;
    }
    slot->state = SLOT_CLAIMED;
    if (why == REVOKE_STOP)
        stop_begin(core, e->worker, e->slot, &more.stop);
    else if (job->flags & JOB_OWNER_GONE)
        stop_begin(core, e->worker, e->slot,
                   &(struct stop){.why = STOP_OWNER_GONE, .grace_ns = core->cfg.grace_ns});
}

// Once more, after a while that grows. False = it has had its tries.
static bool try_again(struct core *core, uint32_t number, unsigned index,
                      const struct jd_result *r) {
    struct worker *w = &core->workers[number];
    uint32_t job_index = w->slot[index].job;
    struct job *job = job_at(&core->jobs, job_index);
    struct job_side *side = job->side ? job_side_at(&core->jobs, job->side) : NULL;
    const uint64_t most_ns = UINT64_C(3600000000000);
    if (!side || side->retries == side->max_retries || r->error != (uint64_t)-JOBD_E_TASK ||
        job->flags & (JOB_OWNER_GONE | JOB_PROCESS) || core->killing)
        return false;
    uint64_t delay_ns = side->retry_delay_ns;
    for (unsigned i = 0; i < side->retries && delay_ns < most_ns; i++)
        delay_ns *= 2;
    side->retries++;
    job_count_attempt(job);
    side->start_ns = core->now_ns + JD_MIN(delay_ns, most_ns);
    window_release(core, number, index, false);
    job_set_state(job, JOBD_JOB_DELAYED);
    timer_update(core, job_index);
    job_note(core, job, 0,
             core_text(core, "the task failed: %.*s; it runs again in %llu ms (retry %u of %u)",
                       (int)r->text.len, (const char *)r->text.data,
                       (unsigned long long)(JD_MIN(delay_ns, most_ns) / 1000000), side->retries,
                       side->max_retries));
    return true;
}

static void set_fate(struct core *core, const struct worker *w, const struct jd_result *r,
                     struct fate *ret) {
    const struct slot *slot = &w->slot[r->slot];
    const struct job *job = job_at(&core->jobs, slot->job);
    *ret = (struct fate){.state = JOBD_JOB_DONE};
    if (r->error && slot->has_more && w->more[r->slot].stop.why) {
        *ret = stop_fate(core, &w->more[r->slot].stop, job);
    } else if (r->error) {
        ret->state = JOBD_JOB_FAILED;
        ret->error = -(int)r->error;
        ret->name = r->name;
        ret->text = r->text;
    }
    if (!r->error || (job->side && job_side_at(&core->jobs, job->side)->chunk))
        ret->value = r->value; // of a chunk, what came before the failure
    ret->run_ns = JD_MIN(r->run_ns, core->now_ns - w->since_ns); // no longer than it was ready
    ret->sent_ns = slot->sent_ns;
    ret->pid = slot->has_more && w->more[r->slot].pid ? w->more[r->slot].pid : w->pid;
    ret->status = (int)r->status;
}

void window_on_result(struct core *core, uint32_t number, const struct jd_result *r) {
    struct worker *w = &core->workers[number];
    struct slot *slot = &w->slot[r->slot];
    uint32_t job_index = slot->job;
    struct job *job = job_at(&core->jobs, job_index);
    struct task *task = &core->tasks.list[job->task];
    struct fate fate;
    set_fate(core, w, r, &fate);
    task_ran(task, fate.run_ns);
    w->results++;
    w->jobs_done++;
    w->pool->jobs_done++;
    window_on_taken(w, slot->seq);
    if (r->error && fate.state == JOBD_JOB_FAILED && try_again(core, number, (unsigned)r->slot, r))
        return;
    job_count_attempt(job);
    if (w->process) {
        window_release(core, number, (unsigned)r->slot, false);
        process_end(core, number, &fate);
        return;
    }
    window_release(core, number, (unsigned)r->slot, false);
    job_end(core, job_index, &fate);
}
