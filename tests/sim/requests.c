// What a client asks for that is no job: executors, pools, listings, what happens.
#include <string.h>

#include "sim.h"

static const char *any_pool(struct sim *sim) {
    static const char *const names[] = {"default", "threads", "conf", "init",
                                        "p0",      "p1",      "p2",   "processes"};
    return sim_chance(&sim->rng, 400) ? names[0] : names[sim_below(&sim->rng, JD_LEN(names))];
}

void sim_request_executor(struct sim *sim, struct sim_client *c) {
    uint32_t number = (uint32_t)sim_below(&sim->rng, SIM_EXECUTORS);
    struct sim_asked a = {.handle = number, .busy = c->executor[number].open};
    struct jd_msg msg = {.op = JD_OP_EXECUTOR_OPEN};
    if (a.busy && sim_chance(&sim->rng, 500)) {
        msg.op = JD_OP_EXECUTOR_CLOSE;
        msg.u.executor_close.executor = number;
    } else {
        a.about = sim_chance(&sim->rng, 300) ? 1 + sim_below(&sim->rng, 3) : 0;
        msg.u.executor_open = (struct jd_executor_open){
            .executor = number, .pool = jd_text(any_pool(sim)), .max_workers = a.about};
    }
    sim_client_send(sim, c, &msg, a);
}

// ---- pools ----

static void create(struct sim *sim, struct jd_pool_create *p) {
    static const char *const names[] = {"p0", "p1", "p2", "default", "p?"};
    *p = (struct jd_pool_create){.workers = 1 + sim_below(&sim->rng, 3),
                                 .threads =
                                     sim_chance(&sim->rng, 500) ? 1 : 1 + sim_below(&sim->rng, 3)};
    p->pool = jd_text(names[sim_below(&sim->rng, JD_LEN(names))]);
    if (sim_chance(&sim->rng, 300))
        p->initializer = jd_text(sim_task_names[SIM_TASK_INIT]);
    else if (sim_core_is_settled(sim) && sim_chance(&sim->rng, 100))
        p->initializer = jd_text("nothing"); // refused, now that this can be known
    p->recycle_jobs = sim_chance(&sim->rng, 300) ? 1 + sim_below(&sim->rng, 10) : 0;
    p->recycle_rss_bytes = sim_chance(&sim->rng, 200) ? 1000 : 0;
    p->max_lent = sim_below(&sim->rng, 4);
}

void sim_request_manage(struct sim *sim, struct sim_client *c) {
    static const uint16_t ops[] = {JD_OP_POOL_CREATE, JD_OP_POOL_CREATE, JD_OP_POOL_RESIZE,
                                   JD_OP_POOL_PAUSE,  JD_OP_POOL_PAUSE,  JD_OP_POOL_DRAIN,
                                   JD_OP_POOL_DELETE};
    struct jd_msg msg = {.op = ops[sim_below(&sim->rng, JD_LEN(ops))]};
    struct sim_asked a = {.now = sim_chance(&sim->rng, 500)};
    jobd_bytes pool = jd_text(any_pool(sim));
    if (!sim->faults) { // what was paused or drained goes on
        msg.op = JD_OP_POOL_PAUSE;
        a.now = false;
    } else if (sim_chance(&sim->rng, 3)) {
        msg.op = JD_OP_SHUTDOWN;
        sim->stopping = true;
    }
    if (msg.op == JD_OP_POOL_CREATE)
        create(sim, &msg.u.pool_create);
    else if (msg.op == JD_OP_POOL_RESIZE)
        msg.u.pool_resize = (struct jd_pool_resize){pool, sim_below(&sim->rng, 5)};
    else if (msg.op == JD_OP_POOL_PAUSE)
        msg.u.pool_pause = (struct jd_pool_pause){pool, a.now};
    else if (msg.op == JD_OP_POOL_DRAIN)
        msg.u.pool_drain.pool = pool;
    else if (msg.op == JD_OP_POOL_DELETE)
        msg.u.pool_delete = (struct jd_pool_delete){pool, a.now};
    else
        msg.u.shutdown.now = a.now;
    sim_client_send(sim, c, &msg, a);
}

// Its jobs may be cancelled from now on, and killed if it is to go at once.
static void on_deleted(struct sim *sim, bool now) {
    for (uint32_t i = 0; i < sim->n_jobs; i++) {
        struct sim_job *job = &sim->job[i];
        if (!job->id || job->ended || job->process || !sim_pool_of_is_deleted(sim, job->id))
            continue;
        job->may_be_cancelled = true;
        job->may_be_killed |= now;
        job->must_end |= now;
    }
}

static void on_managed(struct sim *sim, const struct sim_asked *a, int error) {
    sim->totals.pools++;
    switch (error) {
    case 0:
        if (a->op == JD_OP_POOL_DELETE)
            on_deleted(sim, a->now);
        return;
    case JOBD_E_PERM:
    case JOBD_E_NOENT:
        SIM_CHECK(sim, a->op != JD_OP_POOL_CREATE);
        return;
    case JOBD_E_STATE: // it was opened again
        SIM_CHECK(sim, a->op == JD_OP_POOL_DRAIN);
        return;
    case JOBD_E_LIMIT:
    case JOBD_E_INVAL:
        SIM_CHECK(sim, a->op == JD_OP_POOL_CREATE || a->op == JD_OP_POOL_RESIZE);
        return;
    default:
        SIM_CHECK(sim, a->op == JD_OP_POOL_CREATE);
        SIM_CHECK(sim, error == JOBD_E_EXIST || error == JOBD_E_NOTASK);
    }
}

// ---- questions ----

void sim_request_ask(struct sim *sim, struct sim_client *c) {
    static const uint16_t ops[] = {JD_OP_PING,  JD_OP_STATUS, JD_OP_WORKERS, JD_OP_TASKS,
                                   JD_OP_POOLS, JD_OP_JOBS,   JD_OP_WHY,     JD_OP_WATCH};
    struct jd_msg msg = {.op = ops[sim_below(&sim->rng, JD_LEN(ops))]};
    struct sim_asked a = {.now = sim_chance(&sim->rng, 500)};
    if (msg.op == JD_OP_WHY) {
        a.about = core_next_id(sim->core) - sim_below(&sim->rng, 30);
        msg.u.why.job = a.about;
    } else if (msg.op == JD_OP_WATCH) {
        msg.u.watching.on = a.now;
    } else if (msg.op == JD_OP_JOBS) {
        bool wild = sim_chance(&sim->rng, 50);
        msg.u.jobs.cursor = wild ? sim_below(&sim->rng, UINT64_MAX) : c->cursor;
        msg.u.jobs.states = sim_chance(&sim->rng, 300) ? sim_below(&sim->rng, 65536) : 0;
        if (sim_chance(&sim->rng, 300))
            msg.u.jobs.pool = jd_text(any_pool(sim));
        if (sim_chance(&sim->rng, 300))
            msg.u.jobs.task = jd_text(sim_task_names[SIM_TASK_PURE]);
        if (sim_chance(&sim->rng, 300))
            msg.u.jobs.label = jd_text("label");
    } else if (msg.op != JD_OP_PING && msg.op != JD_OP_STATUS) {
        msg.u.page.cursor = sim_chance(&sim->rng, 50) ? sim_below(&sim->rng, UINT64_MAX) : 0;
    }
    sim_client_send(sim, c, &msg, a);
}

// Whole maps, not too many.
static void check_rows(struct sim *sim, jobd_bytes rows) {
    jobd_reader r = jobd_reader_of(rows);
    uint32_t n;
    SIM_CHECK(sim, jobd_read_array(&r, &n) == 0 && n <= JD_LISTING_MAX);
    SIM_CHECK(sim, rows.len <= JD_FRAME_MIN_BYTES - JD_ENVELOPE_BYTES);
    for (uint32_t i = 0; i < n; i++) {
        SIM_CHECK(sim, jobd_read_type(&r) == JOBD_T_MAP);
        SIM_CHECK(sim, jobd_read_skip(&r) == 0);
    }
    SIM_CHECK(sim, r.pos == r.end);
}

static void check_map(struct sim *sim, jobd_bytes map) {
    jobd_reader r = jobd_reader_of(map);
    SIM_CHECK(sim, jobd_read_type(&r) == JOBD_T_MAP);
    SIM_CHECK(sim, jobd_read_skip(&r) == 0 && r.pos == r.end);
}

static void on_executor(struct sim *sim, struct sim_client *c, const struct sim_asked *a,
                        int error) {
    struct sim_executor *executor = &c->executor[a->handle];
    if (a->op == JD_OP_EXECUTOR_CLOSE) {
        SIM_CHECK(sim, !error);
        *executor = (struct sim_executor){0};
        return;
    }
    SIM_CHECK(sim, !error || error == JOBD_E_NOENT || (error == JOBD_E_STATE && a->busy));
    if (error)
        return;
    SIM_CHECK(sim, !a->busy && sim->n_limits < SIM_LIMITS);
    *executor = (struct sim_executor){.open = true, .limit = a->about ? sim->n_limits : 0};
    if (a->about)
        sim->limit[sim->n_limits++] = (struct sim_limit){.cap = (uint32_t)a->about};
}

void sim_request_on_reply(struct sim *sim, struct sim_client *c, const struct sim_asked *a,
                          const struct jd_msg *msg) {
    switch (msg->op) {
    case JD_OP_EXECUTOR_OPEN:
    case JD_OP_EXECUTOR_CLOSE:
        on_executor(sim, c, a, msg->error);
        return;
    case JD_OP_WORKERS:
    case JD_OP_TASKS:
    case JD_OP_POOLS:
    case JD_OP_JOBS:
        SIM_CHECK(sim, !msg->error);
        check_rows(sim, msg->u.listing.rows);
        c->cursor = msg->op == JD_OP_JOBS ? msg->u.listing.cursor : c->cursor;
        return;
    case JD_OP_WHY:
        SIM_CHECK(sim, !msg->error || msg->error == JOBD_E_NOENT);
        if (msg->error)
            SIM_CHECK(sim, !sim_core_has(sim, a->about));
        else
            check_map(sim, msg->u.status.map);
        return;
    case JD_OP_STATUS:
        check_map(sim, msg->u.status.map);
        return;
    case JD_OP_WATCH:
        SIM_CHECK(sim, !msg->error);
        c->watching = a->now;
        return;
    case JD_OP_HELLO:
    case JD_OP_PING:
    case JD_OP_SHUTDOWN:
        return;
    default:
        on_managed(sim, a, msg->error);
    }
}
