// Descriptors on their way to the daemon. A lot goes with the first byte of the frame that speaks of
// it, and is closed here as soon as that byte is sent.
#ifndef JD_FDS_H
#define JD_FDS_H

#include <sys/types.h>

#include "conn.h"

struct jd_fd_lot {
    struct jd_fd_lot *next;
    uint64_t at; // the byte it goes with, counted from the start of the connection
    unsigned n;
    int fds[JD_PIPES_MAX];
};

// A lot that goes with the next byte to be put; not queued yet. n is at most JD_PIPES_MAX.
// NULL = out of memory.
JD_MUST_USE struct jd_fd_lot *jd_fds_new(const jobd_conn *c, const int *fds, unsigned n);
// Queues it, with its descriptors.
void jd_fds_push(jobd_conn *c, struct jd_fd_lot *lot);

// Sends from the front of c->out, with the lot that is due. *ret_tried: bytes that it tried.
// Returns as send().
ssize_t jd_fds_send(jobd_conn *c, size_t *ret_tried);

// Closes all that were not sent.
void jd_fds_drop(jobd_conn *c);

#endif
