// The commands of jobctl pool.
#ifndef CTL_CMD_POOL_H
#define CTL_CMD_POOL_H

#include "ctl.h"

#define POOL_COMMAND_MAP(X)                                                                        \
    X(list, "list the pools")                                                                      \
    X(create, "create a pool")                                                                     \
    X(resize, "change the number of its workers")                                                  \
    X(pause, "start no more jobs")                                                                 \
    X(resume, "go on")                                                                             \
    X(drain, "take no more jobs, and wait until it is empty")                                      \
    X(delete, "delete a pool")

#define X(name, summary) int pool_##name(struct ctl *ctl, char **argv);
POOL_COMMAND_MAP(X)
#undef X

enum { WORKERS_MAX = 1024, THREADS_MAX = 64 };

// A call that changes a pool gave err, 0 = well; done = what the pool is, or should be, then.
// Returns an exit code after printing.
int pool_report(struct ctl *ctl, int err, const char *pool, const char *done);

#endif
