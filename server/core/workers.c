#include "workers.h"

#include <stdio.h>

#include "log.h"
#include "process.h"
#include "state.h"
#include "watch.h"

#define LEAVE_NS UINT64_C(2000000000)

// ---- numbers ----

int worker_take(struct core *core, struct pool *pool) {
    uint32_t number;
    if (core->free_numbers) {
        number = core->free_numbers - 1;
        core->free_numbers = core->workers[number].pool_next;
    } else if (core->n_numbers < core->cfg.max_workers) {
        number = core->n_numbers++;
    } else {
        return -1;
    }
    struct worker *w = &core->workers[number];
    w->pool = pool;
    w->state = WORKER_EMPTY;
    w->n_threads = (uint8_t)pool->n_threads;
    w->retiring = w->parked = w->free_start = false;
    w->process = 0;
    w->pid = 0;
    w->jobs_done = w->deaths = 0;
    w->pool_next = 0;
    window_init(w);                  // it may be let go before it was ever started
    uint32_t *link = &pool->workers; // at the end: numbers of a pool are in order at first
    while (*link)
        link = &core->workers[*link - 1].pool_next;
    *link = number + 1;
    pool->n_all++;
    pool->n_empty++;
    pool_unbalance(core, pool);
    return (int)number;
}

void worker_give(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    struct pool *pool = w->pool;
    JD_ASSERT(w->state == WORKER_EMPTY && w->n_out == 0);
    uint32_t *link = &pool->workers;
    while (*link != number + 1)
        link = &core->workers[*link - 1].pool_next;
    *link = w->pool_next;
    pool->n_all--;
    pool->n_empty--;
    pool->n_retiring -= w->retiring;
    core_pool_is_due(core, pool);
    pool->n_parked -= w->parked;
    w->retiring = w->parked = false;
    process_free(w);
    w->pool = NULL;
    w->pool_next = core->free_numbers;
    core->free_numbers = number + 1;
    if (pool->deleting)
        pool_unbalance(core, pool);
    for (uint32_t i = 0; i < core->n_pools; i++) // somebody may have waited for a number
        if (core->pools[i] && core->pools[i]->is_short)
            pool_unbalance(core, core->pools[i]);
}

bool worker_can_take(const struct core *core) {
    return core->free_numbers || core->n_numbers < core->cfg.max_workers;
}

// ---- life ----

void worker_set_state(struct core *core, uint32_t number, enum worker_state state) {
    struct worker *w = &core->workers[number];
    struct pool *pool = w->pool;
    pool->n_ready -= w->state == WORKER_READY;
    pool->n_starting -= w->state == WORKER_STARTING || w->state == WORKER_INIT;
    pool->n_empty -= w->state == WORKER_EMPTY;
    w->state = (uint8_t)state;
    w->since_ns = core->now_ns;
    pool->n_ready += w->state == WORKER_READY;
    pool->n_starting += w->state == WORKER_STARTING || w->state == WORKER_INIT;
    pool->n_empty += w->state == WORKER_EMPTY;
    window_update_idle(core, number);
    pool_unbalance(core, pool);
}

void worker_start(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    if (!w->free_start)
        pool_count_start(core, w->pool);
    w->was_ready = w->we_killed = w->is_broken = w->init_failed = w->stuck = w->free_start = false;
    w->was_signalled = false;
    w->seq = w->taken = 0;
    w->results = w->results_at_sample = 0;
    w->n_given = 0;
    w->stall_ns = 0;
    w->stop_slot = SLOT_NONE;
    w->stop_stage = STOP_ASKED;
    w->pid = 0;
    window_init(w);
    worker_set_state(core, number, WORKER_STARTING);
    core_wake_at(core, core->now_ns + core->cfg.start_ns);
    struct effect *fx = core_emit(core, EFFECT_SPAWN);
    fx->worker = number;
    fx->spawn.threads = w->n_threads;
    fx->spawn.process = w->process != 0;
    fx->spawn.output = w->process && process_has_output(core, w->process);
}

void worker_hang_up(struct core *core, uint32_t number) {
    worker_set_state(core, number, WORKER_LEAVING);
    core_wake_at(core, core->now_ns + LEAVE_NS);
    core_emit(core, EFFECT_HANG_UP)->worker = number;
}

void worker_retire(struct core *core, uint32_t number, bool take_back) {
    struct worker *w = &core->workers[number];
    if (w->retiring)
        return;
    w->pool->n_retiring++;
    w->retiring = true;
    worker_park(core, number, false);
    window_update_idle(core, number);
    if (take_back)
        window_take_back_all(core, number);
    pool_unbalance(core, w->pool);
}

void worker_park(struct core *core, uint32_t number, bool parked) {
    struct worker *w = &core->workers[number];
    if (w->parked == parked)
        return;
    w->parked = parked;
    w->pool->n_parked += parked ? 1 : -1u;
    window_update_idle(core, number);
    pool_unbalance(core, w->pool);
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
    jobd_bytes why = core_text(core, "a worker could not be started: errno %d", e->error);
    jd_log(JD_LOG_WARN, "worker.spawn_failed", "worker=%u errno=%d", e->worker, e->error);
    worker_set_state(core, e->worker, WORKER_EMPTY);
    if (w->pool->is_single)
        process_failed(core, e->worker, &(struct fate){.error = JOBD_E_SYS, .text = why});
    else
        pool_on_failed_start(core, w->pool, why);
}

void worker_broken(struct core *core, uint32_t number, jobd_bytes why) {
    char quoted[256];
    struct worker *w = &core->workers[number];
    if (w->stop_stage == STOP_KILLED)
        return;
    core->counts.broken++;
    if (!w->was_ready) // the next who looks wants to know why there is no worker
        snprintf(w->pool->failure, sizeof w->pool->failure, "%.*s", (int)why.len,
                 (const char *)why.data);
    jd_log(JD_LOG_ERROR, "worker.broken", "worker=%u pid=%u why=%s", number, w->pid,
           jd_log_quote(quoted, sizeof quoted, why));
    worker_kill(core, number);
    w->is_broken = true;
    w->we_killed = w->was_ready; // before that it is a failed start like any other
}

static void init_failed(struct core *core, uint32_t number, jobd_bytes why) {
    char quoted[256];
    struct worker *w = &core->workers[number];
    snprintf(w->pool->failure, sizeof w->pool->failure, "%.*s", (int)why.len,
             (const char *)why.data);
    jd_log(JD_LOG_WARN, "worker.init_failed", "pool=%s worker=%u pid=%u why=%s", w->pool->name,
           number, w->pid, jd_log_quote(quoted, sizeof quoted, why));
    worker_kill(core, number);
    w->init_failed = true;
    w->we_killed = false; // it is a failed start
}

static struct effect *send(struct core *core, uint32_t number, enum jd_shape shape, enum jd_op op) {
    struct effect *fx = core_emit(core, EFFECT_WORKER_SEND);
    fx->worker = number;
    fx->lazy = false;
    fx->msg.shape = (uint8_t)shape;
    fx->msg.op = (uint16_t)op;
    fx->msg.id = 0;
    fx->msg.error = 0;
    return fx;
}

static void set_ready(struct core *core, uint32_t number) {
    struct worker *w = &core->workers[number];
    w->was_ready = true;
    worker_set_state(core, number, WORKER_READY);
    pool_on_ready(w->pool);
    if (core->n_watchers)
        watch_worker(core, number, "worker.ready", (jobd_bytes){0});
    if (w->process)
        process_begin(core, number);
}

// The initializer's id is 1: there is no other request to a worker.
static void initialize(struct core *core, uint32_t number) {
    const struct pool *pool = core->workers[number].pool;
    const struct task *task = &core->tasks.list[pool->initializer];
    static const uint8_t no_args[] = {0x90};
    if (!task->known) {
        init_failed(core, number,
                    core_text(core, "its initializer: %s",
                              (const char *)task_unknown_text(core, jd_text(task->name)).data));
        return;
    }
    worker_set_state(core, number, WORKER_INIT);
    core_wake_at(core, core->now_ns + core->cfg.start_ns);
    struct effect *fx = send(core, number, JD_REQUEST, JD_OP_INIT);
    fx->msg.id = 1;
    fx->msg.u.init = (struct jd_init){
        .task = task->wire,
        .args = pool->init_args.len ? pool->init_args : (jobd_bytes){no_args, sizeof no_args}};
}

static void on_initialized(struct core *core, uint32_t number, const struct jd_msg *msg) {
    struct worker *w = &core->workers[number];
    if (msg->shape == JD_EVENT && msg->op == JD_OP_TASK_LOG) // of the initializer: no job hears it
        return;
    if (msg->shape != JD_REPLY || msg->id != 1) {
        worker_broken(core, number, jd_text("its initializer sent what is no answer"));
        return;
    }
    if (!msg->error) {
        set_ready(core, number);
        return;
    }
    jobd_bytes text = msg->text.len ? msg->text : jd_text(jobd_strerror(msg->error));
    const char *task = core->tasks.list[w->pool->initializer].name;
    init_failed(core, number,
                core_text(core, "its initializer '%s' failed: %.*s", task,
                          (int)JD_MIN(text.len, (size_t)JD_TEXT_MAX), (const char *)text.data));
}

static void on_hello(struct core *core, uint32_t number, const struct jd_msg *msg) {
    struct worker *w = &core->workers[number];
    const struct jd_hello *hello = &msg->u.hello;
    if (hello->major != JD_PROTO_MAJOR || hello->role != JD_ROLE_WORKER) {
        worker_broken(core, number, jd_text("its HELLO is of another version or role"));
        return;
    }
    bool first = !core->tasks.settled;
    int err = tasks_register(&core->tasks, hello->tasks);
    if (err == JOBD_E_EXIST) {
        worker_broken(core, number,
                      jd_text("its tasks are not those of the first worker: restart "
                              "jobd to change plugins"));
        return;
    }
    if (err) {
        worker_broken(core, number, core_text(core, "its list of tasks: %s", jobd_strerror(err)));
        return;
    }
    struct effect *fx = send(core, number, JD_REPLY, JD_OP_HELLO);
    fx->msg.id = msg->id;
    fx->msg.u.hello_ok = (struct jd_hello_ok){
        .major = JD_PROTO_MAJOR,
        .minor = JD_PROTO_MINOR,
        .name = jd_text("jobd/" JOBD_VERSION),
        .pid = core->cfg.pid,
        .max_frame = core->cfg.max_frame_bytes,
    };
    jd_log(first ? JD_LOG_INFO : JD_LOG_DEBUG, "worker.ready", "worker=%u pid=%u tasks=%u", number,
           w->pid, core->tasks.n_wire);
    if (w->pool->initializer >= 0)
        initialize(core, number);
    else
        set_ready(core, number);
}

// Does the slot have a job that this message may be of?
static bool is_due(const struct worker *w, uint64_t slot_index, uint64_t seq) {
    const struct slot *slot = &w->slot[slot_index];
    return slot->seq == seq &&
           (slot->state == SLOT_SENT || slot->state == SLOT_CLAIMED || slot->state == SLOT_RUNNING);
}

static void on_event(struct core *core, uint32_t number, const struct jd_msg *msg) {
    struct worker *w = &core->workers[number];
    switch ((enum jd_op)msg->op) {
    case JD_OP_RESULT:
        if (is_due(w, msg->u.result.slot, msg->u.result.seq))
            window_on_result(core, number, &msg->u.result);
        else
            worker_broken(core, number, jd_text("a result for a job that it does not have"));
        return;
    case JD_OP_TASK_LOG:
        if (is_due(w, msg->u.task_log.slot, msg->u.task_log.seq))
            process_on_log(core, number, &msg->u.task_log);
        return;
    case JD_OP_TASK_PID:
        if (is_due(w, msg->u.pid.slot, msg->u.pid.seq))
            process_on_pid(core, number, &msg->u.pid);
        return;
    default:
        worker_broken(core, number,
                      core_text(core, "a worker cannot send '%s'", jd_op_name(msg->op)));
    }
}

void workers_on_message(struct core *core, const struct event *e) {
    const struct jd_msg *msg = e->msg;
    struct worker *w = &core->workers[e->worker];
    bool is_hello = msg->shape == JD_REQUEST && msg->op == JD_OP_HELLO;
    if (w->state == WORKER_INIT) {
        on_initialized(core, e->worker, msg);
    } else if (w->state == WORKER_STARTING) {
        if (is_hello)
            on_hello(core, e->worker, msg);
        else
            worker_broken(core, e->worker, jd_text("its first message is not HELLO"));
    } else if (msg->shape == JD_EVENT) {
        on_event(core, e->worker, msg);
    } else if (msg->shape == JD_REQUEST && lend_knows(msg->op)) {
        lend_on_request(core, e->worker, msg);
    } else {
        worker_broken(core, e->worker,
                      core_text(core, "a worker cannot send '%s'", jd_op_name(msg->op)));
    }
}

void workers_on_broken(struct core *core, const struct event *e) {
    worker_broken(core, e->worker, e->text);
}

void workers_on_tree_gone(struct core *core, const struct event *e) {
    struct worker *w = &core->workers[e->worker];
    JD_ASSERT(w->state == WORKER_REAPING);
    w->free_start = w->we_killed && w->was_ready;
    worker_set_state(core, e->worker, WORKER_EMPTY);
    if (w->pool->is_single)
        worker_give(core, e->worker);
}

void workers_on_time(struct core *core) {
    for (uint32_t i = 0; i < core->n_numbers; i++) {
        struct worker *w = &core->workers[i];
        bool starting = w->state == WORKER_STARTING || w->state == WORKER_INIT;
        if (!starting && w->state != WORKER_LEAVING)
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
    for (uint32_t i = 0; i < core->n_numbers; i++) {
        struct worker *w = &core->workers[i];
        if (!w->pool)
            continue;
        none = none && w->state == WORKER_EMPTY;
        if (w->state == WORKER_STARTING || w->state == WORKER_INIT) {
            worker_kill(core, i);
            w->we_killed = true;
        }
        if (w->state == WORKER_READY)
            worker_hang_up(core, i);
    }
    return none;
}
