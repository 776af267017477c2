// The processes of a benchmark: this program again, in a role. A role dies with the benchmark,
// however that ends; proc_end() waits until it is gone.
#ifndef BENCH_PROC_H
#define BENCH_PROC_H

#include <sys/types.h>

enum { ROLE_FD = 3 }; // a role finds its descriptors from here on, in the order given

struct role {
    const char *name;
    int (*main)(char **args); // args: NULL-terminated
};

// If this process was started in a role: does not return.
void proc_run_role(const struct role *roles, char **argv);

// args: NULL-terminated, the role's name first. The descriptors stay the caller's.
int proc_start(const char *const *args, const int *fds, unsigned n_fds, pid_t *ret_pid);
void proc_end(pid_t pid); // kills it

// The CPU time that a process has used, in ns; 0 = there is no such process.
double proc_cpu_ns(pid_t pid);

// A connected pair of stream sockets, numbered high enough to be handed over.
int proc_socketpair(int ret_fds[2]);

#endif
