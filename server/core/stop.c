// Stopping one running job: first the cooperative flag, after a grace TERM, after another KILL of
// the worker and its whole tree. Its neighbours in the window are taken back at once and run
// elsewhere.
#include "log.h"
#include "state.h"

enum { SIGNAL_KILL = 9, SIGNAL_TERM = 15 }; // POSIX numbers, the same on every Linux

void stop_begin(struct core *core, uint32_t number, unsigned index, enum stop_why why) {
    struct worker *w = &core->workers[number];
    if (w->stop_why || w->state != WORKER_READY)
        return; // a worker runs one job: it is this one, and under way
    w->stop_why = (uint8_t)why;
    w->stop_stage = STOP_ASKED;
    w->stop_slot = (uint16_t)index;
    w->stop_ns = core->now_ns + core->cfg.grace_ns;
    core_wake_at(core, w->stop_ns);
    struct effect *fx = core_emit(core, EFFECT_ASK_STOP);
    fx->worker = number;
    fx->slot = (uint8_t)index;
    fx->seq = w->slot[index].seq;
    window_take_back_all(core, number);
}

static void next_stage(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    const struct job *job = job_at(&core->jobs, w->slot[w->stop_slot].job);
    if (w->stop_stage == STOP_ASKED) {
        w->stop_stage = STOP_TERMINATED;
        w->stop_ns = core->now_ns + core->cfg.grace_ns;
        w->we_killed = true;
        struct effect *fx = core_emit(core, EFFECT_SIGNAL);
        fx->worker = number;
        fx->signal = SIGNAL_TERM;
        jd_log(JD_LOG_INFO, "job.terminate", "job=%llu worker=%u pid=%u",
               (unsigned long long)job->id, number, w->pid);
    } else {
        w->stop_ns = UINT64_MAX;
        worker_kill(core, number);
    }
}

void stop_on_time(struct core *core) {
    for (uint32_t i = 0; i < core->cfg.n_workers; i++) {
        struct worker *w = &core->workers[i];
        if (w->state != WORKER_READY || !w->stop_why || w->stop_stage == STOP_KILLED)
            continue;
        if (core->now_ns >= w->stop_ns)
            next_stage(core, i);
        if (w->stop_stage != STOP_KILLED)
            core_wake_at(core, w->stop_ns);
    }
}

struct fate stop_fate(struct core *core, enum stop_why why, const struct job *job) {
    switch (why) {
    case STOP_LIMIT:
        return (struct fate){
            .state = JOBD_JOB_TIMED_OUT,
            .error = JOBD_E_DEADLINE,
            .text = core_text(core, "the job ran past its time limit of %llu ms and was stopped",
                              (unsigned long long)job_time_limit_ns(&core->jobs, job) / 1000000)};
    case STOP_OWNER_GONE:
        return (struct fate){.state = JOBD_JOB_KILLED,
                             .error = JOBD_E_KILLED,
                             .text = jd_text("its connection ended, so the job was stopped")};
    default:
        return (struct fate){.state = JOBD_JOB_KILLED,
                             .error = JOBD_E_KILLED,
                             .text = jd_text("the daemon stopped before the job was finished")};
    }
}

void worker_kill(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    bool alive =
        w->state == WORKER_STARTING || w->state == WORKER_READY || w->state == WORKER_LEAVING;
    if (!alive || w->stop_stage == STOP_KILLED)
        return;
    w->stop_stage = STOP_KILLED;
    w->we_killed = true;
    window_update_idle(core, number);
    struct effect *fx = core_emit(core, EFFECT_SIGNAL);
    fx->worker = number;
    fx->signal = SIGNAL_KILL;
}
