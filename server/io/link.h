// The master's ends of the workers: socket, board, pidfd and what they print.
//
// A worker's output is one stream of bytes with absolute offsets. It reaches us by the socket, and
// its newest part can be read off the board's ring as well: before a sample, so that a long job
// does not hold back results that are there, and after a death. `received` counts what came by the
// socket, `parsed` what was taken from either; bytes that come by the socket below `parsed` are
// skipped.
//
// A worker is dead when its pidfd says so. The end of its output alone means that it is about to
// be.
#ifndef IO_LINK_H
#define IO_LINK_H

#include "core/effect.h"
#include "core/event.h"
#include "io/list.h"
#include "io/oom.h"
#include "io/spawn.h"

struct loop;
struct link;

enum { LINK_BUCKETS = 64 };

struct links {
    struct loop *loop;
    struct spawner *spawner;
    struct link **at;     // by worker; NULL = no process
    struct fds **adopted; // by worker: what its next process gets; NULL = nothing
    uint32_t max;         // workers
    uint32_t n_live;
    uint32_t max_frame;
    struct list by_pid[LINK_BUCKETS]; // all that live, by their process id
    struct list dirty;                // output for this turn
    struct list samples;              // to be looked at in this turn
    struct list ending;               // output ended, process not, soonest due first
    struct oom oom;
    struct board_view view;
};

// 0 | JOBD_E_NOMEM.
int links_init(struct links *ls, struct loop *loop, uint32_t max_workers, uint32_t max_frame);
void links_free(struct links *ls);

// An EFFECT_SPAWN; answered by EVENT_SPAWNED or EVENT_SPAWN_FAILED.
void links_spawn(struct links *ls, const struct effect *fx);
// *fds is taken, for the worker's next links_spawn(). What it had before is closed.
void links_adopt(struct links *ls, uint32_t worker, struct fds *fds);
// The rest does nothing for a worker that has no process any more.
void links_send(struct links *ls, uint32_t worker, const struct jd_msg *msg);
void links_dispatch(struct links *ls, uint32_t worker, const struct jd_msg *run);
bool links_revoke(struct links *ls, uint32_t worker, uint8_t slot, uint64_t seq);
void links_ask_stop(struct links *ls, uint32_t worker, uint8_t slot, uint64_t seq);
void links_sample_later(struct links *ls, uint32_t worker, bool rss);
void links_hold_output(struct links *ls, uint32_t worker, bool hold);
void links_hang_up(struct links *ls, uint32_t worker);
void links_signal(struct links *ls, uint32_t worker, int sig);

void links_sample(struct links *ls);             // what links_sample_later() has noted
void links_flush(struct links *ls);              // the turn's output
void links_tick(struct links *ls);               // whose time is up
uint64_t links_deadline(const struct links *ls); // UINT64_MAX = none
bool links_own(struct links *ls, pid_t pid);
void links_close_all(struct links *ls); // at exit: kills whoever is left

#endif
