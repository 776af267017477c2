// Medians and their like. A series holds one value for each round.
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include "bench.h"

struct series {
    double v[ROUNDS_MAX];
    unsigned n;
};

struct spread {
    double min, median, max;
};

void series_add(struct series *s, double value);
struct spread series_spread(const struct series *s);
// The median of a[i] / b[i]: neighbours in time are compared, so slow drift cancels out.
double series_ratio(const struct series *a, const struct series *b);

// Sorts v. q in 0..1: 0.5 is the median.
double stats_quantile(double *v, unsigned n, double q);

#endif
