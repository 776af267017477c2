#include "stats.h"

#include <stdlib.h>
#include <string.h>

#include "guard.h"

void series_add(struct series *s, double value) {
    JD_ASSERT(s->n < ROUNDS_MAX);
    s->v[s->n++] = value;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double stats_quantile(double *v, unsigned n, double q) {
    JD_ASSERT(n > 0);
    qsort(v, n, sizeof *v, compare);
    double at = q * (double)(n - 1);
    unsigned below = (unsigned)at;
    unsigned above = JD_MIN(below + 1, n - 1);
    return v[below] + (v[above] - v[below]) * (at - (double)below);
}

struct spread series_spread(const struct series *s) {
    double v[ROUNDS_MAX];
    memcpy(v, s->v, s->n * sizeof *v);
    double median = stats_quantile(v, s->n, 0.5);
    return (struct spread){.min = v[0], .median = median, .max = v[s->n - 1]};
}

double series_ratio(const struct series *a, const struct series *b) {
    JD_ASSERT(a->n == b->n);
    double v[ROUNDS_MAX];
    for (unsigned i = 0; i < a->n; i++)
        v[i] = a->v[i] / b->v[i];
    return stats_quantile(v, a->n, 0.5);
}
