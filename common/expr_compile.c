// From postfix operations to steps over blocks, in three passes:
//   1. each operation becomes a node, or the number of an equal one that is there already;
//   2. arithmetic takes the arithmetic that only it uses into its own loop;
//   3. each result gets a place in scratch memory until it has been used for the last time.
#include <limits.h>
#include <math.h>
#include <string.h>

#include "expr_block.h"
#include "expr_ops.h"
#include "guard.h"

// An operand is JD_EXPR_AT_X, a constant, or the result of node i: NODE + i.
enum { NODE = JD_EXPR_AT_END };

struct node {
    unsigned kernel; // JD_K_COUNT and above: see there
    struct jd_expr_op op;
    uint16_t from[JD_EXPR_OPERANDS_MAX];
};

struct compiler {
    unsigned n_nodes;
    struct node nodes[JD_EXPR_STEPS_MAX];
    struct jd_expr_block *out;
};

enum { DEAD = JD_K_COUNT + 1 };

static bool is_constant(uint16_t operand) {
    return operand >= JD_EXPR_AT_CONSTANT && operand < JD_EXPR_AT_END;
}

static double value_of(const struct compiler *c, uint16_t operand) {
    return c->out->constants[operand - JD_EXPR_AT_CONSTANT];
}

// ---- nodes ----

static uint16_t constant(struct compiler *c, double value) {
    struct jd_expr_block *out = c->out;
    unsigned i = 0;
    while (i < out->n_constants && memcmp(&out->constants[i], &value, sizeof value) != 0)
        i++;
    if (i == out->n_constants) {
        JD_ASSERT(i < JD_EXPR_OPS_MAX);
        out->constants[out->n_constants++] = value;
    }
    return (uint16_t)(JD_EXPR_AT_CONSTANT + i);
}

static bool is_same_call(const struct jd_expr_op *a, const struct jd_expr_op *b) {
    if (a->kind == JD_EXPR_CALL2)
        return b->kind == JD_EXPR_CALL2 && a->u.call2 == b->u.call2;
    return b->kind == JD_EXPR_CALL && a->u.call == b->u.call;
}

static uint16_t add(struct compiler *c, struct node node) {
    for (unsigned i = 0; i < c->n_nodes; i++) {
        const struct node *n = &c->nodes[i];
        if (n->kernel == node.kernel && memcmp(n->from, node.from, sizeof node.from) == 0 &&
            (n->kernel != JD_K_CALL || is_same_call(&n->op, &node.op)))
            return (uint16_t)(NODE + i);
    }
    JD_ASSERT(c->n_nodes < JD_EXPR_STEPS_MAX);
    c->nodes[c->n_nodes] = node;
    return (uint16_t)(NODE + c->n_nodes++);
}

static uint16_t add_1(struct compiler *c, unsigned kernel, uint16_t a) {
    return add(c, (struct node){.kernel = kernel, .from = {a}});
}

static uint16_t add_2(struct compiler *c, unsigned kernel, uint16_t a, uint16_t b) {
    return add(c, (struct node){.kernel = kernel, .from = {a, b}});
}

// Kernels that want a block get one that is full of the constant.
static uint16_t as_block(struct compiler *c, uint16_t operand) {
    return is_constant(operand) ? add_1(c, JD_K_FILL, operand) : operand;
}

// ---- what an operation becomes ----

static uint16_t add_call(struct compiler *c, const struct jd_expr_op *op, uint16_t a) {
    static const struct {
        jd_function *call;
        unsigned kernel;
    } known[] = {
#define X(f) {f, JD_K_##f},
        JD_EXPR_VECTOR_1(X)
#undef X
            {fabs, JD_K_FABS},
        {sqrt, JD_K_SQRT},
        {floor, JD_K_FLOOR},
        {ceil, JD_K_CEIL},
        {trunc, JD_K_TRUNC},
        {rint, JD_K_RINT},
    };
    for (size_t i = 0; i < JD_LEN(known); i++)
        if (known[i].call == op->u.call)
            return add_1(c, known[i].kernel, a);
    return add(c, (struct node){.kernel = JD_K_CALL, .op = *op, .from = {a}});
}

static uint16_t add_call2(struct compiler *c, const struct jd_expr_op *op, uint16_t a, uint16_t b) {
    a = as_block(c, a);
    b = as_block(c, b);
    if (op->u.call2 == copysign)
        return add_2(c, JD_K_COPYSIGN, a, b);
    if (op->u.call2 == atan2)
        return add_2(c, JD_K_atan2, a, b);
    if (op->u.call2 == hypot)
        return add_2(c, JD_K_hypot, a, b);
    return add(c, (struct node){.kernel = JD_K_CALL, .op = *op, .from = {a, b}});
}

static uint16_t add_power(struct compiler *c, uint16_t a, uint16_t b) {
    static const struct {
        double exponent;
        unsigned kernel;
    } powers[] = {{3, JD_K_POW_3},
                  {4, JD_K_POW_4},
                  {5, JD_K_POW_5},
                  {6, JD_K_POW_6},
                  {7, JD_K_POW_7},
                  {8, JD_K_POW_8},
                  {-2, JD_K_POW_MINUS_2},
                  {-3, JD_K_POW_MINUS_3},
                  {-4, JD_K_POW_MINUS_4},
                  {0.5, JD_K_POW_HALF},
                  {1.5, JD_K_POW_3_HALVES},
                  {2.5, JD_K_POW_5_HALVES},
                  {-0.5, JD_K_POW_MINUS_HALF}};
    if (is_constant(a) && value_of(c, a) == 2)
        return add_1(c, JD_K_exp2, b);
    if (is_constant(b)) {
        double exponent = value_of(c, b);
        for (size_t i = 0; i < JD_LEN(powers); i++)
            if (powers[i].exponent == exponent)
                return add_1(c, powers[i].kernel, a);
        if (exponent == 1)
            return a;
        if (exponent == 2)
            return add_2(c, JD_K_MUL_VV, a, a);
        if (exponent == -1)
            return add_2(c, JD_K_DIV_CV, constant(c, 1), a);
    }
    a = as_block(c, a);
    return add_2(c, JD_K_pow, a, as_block(c, b));
}

static uint16_t add_choice(struct compiler *c, const uint16_t *v) {
    static const unsigned kernels[2][2] = {{JD_K_IF_VV, JD_K_IF_VC}, {JD_K_IF_CV, JD_K_IF_CC}};
    unsigned kernel = kernels[is_constant(v[1])][is_constant(v[2])];
    return add(c, (struct node){.kernel = kernel, .from = {as_block(c, v[0]), v[1], v[2]}});
}

// x / 8 is x * 0.125, to the bit.
static bool has_exact_inverse(double x) {
    int exponent;
    return fabs(frexp(x, &exponent)) == 0.5 && isnormal(x) && isnormal(1 / x);
}

// a and b are not both constants.
static uint16_t add_arithmetic(struct compiler *c, enum jd_expr_kind kind, uint16_t a, uint16_t b) {
    if (kind == JD_EXPR_SUB) {
        if (is_constant(b))
            return add_2(c, JD_K_ADD_VC, a, constant(c, -value_of(c, b)));
        return add_2(c, is_constant(a) ? JD_K_SUB_CV : JD_K_SUB_VV, a, b);
    }
    if (kind == JD_EXPR_DIV) {
        if (is_constant(b) && has_exact_inverse(value_of(c, b)))
            return add_2(c, JD_K_MUL_VC, a, constant(c, 1 / value_of(c, b)));
        if (is_constant(b))
            return add_2(c, JD_K_DIV_VC, a, b);
        return add_2(c, is_constant(a) ? JD_K_DIV_CV : JD_K_DIV_VV, a, b);
    }
    bool sum = kind == JD_EXPR_ADD;
    if (is_constant(a))
        return add_2(c, sum ? JD_K_ADD_VC : JD_K_MUL_VC, b, a);
    if (is_constant(b))
        return add_2(c, sum ? JD_K_ADD_VC : JD_K_MUL_VC, a, b);
    return add_2(c, sum ? JD_K_ADD_VV : JD_K_MUL_VV, a, b);
}

// Comparisons, && and ||, min and max: turned round where the constant stands on the left.
static uint16_t add_test(struct compiler *c, enum jd_expr_kind kind, uint16_t a, uint16_t b) {
    static const struct {
        unsigned vv, vc;
        enum jd_expr_kind turned; // NUMBER: cannot be
    } tests[] = {
        [JD_EXPR_LT] = {JD_K_LT_VV, JD_K_LT_VC, JD_EXPR_GT},
        [JD_EXPR_LE] = {JD_K_LE_VV, JD_K_LE_VC, JD_EXPR_GE},
        [JD_EXPR_GT] = {JD_K_GT_VV, JD_K_GT_VC, JD_EXPR_LT},
        [JD_EXPR_GE] = {JD_K_GE_VV, JD_K_GE_VC, JD_EXPR_LE},
        [JD_EXPR_EQ] = {JD_K_EQ_VV, JD_K_EQ_VC, JD_EXPR_EQ},
        [JD_EXPR_NE] = {JD_K_NE_VV, JD_K_NE_VC, JD_EXPR_NE},
        [JD_EXPR_AND] = {JD_K_AND_VV, JD_K_AND_VC, JD_EXPR_AND},
        [JD_EXPR_OR] = {JD_K_OR_VV, JD_K_OR_VC, JD_EXPR_OR},
        [JD_EXPR_MIN] = {JD_K_MIN_VV, JD_K_MIN_VC, JD_EXPR_NUMBER},
        [JD_EXPR_MAX] = {JD_K_MAX_VV, JD_K_MAX_VC, JD_EXPR_NUMBER},
    };
    if (is_constant(a) && tests[kind].turned == JD_EXPR_NUMBER)
        a = as_block(c, a);
    if (is_constant(a))
        return add_2(c, tests[tests[kind].turned].vc, b, a);
    return add_2(c, is_constant(b) ? tests[kind].vc : tests[kind].vv, a, b);
}

static uint16_t add_op(struct compiler *c, const struct jd_expr_op *op, const uint16_t *v) {
    switch ((enum jd_expr_kind)op->kind) {
    case JD_EXPR_NUMBER:
        return constant(c, op->u.number);
    case JD_EXPR_VARIABLE:
        return JD_EXPR_AT_X;
    case JD_EXPR_ADD:
    case JD_EXPR_SUB:
    case JD_EXPR_MUL:
    case JD_EXPR_DIV:
        return add_arithmetic(c, op->kind, v[0], v[1]);
    case JD_EXPR_NEG:
        return add_2(c, JD_K_MUL_VC, v[0], constant(c, -1));
    case JD_EXPR_NOT:
        return add_1(c, JD_K_NOT, v[0]);
    case JD_EXPR_POW:
        return add_power(c, v[0], v[1]);
    case JD_EXPR_IF:
        return add_choice(c, v);
    case JD_EXPR_CALL:
        return add_call(c, op, v[0]);
    case JD_EXPR_CALL2:
        return add_call2(c, op, v[0], v[1]);
    case JD_EXPR_LT:
    case JD_EXPR_LE:
    case JD_EXPR_GT:
    case JD_EXPR_GE:
    case JD_EXPR_EQ:
    case JD_EXPR_NE:
    case JD_EXPR_AND:
    case JD_EXPR_OR:
    case JD_EXPR_MIN:
    case JD_EXPR_MAX:
        return add_test(c, op->kind, v[0], v[1]);
    }
    JD_UNREACHABLE();
}

// ---- fusing ----

// The node that alone feeds this operand of n and may run in the same loop, or NULL.
static struct node *feeder(struct compiler *c, const unsigned *n_uses, uint16_t operand,
                           unsigned first, unsigned last) {
    if (operand < NODE || n_uses[operand - NODE] != 1)
        return NULL;
    struct node *f = &c->nodes[operand - NODE];
    return f->kernel >= first && f->kernel <= last ? f : NULL;
}

static void fuse_arithmetic(struct compiler *c, const unsigned *n_uses, struct node *n) {
    enum { ADD_TV, ADD_TC, SUB_TV, SUB_VT, SUB_CT, MUL_TV, MUL_TC, DIV_TV, DIV_TC, DIV_VT, DIV_CT };
    enum { N_THEN = 11, NONE = -1 };
    // What n becomes when its left, or its right side is fed; in the order of JD_EXPR_THEN.
    static const int then[][2] = {
        [JD_K_ADD_VV] = {ADD_TV, ADD_TV}, [JD_K_ADD_VC] = {ADD_TC, NONE},
        [JD_K_SUB_VV] = {SUB_TV, SUB_VT}, [JD_K_SUB_CV] = {NONE, SUB_CT},
        [JD_K_MUL_VV] = {MUL_TV, MUL_TV}, [JD_K_MUL_VC] = {MUL_TC, NONE},
        [JD_K_DIV_VV] = {DIV_TV, DIV_VT}, [JD_K_DIV_VC] = {DIV_TC, NONE},
        [JD_K_DIV_CV] = {NONE, DIV_CT},
    };
    for (unsigned side = 0; side < 2; side++) {
        struct node *f = feeder(c, n_uses, n->from[side], JD_K_ADD_VV, JD_K_MUL_VC);
        if (!f || then[n->kernel][side] == NONE)
            continue;
        unsigned kernel = JD_K_ADD_VV_ADD_TV + (f->kernel - JD_K_ADD_VV) * N_THEN +
                          (unsigned)then[n->kernel][side];
        *n = (struct node){.kernel = kernel, .from = {f->from[0], f->from[1], n->from[1 - side]}};
        f->kernel = DEAD;
        return;
    }
}

static void fuse_choice(struct compiler *c, const unsigned *n_uses, struct node *n) {
    enum { N_CHOICES = JD_K_IF_CC - JD_K_IF_VV + 1 };
    struct node *f = feeder(c, n_uses, n->from[0], JD_K_LT_VV, JD_K_NE_VC);
    if (!f)
        return;
    unsigned kernel =
        JD_K_LT_VV_IF_VV + (f->kernel - JD_K_LT_VV) * N_CHOICES + (n->kernel - JD_K_IF_VV);
    *n = (struct node){.kernel = kernel, .from = {f->from[0], f->from[1], n->from[1], n->from[2]}};
    f->kernel = DEAD;
}

static void fuse(struct compiler *c) {
    unsigned n_uses[JD_EXPR_STEPS_MAX] = {0};
    for (unsigned i = 0; i < c->n_nodes; i++)
        for (unsigned k = 0; k < JD_EXPR_OPERANDS_MAX; k++)
            if (c->nodes[i].from[k] >= NODE)
                n_uses[c->nodes[i].from[k] - NODE]++;
    for (unsigned i = 0; i < c->n_nodes; i++) {
        struct node *n = &c->nodes[i];
        if (n->kernel <= JD_K_DIV_CV)
            fuse_arithmetic(c, n_uses, n);
        else if (n->kernel >= JD_K_IF_VV && n->kernel <= JD_K_IF_CC)
            fuse_choice(c, n_uses, n);
    }
}

// ---- places ----

struct places {
    unsigned last_use[JD_EXPR_STEPS_MAX]; // of node i: the last node that reads it
    uint16_t at[JD_EXPR_STEPS_MAX];
    unsigned n_free;
    uint16_t free[JD_EXPR_STEPS_MAX];
};

static void find_last_uses(const struct compiler *c, struct places *p) {
    for (unsigned i = 0; i < c->n_nodes; i++)
        for (unsigned k = 0; k < JD_EXPR_OPERANDS_MAX && c->nodes[i].kernel != DEAD; k++)
            if (c->nodes[i].from[k] >= NODE)
                p->last_use[c->nodes[i].from[k] - NODE] = i;
}

static uint16_t take_place(struct places *p, struct jd_expr_block *out) {
    if (p->n_free)
        return p->free[--p->n_free];
    return (uint16_t)(JD_EXPR_AT_SCRATCH + out->n_scratch++);
}

// Write the steps. A result never goes where an operand is, as kernels want it; the last one goes
// to y.
static void place(struct compiler *c, const struct jd_expr_kernels *kernels) {
    struct places p = {.n_free = 0};
    struct jd_expr_block *out = c->out;
    find_last_uses(c, &p);
    for (unsigned i = 0; i < c->n_nodes; i++) {
        const struct node *n = &c->nodes[i];
        if (n->kernel == DEAD)
            continue;
        bool last = i + 1 == c->n_nodes;
        struct jd_expr_step *s = &out->steps[out->n_steps++];
        p.at[i] = last ? JD_EXPR_AT_Y : take_place(&p, out);
        *s = (struct jd_expr_step){.kernel = n->kernel < JD_K_COUNT ? kernels->at[n->kernel] : NULL,
                                   .op = n->op,
                                   .to = p.at[i]};
        for (unsigned k = 0; k < JD_EXPR_OPERANDS_MAX; k++) {
            unsigned from = n->from[k];
            s->from[k] = from < NODE ? (uint16_t)from : p.at[from - NODE];
            if (from >= NODE && p.last_use[from - NODE] == i) {
                p.free[p.n_free++] = p.at[from - NODE];
                p.last_use[from - NODE] = UINT_MAX; // once, also if it is read on both sides
            }
        }
    }
}

static const struct jd_expr_kernels *kernels_of(enum jd_expr_level level) {
#ifdef __x86_64__
    if (level == JD_EXPR_AVX512)
        return &jd_expr_avx512;
    if (level == JD_EXPR_AVX2)
        return &jd_expr_avx2;
#endif
    JD_ASSERT(level == JD_EXPR_BASE);
    return &jd_expr_base;
}

void jd_expr_compile(const struct jd_expr *e, enum jd_expr_level level, struct jd_expr_block *ret) {
    struct compiler c = {.out = ret};
    uint16_t v[JD_EXPR_OPS_MAX];
    size_t n = 0;
    ret->n_steps = ret->n_scratch = ret->n_constants = 0;
    for (unsigned i = 0; i < e->n_ops; i++) {
        n -= jd_expr_arity(e->ops[i].kind);
        v[n] = add_op(&c, &e->ops[i], &v[n]);
        n++;
    }
    JD_ASSERT(n == 1);
    if (v[0] < NODE)
        v[0] = add_1(&c, is_constant(v[0]) ? JD_K_FILL : JD_K_COPY, v[0]);
    JD_ASSERT(v[0] == NODE + c.n_nodes - 1);
    fuse(&c);
    place(&c, kernels_of(level));
    unsigned most = JD_EXPR_SCRATCH_MAX / JD_MAX(ret->n_scratch, 1) / 8 * 8;
    ret->block = JD_MIN(most, (unsigned)JD_EXPR_BLOCK_MAX);
}
