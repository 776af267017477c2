#include "stats.h"

#include <string.h>

#include "pack.h"
#include "state.h"

#include <jobd/task.h>

// A map is written in one go; the number of pairs in its head is counted by hand and asserted.
struct map {
    msgpack_packer pk;
    unsigned left;
    int err;
};

static struct map map_begin(struct jd_buf *b, unsigned n_pairs) {
    struct map m = {.pk = jd_packer_of(b), .left = n_pairs};
    m.err = msgpack_pack_map(&m.pk, n_pairs);
    return m;
}

static void key(struct map *m, const char *name) {
    JD_ASSERT(m->left-- > 0);
    m->err |= jd_pack_str(&m->pk, jd_text(name));
}

static void put_u64(struct map *m, const char *name, uint64_t v) {
    key(m, name);
    m->err |= msgpack_pack_uint64(&m->pk, v);
}

static void put_f64(struct map *m, const char *name, double v) {
    key(m, name);
    m->err |= msgpack_pack_double(&m->pk, v);
}

static void put_bool(struct map *m, const char *name, bool v) {
    key(m, name);
    m->err |= v ? msgpack_pack_true(&m->pk) : msgpack_pack_false(&m->pk);
}

static void put_str(struct map *m, const char *name, const char *v) {
    key(m, name);
    m->err |= v ? jd_pack_str(&m->pk, jd_text(v)) : msgpack_pack_nil(&m->pk);
}

// Answers with what is in core->reply; a map that could not be finished is an error.
static void answer(struct core *core, struct client *client, const struct jd_msg *msg, int err,
                   uint64_t cursor) {
    if (err) {
        core_emit_error(core, client->peer, msg, JOBD_E_NOMEM, (jobd_bytes){0});
        return;
    }
    struct effect *fx = core_emit_reply(core, client->peer, msg);
    if (msg->op == JD_OP_STATUS)
        fx->msg.u.status.map = jd_buf_view(&core->reply);
    else
        fx->msg.u.listing = (struct jd_listing){cursor, jd_buf_view(&core->reply)};
}

void stats_on_status(struct core *core, struct client *client, const struct jd_msg *msg) {
    const struct pool *pool = &core->pool;
    const struct counts *n = &core->counts;
    core->reply.pos = core->reply.len = 0;
    struct map m = map_begin(&core->reply, 24);
    put_u64(&m, "pid", core->cfg.pid);
    put_str(&m, "version", JOBD_VERSION);
    put_f64(&m, "uptime_s", (double)(core->now_ns - core->started_ns) * 1e-9);
    put_str(&m, "state", core->stopping ? "stopping" : "running");
    put_str(&m, "pool", pool->name);
    put_bool(&m, "degraded", pool->degraded);
    put_u64(&m, "workers", pool->n_workers);
    put_u64(&m, "workers_ready", pool->n_ready);
    put_u64(&m, "clients", core->clients.n);
    put_u64(&m, "jobs_queued", pool->n_queued);
    put_u64(&m, "jobs_running", pool->n_out);
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
    JD_ASSERT(m.left == 0);
    answer(core, client, msg, m.err, 0);
}

static const char *worker_state_name(const struct worker *w) {
    switch ((enum worker_state)w->state) {
    case WORKER_EMPTY:
        return "waiting to start";
    case WORKER_STARTING:
        return "starting";
    case WORKER_READY:
        return w->stop_why ? "stopping a job" : w->n_out ? "busy" : "idle";
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
    JD_ASSERT(m.left == 0);
    return m.err;
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
    JD_ASSERT(m.left == 0);
    return m.err;
}

// One page: rows [cursor, ...) of n, as many as a listing may have and as fit a frame.
static void page(struct core *core, struct client *client, const struct jd_msg *msg, uint32_t n,
                 int (*put_row)(struct core *, uint32_t)) {
    enum { ROW_MAX_BYTES = 768 }; // a task with the longest name and summary has some 430
    _Static_assert(JD_LISTING_MAX * ROW_MAX_BYTES + JD_ENVELOPE_BYTES <= JD_FRAME_MIN_BYTES,
                   "a page fits the smallest frame");
    uint32_t first = (uint32_t)JD_MIN(msg->u.page.cursor, (uint64_t)n);
    uint32_t rows = JD_MIN(n - first, (uint32_t)JD_LISTING_MAX);
    core->reply.pos = core->reply.len = 0;
    msgpack_packer pk = jd_packer_of(&core->reply);
    int err = msgpack_pack_array(&pk, rows);
    for (uint32_t i = 0; i < rows; i++)
        err |= put_row(core, first + i);
    answer(core, client, msg, err, first + rows < n ? first + rows : 0);
}

void stats_on_workers(struct core *core, struct client *client, const struct jd_msg *msg) {
    page(core, client, msg, core->cfg.n_workers, put_worker);
}

void stats_on_tasks(struct core *core, struct client *client, const struct jd_msg *msg) {
    page(core, client, msg, core->tasks.n_wire, put_task);
}
