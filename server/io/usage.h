// How much of the machine a process takes.
#ifndef IO_USAGE_H
#define IO_USAGE_H

#include <sys/resource.h>
#include <sys/types.h>

#include <jobd/types.h>

// Memory that it holds now; 0 = it cannot be told.
uint64_t usage_rss_bytes(pid_t pid);
// The most that it has held so far; 0 = it cannot be told.
uint64_t usage_seen_peak_bytes(pid_t pid);
// The most that we have ever held ourselves, and some slack, as the kernel counts roughly. A process
// we start begins its life in our memory: up to this its own peak tells of us and not of it.
uint64_t usage_own_peak_bytes(void);
uint64_t usage_cpu_ns(const struct rusage *used);
uint64_t usage_peak_bytes(const struct rusage *used);

#endif
