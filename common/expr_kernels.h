// The loops that a compiled expression is made of: each takes blocks of doubles, or constants, and
// writes a block. They are written once, in expr_level.h, and compiled for each level of the
// instruction set. Known to the rooms expr_*, to nobody else.
#ifndef JD_EXPR_KERNELS_H
#define JD_EXPR_KERNELS_H

#include "expr.h"

// In what follows an operand is V, a block, or C, one constant for all of it. Constants that could
// stand on either side stand on the right.

// Lists that are used twice take EACH, which says whether an entry is a kernel of its own or one for
// every kernel that may follow it in the same loop.
#define JD_EXPR_ALONE(X, ...) X(__VA_ARGS__)

// Sums and products: their result t may be needed in the next line of the same loop.
#define JD_EXPR_SUMS(EACH, X)                                                                      \
    EACH(X, ADD_VV, V, V, (a + b))                                                                 \
    EACH(X, ADD_VC, V, C, (a + b))                                                                 \
    EACH(X, SUB_VV, V, V, (a - b))                                                                 \
    EACH(X, SUB_CV, C, V, (a - b))                                                                 \
    EACH(X, MUL_VV, V, V, (a * b))                                                                 \
    EACH(X, MUL_VC, V, C, (a * b))
#define JD_EXPR_QUOTIENTS(X)                                                                       \
    X(DIV_VV, V, V, (a / b))                                                                       \
    X(DIV_VC, V, C, (a / b))                                                                       \
    X(DIV_CV, C, V, (a / b))

// What may follow: c is its other operand. Both are rounded, as they are apart.
#define JD_EXPR_THEN(X, first, A, B, e)                                                            \
    X(first, A, B, e, ADD_TV, V, (t + c))                                                          \
    X(first, A, B, e, ADD_TC, C, (t + c))                                                          \
    X(first, A, B, e, SUB_TV, V, (t - c))                                                          \
    X(first, A, B, e, SUB_VT, V, (c - t))                                                          \
    X(first, A, B, e, SUB_CT, C, (c - t))                                                          \
    X(first, A, B, e, MUL_TV, V, (t * c))                                                          \
    X(first, A, B, e, MUL_TC, C, (t * c))                                                          \
    X(first, A, B, e, DIV_TV, V, (t / c))                                                          \
    X(first, A, B, e, DIV_TC, C, (t / c))                                                          \
    X(first, A, B, e, DIV_VT, V, (c / t))                                                          \
    X(first, A, B, e, DIV_CT, C, (c / t))

// Comparisons, and the choice that may follow: then c, else d.
#define JD_EXPR_COMPARISONS(EACH, X)                                                               \
    EACH(X, LT_VV, V, (a < b))                                                                     \
    EACH(X, LT_VC, C, (a < b))                                                                     \
    EACH(X, LE_VV, V, (a <= b))                                                                    \
    EACH(X, LE_VC, C, (a <= b))                                                                    \
    EACH(X, GT_VV, V, (a > b))                                                                     \
    EACH(X, GT_VC, C, (a > b))                                                                     \
    EACH(X, GE_VV, V, (a >= b))                                                                    \
    EACH(X, GE_VC, C, (a >= b))                                                                    \
    EACH(X, EQ_VV, V, (a == b))                                                                    \
    EACH(X, EQ_VC, C, (a == b))                                                                    \
    EACH(X, NE_VV, V, (a != b))                                                                    \
    EACH(X, NE_VC, C, (a != b))
#define JD_EXPR_CHOOSE(X, test, B, e)                                                              \
    X(test, B, e, IF_VV, V, V)                                                                     \
    X(test, B, e, IF_VC, V, C)                                                                     \
    X(test, B, e, IF_CV, C, V)                                                                     \
    X(test, B, e, IF_CC, C, C)

#define JD_EXPR_OTHERS(X)                                                                          \
    X(AND_VV, V, V, ((a != 0) & (b != 0)) ? 1.0 : 0.0)                                             \
    X(AND_VC, V, C, ((a != 0) & (b != 0)) ? 1.0 : 0.0)                                             \
    X(OR_VV, V, V, ((a != 0) | (b != 0)) ? 1.0 : 0.0)                                              \
    X(OR_VC, V, C, ((a != 0) | (b != 0)) ? 1.0 : 0.0)                                              \
    X(MIN_VV, V, V, ((a < b) | (a != a)) ? a : b)                                                  \
    X(MIN_VC, V, C, ((a < b) | (a != a)) ? a : b)                                                  \
    X(MAX_VV, V, V, ((a > b) | (a != a)) ? a : b)                                                  \
    X(MAX_VC, V, C, ((a > b) | (a != a)) ? a : b)                                                  \
    X(COPYSIGN, V, V, copysign(a, b))

// A choice whose condition a comes from elsewhere: then b, else c.
#define JD_EXPR_CHOICES(X)                                                                         \
    X(IF_VV, V, V)                                                                                 \
    X(IF_VC, V, C)                                                                                 \
    X(IF_CV, C, V)                                                                                 \
    X(IF_CC, C, C)

// Powers with a constant exponent: few multiplications and divisions, in an order in which nothing
// overflows or vanishes that the result does not. pow() has answers of its own for the root of -0
// and -inf.
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
    X(POW_3, (a * a) * a)                                                                          \
    X(POW_4, (a * a) * (a * a))                                                                    \
    X(POW_5, (a * a) * (a * a) * a)                                                                \
    X(POW_6, (a * a * a) * (a * a * a))                                                            \
    X(POW_7, (a * a * a) * (a * a * a) * a)                                                        \
    X(POW_8, ((a * a) * (a * a)) * ((a * a) * (a * a)))                                            \
    X(POW_MINUS_2, 1 / a / a)                                                                      \
    X(POW_MINUS_3, 1 / a / a / a)                                                                  \
    X(POW_MINUS_4, 1 / a / a / a / a)                                                              \
    X(POW_HALF, JD_EXPR_ROOT(a))                                                                   \
    X(POW_3_HALVES, fabs(a) * JD_EXPR_ROOT(a))                                                     \
    X(POW_5_HALVES, (a * a) * JD_EXPR_ROOT(a))                                                     \
    X(POW_MINUS_HALF, 1 / JD_EXPR_ROOT(a))

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

enum jd_expr_kernel_id {
#define X(name, ...) JD_K_##name,
    JD_EXPR_SUMS(JD_EXPR_ALONE, X) JD_EXPR_QUOTIENTS(X) JD_EXPR_COMPARISONS(JD_EXPR_ALONE, X)
        JD_EXPR_OTHERS(X) JD_EXPR_CHOICES(X) JD_EXPR_SINGLES(X)
#undef X
#define X(f) JD_K_##f,
            JD_EXPR_VECTOR_1(X) JD_EXPR_VECTOR_2(X)
#undef X
#define X(first, A, B, e, second, ...) JD_K_##first##_##second,
                JD_EXPR_SUMS(JD_EXPR_THEN, X)
#undef X
#define X(test, B, e, choice, ...) JD_K_##test##_##choice,
                    JD_EXPR_COMPARISONS(JD_EXPR_CHOOSE, X)
#undef X
                        JD_K_FILL, // the constant a
    JD_K_CALL,                     // no loop of its own: any function, one x after the other
    JD_K_COUNT = JD_K_CALL,
};

enum { JD_EXPR_OPERANDS_MAX = 4 };

// in: as many operands as the kernel has, each a block, or a pointer to one constant. y is none of
// them.
typedef void jd_expr_kernel(double *restrict y, const double *const *in, size_t n);

struct jd_expr_kernels {
    jd_expr_kernel *at[JD_K_COUNT];
};

extern const struct jd_expr_kernels jd_expr_base;
#ifdef __x86_64__
extern const struct jd_expr_kernels jd_expr_avx2;
extern const struct jd_expr_kernels jd_expr_avx512;
#endif

#endif
