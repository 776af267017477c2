// The clients' connections.
//
//   HELLO ──EFFECT_OPEN──> OPEN          read, frame, check, message, core step; answers gathered
//   for
//     │                      │           the whole loop turn and written once
//     └──────────┬───────────┘
//                v
//             LINGER                     the core has heard CLOSED; what is left to write has a
//             second
//                v                       from the last byte that went out, then the rest is dropped
//              gone
//
// A client that shuts down its writing side only (end of input without a hang-up) has ended: what
// was answered by then is still delivered.
#ifndef IO_PEER_H
#define IO_PEER_H

#include <sys/types.h>

#include "io/fds.h"
#include "io/list.h"
#include "msg.h"

struct loop;
struct peer;

enum { PEER_SPARES = 8 };

struct peers {
    struct loop *loop;
    struct peer **at; // by index; NULL once the core cannot name it any more
    uint32_t *free;   // indices given back
    uint32_t n_free;
    uint32_t n_fresh;                 // indices from here on were never used
    uint32_t max;                     // connections at once
    uint32_t n_open;                  // connections, lingering ones included
    struct list hello, frame, linger; // who must have done what by when, soonest first
    struct list dirty, lazy;          // who has output for this turn, and who can wait for more
    uint64_t lazy_due_ns;
    struct jd_buf spares[PEER_SPARES]; // output memory of peers that have nothing to write
    uint32_t n_spares;
};

// 0 | JOBD_E_NOMEM.
int peers_init(struct peers *ps, struct loop *loop, uint32_t max);
void peers_free(struct peers *ps); // every connection is gone

// fd is taken, also on error. 0 | JOBD_E_NOMEM. There must be room: n_open < max.
int peers_accept(struct peers *ps, int fd, uid_t uid, pid_t pid);
// After EVENT_CLOSED was fed in: the index may be used again.
void peers_release(struct peers *ps, uint32_t index);

void peers_send(struct peers *ps, uint32_t index, const struct jd_msg *msg, bool lazy);
void peers_opened(struct peers *ps, uint32_t index, uint32_t max_frame);
void peers_bye(struct peers *ps, uint32_t index, int error, jobd_bytes text);

// The n oldest descriptors that have come from it, or as many as there are; the caller's.
struct fds peers_take_fds(struct peers *ps, uint32_t index, uint32_t n);

void peers_flush(struct peers *ps);              // the turn's output
void peers_tick(struct peers *ps);               // whose time is up
uint64_t peers_deadline(const struct peers *ps); // UINT64_MAX = none
void peers_close_all(struct peers *ps);          // at exit: whatever is unwritten is lost

// Says why and hangs up, for a connection that never became a peer. fd is taken.
void peer_turn_away(int fd, int error, const char *text);

#endif
