// What every CPU has: two lanes, no fused multiply-add. libmvec, where glibc has it, beats polynomials
// of ours at this width.
#include <stdint.h>

#define SIMD_LEVEL simd_baseline
#define SIMD_BYTES 16
#ifdef JD_MVEC
#define SIMD_MVEC _ZGVbN2v_
#endif

typedef double vd __attribute__((vector_size(SIMD_BYTES)));

#include "kernels/simd_level.h"
