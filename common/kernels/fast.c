#include "kernels/fast.h"

#include <math.h>
#include <string.h>

#include "guard.h"
#include "kernels/split.h"

enum { FUSED_MAX = 16 * JD_BLOCK }; // points between two looks at the sum

// Sums above the largest double are kept this much smaller: 2^53 doubles always fit.
#define SCALED 0x1p-64

static const struct simd_level *level_of(enum jd_isa isa) {
#ifdef __x86_64__
    if (isa == JD_ISA_AVX512)
        return &simd_avx512;
    if (isa == JD_ISA_AVX2)
        return &simd_avx2;
#endif
    JD_ASSERT(isa == JD_ISA_BASELINE);
    return &simd_baseline;
}

jd_block_fn *jd_fast_block(const struct jd_integrand *f, enum jd_isa isa) {
    JD_ASSERT(jd_isa_available(isa));
    return level_of(isa)->functions[f->id].block;
}

void jd_fast_begin(struct jd_fast *s, enum jd_isa isa, const struct jd_source *source,
                   const struct jd_grid *grid) {
    JD_ASSERT(jd_isa_available(isa) && grid->from <= grid->to && grid->to <= JD_N_ITER_MAX);
    *s = (struct jd_fast){.level = level_of(isa), .ctx = source->ctx, .grid = *grid, .scale = 1.0};
    if (source->named)
        s->f = s->level->functions[source->named->id];
    else
        s->f.block = source->block;
}

static bool is_finite(const struct simd_sum *sum) {
    for (unsigned k = 0; k < SIMD_LANES_MAX; k++)
        if (!isfinite(sum->hi[k]))
            return false;
    return true;
}

static void scale_all(double *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        v[i] *= SCALED;
}

static void scale_sum(struct simd_sum *sum) {
    scale_all(sum->hi, SIMD_LANES_MAX);
    scale_all(sum->lo, SIMD_LANES_MAX);
}

// Points rise or fall with i, so those between two that lie in the domain do, too.
static bool in_domain(const struct jd_fast *s, uint64_t i) {
    double x = s->grid.a + (double)(int64_t)i * s->grid.step;
    return x >= s->f.from && x <= s->f.to;
}

// Returns how many points it did: some whole blocks, or 0, which changes nothing.
static uint64_t run_fused(struct jd_fast *s, uint64_t n) {
    n = JD_MIN(n - n % JD_BLOCK, (uint64_t)FUSED_MAX);
    if (n == 0 || !s->f.fused || s->scale < 1.0 || !in_domain(s, s->grid.from) ||
        !in_domain(s, s->grid.from + n - 1))
        return 0;
    struct simd_sum sum = s->sum;
    s->f.fused(&s->grid, (size_t)n, &sum);
    if (!is_finite(&sum))
        return 0;
    s->sum = sum;
    return n;
}

// Any points of any function; n <= JD_BLOCK. A sum that is not finite becomes a scaled one, and then
// is infinite or NaN only if a value is.
static uint64_t run_block(struct jd_fast *s, uint64_t n) {
    double x[JD_BLOCK], y[JD_BLOCK];
    struct simd_sum sum = s->sum;
    s->level->points(&s->grid, x);
    s->f.block(s->ctx, x, y, (size_t)n);
    memset(y + n, 0, (JD_BLOCK - n) * sizeof *y);
    if (s->scale < 1.0)
        scale_all(y, JD_BLOCK);
    s->level->add(y, &sum);
    if (s->scale == 1.0 && !is_finite(&sum)) {
        s->scale = SCALED;
        scale_all(y, JD_BLOCK);
        sum = s->sum;
        scale_sum(&sum);
        s->level->add(y, &sum);
    }
    s->sum = sum;
    return n;
}

uint64_t jd_fast_run(struct jd_fast *s, uint64_t n) {
    uint64_t left = s->grid.to - s->grid.from, n_blocks = JD_MIN(n, left) + (JD_BLOCK - 1);
    uint64_t end = s->grid.from + JD_MIN(n_blocks - n_blocks % JD_BLOCK, left);
    while (s->grid.from < end) {
        uint64_t done = run_fused(s, end - s->grid.from);
        if (done == 0)
            done = run_block(s, JD_MIN(end - s->grid.from, (uint64_t)JD_BLOCK));
        s->grid.from += done;
    }
    return s->grid.to - end;
}

// The lanes in order, as one number and what it lost.
static double add_lanes(const struct simd_sum *sum, double *ret_lo) {
    double hi = 0.0, lo = 0.0;
    for (unsigned k = 0; k < SIMD_LANES_MAX; k++) {
        double next = hi + sum->hi[k], part = next - hi;
        lo += (hi - (next - part)) + (sum->hi[k] - part);
        lo += sum->lo[k];
        hi = next;
    }
    *ret_lo = lo;
    return hi;
}

double jd_fast_end(const struct jd_fast *s) {
    double lo, hi = add_lanes(&s->sum, &lo), scale = s->scale, step = s->grid.step;
    if (scale == 1.0 && !isfinite(hi)) {
        struct simd_sum sum = s->sum;
        scale_sum(&sum);
        hi = add_lanes(&sum, &lo);
        scale = SCALED;
    }
    double product = hi * step;
    if (isfinite(product)) // then only the last addition rounds
        product += fma(hi, step, -product) + lo * step;
    return product / scale;
}
