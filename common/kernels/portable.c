#include "kernels/portable.h"

#include "guard.h"
#include "kernels/split.h"

double jd_sum_portable(jd_function *f, double a, double step, uint64_t i0, uint64_t i1,
                       double acc) {
    JD_ASSERT(i1 <= JD_N_ITER_MAX);
    // Signed, because x86-64 converts only signed integers to double in one instruction.
    int64_t end = (int64_t)i1;
    for (int64_t i = (int64_t)JD_MIN(i0, i1); i < end; i++)
        acc += f(a + (double)i * step) * step;
    return acc;
}

static double sum_blocks(const struct jd_source *source, const struct jd_grid *grid, double acc) {
    double x[JD_BLOCK], y[JD_BLOCK];
    for (uint64_t i = grid->from; i < grid->to;) {
        size_t n = (size_t)JD_MIN(grid->to - i, (uint64_t)JD_BLOCK);
        for (size_t k = 0; k < n; k++)
            x[k] = grid->a + (double)(int64_t)(i + k) * grid->step;
        source->block(source->ctx, x, y, n);
        for (size_t k = 0; k < n; k++)
            acc += y[k] * grid->step;
        i += n;
    }
    return acc;
}

double jd_sum_portable_source(const struct jd_source *source, const struct jd_grid *grid,
                              double acc) {
    JD_ASSERT(grid->to <= JD_N_ITER_MAX);
    if (!source->named)
        return sum_blocks(source, grid, acc);
    return jd_sum_portable(source->named->f, grid->a, grid->step, grid->from, grid->to, acc);
}
