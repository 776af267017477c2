// The loops that a compiled expression is made of: each takes blocks of doubles, or constants, and
// writes a block. They are written once, in expr_level.h, and compiled for each level of the
// instruction set. Known to the rooms expr_*, to nobody else.
#ifndef JD_EXPR_KERNELS_H
#define JD_EXPR_KERNELS_H

#include "expr.h"

// In what follows an operand is V, a block, or C, one constant for all of it. Constants that could
// stand on either side stand on the right.

// Arithmetic: these nine can take the result of another into the same loop; see fused below.
#define JD_EXPR_ARITHMETIC(X)                                                                      \
    X(ADD_VV, V, V, a + b)                                                                         \
    X(ADD_VC, V, C, a + b)                                                                         \
    X(SUB_VV, V, V, a - b)                                                                         \
    X(SUB_CV, C, V, a - b)                                                                         \
    X(MUL_VV, V, V, (a * b))                                                                       \
    X(MUL_VC, V, C, (a * b))                                                                       \
    X(DIV_VV, V, V, a / b)                                                                         \
    X(DIV_VC, V, C, a / b)                                                                         \
    X(DIV_CV, C, V, a / b)

#define JD_EXPR_PAIRS(X, name, e) X(name##_VV, V, V, e) X(name##_VC, V, C, e)
#define JD_EXPR_TESTS(X)                                                                           \
    JD_EXPR_PAIRS(X, LT, a < b ? 1.0 : 0.0)                                                        \
    JD_EXPR_PAIRS(X, LE, a <= b ? 1.0 : 0.0)                                                       \
    JD_EXPR_PAIRS(X, GT, a > b ? 1.0 : 0.0)                                                        \
    JD_EXPR_PAIRS(X, GE, a >= b ? 1.0 : 0.0)                                                       \
    JD_EXPR_PAIRS(X, EQ, a == b ? 1.0 : 0.0)                                                       \
    JD_EXPR_PAIRS(X, NE, a != b ? 1.0 : 0.0)                                                       \
    JD_EXPR_PAIRS(X, AND, (a != 0) & (b != 0) ? 1.0 : 0.0)                                         \
    JD_EXPR_PAIRS(X, OR, (a != 0) | (b != 0) ? 1.0 : 0.0)                                          \
    JD_EXPR_PAIRS(X, MIN, (a < b) | (a != a) ? a : b)                                              \
    JD_EXPR_PAIRS(X, MAX, (a > b) | (a != a) ? a : b)                                              \
    JD_EXPR_PAIRS(X, COPYSIGN, copysign(a, b))

// condition, then, else
#define JD_EXPR_CHOICES(X)                                                                         \
    X(IF_VV, V, V)                                                                                 \
    X(IF_VC, V, C)                                                                                 \
    X(IF_CV, C, V)                                                                                 \
    X(IF_CC, C, C)

// A power with a small whole exponent takes a few multiplications, one by halves a square root too:
// that is within 4 ulp. pow() has answers of its own for the root of -0 and -inf.
#define JD_EXPR_ROOT(a) (a == -INFINITY ? INFINITY : sqrt(a) + 0.0)
#define JD_EXPR_SINGLES(X)                                                                         \
    X(COPY, a)                                                                                     \
    X(NOT, a == 0 ? 1.0 : 0.0)                                                                     \
    X(FABS, fabs(a))                                                                               \
    X(SQRT, sqrt(a))                                                                               \
    X(FLOOR, floor(a))                                                                             \
    X(CEIL, ceil(a))                                                                               \
    X(TRUNC, trunc(a))                                                                             \
    X(RINT, rint(a))                                                                               \
    X(ROOT, JD_EXPR_ROOT(a))                                                                       \
    X(POW_3_HALVES, fabs(a) * JD_EXPR_ROOT(a))                                                     \
    X(POW_5_HALVES, a *a *JD_EXPR_ROOT(a))                                                         \
    X(POW_MINUS_HALF, 1 / JD_EXPR_ROOT(a))                                                         \
    X(POW_3, (a * a) * a)                                                                          \
    X(POW_4, (a * a) * (a * a))                                                                    \
    X(POW_5, (a * a) * (a * a) * a)                                                                \
    X(POW_6, (a * a * a) * (a * a * a))                                                            \
    X(POW_7, (a * a * a) * (a * a * a) * a)                                                        \
    X(POW_8, ((a * a) * (a * a)) * ((a * a) * (a * a)))                                            \
    X(POW_MINUS_2, (1 / a) * (1 / a))                                                              \
    X(POW_MINUS_3, (1 / a) * (1 / a) * (1 / a))                                                    \
    X(POW_MINUS_4, ((1 / a) * (1 / a)) * ((1 / a) * (1 / a)))

// Functions of libm that libmvec has for whole vectors, within 4 ulp.
#define JD_EXPR_VECTOR_1(X)                                                                        \
    X(sin)                                                                                         \
    X(cos)                                                                                         \
    X(tan)                                                                                         \
    X(asin)                                                                                        \
    X(acos)                                                                                        \
    X(atan)                                                                                        \
    X(sinh)                                                                                        \
    X(cosh)                                                                                        \
    X(tanh)                                                                                        \
    X(asinh)                                                                                       \
    X(acosh)                                                                                       \
    X(atanh)                                                                                       \
    X(exp)                                                                                         \
    X(exp2)                                                                                        \
    X(expm1)                                                                                       \
    X(log)                                                                                         \
    X(log2)                                                                                        \
    X(log10)                                                                                       \
    X(log1p)                                                                                       \
    X(cbrt)                                                                                        \
    X(erf)                                                                                         \
    X(erfc)
#define JD_EXPR_VECTOR_2(X)                                                                        \
    X(pow)                                                                                         \
    X(atan2)                                                                                       \
    X(hypot)

// Fused: t is the result of the first, c the other operand of the second. Rounded twice, as apart.
#define JD_EXPR_SECONDS(X, first, A, B, e)                                                         \
    X(first, A, B, e, ADD_TV, V, t + c)                                                            \
    X(first, A, B, e, ADD_TC, C, t + c)                                                            \
    X(first, A, B, e, SUB_TV, V, t - c)                                                            \
    X(first, A, B, e, SUB_VT, V, c - t)                                                            \
    X(first, A, B, e, SUB_CT, C, c - t)                                                            \
    X(first, A, B, e, MUL_TV, V, (t * c))                                                          \
    X(first, A, B, e, MUL_TC, C, (t * c))                                                          \
    X(first, A, B, e, DIV_TV, V, t / c)                                                            \
    X(first, A, B, e, DIV_TC, C, t / c)                                                            \
    X(first, A, B, e, DIV_VT, V, c / t)                                                            \
    X(first, A, B, e, DIV_CT, C, c / t)
#define JD_EXPR_FUSED(X)                                                                           \
    JD_EXPR_SECONDS(X, ADD_VV, V, V, a + b)                                                        \
    JD_EXPR_SECONDS(X, ADD_VC, V, C, a + b)                                                        \
    JD_EXPR_SECONDS(X, SUB_VV, V, V, a - b)                                                        \
    JD_EXPR_SECONDS(X, SUB_CV, C, V, a - b)                                                        \
    JD_EXPR_SECONDS(X, MUL_VV, V, V, (a * b))                                                      \
    JD_EXPR_SECONDS(X, MUL_VC, V, C, (a * b))

enum jd_expr_kernel_id {
#define X(name, ...) JD_K_##name,
    JD_EXPR_ARITHMETIC(X) JD_EXPR_TESTS(X) JD_EXPR_CHOICES(X) JD_EXPR_SINGLES(X)
#undef X
#define X(f) JD_K_##f,
        JD_EXPR_VECTOR_1(X) JD_EXPR_VECTOR_2(X)
#undef X
#define X(first, A, B, e, second, ...) JD_K_##first##_##second,
            JD_EXPR_FUSED(X)
#undef X
                JD_K_FILL, // the constant a
    JD_K_CALL,             // no loop of its own: any function, one element after the other
    JD_K_COUNT = JD_K_CALL,
};

// y is none of a, b and c. Operands that a kernel does not have are ignored.
typedef void jd_expr_kernel(double *restrict y, const double *a, const double *b, const double *c,
                            size_t n);

struct jd_expr_kernels {
    const char *name;
    jd_expr_kernel *at[JD_K_COUNT];
};

extern const struct jd_expr_kernels jd_expr_base;
#ifdef __x86_64__
extern const struct jd_expr_kernels jd_expr_avx2;
extern const struct jd_expr_kernels jd_expr_avx512;
#endif

#endif
