// Sampling: while anything is out, every board is looked at once in 10 ms. It is how `running`,
// progress, time limits, and workers that read nothing become known; jobs shorter than that cost no
// message. There is no clock on the board: a job's time runs from the first sample that shows it.
#include <string.h>

#include "log.h"
#include "state.h"

#define SAMPLE_NS UINT64_C(10000000)

void sample_arm(struct core *core) {
    core->sample_ns = core->now_ns + SAMPLE_NS;
    core_wake_at(core, core->sample_ns);
}

void sample_on_time(struct core *core) {
    if (core->now_ns < core->sample_ns) {
        core_wake_at(core, core->sample_ns);
        return;
    }
    core->sample_ns = UINT64_MAX;
    bool any = false;
    for (uint32_t i = 0; i < core->n_numbers; i++) {
        struct worker *w = &core->workers[i];
        if (w->state != WORKER_READY && w->state != WORKER_LEAVING)
            continue;
        bool finished_some = w->results != w->results_at_sample;
        bool rss = w->pool->recycle_rss_bytes > 0;
        w->stuck = w->n_out > 0 && !finished_some;
        w->results_at_sample = w->results;
        if (w->n_out == 0 && w->n_void == 0 && !(rss && finished_some)) // what did the last leave?
            continue;
        struct effect *fx = core_emit(core, EFFECT_SAMPLE);
        fx->worker = i;
        fx->rss = rss;
        any = true;
        if (w->stuck && w->pool->idle) {
            w->pool->look_for_work = true;
            core_pool_is_due(core, w->pool);
        }
    }
    if (any)
        sample_arm(core);
}

// Enough to see that a report has changed; never 0.
static uint32_t hash_of(const struct board_started *s) {
    uint64_t bits;
    memcpy(&bits, &s->progress, sizeof bits);
    uint32_t h = (uint32_t)(bits ^ bits >> 32);
    for (const char *p = s->note; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    return h | 1;
}

// A program is told of when its own process id is known: until then there is only its worker's.
static bool is_unnamed(const struct core *core, const struct worker *w, const struct slot *slot) {
    const struct job *job = job_at(&core->jobs, slot->job);
    return job->flags & JOB_PROCESS && !(slot->has_more && w->more[job->slot].pid) &&
           strcmp(core->tasks.list[job->task].name, "exec") == 0;
}

// False: that job has finished, and its word is just what it left behind; or the page lies.
static bool on_started(struct core *core, uint32_t number, const struct board_started *s) {
    struct worker *w = &core->workers[number];
    struct slot *slot = &w->slot[s->slot];
    bool out =
        slot->state == SLOT_SENT || slot->state == SLOT_CLAIMED || slot->state == SLOT_RUNNING;
    if (!out || slot->seq != s->seq)
        return false;
    const struct job *job = job_at(&core->jobs, slot->job);
    double progress = s->progress >= 0 && s->progress <= 1 ? s->progress : 0;
    jobd_bytes note = jd_text(s->note);
    if (slot->state != SLOT_RUNNING) {
        window_set_running(core, number, s->slot);
        if (!is_unnamed(core, w, slot))
            job_note(core, job, progress, note);
    } else if (slot->shown != hash_of(s)) {
        job_note(core, job, progress, note);
    }
    slot->shown = hash_of(s);
    slot->progress = progress;
    uint64_t limit_ns = job_time_limit_ns(&core->jobs, job);
    const struct stop stop = slot->has_more ? w->more[s->slot].stop : (struct stop){0};
    bool alone = w->n_threads == 1 || stop.force;
    if (stop.why && alone && w->stop_slot == SLOT_NONE) // it had to wait for another one's end
        stop_begin(core, number, s->slot, &stop);
    else if (limit_ns && core->now_ns - slot->since_ns >= limit_ns && !stop.why)
        stop_begin(core, number, s->slot,
                   &(struct stop){.why = STOP_LIMIT, .grace_ns = core->cfg.grace_ns});
    else if (job->flags & JOB_OWNER_GONE && !stop.why)
        stop_begin(core, number, s->slot,
                   &(struct stop){.why = STOP_OWNER_GONE, .grace_ns = core->cfg.grace_ns});
    return true;
}

// Unread jobs, nothing running, nothing read: it has not stopped computing, it has stopped reading.
static void watch_stall(struct core *core, uint32_t number, bool runs) {
    struct worker *w = &core->workers[number];
    if (runs || (w->n_out == 0 && w->n_void == 0)) {
        w->stall_ns = 0;
        return;
    }
    if (!w->stall_ns) {
        w->stall_ns = core->now_ns;
        return;
    }
    if (core->now_ns - w->stall_ns < core->cfg.stall_ns)
        return;
    jd_log(JD_LOG_WARN, "worker.stalled", "worker=%u pid=%u jobs=%u", number, w->pid, w->n_out);
    worker_kill(core, number);
}

void sample_on_board(struct core *core, const struct event *e) {
    struct worker *w = &core->workers[e->worker];
    if (w->state != WORKER_READY && w->state != WORKER_LEAVING)
        return;
    window_on_taken(w, e->board->taken);
    window_update_idle(core, e->worker);
    bool runs = false;
    for (uint32_t i = 0; i < e->board->n_started; i++)
        runs |= on_started(core, e->worker, &e->board->started[i]);
    watch_stall(core, e->worker, runs);
    uint64_t rss_bytes = w->pool->recycle_rss_bytes;
    if (rss_bytes && e->board->rss_bytes > rss_bytes && !w->retiring) {
        jd_log(JD_LOG_INFO, "worker.recycle", "worker=%u pid=%u rss_bytes=%llu", e->worker, w->pid,
               (unsigned long long)e->board->rss_bytes);
        worker_retire(core, e->worker, true);
    }
}
