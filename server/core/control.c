// What clients ask about jobs that there are: cancel, abort, signal, attach. Their own they name by
// handle, others by id.
#include "follow.h"
#include "keys.h"
#include "process.h"
#include "sched.h"
#include "state.h"
#include "submit.h"

// 0 = there is none (any more).
static uint32_t find(struct core *core, const struct client *client, uint64_t handle, uint64_t id) {
    return id ? ids_find(&core->ids, id) : handles_get(&client->handles, (uint32_t)handle);
}

static void answer(struct core *core, const struct client *client, const struct jd_msg *msg,
                   bool cancelled) {
    client_emit_reply(core, client, msg)->msg.u.cancel_ok.cancelled = cancelled;
}

// The client gives up a job that somebody else wants: its future is cancelled, the job is not.
static bool give_up(struct core *core, uint32_t index, uint32_t job_index,
                    const struct jd_msg *msg) {
    const struct client *client = client_at(&core->clients, index);
    const struct job *job = job_at(&core->jobs, job_index);
    uint32_t handle = (uint32_t)msg->u.cancel.handle;
    if (msg->u.cancel.job || job->flags & JOB_DETACHED || !job_is_followed(core, job))
        return false;
    if (job->state == JOBD_JOB_RUNNING || !follow_leave(core, job_index, index, handle))
        return false;
    answer(core, client, msg, true);
    struct effect *fx = client_emit_event(core, client, JD_OP_JOB_DONE);
    fx->msg.u.job_done = (struct jd_job_done){
        .handle = client_wire_handle(client, handle),
        .state = JOBD_JOB_CANCELLED,
        .error = (uint64_t)-JOBD_E_CANCELLED,
        .text = jd_text("cancelled here; others wait for the job, so it goes on")};
    return true;
}

const char *cancelled_text(struct core *core, const struct job *job, uint32_t index) {
    if (job->client == index)
        return "cancelled by its submitter";
    return (const char *)core_text(core, "cancelled by process %u",
                                   client_at(&core->clients, index)->pid)
        .data;
}

void control_on_cancel(struct core *core, uint32_t index, const struct jd_msg *msg) {
    const struct client *client = client_at(&core->clients, index);
    uint32_t job_index = find(core, client, msg->u.cancel.handle, msg->u.cancel.job);
    struct job *job = job_index ? job_at(&core->jobs, job_index) : NULL;
    if (!job) {
        answer(core, client, msg, false);
        return;
    }
    if (give_up(core, index, job_index, msg))
        return;
    struct worker *w = &core->workers[job->worker];
    if (job->state == JOBD_JOB_SENT && !w->ended && w->slot[job->slot].state == SLOT_SENT) {
        struct slot_more *more = slot_more(w, job->slot);
        more->asker = index;
        more->ask_id = msg->id;
        window_revoke(core, job->worker, job->slot, REVOKE_CANCEL); // answered with EVENT_REVOKED
        return;
    }
    bool cancelled = job_waits(job);
    answer(core, client, msg, cancelled);
    if (cancelled)
        job_withdraw(core, job_index, cancelled_text(core, job, index));
}

void control_on_abort(struct core *core, uint32_t index, const struct jd_msg *msg) {
    const struct client *client = client_at(&core->clients, index);
    const struct jd_abort *abort = &msg->u.abort;
    uint32_t job_index = find(core, client, abort->handle, abort->job);
    const struct job *job = job_index ? job_at(&core->jobs, job_index) : NULL;
    client_emit_reply(core, client, msg)->msg.u.abort_ok.state = job ? job->state : JOBD_JOB_NONE;
    if (!job)
        return;
    if (job_waits(job))
        job_withdraw(core, job_index,
                     (const char *)core_text(core, "stopped by process %u before it was started",
                                             client->pid)
                         .data);
    else
        job_stop(core, job_index,
                 &(struct stop){.why = STOP_ABORT,
                                .grace_ns = abort->grace_ms * 1000000,
                                .force = abort->force,
                                .by_pid = client->pid});
}

void control_on_signal(struct core *core, uint32_t index, const struct jd_msg *msg) {
    const struct client *client = client_at(&core->clients, index);
    const struct jd_signal *signal = &msg->u.signal;
    uint32_t job_index = find(core, client, signal->handle, signal->job);
    const struct job *job = job_index ? job_at(&core->jobs, job_index) : NULL;
    if (!job) {
        client_emit_error(core, client, msg, JOBD_E_NOENT, jd_text("no such job is unfinished"));
        return;
    }
    if (!(job->flags & JOB_PROCESS)) {
        client_emit_error(core, client, msg, JOBD_E_NOTSUP,
                          jd_text("signals are for processes; a job of a pool can be killed"));
        return;
    }
    if (signal->signal == 0) {
        client_emit_error(core, client, msg, JOBD_E_INVAL, jd_text("a signal is 1 to 64"));
        return;
    }
    if (!core->workers[job->worker].pid) {
        client_emit_error(core, client, msg, JOBD_E_STATE, jd_text("the process does not run yet"));
        return;
    }
    core->workers[job->worker].was_signalled = true;
    struct effect *fx = core_emit(core, EFFECT_SIGNAL);
    fx->worker = job->worker;
    fx->signal = (int)signal->signal;
    client_emit_reply(core, client, msg);
}

// ---- attach ----

void attach_tell(struct core *core, uint32_t index, uint32_t handle, uint64_t id) {
    const struct client *client = client_at(&core->clients, index);
    const struct kept *k = ids_find(&core->ids, id) ? NULL : kept_find(core, id);
    if (!k)
        return;
    kept_show(core, k);
    struct effect *fx = client_emit_event(core, client, JD_OP_JOB_DONE);
    struct jd_job_done *done = &fx->msg.u.job_done;
    *done = (struct jd_job_done){
        .handle = client_wire_handle(client, handle),
        .state = k->state,
        .pid = k->pid,
        .run_ns = k->run_ns,
        .value = {k->value, k->value_bytes},
        .error = (uint64_t)-k->error,
        .name = jd_text(k->name ? k->name : ""),
        .text = jd_text(k->text ? k->text : ""),
        .attempt = k->attempts > 1 ? k->attempts : 0,
        .status = k->status,
    };
    if (k->lost_bytes == 0 && k->value_bytes <= client->max_value)
        return;
    done->state = JOBD_JOB_FAILED;
    done->error = (uint64_t)-JOBD_E_RESULT_TOO_BIG;
    done->value = done->name = (jobd_bytes){0};
    done->text =
        k->lost_bytes
            ? core_text(core, "the result had %u bytes and could not be kept", k->lost_bytes)
            : core_text(core, "the result has %u bytes; this connection takes %u", k->value_bytes,
                        client->max_value);
}

int attach(struct core *core, uint32_t index, uint32_t handle, uint64_t id) {
    struct client *client = client_at(&core->clients, index);
    uint32_t job_index = ids_find(&core->ids, id);
    if (handles_get(&client->handles, handle))
        return JOBD_E_STATE;
    if (job_index)
        return follow_add(core, job_index, index, handle);
    return kept_find(core, id) ? 0 : JOBD_E_NOENT;
}

void control_on_attach(struct core *core, uint32_t index, const struct jd_msg *msg) {
    const struct client *client = client_at(&core->clients, index);
    uint32_t handle = (uint32_t)msg->u.attach.handle;
    int err = attach(core, index, handle, msg->u.attach.job);
    if (err) {
        jobd_bytes text = {0};
        if (err == JOBD_E_NOENT)
            text = core_text(core, "there is no job %llu, or it is forgotten",
                             (unsigned long long)msg->u.attach.job);
        client_emit_error(core, client, msg, err, text);
        return;
    }
    client_emit_reply(core, client, msg);
    attach_tell(core, index, handle, msg->u.attach.job);
}
