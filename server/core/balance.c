// As many workers as wanted. A pool wants its number of workers, and one more for each slot that is lent
// by a worker of one thread. What is too much goes as soon as it has nothing to do; what is to be
// replaced goes when the one that replaces it is there.
#include "log.h"
#include "pools.h"
#include "state.h"

void pool_unbalance(struct core *core, struct pool *pool) {
    if (pool->is_single) // a process comes and goes with its one job
        return;
    pool->is_unbalanced = true;
    core->is_unbalanced = true;
}

static uint32_t wanted(const struct core *core, const struct pool *pool) {
    if (pool->deleting)
        return 0;
    if (pool->is_lazy && pool->n_jobs == 0 && pool->n_all == 0)
        return 0;
    uint32_t n = pool->n_workers + (pool->n_threads == 1 ? pool->n_parked : 0);
    if (pool->n_threads > 1 || pool->n_lent == 0)
        return n;
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next)
        n += core->workers[i - 1].n_lent > 0 && !core->workers[i - 1].retiring;
    return n;
}

// Starts workers that are EMPTY, some of them in the next step.
static void start_some(struct core *core, struct pool *pool) {
    for (uint32_t i = pool->workers; i && pool->n_empty > 0; i = core->workers[i - 1].pool_next) {
        struct worker *w = &core->workers[i - 1];
        uint64_t again_ns;
        if (w->state != WORKER_EMPTY || w->retiring)
            continue;
        if (!pool_may_start(core, pool, w->free_start, &again_ns)) {
            core_wake_at(core, again_ns);
            return;
        }
        if (core->n_starts == STARTS_PER_STEP) {
            core->more = true;
            pool_unbalance(core, pool);
            return;
        }
        core->n_starts++;
        worker_start(core, i - 1);
    }
}

// Of those that could go, the one that is missed least: not started yet, idle, then the one with
// least to do. 0 = none.
static uint32_t least_useful(const struct core *core, const struct pool *pool) {
    uint32_t best = 0;
    uint64_t best_cost = UINT64_MAX;
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next) {
        const struct worker *w = &core->workers[i - 1];
        if (w->retiring || w->n_lent > 0 || w->state == WORKER_LEAVING ||
            w->state == WORKER_REAPING)
            continue;
        uint64_t cost = w->state == WORKER_EMPTY ? 0 : w->state != WORKER_READY ? 1 : 2;
        cost += w->parked ? 0 : w->n_out + (w->n_out > 0 ? w->est_ns : 0);
        if (cost < best_cost) {
            best_cost = cost;
            best = i;
        }
    }
    return best;
}

// Those that retire and have nothing left to do; if something is to replace them, not before it can.
// Where no number is free for that, it gets theirs.
static void let_go(struct core *core, struct pool *pool, uint32_t want) {
    uint32_t serving = pool->is_short ? want : 0;
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next)
        serving += core->workers[i - 1].state == WORKER_READY && !core->workers[i - 1].retiring;
    for (uint32_t i = pool->workers, next; i; i = next) {
        struct worker *w = &core->workers[i - 1];
        next = w->pool_next;
        if (!w->retiring)
            continue;
        if (w->state == WORKER_EMPTY)
            worker_give(core, i - 1);
        else if (w->state == WORKER_READY && w->n_out == 0 && serving >= want)
            worker_hang_up(core, i - 1);
        else if (w->state == WORKER_STARTING || w->state == WORKER_INIT)
            worker_kill(core, i - 1);
    }
}

// A pool that was deleted `now`: what it has begun is stopped, what was sent is taken back.
static void stop_jobs(struct core *core, const struct pool *pool) {
    const struct stop stop = {.why = STOP_POOL, .force = true};
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next) {
        const struct worker *w = &core->workers[i - 1];
        if (w->n_out == 0)
            continue;
        if (core_is_full(core)) {
            core->more = true;
            return;
        }
        for (uint16_t s = w->out_head; s != SLOT_NONE; s = w->slot[s].next)
            if (!w->slot[s].has_more || w->more[s].stop.why != STOP_POOL)
                job_stop(core, w->slot[s].job, &stop);
    }
}

// Nobody has anything in it any more.
static bool is_over(struct core *core, struct pool *pool) {
    if (!pool->deleting || pool->n_jobs > 0 || pool->n_all > 0 || pool->drains)
        return false;
    shares_leave(core, pool);
    return pool->n_shares == 0;
}

static void balance(struct core *core, struct pool *pool) {
    pool->is_unbalanced = false;
    if (pool->is_single) // its workers come and go with their jobs
        return;
    if (pool->stops_jobs)
        stop_jobs(core, pool);
    uint32_t want = wanted(core, pool);
    pool->is_short = false;
    while (pool->n_all - pool->n_retiring < want && !pool->is_short)
        pool->is_short = worker_take(core, pool) < 0;
    while (pool->n_all - pool->n_retiring > want) {
        uint32_t i = least_useful(core, pool);
        if (!i)
            break;
        if (core_is_full(core)) { // each one has a window to be taken back
            core->more = true;
            pool_unbalance(core, pool);
            break;
        }
        worker_retire(core, i - 1, true);
    }
    start_some(core, pool);
    let_go(core, pool, want);
    if (is_over(core, pool))
        pool_drop(core, pool);
}

void balance_run(struct core *core) {
    if (core->killing || (core->stopping && core->jobs.slab.used == 0))
        return;
    core->is_unbalanced = false;
    for (uint32_t i = 0; i < core->n_pools; i++)
        if (core->pools[i] && core->pools[i]->is_unbalanced)
            balance(core, core->pools[i]);
    core->more |= core->is_unbalanced; // one has let go what another wants
}

// A worker that was parked, because its slot came back, is let go when it was not needed for a while.
static void unpark(struct core *core, struct pool *pool) {
    if (core->now_ns < pool->unpark_ns) {
        core_wake_at(core, pool->unpark_ns);
        return;
    }
    pool->unpark_ns = UINT64_MAX;
    for (uint32_t i = pool->workers; i; i = core->workers[i - 1].pool_next)
        if (core->workers[i - 1].parked && !core->workers[i - 1].retiring)
            worker_retire(core, i - 1, true);
    pool_unbalance(core, pool);
}

void balance_on_time(struct core *core) {
    for (uint32_t i = 0; i < core->n_pools; i++) {
        struct pool *pool = core->pools[i];
        if (!pool)
            continue;
        if (pool->n_parked > 0)
            unpark(core, pool);
        if (pool->n_empty > 0)
            pool_unbalance(core, pool);
    }
}
