// A pool: a named set of workers, and the rings of lanes that have jobs for it. Also the rules by which
// its workers are started: at once, but at most 200 a second; after a failed start with growing
// delays; after ten failed starts in a row one try per ten seconds.
#ifndef CORE_POOLS_H
#define CORE_POOLS_H

#include "clients.h"
#include "core.h"

enum { STARTS_PER_STEP = 4 }; // a spawn blocks the caller for some 0.2 ms
enum { POOL_STARTS_PER_S = 200, POOL_FAILED_STARTS_MAX = 10, POOL_FAILURE_BYTES = 256 };

struct pool {
    char *name;
    uint32_t number;    // in core->pools
    uint32_t n_workers; // wanted, without what is lent
    uint32_t n_threads; // of each
    int initializer;    // task; -1 = none
    jobd_bytes init_args;
    uint64_t recycle_jobs, recycle_rss_bytes; // 0 = never
    uint32_t max_lent;

    bool is_lazy;    // starts its workers when it gets its first job
    bool is_single;  // of processes: a worker comes with its job and goes with it
    bool paused;     // nothing is started
    bool draining;   // no more jobs are taken
    bool deleting;   // and it goes when it is empty
    bool stops_jobs; // and what it has begun is stopped
    bool stays;      // cannot be deleted

    uint32_t workers;                      // list of its workers: number + 1
    uint32_t n_all;                        // in the list
    uint32_t n_ready, n_starting, n_empty; // of them, by state
    uint32_t n_retiring, n_parked;
    uint32_t idle;      // workers with a free thread, last used first: number + 1
    bool is_unbalanced; // its workers are not as wanted, or that is not known
    bool is_short;      // it wants one more, and all numbers are in use

    uint64_t levels[LEVELS / 64]; // bit set = there is a ring
    int16_t level;                // the smallest of them; -1 = none
    uint32_t ring[LEVELS];        // a lane with queued jobs that may run; 0 = none
    uint32_t n_overtakes;         // jobs that went before the one whose turn it is
    uint32_t n_jobs;              // unfinished
    uint32_t n_queued;            // of them, in state QUEUED and in a lane
    uint32_t n_out;               // of them, SENT or RUNNING
    uint32_t n_shares;            // that refer to this pool
    bool look_for_work;           // a worker ran dry: see whether another has too much

    uint32_t n_lent;     // jobs that wait in a call
    uint32_t n_resuming; // of them, those that want to go on
    uint64_t unpark_ns;  // when parked workers are let go

    bool degraded; // the breaker is open
    uint32_t failed_starts;
    uint64_t retry_ns;  // no start before
    uint64_t tokens_ns; // start budget: the time its next token is due
    uint64_t jobs_done;
    uint32_t drains;                  // those who wait for it to be empty; see manage.c
    char failure[POOL_FAILURE_BYTES]; // why the last start failed; "" = it did not
};

static inline bool pool_takes_jobs(const struct pool *pool) {
    return !pool->draining && !pool->deleting;
}
// May one more job compute? Workers that retire end what they have begun while those that replace them
// are there already: together they have no more slots than the pool.
static inline bool pool_has_slot(const struct pool *pool) {
    return pool->n_retiring == 0 || pool->n_out - pool->n_lent < pool->n_workers * pool->n_threads;
}

// "default", "threads", the processes, and those of the configuration. 0 | JOBD_E_NOMEM.
int pools_init(struct core *core);
void pools_free_all(struct core *core);
// NULL = no such pool; those being deleted are not found.
struct pool *pool_find(const struct core *core, jobd_bytes name);
// *ret is written on success. 0 | JOBD_E_NOMEM | JOBD_E_LIMIT.
int pool_make(struct core *core, const struct core_pool *spec, struct pool **ret);
// One that nothing refers to any more.
void pool_drop(struct core *core, struct pool *pool);

// May a worker be started now? If not, *ret_at_ns is when to ask again (UINT64_MAX = when another
// start has ended). `free`: it replaces one that we killed, which costs nothing of the budget.
bool pool_may_start(struct core *core, struct pool *pool, bool free, uint64_t *ret_at_ns);
void pool_count_start(struct core *core, struct pool *pool); // one that is not free
void pool_on_ready(struct pool *pool);
void pool_on_failed_start(struct core *core, struct pool *pool, jobd_bytes why);

// ---- as many workers as wanted (balance.c) ----
void pool_unbalance(struct core *core, struct pool *pool);
void balance_run(struct core *core);     // those that are unbalanced
void balance_on_time(struct core *core); // parked workers, and starts that had to wait

// ---- slots that are lent (lend.c) ----
// Requests of a task that calls: to lend its slot, its jobs, to go on.
bool lend_knows(unsigned op);
void lend_on_request(struct core *core, uint32_t worker, const struct jd_msg *msg);
// The job in the slot has ended or goes elsewhere.
void lend_end(struct core *core, uint32_t worker, unsigned slot);
// Who can go on, goes on. True = somebody would if a worker had nothing to do.
bool lend_run(struct core *core, struct pool *pool);

#endif
