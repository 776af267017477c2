// Expressions as people write numbers: "pi/2", "-2*pi", "1e-3", "(1+sqrt(5))/2".
//
//   sum     = product { ("+" | "-") product }
//   product = signed { ("*" | "/") signed }
//   signed  = { "+" | "-" } power
//   power   = operand [ "^" signed ]                     right to left; -2^2 is -4
//   operand = number | constant | function "(" sum ")" | "(" sum ")"
//
// A number is decimal or hexadecimal (0x1.8p3) and always has a point, whatever the locale; one too
// large for a double is inf, as everywhere in IEEE arithmetic. Constants are pi, e, tau, inf and
// nan; functions are those of kernels/integrands.h. Names are case-sensitive.
//
// The text becomes a small postfix program once; evaluating it is a loop. Pure: no allocation, no
// recursion, no locale.
#ifndef JD_EXPR_H
#define JD_EXPR_H

#include "kernels/integrands.h"

enum {
    JD_EXPR_TEXT_MAX = 1024, // bytes of text
    JD_EXPR_DEPTH_MAX = 64,  // parentheses and operators that wait for their right side, together
    JD_EXPR_OPS_MAX = 128,   // numbers, constants, operators and calls
    JD_EXPR_ERROR_MAX = 160, // bytes of an error's text
};

struct jd_expr_op {
    uint8_t kind; // see expr.c
    union {
        double number;
        jd_function *call;
    } u;
};

struct jd_expr {
    unsigned n_ops;
    struct jd_expr_op ops[JD_EXPR_OPS_MAX];
};

struct jd_expr_error {
    size_t column;                // in bytes from 1; the length + 1 is the end
    char text[JD_EXPR_ERROR_MAX]; // "column 4: expected a number, found ')'"
};

// 0 | JOBD_E_INVAL (not an expression) | JOBD_E_LIMIT. *ret is written only on success, *reterr
// (may be NULL) only on failure.
int jd_expr_parse(jobd_bytes text, struct jd_expr *ret, struct jd_expr_error *reterr);
// Follows IEEE: 1/0 is inf, sqrt(-1) is nan; neither is an error.
double jd_expr_eval(const struct jd_expr *e);

#endif
