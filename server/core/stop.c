// Stopping one running job: first the cooperative flag, after a grace TERM, after another KILL of
// the worker and its whole tree. Its neighbours in the window are taken back at once and run
// elsewhere. Where other jobs run in the same process, the flag is all there is, unless somebody
// forces it.
#include "log.h"
#include "process.h"
#include "sched.h"
#include "state.h"

enum { SIGNAL_KILL = 9, SIGNAL_TERM = 15 }; // POSIX numbers, the same on every Linux

void job_withdraw(struct core *core, uint32_t index, const char *why) {
    const struct job *job = job_at(&core->jobs, index);
    if (job->flags & JOB_PROCESS)
        process_withdraw(core, index);
    sched_remove(core, index);
    job_end_cancelled(core, index, why);
}

void job_stop(struct core *core, uint32_t index, const struct stop *stop) {
    const struct job *job = job_at(&core->jobs, index);
    struct worker *w = &core->workers[job->worker];
    if (w->ended) // it is on its way out
        return;
    struct slot *slot = &w->slot[job->slot];
    if (slot->state == SLOT_REVOKING) {
        // The answer to another wish is about to come. A take-back becomes a stop; a cancel stays.
        if (slot->why == REVOKE_SHARE) {
            slot->why = REVOKE_STOP;
            slot_more(w, job->slot)->stop = *stop;
        }
    } else if (slot->state == SLOT_SENT) {
        slot_more(w, job->slot)->stop = *stop;
        window_revoke(core, job->worker, job->slot, REVOKE_STOP);
    } else {
        stop_begin(core, job->worker, job->slot, stop);
    }
}

void stop_begin(struct core *core, uint32_t number, unsigned index, const struct stop *stop) {
    struct worker *w = &core->workers[number];
    struct stop *under_way = &slot_more(w, index)->stop;
    bool force = stop->force || under_way->force; // once asked for, it stays
    bool alone = w->n_threads == 1 || force, begun = w->stop_slot == index;
    if (w->state != WORKER_READY)
        return;
    if (stop->why == STOP_ABORT || (!begun && under_way->why != STOP_ABORT))
        *under_way = *stop; // who asks last has the last word on why, and who aborts above all
    under_way->force = force;
    if (w->stop_stage == STOP_KILLED)
        return; // it ends with its worker
    if (alone && w->stop_slot != SLOT_NONE && !begun)
        return; // one after the other: a sample will show it
    struct effect *fx = core_emit(core, EFFECT_ASK_STOP);
    fx->worker = number;
    fx->slot = (uint8_t)index;
    fx->seq = w->slot[index].seq;
    if (!alone)
        return;
    uint64_t until_ns = core->now_ns + stop->grace_ns;
    w->stop_ns = begun && w->stop_ns < until_ns ? w->stop_ns : until_ns;
    w->stop_slot = (uint16_t)index;
    window_update_idle(core, number);
    window_take_back_all(core, number);
    if (stop->grace_ns == 0)
        worker_kill(core, number);
    else
        core_wake_at(core, w->stop_ns);
}

static void next_stage(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    const struct job *job = job_at(&core->jobs, w->slot[w->stop_slot].job);
    if (w->stop_stage == STOP_ASKED) {
        w->stop_stage = STOP_TERMINATED;
        w->stop_ns = core->now_ns + w->more[w->stop_slot].stop.grace_ns;
        w->we_killed = true;
        window_update_idle(core, number);
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
    for (uint32_t i = 0; i < core->n_numbers; i++) {
        struct worker *w = &core->workers[i];
        if (w->state != WORKER_READY || w->stop_slot == SLOT_NONE || w->stop_stage == STOP_KILLED)
            continue;
        if (core->now_ns >= w->stop_ns)
            next_stage(core, i);
        if (w->stop_stage != STOP_KILLED)
            core_wake_at(core, w->stop_ns);
    }
}

void stop_end(struct core *core, uint32_t number, unsigned index) {
    struct worker *w = &core->workers[number];
    if (w->stop_slot != index)
        return;
    w->stop_slot = SLOT_NONE;
    if (w->stop_stage == STOP_TERMINATED) // it has been sent TERM: the next job must not meet that
        worker_kill(core, number);
}

struct fate stop_fate(struct core *core, const struct stop *stop, const struct job *job) {
    struct fate fate = {.state = JOBD_JOB_KILLED, .error = JOBD_E_KILLED};
    switch (stop->why) {
    case STOP_LIMIT:
        fate.state = JOBD_JOB_TIMED_OUT;
        fate.error = JOBD_E_DEADLINE;
        fate.text = core_text(core, "the job ran past its time limit of %llu ms and was stopped",
                              (unsigned long long)job_time_limit_ns(&core->jobs, job) / 1000000);
        return fate;
    case STOP_DEADLINE:
        fate.state = JOBD_JOB_TIMED_OUT;
        fate.error = JOBD_E_DEADLINE;
        fate.text = jd_text("its deadline passed before it was finished; it was stopped");
        return fate;
    case STOP_ABORT:
        fate.text = core_text(core, "the job was stopped by process %u", stop->by_pid);
        return fate;
    case STOP_POOL:
        fate.text = jd_text("its pool was deleted, so the job was stopped");
        return fate;
    case STOP_OWNER_GONE:
        fate.text = jd_text("its connection ended, so the job was stopped");
        return fate;
    default:
        fate.text = jd_text("the daemon stopped before the job was finished");
        return fate;
    }
}

void worker_kill(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    bool alive = w->state == WORKER_STARTING || w->state == WORKER_INIT ||
                 w->state == WORKER_READY || w->state == WORKER_LEAVING;
    if (!alive || w->stop_stage == STOP_KILLED)
        return;
    w->stop_stage = STOP_KILLED;
    w->we_killed = true;
    window_update_idle(core, number);
    struct effect *fx = core_emit(core, EFFECT_SIGNAL);
    fx->worker = number;
    fx->signal = SIGNAL_KILL;
}
