// What an expression's program is made of. Known to the rooms expr*, to nobody else.
#ifndef JD_EXPR_OPS_H
#define JD_EXPR_OPS_H

#include "expr.h"

// name, operands, and how tightly it binds as an operator (0: it is none). Of two neighbours the
// one that binds tighter comes first.
#define JD_EXPR_KINDS(X)                                                                           \
    X(NUMBER, 0, 0)                                                                                \
    X(VARIABLE, 0, 0)                                                                              \
    X(OR, 2, 1)                                                                                    \
    X(AND, 2, 2)                                                                                   \
    X(LT, 2, 3)                                                                                    \
    X(LE, 2, 3)                                                                                    \
    X(GT, 2, 3)                                                                                    \
    X(GE, 2, 3)                                                                                    \
    X(EQ, 2, 3)                                                                                    \
    X(NE, 2, 3)                                                                                    \
    X(ADD, 2, 4)                                                                                   \
    X(SUB, 2, 4)                                                                                   \
    X(MUL, 2, 5)                                                                                   \
    X(DIV, 2, 5)                                                                                   \
    X(NEG, 1, 6)                                                                                   \
    X(NOT, 1, 6)                                                                                   \
    X(POW, 2, 7)                                                                                   \
    X(MIN, 2, 0)                                                                                   \
    X(MAX, 2, 0)                                                                                   \
    X(IF, 3, 0)                                                                                    \
    X(CALL, 1, 0)                                                                                  \
    X(CALL2, 2, 0)

enum jd_expr_kind {
#define X(name, arity, binding) JD_EXPR_##name,
    JD_EXPR_KINDS(X)
#undef X
};

enum { JD_EXPR_ARITY_MAX = 3 };

unsigned jd_expr_arity(enum jd_expr_kind kind);
unsigned jd_expr_binding(enum jd_expr_kind kind);

// One operator or call on as many values as it has operands. Not for NUMBER and VARIABLE.
double jd_expr_apply(const struct jd_expr_op *op, const double *v);

// ---- names: expr_names.c ----

struct jd_expr_function {
    const char *name;
    struct jd_expr_op op;
};

// Constants, x and parameters: an operand, whole.
bool jd_expr_find_value(const struct jd_expr_scope *scope, jobd_bytes name, struct jd_expr_op *ret);
bool jd_expr_find_function(jobd_bytes name, struct jd_expr_function *ret);
// The name closest to an unknown one, data is NULL if there is none; see suggest.h.
jobd_bytes jd_expr_suggest(const struct jd_expr_scope *scope, jobd_bytes name);
// NULL, or why these cannot be parameters: "has a name that ...", said of *ret_bad.
const char *jd_expr_check_params(const struct jd_expr_scope *scope, jobd_bytes *ret_bad);

// ---- text: expr_text.c. ctype.h and strtod() alone depend on the locale ----

struct jd_expr_text {
    const char *data;
    size_t len;
    size_t at; // the next byte
};

char jd_expr_peek(const struct jd_expr_text *t, size_t ahead); // '\0' past the end
bool jd_expr_skip_space(struct jd_expr_text *t);               // true if nothing is left
size_t jd_expr_name_len(const struct jd_expr_text *t);         // 0: no name starts here
bool jd_expr_number_here(const struct jd_expr_text *t);
double jd_expr_take_number(struct jd_expr_text *t); // where a number is

#endif
