// AVX-512 F and DQ: eight lanes.
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#define SIMD_LEVEL simd_avx512
#define SIMD_BYTES 64
#ifdef JD_MVEC
#define SIMD_MVEC _ZGVeN8v_
#endif

typedef double vd __attribute__((vector_size(SIMD_BYTES)));
typedef int64_t vi __attribute__((vector_size(SIMD_BYTES)));
typedef uint64_t vu __attribute__((vector_size(SIMD_BYTES)));

#define simd_fma(a, b, c) ((vd)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))

static inline bool simd_all(vi lanes) {
    return _mm512_movepi64_mask((__m512i)lanes) == 0xff;
}

#include "kernels/simd_level.h"
