// Ten expressions as a user types them, and as the loop that a C compiler makes of them when it
// may do anything: all of them for x in (0, 1).
#ifndef BENCH_FLOOR_EXPR_H
#define BENCH_FLOOR_EXPR_H

#include <stddef.h>

// name, what is typed, what is compiled
#define FLOOR_EXPRESSIONS(X)                                                                       \
    X(wave, "exp(-x^2)*cos(3*x)", exp(-(x * x)) * cos(3 * x))                                      \
    X(lorentz, "1/(1+x^2)", 1 / (1 + x * x))                                                       \
    X(circle, "sqrt(1-x^2)", sqrt(1 - x * x))                                                      \
    X(cubic, "x^3-2*x+1", x *(x * x) - 2 * x + 1)                                                  \
    X(sinc, "if(x == 0, 1, sin(x)/x)", x == 0 ? 1 : sin(x) / x)                                    \
    X(decay, "log(1+x^2)*exp(-x)", log(1 + x * x) * exp(-x))                                       \
    X(beta, "x^1.5*(1-x)^2.5", x *sqrt(x) * ((1 - x) * (1 - x) * sqrt(1 - x)))                     \
    X(logistic, "1/(1+exp(-x))", 1 / (1 + exp(-x)))                                                \
    X(normal, "exp(-((x-m)/s)^2/2)/(s*sqrt(tau))",                                                 \
      exp(-((x - m) / s) * ((x - m) / s) / 2) / (s * sqrt(2 * M_PI)))                              \
    X(pieces, "if(x < 0.5, 4*x^2, 2-2*x)", x < 0.5 ? 4 * x * x : 2 - 2 * x)

// Parameters of the above.
#define FLOOR_EXPR_M 0.5
#define FLOOR_EXPR_S 0.1

typedef void floor_expr(const double *restrict x, double *restrict y, size_t n);

#define X(name, text, e) floor_expr floor_expr_##name;
FLOOR_EXPRESSIONS(X)
#undef X

#endif
