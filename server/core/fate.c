// How a job ends: its client is told exactly once, the counts are kept, the record is gone.
#include <string.h>

#include "sched.h"
#include "state.h"

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
    return (struct fate){.state = JOBD_JOB_FAILED,
                         .error = JOBD_E_RESULT_TOO_BIG,
                         .run_ns = fate->run_ns,
                         .pid = fate->pid,
                         .text =
                             core_text(core, "the result has %zu bytes; this connection takes %u",
                                       fate->value.len, client->max_value)};
}

void job_end(struct core *core, uint32_t index, const struct fate *fate) {
    struct job *job = job_at(&core->jobs, index);
    uint32_t client_index = job->client;
    struct client *client = client_at(&core->clients, client_index);
    struct fate instead;
    if (fate->value.len > client->max_value) {
        instead = too_big(core, client, fate);
        fate = &instead;
    }
    job_set_state(job, fate->state);
    count(&core->counts, fate->state);
    if (client->state == CLIENT_OPEN) {
        struct effect *fx = core_emit_event(core, client->peer, JD_OP_JOB_DONE);
        fx->msg.u.job_done = (struct jd_job_done){
            .handle = job->handle,
            .state = job->state,
            .pid = fate->pid,
            .run_ns = fate->run_ns,
            .value = fate->value,
            .error = (uint64_t)-fate->error,
            .name = fate->name,
            .text = fate->text,
        };
    }
    handles_clear(&client->handles, job->handle);
    job_free(core, index);
    client_settle(core, client_index);
}

void job_end_cancelled(struct core *core, uint32_t index, const char *why) {
    struct fate fate = {
        .state = JOBD_JOB_CANCELLED, .error = JOBD_E_CANCELLED, .text = jd_text(why)};
    job_end(core, index, &fate);
}

void job_note(struct core *core, const struct job *job, double progress, jobd_bytes text) {
    struct client *client = client_at(&core->clients, job->client);
    if (client->state != CLIENT_OPEN || client->paused)
        return;
    bool placed = job->state == JOBD_JOB_SENT || job->state == JOBD_JOB_RUNNING;
    bool runs = job->state == JOBD_JOB_RUNNING;
    struct effect *fx = core_emit_event(core, client->peer, JD_OP_JOB_STATE);
    fx->msg.u.job_state = (struct jd_job_state){
        .handle = job->handle,
        .state = job->state,
        .pid = placed ? core->workers[job->worker].pid : 0,
        .attempt = (uint64_t)job->attempts + runs,
        .progress = progress,
        .text = text,
    };
}
