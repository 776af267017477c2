// Connections: HELLO, executors, what each owns, and what happens when one goes.
#ifndef CORE_CLIENTS_H
#define CORE_CLIENTS_H

#include "event.h"
#include "handles.h"
#include "slab.h"

struct core;
struct job;
struct pool;

enum { LEVEL_ZERO = 128, LEVELS = 256 }; // priorities, from 0 on

enum client_state {
    CLIENT_NONE, // a record that is free
    CLIENT_NEW,  // connected, no HELLO yet
    CLIENT_OPEN,
    CLIENT_CLOSING, // we said bye; EVENT_CLOSED will come
    CLIENT_GONE,    // closed; the record stays until its last job has ended
};

// What a client has in a pool: one for all its executors without a limit of their own, one for each
// with one.
struct share {
    uint32_t client;
    uint32_t next;  // the client's next share
    uint32_t lanes; // one for each priority in use
    uint32_t cap;   // jobs out at once; 0 = no limit
    uint32_t out;   // jobs out, counted only under a limit
    uint32_t n_executors;
    struct pool *pool;
};

// A client's jobs that wait, of one priority, in the order of their ids.
struct lane {
    uint32_t client, share;
    uint32_t head, tail, n;        // job indices
    uint32_t ring_next, ring_prev; // the pool's ring of lanes with something to run; 0 = not in it
    uint32_t next;                 // the share's next lane
    uint8_t level;                 // priority + LEVEL_ZERO
    bool capped;
    struct pool *pool;
};

struct client {
    uint64_t session;
    uint32_t peer;
    uint32_t uid, pid;
    uint32_t max_value; // bytes of a result that fit the frames it reads
    uint8_t state;
    bool paused;          // does not read what we send: none of its jobs is started
    bool watching;        // hears of everything that happens
    uint8_t slot;         // of a task that calls: where it runs
    uint32_t worker;      // of a task that calls: its worker's number + 1; 0 = a connection
    uint32_t n_executors; // size of the array
    uint32_t *executors;  // number -> share; 0 = not open
    uint32_t shares;      // first share
    char *name;
    struct handles handles;
    uint32_t walk; // GONE: handles below are dealt with
    uint32_t next_gone;
    uint64_t watched; // the last happening it was told of
};

struct clients {
    struct jd_slab slab, shares, lanes;
    uint32_t *by_peer; // peer -> client; 0 = none
    uint32_t n_peers;
    uint32_t n;          // connections
    uint32_t gone;       // list of GONE clients that have jobs to be walked
    uint32_t close_walk; // clients_close_all: peers below were told
    uint64_t next_session;
};

static inline struct client *client_at(const struct clients *c, uint32_t index) {
    return JD_SLAB_AT(&c->slab, index, struct client);
}
static inline struct share *share_at(const struct clients *c, uint32_t index) {
    return JD_SLAB_AT(&c->shares, index, struct share);
}
static inline struct lane *lane_at(const struct clients *c, uint32_t index) {
    return JD_SLAB_AT(&c->lanes, index, struct lane);
}
static inline int8_t lane_priority(const struct lane *lane) {
    return (int8_t)(lane->level - LEVEL_ZERO);
}

void clients_init(struct clients *c);
void clients_free_all(struct clients *c);

void clients_on_connected(struct core *core, const struct event *e);
void clients_on_message(struct core *core, const struct event *e);
void clients_on_paused(struct core *core, const struct event *e);
void clients_on_closed(struct core *core, const struct event *e);
// Goes on with what clients that are gone have left, within the step's bound.
void clients_sweep(struct core *core);
// Frees the record of a client that is gone, once nothing refers to it.
void client_settle(struct core *core, uint32_t index);
// The client's record will go; what it has left is dealt with by clients_sweep().
void client_leave(struct core *core, uint32_t index);
// Ends every connection: the daemon stops. Within the step's bound; true = none is left.
bool clients_close_all(struct core *core);
// A client that is no connection; 0 = out of memory.
uint32_t client_make(struct core *core, const char *name);

// ---- messages to a client, a connection or a task that calls ----
struct effect *client_emit_event(struct core *core, const struct client *client, enum jd_op op);
struct effect *client_emit_reply(struct core *core, const struct client *client,
                                 const struct jd_msg *request);
// text may be empty.
void client_emit_error(struct core *core, const struct client *client, const struct jd_msg *request,
                       int error, jobd_bytes text);
// A handle as the client writes it.
static inline uint64_t client_wire_handle(const struct client *client, uint32_t handle) {
    return client->worker ? (uint64_t)client->slot << 15 | handle : handle;
}

// ---- shares and lanes (shares.c) ----
// The client's share in a pool without a limit of its own; 0 = out of memory.
uint32_t share_of(struct core *core, uint32_t client, struct pool *pool);
// The same, or one with a limit, for one more executor.
uint32_t share_take(struct core *core, uint32_t client, struct pool *pool, uint32_t cap);
void share_give(struct core *core, uint32_t share); // one executor less
// Its lane of a priority; 0 = out of memory.
uint32_t share_lane(struct core *core, uint32_t share, int64_t priority);
// Jobs of the share came to be out, or ended: it may have reached its limit, or be below it again.
void share_out(struct core *core, uint32_t share, int change);
void shares_free(struct core *core, struct client *client); // nothing is in them
// Frees those in a pool without jobs to which no executor refers.
void shares_leave(struct core *core, const struct pool *pool);
void shares_update(struct core *core, const struct client *client); // paused or not any more

// ---- requests about jobs (submit.c, control.c) ----
void submit_on_executor_open(struct core *core, uint32_t client, const struct jd_msg *msg);
void submit_on_executor_close(struct core *core, uint32_t client, const struct jd_msg *msg);
void submit_on_submit(struct core *core, uint32_t client, const struct jd_msg *msg);
// "cancelled by its submitter", or by which process.
const char *cancelled_text(struct core *core, const struct job *job, uint32_t client);
void control_on_cancel(struct core *core, uint32_t client, const struct jd_msg *msg);
void control_on_abort(struct core *core, uint32_t client, const struct jd_msg *msg);
void control_on_signal(struct core *core, uint32_t client, const struct jd_msg *msg);
void control_on_attach(struct core *core, uint32_t client, const struct jd_msg *msg);

#endif
