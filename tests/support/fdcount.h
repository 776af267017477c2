// How many descriptors a process holds: a daemon that has forgotten one shows it here.
#ifndef TESTS_FDCOUNT_H
#define TESTS_FDCOUNT_H

#include <stddef.h>
#include <sys/types.h>

size_t fd_count(pid_t pid);
// Those whose link in /proc/PID/fd begins so: "socket:", "pipe:", "/memfd:", "anon_inode:[pidfd]".
size_t fd_count_of(pid_t pid, const char *kind);

#endif
