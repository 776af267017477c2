// Worker processes as a state machine, and the window of jobs that each was sent.
//
//   EMPTY --spawn--> STARTING --HELLO--> READY --hang up--> LEAVING
//   any but EMPTY --death--> REAPING (its tree is being killed) --tree gone--> EMPTY
//
// A death before HELLO is a failed start. Our own kills never count against anybody.
#ifndef CORE_WORKERS_H
#define CORE_WORKERS_H

#include "event.h"

struct core;
struct job;
struct fate;
struct pool;

enum worker_state {
    WORKER_EMPTY,    // no process
    WORKER_STARTING, // spawned, no HELLO yet
    WORKER_READY,
    WORKER_LEAVING, // its socket is half-closed; it ends by itself
    WORKER_REAPING, // dead, but of its tree there may be something left
};

enum slot_state {
    SLOT_FREE,
    SLOT_SENT,     // published and sent
    SLOT_CLAIMED,  // a take-back was lost to the worker's claim
    SLOT_RUNNING,  // a sample showed it started
    SLOT_REVOKING, // EFFECT_REVOKE is under way, EVENT_REVOKED will be fed in next
    SLOT_VOID,     // taken back, but its frame may be unread: not to be used again yet
};

enum revoke_why { REVOKE_SHARE, REVOKE_CANCEL };
enum stop_why { STOP_NONE, STOP_LIMIT, STOP_OWNER_GONE, STOP_DRAIN };
enum stop_stage { STOP_ASKED, STOP_TERMINATED, STOP_KILLED };

enum { SLOT_NONE = 0xffff };

struct slot {
    uint64_t seq;
    uint64_t since_ns; // RUNNING: the first sample that showed it
    double progress;   // RUNNING: 0..1, as of the last sample
    uint32_t job;
    uint32_t est_ns;
    uint32_t bytes;
    uint32_t cancel_id;  // REVOKE_CANCEL: the request to answer
    uint32_t shown;      // RUNNING: hash of the progress last told
    uint16_t next, prev; // in order of seq; VOID slots have a list of their own
    uint8_t state;
    uint8_t why; // REVOKING: enum revoke_why
};

struct worker {
    struct pool *pool;
    uint8_t state;
    bool said_hello;
    bool we_killed; // SIGKILL was ours
    bool is_broken; // because of what it sent
    bool stuck;     // no result since the last sample, with something out
    uint32_t pid;
    uint32_t idle_next, idle_prev; // number + 1; only while READY with nothing out
    bool idle;
    uint64_t since_ns; // of state

    uint64_t seq;   // last one given
    uint64_t taken; // last one known to be read
    uint16_t out_head, out_tail, n_out;
    uint16_t void_head, n_void;
    uint16_t n_free;
    uint64_t est_ns; // of all that is out
    uint32_t bytes;
    uint8_t free[JD_WINDOW_MAX];

    uint64_t results, results_at_sample;
    uint64_t stall_ns; // since when nothing was read; 0 = not stalled

    uint8_t stop_why, stop_stage; // the one job being stopped
    uint16_t stop_slot;
    uint64_t stop_ns; // next stage

    uint64_t jobs_done, deaths;
    struct slot slot[JD_WINDOW_MAX];
};

// May it be sent jobs? Not once it was sent a signal.
static inline bool worker_takes_jobs(const struct worker *w) {
    return w->state == WORKER_READY && w->stop_stage == STOP_ASKED;
}

// ---- life (workers.c) ----
void workers_init(struct core *core);
void workers_start_some(struct core *core); // those that are EMPTY and may be started
void workers_on_spawned(struct core *core, const struct event *e);
void workers_on_spawn_failed(struct core *core, const struct event *e);
void workers_on_message(struct core *core, const struct event *e);
void workers_on_broken(struct core *core, const struct event *e);
void workers_on_tree_gone(struct core *core, const struct event *e);
void workers_on_time(struct core *core); // start limits
void worker_set_reaping(struct core *core, uint32_t number);
bool workers_hang_up_all(struct core *core); // true = no process is left

// ---- death (death.c) ----
void death_on_died(struct core *core, const struct event *e);

// ---- the window (window.c) ----
void window_init(struct worker *w);
bool window_has_room(const struct worker *w, uint32_t est_ns, uint32_t bytes);
// Sends a QUEUED job that is in no lane any more.
void window_dispatch(struct core *core, uint32_t number, uint32_t job_index, uint32_t est_ns);
void window_revoke(struct core *core, uint32_t number, unsigned slot, enum revoke_why why);
void window_take_back_all(struct core *core, uint32_t number);
void window_on_revoked(struct core *core, const struct event *e);
void window_on_result(struct core *core, uint32_t number, const struct jd_result *result);
// The worker has read everything up to seq.
void window_on_taken(struct worker *w, uint64_t seq);
// The slot's job goes elsewhere or has ended: the slot is free, or VOID if its frame may be unread.
void window_release(struct core *core, uint32_t number, unsigned slot, bool to_void);
// Puts a READY worker with nothing out among the idle ones, or takes it out.
void window_update_idle(struct core *core, uint32_t number);

// ---- sampling and stopping (sample.c, stop.c) ----
void sample_arm(struct core *core); // something is out: look at the boards from now on
void sample_on_time(struct core *core);
void sample_on_board(struct core *core, const struct event *e);
void stop_begin(struct core *core, uint32_t number, unsigned slot, enum stop_why why);
void stop_on_time(struct core *core);
void worker_kill(struct core *core,
                 uint32_t number); // KILL, once; nothing where there is no process
// How a job ends that was being stopped when its worker died or it failed.
struct fate stop_fate(struct core *core, enum stop_why why, const struct job *job);

#endif
