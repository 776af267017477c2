// The core's face. Pure: no I/O, no clock, no shared memory, no randomness of its own. The caller
// feeds in one event at a time and carries out the effects before the next.
//
//     core_step(core, now_ns, &event);
//     for (i = 0; i < fx->n; i++) carry out fx->list[i];   then fx->n = 0
//     ... until core_next_deadline(core), or the next event
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "effect.h"
#include "event.h"

enum { STEP_OBJECTS_MAX = 1000 }; // jobs or workers one step may touch; the rest waits for the next
#define CORE_ID_BLOCK (UINT64_C(1) << 28) // job ids are reserved in blocks of this many

struct core_pool {
    const char *name;
    uint32_t n_workers;
    uint32_t n_threads;         // of each worker
    const char *initializer;    // a task; NULL = none
    jobd_bytes init_args;       // one msgpack array
    uint64_t recycle_jobs;      // 0 = never
    uint64_t recycle_rss_bytes; // 0 = never
    uint32_t max_lent;          // 0 = as many as its workers have threads
};

struct core_config {
    uint32_t n_workers;            // of the pool "default"; 1..JD_WORKERS_MAX
    uint32_t n_cpus;               // threads of the pool "threads"
    const struct core_pool *pools; // further ones, from the configuration
    uint32_t n_pools;
    uint32_t max_workers;      // of all pools and processes together; their numbers are below it
    uint32_t max_kept;         // finished jobs that stay visible
    uint64_t keep_ns;          // for so long
    uint64_t max_kept_bytes;   // of results that are kept
    uint32_t max_clients;      // connections at once
    uint32_t max_jobs;         // queued or running
    uint64_t max_queued_bytes; // arguments held
    uint32_t max_frame_bytes;  // payload; JD_FRAME_MIN_BYTES..JD_FRAME_MAX_BYTES
    uint64_t drain_ns;         // from a graceful stop to killing what still runs
    uint64_t grace_ns;         // from asking a job to stop to TERM, and from TERM to KILL
    uint64_t stall_ns;         // a worker that reads nothing for so long is dead
    uint64_t start_ns;         // a worker must say HELLO within
    uint64_t first_job_id;     // >= 1
    uint64_t id_limit;         // ids below it are reserved
    uint64_t seed;             // for the jitter of restarts
    uint32_t pid;              // the daemon's, for HELLO and status
};

struct core;

// NULL = out of memory. *cfg is copied.
struct core *core_new(const struct core_config *cfg, uint64_t now_ns);
void core_free(struct core *core); // NULL is allowed
struct effects *core_effects(struct core *core);

void core_step(struct core *core, uint64_t now_ns, const struct event *event);
// When EVENT_TICK is due at the latest; UINT64_MAX = never. May lie in the past: then at once.
uint64_t core_next_deadline(const struct core *core);

// The next job id, for the state file.
uint64_t core_next_id(const struct core *core);
// Every invariant; panics with the one that does not hold. O(everything): for tests.
void core_audit(const struct core *core);

#endif
