// The listening socket: one daemon at a time on a path, and nobody let in who should not be.
//
// A lock file beside the socket is held from before the first look at the path until after its
// removal, so two masters cannot take the same stale socket for theirs.
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include <sys/types.h>
#include <uv.h>

#include <jobd/types.h>

#include "fault.h"

struct loop;

enum { LISTEN_PATH_MAX = 107 }; // sun_path without its terminator

// The claim to a path, before anything listens there.
struct claim {
    char path[LISTEN_PATH_MAX + 1];
    char lock_path[LISTEN_PATH_MAX + 8];
    int lock;
};

// Makes the directory, takes the lock, removes a stale socket. 0 | -1 with *f.
int claim_take(struct claim *c, const char *path, struct fault *f);
void claim_drop(struct claim *c);

struct listener {
    struct loop *loop;
    uv_poll_t poll;
    const char *path;
    int fd; // -1 = not listening
    dev_t dev;
    ino_t ino;
    int fd_limit;       // connections get descriptors below it: the rest are for ourselves
    uint64_t resume_ns; // 0 = accepting
    uint64_t n_refused; // since the first of a row of refusals
    char full_text[96];
};

// The claim must outlive the listener. 0 | -1 with *f.
int listener_open(struct listener *l, struct loop *loop, const struct claim *c, struct fault *f);
void listener_close(struct listener *l); // the path goes too, if it is still ours
void listener_room(struct listener *l);  // a connection has ended
void listener_tick(struct listener *l);
uint64_t listener_deadline(const struct listener *l); // UINT64_MAX = none

#endif
