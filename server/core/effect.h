// What must be done: the core's whole influence on the world, carried out in order by one pump.
#ifndef CORE_EFFECT_H
#define CORE_EFFECT_H

#include "msg.h"

enum effect_kind {
    EFFECT_SEND,      // peer, msg; lazy: may wait for the peer's next other message, at most to the
                      // next EVENT_TICK or 10 ms
    EFFECT_OPEN,      // peer, max_frame: HELLO was accepted, frames up to that from now on
    EFFECT_CLOSE,     // peer, error, text: say bye and close; EVENT_CLOSED follows
    EFFECT_ADOPT_FDS, // peer, worker, n_fds: the oldest that came from the peer are the worker's at
                      // its next EFFECT_SPAWN; what was adopted before and not used is closed.
                      // For EFFECT_NO_WORKER they are closed at once
    EFFECT_SPAWN,     // worker, spawn
    EFFECT_WORKER_SEND, // worker, msg
    EFFECT_DISPATCH,    // worker, msg (RUN: slot, seq): publish on the board, then send
    EFFECT_REVOKE,      // worker, slot, seq
    EFFECT_ASK_STOP,    // worker, slot, seq: set the cooperative flag
    EFFECT_SAMPLE,      // worker, rss: feed in what its ring holds back, then EVENT_BOARD
    EFFECT_HOLD_OUTPUT, // worker, hold: tell nothing of what it writes for now, so that it must wait
    EFFECT_HANG_UP,     // worker: half-close; it ends when it has done what it was sent
    EFFECT_SIGNAL,      // worker, signal: to its process group
    EFFECT_RESERVE_IDS, // limit: make ids below it safe against reuse
    EFFECT_EXIT,        // nothing is left to do
};

struct effect {
    enum effect_kind kind;
    union {
        uint32_t peer;
        uint32_t worker; // of EFFECT_ADOPT_FDS: adopt.worker
    };
    union {
        struct {
            struct jd_msg msg; // views live until the next core_step
            bool lazy;
        };
        struct {
            uint8_t slot;
            uint64_t seq;
        };
        struct {
            int error;
            jobd_bytes text;
        };
        struct {
            uint32_t threads; // compute threads
            bool output;      // tell what it writes, by EVENT_OUTPUT
            bool process;     // it runs one job and ends
        } spawn;
        struct {
            uint32_t worker;
            uint32_t n_fds;
        } adopt;
        bool hold;
        bool rss; // look up how much memory the process holds, too
        uint32_t max_frame;
        int signal;
        uint64_t limit;
    };
};

#define EFFECT_NO_WORKER UINT32_MAX

enum { EFFECTS_MAX = 32768 }; // memory that was never used is not there

// A flat list of fixed size: a step touches at most STEP_OBJECTS_MAX objects and reserves before it
// begins, so it cannot overflow.
struct effects {
    uint32_t n;
    struct effect *list;
};

#endif
