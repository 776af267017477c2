// Starting worker processes: posix_spawn with nothing inherited but what is meant for them.
//   0 /dev/null   1, 2 one pipe   3 the socket   4 the board   5, 6, ... the ends of pipes
// and a process group of its own.
#ifndef IO_SPAWN_H
#define IO_SPAWN_H

#include <sys/resource.h>
#include <sys/types.h>

#include <jobd/types.h>

#include "fault.h"
#include "io/fds.h"

struct spawner {
    char *path; // of jobd-worker
    char **env;
    const char **argv; // of a worker; points into args
    char *args;
    size_t n_args; // those that every worker has
};

// What a process is given besides its output; all of it stays the caller's.
struct spawn_fds {
    int sock;
    int board;               // -1 = none, and no pipes either
    const struct fds *pipes; // NULL = none
};

struct child {
    pid_t pid;
    int pidfd;
    int output; // the reading end of 1 and 2, without waiting
};

// path: NULL or "" = beside our own executable, or where it was installed to. 0 | -1 with *f.
int spawner_init(struct spawner *s, const char *path, const char *socket_path, struct fault *f);
// The arguments every worker is started with. 0 | JOBD_E_NOMEM.
int spawner_arguments(struct spawner *s, uint32_t max_frame, char *const *plugins,
                      size_t n_plugins);
// And those of one worker besides. A view until the next call.
const char *const *spawner_argv(struct spawner *s, uint32_t n_threads, bool process,
                                uint32_t n_pipes);
void spawner_free(struct spawner *s);

// 0 | -errno; then nothing was started.
int spawn_child(const struct spawner *s, const char *const argv[], const struct spawn_fds *fds,
                struct child *ret);
// To a child that is not reaped yet (until then its ids are its own): to its process group, and to
// itself if it has left that. pidfd: -1 = none.
void spawn_signal(pid_t pid, int pidfd, int sig);
// Reaps; the pidfd is readable. A wait status for WIFEXITED and its like. ret_used: NULL, or what it
// and those it has reaped have used.
int spawn_reap(int pidfd, struct rusage *ret_used);

#endif
