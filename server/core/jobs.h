// Job records: 64 bytes each, named by a 32-bit index, and the table of what may follow what.
#ifndef CORE_JOBS_H
#define CORE_JOBS_H

#include "msg.h"
#include "slab.h"

struct core;
struct pool;
struct worker_usage;

enum { JOB_ARGS_HERE = 16 };

enum job_flags {
    JOB_ARGS_AWAY = 1 << 0,  // arguments are too long to be here
    JOB_OWNER_GONE = 1 << 1, // its connection ended: it is not run again, nobody hears of it
    JOB_DETACHED = 1 << 2,   // belongs to core->nobody; its result is kept
    JOB_PROCESS = 1 << 3,    // has a worker of its own, and is in no lane
};

struct job {
    uint64_t id;         // also its place in any queue, for life
    uint32_t next, prev; // in its lane, while QUEUED
    uint32_t client;
    uint32_t handle : 24;
    uint32_t lost : 4; // attempts ended by a worker's death
    uint32_t max_lost : 4;
    uint16_t task;
    uint16_t worker; // SENT, RUNNING: where; of a process, always
    uint8_t slot;
    uint8_t state;    // jobd_job_state
    uint8_t attempts; // claims known to have ended
    uint8_t flags;
    uint32_t submit_ms; // since the core began
    uint32_t side;      // what few jobs have; 0 = nothing
    uint32_t lane;      // 0 = a process
    uint32_t args_bytes;
    union {
        uint8_t here[JOB_ARGS_HERE];
        uint8_t *away;
    } args;
};
_Static_assert(sizeof(struct job) == 64, "a job is one cache line");
_Static_assert(JD_HANDLE_MAX < 1 << 24, "a handle fits its bits");

struct job_side {
    uint64_t time_limit_ns;
    uint64_t deadline_ns;    // on the clock; 0 = none
    uint64_t start_ns;       // on the clock: DELAYED until then
    uint64_t due_ns;         // on the clock: when the timer looks at the job
    uint64_t retry_delay_ns; // before the first retry
    uint32_t timer;          // place among the timers + 1; 0 = none
    uint32_t chunk;          // items; 0 = no chunk
    uint32_t followers;      // futures of others; see follow.h
    uint32_t key;            // see keys.h; 0 = none
    uint8_t max_retries, retries;
    bool timed;  // may need a timer: there is room for one
    bool output; // of a process: tell what it writes
    char *label; // owned; NULL = none
};

struct jobs {
    struct jd_slab slab, sides;
    uint64_t args_bytes; // held by all jobs
};

void jobs_init(struct jobs *jobs, uint32_t max);
void jobs_free_all(struct jobs *jobs);

// A new record in state QUEUED, or DELAYED, with a copy of what s says; 0 = out of memory, nothing
// has changed.
uint32_t job_new(struct core *core, const struct jd_submit *s);
void job_free(struct core *core, uint32_t index);
// The first record in use from index `from` (>= 1) on, or 0.
uint32_t jobs_next(const struct jobs *jobs, uint32_t from);

static inline struct job *job_at(const struct jobs *jobs, uint32_t index) {
    return JD_SLAB_AT(&jobs->slab, index, struct job);
}
static inline struct job_side *job_side_at(const struct jobs *jobs, uint32_t side) {
    return JD_SLAB_AT(&jobs->sides, side, struct job_side);
}
// Makes one if there is none; NULL = out of memory.
struct job_side *job_side_make(struct core *core, struct job *job);

// Panics on a transition that is not in the table.
void job_set_state(struct job *job, jobd_job_state next);
bool job_state_is_final(unsigned state);
jobd_bytes job_args(const struct job *job);
uint64_t job_time_limit_ns(const struct jobs *jobs, const struct job *job); // 0 = none
struct pool *job_pool(const struct core *core, const struct job *job);
const char *job_label(const struct jobs *jobs, const struct job *job); // NULL = none
// One more claim has ended.
static inline void job_count_attempt(struct job *job) {
    if (job->attempts < UINT8_MAX)
        job->attempts++;
}
static inline bool job_waits(const struct job *job) {
    return job->state == JOBD_JOB_QUEUED || job->state == JOBD_JOB_DELAYED;
}

// ---- how a job ends (fate.c): who waits is told, once, and the record is gone ----

struct fate {
    jobd_job_state state;
    int error;
    jobd_bytes name, text, value;
    uint64_t run_ns;
    uint64_t sent_ns; // on the clock; 0 = never sent
    uint32_t pid;
    int status;                       // of a process: exit code or -signal
    const struct worker_usage *usage; // of a worker that died with the job; NULL = it lives
};
void job_end(struct core *core, uint32_t index, const struct fate *fate);
void job_end_cancelled(struct core *core, uint32_t index, const char *why);
// Tell the client something short of the end; text may be empty.
void job_note(struct core *core, const struct job *job, double progress, jobd_bytes text);

#endif
