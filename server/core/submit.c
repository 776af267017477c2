// What a client asks about jobs: open an executor, submit, cancel. A refused request changes
// nothing.
#include <string.h>

#include "mem.h"
#include "sched.h"
#include "state.h"

static struct pool *find_pool(struct core *core, jobd_bytes name) {
    struct pool *pool = &core->pool;
    bool same = name.len == strlen(pool->name) && memcmp(name.data, pool->name, name.len) == 0;
    return same ? pool : NULL;
}

static bool make_room_for_executor(struct client *client, uint32_t number) {
    if (number < client->n_executors)
        return true;
    uint32_t n = client->n_executors ? client->n_executors : 4;
    while (n <= number)
        n *= 2;
    uint32_t *executors = jd_realloc(client->executors, n * sizeof *executors);
    if (!executors)
        return false;
    memset(executors + client->n_executors, 0, (n - client->n_executors) * sizeof *executors);
    client->executors = executors;
    client->n_executors = n;
    return true;
}

// The client's lane in a pool, made at first use; 0 = out of memory.
static uint32_t lane_for(struct core *core, uint32_t index, struct pool *pool) {
    struct clients *c = &core->clients;
    struct client *client = client_at(c, index);
    for (uint32_t lane = client->lanes; lane; lane = lane_at(c, lane)->next)
        if (lane_at(c, lane)->pool == pool)
            return lane;
    uint32_t lane = jd_slab_take(&c->lanes);
    if (!lane)
        return 0;
    *lane_at(c, lane) = (struct lane){.client = index, .pool = pool, .next = client->lanes};
    client->lanes = lane;
    return lane;
}

void submit_on_executor_open(struct core *core, uint32_t index, const struct jd_msg *msg) {
    struct client *client = client_at(&core->clients, index);
    const struct jd_executor_open *open = &msg->u.executor_open;
    uint32_t number = (uint32_t)open->executor;
    struct pool *pool = find_pool(core, open->pool);
    if (!pool) {
        int len = jd_name_ok(open->pool, JD_NAME_MAX) ? (int)open->pool.len : 0;
        core_emit_error(core, client->peer, msg, JOBD_E_NOENT,
                        core_text(core, "there is no pool '%.*s'; there is '%s'", len,
                                  (const char *)open->pool.data, core->pool.name));
        return;
    }
    if (number < client->n_executors && client->executors[number]) {
        core_emit_error(core, client->peer, msg, JOBD_E_STATE,
                        jd_text("that executor number is open already"));
        return;
    }
    uint32_t lane = make_room_for_executor(client, number) ? lane_for(core, index, pool) : 0;
    if (!lane) {
        core_emit_error(core, client->peer, msg, JOBD_E_NOMEM, (jobd_bytes){0});
        return;
    }
    client->executors[number] = lane;
    core_emit_reply(core, client->peer, msg)->lazy = true;
}

void submit_on_executor_close(struct core *core, uint32_t index, const struct jd_msg *msg) {
    struct client *client = client_at(&core->clients, index);
    uint32_t number = (uint32_t)msg->u.executor_close.executor;
    if (number >= client->n_executors || !client->executors[number]) {
        core_emit_error(core, client->peer, msg, JOBD_E_NOENT, jd_text("no such executor is open"));
        return;
    }
    client->executors[number] = 0;
    core_emit_reply(core, client->peer, msg)->lazy = true;
}

jobd_bytes task_unknown_text(struct core *core, jobd_bytes name) {
    const char *close = tasks_suggest(&core->tasks, name);
    if (!jd_name_ok(name, TASK_NAME_BYTES))
        return jd_text("that is no task's name: 1 to 64 bytes of [A-Za-z0-9._:/-]");
    if (close)
        return core_text(core, "no task is named '%.*s'; did you mean '%s'?", (int)name.len,
                         (const char *)name.data, close);
    return core_text(core, "no task is named '%.*s'; `jobctl tasks` lists them", (int)name.len,
                     (const char *)name.data);
}

// Before the first worker is ready any name may be right; its own must still find room, though.
static int find_task(struct tasks *tasks, jobd_bytes name) {
    int task = tasks_find(tasks, name);
    if (task >= 0 || tasks->settled)
        return task;
    return tasks->n < TASKS_WAITING_MAX ? tasks_intern(tasks, name) : JOBD_E_LIMIT;
}

// Why a submit cannot be accepted; 0 = it can. *ret_task is the task's index then.
static int refuse(struct core *core, const struct client *client, const struct jd_submit *s,
                  uint32_t *ret_task, jobd_bytes *ret_text) {
    if (core->stopping) {
        *ret_text = jd_text("the daemon is stopping; it takes no new jobs");
        return JOBD_E_STOPPING;
    }
    if (s->executor >= client->n_executors || !client->executors[s->executor]) {
        *ret_text = core_text(core, "executor %u is not open", (unsigned)s->executor);
        return JOBD_E_NOENT;
    }
    if (handles_get(&client->handles, (uint32_t)s->handle)) {
        *ret_text =
            core_text(core, "handle %u is in use by an unfinished job", (unsigned)s->handle);
        return JOBD_E_STATE;
    }
    if (s->args.len > core->cfg.max_frame_bytes - JD_ENVELOPE_BYTES) {
        *ret_text = core_text(core, "%zu bytes of arguments; the limit is %u", s->args.len,
                              core->cfg.max_frame_bytes - JD_ENVELOPE_BYTES);
        return JOBD_E_MSGSIZE;
    }
    if (core->jobs.slab.used >= core->cfg.max_jobs) {
        *ret_text = core_text(core, "%u jobs are waiting or running; the limit is max_jobs",
                              core->jobs.slab.used);
        return JOBD_E_LIMIT;
    }
    if (core->jobs.args_bytes + s->args.len > core->cfg.max_queued_bytes) {
        *ret_text =
            core_text(core, "%llu bytes of arguments are held; the limit is max_queued_bytes",
                      (unsigned long long)core->jobs.args_bytes);
        return JOBD_E_LIMIT;
    }
    if (core->next_id == core->id_limit)
        return JOBD_E_AGAIN;
    int task = find_task(&core->tasks, s->task);
    if (task == -1 || (task >= 0 && core->tasks.settled && !core->tasks.list[task].known)) {
        *ret_text = task_unknown_text(core, s->task);
        return JOBD_E_NOTASK;
    }
    if (task == JOBD_E_LIMIT)
        *ret_text = jd_text("too many different task names wait for the first worker");
    *ret_task = (uint32_t)task;
    return JD_MIN(task, 0);
}

void submit_on_submit(struct core *core, uint32_t index, const struct jd_msg *msg) {
    struct client *client = client_at(&core->clients, index);
    const struct jd_submit *s = &msg->u.submit;
    jobd_bytes text = {0};
    uint32_t task = 0, job_index = 0;
    int err = refuse(core, client, s, &task, &text);
    if (!err) {
        job_index = job_new(core, s->args, s->time_limit_ms * 1000000);
        if (!job_index)
            err = JOBD_E_NOMEM;
        else if (!handles_set(&client->handles, (uint32_t)s->handle, job_index))
            job_free(core, job_index), err = JOBD_E_NOMEM;
    }
    if (err) {
        core->counts.refused++;
        core_emit_error(core, client->peer, msg, err, text);
        return;
    }
    struct job *job = job_at(&core->jobs, job_index);
    job->id = core->next_id++;
    job->client = index;
    job->handle = (uint32_t)s->handle;
    job->task = (uint16_t)task;
    job->max_lost = (uint8_t)s->max_lost;
    job->lane = client->executors[s->executor];
    core->counts.submitted++;
    // Lazy: a result that comes soon saves the client a wake-up.
    struct effect *fx = core_emit_reply(core, client->peer, msg);
    fx->lazy = true;
    fx->msg.u.submit_ok.job = job->id;
    sched_add(core, job_index);
}

void submit_on_cancel(struct core *core, uint32_t index, const struct jd_msg *msg) {
    struct client *client = client_at(&core->clients, index);
    uint32_t job_index = handles_get(&client->handles, (uint32_t)msg->u.cancel.handle);
    struct job *job = job_index ? job_at(&core->jobs, job_index) : NULL;
    if (job && job->state == JOBD_JOB_SENT) {
        struct slot *slot = &core->workers[job->worker].slot[job->slot];
        if (slot->state == SLOT_SENT) { // the answer comes with EVENT_REVOKED
            slot->cancel_id = msg->id;
            window_revoke(core, job->worker, job->slot, REVOKE_CANCEL);
            return;
        }
    }
    bool cancelled = job && job->state == JOBD_JOB_QUEUED;
    core_emit_reply(core, client->peer, msg)->msg.u.cancel_ok.cancelled = cancelled;
    if (cancelled) {
        sched_remove(core, job_index);
        job_end_cancelled(core, job_index, "cancelled by its submitter");
    }
}
