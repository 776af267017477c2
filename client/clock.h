// The library's clock: nanoseconds on CLOCK_MONOTONIC.
#ifndef JD_CLOCK_H
#define JD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define JD_NEVER_NS UINT64_MAX // a deadline that does not come

enum { JD_MS_NS = 1000000 };

static inline uint64_t jd_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 * JD_MS_NS + (uint64_t)t.tv_nsec;
}

// A timeout as a deadline: 0 ms = one that has passed, below 0 = one that never comes.
static inline uint64_t jd_clock_deadline_ns(int64_t timeout_ms) {
    if (timeout_ms == 0)
        return 0;
    uint64_t now_ns = jd_clock_ns();
    if (timeout_ms < 0 || (uint64_t)timeout_ms > (JD_NEVER_NS - now_ns) / JD_MS_NS)
        return JD_NEVER_NS;
    return now_ns + (uint64_t)timeout_ms * JD_MS_NS;
}

static inline bool jd_clock_passed(uint64_t deadline_ns) {
    return deadline_ns != JD_NEVER_NS && (deadline_ns == 0 || jd_clock_ns() >= deadline_ns);
}

#endif
