// The loops of expressions for machines with AVX-512 (F and DQ).
#include "expr_kernels.h"

#ifdef __x86_64__
#define LEVEL avx512
#ifdef JD_LIBMVEC
#define LANES 8
#define VECTOR_1(f) _ZGVeN8v_##f
#define VECTOR_2(f) _ZGVeN8vv_##f
#endif
#include "expr_level.h"
#endif
