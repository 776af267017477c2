// AVX2 and FMA: four lanes.
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define SIMD_LEVEL simd_avx2
#define SIMD_BYTES 32
#ifdef JD_MVEC
#define SIMD_MVEC _ZGVdN4v_
#endif

typedef double vd __attribute__((vector_size(SIMD_BYTES)));
typedef int64_t vi __attribute__((vector_size(SIMD_BYTES)));
typedef uint64_t vu __attribute__((vector_size(SIMD_BYTES)));

#define simd_fma(a, b, c) ((vd)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))

static inline bool simd_all(vi lanes) {
    return _mm256_movemask_pd((__m256d)lanes) == 0xf;
}

#include "kernels/simd_level.h"
