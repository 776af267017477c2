#include "pools.h"

#include <string.h>

#include "log.h"
#include "mem.h"
#include "state.h"
#include "watch.h"

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 10000 };
#define MS_NS UINT64_C(1000000)
#define TOKEN_NS (UINT64_C(1000000000) / POOL_STARTS_PER_S)

// ---- making and dropping ----

static void free_parts(struct pool *pool) {
    jd_free(pool->name);
    jd_free((void *)(uintptr_t)pool->init_args.data);
}

static int fill(struct core *core, struct pool *pool, const struct core_pool *spec) {
    pool->name = jd_strdup(spec->name);
    char *args = spec->init_args.len ? text_copy(spec->init_args) : NULL;
    pool->init_args = (jobd_bytes){args, spec->init_args.len};
    if (!pool->name || (spec->init_args.len && !args))
        return JOBD_E_NOMEM;
    pool->n_workers = spec->n_workers;
    pool->n_threads = JD_MAX(spec->n_threads, 1u);
    pool->recycle_jobs = spec->recycle_jobs;
    pool->recycle_rss_bytes = spec->recycle_rss_bytes;
    pool->max_lent = spec->max_lent;
    pool->initializer =
        spec->initializer ? tasks_intern(&core->tasks, jd_text(spec->initializer)) : -1;
    return spec->initializer ? JD_MIN(pool->initializer, 0) : 0;
}

int pool_make(struct core *core, const struct core_pool *spec, struct pool **ret) {
    uint32_t number = 0;
    while (number < JD_POOLS_MAX && core->pools[number])
        number++;
    if (number == JD_POOLS_MAX)
        return JOBD_E_LIMIT;
    struct pool *pool = number == 0 ? &core->pool : jd_zalloc(sizeof *pool);
    if (!pool)
        return JOBD_E_NOMEM;
    int r = fill(core, pool, spec);
    if (r < 0) {
        free_parts(pool);
        if (number > 0)
            jd_free(pool);
        return r;
    }
    pool->number = number;
    pool->unpark_ns = UINT64_MAX;
    pool->level = -1;
    core->pools[number] = pool;
    core->n_pools = JD_MAX(core->n_pools, number + 1);
    pool_unbalance(core, pool);
    *ret = pool;
    return 0;
}

void pool_drop(struct core *core, struct pool *pool) {
    JD_ASSERT(pool->n_jobs == 0 && pool->n_shares == 0 && pool->n_all == 0);
    core->pools[pool->number] = NULL;
    core->pools_due &= ~(UINT64_C(1) << pool->number);
    core->pools_managed &= ~(UINT64_C(1) << pool->number);
    kept_forget_pool(core, pool->number);
    free_parts(pool);
    jd_free(pool);
}

int pools_init(struct core *core) {
    struct pool *pool;
    const struct core_config *cfg = &core->cfg;
    struct core_pool spec = {.name = "default", .n_workers = cfg->n_workers, .n_threads = 1};
    int r = pool_make(core, &spec, &pool);
    if (r < 0)
        return r;
    pool->stays = true;
    spec = (struct core_pool){.name = "threads", .n_workers = 1};
    spec.n_threads = JD_MAX(JD_MIN(cfg->n_cpus, (uint32_t)JD_THREADS_MAX), 1u);
    r = pool_make(core, &spec, &pool);
    if (r < 0)
        return r;
    pool->stays = pool->is_lazy = true;
    spec = (struct core_pool){.name = "processes", .n_threads = 1};
    r = pool_make(core, &spec, &core->processes);
    if (r < 0)
        return r;
    core->processes->stays = core->processes->is_single = true;
    for (uint32_t i = 0; i < cfg->n_pools && r == 0; i++)
        r = pool_make(core, &cfg->pools[i], &pool);
    return r;
}

void pools_free_all(struct core *core) {
    for (uint32_t i = 0; i < core->n_pools; i++) {
        if (!core->pools[i])
            continue;
        free_parts(core->pools[i]);
        if (i > 0)
            jd_free(core->pools[i]);
    }
}

struct pool *pool_find(const struct core *core, jobd_bytes name) {
    for (uint32_t i = 0; i < core->n_pools; i++) {
        struct pool *pool = core->pools[i];
        if (pool && !pool->deleting && strlen(pool->name) == name.len &&
            memcmp(pool->name, name.data, name.len) == 0)
            return pool;
    }
    return NULL;
}

// ---- starts ----

bool pool_may_start(struct core *core, struct pool *pool, bool free, uint64_t *ret_at_ns) {
    uint64_t now = core->now_ns;
    if (pool->degraded && pool->n_starting > 0) {
        *ret_at_ns = UINT64_MAX;
        return false;
    }
    if (now < pool->retry_ns) {
        *ret_at_ns = pool->retry_ns;
        return false;
    }
    // The bucket holds a second's worth: its next token may be due up to a second ahead of now.
    if (!free && pool->tokens_ns > now + (POOL_STARTS_PER_S - 1) * TOKEN_NS) {
        *ret_at_ns = pool->tokens_ns - (POOL_STARTS_PER_S - 1) * TOKEN_NS;
        return false;
    }
    return true;
}

void pool_count_start(struct core *core, struct pool *pool) {
    pool->tokens_ns = JD_MAX(pool->tokens_ns, core->now_ns) + TOKEN_NS;
}

void pool_on_ready(struct pool *pool) {
    if (pool->degraded)
        jd_log(JD_LOG_INFO, "pool.recovered", "pool=%s", pool->name);
    pool->failed_starts = 0;
    pool->degraded = false;
    pool->retry_ns = 0;
    pool->failure[0] = '\0';
}

// Those whose turn is next hear why they wait.
static void tell_waiters(struct core *core, const struct pool *pool) {
    enum { TOLD_MAX = 16 };
    int level = pool->level;
    uint32_t first = level >= 0 ? pool->ring[level] : 0, lane = first;
    for (unsigned n = 0; lane && n < TOLD_MAX; n++) {
        job_note(core, job_at(&core->jobs, lane_at(&core->clients, lane)->head), 0,
                 core_text(core, "it waits: no worker of the pool '%s' is ready: %s", pool->name,
                           pool->failure));
        lane = lane_at(&core->clients, lane)->ring_next;
        lane = lane == first ? 0 : lane;
    }
}

void pool_on_failed_start(struct core *core, struct pool *pool, jobd_bytes why) {
    uint32_t n = ++pool->failed_starts;
    size_t len = JD_MIN(why.len, sizeof pool->failure - 1);
    memcpy(pool->failure, why.data, len);
    pool->failure[len] = '\0';
    uint64_t delay_ms = BACKOFF_MAX_MS;
    if (n < POOL_FAILED_STARTS_MAX)
        delay_ms = JD_MIN((uint64_t)BACKOFF_FIRST_MS << (n - 1), (uint64_t)BACKOFF_MAX_MS);
    uint64_t delay_ns = delay_ms * MS_NS;
    delay_ns = delay_ns - delay_ns / 10 + core_random(core, delay_ns / 5); // +- 10 %
    pool->retry_ns = core->now_ns + delay_ns;
    pool_unbalance(core, pool);
    if (pool->n_ready == 0)
        tell_waiters(core, pool);
    if (n == POOL_FAILED_STARTS_MAX) {
        pool->degraded = true;
        jd_log(JD_LOG_ERROR, "pool.degraded", "pool=%s failed_starts=%u retry_s=%d", pool->name, n,
               BACKOFF_MAX_MS / 1000);
    }
}
