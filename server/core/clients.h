// Connections: HELLO, executors, what each owns, and what happens when one goes.
#ifndef CORE_CLIENTS_H
#define CORE_CLIENTS_H

#include "event.h"
#include "handles.h"
#include "slab.h"

struct core;

enum client_state {
    CLIENT_NONE, // a record that is free
    CLIENT_NEW,  // connected, no HELLO yet
    CLIENT_OPEN,
    CLIENT_CLOSING, // we said bye; EVENT_CLOSED will come
    CLIENT_GONE,    // closed; the record stays until its last job has ended
};

// A client's jobs that wait, in the order of their ids. One for each pool that it has opened.
struct lane {
    uint32_t client;
    uint32_t head, tail, n;        // job indices
    uint32_t ring_next, ring_prev; // the pool's ring of lanes with something to run; 0 = not in it
    uint32_t next;                 // the client's next lane
    struct pool *pool;
};

struct client {
    uint64_t session;
    uint32_t peer;
    uint32_t uid, pid;
    uint32_t max_value; // bytes of a result that fit the frames it reads
    uint8_t state;
    bool paused;          // does not read what we send: none of its jobs is started
    uint32_t n_executors; // size of the array
    uint32_t *executors;  // number -> lane; 0 = not open
    uint32_t lanes;       // first lane
    char *name;
    struct handles handles;
    uint32_t walk; // GONE: handles below are dealt with
    uint32_t next_gone;
};

struct clients {
    struct jd_slab slab, lanes;
    uint32_t *by_peer; // peer -> client; 0 = none
    uint32_t n_peers;
    uint32_t n;          // connections
    uint32_t gone;       // list of GONE clients that have jobs to be walked
    uint32_t close_walk; // clients_close_all: peers below were told
    uint64_t next_session;
};

static inline struct client *client_at(const struct clients *c, uint32_t index) {
    return jd_slab_at(&c->slab, index);
}
static inline struct lane *lane_at(const struct clients *c, uint32_t index) {
    return jd_slab_at(&c->lanes, index);
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
// Ends every connection: the daemon stops. Within the step's bound; true = none is left.
bool clients_close_all(struct core *core);

// ---- requests about jobs (submit.c) ----
void submit_on_executor_open(struct core *core, uint32_t client, const struct jd_msg *msg);
void submit_on_executor_close(struct core *core, uint32_t client, const struct jd_msg *msg);
void submit_on_submit(struct core *core, uint32_t client, const struct jd_msg *msg);
void submit_on_cancel(struct core *core, uint32_t client, const struct jd_msg *msg);

#endif
