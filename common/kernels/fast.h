// The fast kernel: values by SIMD, a compensated sum. With c of the integrand (integrands.h) and h
// the step,
//     |result - sum of f(x_i) * h|  <=  (c + 3) * 2^-53 * h * sum of |f(x_i)|
// plus, where values or the result are denormal, as many units of 2^-1074 * (1 + h) as there are
// points. Of the three, two are the tree that adds four values at a time, one is the end's rounding;
// what the compensation leaves is below a fiftieth of one up to 10^8 steps.
// The bits depend on function, grid and level alone.
#ifndef JD_KERNELS_FAST_H
#define JD_KERNELS_FAST_H

#include "kernels/isa.h"
#include "kernels/simd.h"

// A sum under way. Its fields are fast.c's.
struct jd_fast {
    const struct simd_level *level;
    struct simd_function f;
    const void *ctx;
    struct jd_grid grid; // from moves on
    double scale;        // of the sum: 1, or less after it became larger than a double
    struct simd_sum sum;
};

// A function of the table in block form, for that level; its ctx is ignored.
jd_block_fn *jd_fast_block(const struct jd_integrand *f, enum jd_isa isa);

// The level must be available. The source's ctx is borrowed until the end.
void jd_fast_begin(struct jd_fast *s, enum jd_isa isa, const struct jd_source *source,
                   const struct jd_grid *grid);
// Go on for n points, rounded up to whole blocks of JD_BLOCK. How the points are cut into calls
// changes no bit. Returns how many are left.
uint64_t jd_fast_run(struct jd_fast *s, uint64_t n);
// The sum of f(x_i) * step over the points so far.
double jd_fast_end(const struct jd_fast *s);

#endif
