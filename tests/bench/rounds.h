// Rounds: every variant runs once in each, side by side, so that all see the same machine. Two
// cores that have just woken up run at half speed for some seconds; they are kept busy first.
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include "stats.h"

enum { METRICS_MAX = 4 };

struct variant {
    const char *name;
    // One round: writes a value for each metric. 0 | -1 (said why).
    int (*round)(void *self, double *ret_values);
    void *self;
    unsigned n_metrics;
    bool floor; // stays when there is no daemon, and is left out when a load is held
    struct series metric[METRICS_MAX];
};

// One round that does not count, then b->n_rounds. With b->hold_s: jobd's variants alone, over and
// over; nothing is measured.
int rounds_run(const struct bench *b, struct variant *variants, unsigned n);

// The role that keeps one core busy: args[0] milliseconds.
int rounds_spin(char **args);

#endif
