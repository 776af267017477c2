// A pool: a named set of workers and the ring of lanes that have jobs for it. Also the rules by
// which its workers are started: at once, but at most 200 a second; after a failed start with
// growing delays; after ten failed starts in a row one try per ten seconds.
#ifndef CORE_POOLS_H
#define CORE_POOLS_H

#include <jobd/types.h>

struct core;

enum { POOL_STARTS_PER_S = 200, POOL_FAILED_STARTS_MAX = 10 };

struct pool {
    const char *name;
    uint32_t first_worker, n_workers;
    uint32_t n_ready, n_starting, n_empty;
    uint32_t idle;        // READY workers with nothing to do, last used first: number + 1
    uint32_t ring;        // a lane with queued jobs that may run; 0 = none
    uint32_t n_overtakes; // jobs that went before the one whose turn it is
    uint32_t n_queued;    // jobs in state QUEUED, those of paused clients too
    uint32_t n_out;       // jobs SENT or RUNNING
    bool look_for_work;   // a worker ran dry: see whether another has too much
    bool degraded;        // the breaker is open
    uint32_t failed_starts;
    uint64_t retry_ns;  // no start before
    uint64_t tokens_ns; // start budget: the time its next token is due
};

void pool_init(struct pool *pool, const char *name, uint32_t first_worker, uint32_t n_workers);
// May a worker be started now? If not, *ret_at_ns is when to ask again (UINT64_MAX = when another
// start has ended).
bool pool_may_start(struct core *core, struct pool *pool, uint64_t *ret_at_ns);
void pool_on_started(struct core *core, struct pool *pool);
void pool_on_ready(struct core *core, struct pool *pool);
void pool_on_failed_start(struct core *core, struct pool *pool);

#endif
