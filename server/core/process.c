#include "process.h"

#include <stdlib.h> // WIFEXITED and its like
#include <string.h>

#include "follow.h"
#include "log.h"
#include "mem.h"
#include "state.h"
#include "submit.h"

struct process_end {
    struct fate fate; // its words and value are copies
};

// ---- beginning ----

static int refuse(struct core *core, const struct event *e, jobd_bytes *ret_text) {
    const struct jd_process *p = &e->msg->u.process;
    if (p->n_pipes > e->n_fds) {
        *ret_text =
            core_text(core, "%u pipes were announced and %u came", (unsigned)p->n_pipes, e->n_fds);
        return JOBD_E_INVAL;
    }
    return 0;
}

// The descriptors that came with the request.
static void adopt(struct core *core, const struct client *client, uint32_t number, uint32_t n) {
    if (n == 0)
        return;
    struct effect *fx = core_emit(core, EFFECT_ADOPT_FDS);
    fx->peer = client->peer;
    fx->adopt.worker = number;
    fx->adopt.n_fds = n;
}

void process_on_start(struct core *core, uint32_t index, const struct event *e) {
    const struct jd_process *p = &e->msg->u.process;
    const struct client *client = client_at(&core->clients, index);
    struct jd_submit s = {.handle = p->handle,
                          .task = p->task,
                          .args = p->args,
                          .time_limit_ms = p->time_limit_ms,
                          .label = p->label,
                          .detached = p->detached};
    jobd_bytes text = {0};
    int number = -1, err = refuse(core, e, &text);
    if (!err && (number = worker_take(core, core->processes)) < 0) {
        err = JOBD_E_LIMIT;
        text = core_text(core, "%u workers and processes are there; the limit is max_workers",
                         core->cfg.max_workers);
    }
    uint32_t job_index = 0;
    if (!err)
        err = submit_process(core, index, &s, &job_index, &text);
    if (err) {
        adopt(core, client, EFFECT_NO_WORKER, JD_MIN((uint32_t)p->n_pipes, e->n_fds));
        if (number >= 0)
            worker_give(core, (uint32_t)number);
        core->counts.refused++;
        client_emit_error(core, client, e->msg, err, text);
        return;
    }
    struct job *job = job_at(&core->jobs, job_index);
    struct worker *w = &core->workers[number];
    job->worker = (uint16_t)number;
    w->process = job_index;
    job_side_at(&core->jobs, job->side)->output = p->output;
    adopt(core, client, (uint32_t)number, (uint32_t)p->n_pipes);
    client_emit_reply(core, client, e->msg)->msg.u.submit_ok.job = job->id;
    worker_start(core, (uint32_t)number);
}

bool process_has_output(const struct core *core, uint32_t index) {
    return job_side_at(&core->jobs, job_at(&core->jobs, index)->side)->output;
}

void process_begin(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    const struct job *job = job_at(&core->jobs, w->process);
    const struct task *task = &core->tasks.list[job->task];
    if (task->known) {
        window_dispatch(core, number, w->process, task_estimate_ns(task));
        return;
    }
    process_failed(core, number,
                   &(struct fate){.error = JOBD_E_NOTASK,
                                  .text = task_unknown_text(core, jd_text(task->name))});
    worker_kill(core, number);
}

void process_failed(struct core *core, uint32_t number, const struct fate *why) {
    struct worker *w = &core->workers[number];
    struct fate fate = *why;
    fate.state = JOBD_JOB_FAILED;
    fate.pid = w->pid;
    fate.status = why->status ? why->status : 1;
    uint32_t job = w->process;
    w->process = 0;
    if (job)
        job_end(core, job, &fate);
    if (w->state == WORKER_EMPTY)
        worker_give(core, number);
}

void process_withdraw(struct core *core, uint32_t index) {
    uint32_t number = job_at(&core->jobs, index)->worker;
    core->workers[number].process = 0;
    worker_kill(core, number);
}

// ---- ending ----

static void drop(jobd_bytes b) {
    jd_free((void *)(uintptr_t)b.data);
}

void process_free(struct worker *w) {
    if (!w->ended)
        return;
    drop(w->ended->fate.value);
    drop(w->ended->fate.name);
    drop(w->ended->fate.text);
    jd_free(w->ended);
    w->ended = NULL;
}

// In place of what it is a copy of. False = out of memory.
static bool copy(jobd_bytes *b, jobd_bytes from) {
    void *to = from.len ? jd_alloc(from.len) : NULL;
    *b = (jobd_bytes){to, to ? from.len : 0};
    if (to)
        memcpy(to, from.data, from.len);
    return to || from.len == 0;
}

static bool keep(struct worker *w, const struct fate *fate) {
    w->ended = jd_zalloc(sizeof *w->ended);
    if (!w->ended)
        return false;
    struct fate *kept = &w->ended->fate;
    *kept = *fate;
    kept->value = kept->name = kept->text = (jobd_bytes){0};
    return copy(&kept->value, fate->value) && copy(&kept->name, fate->name) &&
           copy(&kept->text, fate->text);
}

void process_end(struct core *core, uint32_t number, const struct fate *fate) {
    struct worker *w = &core->workers[number];
    struct fate end = *fate;
    if (end.state == JOBD_JOB_FAILED && end.status == 0)
        end.status = 1;   // as a program that ends by an exception
    if (!keep(w, &end)) { // without memory it is over a little early
        process_free(w);
        job_end(core, w->process, &end);
        w->process = 0;
    }
    worker_hang_up(core, number);
}

int process_status(int status) {
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// A signal that was asked for was faster than the start: it ends as one that was there already.
static void end_unborn(struct core *core, uint32_t job, const struct event *e) {
    struct fate fate = {.state = JOBD_JOB_CANCELLED,
                        .error = JOBD_E_CANCELLED,
                        .text = jd_text("a signal was faster than its start"),
                        .status = process_status(e->status)};
    job_end(core, job, &fate);
}

// What was not settled with its slot: it has ended by itself, or never begun.
void process_died(struct core *core, const struct event *e, jobd_bytes why) {
    struct worker *w = &core->workers[e->worker];
    struct process_end *end = w->ended; // stays: effects show its words and value
    uint32_t job = w->process;
    if (end) {
        end->fate.usage = &e->usage;
        w->process = 0;
        job_end(core, job, &end->fate);
    } else if (!w->was_ready && w->was_signalled && WIFSIGNALED(e->status)) {
        w->process = 0;
        end_unborn(core, job, e);
    } else if (!w->was_ready) {
        process_failed(
            core, e->worker,
            &(struct fate){.error = JOBD_E_SYS, .text = why, .status = process_status(e->status)});
    }
    w->process = 0;
}

// ---- what jobs tell ----

static void tell_log(struct core *core, uint32_t client_index, uint32_t handle,
                     const struct jd_task_log *log) {
    const struct client *client = client_at(&core->clients, client_index);
    if (client->state != CLIENT_OPEN || client->paused || client->worker)
        return;
    struct effect *fx = client_emit_event(core, client, JD_OP_JOB_LOG);
    fx->msg.u.job_log =
        (struct jd_job_log){.handle = handle, .level = log->level, .text = log->text};
}

void process_on_log(struct core *core, uint32_t number, const struct jd_task_log *log) {
    const struct worker *w = &core->workers[number];
    const struct job *job = job_at(&core->jobs, w->slot[log->slot].job);
    char quoted[400];
    jd_log((enum jd_log_level)log->level, "task.log", "job=%llu task=%s pid=%u text=%s",
           (unsigned long long)job->id, core->tasks.list[job->task].name, w->pid,
           jd_log_quote(quoted, sizeof quoted, log->text));
    if (job->client != core->nobody)
        tell_log(core, job->client, job->handle, log);
    for (uint32_t f = follow_first(core, job); f; f = follower_at(core, f)->next)
        tell_log(core, follower_at(core, f)->client, follower_at(core, f)->handle, log);
}

void process_on_pid(struct core *core, uint32_t number, const struct jd_pid *pid) {
    struct worker *w = &core->workers[number];
    const struct slot *slot = &w->slot[pid->slot];
    const struct job *job = job_at(&core->jobs, slot->job);
    slot_more(w, (unsigned)pid->slot)->pid = (uint32_t)pid->pid;
    if (slot->state != SLOT_RUNNING)
        window_set_running(core, number, (unsigned)pid->slot);
    job_note(core, job, slot->progress, (jobd_bytes){0});
}

static void tell_output(struct core *core, uint32_t client_index, uint32_t handle,
                        jobd_bytes data) {
    const struct client *client = client_at(&core->clients, client_index);
    if (client->state != CLIENT_OPEN || client->worker)
        return;
    struct effect *fx = client_emit_event(core, client, JD_OP_JOB_OUTPUT);
    fx->msg.u.job_output = (struct jd_job_output){.handle = handle, .data = data};
}

void process_on_output(struct core *core, const struct event *e) {
    const struct worker *w = &core->workers[e->worker];
    if (!w->process)
        return;
    const struct job *job = job_at(&core->jobs, w->process);
    if (job->client != core->nobody)
        tell_output(core, job->client, job->handle, e->text);
    for (uint32_t f = follow_first(core, job); f; f = follower_at(core, f)->next)
        tell_output(core, follower_at(core, f)->client, follower_at(core, f)->handle, e->text);
}

void process_on_paused(struct core *core, uint32_t index) {
    bool hold = client_at(&core->clients, index)->paused;
    for (uint32_t i = core->processes->workers; i; i = core->workers[i - 1].pool_next) {
        const struct worker *w = &core->workers[i - 1];
        if (!w->process || !process_has_output(core, w->process) ||
            job_at(&core->jobs, w->process)->client != index)
            continue;
        struct effect *fx = core_emit(core, EFFECT_HOLD_OUTPUT);
        fx->worker = i - 1;
        fx->hold = hold;
    }
}
