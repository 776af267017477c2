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
