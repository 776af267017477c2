// Worker processes as a state machine, and the window of jobs that each was sent.
//
//   EMPTY --spawn--> STARTING --HELLO--> [INIT -->] READY --hang up--> LEAVING
//   any but EMPTY --death--> REAPING (its tree is being killed) --tree gone--> EMPTY
//
// A death before READY is a failed start. Our own kills never count against anybody. A worker's number
// is its own while its pool wants it; then it is free for another.
#ifndef CORE_WORKERS_H
#define CORE_WORKERS_H

#include "event.h"

struct core;
struct job;
struct fate;
struct pool;
struct process_end;

enum worker_state {
    WORKER_EMPTY,    // no process
    WORKER_STARTING, // spawned, no HELLO yet
    WORKER_INIT,     // runs its pool's initializer
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

enum revoke_why { REVOKE_SHARE, REVOKE_CANCEL, REVOKE_STOP };
enum stop_why {
    STOP_NONE,
    STOP_LIMIT,
    STOP_DEADLINE,
    STOP_OWNER_GONE,
    STOP_DRAIN,
    STOP_POOL,
    STOP_ABORT
};
enum stop_stage { STOP_ASKED, STOP_TERMINATED, STOP_KILLED };

// A wish to stop a job.
struct stop {
    enum stop_why why;
    uint64_t grace_ns; // from asking to TERM, and from TERM to KILL; 0 = KILL at once
    bool force;        // even if other jobs run in the same worker
    uint32_t by_pid;   // ABORT: who asked
};

enum { SLOT_NONE = 0xffff };

struct slot {
    uint64_t seq;
    uint64_t sent_ns;
    uint64_t since_ns; // RUNNING: the first sample that showed it
    double progress;   // RUNNING: 0..1, as of the last sample
    uint32_t job;
    uint32_t est_ns;
    uint32_t bytes;
    uint32_t shown;      // RUNNING: hash of the progress last told
    uint16_t next, prev; // in order of seq; VOID slots have a list of their own
    uint8_t state;
    uint8_t why;   // REVOKING: enum revoke_why
    bool has_more; // something is in slot_more
};

// What few jobs have while they are out. All zero where has_more is not set.
struct slot_more {
    struct stop stop;    // REVOKING for it, or being stopped
    uint32_t asker;      // REVOKE_CANCEL: the client that asked ...
    uint32_t ask_id;     // ... and its request
    uint32_t pid;        // the program that the worker started for it; 0 = it is the worker
    uint32_t caller;     // the client that the job is while its task calls; 0 = none
    uint32_t resume_id;  // the request to answer when it may go on
    bool lent, resuming; // its thread waits in a call; and would go on
};

struct worker {
    struct pool *pool;
    uint32_t pool_next; // in its pool's list, or among the free numbers: number + 1
    uint8_t state;
    uint8_t n_threads;
    bool was_ready;
    bool retiring;      // gets no more jobs and goes when it has none, and is replaced
    bool parked;        // gets no more jobs: a slot that was lent has come back
    bool free_start;    // it replaces a worker that we killed
    bool we_killed;     // SIGKILL was ours
    bool was_signalled; // of a process: by a client
    bool is_broken;     // because of what it sent
    bool init_failed;   // because its initializer did
    bool stuck;         // no result since the last sample, with something out
    uint32_t pid;
    uint32_t idle_next, idle_prev; // number + 1; only while it has a thread free
    bool idle;
    bool open;         // worker_takes_jobs(), as of the last window_update_idle()
    uint64_t since_ns; // of state

    uint64_t seq;   // last one given
    uint64_t taken; // last one known to be read
    uint16_t out_head, out_tail, n_out;
    uint16_t void_head, n_void;
    uint16_t n_free;
    uint16_t n_lent;  // of those out, jobs that wait in a call
    uint64_t n_given; // jobs sent in its life
    uint64_t est_ns;  // of all that is out
    uint32_t bytes;
    uint8_t free[JD_WINDOW_MAX];

    uint64_t results, results_at_sample;
    uint64_t stall_ns; // since when nothing was read; 0 = not stalled

    uint16_t stop_slot; // the job for which it will be killed; SLOT_NONE = none
    uint8_t stop_stage;
    uint64_t stop_ns; // next stage

    uint32_t process;          // the job it was started for; 0 = none
    struct process_end *ended; // of that job: its result, until nothing is left of the process

    uint64_t jobs_done, deaths;
    struct slot slot[JD_WINDOW_MAX];
    struct slot_more more[JD_WINDOW_MAX];
};

static inline struct slot_more *slot_more(struct worker *w, unsigned slot) {
    w->slot[slot].has_more = true;
    return &w->more[slot];
}

// Threads that are not busy or waiting in a call. (A worker of one thread that waits has none left; one
// of several starts another.)
static inline int worker_free_threads(const struct worker *w) {
    int busy = w->n_threads == 1 ? w->n_out : w->n_out - w->n_lent;
    return (int)w->n_threads - busy;
}
// May it be sent jobs? Not once it was sent a signal.
static inline bool worker_takes_jobs(const struct worker *w) {
    return w->state == WORKER_READY && w->stop_stage == STOP_ASKED && !w->retiring && !w->parked &&
           !w->process && w->stop_slot == SLOT_NONE && !(w->n_threads == 1 && w->n_lent > 0);
}

// ---- life (workers.c) ----
// A number for one more worker of the pool, EMPTY; -1 = all are in use.
int worker_take(struct core *core, struct pool *pool);
void worker_give(struct core *core, uint32_t number); // an EMPTY one
bool worker_can_take(const struct core *core);
void worker_start(struct core *core, uint32_t number);
void worker_hang_up(struct core *core, uint32_t number);
// No more jobs; take_back: not even those that it has been sent.
void worker_retire(struct core *core, uint32_t number, bool take_back);
void worker_park(struct core *core, uint32_t number, bool parked);
void workers_on_spawned(struct core *core, const struct event *e);
void workers_on_spawn_failed(struct core *core, const struct event *e);
void workers_on_message(struct core *core, const struct event *e);
void workers_on_broken(struct core *core, const struct event *e);
void workers_on_tree_gone(struct core *core, const struct event *e);
void workers_on_time(struct core *core); // start limits
void worker_set_state(struct core *core, uint32_t number, enum worker_state state);
// It sent what it must not: it is killed, and why is logged.
void worker_broken(struct core *core, uint32_t number, jobd_bytes why);
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
// It is known to have been started.
void window_set_running(struct core *core, uint32_t number, unsigned slot);
// The worker has read everything up to seq.
void window_on_taken(struct worker *w, uint64_t seq);
// The slot's job goes elsewhere or has ended: the slot is free, or VOID if its frame may be unread.
void window_release(struct core *core, uint32_t number, unsigned slot, bool to_void);
// Puts a READY worker with nothing out among the idle ones, or takes it out.
void window_update_idle(struct core *core, uint32_t number);

// ---- sampling (sample.c) ----
void sample_arm(struct core *core); // something is out: look at the boards from now on
void sample_on_time(struct core *core);
void sample_on_board(struct core *core, const struct event *e);

// ---- stopping (stop.c) ----
// Stops a job that is SENT or RUNNING.
void job_stop(struct core *core, uint32_t job, const struct stop *stop);
// Ends one that waits: as cancelled.
void job_withdraw(struct core *core, uint32_t job, const char *why);
// Stops the job in a slot that was claimed.
void stop_begin(struct core *core, uint32_t number, unsigned slot, const struct stop *stop);
void stop_on_time(struct core *core);
// The slot's job is over: nothing is to be stopped there any more.
void stop_end(struct core *core, uint32_t number, unsigned slot);
// KILL, once; nothing where there is no process.
void worker_kill(struct core *core, uint32_t number);
// How a job ends that was being stopped when its worker died or it failed.
struct fate stop_fate(struct core *core, const struct stop *stop, const struct job *job);

#endif
