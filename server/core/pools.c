#include "pools.h"

#include "log.h"
#include "state.h"

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 10000 };
#define MS_NS UINT64_C(1000000)
#define TOKEN_NS (UINT64_C(1000000000) / POOL_STARTS_PER_S)

void pool_init(struct pool *pool, const char *name, uint32_t first_worker, uint32_t n_workers) {
    *pool = (struct pool){
        .name = name, .first_worker = first_worker, .n_workers = n_workers, .n_empty = n_workers};
}

bool pool_may_start(struct core *core, struct pool *pool, uint64_t *ret_at_ns) {
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
    if (pool->tokens_ns > now + (POOL_STARTS_PER_S - 1) * TOKEN_NS) {
        *ret_at_ns = pool->tokens_ns - (POOL_STARTS_PER_S - 1) * TOKEN_NS;
        return false;
    }
    return true;
}

void pool_on_started(struct core *core, struct pool *pool) {
    pool->tokens_ns = JD_MAX(pool->tokens_ns, core->now_ns) + TOKEN_NS;
}

void pool_on_ready(struct core *core, struct pool *pool) {
    (void)core;
    if (pool->degraded)
        jd_log(JD_LOG_INFO, "pool.recovered", "pool=%s", pool->name);
    pool->failed_starts = 0;
    pool->degraded = false;
    pool->retry_ns = 0;
}

void pool_on_failed_start(struct core *core, struct pool *pool) {
    uint32_t n = ++pool->failed_starts;
    uint64_t delay_ms = BACKOFF_MAX_MS;
    if (n < POOL_FAILED_STARTS_MAX)
        delay_ms = JD_MIN((uint64_t)BACKOFF_FIRST_MS << (n - 1), (uint64_t)BACKOFF_MAX_MS);
    uint64_t delay_ns = delay_ms * MS_NS;
    delay_ns = delay_ns - delay_ns / 10 + core_random(core, delay_ns / 5); // +- 10 %
    pool->retry_ns = core->now_ns + delay_ns;
    if (n == POOL_FAILED_STARTS_MAX) {
        pool->degraded = true;
        jd_log(JD_LOG_ERROR, "pool.degraded", "pool=%s failed_starts=%u retry_s=%d", pool->name, n,
               BACKOFF_MAX_MS / 1000);
    }
}
