// The daemon's loop: everything that happens becomes an event for the core, and what a turn has
// gathered for a client or a worker leaves in one write at the turn's end.
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <uv.h>

#include "io/link.h"
#include "io/listen.h"
#include "io/orphans.h"
#include "io/peer.h"
#include "io/pump.h"
#include "io/state.h"

#define NS_PER_S ((uint64_t)1000000000)
#define NS_PER_MS ((uint64_t)1000000)

enum { LOOP_READ_BYTES = 65536, LOOP_SIGNALS = 3 };

struct loop {
    uv_loop_t uv;
    uv_poll_t timer;
    int timer_fd;
    uv_prepare_t prepare;
    uv_signal_t signals[LOOP_SIGNALS];
    uint64_t now_ns;   // of the event being handled: one look at the clock serves all its messages
    uint64_t armed_ns; // when the timer is set for; UINT64_MAX = not set
    struct core *core;
    struct pump pump;
    struct listener listener;
    struct peers peers;
    struct links links;
    struct orphans orphans;
    struct state *state;
    uint64_t ids_limit, ids_due_ns; // a reservation that failed; due 0 = none
    uint64_t leave_by_ns;
    bool stopping; // a signal has asked for it
    bool leaving;  // the core has nothing left to do
    bool closed;
    uint8_t read_buf[LOOP_READ_BYTES]; // every read goes here first, so that idle peers own nothing
};

// What the loop works with; all of it outlives the loop.
struct loop_setup {
    const struct core_config *core;
    struct spawner *spawner;
    const struct claim *claim;
    const struct pid_list *spared;
    struct state *state;
};

// NULL with *f on failure.
struct loop *loop_new(const struct loop_setup *setup, struct fault *f);
// Returns when the core is done and everything is closed.
void loop_run(struct loop *loop);
void loop_free(struct loop *loop); // NULL is allowed

void loop_now(struct loop *loop); // looks at the clock
void loop_reserve_ids(struct loop *loop, uint64_t limit);
void loop_leave(struct loop *loop);

#endif
