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

#define V(p) p[i]
#define C(p) p[0]

#define KERNEL(name)                                                                               \
    static void name(double *restrict y, const double *pa, const double *pb, const double *pc,     \
                     size_t n)
#define LOOP(body)                                                                                 \
    (void)pa, (void)pb, (void)pc;                                                                  \
    for (size_t i = 0; i < n; i++) {                                                               \
        body;                                                                                      \
    }

#define X(name, A, B, e)                                                                           \
    KERNEL(name) {                                                                                 \
        LOOP(const double a = A(pa); const double b = B(pb); y[i] = e)                             \
    }
JD_EXPR_ARITHMETIC(X)
JD_EXPR_TESTS(X)
#undef X

#define X(name, B, D)                                                                              \
    KERNEL(name) {                                                                                 \
        LOOP(const double b = B(pb); const double c = D(pc); y[i] = pa[i] != 0 ? b : c)            \
    }
JD_EXPR_CHOICES(X)
#undef X

#define X(name, e)                                                                                 \
    KERNEL(name) {                                                                                 \
        LOOP(const double a = pa[i]; y[i] = e)                                                     \
    }
JD_EXPR_SINGLES(X)
#undef X

#define X(first, A, B, e, second, D, e2)                                                           \
    KERNEL(first##_##second) {                                                                     \
        LOOP(const double a = A(pa); const double b = B(pb); const double c = D(pc);               \
             const double t = e; y[i] = e2)                                                        \
    }
JD_EXPR_FUSED(X)
#undef X

KERNEL(fill) {
    LOOP(y[i] = pa[0])
}

#ifdef LANES

typedef double vector __attribute__((vector_size(LANES * sizeof(double))));

// Whole vectors, then one more that repeats its first element where there is nothing left: no lane
// is given anything that might be slower than what was asked for.
#define X(f)                                                                                       \
    vector VECTOR_1(f)(vector);                                                                    \
    KERNEL(vector_##f) {                                                                           \
        vector a;                                                                                  \
        (void)pb, (void)pc;                                                                        \
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
        vector a, b;                                                                               \
        (void)pc;                                                                                  \
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
        LOOP(y[i] = f(pa[i]))                                                                      \
    }
JD_EXPR_VECTOR_1(X)
#undef X
#define X(f)                                                                                       \
    KERNEL(vector_##f) {                                                                           \
        LOOP(y[i] = f(pa[i], pb[i]))                                                               \
    }
JD_EXPR_VECTOR_2(X)
#undef X

#endif

#define NAMED(level) NAMED_(level)
#define NAMED_(level) jd_expr_##level
#define TEXT(level) TEXT_(level)
#define TEXT_(level) #level

const struct jd_expr_kernels NAMED(LEVEL) = {
    .name = TEXT(LEVEL),
    .at =
        {
#define X(kernel, ...) [JD_K_##kernel] = kernel,
            JD_EXPR_ARITHMETIC(X) JD_EXPR_TESTS(X) JD_EXPR_CHOICES(X) JD_EXPR_SINGLES(X)
#undef X
#define X(f) [JD_K_##f] = vector_##f,
                JD_EXPR_VECTOR_1(X) JD_EXPR_VECTOR_2(X)
#undef X
#define X(first, A, B, e, second, ...) [JD_K_##first##_##second] = first##_##second,
                    JD_EXPR_FUSED(X)
#undef X
                        [JD_K_FILL] = fill,
        },
};
