// Is the block evaluator right? Each operation of an expression is checked by itself: what the
// blocks make of it, against the reference on what the blocks made of its operands. So errors do
// not add up, and the documented tolerance of each operation is all that is allowed.
#ifndef TEST_EXPR_CHECK_H
#define TEST_EXPR_CHECK_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "expr_block.h"
#include "expr_ops.h"

enum { EXPR_CHECK_MAX = 64 }; // values of x at a time

// Doubles in their order, as integers: neighbours differ by 1, and so do -0 and 0.
static inline int64_t expr_check_rank(double x) {
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? INT64_MIN - bits - 1 : bits;
}

// In units in the last place; nan is nan.
static inline uint64_t expr_check_ulps(double x, double y) {
    if (isnan(x) || isnan(y))
        return isnan(x) && isnan(y) ? 0 : UINT64_MAX;
    int64_t p = expr_check_rank(x), q = expr_check_rank(y);
    return p > q ? (uint64_t)p - (uint64_t)q : (uint64_t)q - (uint64_t)p;
}

// What expr_block.h allows.
static inline uint64_t expr_check_tolerance(const struct jd_expr_op *op, const double *in) {
    enum { LIBMVEC = 4, HIGH_POWERS = 8 };
#define X(f) || op->u.call == (f)
    if (op->kind == JD_EXPR_CALL)
        return 0 JD_EXPR_VECTOR_1(X) ? LIBMVEC : 0;
#undef X
    if (op->kind == JD_EXPR_CALL2)
        return op->u.call2 == atan2 || op->u.call2 == hypot ? LIBMVEC : 0;
    if (op->kind == JD_EXPR_POW)
        return in[1] == 6 || in[1] == 7 || in[1] == 8 ? HIGH_POWERS : LIBMVEC;
    return 0;
}

struct expr_check_failure {
    unsigned op;             // its number in the program
    double in[3], got, want; // of the operation
    double x;
};

static inline void expr_check_run(const struct jd_expr *e, unsigned begin, unsigned end,
                                  enum jd_expr_level level, const double *x, double *y, size_t n) {
    struct jd_expr part = {.n_ops = end - begin};
    struct jd_expr_block block;
    memcpy(part.ops, e->ops + begin, part.n_ops * sizeof part.ops[0]);
    jd_expr_compile(&part, level, &block);
    jd_expr_run(&block, x, y, n);
}

// n <= EXPR_CHECK_MAX. *ret is written only if the answer is false.
static inline bool expr_check(const struct jd_expr *e, enum jd_expr_level level, const double *x,
                              size_t n, struct expr_check_failure *ret) {
    static double values[JD_EXPR_OPS_MAX][EXPR_CHECK_MAX];
    unsigned begin[JD_EXPR_OPS_MAX], top = 0;
    for (unsigned i = 0; i < e->n_ops; i++) {
        const struct jd_expr_op *op = &e->ops[i];
        double got[EXPR_CHECK_MAX];
        unsigned arity = jd_expr_arity(op->kind);
        top -= arity;
        if (arity == 0)
            begin[top] = i;
        expr_check_run(e, begin[top], i + 1, level, x, got, n);
        for (size_t k = 0; k < n && arity > 0; k++) {
            double in[3] = {0};
            for (unsigned a = 0; a < arity; a++)
                in[a] = values[top + a][k];
            double want = jd_expr_apply(op, in);
            if (expr_check_ulps(got[k], want) > expr_check_tolerance(op, in)) {
                *ret = (struct expr_check_failure){i, {in[0], in[1], in[2]}, got[k], want, x[k]};
                return false;
            }
        }
        memcpy(values[top++], got, n * sizeof got[0]);
    }
    return true;
}

#endif
