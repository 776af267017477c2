// Settling a dead worker. Everything it ever sent has been fed in before, so a job with a result is
// settled already; of the rest, what its board shows started has been running (one strike, retry or
// fail), and what it never claimed runs elsewhere as if nothing had happened.
#include <stdlib.h> // WIFEXITED and its like

#include "log.h"
#include "process.h"
#include "sched.h"
#include "state.h"
#include "watch.h"

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
static jobd_bytes how_it_died(struct core *core, const struct worker *w, const struct event *e) {
    int status = e->status;
    if (e->usage.out_of_memory)
        return jd_text("was killed by SIGKILL (signal 9): the machine was out of memory");
    if (w->init_failed)
        return jd_text("was killed because its initializer failed");
    if (w->is_broken)
        return jd_text("sent what cannot be understood and was killed");
    if (WIFSIGNALED(status))
        return core_text(core, "was killed by %s (signal %d)", signal_name(WTERMSIG(status)),
                         WTERMSIG(status));
    return core_text(core, "exited with status %d", WEXITSTATUS(status));
}

// What the board shows of a job that was started; NULL = it was not.
static const struct board_started *started_at(const struct board_view *board, unsigned slot,
                                              uint64_t seq) {
    for (uint32_t i = 0; i < board->n_started; i++)
        if (board->started[i].slot == slot && board->started[i].seq == seq)
            return &board->started[i];
    return NULL;
}

// Which item of a chunk it was at, how far it had come.
static jobd_bytes where_it_was(struct core *core, const struct job *job,
                               const struct board_started *s) {
    uint32_t n = job->side ? job_side_at(&core->jobs, job->side)->chunk : 0;
    if (!s)
        return jd_text("");
    if (n > 1)
        return core_text(core, " at item %u of %u", JD_MIN(s->item, n - 1), n);
    if (s->note[0] || (s->progress > 0 && s->progress <= 1))
        return core_text(core, " at %.0f %%%s%s", 100 * s->progress, s->note[0] ? ": " : "",
                         s->note);
    return jd_text("");
}

struct death {
    const struct event *event;
    jobd_bytes how;
    uint32_t pid;
};

static jobd_bytes usage_text(struct core *core, const struct worker_usage *u) {
    if (u->cpu_ns == 0 && u->max_rss_bytes == 0)
        return jd_text("");
    if (u->max_rss_bytes == 0)
        return core_text(core, "; it had used %.2f s of CPU", (double)u->cpu_ns * 1e-9);
    return core_text(core, "; it had used %.2f s of CPU and at most %.1f MiB",
                     (double)u->cpu_ns * 1e-9, (double)u->max_rss_bytes / 1048576.0);
}

// The job died with its worker: once more, or an end.
static void strike(struct core *core, uint32_t job_index, const struct death *d,
                   const struct fate *so_far, const struct board_started *board) {
    struct job *job = job_at(&core->jobs, job_index);
    const struct task *task = &core->tasks.list[job->task];
    unsigned allowed = task->flags & JOBD_TASK_IDEMPOTENT ? 2 : job->max_lost;
    jobd_bytes where = where_it_was(core, job, board), last = d->event->text;
    allowed = job->flags & JOB_PROCESS ? 0 : allowed;
    job_count_attempt(job);
    job->lost++;
    if (job->lost <= allowed && !(job->flags & JOB_OWNER_GONE) && !core->killing) {
        job_set_state(job, JOBD_JOB_QUEUED);
        sched_put_back(core, job_index);
        job_note(core, job, 0,
                 core_text(core,
                           "worker %u %s while running task '%s'%s; the job runs again "
                           "(run %u of %u)",
                           d->pid, (const char *)d->how.data, task->name, (const char *)where.data,
                           job->lost + 1u, allowed + 1u));
        return;
    }
    char quoted[400] = "";
    if (last.len)
        jd_log_quote(quoted, sizeof quoted, last);
    struct fate fate = *so_far;
    fate.state = JOBD_JOB_LOST;
    fate.error = JOBD_E_WORKER_DIED;
    fate.text = core_text(core, "worker %u %s while running task '%s'%s (run %u of %u)%s%s%s%s",
                          d->pid, (const char *)d->how.data, task->name, (const char *)where.data,
                          job->lost + 0u, JD_MAX(allowed + 1u, job->lost + 0u),
                          job->lost > 2 ? "; it kills its workers and is not run again" : "",
                          (const char *)usage_text(core, &d->event->usage).data,
                          last.len ? "; its last output: " : "", quoted);
    job_end(core, job_index, &fate);
}

static void settle_slot(struct core *core, const struct death *d, unsigned index) {
    struct worker *w = &core->workers[d->event->worker];
    struct slot *slot = &w->slot[index];
    uint32_t job_index = slot->job;
    struct job *job = job_at(&core->jobs, job_index);
    const struct board_started *board = started_at(d->event->board, index, slot->seq);
    // A take-back that was lost means claimed, whatever the page says now.
    bool started = slot->state == SLOT_CLAIMED || board;
    struct stop stop = slot->has_more ? w->more[index].stop : (struct stop){0};
    struct fate fate = {.pid = d->pid, .sent_ns = slot->sent_ns, .usage = &d->event->usage};
    fate.pid = slot->has_more && w->more[index].pid ? w->more[index].pid : d->pid;
    fate.status = job->flags & JOB_PROCESS ? process_status(d->event->status) : 0;
    JD_ASSERT(slot->state != SLOT_REVOKING);
    if (!stop.why && core->killing)
        stop.why = STOP_DRAIN;
    window_release(core, d->event->worker, index, false);
    if (stop.why && (started || stop.why != STOP_DRAIN)) {
        struct fate stopped = stop_fate(core, &stop, job);
        fate.state = stopped.state;
        fate.error = stopped.error;
        fate.text = stopped.text;
        job_count_attempt(job);
        job_end(core, job_index, &fate);
        return;
    }
    if (started) {
        strike(core, job_index, d, &fate, board);
        return;
    }
    if (job->flags & (JOB_OWNER_GONE | JOB_PROCESS) || core->killing) {
        if (job->state == JOBD_JOB_RUNNING) // it said so before, and now it does not
            job->state = JOBD_JOB_SENT;
        fate.state = JOBD_JOB_CANCELLED;
        fate.error = JOBD_E_CANCELLED;
        fate.text = jd_text("its worker ended before the job was started");
        job_end(core, job_index, &fate);
        return;
    }
    job_set_state(job, JOBD_JOB_QUEUED);
    sched_put_back(core, job_index);
}

// Why a start failed, for those who wait for it.
static jobd_bytes why_not_ready(struct core *core, const struct event *e, jobd_bytes how) {
    const struct worker *w = &core->workers[e->worker];
    char quoted[200] = "";
    if ((w->is_broken || w->init_failed) && w->pool->failure[0])
        return core_text(core, "%s", w->pool->failure);
    if (e->text.len)
        jd_log_quote(quoted, sizeof quoted, e->text);
    return core_text(core, "a worker %s before it was ready%s%s", (const char *)how.data,
                     e->text.len ? "; its last output: " : "", quoted);
}

void death_on_died(struct core *core, const struct event *e) {
    struct worker *w = &core->workers[e->worker];
    struct death d = {e, how_it_died(core, w, e), w->pid};
    bool failed_start = !w->was_ready && !w->we_killed;
    bool expected = w->we_killed || w->state == WORKER_LEAVING;
    char quoted[400] = "";
    if (e->text.len)
        jd_log_quote(quoted, sizeof quoted, e->text);
    jd_log(expected ? JD_LOG_DEBUG : JD_LOG_WARN, "worker.died",
           "worker=%u pid=%u how=\"%s\" jobs=%u%s%s", e->worker, w->pid, (const char *)d.how.data,
           w->n_out, e->text.len ? " last=" : "", quoted);
    if (core->n_watchers)
        watch_worker(core, e->worker, "worker.died", d.how);
    worker_set_state(core, e->worker, WORKER_REAPING);
    // From the back, so that each job that runs elsewhere goes to the very front of its queue.
    while (w->out_tail != SLOT_NONE)
        settle_slot(core, &d, w->out_tail);
    w->deaths += w->was_ready && !expected;
    core->counts.worker_deaths += w->was_ready && !expected;
    if (w->process)
        process_died(core, e, why_not_ready(core, e, d.how));
    else if (failed_start && !w->pool->is_single)
        pool_on_failed_start(core, w->pool, why_not_ready(core, e, d.how));
}
