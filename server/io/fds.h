// File descriptors on their way from a client to a process.
#ifndef IO_FDS_H
#define IO_FDS_H

#include <sys/types.h>

#include <jobd/types.h>

#include "proto.h"

enum { FDS_MAX = JD_PIPES_MAX };

// Owned by whoever holds the struct.
struct fds {
    uint32_t n;
    int at[FDS_MAX]; // the oldest first
};

// As recv() without waiting; what comes with the bytes goes to *ret, close-on-exec. *ret_lost: more
// came than there was room for, here or in the process, and is gone.
ssize_t fds_receive(int sock, void *buf, size_t size, struct fds *ret, bool *ret_lost);
// Are all of their numbers below it?
bool fds_below(const struct fds *fds, int limit);
void fds_close(struct fds *fds);

// A queue of them owns memory only while there are some: NULL = empty.

// 0 | JOBD_E_LIMIT: it would be more than FDS_MAX | JOBD_E_NOMEM; then nothing has changed. *more is
// empty on success.
int fds_queue_add(struct fds **queue, struct fds *more);
// The n oldest, or as many as there are; the caller's.
struct fds fds_queue_take(struct fds **queue, uint32_t n);
// Closes them all.
void fds_queue_drop(struct fds **queue);

#endif
