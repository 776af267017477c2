// The loops of expr_kernels.h. A file for each level of the instruction set includes this once,
// having said:
//   LEVEL        its name: this defines jd_expr_LEVEL
//   LANES        doubles in a vector, where libmvec is there; otherwise functions are libm's
//   VECTOR_1(f)  libmvec's name of f(a)
//   VECTOR_2(f)  and of f(a, b)
// The compiler makes vectors of the plain loops by itself; y never overlaps an operand. Nothing
// contracts a multiplication and an addition into one, so that every level rounds alike.
#include <math.h>
#include <string.h>

#include "expr_kernels.h"

// The two kinds of operands.
#define V(p) p[i]
#define C(p) p[0]

#define KERNEL(name) static void name(double *restrict y, const double *const *in, size_t n)
#define LOOP(body)                                                                                 \
    for (size_t i = 0; i < n; i++) {                                                               \
        body;                                                                                      \
    }
#define OPERANDS_1 const double *const pa = in[0];
#define OPERANDS_2 OPERANDS_1 const double *const pb = in[1];
#define OPERANDS_3 OPERANDS_2 const double *const pc = in[2];
#define OPERANDS_4 OPERANDS_3 const double *const pd = in[3];

#define X(name, A, B, e)                                                                           \
    KERNEL(name) {                                                                                 \
        OPERANDS_2 LOOP(const double a = A(pa); const double b = B(pb); y[i] = e)                  \
    }
JD_EXPR_SUMS(JD_EXPR_ALONE, X)
JD_EXPR_QUOTIENTS(X)
JD_EXPR_OTHERS(X)
#undef X

#define X(first, A, B, e, second, C, e2)                                                           \
    KERNEL(first##_##second) {                                                                     \
        OPERANDS_3 LOOP(const double a = A(pa); const double b = B(pb); const double c = C(pc);    \
                        const double t = e; y[i] = e2)                                             \
    }
JD_EXPR_SUMS(JD_EXPR_THEN, X)
#undef X

#define X(test, B, e)                                                                              \
    KERNEL(test) {                                                                                 \
        OPERANDS_2 LOOP(const double a = pa[i]; const double b = B(pb); y[i] = e ? 1.0 : 0.0)      \
    }
JD_EXPR_COMPARISONS(JD_EXPR_ALONE, X)
#undef X

#define X(test, B, e, choice, C, D)                                                                \
    KERNEL(test##_##choice) {                                                                      \
        OPERANDS_4 LOOP(const double a = pa[i]; const double b = B(pb); const double c = C(pc);    \
                        const double d = D(pd); y[i] = e ? c : d)                                  \
    }
JD_EXPR_COMPARISONS(JD_EXPR_CHOOSE, X)
#undef X

#define X(choice, B, C)                                                                            \
    KERNEL(choice) {                                                                               \
        OPERANDS_3 LOOP(const double b = B(pb); const double c = C(pc); y[i] = pa[i] != 0 ? b : c) \
    }
JD_EXPR_CHOICES(X)
#undef X

#define X(name, e)                                                                                 \
    KERNEL(name) {                                                                                 \
        OPERANDS_1 LOOP(const double a = pa[i]; y[i] = e)                                          \
    }
JD_EXPR_SINGLES(X)
#undef X

KERNEL(fill) {
    OPERANDS_1 LOOP(y[i] = pa[0])
}

#ifdef LANES

typedef double vector __attribute__((vector_size(LANES * sizeof(double))));

// Whole vectors, then one more that repeats its first element where there is nothing left: no lane
// is given anything that might be slower than what was asked for.
#define X(f)                                                                                       \
    vector VECTOR_1(f)(vector);                                                                    \
    KERNEL(vector_##f) {                                                                           \
        OPERANDS_1 vector a;                                                                       \
        size_t i = 0;                                                                              \
        for (; i + LANES <= n; i += LANES) {                                                       \
            memcpy(&a, pa + i, sizeof a);                                                          \
            a = VECTOR_1(f)(a);                                                                    \
            memcpy(y + i, &a, sizeof a);                                                           \
        }                                                                                          \
        if (i < n) {                                                                               \
            for (size_t k = 0; k < LANES; k++)                                                     \
                a[k] = pa[i + k < n ? i + k : i];                                                  \
            a = VECTOR_1(f)(a);                                                                    \
            memcpy(y + i, &a, (n - i) * sizeof(double));                                           \
        }                                                                                          \
    }
JD_EXPR_VECTOR_1(X)
#undef X

#define X(f)                                                                                       \
    vector VECTOR_2(f)(vector, vector);                                                            \
    KERNEL(vector_##f) {                                                                           \
        OPERANDS_2 vector a = {0}, b = {0};                                                        \
        size_t i = 0;                                                                              \
        for (; i + LANES <= n; i += LANES) {                                                       \
            memcpy(&a, pa + i, sizeof a);                                                          \
            memcpy(&b, pb + i, sizeof b);                                                          \
            a = VECTOR_2(f)(a, b);                                                                 \
            memcpy(y + i, &a, sizeof a);                                                           \
        }                                                                                          \
        if (i < n) {                                                                               \
            for (size_t k = 0; k < LANES; k++) {                                                   \
                a[k] = pa[i + k < n ? i + k : i];                                                  \
                b[k] = pb[i + k < n ? i + k : i];                                                  \
            }                                                                                      \
            a = VECTOR_2(f)(a, b);                                                                 \
            memcpy(y + i, &a, (n - i) * sizeof(double));                                           \
        }                                                                                          \
    }
JD_EXPR_VECTOR_2(X)
#undef X

#else

#define X(f)                                                                                       \
    KERNEL(vector_##f) {                                                                           \
        OPERANDS_1 LOOP(y[i] = f(pa[i]))                                                           \
    }
JD_EXPR_VECTOR_1(X)
#undef X
#define X(f)                                                                                       \
    KERNEL(vector_##f) {                                                                           \
        OPERANDS_2 LOOP(y[i] = f(pa[i], pb[i]))                                                    \
    }
JD_EXPR_VECTOR_2(X)
#undef X

#endif

#define NAMED(level) NAMED_(level)
#define NAMED_(level) jd_expr_##level

const struct jd_expr_kernels NAMED(LEVEL) = {
    .at =
        {
#define X(name, ...) [JD_K_##name] = name,
            JD_EXPR_SUMS(JD_EXPR_ALONE, X) JD_EXPR_QUOTIENTS(X)
                JD_EXPR_COMPARISONS(JD_EXPR_ALONE, X) JD_EXPR_OTHERS(X) JD_EXPR_CHOICES(X)
                    JD_EXPR_SINGLES(X)
#undef X
#define X(f) [JD_K_##f] = vector_##f,
                        JD_EXPR_VECTOR_1(X) JD_EXPR_VECTOR_2(X)
#undef X
#define X(first, A, B, e, second, ...) [JD_K_##first##_##second] = first##_##second,
                            JD_EXPR_SUMS(JD_EXPR_THEN, X)
#undef X
#define X(test, B, e, choice, ...) [JD_K_##test##_##choice] = test##_##choice,
                                JD_EXPR_COMPARISONS(JD_EXPR_CHOOSE, X)
#undef X
                                    [JD_K_FILL] = fill,
        },
};
