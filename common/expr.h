// Expressions as people write them: "pi/2", "-2*pi", "(1+sqrt(5))/2", and of a variable:
// "exp(-x^2)", "if(x == 0, 1, sin(x)/x)", "a*x^k".
//
//   any     = all { "||" all }
//   all     = test { "&&" test }
//   test    = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]      they do not chain
//   sum     = product { ("+" | "-") product }
//   product = signed { ("*" | "/") signed }
//   signed  = { "+" | "-" | "!" } power
//   power   = operand [ "^" signed ]                     right to left; -2^2 is -4
//   operand = number | name | function "(" any { "," any } ")" | "(" any ")"
//
// A number is decimal or hexadecimal (0x1.8p3) and always has a point, whatever the locale; one too
// large for a double is inf, as everywhere in IEEE arithmetic. Names are case-sensitive:
//   constants  pi e tau inf nan
//   functions  of one argument: those of kernels/integrands.h, abs = fabs, ln = log
//              of two: min max pow atan2 hypot fmod copysign; of three: if(condition, then, else)
//   x and parameters, where the caller allows them
//
// Everything follows IEEE: 1/0 is inf, sqrt(-1) is nan, and both go on through the arithmetic.
// Comparisons, && || and ! give 1 or 0. Any number but 0 counts as true, so nan does too, as in C.
// min and max give nan if either side is nan. Both sides of && || and if are computed: they have no
// side effects, so this never shows.
//
// The text becomes a small postfix program once; evaluating it is a loop. What does not depend on x
// is computed while parsing. Pure: no allocation, no recursion, no locale. expr_block.h is faster.
#ifndef JD_EXPR_H
#define JD_EXPR_H

#include "kernels/integrands.h"

enum {
    JD_EXPR_TEXT_MAX = 1024, // bytes of text
    JD_EXPR_DEPTH_MAX = 64,  // parentheses and operators that wait for their right side, together
    JD_EXPR_OPS_MAX = 128,   // numbers, names, operators and calls that remain
    JD_EXPR_PARAMS_MAX = 16,
    JD_EXPR_NAME_MAX = 32,   // bytes of a parameter's name
    JD_EXPR_ERROR_MAX = 160, // bytes of an error's text
};

typedef double jd_function2(double a, double b); // pure, as jd_function

struct jd_expr_op {
    uint8_t kind; // see expr_ops.h
    union {
        double number;
        jd_function *call;
        jd_function2 *call2;
    } u;
};

struct jd_expr {
    unsigned n_ops;
    struct jd_expr_op ops[JD_EXPR_OPS_MAX];
};

struct jd_expr_param {
    jobd_bytes name; // [a-z_][a-z0-9_]*, no constant, no function, not x
    double value;
};

// The names that a text may use besides constants and functions.
struct jd_expr_scope {
    bool x;
    const struct jd_expr_param *params;
    size_t n_params;
};

struct jd_expr_error {
    size_t column;                // in bytes from 1; the length + 1 is the end; 0: a parameter
    char text[JD_EXPR_ERROR_MAX]; // "column 4: expected a number, found ')'"
};

// 0 | JOBD_E_INVAL (not an expression, or a parameter that cannot be one) | JOBD_E_LIMIT. *ret is
// written only on success, *reterr (may be NULL) only on failure. scope is borrowed; NULL: neither
// x nor parameters, so that the expression is a constant.
int jd_expr_parse(jobd_bytes text, const struct jd_expr_scope *scope, struct jd_expr *ret,
                  struct jd_expr_error *reterr);
// The value at x, with the bits that libm gives; a constant does not look at x.
double jd_expr_eval(const struct jd_expr *e, double x);

#endif
