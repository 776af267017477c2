// One event in, a list of effects out. Every event goes to one handler; then what can be started is
// started. The order of rooms below is the order of a job's life.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "follow.h"
#include "log.h"
#include "manage.h"
#include "mem.h"
#include "process.h"
#include "sched.h"
#include "state.h"

struct core *core_new(const struct core_config *cfg, uint64_t now_ns) {
    struct core *core = jd_zalloc(sizeof *core);
    if (!core)
        return NULL;
    core->cfg = *cfg;
    core->now_ns = core->started_ns = now_ns;
    core->wake_ns = now_ns; // the first tick starts the workers
    core->sample_ns = UINT64_MAX;
    core->random = cfg->seed | 1;
    core->next_id = cfg->first_job_id;
    core->id_limit = cfg->id_limit;
    core->kept_wake_ns = UINT64_MAX;
    core->cfg.max_workers = JD_MAX(cfg->max_workers, cfg->n_workers);
    jobs_init(&core->jobs, cfg->max_jobs);
    jd_slab_init(&core->followers, sizeof(struct follower), UINT32_MAX / 2);
    jd_slab_init(&core->drains, sizeof(struct drain), UINT32_MAX / 2);
    keys_init(&core->keys);
    clients_init(&core->clients);
    jd_buf_init(&core->reply, JD_FRAME_MIN_BYTES);
    core->effects.list = jd_alloc(EFFECTS_MAX * sizeof *core->effects.list);
    core->workers = jd_zalloc(core->cfg.max_workers * sizeof *core->workers);
    core->nobody = client_make(core, "detached");
    if (!core->effects.list || !core->workers || !core->nobody || pools_init(core) < 0) {
        core_free(core);
        return NULL;
    }
    return core;
}

void core_free(struct core *core) {
    if (!core)
        return;
    jobs_free_all(&core->jobs);
    jd_slab_free_all(&core->followers);
    jd_slab_free_all(&core->drains);
    ids_free_all(&core->ids);
    keys_free_all(&core->keys);
    timers_free_all(&core->timers);
    kept_free_all(&core->kept);
    clients_free_all(&core->clients);
    pools_free_all(core);
    tasks_free_all(&core->tasks);
    jd_buf_free(&core->reply);
    jd_free(core->happenings.ring);
    jd_free(core->effects.list);
    for (uint32_t i = 0; i < core->n_numbers; i++)
        process_free(&core->workers[i]);
    jd_free(core->workers);
    jd_free(core);
}

struct effects *core_effects(struct core *core) {
    return &core->effects;
}

uint64_t core_next_id(const struct core *core) {
    return core->next_id;
}

uint64_t core_next_deadline(const struct core *core) {
    return core->more ? core->now_ns : core->wake_ns;
}

// Ids are used up in blocks that somebody made safe; the next block is asked for at half.
static void ask_for_ids(struct core *core) {
    bool enough = core->id_limit - core->next_id > CORE_ID_BLOCK / 2;
    if (core->ids_asked || core->stopping || enough)
        return; // who stops takes no more jobs
    core->ids_asked = true;
    core_emit(core, EFFECT_RESERVE_IDS)->limit = core->id_limit + CORE_ID_BLOCK;
}

static void on_ids(struct core *core, const struct event *e) {
    JD_ASSERT(e->limit > core->id_limit);
    core->id_limit = e->limit;
    core->ids_asked = false;
}

static void on_stop(struct core *core, bool now) {
    if (!core->stopping) {
        core->stopping = true;
        core->drain_ns = core->now_ns + core->cfg.drain_ns;
        jd_log(JD_LOG_INFO, "stopping", "jobs=%u drain_s=%u", core->jobs.slab.used,
               (unsigned)(core->cfg.drain_ns / 1000000000u));
    }
    if (now)
        core->drain_ns = core->now_ns;
    core_wake_at(core, core->drain_ns);
}

void core_stop(struct core *core, bool now) {
    on_stop(core, now);
}

// The way down: jobs, then workers, then connections, then the end.
static void go_down(struct core *core) {
    if (!core->killing && core->jobs.slab.used > 0 && core->now_ns >= core->drain_ns) {
        core->killing = true;
        jd_log(JD_LOG_WARN, "drain.over", "jobs=%u", core->jobs.slab.used);
    }
    if (core->killing) {
        sched_cancel_queued(core, NULL, "the daemon stopped before the job was started");
        for (uint32_t i = 0; i < core->n_numbers; i++)
            worker_kill(core, i);
    }
    if (core->jobs.slab.used > 0 || !workers_hang_up_all(core) || !clients_close_all(core))
        return;
    core->exited = true;
    core_emit(core, EFFECT_EXIT);
}

static void handle(struct core *core, const struct event *e) {
    switch (e->kind) {
    case EVENT_CONNECTED:
        clients_on_connected(core, e);
        return;
    case EVENT_MESSAGE:
        clients_on_message(core, e);
        return;
    case EVENT_PAUSED:
    case EVENT_RESUMED:
        clients_on_paused(core, e);
        return;
    case EVENT_CLOSED:
        clients_on_closed(core, e);
        return;
    case EVENT_SPAWNED:
        workers_on_spawned(core, e);
        return;
    case EVENT_SPAWN_FAILED:
        workers_on_spawn_failed(core, e);
        return;
    case EVENT_WORKER_MESSAGE:
        workers_on_message(core, e);
        return;
    case EVENT_WORKER_BROKEN:
        workers_on_broken(core, e);
        return;
    case EVENT_BOARD:
        sample_on_board(core, e);
        return;
    case EVENT_REVOKED:
        window_on_revoked(core, e);
        return;
    case EVENT_OUTPUT:
        process_on_output(core, e);
        return;
    case EVENT_WORKER_DIED:
        death_on_died(core, e);
        return;
    case EVENT_TREE_GONE:
        workers_on_tree_gone(core, e);
        return;
    case EVENT_IDS:
        on_ids(core, e);
        return;
    case EVENT_STOP:
        on_stop(core, e->now);
        return;
    case EVENT_TICK:
        return;
    }
    JD_UNREACHABLE();
}

static void on_time(struct core *core) {
    core->wake_ns = UINT64_MAX;
    workers_on_time(core);
    stop_on_time(core);
    sample_on_time(core);
    timers_on_time(core);
    balance_on_time(core);
    kept_on_time(core);
    if (core->stopping && !core->killing && !core->exited)
        core_wake_at(core, core->drain_ns);
}

void core_step(struct core *core, uint64_t now_ns, const struct event *e) {
    JD_ASSERT(core->effects.n == 0);
    core->now_ns = JD_MAX(now_ns, core->now_ns);
    core->text_used = 0;
    core->n_starts = 0;
    core->more = false;
    kept_on_step(core);

    handle(core, e);
    if (core->now_ns >= core->wake_ns)
        on_time(core);
    clients_sweep(core);
    if (core->is_unbalanced)
        balance_run(core);
    sched_run(core);
    manage_run(core);
    if (core->is_unbalanced)
        balance_run(core);
    if (core->n_watchers)
        watch_run(core);
    ask_for_ids(core);
    if (core->stopping && !core->exited)
        go_down(core);
}

struct effect *core_emit(struct core *core, enum effect_kind kind) {
    JD_ASSERT(core->effects.n < EFFECTS_MAX);
    struct effect *fx = &core->effects.list[core->effects.n++];
    fx->kind = kind;
    return fx;
}

struct effect *client_emit_event(struct core *core, const struct client *client, enum jd_op op) {
    bool task = client->worker > 0; // one that calls
    struct effect *fx = core_emit(core, task ? EFFECT_WORKER_SEND : EFFECT_SEND);
    fx->peer = task ? client->worker - 1 : client->peer;
    fx->lazy = false;
    fx->msg.shape = JD_EVENT;
    fx->msg.op = (uint16_t)op;
    fx->msg.error = 0;
    return fx;
}

struct effect *client_emit_reply(struct core *core, const struct client *client,
                                 const struct jd_msg *request) {
    struct effect *fx = client_emit_event(core, client, (enum jd_op)request->op);
    fx->msg.shape = JD_REPLY;
    fx->msg.id = request->id;
    return fx;
}

void client_emit_error(struct core *core, const struct client *client, const struct jd_msg *request,
                       int error, jobd_bytes text) {
    struct effect *fx = client_emit_reply(core, client, request);
    fx->msg.error = error;
    fx->msg.text = text.len ? text : jd_text(jobd_strerror(error));
}

char *text_copy(jobd_bytes text) {
    char *copy = jd_alloc(text.len + 1);
    if (!copy)
        return NULL;
    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

jobd_bytes core_text(struct core *core, const char *fmt, ...) {
    char *at = core->text + core->text_used;
    size_t room = sizeof core->text - core->text_used;
    if (room <= JD_TEXT_MAX)
        return jd_text("(this and more at once: see the daemon's log)");
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(at, JD_TEXT_MAX + 1, fmt, ap);
    va_end(ap);
    size_t len = (size_t)JD_MAX(n, 0);
    len = JD_MIN(len, (size_t)JD_TEXT_MAX);
    core->text_used += len + 1;
    return (jobd_bytes){at, len};
}

void core_wake_at(struct core *core, uint64_t t_ns) {
    core->wake_ns = JD_MIN(core->wake_ns, t_ns);
}

uint64_t core_random(struct core *core, uint64_t n) { // xorshift64*, Vigna 2016
    uint64_t x = core->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    core->random = x;
    return n ? (x * UINT64_C(0x2545f4914f6cdd1d) >> 11) % n : 0;
}
