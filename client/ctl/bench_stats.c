#include <math.h>
#include <stdlib.h>

#include "bench.h"

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Sorts v; n is at least 1.
static double median_of(double *v, size_t n) {
    qsort(v, n, sizeof(*v), compare);
    return 0.5 * (v[(n - 1) / 2] + v[n / 2]);
}

static void sum_up(struct bench_case *c, size_t n) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += c->wall_s[i];
    c->mean_s = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (c->wall_s[i] - c->mean_s) * (c->wall_s[i] - c->mean_s);
    c->sd_s = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    c->median_s = median_of(c->wall_s, n);
    c->least_s = c->wall_s[0];
    c->overhead_median_s = median_of(c->overhead_s, n);
}

void bench_sum_up(struct bench *b) {
    double serial_s[BENCH_KERNELS] = {0};
    for (size_t i = 0; i < b->n_cases; i++) {
        sum_up(&b->cases[i], (size_t)b->n_rounds);
        if (b->cases[i].backend == BACKEND_serial)
            serial_s[b->cases[i].kernel] = b->cases[i].median_s;
    }
    for (size_t i = 0; i < b->n_cases; i++) {
        struct bench_case *c = &b->cases[i];
        c->speedup = serial_s[c->kernel] / c->median_s;
        c->efficiency = c->speedup / (double)c->n_at_once;
    }
}
