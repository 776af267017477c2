#include "submit.h"

#include <stdio.h>
#include <string.h>

#include "follow.h"
#include "mem.h"
#include "sched.h"
#include "state.h"

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

// "there is no pool 'gpu'; there are 'default', 'threads'"
static jobd_bytes no_pool_text(struct core *core, jobd_bytes name) {
    char list[512];
    size_t n = 0;
    int len = jd_name_ok(name, JD_NAME_MAX) ? (int)name.len : 0;
    list[0] = '\0';
    for (uint32_t i = 0; i < core->n_pools && n < sizeof list; i++) {
        const struct pool *pool = core->pools[i];
        if (pool && !pool->deleting && !pool->is_single)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s'%s'", n ? ", " : "", pool->name);
    }
    return core_text(core, "there is no pool '%.*s'; there %s %s", len, (const char *)name.data,
                     strchr(list, ',') ? "are" : "is", list);
}

void submit_on_executor_open(struct core *core, uint32_t index, const struct jd_msg *msg) {
    struct client *client = client_at(&core->clients, index);
    const struct jd_executor_open *open = &msg->u.executor_open;
    uint32_t number = (uint32_t)open->executor;
    struct pool *pool = pool_find(core, open->pool);
    if (!pool || pool->is_single) {
        client_emit_error(core, client, msg, JOBD_E_NOENT, no_pool_text(core, open->pool));
        return;
    }
    if (number < client->n_executors && client->executors[number]) {
        client_emit_error(core, client, msg, JOBD_E_STATE,
                          jd_text("that executor number is open already"));
        return;
    }
    uint32_t share = 0;
    if (make_room_for_executor(client, number))
        share = share_take(core, index, pool, (uint32_t)open->max_workers);
    if (!share) {
        client_emit_error(core, client, msg, JOBD_E_NOMEM, (jobd_bytes){0});
        return;
    }
    client->executors[number] = share;
    client_emit_reply(core, client, msg)->lazy = true;
}

void submit_on_executor_close(struct core *core, uint32_t index, const struct jd_msg *msg) {
    struct client *client = client_at(&core->clients, index);
    uint32_t number = (uint32_t)msg->u.executor_close.executor;
    if (number >= client->n_executors || !client->executors[number]) {
        client_emit_error(core, client, msg, JOBD_E_NOENT, jd_text("no such executor is open"));
        return;
    }
    share_give(core, client->executors[number]);
    client->executors[number] = 0;
    client_emit_reply(core, client, msg)->lazy = true;
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

// What is the same for every job: may it be accepted at all? 0, and *ret_task, or why not.
static int refuse(struct core *core, const struct client *client, const struct jd_submit *s,
                  uint32_t *ret_task, jobd_bytes *ret_text) {
    if (core->stopping && !client->worker) {
        *ret_text = jd_text("the daemon is stopping; it takes no new jobs");
        return JOBD_E_STOPPING;
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

// Where the client's jobs go. 0, and *ret_share, or why nowhere.
static int find_share(struct core *core, uint32_t index, const struct jd_submit *s,
                      uint32_t *ret_share, jobd_bytes *ret_text) {
    const struct client *client = client_at(&core->clients, index);
    if (client->worker) // a task that calls: its own pool
        *ret_share = share_of(core, index, core->workers[client->worker - 1].pool);
    else if (s->executor < client->n_executors)
        *ret_share = client->executors[s->executor];
    if (!*ret_share) {
        *ret_text = core_text(core, "executor %u is not open", (unsigned)s->executor);
        return client->worker ? JOBD_E_NOMEM : JOBD_E_NOENT;
    }
    const struct pool *pool = share_at(&core->clients, *ret_share)->pool;
    if (pool->deleting) {
        *ret_text = core_text(core, "the pool '%s' was deleted", pool->name);
        return JOBD_E_NOENT;
    }
    if (pool->draining && !client->worker) {
        *ret_text = core_text(core, "the pool '%s' is draining; it takes no new jobs", pool->name);
        return JOBD_E_STOPPING;
    }
    return 0;
}

// The job is found by its id, and by its key if it has one. False = out of memory.
static bool make_known(struct core *core, uint32_t index, jobd_bytes key) {
    struct job *job = job_at(&core->jobs, index);
    bool wants_side = key.len > 0 || job->flags & JOB_PROCESS;
    struct job_side *side = wants_side ? job_side_make(core, job) : NULL;
    if ((wants_side && !side) || !ids_set(&core->ids, core->next_id, index))
        return false;
    if (key.len == 0 || (side->key = keys_add(&core->keys, key, core->next_id)) != 0)
        return true;
    ids_clear(&core->ids, core->next_id);
    return false;
}

// Everything a job needs is taken before anything changes, and given back if one part fails.
static uint32_t make(struct core *core, uint32_t index, const struct jd_submit *s, unsigned flags) {
    bool detached = flags & JOB_DETACHED;
    struct client *client = client_at(&core->clients, index);
    uint32_t job_index = job_new(core, s);
    if (!job_index)
        return 0;
    struct job *job = job_at(&core->jobs, job_index);
    job->flags |= (uint8_t)flags;
    job->client = detached ? core->nobody : index;
    job->handle = detached ? 0 : (uint32_t)s->handle & 0xffffff;
    bool named = detached ? follow_add(core, job_index, index, (uint32_t)s->handle) == 0
                          : handles_set(&client->handles, (uint32_t)s->handle, job_index);
    if (named && make_known(core, job_index, s->key))
        return job_index;
    if (named)
        handles_clear(&client->handles, (uint32_t)s->handle);
    if (named && detached)
        jd_slab_give(&core->followers, job_side_at(&core->jobs, job->side)->followers);
    job_free(core, job_index);
    return 0;
}

static void accept(struct core *core, struct job *job, uint32_t task, struct pool *pool) {
    job->id = core->next_id++;
    job->task = (uint16_t)task;
    pool->n_jobs++;
    core->counts.submitted++;
    if (pool->is_lazy && pool->n_all == 0)
        pool_unbalance(core, pool);
    if (core->n_watchers)
        watch_job(core, job, "job.submitted", (jobd_bytes){0});
}

static int submit(struct core *core, uint32_t index, const struct jd_submit *s, uint64_t *ret_id,
                  jobd_bytes *ret_text) {
    uint32_t task = 0, share = 0, lane = 0;
    int err = refuse(core, client_at(&core->clients, index), s, &task, ret_text);
    err = err ? err : find_share(core, index, s, &share, ret_text);
    if (err)
        return err;
    struct pool *pool = share_at(&core->clients, share)->pool;
    if (s->detached)
        share = share_of(core, core->nobody, pool);
    lane = share ? share_lane(core, share, s->priority) : 0;
    uint32_t job_index = lane ? make(core, index, s, s->detached ? JOB_DETACHED : 0) : 0;
    if (!job_index)
        return JOBD_E_NOMEM;
    struct job *job = job_at(&core->jobs, job_index);
    job->lane = lane;
    accept(core, job, task, pool);
    *ret_id = job->id;
    if (s->delay_ms) {
        job->state = JOBD_JOB_DELAYED;
    } else {
        sched_add(core, job_index);
    }
    if (job->side)
        timer_update(core, job_index);
    return 0;
}

void submit_on_submit(struct core *core, uint32_t index, const struct jd_msg *msg) {
    const struct client *client = client_at(&core->clients, index);
    const struct jd_submit *s = &msg->u.submit;
    jobd_bytes text = {0};
    uint64_t id = s->key.len ? keys_find(&core->keys, s->key) : 0;
    bool known = id != 0; // another submit had this key
    int err =
        known ? attach(core, index, (uint32_t)s->handle, id) : submit(core, index, s, &id, &text);
    if (err) {
        core->counts.refused++;
        client_emit_error(core, client, msg, err, text);
        return;
    }
    // Lazy: a result that comes soon saves the client a wake-up.
    struct effect *fx = client_emit_reply(core, client, msg);
    fx->lazy = !known;
    fx->msg.u.submit_ok.job = id;
    if (known)
        attach_tell(core, index, (uint32_t)s->handle, id);
}

int submit_process(struct core *core, uint32_t index, const struct jd_submit *s, uint32_t *ret_job,
                   jobd_bytes *ret_text) {
    unsigned flags = JOB_PROCESS | (s->detached ? JOB_DETACHED : 0);
    uint32_t task = 0;
    int err = refuse(core, client_at(&core->clients, index), s, &task, ret_text);
    if (err)
        return err;
    uint32_t job_index = make(core, index, s, flags);
    if (!job_index)
        return JOBD_E_NOMEM;
    accept(core, job_at(&core->jobs, job_index), task, core->processes);
    *ret_job = job_index;
    return 0;
}
