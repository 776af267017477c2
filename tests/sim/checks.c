// What must hold whatever the models do, with a look into the core's own state.
#include "core/state.h"
#include "sim.h"

bool sim_core_has(const struct sim *sim, uint64_t id) {
    return id && ids_find(&sim->core->ids, id);
}

bool sim_core_is_settled(const struct sim *sim) {
    return sim->core->tasks.settled;
}

bool sim_no_jobs(const struct sim *sim) {
    return sim->core->jobs.slab.used == 0;
}

bool sim_any_pool(const struct sim *sim, bool deleting, bool draining) {
    for (uint32_t i = 0; i < sim->core->n_pools; i++) {
        const struct pool *pool = sim->core->pools[i];
        if (pool && ((deleting && pool->deleting) || (draining && pool->draining)))
            return true;
    }
    return false;
}

bool sim_pool_of_is_deleted(const struct sim *sim, uint64_t id) {
    uint32_t index = ids_find(&sim->core->ids, id);
    return !index || job_pool(sim->core, job_at(&sim->core->jobs, index))->deleting;
}

void sim_check_dispatch(struct sim *sim, uint32_t worker, uint64_t id) {
    const struct core *core = sim->core;
    const struct sim_worker *w = &sim->worker[worker];
    const struct pool *pool = core->workers[worker].pool;
    const struct job *job = job_at(&core->jobs, ids_find(&sim->core->ids, id));
    SIM_CHECK(sim, pool == job_pool(core, job));
    SIM_CHECK(sim, pool->initializer < 0 || w->initialized);
    SIM_CHECK(sim, !pool->recycle_jobs || w->n_given <= pool->recycle_jobs);
    SIM_CHECK(sim, !pool->paused);
    if (job->lane && !client_at(&core->clients, job->client)->worker)
        SIM_CHECK(sim, !client_at(&core->clients, job->client)->paused);
    int level = job->lane ? lane_at(&core->clients, job->lane)->level : -1;
    sim->dispatched[pool->number] = JD_MAX(sim->dispatched[pool->number], level);
}

// A job that computes has a slot of its pool; where the pool became smaller, what runs may end.
static void check_slots(struct sim *sim, const struct pool *pool) {
    uint32_t *most = &sim->most_busy[pool->number], slots = pool->n_workers * pool->n_threads;
    uint32_t n = 0;
    for (uint32_t i = pool->workers; i; i = sim->core->workers[i - 1].pool_next) {
        const struct sim_worker *w = &sim->worker[i - 1];
        uint32_t busy = w->alive ? sim_threads_busy(w) : 0;
        SIM_CHECK(sim, busy <= w->n_threads);
        n += busy;
    }
    bool settled = n <= slots && pool->n_retiring == 0;
    *most = settled ? slots : JD_MAX(*most, slots);
    SIM_CHECK(sim, n <= *most || pool->is_single);
}

static void check_futures(struct sim *sim) {
    for (unsigned i = 0; i < SIM_CLIENTS; i++)
        for (unsigned h = 0; h < SIM_HANDLES; h++)
            SIM_CHECK(sim, sim->client[i].future[h].expect != EXPECT_DONE ||
                               sim->client[i].closing ||
                               !sim->job[sim->client[i].future[h].job].ended);
    for (unsigned i = 0; i < SIM_NUMBERS; i++)
        for (unsigned t = 0; t < sim->worker[i].n_claimed; t++)
            for (unsigned k = 0; k < sim->worker[i].thread[t].n_children; k++)
                SIM_CHECK(sim, sim->worker[i].thread[t].child[k].expect != EXPECT_DONE ||
                                   !sim->job[sim->worker[i].thread[t].child[k].job].ended);
}

void sim_check_step(struct sim *sim) {
    for (uint32_t i = 0; i < sim->core->n_pools; i++) {
        const struct pool *pool = sim->core->pools[i];
        if (!pool) {
            sim->most_busy[i] = 0;
            continue;
        }
        check_slots(sim, pool);
        // What could have been started has no smaller priority than what was.
        int level = pool->level;
        SIM_CHECK(sim, sim->dispatched[i] < 0 || level < 0 || sim->dispatched[i] <= level);
    }
    if (sim->any_ended) // who waited for a job that has ended was told so in the same step
        check_futures(sim);
    sim->any_ended = false;
}

void sim_explain(const struct sim *sim) {
    const struct core *core = sim->core;
    fprintf(stderr, "jobs %u, followers %u, timers %u, keys %u, kept %u, clients %u, drains %u\n",
            core->jobs.slab.used, core->followers.used, core->timers.n, core->keys.slab.used,
            core->kept.owned.n + core->kept.detached.n, core->clients.slab.used, core->drains.used);
    for (uint32_t i = 0; i < core->n_pools; i++) {
        const struct pool *p = core->pools[i];
        if (p)
            fprintf(stderr,
                    "pool %s: deleting %d draining %d paused %d, jobs %u queued %u out %u, "
                    "workers %u all %u ready %u starting %u empty %u retiring %u parked %u lent "
                    "%u resuming %u, shares %u\n",
                    p->name, p->deleting, p->draining, p->paused, p->n_jobs, p->n_queued, p->n_out,
                    p->n_workers, p->n_all, p->n_ready, p->n_starting, p->n_empty, p->n_retiring,
                    p->n_parked, p->n_lent, p->n_resuming, p->n_shares);
    }
    for (uint32_t i = 0; i < sim->cfg.max_workers; i++)
        fprintf(stderr,
                "worker %u: alive %d claimed %u inbox %u batch %u done %u deaf %d liar %d\n", i,
                sim->worker[i].alive, sim->worker[i].n_claimed, sim->worker[i].inbox.n,
                sim->worker[i].batch.n, sim->worker[i].done.n, sim->worker[i].deaf,
                sim->worker[i].liar);
}

static bool pool_is_quiet(const struct pool *pool) {
    bool full = pool->n_all == pool->n_workers || pool->is_lazy;
    return !pool->deleting && pool->n_lent == 0 && pool->n_parked == 0 && pool->n_retiring == 0 &&
           (pool->is_single ? pool->n_all == 0 : full);
}

bool sim_is_quiet(const struct sim *sim) {
    const struct core *core = sim->core;
    for (uint32_t i = 0; i < core->n_pools; i++)
        if (core->pools[i] && !pool_is_quiet(core->pools[i]))
            return false;
    return core->jobs.slab.used == 0 && core->jobs.sides.used == 0 && core->followers.used == 0 &&
           core->timers.n == 0 && core->timers.n_reserved == 0 && core->keys.slab.used == 0 &&
           core->kept.owned.n + core->kept.detached.n == 0 && core->kept.bytes == 0 &&
           core->clients.n == 0 && core->clients.slab.used == 1 && core->drains.used == 0 &&
           core->n_watchers == 0;
}

void sim_check_end(const struct sim *sim) {
    const struct core *core = sim->core;
    for (uint32_t i = 0; i < SIM_NUMBERS; i++)
        SIM_CHECK(sim, !sim->worker[i].alive && !sim->worker[i].tree_left);
    for (uint32_t i = 0; i < SIM_CLIENTS; i++)
        SIM_CHECK(sim, !sim->client[i].connected);
    for (uint32_t i = 0; i < sim->n_limits; i++)
        SIM_CHECK(sim, sim->limit[i].out == 0);
    SIM_CHECK(sim, core->jobs.slab.used == 0 && core->jobs.sides.used == 0);
    SIM_CHECK(sim, core->jobs.args_bytes == 0 && core->followers.used == 0);
    SIM_CHECK(sim, core->timers.n == 0 && core->timers.n_reserved == 0);
    SIM_CHECK(sim, core->clients.slab.used == 1 && core->drains.used == 0);
    SIM_CHECK(sim, core->kept.owned.n <= sim->cfg.max_kept);
    SIM_CHECK(sim, core->kept.detached.n <= sim->cfg.max_kept);
    SIM_CHECK(sim, core->kept.bytes <= sim->cfg.max_kept_bytes);
}
