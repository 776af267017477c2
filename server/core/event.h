// What can happen: everything the core ever learns comes in one of these.
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "board.h"
#include "msg.h"

enum event_kind {
    // A client. `peer` is the caller's small index, free to be used again after CLOSED was fed in.
    EVENT_CONNECTED, // peer, uid, pid
    EVENT_MESSAGE,   // peer, msg, n_fds: descriptors that came from the peer and wait to be adopted
    EVENT_PAUSED,    // peer: its unread output passed the high mark
    EVENT_RESUMED,   // peer: and has drained
    EVENT_CLOSED,    // peer: gone, or closed as EFFECT_CLOSE asked; exactly once after CONNECTED
    // A worker. One EFFECT_SPAWN is answered by SPAWN_FAILED, or by SPAWNED and later, once, by
    // DIED;
    // DIED is followed by TREE_GONE, after which its number may be spawned again.
    EVENT_SPAWNED,        // worker, pid
    EVENT_SPAWN_FAILED,   // worker, error (an errno)
    EVENT_WORKER_MESSAGE, // worker, msg
    EVENT_WORKER_BROKEN,  // worker, text: it sent what cannot be a message
    EVENT_BOARD,          // worker, board: answers EFFECT_SAMPLE
    EVENT_REVOKED,        // worker, slot, seq, won: answers EFFECT_REVOKE, before any later message
    EVENT_OUTPUT,         // worker, text: written to its stdout or stderr; if EFFECT_SPAWN asked so
    EVENT_WORKER_DIED,    // worker, status, board, text, usage; all it ever sent was fed in before
    EVENT_TREE_GONE,      // worker: no process of its tree is left
    // The rest.
    EVENT_IDS,  // limit: answers EFFECT_RESERVE_IDS
    EVENT_STOP, // now: the operator wants an end
    EVENT_TICK, // nothing but time has passed
};

// A copy of what a worker's board said, made once: the page itself is never looked at twice.
struct board_started {
    uint64_t seq;
    double progress;
    uint32_t item; // of a chunk
    uint8_t slot;
    char note[JD_NOTE_MAX + 1];
};
struct board_view {
    uint64_t taken;
    uint64_t rss_bytes; // of the process; 0 = nobody asked
    uint32_t n_started;
    struct board_started started[JD_BOARD_SLOTS];
};

// What a dead worker used in its life.
struct worker_usage {
    uint64_t cpu_ns;
    uint64_t max_rss_bytes;
    bool out_of_memory; // the kernel killed for want of memory when it died
};

struct event {
    enum event_kind kind;
    union {
        uint32_t peer;
        uint32_t worker;
    };
    union {
        struct {
            const struct jd_msg *msg; // views into the frame
            uint32_t n_fds;
        };
        struct {
            uint32_t uid;
            uint32_t pid;
        };
        struct {
            uint8_t slot;
            bool won;
            uint64_t seq;
        };
        struct {
            const struct board_view *board;
            int status;      // as waitid: a wait status for WIFEXITED and its like
            jobd_bytes text; // the worker's last words on stderr, or what was wrong
            struct worker_usage usage;
        };
        int error;
        uint64_t limit;
        bool now;
    };
};

#endif
