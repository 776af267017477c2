#include "manage.h"

#include <string.h>

#include "log.h"
#include "sched.h"
#include "state.h"

static struct drain *drain_at(const struct core *core, uint32_t index) {
    return JD_SLAB_AT(&core->drains, index, struct drain);
}

static void tell(struct core *core, const struct pool *pool, const char *what) {
    jd_log(JD_LOG_INFO, what, "pool=%s workers=%u threads=%u", pool->name, pool->n_workers,
           pool->n_threads);
    if (core->n_watchers)
        watch_pool(core, pool, what);
}

// Workers that all pools together may want, but for the extra ones of slots that are lent.
static uint32_t all_wanted(const struct core *core) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < core->n_pools; i++)
        n += core->pools[i] && !core->pools[i]->deleting ? core->pools[i]->n_workers : 0;
    return n;
}

static int check_room(struct core *core, uint64_t more, jobd_bytes *ret_text) {
    uint64_t n = all_wanted(core) + more;
    if (n <= core->cfg.max_workers)
        return 0;
    *ret_text = core_text(core, "the pools would have %llu workers; the limit is max_workers = %u",
                          (unsigned long long)n, core->cfg.max_workers);
    return JOBD_E_LIMIT;
}

// Before the first worker is ready any name may be right.
static bool may_be_task(struct tasks *tasks, jobd_bytes name) {
    int task = tasks_find(tasks, name);
    return tasks->settled ? task >= 0 && tasks->list[task].known
                          : jd_name_ok(name, TASK_NAME_BYTES);
}

static int create(struct core *core, const struct jd_pool_create *p, jobd_bytes *ret_text) {
    char name[JD_NAME_MAX + 1], initializer[JD_NAME_MAX + 1];
    struct pool *pool;
    uint32_t n_workers = p->workers ? (uint32_t)p->workers : JD_MAX(core->cfg.n_cpus, 1u);
    if (!jd_name_ok(p->pool, JD_NAME_MAX / 2 - 1)) {
        *ret_text = jd_text("a pool needs a name of 1 to 63 bytes of [A-Za-z0-9._:/-]");
        return JOBD_E_INVAL;
    }
    if (pool_find(core, p->pool)) {
        *ret_text = core_text(core, "there is a pool '%.*s' already", (int)p->pool.len,
                              (const char *)p->pool.data);
        return JOBD_E_EXIST;
    }
    if (p->initializer.len && !may_be_task(&core->tasks, p->initializer)) {
        *ret_text = task_unknown_text(core, p->initializer);
        return JOBD_E_NOTASK;
    }
    int err = check_room(core, n_workers, ret_text);
    if (err)
        return err;
    memcpy(name, p->pool.data, p->pool.len);
    name[p->pool.len] = '\0';
    memcpy(initializer, p->initializer.data ? p->initializer.data : "", p->initializer.len);
    initializer[p->initializer.len] = '\0';
    struct core_pool spec = {.name = name,
                             .n_workers = n_workers,
                             .n_threads = (uint32_t)p->threads,
                             .initializer = p->initializer.len ? initializer : NULL,
                             .init_args = p->init_args,
                             .recycle_jobs = p->recycle_jobs,
                             .recycle_rss_bytes = p->recycle_rss_bytes,
                             .max_lent = (uint32_t)p->max_lent};
    err = pool_make(core, &spec, &pool);
    if (err == 0)
        tell(core, pool, "pool.created");
    return err;
}

static int resize(struct core *core, struct pool *pool, uint64_t n, jobd_bytes *ret_text) {
    if (n == 0) {
        *ret_text = jd_text("a pool has at least one worker; to stop it, pause it");
        return JOBD_E_INVAL;
    }
    int err = n > pool->n_workers ? check_room(core, n - pool->n_workers, ret_text) : 0;
    if (err)
        return err;
    pool->n_workers = (uint32_t)n;
    core_pool_is_due(core, pool);
    pool_unbalance(core, pool);
    tell(core, pool, "pool.resized");
    return 0;
}

static int delete (struct core *core, struct pool *pool, bool now, jobd_bytes *ret_text) {
    if (pool->stays) {
        *ret_text = core_text(core, "the pool '%s' cannot be deleted", pool->name);
        return JOBD_E_PERM;
    }
    pool->deleting = true;
    core->pools_managed |= UINT64_C(1) << pool->number;
    pool->stops_jobs = now;
    pool->paused = false;
    core_pool_is_due(core, pool);
    pool_unbalance(core, pool);
    tell(core, pool, "pool.deleted");
    return 0;
}

// Answered when the pool is empty.
static int drain(struct core *core, uint32_t index, struct pool *pool, const struct jd_msg *msg) {
    uint32_t at = jd_slab_take(&core->drains);
    if (!at)
        return JOBD_E_NOMEM;
    const struct client *client = client_at(&core->clients, index);
    *drain_at(core, at) = (struct drain){client->session, client->peer, msg->id, pool->drains};
    pool->drains = at;
    core->pools_managed |= UINT64_C(1) << pool->number;
    if (!pool->draining)
        tell(core, pool, "pool.draining");
    pool->draining = true;
    return 0;
}

static jobd_bytes pool_of(const struct jd_msg *msg) {
    return msg->op == JD_OP_POOL_RESIZE  ? msg->u.pool_resize.pool
           : msg->op == JD_OP_POOL_PAUSE ? msg->u.pool_pause.pool
           : msg->op == JD_OP_POOL_DRAIN ? msg->u.pool_drain.pool
                                         : msg->u.pool_delete.pool;
}

static int on_pool(struct core *core, uint32_t index, const struct jd_msg *msg,
                   jobd_bytes *ret_text) {
    jobd_bytes name = pool_of(msg);
    struct pool *pool = pool_find(core, name);
    if (!pool) {
        int len = jd_name_ok(name, JD_NAME_MAX) ? (int)name.len : 0;
        *ret_text = core_text(core, "there is no pool '%.*s'; `jobctl pool list` lists them", len,
                              (const char *)name.data);
        return JOBD_E_NOENT;
    }
    if (pool->is_single) {
        *ret_text = jd_text("the processes are no pool that could be changed");
        return JOBD_E_PERM;
    }
    switch ((enum jd_op)msg->op) {
    case JD_OP_POOL_RESIZE:
        return resize(core, pool, msg->u.pool_resize.workers, ret_text);
    case JD_OP_POOL_PAUSE:
        pool->paused = msg->u.pool_pause.paused;
        core_pool_is_due(core, pool);
        pool->draining &= pool->paused;
        tell(core, pool, pool->paused ? "pool.paused" : "pool.resumed");
        return 0;
    case JD_OP_POOL_DRAIN:
        return drain(core, index, pool, msg);
    default:
        return delete (core, pool, msg->u.pool_delete.now, ret_text);
    }
}

void manage_on_request(struct core *core, uint32_t index, const struct jd_msg *msg) {
    const struct client *client = client_at(&core->clients, index);
    jobd_bytes text = {0};
    int err = msg->op == JD_OP_POOL_CREATE ? create(core, &msg->u.pool_create, &text)
                                           : on_pool(core, index, msg, &text);
    if (err)
        client_emit_error(core, client, msg, err, text);
    else if (msg->op != JD_OP_POOL_DRAIN)
        client_emit_reply(core, client, msg);
}

static void answer_drains(struct core *core, struct pool *pool) {
    const struct clients *c = &core->clients;
    bool empty = pool->n_jobs == 0;
    if (pool->deleting)
        pool_unbalance(core, pool);
    while (pool->drains) {
        struct drain d = *drain_at(core, pool->drains);
        jd_slab_give(&core->drains, pool->drains);
        pool->drains = d.next;
        const struct client *client = c->by_peer[d.peer] ? client_at(c, c->by_peer[d.peer]) : NULL;
        struct jd_msg request = {.op = JD_OP_POOL_DRAIN, .id = d.request};
        if (!client || client->session != d.session || client->state != CLIENT_OPEN)
            continue;
        if (empty)
            client_emit_reply(core, client, &request);
        else
            client_emit_error(core, client, &request, JOBD_E_STATE,
                              jd_text("the pool was opened again before it was empty"));
    }
}

void manage_run(struct core *core) {
    for (uint64_t managed = core->pools_managed; managed; managed &= managed - 1) {
        struct pool *pool = core->pools[__builtin_ctzll(managed)];
        if (pool->deleting && pool->n_jobs > pool->n_out)
            sched_cancel_queued(core, pool, "its pool was deleted");
        if (pool->drains && (pool->n_jobs == 0 || !pool->draining))
            answer_drains(core, pool);
        if (!pool->deleting && !pool->drains)
            core->pools_managed &= ~(UINT64_C(1) << pool->number);
    }
}
