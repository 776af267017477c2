// The functions that can be integrated by name: those of libm with one double in and one out.
#ifndef JD_KERNELS_INTEGRANDS_H
#define JD_KERNELS_INTEGRANDS_H

#include <jobd/types.h>

// Pure; any thread, also in parallel.
typedef double jd_function(double x);

// The same for n points at once: y[i] = f(x[i]). y may be x. ctx is what the function was made with;
// n is at most JD_BLOCK. What it gives for a point does not depend on the points beside it.
typedef void jd_block_fn(const void *ctx, const double *x, double *y, size_t n);

// A block of points and one of values stay together in the first-level cache.
enum { JD_BLOCK = 512 };

// The points a + i * step for every i in [from, to), to <= JD_N_ITER_MAX (kernels/split.h). Each has
// two roundings, of the product and of the sum, so that every kernel sees the same points.
struct jd_grid {
    double a, step;
    uint64_t from, to;
};

// name, its function, how the fast kernel computes it, and c, a bound of the error of that:
// |fast f(x) - f(x)| <= c * 2^-53 * |f(x)|, plus one denormal, for every x and at every level.
//   POLY  a polynomial of ours where there is fused multiply-add, else libmvec; ours has c = 3
//   MVEC  libmvec, which promises 4 units in the last place
//   LOOP  an instruction of the CPU
//   LIBM  libm, point by point; so this f is libm's, which has no such bound near zeros of j0 or y1
// Each is the fastest that was measured: at four lanes libmvec has 3 to 10 times the speed of libm; the
// polynomials, in one loop with the sum, take a tenth to a fifth less time than libmvec and err less.
#define JD_INTEGRAND_MAP(X)                                                                        \
    X(sin, sin, POLY, 8)                                                                           \
    X(cos, cos, POLY, 8)                                                                           \
    X(tan, tan, MVEC, 8)                                                                           \
    X(asin, asin, MVEC, 8)                                                                         \
    X(acos, acos, MVEC, 8)                                                                         \
    X(atan, atan, MVEC, 8)                                                                         \
    X(sinh, sinh, MVEC, 8)                                                                         \
    X(cosh, cosh, MVEC, 8)                                                                         \
    X(tanh, tanh, MVEC, 8)                                                                         \
    X(asinh, asinh, MVEC, 8)                                                                       \
    X(acosh, acosh, MVEC, 8)                                                                       \
    X(atanh, atanh, MVEC, 8)                                                                       \
    X(exp, exp, POLY, 8)                                                                           \
    X(exp2, exp2, MVEC, 8)                                                                         \
    X(expm1, expm1, MVEC, 8)                                                                       \
    X(log, log, POLY, 8)                                                                           \
    X(log2, log2, MVEC, 8)                                                                         \
    X(log10, log10, MVEC, 8)                                                                       \
    X(log1p, log1p, MVEC, 8)                                                                       \
    X(logb, logb, LIBM, 0)                                                                         \
    X(sqrt, sqrt, LOOP, 1)                                                                         \
    X(cbrt, cbrt, MVEC, 8)                                                                         \
    X(fabs, fabs, LOOP, 0)                                                                         \
    X(floor, floor, LOOP, 0)                                                                       \
    X(ceil, ceil, LOOP, 0)                                                                         \
    X(trunc, trunc, LOOP, 0)                                                                       \
    X(round, round, LIBM, 0)                                                                       \
    X(rint, rint, LOOP, 0)                                                                         \
    X(erf, erf, MVEC, 8)                                                                           \
    X(erfc, erfc, MVEC, 8)                                                                         \
    X(j0, j0, LIBM, 0)                                                                             \
    X(j1, j1, LIBM, 0)                                                                             \
    X(y0, y0, LIBM, 0)                                                                             \
    X(y1, y1, LIBM, 0)                                                                             \
    X(tgamma, tgamma, LIBM, 0)                                                                     \
    X(lgamma, jd_lgamma, LIBM, 0)

enum jd_integrand_id {
#define X(name, f, how, c) JD_INTEGRAND_##name,
    JD_INTEGRAND_MAP(X)
#undef X
};

struct jd_integrand {
    const char *name;
    jd_function *f;
    enum jd_integrand_id id;
    unsigned fast_error; // c, in units of 2^-53 of the value
};

// What is to be integrated: an entry of the table, or, if that is NULL, any function in block form.
struct jd_source {
    const struct jd_integrand *named;
    jd_block_fn *block;
    const void *ctx; // for block; borrowed
};

// The table, for help texts: entry i, or NULL from the end on.
const struct jd_integrand *jd_integrand_at(size_t i);
// NULL = no such name.
const struct jd_integrand *jd_integrand_find(jobd_bytes name);
// The name closest to an unknown one, or NULL; see suggest.h.
const char *jd_integrand_suggest(jobd_bytes name);

// lgamma() without the global signgam, which would be a race in a pool of threads.
double jd_lgamma(double x);

#endif
