// The one clock of a worker.
#ifndef WORKER_CLOCK_H
#define WORKER_CLOCK_H

#include <stdint.h>
#include <time.h>

enum { CLOCK_NS_PER_MS = 1000000, CLOCK_NS_PER_S = 1000000000 };

// CLOCK_MONOTONIC; no system call on common machines.
static inline uint64_t clock_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * CLOCK_NS_PER_S + (uint64_t)t.tv_nsec;
}

// When a time limit that begins now is over; 0 = never.
static inline uint64_t clock_limit_ns(int64_t timeout_ms) {
    if (timeout_ms < 0 || timeout_ms > INT64_MAX / CLOCK_NS_PER_MS / 2)
        return 0;
    return clock_now_ns() + (uint64_t)timeout_ms * CLOCK_NS_PER_MS;
}

#endif
