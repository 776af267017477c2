// How an integral is cut into parts and put together again. All parts share one uniform grid: with
// k steps before a part, it starts at a + (b-a)*(k/n_iter), and it ends where the next one starts.
// So the parts tile [a, b] exactly, whether or not their number divides the number of steps.
#ifndef JD_KERNELS_SPLIT_H
#define JD_KERNELS_SPLIT_H

#include <jobd/types.h>

#define JD_N_ITER_MAX (UINT64_C(1) << 53) // up to here every step number is a double

struct jd_part {
    double a, b; // the interval of this part
    uint64_t n;  // its steps, at least 1
};

// Into how many parts: min(n_jobs, n_iter).
uint64_t jd_split_count(uint64_t n_iter, uint64_t n_jobs);
// Part i of n_parts: i < n_parts <= n_iter <= JD_N_ITER_MAX. b - a must be finite.
struct jd_part jd_split_part(double a, double b, uint64_t n_iter, uint64_t n_parts, uint64_t i);

static inline double jd_part_step(struct jd_part part) {
    return (part.b - part.a) / (double)part.n;
}

// The whole from its parts: added in index order from 0.0, so that the bits do not depend on which
// part was finished first.
double jd_split_reduce(const double *sums, size_t n);

#endif
