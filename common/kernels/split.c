#include "kernels/split.h"

#include "guard.h"

uint64_t jd_split_count(uint64_t n_iter, uint64_t n_jobs) {
    return JD_MIN(n_iter, n_jobs);
}

// The steps before part i: the first n_iter % n_parts parts have one more than the others.
static uint64_t steps_before(uint64_t n_iter, uint64_t n_parts, uint64_t i) {
    return i * (n_iter / n_parts) + JD_MIN(i, n_iter % n_parts);
}

struct jd_part jd_split_part(double a, double b, uint64_t n_iter, uint64_t n_parts, uint64_t i) {
    JD_ASSERT(i < n_parts && n_parts <= n_iter && n_iter <= JD_N_ITER_MAX);
    uint64_t from = steps_before(n_iter, n_parts, i);
    uint64_t to = steps_before(n_iter, n_parts, i + 1);
    // a + (b-a)*1 need not be b: rounding may miss it.
    return (struct jd_part){
        .a = a + (b - a) * ((double)from / (double)n_iter),
        .b = to == n_iter ? b : a + (b - a) * ((double)to / (double)n_iter),
        .n = to - from,
    };
}

double jd_split_reduce(const double *sums, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += sums[i];
    return sum;
}
