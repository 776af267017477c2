// What every measurement is given.
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"

enum {
    ROUNDS_MAX = 99,
    OUTSTANDING = 1000, // jobs a pipelining client keeps unfinished
    PAYLOAD_BYTES = 8,  // of one no-op job
    WORKERS_MAX = 2,    // the figures of the design are for two cores
};

struct bench {
    const char *bindir; // where jobd and jobd-worker are
    unsigned n_rounds;
    unsigned hold_s;    // run one load for so long instead of measuring; 0 = measure
    unsigned n_workers; // only with so many; 0 = with 1 and with 2
    bool quick;
    bool daemon; // false: the floors alone
    struct report *report;
};

// Each prints what failed to stderr and returns -1 on an error; a missed target is no error.
int measure_roundtrip(struct bench *b);
int measure_throughput(struct bench *b);
int measure_map(struct bench *b);
int measure_abort(struct bench *b);
int measure_memory(struct bench *b);
int measure_idle(struct bench *b);
int measure_drain(struct bench *b);
int measure_integrate(struct bench *b);
int measure_expr(struct bench *b);

// Prints "jobd-bench: ..." to stderr. Returns -1.
int bench_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t bench_now_ns(void);
// Was the program asked to end? Rounds stop then.
bool bench_interrupted(void);

#endif
