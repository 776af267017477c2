#include "workers.h"

#include "log.h"
#include "state.h"

enum { STARTS_PER_STEP = 4 }; // a spawn blocks the caller for some 0.2 ms
#define LEAVE_NS UINT64_C(2000000000)

void workers_init(struct core *core) {
    for (uint32_t i = 0; i < core->cfg.n_workers; i++) {
        core->workers[i].pool = &core->pool;
        window_init(&core->workers[i]);
    }
}

static void set_state(struct core *core, uint32_t number, enum worker_state state) {
    struct worker *w = &core->workers[number];
    struct pool *pool = w->pool;
    pool->n_ready -= w->state == WORKER_READY;
    pool->n_starting -= w->state == WORKER_STARTING;
    pool->n_empty -= w->state == WORKER_EMPTY;
    w->state = (uint8_t)state;
    w->since_ns = core->now_ns;
    pool->n_ready += w->state == WORKER_READY;
    pool->n_starting += w->state == WORKER_STARTING;
    pool->n_empty += w->state == WORKER_EMPTY;
    window_update_idle(core, number);
}

static void start_one(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    w->said_hello = w->we_killed = w->is_broken = w->stuck = false;
    w->seq = w->taken = 0;
    w->results = w->results_at_sample = 0;
    w->stall_ns = 0;
    w->stop_why = STOP_NONE;
    w->stop_stage = STOP_ASKED;
    w->pid = 0;
    window_init(w);
    set_state(core, number, WORKER_STARTING);
    pool_on_started(core, w->pool);
    core_wake_at(core, core->now_ns + core->cfg.start_ns);
    core_emit(core, EFFECT_SPAWN)->worker = number;
}

void workers_start_some(struct core *core) {
    struct pool *pool = &core->pool;
    if (core->stopping && core->jobs.slab.used == 0)
        return;
    if (core->killing || pool->n_empty == 0)
        return;
    unsigned left = STARTS_PER_STEP;
    for (uint32_t i = pool->first_worker; i < pool->first_worker + pool->n_workers; i++) {
        if (core->workers[i].state != WORKER_EMPTY)
            continue;
        uint64_t again_ns;
        if (!pool_may_start(core, pool, &again_ns)) {
            core_wake_at(core, again_ns);
            return;
        }
        if (left-- == 0) {
            core->more = true;
            return;
        }
        start_one(core, i);
    }
}

void workers_on_spawned(struct core *core, const struct event *e) {
    struct worker *w = &core->workers[e->worker];
    w->pid = e->pid;
    jd_log(JD_LOG_DEBUG, "worker.spawned", "worker=%u pid=%u", e->worker, e->pid);
    if (w->stop_stage == STOP_KILLED) { // the order to kill met no process yet
        w->stop_stage = STOP_ASKED;
        worker_kill(core, e->worker);
    }
}

void workers_on_spawn_failed(struct core *core, const struct event *e) {
    struct worker *w = &core->workers[e->worker];
    jd_log(JD_LOG_WARN, "worker.spawn_failed", "worker=%u errno=%d", e->worker, e->error);
    set_state(core, e->worker, WORKER_EMPTY);
    pool_on_failed_start(core, w->pool);
}

static void broken(struct core *core, uint32_t number, jobd_bytes why) {
    char quoted[256];
    struct worker *w = &core->workers[number];
    if (w->stop_stage == STOP_KILLED)
        return;
    core->counts.broken++;
    jd_log(JD_LOG_ERROR, "worker.broken", "worker=%u pid=%u why=%s", number, w->pid,
           jd_log_quote(quoted, sizeof quoted, why));
    worker_kill(core, number);
    w->is_broken = true;
    w->we_killed = w->said_hello; // before HELLO it is a failed start like any other
}

static void on_hello(struct core *core, uint32_t number, const struct jd_msg *msg) {
    struct worker *w = &core->workers[number];
    const struct jd_hello *hello = &msg->u.hello;
    if (hello->major != JD_PROTO_MAJOR || hello->role != JD_ROLE_WORKER) {
        broken(core, number, jd_text("its HELLO is of another version or role"));
        return;
    }
    bool first = !core->tasks.settled;
    int err = tasks_register(&core->tasks, hello->tasks);
    if (err == JOBD_E_EXIST) {
        broken(core, number,
               jd_text("its tasks are not those of the first worker: restart "
                       "jobd to change plugins"));
        return;
    }
    if (err) {
        broken(core, number, core_text(core, "its list of tasks: %s", jobd_strerror(err)));
        return;
    }
    w->said_hello = true;
    set_state(core, number, WORKER_READY);
    pool_on_ready(core, w->pool);
    struct effect *fx = core_emit(core, EFFECT_WORKER_SEND);
    fx->worker = number;
    fx->msg.shape = JD_REPLY;
    fx->msg.op = JD_OP_HELLO;
    fx->msg.id = msg->id;
    fx->msg.error = 0;
    fx->msg.u.hello_ok = (struct jd_hello_ok){
        .major = JD_PROTO_MAJOR,
        .minor = JD_PROTO_MINOR,
        .name = jd_text("jobd/" JOBD_VERSION),
        .pid = core->cfg.pid,
        .max_frame = core->cfg.max_frame_bytes,
    };
    jd_log(first ? JD_LOG_INFO : JD_LOG_DEBUG, "worker.ready", "worker=%u pid=%u tasks=%u", number,
           w->pid, core->tasks.n_wire);
}

// Does the slot have a job that this result may be for?
static bool is_due(const struct worker *w, const struct jd_result *r) {
    const struct slot *slot = &w->slot[r->slot];
    return slot->seq == r->seq &&
           (slot->state == SLOT_SENT || slot->state == SLOT_CLAIMED || slot->state == SLOT_RUNNING);
}

void workers_on_message(struct core *core, const struct event *e) {
    struct worker *w = &core->workers[e->worker];
    const struct jd_msg *msg = e->msg;
    bool is_hello = msg->shape == JD_REQUEST && msg->op == JD_OP_HELLO;
    if (w->state == WORKER_STARTING) {
        if (!is_hello) {
            broken(core, e->worker, jd_text("its first message is not HELLO"));
            return;
        }
        on_hello(core, e->worker, msg);
        return;
    }
    if (msg->shape != JD_EVENT || msg->op != JD_OP_RESULT) {
        broken(core, e->worker, core_text(core, "a worker cannot send '%s'", jd_op_name(msg->op)));
        return;
    }
    if (!is_due(w, &msg->u.result)) {
        broken(core, e->worker, jd_text("a result for a job that it does not have"));
        return;
    }
    window_on_result(core, e->worker, &msg->u.result);
}

void workers_on_broken(struct core *core, const struct event *e) {
    broken(core, e->worker, e->text);
}

void workers_on_tree_gone(struct core *core, const struct event *e) {
    JD_ASSERT(core->workers[e->worker].state == WORKER_REAPING);
    set_state(core, e->worker, WORKER_EMPTY);
}

void worker_set_reaping(struct core *core, uint32_t number) {
    set_state(core, number, WORKER_REAPING);
}

void workers_on_time(struct core *core) {
    for (uint32_t i = 0; i < core->cfg.n_workers; i++) {
        struct worker *w = &core->workers[i];
        bool starting = w->state == WORKER_STARTING, leaving = w->state == WORKER_LEAVING;
        if (!starting && !leaving)
            continue;
        uint64_t until_ns = w->since_ns + (starting ? core->cfg.start_ns : LEAVE_NS);
        if (core->now_ns < until_ns) {
            core_wake_at(core, until_ns);
            continue;
        }
        if (w->stop_stage != STOP_KILLED)
            jd_log(JD_LOG_WARN, starting ? "worker.start_timeout" : "worker.leave_timeout",
                   "worker=%u pid=%u", i, w->pid);
        worker_kill(core, i);
        if (starting)
            w->we_killed = false; // a failed start
    }
}

bool workers_hang_up_all(struct core *core) {
    bool none = true;
    for (uint32_t i = 0; i < core->cfg.n_workers; i++) {
        struct worker *w = &core->workers[i];
        none = none && w->state == WORKER_EMPTY;
        if (w->state == WORKER_STARTING) {
            worker_kill(core, i);
            w->we_killed = true;
        }
        if (w->state != WORKER_READY)
            continue;
        set_state(core, i, WORKER_LEAVING);
        core_wake_at(core, core->now_ns + LEAVE_NS);
        core_emit(core, EFFECT_HANG_UP)->worker = i;
    }
    return none;
}
