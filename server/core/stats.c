#include "stats.h"

#include <string.h>

#include "rows.h"

#include <jobd/task.h>

// Answers with what is in core->reply; a map that could not be finished is an error.
void rows_answer(struct core *core, const struct client *client, const struct jd_msg *msg, int err,
                 uint64_t cursor) {
    if (err) {
        client_emit_error(core, client, msg, JOBD_E_NOMEM, (jobd_bytes){0});
        return;
    }
    struct effect *fx = client_emit_reply(core, client, msg);
    if (msg->op == JD_OP_STATUS || msg->op == JD_OP_WHY)
        fx->msg.u.status.map = jd_buf_view(&core->reply);
    else
        fx->msg.u.listing = (struct jd_listing){cursor, jd_buf_view(&core->reply)};
}

static uint64_t n_pools(const struct core *core) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < core->n_pools; i++)
        n += core->pools[i] && !core->pools[i]->is_single;
    return n;
}

static uint64_t sum_queued(const struct core *core) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < core->n_pools; i++)
        n += core->pools[i] ? core->pools[i]->n_queued : 0;
    return n;
}

static uint64_t sum_out(const struct core *core) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < core->n_pools; i++)
        n += core->pools[i] ? core->pools[i]->n_out : 0;
    return n;
}

void stats_on_status(struct core *core, struct client *client, const struct jd_msg *msg) {
    const struct pool *pool = &core->pool;
    const struct counts *n = &core->counts;
    core->reply.pos = core->reply.len = 0;
    struct map m = map_begin(&core->reply, 26);
    put_u64(&m, "pid", core->cfg.pid);
    put_str(&m, "version", JOBD_VERSION);
    put_f64(&m, "uptime_s", (double)(core->now_ns - core->started_ns) * 1e-9);
    put_str(&m, "state", core->stopping ? "stopping" : "running");
    put_str(&m, "pool", pool->name);
    put_bool(&m, "degraded", pool->degraded);
    put_u64(&m, "workers", pool->n_workers);
    put_u64(&m, "workers_ready", pool->n_ready);
    put_u64(&m, "clients", core->clients.n);
    put_u64(&m, "pools", n_pools(core));
    put_u64(&m, "jobs", core->jobs.slab.used);
    put_u64(&m, "jobs_queued", sum_queued(core));
    put_u64(&m, "jobs_running", sum_out(core));
    put_u64(&m, "queued_bytes", core->jobs.args_bytes);
    put_u64(&m, "submitted", n->submitted);
    put_u64(&m, "refused", n->refused);
    put_u64(&m, "done", n->done);
    put_u64(&m, "failed", n->failed);
    put_u64(&m, "cancelled", n->cancelled);
    put_u64(&m, "killed", n->killed);
    put_u64(&m, "timed_out", n->timed_out);
    put_u64(&m, "lost", n->lost);
    put_u64(&m, "retried", n->retried);
    put_u64(&m, "taken_back", n->taken_back);
    put_u64(&m, "worker_deaths", n->worker_deaths);
    put_u64(&m, "workers_broken", n->broken);
    rows_answer(core, client, msg, map_end(&m), 0);
}

static const char *worker_state_name(const struct worker *w) {
    switch ((enum worker_state)w->state) {
    case WORKER_EMPTY:
        return "waiting to start";
    case WORKER_STARTING:
        return "starting";
    case WORKER_INIT:
        return "initializing";
    case WORKER_READY:
        if (w->retiring || w->parked)
            return w->parked ? "parked" : "retiring";
        if (w->stop_slot != SLOT_NONE)
            return "stopping a job";
        return w->n_lent ? "waiting" : w->n_out ? "busy" : "idle";
    case WORKER_LEAVING:
        return "leaving";
    case WORKER_REAPING:
        return "dead";
    }
    JD_UNREACHABLE();
}

static int put_worker(struct core *core, uint32_t number) {
    const struct worker *w = &core->workers[number];
    const struct slot *running = NULL;
    for (uint16_t i = w->out_head; i != SLOT_NONE && !running; i = w->slot[i].next)
        if (w->slot[i].state == SLOT_RUNNING)
            running = &w->slot[i];
    const struct job *job = running ? job_at(&core->jobs, running->job) : NULL;
    struct map m = map_begin(&core->reply, 11);
    put_u64(&m, "worker", number);
    put_str(&m, "pool", w->pool->name);
    put_u64(&m, "pid", w->pid);
    put_str(&m, "state", worker_state_name(w));
    put_u64(&m, "slots_used", w->n_out);
    put_u64(&m, "jobs_done", w->jobs_done);
    put_u64(&m, "deaths", w->deaths);
    put_u64(&m, "job", job ? job->id : 0);
    put_str(&m, "task", job ? core->tasks.list[job->task].name : NULL);
    put_f64(&m, "progress", running ? running->progress : 0);
    put_f64(&m, "running_s", running ? (double)(core->now_ns - running->since_ns) * 1e-9 : 0);
    return map_end(&m);
}

static int put_task(struct core *core, uint32_t wire) {
    const struct task *task = core->tasks.list;
    while (!task->known || task->wire != wire) // a name that waited in vain is not a task
        task++;
    struct map m = map_begin(&core->reply, 6);
    put_str(&m, "task", task->name);
    put_str(&m, "summary", task->summary);
    put_bool(&m, "idempotent", task->flags & JOBD_TASK_IDEMPOTENT);
    put_bool(&m, "cancellable", task->flags & JOBD_TASK_CANCELLABLE);
    put_u64(&m, "runs", task->runs);
    put_f64(&m, "avg_us", (double)task->avg_ns * 1e-3);
    return map_end(&m);
}

// One page: rows [cursor, ...) of n, as many as a listing may have and as fit a frame. put_row may
// leave one out.
static void page(struct core *core, struct client *client, const struct jd_msg *msg, uint32_t n,
                 bool (*has_row)(const struct core *, uint32_t),
                 int (*put_row)(struct core *, uint32_t)) {
    _Static_assert(JD_LISTING_MAX * ROW_MAX_BYTES + JD_ENVELOPE_BYTES <= JD_FRAME_MIN_BYTES,
                   "a page fits the smallest frame");
    uint32_t first = (uint32_t)JD_MIN(msg->u.page.cursor, (uint64_t)n), end = first, rows = 0;
    for (; end < n && rows < JD_LISTING_MAX; end++)
        rows += has_row(core, end);
    core->reply.pos = core->reply.len = 0;
    msgpack_packer pk = jd_packer_of(&core->reply);
    int err = msgpack_pack_array(&pk, rows);
    for (uint32_t i = first; i < end; i++)
        err |= has_row(core, i) ? put_row(core, i) : 0;
    rows_answer(core, client, msg, err, end < n ? end : 0);
}

static bool has_worker(const struct core *core, uint32_t number) {
    return core->workers[number].pool;
}

void stats_on_workers(struct core *core, struct client *client, const struct jd_msg *msg) {
    page(core, client, msg, core->n_numbers, has_worker, put_worker);
}

static bool has_task(const struct core *core, uint32_t wire) {
    return wire < core->tasks.n_wire;
}

void stats_on_tasks(struct core *core, struct client *client, const struct jd_msg *msg) {
    page(core, client, msg, core->tasks.n_wire, has_task, put_task);
}

static const char *pool_state_name(const struct pool *pool) {
    return pool->deleting   ? "deleting"
           : pool->draining ? "draining"
           : pool->paused   ? "paused"
           : pool->degraded ? "degraded"
                            : "running";
}

static int put_pool(struct core *core, uint32_t number) {
    const struct pool *pool = core->pools[number];
    uint32_t busy = 0;
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next)
        busy += core->workers[i - 1].n_out > 0;
    const char *initializer =
        pool->initializer >= 0 ? core->tasks.list[pool->initializer].name : NULL;
    struct map m = map_begin(&core->reply, 17);
    put_str(&m, "pool", pool->name);
    put_str(&m, "state", pool_state_name(pool));
    put_u64(&m, "workers", pool->n_workers);
    put_u64(&m, "threads", pool->n_threads);
    put_u64(&m, "ready", pool->n_ready);
    put_u64(&m, "starting", pool->n_starting);
    put_u64(&m, "busy", busy);
    put_u64(&m, "lent", pool->n_lent);
    put_u64(&m, "queued", pool->n_jobs - pool->n_out);
    put_u64(&m, "running", pool->n_out);
    put_u64(&m, "jobs_done", pool->jobs_done);
    put_u64(&m, "failed_starts", pool->failed_starts);
    put_str(&m, "last_failure", pool->failure[0] ? pool->failure : NULL);
    put_str(&m, "initializer", initializer);
    put_u64(&m, "recycle_jobs", pool->recycle_jobs);
    put_u64(&m, "recycle_rss_bytes", pool->recycle_rss_bytes);
    put_u64(&m, "max_lent", pool->max_lent ? pool->max_lent : pool->n_workers * pool->n_threads);
    return map_end(&m);
}

static bool has_pool(const struct core *core, uint32_t number) {
    return core->pools[number];
}

void stats_on_pools(struct core *core, struct client *client, const struct jd_msg *msg) {
    page(core, client, msg, core->n_pools, has_pool, put_pool);
}
