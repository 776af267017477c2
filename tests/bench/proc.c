#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum {
    ARGS_MAX = 16,
    FD_HIGH = 32, // dup2 onto ROLE_FD.. must not hit a descriptor that is still to be copied
};

static const char ROLE_FLAG[] = "--role";

void proc_run_role(const struct role *roles, char **argv) {
    if (!argv[0] || !argv[1] || strcmp(argv[1], ROLE_FLAG) != 0 || !argv[2])
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const struct role *r = roles; r->name; r++)
        if (strcmp(r->name, argv[2]) == 0)
            exit(r->main(argv + 3));
    fprintf(stderr, "jobd-bench: there is no role %s\n", argv[2]);
    exit(1);
}

int proc_start(const char *const *args, const int *fds, unsigned n_fds, pid_t *ret_pid) {
    char *argv[ARGS_MAX + 3] = {(char *)"jobd-bench", (char *)ROLE_FLAG};
    for (unsigned i = 0; args[i] && i < ARGS_MAX; i++)
        argv[i + 2] = (char *)args[i];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (unsigned i = 0; i < n_fds; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], ROLE_FD + (int)i);
    int r = posix_spawn(ret_pid, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return r == 0 ? 0 : bench_fail("cannot start the role %s: %s", args[0], strerror(r));
}

void proc_end(pid_t pid) {
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

double proc_cpu_ns(pid_t pid) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
        return 0;
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int proc_socketpair(int ret_fds[2]) {
    int low[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, low) < 0)
        return bench_fail("socketpair: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        ret_fds[i] = fcntl(low[i], F_DUPFD_CLOEXEC, FD_HIGH);
        close(low[i]);
    }
    return ret_fds[0] >= 0 && ret_fds[1] >= 0 ? 0 : bench_fail("dup: %s", strerror(errno));
}
