// A world of one's own for the core: events go in by hand, effects come out in a list to be taken
// from. core_audit() runs after every step, and every message makes its way through the wire
// format, so what a test looks at is what a peer would read.
#ifndef TESTS_CORE_WORLD_H
#define TESTS_CORE_WORLD_H

#include "core/core.h"

enum { WORLD_EXECUTOR = 3 }; // what world_client() opens

#define WORLD_MS UINT64_C(1000000)
#define WORLD_S UINT64_C(1000000000)

// The tasks of the workers here, in the order of their list.
enum world_task { WORLD_PURE, WORLD_ONCE, WORLD_PING, WORLD_TASKS };
extern const char *const world_task_names[WORLD_TASKS]; // "pure" (idempotent), "once", "ping"

struct world_effect {
    struct effect fx; // views live until world_forget()
    bool taken;
    uint8_t *frame;
};

struct core_world {
    struct core_config cfg;
    struct core *core;
    uint64_t now_ns;
    struct world_effect **seen; // in order
    uint32_t n_seen, cap;
    uint32_t first; // all before it are taken
    uint32_t next_request, next_pid;
    uint64_t n_steps, audit_every; // steps; more than 1 where there are very many jobs
    uint32_t pid[JD_WORKERS_MAX];
    unsigned long fail_nth; // the allocation of the next step that fails; 0 = none
};

// A job as a worker has it.
struct world_run {
    uint32_t worker;
    struct jd_run run;
};

struct core_config world_config(void); // two workers and roomy limits
void world_init(struct core_world *w, const struct core_config *cfg);
void world_free(struct core_world *w);

// ---- time and steps ----
void world_feed(struct core_world *w, const struct event *e);
void world_tick(struct core_world *w);
// Goes to t_ns, with a tick whenever the core asked for one.
void world_tick_to(struct core_world *w, uint64_t t_ns);
void world_after(struct core_world *w, uint64_t ns);
// Ticks until the core has nothing more to do now; the number of ticks.
unsigned world_settle(struct core_world *w);

// ---- effects ----
void world_forget(struct core_world *w);
// The oldest one of this kind that was not taken yet; the test fails if there is none.
const struct effect *world_take(struct core_world *w, enum effect_kind kind);
uint32_t world_count(const struct core_world *w, enum effect_kind kind);
const struct effect *world_take_reply(struct core_world *w, uint32_t peer, uint32_t id);
// The next message about a job: `event` is JD_OP_JOB_STATE or JD_OP_JOB_DONE. NULL = none.
const struct effect *world_find_event(struct core_world *w, uint32_t peer, enum jd_op op,
                                      uint64_t handle);
// The job's end, which must be in this state and have this error.
const struct jd_job_done *world_take_done(struct core_world *w, uint32_t peer, uint64_t handle,
                                          jobd_job_state state, int error);
const struct jd_job_state *world_take_state(struct core_world *w, uint32_t peer, uint64_t handle,
                                            jobd_job_state state);
bool world_text_has(jobd_bytes text, const char *part);

// ---- clients ----
void world_connect(struct core_world *w, uint32_t peer);
void world_close(struct core_world *w, uint32_t peer);
uint32_t world_request(struct core_world *w, uint32_t peer, struct jd_msg *msg); // its id
uint32_t world_hello(struct core_world *w, uint32_t peer, uint32_t max_frame);
uint32_t world_open(struct core_world *w, uint32_t peer, uint32_t executor, const char *pool);
// Connects, says hello and opens WORLD_EXECUTOR on the default pool.
void world_client(struct core_world *w, uint32_t peer);
struct jd_submit world_job(uint32_t handle, enum world_task task);
// The reply to it.
const struct jd_msg *world_submit_as(struct core_world *w, uint32_t peer,
                                     const struct jd_submit *submit);
// It must be accepted; the job's id.
uint64_t world_submit(struct core_world *w, uint32_t peer, uint32_t handle, enum world_task task);
// Any request, answered at once.
const struct jd_msg *world_ask(struct core_world *w, uint32_t peer, struct jd_msg *msg);
void world_ask_ok(struct core_world *w, uint32_t peer, struct jd_msg *msg);
// It must be refused with this error, in words that have this part.
void world_ask_refused(struct core_world *w, uint32_t peer, struct jd_msg *msg, int error,
                       const char *part);
uint32_t world_cancel(struct core_world *w, uint32_t peer, uint32_t handle);
bool world_take_cancelled(struct core_world *w, uint32_t peer, uint32_t id); // what the reply says

// ---- jobs by their ids ----
void world_attach(struct core_world *w, uint32_t peer, uint32_t handle, uint64_t job);
// What is known of the job: a map; see world_number_in() and its like.
jobd_bytes world_why(struct core_world *w, uint32_t peer, uint64_t job);
// The state it was in.
uint64_t world_abort(struct core_world *w, uint32_t peer, const struct jd_abort *abort);

// ---- pools ----
void world_pool(struct core_world *w, uint32_t peer, const struct jd_pool_create *pool);
// Creates it, starts its workers and opens the executor on it.
void world_pool_start(struct core_world *w, uint32_t peer, const struct jd_pool_create *pool,
                      uint32_t executor);
struct pool *world_find_pool(const struct core_world *w, const char *name);
// One page of a listing; the cursor of the next.
uint64_t world_page(struct core_world *w, uint32_t peer, struct jd_msg *msg, jobd_bytes ret_rows[],
                    uint32_t *ret_n);

// ---- maps; the key must be there ----
uint64_t world_number_in(jobd_bytes map, const char *key);
int64_t world_signed_in(jobd_bytes map, const char *key);
double world_float_in(jobd_bytes map, const char *key);
bool world_nil_in(jobd_bytes map, const char *key);
bool world_text_in(jobd_bytes map, const char *key, const char *part);

// ---- workers ----
void world_spawned(struct core_world *w, uint32_t worker);
void world_worker_hello(struct core_world *w, uint32_t worker);
void world_worker_hello_as(struct core_world *w, uint32_t worker, jobd_bytes tasks);
void world_start(struct core_world *w); // until all workers are ready
struct world_run world_take_run(struct core_world *w);
void world_result(struct core_world *w, const struct world_run *run, uint64_t run_ns);
// It failed: JOBD_E_TASK, with this name and text.
void world_fail(struct core_world *w, const struct world_run *run, const char *name,
                const char *text);
void world_result_as(struct core_world *w, uint32_t worker, const struct jd_result *result);
// The oldest EFFECT_REVOKE, answered; the slot.
uint8_t world_revoked(struct core_world *w, bool won);
void world_revoked_all(struct core_world *w, bool won);
// What a look at the board shows: the run started, or none if NULL.
void world_board(struct core_world *w, uint32_t worker, uint64_t taken,
                 const struct world_run *started);
// The same of several, with all that a board says.
void world_look(struct core_world *w, uint32_t worker, const struct board_view *board);
struct board_started world_started(const struct world_run *run);
void world_worker_event(struct core_world *w, uint32_t worker, struct jd_msg *msg);
// Any request of a worker; its id.
uint32_t world_worker_request(struct core_world *w, uint32_t worker, struct jd_msg *msg);
// The reply to it; NULL = none yet.
const struct jd_msg *world_find_worker_reply(struct core_world *w, uint32_t worker, uint32_t id);
// The end of a job of its job; NULL = it has not ended.
const struct jd_job_done *world_find_child_done(struct core_world *w, uint32_t worker,
                                                uint64_t handle);
void world_died(struct core_world *w, uint32_t worker, int status, const struct world_run *started);
void world_tree_gone(struct core_world *w, uint32_t worker);
// Dies, its tree goes, and it is started anew up to its HELLO.
void world_replace(struct core_world *w, uint32_t worker);
// Runs a task so often that its time is known; nothing else may be waiting.
void world_teach(struct core_world *w, uint32_t peer, enum world_task task, uint64_t run_ns);

#endif
