// The thread that outlives the master: asleep until the other end of the socket is gone, whatever
// the computing thread is doing. Then every descendant of the worker dies, and the worker.
#ifndef WORKER_LIFELINE_H
#define WORKER_LIFELINE_H

#include <jobd/types.h>

// fd: the socket to the master. A master that only shuts its writing side down has asked for a
// clean end, which is the reader's business and does not wake this thread.
int lifeline_start(int fd, jobd_error *reterr);
// Does what that thread does, if the other end is gone: there is no clean end without a master, and
// the caller does not get in the thread's way with one.
void lifeline_follow(int fd);

#endif
