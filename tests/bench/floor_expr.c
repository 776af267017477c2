// Compiled for exactly this machine with all that fast-math allows; see CMakeLists.txt. The macro is
// what glibc's headers look at before they offer functions of whole vectors.
#ifndef __FAST_MATH__
#define __FAST_MATH__ 1
#endif
#include "floor_expr.h"

#include <math.h>

static const double m = FLOOR_EXPR_M, s = FLOOR_EXPR_S;

#define X(name, text, e)                                                                           \
    void floor_expr_##name(const double *restrict px, double *restrict y, size_t n) {              \
        for (size_t i = 0; i < n; i++) {                                                           \
            const double x = px[i];                                                                \
            y[i] = e;                                                                              \
        }                                                                                          \
    }
FLOOR_EXPRESSIONS(X)
