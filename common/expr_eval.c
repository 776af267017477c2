// The reference: what an expression means, one value after the other. expr_block.c must agree.
#include <math.h>

#include "expr_ops.h"
#include "guard.h"

unsigned jd_expr_arity(enum jd_expr_kind kind) {
    static const uint8_t arity[] = {
#define X(name, n, binding) [JD_EXPR_##name] = n,
        JD_EXPR_KINDS(X)
#undef X
    };
    return arity[kind];
}

unsigned jd_expr_binding(enum jd_expr_kind kind) {
    static const uint8_t binding[] = {
#define X(name, n, level) [JD_EXPR_##name] = level,
        JD_EXPR_KINDS(X)
#undef X
    };
    return binding[kind];
}

static double truth(bool is) {
    return is ? 1 : 0;
}

double jd_expr_apply(const struct jd_expr_op *op, const double *v) {
    switch ((enum jd_expr_kind)op->kind) {
    case JD_EXPR_ADD:
        return v[0] + v[1];
    case JD_EXPR_SUB:
        return v[0] - v[1];
    case JD_EXPR_MUL:
        return v[0] * v[1];
    case JD_EXPR_DIV:
        return v[0] / v[1];
    case JD_EXPR_NEG:
        return -v[0];
    case JD_EXPR_POW:
        return pow(v[0], v[1]);
    case JD_EXPR_CALL:
        return op->u.call(v[0]);
    case JD_EXPR_CALL2:
        return op->u.call2(v[0], v[1]);
    case JD_EXPR_IF:
        return v[0] != 0 ? v[1] : v[2];
    case JD_EXPR_MIN:
        return v[0] < v[1] || isnan(v[0]) ? v[0] : v[1];
    case JD_EXPR_MAX:
        return v[0] > v[1] || isnan(v[0]) ? v[0] : v[1];
    case JD_EXPR_LT:
        return truth(v[0] < v[1]);
    case JD_EXPR_LE:
        return truth(v[0] <= v[1]);
    case JD_EXPR_GT:
        return truth(v[0] > v[1]);
    case JD_EXPR_GE:
        return truth(v[0] >= v[1]);
    case JD_EXPR_EQ:
        return truth(v[0] == v[1]);
    case JD_EXPR_NE:
        return truth(v[0] != v[1]);
    case JD_EXPR_AND:
        return truth(v[0] != 0 && v[1] != 0);
    case JD_EXPR_OR:
        return truth(v[0] != 0 || v[1] != 0);
    case JD_EXPR_NOT:
        return truth(v[0] == 0);
    case JD_EXPR_NUMBER:
    case JD_EXPR_VARIABLE:
        break;
    }
    JD_UNREACHABLE();
}

double jd_expr_eval(const struct jd_expr *e, double x) {
    double values[JD_EXPR_OPS_MAX]; // each operation leaves one at most
    size_t n = 0;
    for (unsigned i = 0; i < e->n_ops; i++) {
        const struct jd_expr_op *op = &e->ops[i];
        n -= jd_expr_arity(op->kind);
        if (op->kind == JD_EXPR_NUMBER)
            values[n] = op->u.number;
        else if (op->kind == JD_EXPR_VARIABLE)
            values[n] = x;
        else
            values[n] = jd_expr_apply(op, &values[n]);
        n++;
    }
    JD_ASSERT(n == 1);
    return values[0];
}
