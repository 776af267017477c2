// Job records: 64 bytes each, named by a 32-bit index, and the table of what may follow what.
#ifndef CORE_JOBS_H
#define CORE_JOBS_H

#include "slab.h"

struct core;

enum { JOB_ARGS_HERE = 16 };

enum job_flags {
    JOB_ARGS_AWAY = 1 << 0,  // arguments are too long to be here
    JOB_OWNER_GONE = 1 << 1, // its connection ended: it is not run again, nobody hears of it
};

struct job {
    uint64_t id;         // also its place in any queue, for life
    uint32_t next, prev; // in its lane, while QUEUED
    uint32_t client;
    uint32_t handle;
    uint16_t task;
    uint16_t worker; // SENT, RUNNING: where
    uint8_t slot;
    uint8_t state;    // jobd_job_state
    uint8_t attempts; // claims known to have happened
    uint8_t lost;     // of those, ended by a worker's death
    uint8_t max_lost;
    uint8_t flags;
    uint16_t pad;
    uint32_t side; // what few jobs have; 0 = nothing
    uint32_t lane;
    uint32_t args_bytes;
    union {
        uint8_t here[JOB_ARGS_HERE];
        uint8_t *away;
    } args;
};
_Static_assert(sizeof(struct job) == 64, "a job is one cache line");

struct job_side {
    uint64_t time_limit_ns;
};

struct jobs {
    struct jd_slab slab, sides;
    uint64_t args_bytes; // held by all jobs
};

void jobs_init(struct jobs *jobs, uint32_t max);
void jobs_free_all(struct jobs *jobs);

// A new record in state QUEUED with a copy of args; 0 = out of memory, nothing has changed.
uint32_t job_new(struct core *core, jobd_bytes args, uint64_t time_limit_ns);
void job_free(struct core *core, uint32_t index);

static inline struct job *job_at(const struct jobs *jobs, uint32_t index) {
    return jd_slab_at(&jobs->slab, index);
}

// Panics on a transition that is not in the table.
void job_set_state(struct job *job, jobd_job_state next);
bool job_state_is_final(unsigned state);
jobd_bytes job_args(const struct job *job);
uint64_t job_time_limit_ns(const struct jobs *jobs, const struct job *job); // 0 = none

// ---- how a job ends (fate.c): the client is told, once, and the record is gone ----

struct fate {
    jobd_job_state state;
    int error;
    jobd_bytes name, text, value;
    uint64_t run_ns;
    uint32_t pid;
};
void job_end(struct core *core, uint32_t index, const struct fate *fate);
void job_end_cancelled(struct core *core, uint32_t index, const char *why);
// Tell the client something short of the end; text may be empty.
void job_note(struct core *core, const struct job *job, double progress, jobd_bytes text);

#endif
