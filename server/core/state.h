// The whole state of the core, in one struct that is passed down; there is nothing else.
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "clients.h"
#include "core.h"
#include "jobs.h"
#include "pools.h"
#include "tasks.h"
#include "workers.h"

enum { CORE_TEXT_BYTES = 64 * 1024 };

struct counts {
    uint64_t submitted, done, failed, cancelled, killed, timed_out, lost;
    uint64_t refused;       // submits answered with an error
    uint64_t retried;       // runs beyond a job's first
    uint64_t taken_back;    // jobs sent to one worker and run by another
    uint64_t worker_deaths; // of workers that had said HELLO, our own kills left out
    uint64_t broken;        // workers killed for what they sent
};

struct core {
    struct core_config cfg;
    uint64_t now_ns;     // of the step under way
    uint64_t started_ns; // core_new
    uint64_t wake_ns;    // when time itself is the next event; UINT64_MAX = never
    uint64_t sample_ns;  // next look at the boards; UINT64_MAX = nothing is out
    uint64_t random;     // xorshift state
    bool more;           // this step stopped at its bound: come back at once

    uint64_t next_id, id_limit;
    bool ids_asked;

    bool stopping;     // submits are refused
    bool killing;      // and what is left is ended by force
    bool exited;       // EFFECT_EXIT went out
    uint64_t drain_ns; // when stopping becomes killing

    struct jobs jobs;
    struct clients clients;
    struct tasks tasks;
    struct pool pool; // "default"
    struct worker *workers;
    struct counts counts;

    struct effects effects;
    struct jd_buf reply;        // a listing under way: one per step
    char text[CORE_TEXT_BYTES]; // sentences of this step
    size_t text_used;
};

// ---- what every room may use ----

// The next effect, of this kind, to be filled in.
struct effect *core_emit(struct core *core, enum effect_kind kind);
// A message to a client; fill in msg.u.
struct effect *core_emit_event(struct core *core, uint32_t peer, enum jd_op op);
struct effect *core_emit_reply(struct core *core, uint32_t peer, const struct jd_msg *request);
void core_emit_error(struct core *core, uint32_t peer, const struct jd_msg *request, int error,
                     jobd_bytes text);
// One sentence, valid for this step; cut at JD_TEXT_MAX bytes, or a stock phrase when a step has
// too many.
jobd_bytes core_text(struct core *core, const char *fmt, ...) JD_PRINTF(2, 3);
// "no task is named 'pig'; did you mean 'ping'?"
jobd_bytes task_unknown_text(struct core *core, jobd_bytes name);
// Time itself will be an event at t_ns, or sooner.
void core_wake_at(struct core *core, uint64_t t_ns);
// As EVENT_STOP.
void core_stop(struct core *core, bool now);
// 0 <= result < n; from the seed alone.
uint64_t core_random(struct core *core, uint64_t n);

#endif
