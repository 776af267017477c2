// The loops of expressions for any machine.
#define LEVEL base
#if defined(__x86_64__) && defined(JD_LIBMVEC)
#define LANES 2
#define VECTOR_1(f) _ZGVbN2v_##f
#define VECTOR_2(f) _ZGVbN2vv_##f
#endif
#include "expr_level.h"
