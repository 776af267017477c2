// What one instruction set's build of the fast kernel offers. simd_level.h is compiled once for each
// of them; fast.c chooses.
#ifndef JD_KERNELS_SIMD_H
#define JD_KERNELS_SIMD_H

#include "kernels/integrands.h"

enum { SIMD_LANES_MAX = 8 };

// A sum in lanes: value k of a block goes to lane k % lanes of the level. hi is what plain addition
// gives, lo what it lost.
struct simd_sum {
    double hi[SIMD_LANES_MAX], lo[SIMD_LANES_MAX];
};

struct simd_function {
    jd_block_fn *block;
    // Or NULL: the first n points of the grid, their values and their sum in one loop, n a multiple of
    // JD_BLOCK. The bits are those of block by block.
    void (*fused)(const struct jd_grid *grid, size_t n, struct simd_sum *sum);
    double from, to; // where fused may be used: all points must lie in here
};

struct simd_level {
    void (*points)(const struct jd_grid *grid, double *x); // the first JD_BLOCK of the grid
    void (*add)(const double *y, struct simd_sum *sum);    // JD_BLOCK of them
    const struct simd_function *functions;                 // by enum jd_integrand_id
};

extern const struct simd_level simd_baseline;
extern const struct simd_level simd_avx2, simd_avx512; // x86-64 only

#endif
