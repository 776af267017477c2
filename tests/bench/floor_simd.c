// The bare SIMD loop: points, cos and sum inlined, nothing compensated, checked or looked up.
#include <stdbool.h>
#include <stdint.h>

#include "floor.h"

#ifdef __AVX2__
#include <immintrin.h>

typedef double vd __attribute__((vector_size(32)));
typedef uint64_t vu __attribute__((vector_size(32)));

#define simd_fma(a, b, c) ((vd)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))

static inline vd simd_all_of(double x) {
    return x - (vd){0};
}
#include "kernels/simd_poly.h"

enum { LANES = 4 };

bool floor_simd_available(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

// The last steps, if they are no whole vector, are left out: three of a million.
double floor_simd_sum_cos(struct jd_part part) {
    double step = jd_part_step(part);
    vd i = {0, 1, 2, 3}, sum = {0};
    for (uint64_t n = part.n / LANES; n > 0; n--, i += LANES)
        sum += poly_cos(part.a + i * step);
    return (sum[0] + sum[1] + sum[2] + sum[3]) * step;
}
#else
bool floor_simd_available(void) {
    return false;
}

double floor_simd_sum_cos(struct jd_part part) {
    return part.a;
}
#endif
