// The loops of expressions for machines with AVX2 and FMA; libmvec uses both.
#include "expr_kernels.h"

#ifdef __x86_64__
#define LEVEL avx2
#ifdef JD_LIBMVEC
#define LANES 4
#define VECTOR_1(f) _ZGVdN4v_##f
#define VECTOR_2(f) _ZGVdN4vv_##f
#endif
#include "expr_level.h"
#endif
