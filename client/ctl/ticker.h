// A thread for commands whose main thread is inside a library call that blocks: it draws the progress,
// makes what was printed visible, and ends the process in good order when a signal asks for it.
#ifndef CTL_TICKER_H
#define CTL_TICKER_H

#include <pthread.h>

#include "ctl.h"
#include "progress.h"

struct ticker {
    struct ctl *ctl;
    const char *what; // what an interruption means, for people
    pthread_mutex_t lock;
    pthread_t thread;
    int end_fd;
};

// The progress and standard output belong to whoever holds the lock. Signals are watched from here
// on: call no ctl_turn() before ticker_end(). 0 | an exit code after printing why.
int ticker_begin(struct ticker *t, struct ctl *ctl, const char *what);
void ticker_end(struct ticker *t);
void ticker_lock(struct ticker *t);
void ticker_unlock(struct ticker *t);

#endif
