// The simulator: the real core in a world made of numbers. Clients and workers are models that do
// what the wire allows, and what it does not; a seed decides everything. After each step
// core_audit() runs, and the models check what they are told against what they did.
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <stdio.h>

#include "core/core.h"

enum { SIM_WORKERS = 4, SIM_CLIENTS = 5, SIM_HANDLES = 48, SIM_JOBS = 4096, SIM_PENDING = 8192 };

// ---- chance ----
struct sim_rng {
    uint64_t state;
};
uint64_t sim_below(struct sim_rng *rng, uint64_t n); // 0 <= result < n
bool sim_chance(struct sim_rng *rng, unsigned in_1000);

// ---- a job as the world saw it: it is named by the 8 bytes in its arguments ----
struct sim_job {
    uint32_t runs;         // claims by honest workers
    uint32_t runs_allowed; // 1 + times it may be lost
    bool touched_by_liar;  // then it may have run any number of times
    bool cancel_confirmed;
    bool finished; // an honest worker finished it
    bool limited;  // it has a time limit
};

enum sim_expect { EXPECT_NOTHING, EXPECT_REPLY, EXPECT_DONE };
struct sim_handle {
    enum sim_expect expect;
    uint32_t job; // index into sim->jobs
    uint32_t request;
    uint32_t cancel_request; // 0 = none is unanswered
    bool may_be_refused;     // the model knows why
    bool must_be_refused;
};
struct sim_client {
    bool connected, open, paused, closing;
    uint32_t peer, next_request;
    struct sim_handle handle[SIM_HANDLES];
    uint32_t n_unanswered; // other requests
};

struct sim_run {
    uint64_t seq;
    uint32_t job;
    uint8_t slot;
    uint16_t task;
};
struct sim_worker {
    bool alive, said_hello, liar, deaf, leaving, stop_asked, doomed, tree_left;
    uint32_t pid;
    uint64_t word[JD_WINDOW_MAX]; // its board
    uint64_t taken;
    struct sim_run inbox[JD_WINDOW_MAX * 4]; // sent, not read
    struct sim_run batch[JD_WINDOW_MAX * 4]; // read, not claimed
    struct sim_run done[JD_WINDOW_MAX * 4];  // in the ring, not delivered
    uint32_t n_inbox, n_batch, n_done;
    bool running, endless;
    struct sim_run now;
};

struct sim_pending {
    enum event_kind kind;
    uint32_t who;
    uint8_t slot;
    uint64_t seq;
};

struct sim {
    uint64_t seed, now_ns, steps;
    struct sim_rng rng;
    struct core *core;
    struct core_config cfg;
    bool faults, verbose, exited, stopping, tasks_told;
    unsigned die_1000, lie_1000, deaf_1000, vanish_1000, garbage_1000, spawn_fail_1000;
    struct sim_client client[SIM_CLIENTS];
    struct sim_worker worker[SIM_WORKERS];
    struct sim_job job[SIM_JOBS];
    uint32_t n_jobs, next_pid;
    struct sim_pending pending[SIM_PENDING];
    uint32_t n_pending;
    uint64_t trace; // hash of everything that came out: the same seed gives the same trace
    uint64_t n_done, n_failed, n_cancelled, n_killed, n_lost, n_timed_out, n_refused, n_deaths;
};

#define SIM_CHECK(sim, cond) ((cond) ? (void)0 : sim_fail((sim), __FILE__, __LINE__, #cond))
_Noreturn void sim_fail(const struct sim *sim, const char *file, int line, const char *what);

// Runs one schedule; panics with the seed on a violation.
void sim_schedule(struct sim *sim, uint64_t seed, uint64_t n_steps);
// Feeds one event in, carries out its effects, then the answers they give rise to.
void sim_feed(struct sim *sim, const struct event *e);
void sim_hash(struct sim *sim, uint64_t value);

// ---- clients (clients.c) ----
void sim_client_act(struct sim *sim, uint32_t i);
void sim_client_on_send(struct sim *sim, uint32_t peer, const struct jd_msg *msg);
void sim_client_on_close(struct sim *sim, uint32_t peer);
bool sim_client_settled(const struct sim *sim, uint32_t i);

// ---- workers (workers.c) ----
void sim_worker_act(struct sim *sim, uint32_t i);
void sim_worker_on_spawn(struct sim *sim, uint32_t i);
void sim_worker_on_dispatch(struct sim *sim, uint32_t i, const struct jd_run *run);
void sim_worker_on_signal(struct sim *sim, uint32_t i, int signal);
void sim_worker_on_revoke(struct sim *sim, uint32_t i, uint8_t slot, uint64_t seq);
void sim_worker_on_sample(struct sim *sim, uint32_t i);

enum { SIM_TASK_PURE, SIM_TASK_ONCE, SIM_TASKS }; // IDEMPOTENT and not
extern const char *const sim_task_names[SIM_TASKS];

#endif
