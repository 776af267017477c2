// The whole state of the core, in one struct that is passed down; there is nothing else.
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "clients.h"
#include "core.h"
#include "ids.h"
#include "jobs.h"
#include "kept.h"
#include "keys.h"
#include "pools.h"
#include "tasks.h"
#include "timers.h"
#include "watch.h"
#include "workers.h"

enum { CORE_TEXT_BYTES = 64 * 1024 };

struct counts {
    uint64_t submitted, done, failed, cancelled, killed, timed_out, lost;
    uint64_t refused;       // submits answered with an error
    uint64_t retried;       // runs beyond a job's first
    uint64_t taken_back;    // jobs sent to one worker and run by another
    uint64_t worker_deaths; // of workers that had said HELLO, our own kills left out
    uint64_t broken;        // workers killed for what they sent
};

struct core {
    struct core_config cfg;
    uint64_t now_ns;     // of the step under way
    uint64_t started_ns; // core_new
    uint64_t wake_ns;    // when time itself is the next event; UINT64_MAX = never
    uint64_t sample_ns;  // next look at the boards; UINT64_MAX = nothing is out
    uint64_t random;     // xorshift state
    unsigned n_starts;   // of workers, in this step
    bool more;           // this step stopped at its bound: come back at once

    uint64_t next_id, id_limit;
    bool ids_asked;

    bool stopping;     // submits are refused
    bool killing;      // and what is left is ended by force
    bool exited;       // EFFECT_EXIT went out
    uint64_t drain_ns; // when stopping becomes killing

    struct jobs jobs;
    struct jd_slab followers; // struct follower
    struct ids ids;
    struct keys keys;
    struct timers timers;
    struct kept_jobs kept;
    uint64_t kept_wake_ns; // when the oldest of them is too old; UINT64_MAX = there is none
    uint32_t cancel_walk;  // sched_cancel_queued: jobs below it were looked at

    struct clients clients;
    uint32_t nobody; // the client that owns detached jobs
    uint32_t n_watchers;
    struct happenings happenings;
    struct jd_slab drains; // see manage.c

    struct tasks tasks;
    struct pool pool; // "default"; the first of:
    struct pool *pools[JD_POOLS_MAX];
    uint32_t n_pools;       // places in use, holes included
    uint64_t pools_due;     // bit set = sched_run() has to look at the pool of that number
    uint64_t pools_managed; // the same for manage_run()
    struct pool *processes;
    bool is_unbalanced; // one of them is

    struct worker *workers;
    uint32_t n_numbers;    // numbers of workers ever used: below it
    uint32_t free_numbers; // list of those not in use: number + 1
    struct counts counts;

    struct effects effects;
    struct jd_buf reply;        // a listing under way: one per step
    char text[CORE_TEXT_BYTES]; // sentences of this step
    size_t text_used;
};

_Static_assert(JD_POOLS_MAX <= 64, "a bit for each pool");

// ---- what every room may use ----

// The next effect, of this kind, to be filled in.
struct effect *core_emit(struct core *core, enum effect_kind kind);
// One sentence, valid for this step; cut at JD_TEXT_MAX bytes, or a stock phrase when a step has
// too many.
jobd_bytes core_text(struct core *core, const char *fmt, ...) JD_PRINTF(2, 3);
// "no task is named 'pig'; did you mean 'ping'?"
jobd_bytes task_unknown_text(struct core *core, jobd_bytes name);
// A copy, terminated; NULL = out of memory.
char *text_copy(jobd_bytes text);
// Milliseconds since the core began, as far as 32 bits go: 49 days.
static inline uint32_t core_ms_of(const struct core *core, uint64_t t_ns) {
    return (uint32_t)((t_ns - core->started_ns) / 1000000) + 1;
}
static inline uint32_t core_ms(const struct core *core) {
    return core_ms_of(core, core->now_ns);
}
// Something has changed that may let a job of the pool start, or that sched_run() else sees to.
static inline void core_pool_is_due(struct core *core, const struct pool *pool) {
    core->pools_due |= UINT64_C(1) << pool->number;
}
// Has this step done so much that the rest should wait for the next?
static inline bool core_is_full(const struct core *core) {
    return core->effects.n > EFFECTS_MAX / 4;
}
// Time itself will be an event at t_ns, or sooner.
void core_wake_at(struct core *core, uint64_t t_ns);
// As EVENT_STOP.
void core_stop(struct core *core, bool now);
// 0 <= result < n; from the seed alone.
uint64_t core_random(struct core *core, uint64_t n);

#endif
