// How a job ends: everyone who waits for it is told exactly once, the counts are kept, the record is
// gone.
#include <string.h>

#include "follow.h"
#include "ids.h"
#include "kept.h"
#include "keys.h"
#include "sched.h"
#include "state.h"
#include "watch.h"

static void count(struct counts *counts, jobd_job_state state) {
    switch (state) {
    case JOBD_JOB_DONE:
        counts->done++;
        return;
    case JOBD_JOB_FAILED:
        counts->failed++;
        return;
    case JOBD_JOB_CANCELLED:
        counts->cancelled++;
        return;
    case JOBD_JOB_KILLED:
        counts->killed++;
        return;
    case JOBD_JOB_TIMED_OUT:
        counts->timed_out++;
        return;
    default:
        counts->lost++;
    }
}

// A result that the client agreed to no frame for.
static struct fate too_big(struct core *core, const struct client *client,
                           const struct fate *fate) {
    struct fate instead = *fate;
    instead.state = JOBD_JOB_FAILED;
    instead.error = JOBD_E_RESULT_TOO_BIG;
    instead.name = instead.value = (jobd_bytes){0};
    instead.text = core_text(core, "the result has %zu bytes; this connection takes %u",
                             fate->value.len, client->max_value);
    return instead;
}

static void tell(struct core *core, const struct client *client, uint32_t handle,
                 const struct job *job, const struct fate *fate) {
    if (client->state != CLIENT_OPEN)
        return;
    struct fate instead;
    if (fate->value.len > client->max_value) {
        instead = too_big(core, client, fate);
        fate = &instead;
    }
    struct effect *fx = client_emit_event(core, client, JD_OP_JOB_DONE);
    fx->msg.u.job_done = (struct jd_job_done){
        .handle = client_wire_handle(client, handle),
        .state = (uint64_t)fate->state,
        .pid = fate->pid,
        .run_ns = fate->run_ns,
        .value = fate->value,
        .error = (uint64_t)-fate->error,
        .name = fate->name,
        .text = fate->text,
        .attempt = job->attempts > 1 ? job->attempts : 0,
        .status = fate->status,
    };
}

void job_end(struct core *core, uint32_t index, const struct fate *fate) {
    struct job *job = job_at(&core->jobs, index);
    uint32_t owner = job->client;
    struct client *client = owner != core->nobody ? client_at(&core->clients, owner) : NULL;
    struct fate instead; // what the owner cannot be told is no result
    if (client && fate->value.len > client->max_value) {
        instead = too_big(core, client, fate);
        fate = &instead;
    }
    job_set_state(job, fate->state);
    count(&core->counts, fate->state);
    job_pool(core, job)->n_jobs--;
    if (client) {
        tell(core, client, job->handle, job, fate);
        handles_clear(&client->handles, job->handle);
    }
    if (job->side) {
        for (uint32_t f = follow_first(core, job); f; f = follower_at(core, f)->next)
            tell(core, client_at(&core->clients, follower_at(core, f)->client),
                 follower_at(core, f)->handle, job, fate);
        follow_end(core, index);
        timer_remove(core, index);
    }
    if (core->n_watchers)
        watch_job(core, job, "job.done", fate->text);
    kept_add(core, job, fate);
    if (job->side && job_side_at(&core->jobs, job->side)->key)
        keys_remove(&core->keys, job_side_at(&core->jobs, job->side)->key);
    ids_clear(&core->ids, job->id);
    job_free(core, index);
    if (client && client->state == CLIENT_GONE)
        client_settle(core, owner);
}

void job_end_cancelled(struct core *core, uint32_t index, const char *why) {
    struct fate fate = {
        .state = JOBD_JOB_CANCELLED, .error = JOBD_E_CANCELLED, .text = jd_text(why)};
    job_end(core, index, &fate);
}

static void note_to(struct core *core, uint32_t client_index, uint32_t handle,
                    const struct jd_job_state *state) {
    const struct client *client = client_at(&core->clients, client_index);
    if (client->state != CLIENT_OPEN || client->paused || client->worker)
        return;
    struct effect *fx = client_emit_event(core, client, JD_OP_JOB_STATE);
    fx->msg.u.job_state = *state;
    fx->msg.u.job_state.handle = handle;
}

void job_note(struct core *core, const struct job *job, double progress, jobd_bytes text) {
    bool placed = job->state == JOBD_JOB_SENT || job->state == JOBD_JOB_RUNNING;
    bool runs = job->state == JOBD_JOB_RUNNING;
    const struct worker *w = placed ? &core->workers[job->worker] : NULL;
    struct jd_job_state state = {
        .state = job->state,
        .pid = w && w->more[job->slot].pid ? w->more[job->slot].pid
               : w                         ? w->pid
                                           : 0,
        .attempt = (uint64_t)job->attempts + runs,
        .progress = progress,
        .text = text,
    };
    if (job->client != core->nobody)
        note_to(core, job->client, job->handle, &state);
    for (uint32_t f = follow_first(core, job); f; f = follower_at(core, f)->next)
        note_to(core, follower_at(core, f)->client, follower_at(core, f)->handle, &state);
}
