// The fast kernel for one instruction set. A simd_*.c file defines
//   SIMD_LEVEL  the name of its struct simd_level        SIMD_BYTES  of a vector
//   SIMD_MVEC   the prefix of libmvec's names, if it is there
//   simd_fma() and simd_all(), if it has fused multiply-add: then POLY functions are ours
// and includes this file. The vectors are the compiler's own, so that + - * / are what they look like.
#include <math.h>
#include <string.h>

#include "guard.h"
#include "kernels/simd.h"

enum { LANES = SIMD_BYTES / sizeof(double) };
_Static_assert(JD_BLOCK % (4 * SIMD_LANES_MAX) == 0 && SIMD_LANES_MAX % LANES == 0,
               "whole vectors");

static inline vd load(const double *p) {
    vd v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(double *p, vd v) {
    memcpy(p, &v, sizeof v);
}

// ---- The sum ----

// i0, i0 + 1, ... up to 2^53 each is exact, and so is adding LANES.
static inline vd simd_steps(uint64_t i0) {
    vd i;
    for (unsigned k = 0; k < LANES; k++)
        i[k] = (double)k;
    return (double)(int64_t)i0 + i; // signed, because one instruction converts that
}

static inline vd simd_point(const struct jd_grid *g, vd i) {
    return g->a + i * g->step;
}

static void points(const struct jd_grid *g, double *x) {
    vd i = simd_steps(g->from);
    for (unsigned k = 0; k < JD_BLOCK; k += LANES, i += LANES)
        store(x + k, simd_point(g, i));
}

// Four vectors as a tree of two levels, which costs 2 * 2^-53 at most, and then Knuth's exact
// addition: lo gets what it loses.
static inline void simd_add(vd *hi, vd *lo, const vd y[4]) {
    vd four = (y[0] + y[1]) + (y[2] + y[3]);
    vd sum = *hi + four, part = sum - *hi;
    *lo += (*hi - (sum - part)) + (four - part);
    *hi = sum;
}

static void add(const double *y, struct simd_sum *sum) {
    vd hi = load(sum->hi), lo = load(sum->lo);
    for (unsigned k = 0; k < JD_BLOCK; k += 4 * LANES) {
        const vd four[4] = {load(y + k), load(y + k + LANES), load(y + k + 2 * LANES),
                            load(y + k + 3 * LANES)};
        simd_add(&hi, &lo, four);
    }
    store(sum->hi, hi);
    store(sum->lo, lo);
}

// ---- The functions ----

// y = f(x), vector by vector; what is over at the end is made a whole vector.
#define SIMD_BLOCK(name, f)                                                                        \
    static void name##_block(const void *ctx, const double *x, double *y, size_t n) {              \
        (void)ctx;                                                                                 \
        size_t i = 0;                                                                              \
        for (; i + LANES <= n; i += LANES)                                                         \
            store(y + i, f(load(x + i)));                                                          \
        if (i < n) {                                                                               \
            double rest[LANES];                                                                    \
            for (unsigned k = 0; k < LANES; k++)                                                   \
                rest[k] = x[JD_MIN(i + k, n - 1)];                                                 \
            store(rest, f(load(rest)));                                                            \
            memcpy(y + i, rest, (n - i) * sizeof *y);                                              \
        }                                                                                          \
    }

#define SIMD_LOOP(name, f)                                                                         \
    static void name##_block(const void *ctx, const double *x, double *y, size_t n) {              \
        (void)ctx;                                                                                 \
        for (size_t i = 0; i < n; i++)                                                             \
            y[i] = f(x[i]);                                                                        \
    }

#ifdef SIMD_MVEC
#define SIMD_PASTE(prefix, name) prefix##name
#define SIMD_MVEC_NAME(prefix, name) SIMD_PASTE(prefix, name)
#define SIMD_BLOCK_MVEC(name, f)                                                                   \
    vd SIMD_MVEC_NAME(SIMD_MVEC, name)(vd);                                                        \
    SIMD_BLOCK(name, SIMD_MVEC_NAME(SIMD_MVEC, name))
#else
#define SIMD_BLOCK_MVEC SIMD_LOOP
#endif
#define SIMD_ENTRY(name)                                                                           \
    { .block = name##_block }

#ifdef simd_fma
static inline vd simd_all_of(double x) {
    return x - (vd){0};
}
#include "kernels/simd_poly.h"

// Lanes outside of the domain are libm's.
static __attribute__((noinline)) vd simd_repair(vd x, vd y, vi ok, jd_function *f) {
    for (unsigned k = 0; k < LANES; k++)
        y[k] = ok[k] != 0 ? y[k] : f(x[k]);
    return y;
}

#define SIMD_BLOCK_POLY(name, f)                                                                   \
    static inline vd name##_anywhere(vd x) {                                                       \
        vi ok = (x >= POLY_##name##_FROM) & (x <= POLY_##name##_TO);                               \
        vd y = poly_##name(x);                                                                     \
        return simd_all(ok) ? y : simd_repair(x, y, ok, f);                                        \
    }                                                                                              \
    SIMD_BLOCK(name, name##_anywhere)                                                              \
    static void name##_fused(const struct jd_grid *g, size_t n, struct simd_sum *sum) {            \
        const struct jd_grid grid = *g;                                                            \
        vd hi = load(sum->hi), lo = load(sum->lo), i = simd_steps(g->from);                        \
        for (size_t k = 0; k < n; k += 4 * LANES) {                                                \
            vd four[4];                                                                            \
            for (unsigned j = 0; j < 4; j++, i += LANES)                                           \
                four[j] = poly_##name(simd_point(&grid, i));                                       \
            simd_add(&hi, &lo, four);                                                              \
        }                                                                                          \
        store(sum->hi, hi);                                                                        \
        store(sum->lo, lo);                                                                        \
    }
#define SIMD_ENTRY_POLY(name)                                                                      \
    {                                                                                              \
        .block = name##_block, .fused = name##_fused, .from = POLY_##name##_FROM,                  \
        .to = POLY_##name##_TO                                                                     \
    }
#else
#define SIMD_BLOCK_POLY SIMD_BLOCK_MVEC
#define SIMD_ENTRY_POLY SIMD_ENTRY
#endif

#define SIMD_ENTRY_MVEC SIMD_ENTRY
#define SIMD_BLOCK_LOOP SIMD_LOOP
#define SIMD_ENTRY_LOOP SIMD_ENTRY
#define SIMD_BLOCK_LIBM SIMD_LOOP
#define SIMD_ENTRY_LIBM SIMD_ENTRY

#define X(name, f, how, c) SIMD_BLOCK_##how(name, f)
JD_INTEGRAND_MAP(X)
#undef X

static const struct simd_function functions[] = {
#define X(name, f, how, c) [JD_INTEGRAND_##name] = SIMD_ENTRY_##how(name),
    JD_INTEGRAND_MAP(X)
#undef X
};

const struct simd_level SIMD_LEVEL = {.points = points, .add = add, .functions = functions};
