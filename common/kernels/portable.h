// Sums with the same bits everywhere: plain additions from left to right, compiled without
// contraction, so that no CPU fuses the multiplication into the addition.
#ifndef JD_KERNELS_PORTABLE_H
#define JD_KERNELS_PORTABLE_H

#include "kernels/integrands.h"

// acc += f(a + i*step) * step for every i in [i0, i1), in this order. Blocks that hand acc on give
// the bits of one long call. i1 <= JD_N_ITER_MAX (kernels/split.h).
double jd_sum_portable(jd_function *f, double a, double step, uint64_t i0, uint64_t i1, double acc);
// The same for any source and the points of a grid.
double jd_sum_portable_source(const struct jd_source *source, const struct jd_grid *grid,
                              double acc);

#endif
