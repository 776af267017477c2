// Settling a dead worker. Everything it ever sent has been fed in before, so a job with a result is
// settled already; of the rest, what its board shows started has been running (one strike, retry or
// fail), and what it never claimed runs elsewhere as if nothing had happened.
#include <stdlib.h> // WIFEXITED and its like

#include "log.h"
#include "sched.h"
#include "state.h"

#include <jobd/task.h>

static const char *signal_name(int number) {
    static const char *const names[] = {
        [1] = "SIGHUP",   [2] = "SIGINT",   [3] = "SIGQUIT",  [4] = "SIGILL",   [5] = "SIGTRAP",
        [6] = "SIGABRT",  [7] = "SIGBUS",   [8] = "SIGFPE",   [9] = "SIGKILL",  [10] = "SIGUSR1",
        [11] = "SIGSEGV", [12] = "SIGUSR2", [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM",
        [24] = "SIGXCPU", [25] = "SIGXFSZ", [31] = "SIGSYS",
    };
    bool known = number > 0 && (size_t)number < JD_LEN(names) && names[number];
    return known ? names[number] : "an unusual signal";
}

// "was killed by SIGKILL (signal 9)", "exited with status 3"
static jobd_bytes how_it_died(struct core *core, const struct worker *w, int status) {
    if (w->is_broken)
        return jd_text("sent what cannot be understood and was killed");
    if (WIFSIGNALED(status))
        return core_text(core, "was killed by %s (signal %d)", signal_name(WTERMSIG(status)),
                         WTERMSIG(status));
    return core_text(core, "exited with status %d", WEXITSTATUS(status));
}

static bool was_started(const struct board_view *board, unsigned slot, uint64_t seq) {
    for (uint32_t i = 0; i < board->n_started; i++)
        if (board->started[i].slot == slot && board->started[i].seq == seq)
            return true;
    return false;
}

// The job died with its worker: once more, or an end.
static void strike(struct core *core, uint32_t job_index, uint32_t pid, jobd_bytes how,
                   jobd_bytes last_words) {
    struct job *job = job_at(&core->jobs, job_index);
    const struct task *task = &core->tasks.list[job->task];
    unsigned allowed = task->flags & JOBD_TASK_IDEMPOTENT ? 2 : job->max_lost;
    const char *how_text = how.data;
    job->attempts++;
    job->lost++;
    if (job->lost <= allowed && !(job->flags & JOB_OWNER_GONE) && !core->killing) {
        job_set_state(job, JOBD_JOB_QUEUED);
        sched_put_back(core, job_index);
        job_note(core, job, 0,
                 core_text(core,
                           "worker %u %s while running task '%s'; the job runs again "
                           "(run %u of %u)",
                           pid, how_text, task->name, job->lost + 1u, allowed + 1u));
        return;
    }
    char quoted[400] = "";
    if (last_words.len)
        jd_log_quote(quoted, sizeof quoted, last_words);
    struct fate fate = {
        .state = JOBD_JOB_LOST,
        .error = JOBD_E_WORKER_DIED,
        .pid = pid,
        .text = core_text(core, "worker %u %s while running task '%s' (run %u of %u)%s%s", pid,
                          how_text, task->name, job->lost, JD_MAX(allowed + 1u, job->lost + 0u),
                          last_words.len ? "; its last output: " : "", quoted)};
    job_end(core, job_index, &fate);
}

static void settle_slot(struct core *core, const struct event *e, unsigned index, jobd_bytes how) {
    struct worker *w = &core->workers[e->worker];
    struct slot *slot = &w->slot[index];
    uint32_t job_index = slot->job, pid = w->pid;
    struct job *job = job_at(&core->jobs, job_index);
    // A take-back that was lost means claimed, whatever the page says now.
    bool started = slot->state == SLOT_CLAIMED || was_started(e->board, index, slot->seq);
    bool stopped = w->stop_why && w->stop_slot == index;
    enum stop_why why = stopped ? (enum stop_why)w->stop_why : STOP_NONE;
    JD_ASSERT(slot->state != SLOT_REVOKING);
    if (!stopped && core->killing)
        why = STOP_DRAIN;
    window_release(core, e->worker, index, false);
    if (why && (started || stopped)) {
        struct fate fate = stop_fate(core, why, job);
        fate.pid = pid;
        job_end(core, job_index, &fate);
        return;
    }
    if (started) {
        strike(core, job_index, pid, how, e->text);
        return;
    }
    if (job->flags & JOB_OWNER_GONE || core->killing) {
        if (job->state == JOBD_JOB_RUNNING) // it said so before, and now it does not
            job->state = JOBD_JOB_SENT;
        job_end_cancelled(core, job_index, "its worker ended before the job was started");
        return;
    }
    job_set_state(job, JOBD_JOB_QUEUED);
    sched_put_back(core, job_index);
}

void death_on_died(struct core *core, const struct event *e) {
    struct worker *w = &core->workers[e->worker];
    jobd_bytes how = how_it_died(core, w, e->status);
    bool failed_start = !w->said_hello && !w->we_killed;
    bool expected = w->we_killed || w->state == WORKER_LEAVING;
    char quoted[400] = "";
    if (e->text.len)
        jd_log_quote(quoted, sizeof quoted, e->text);
    jd_log(expected ? JD_LOG_DEBUG : JD_LOG_WARN, "worker.died",
           "worker=%u pid=%u how=\"%s\" jobs=%u%s%s", e->worker, w->pid, (const char *)how.data,
           w->n_out, e->text.len ? " last=" : "", quoted);
    worker_set_reaping(core, e->worker);
    // From the back, so that each job that runs elsewhere goes to the very front of its queue.
    while (w->out_tail != SLOT_NONE)
        settle_slot(core, e, w->out_tail, how);
    w->deaths += w->said_hello && !expected;
    core->counts.worker_deaths += w->said_hello && !expected;
    if (failed_start)
        pool_on_failed_start(core, w->pool);
}
