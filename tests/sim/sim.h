// The simulator: the real core in a world made of numbers. Clients and workers are models that do
// what the wire allows, and what it does not; a seed decides everything. After each step
// core_audit() runs, and the models check what they are told against what they did.
//
//   main.c      the command line          futures.c   what a client is told of its jobs
//   schedule.c  one schedule              requests.c  what else a client asks for
//   world.c     effects and their answers workers.c   a worker's life
//   jobs.c      the books on every job    threads.c   the jobs that a worker runs
//   checks.c    what must hold for all    calls.c     tasks that call
//   clients.c   a client's life
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdio.h>

#include "core/core.h"

enum {
    SIM_NUMBERS = 14, // of workers
    SIM_CLIENTS = 5,
    SIM_HANDLES = 24,
    SIM_EXECUTORS = 4, // of a client
    SIM_ASKED = 16,    // requests of a client without an answer
    SIM_CHILDREN = 3,  // jobs of a task that calls
    SIM_DEPTH = 3,     // of calls in calls
    SIM_CLAIMED = 24,  // jobs that a worker has begun and not finished
    SIM_QUEUE = 2 * JD_WINDOW_MAX,
    SIM_JOBS = 4096,
    SIM_LIMITS = 4096,
    SIM_PENDING = 1024,
    SIM_LIE = 4000, // id of a liar's request
};

// ---- chance ----
struct sim_rng {
    uint64_t state;
};
uint64_t sim_below(struct sim_rng *rng, uint64_t n); // 0 <= result < n
bool sim_chance(struct sim_rng *rng, unsigned in_1000);

// ---- a job as the world saw it: it is named by the 8 bytes in its arguments ----
struct sim_job {
    uint64_t id;             // as the daemon named it; 0 = it was not accepted
    uint64_t not_before_ns;  // it is delayed until then
    uint64_t deadline_ns;    // 0 = none
    uint64_t retry_delay_ns; // before its first retry
    uint32_t limit;          // of its executor: index into sim->limit; 0 = none
    uint32_t runs;           // claims by honest workers
    uint32_t deaths;         // of workers that had claimed it
    uint32_t lost_allowed;
    uint32_t failures, max_retries;
    uint32_t told_watchers; // bit = that client heard that it was done
    uint32_t n_pipes;       // of a process
    uint32_t worker, pid;   // where it was sent last
    int status;             // of a process, as its future must hear
    uint8_t depth;          // of calls
    uint8_t key;            // 0 = none
    uint8_t ended;          // jobd_job_state that a future was told; 0 = none
    bool out;               // sent to a worker
    bool chunk, limited, detached, process, unknown;
    bool touched_by_liar;  // then it may have run any number of times
    bool finished;         // an honest worker finished it, and well
    bool cancelled;        // somebody was told so
    bool aborted;          // from now on it must not go on
    bool must_end;         // it was aborted, and nothing else keeps its worker alive
    bool may_be_cancelled; // somebody asked for it, or its pool was deleted
    bool may_be_killed;
    bool kept;      // somebody attached to it after its end
    bool abandoned; // who submitted it is gone, and nobody else waited for it
};

// An executor with a limit of its own.
struct sim_limit {
    uint32_t cap, out;
};

// ---- clients ----
enum sim_expect { EXPECT_NOTHING, EXPECT_REPLY, EXPECT_DONE };
struct sim_future {
    enum sim_expect expect;
    uint32_t job;  // index into sim->job
    bool owner;    // it submitted the job
    bool gives_up; // it is about to hear that it is cancelled, while the job goes on
};
struct sim_asked {
    uint32_t id; // of the request
    uint16_t op;
    uint32_t handle;
    uint32_t job;   // a submit: its job
    uint64_t about; // the job's id, where it is named so
    bool busy;      // the handle was in use
    bool now;       // pool.delete: stop what runs; job.abort: by force
};
struct sim_executor {
    bool open;
    uint32_t limit; // index into sim->limit; 0 = none
};
struct sim_client {
    bool connected, open, paused, closing, watching;
    uint32_t peer, next_request;
    uint32_t n_fds; // that wait to be adopted
    uint64_t cursor, watched_ns;
    struct sim_future future[SIM_HANDLES];
    struct sim_executor executor[SIM_EXECUTORS];
    struct sim_asked asked[SIM_ASKED];
    uint32_t n_asked;
};

// ---- workers ----
struct sim_run {
    uint64_t seq;
    uint32_t job;
    uint8_t slot;
    bool failed, cancelled; // how it ended
};
struct sim_queue {
    struct sim_run list[SIM_QUEUE];
    uint32_t n;
};
enum sim_thread_state { THREAD_COMPUTES, THREAD_CALLS, THREAD_RESUMES };
struct sim_child {
    enum sim_expect expect;
    uint32_t job;
    bool gives_up;
};
struct sim_thread {
    struct sim_run run;
    enum sim_thread_state state;
    bool endless, obeys, stop_asked, calls;
    uint32_t lend_id, resume_id; // requests without an answer
    uint32_t n_children;
    struct sim_child child[SIM_CHILDREN];
};
struct sim_worker {
    bool alive, spawned, said_hello, initialized, process, output;
    bool liar, deaf, leaving, doomed, tree_left, sampled, sampled_rss;
    uint32_t pid, n_threads, n_pipes, init_id, next_request;
    uint32_t lie;                 // the job of its last lie
    uint8_t thread_asking;        // its slot: a request about its children is being answered
    uint32_t n_given;             // jobs, in its life
    uint64_t word[JD_WINDOW_MAX]; // its board
    uint64_t taken;
    struct sim_run out[JD_WINDOW_MAX]; // what it was sent and is not settled; seq 0 = nothing
    struct sim_queue inbox;            // sent, not read
    struct sim_queue batch;            // read, not claimed
    struct sim_queue done;             // in the ring, not delivered
    struct sim_thread thread[SIM_CLAIMED];
    uint32_t n_claimed;
};

struct sim_pending {
    enum event_kind kind;
    uint32_t who;
    uint8_t slot;
    bool won;
    uint64_t number;
};

struct sim_totals {
    uint64_t steps, ended[JOBD_JOB_LOST + 1], refused, deaths, attached, retried, lent, initialized;
    uint64_t processes, happened, pools;
};

struct sim {
    uint64_t seed, now_ns, steps;
    struct sim_rng rng;
    struct core *core;
    struct core_config cfg;
    bool faults, verbose, exited, stopping, tasks_told, any_ended;
    unsigned die_1000, lie_1000, deaf_1000, vanish_1000, garbage_1000, spawn_fail_1000;
    unsigned endless_1000, call_1000, fail_1000, manage_1000, process_1000, init_fail_1000;
    struct sim_client client[SIM_CLIENTS];
    struct sim_worker worker[SIM_NUMBERS];
    struct sim_job job[SIM_JOBS];
    uint32_t by_id[SIM_JOBS]; // id - the first one -> job + 1
    uint32_t n_jobs, next_pid;
    struct sim_limit limit[SIM_LIMITS];
    uint32_t n_limits;
    uint32_t adopted[SIM_NUMBERS];    // descriptors that wait for its next process
    int dispatched[JD_POOLS_MAX];     // in this step: the largest level; -1 = nothing
    uint32_t most_busy[JD_POOLS_MAX]; // jobs that may compute at once
    struct sim_pending revoked[SIM_PENDING], others[SIM_PENDING];
    uint32_t n_revoked, n_others;
    uint64_t trace; // hash of everything that came out: the same seed gives the same trace
    struct sim_totals totals;
};

#define SIM_CHECK(sim, cond) ((cond) ? (void)0 : sim_fail((sim), __FILE__, __LINE__, #cond))
_Noreturn void sim_fail(const struct sim *sim, const char *file, int line, const char *what);

// Runs one schedule; panics with the seed on a violation.
void sim_schedule(struct sim *sim, uint64_t seed, uint64_t n_steps);

// ---- the world (world.c) ----
// Feeds one event in, carries out its effects, then the answers they give rise to.
void sim_feed(struct sim *sim, const struct event *e);
void sim_hash(struct sim *sim, uint64_t value);

// ---- jobs (jobs.c) ----
// Thinks up a job and what to say of it; args has room for SIM_ARGS_BYTES. No job left = UINT32_MAX.
enum { SIM_ARGS_BYTES = 72 };
struct sim_kind {
    bool process;
    uint8_t depth;
};
uint32_t sim_job_invent(struct sim *sim, struct jd_submit *s, uint8_t *args,
                        const struct sim_kind *kind);
void sim_job_accepted(struct sim *sim, uint32_t job, uint64_t id);
struct sim_job *sim_job_of_id(struct sim *sim, uint64_t id); // NULL = no such job was accepted
uint32_t sim_job_of_args(const struct sim *sim, jobd_bytes args);
void sim_job_dispatched(struct sim *sim, uint32_t worker, const struct jd_run *run);
// It ran, or will not run: it is out no more. Nothing if the worker was sent no such job.
void sim_job_settled(struct sim *sim, uint32_t worker, uint8_t slot, uint64_t seq);
void sim_job_claimed(struct sim *sim, uint32_t worker, uint32_t job);
void sim_job_failed(struct sim *sim, uint32_t job); // such a result is about to be fed in
void sim_job_aborted(struct sim *sim, uint32_t job, bool force);
// It goes on without the executor that it was submitted to.
void sim_job_moved(struct sim *sim, uint32_t job);
// A future of it is gone.
void sim_job_left(struct sim *sim, uint32_t job);
// A future was told that it has ended.
void sim_job_done(struct sim *sim, uint32_t job, const struct jd_job_done *d);
uint32_t sim_job_futures(const struct sim *sim, uint32_t job);

// ---- what must hold for all, with a look into the core (checks.c) ----
void sim_check_dispatch(struct sim *sim, uint32_t worker, uint64_t id);
void sim_check_step(struct sim *sim);
void sim_check_end(const struct sim *sim);
void sim_explain(const struct sim *sim); // what is left, to stderr
bool sim_no_jobs(const struct sim *sim);
bool sim_is_quiet(const struct sim *sim);
bool sim_core_has(const struct sim *sim, uint64_t id); // a job that has not ended
bool sim_core_is_settled(const struct sim *sim);       // it knows what tasks there are
bool sim_any_pool_drains(const struct sim *sim);
bool sim_pool_of_is_deleted(const struct sim *sim, uint64_t id);

// ---- clients (clients.c, futures.c, requests.c) ----
void sim_client_act(struct sim *sim, uint32_t i);
void sim_client_vanish(struct sim *sim, struct sim_client *c);
void sim_client_send(struct sim *sim, struct sim_client *c, struct jd_msg *msg,
                     struct sim_asked asked);
void sim_client_on_send(struct sim *sim, uint32_t peer, const struct jd_msg *msg);
void sim_client_on_close(struct sim *sim, uint32_t peer);
bool sim_client_settled(const struct sim *sim, uint32_t i);

void sim_future_submit(struct sim *sim, struct sim_client *c);
void sim_future_process(struct sim *sim, struct sim_client *c);
void sim_future_attach(struct sim *sim, struct sim_client *c);
void sim_future_cancel(struct sim *sim, struct sim_client *c);
void sim_future_abort(struct sim *sim, struct sim_client *c);
void sim_future_signal(struct sim *sim, struct sim_client *c);
void sim_future_on_reply(struct sim *sim, struct sim_client *c, const struct sim_asked *a,
                         const struct jd_msg *msg);
void sim_future_on_event(struct sim *sim, struct sim_client *c, const struct jd_msg *msg);

void sim_request_executor(struct sim *sim, struct sim_client *c);
void sim_request_manage(struct sim *sim, struct sim_client *c);
void sim_request_ask(struct sim *sim, struct sim_client *c);
void sim_request_on_reply(struct sim *sim, struct sim_client *c, const struct sim_asked *a,
                          const struct jd_msg *msg);

// ---- workers (workers.c, threads.c, calls.c) ----
void sim_worker_act(struct sim *sim, uint32_t i);
void sim_worker_on_spawn(struct sim *sim, const struct effect *fx);
void sim_worker_on_signal(struct sim *sim, uint32_t i, int signal);
void sim_worker_on_send(struct sim *sim, uint32_t i, const struct jd_msg *msg);
void sim_worker_sample(struct sim *sim, uint32_t i);
void sim_worker_message(struct sim *sim, uint32_t i, struct jd_msg *msg);
void sim_worker_die(struct sim *sim, uint32_t i, int status);

void sim_thread_on_dispatch(struct sim *sim, uint32_t i, const struct jd_run *run);
bool sim_thread_on_revoke(struct sim *sim, uint32_t i, uint8_t slot, uint64_t seq);
void sim_thread_on_ask_stop(struct sim *sim, uint32_t i, uint8_t slot, uint64_t seq);
void sim_thread_compute(struct sim *sim, uint32_t i);
void sim_thread_deliver(struct sim *sim, uint32_t i, uint32_t n);      // results from the ring
uint32_t sim_threads_busy(const struct sim_worker *w);                 // without those that call
struct sim_thread *sim_thread_at(struct sim_worker *w, uint64_t slot); // NULL = not claimed

bool sim_call_act(struct sim *sim, uint32_t i, struct sim_thread *t); // false = it computes
void sim_call_on_message(struct sim *sim, uint32_t i, const struct jd_msg *msg);
void sim_call_drop(struct sim *sim, struct sim_thread *t); // its children are nobody's now

enum { SIM_TASK_PURE, SIM_TASK_ONCE, SIM_TASK_INIT, SIM_TASKS }; // IDEMPOTENT and not
extern const char *const sim_task_names[SIM_TASKS];

#endif
