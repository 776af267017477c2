// What the kernels' tests compare with: every integrand in long double, and sums of it.
#ifndef TEST_KERNELS_REFERENCE_H
#define TEST_KERNELS_REFERENCE_H

#include <math.h>
#include <stdbool.h>

#include "guard.h"
#include "kernels/fast.h"

typedef long double reference_function(long double x);

#define jd_lgammal lgammal
#define X(name, f, how, c) f##l,
static reference_function *const reference_functions[] = {JD_INTEGRAND_MAP(X)};
#undef X
#undef jd_lgammal

#define REFERENCE_POLY 1
#define REFERENCE_MVEC 2
#define REFERENCE_LOOP 3
#define REFERENCE_LIBM 4
#define X(name, f, how, c) REFERENCE_##how,
static const int reference_hows[] = {JD_INTEGRAND_MAP(X)};
#undef X

static inline long double reference_at(const struct jd_integrand *f, double x) {
    return reference_hows[f->id] == REFERENCE_LIBM ? (long double)f->f(x)
                                                   : reference_functions[f->id]((long double)x);
}

struct reference_sum {
    long double sum, abs_sum; // of f, not yet times the step
    bool is_special;          // some value is NaN or infinite as a double; then plain is the sum
    double plain;
};

static inline struct reference_sum reference_sum_of(const struct jd_integrand *f,
                                                    const struct jd_grid *grid) {
    struct reference_sum r = {0};
    long double lost = 0;
    for (uint64_t i = grid->from; i < grid->to; i++) {
        double x = grid->a + (double)(int64_t)i * grid->step;
        long double y = reference_at(f, x), next = r.sum + y, part = next - r.sum;
        lost += (r.sum - (next - part)) + (y - part);
        r.sum = next;
        r.abs_sum += fabsl(y);
        if (!isfinite((double)y)) {
            r.is_special = true;
            r.plain += (double)y;
        }
    }
    r.sum += lost;
    return r;
}

// The bound that kernels/fast.h states, c = the function's.
static inline long double reference_bound(const struct reference_sum *r, unsigned c,
                                          const struct jd_grid *grid) {
    long double h = fabsl((long double)grid->step), n = (long double)(grid->to - grid->from);
    return ((long double)c + 3) * 0x1p-53L * h * r->abs_sum + (2 * n * h + 1) * 0x1p-1074L;
}

#endif
