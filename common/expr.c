// Operator precedence with an explicit stack. The parser is always in one of two states, "an
// operand must come" and "an operand has just ended", and moves between them until the text ends.
// What waits for its right side is pending; what is complete has been emitted in postfix order.
#include "expr.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "suggest.h"

enum kind { NUMBER, CALL, OPEN, ADD, SUB, MUL, DIV, NEG, POW };

// Of two neighbours the one that binds tighter is emitted first. OPEN waits for its ')'.
static const uint8_t binding[] = {
    [OPEN] = 0, [ADD] = 1, [SUB] = 1, [MUL] = 2, [DIV] = 2, [NEG] = 3, [POW] = 4};

struct pending {
    uint8_t kind;      // OPEN to POW
    size_t column;     // OPEN: where its '(' stands
    jd_function *call; // OPEN: the function these are the parentheses of, or NULL
};

struct parser {
    const char *text;
    size_t len;
    size_t at;    // the next byte
    size_t token; // where the token taken last begins
    unsigned n_pending;
    struct pending pending[JD_EXPR_DEPTH_MAX];
    struct jd_expr *out;
    struct jd_expr_error *err; // or NULL
};

static const struct {
    const char *name;
    double value;
} constants[] = {{"pi", M_PI}, {"e", M_E}, {"tau", 2 * M_PI}, {"inf", INFINITY}, {"nan", NAN}};

// ---- characters: ctype.h depends on the locale ----

static char peek(const struct parser *p, size_t ahead) {
    return p->at + ahead < p->len ? p->text[p->at + ahead] : '\0';
}

static bool is_digit(char c, bool hex) {
    return (c >= '0' && c <= '9') || (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(char c) {
    return is_name_start(c) || is_digit(c, false);
}

static bool is_number_start(const struct parser *p) {
    return is_digit(peek(p, 0), false) || (peek(p, 0) == '.' && is_digit(peek(p, 1), false));
}

// Go to the next token; true if there is none.
static bool at_end(struct parser *p) {
    while (p->at < p->len && memchr(" \t\r\n", p->text[p->at], 4))
        p->at++;
    p->token = p->at;
    return p->at == p->len;
}

// ---- errors ----

JD_PRINTF(4, 5)
static int fail(const struct parser *p, int code, size_t at, const char *fmt, ...) {
    if (!p->err)
        return code;
    p->err->column = at + 1;
    int n = snprintf(p->err->text, sizeof p->err->text, "column %zu: ", at + 1);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->err->text + n, sizeof p->err->text - (size_t)n, fmt, ap);
    va_end(ap);
    return code;
}

static int fail_expected(const struct parser *p, const char *what) {
    enum { SHOWN_MAX = 24 };
    char c = peek(p, 0);
    size_t n = 1;
    if (p->at == p->len)
        return fail(p, JOBD_E_INVAL, p->at, "expected %s, found the end", what);
    if (c < ' ' || c > '~')
        return fail(p, JOBD_E_INVAL, p->at, "expected %s, found byte 0x%02X", what,
                    (unsigned)(unsigned char)c);
    if (is_name(c))
        while (n < SHOWN_MAX && is_name(peek(p, n)))
            n++;
    return fail(p, JOBD_E_INVAL, p->at, "expected %s, found '%.*s'", what, (int)n, p->text + p->at);
}

static int fail_unknown(const struct parser *p, jobd_bytes name) {
    struct jd_suggestion s = jd_suggestion_of(name);
    const struct jd_integrand *f;
    for (size_t i = 0; i < JD_LEN(constants); i++)
        jd_suggestion_offer(&s, (jobd_bytes){constants[i].name, strlen(constants[i].name)});
    for (size_t i = 0; (f = jd_integrand_at(i)); i++)
        jd_suggestion_offer(&s, (jobd_bytes){f->name, strlen(f->name)});
    int shown = (int)JD_MIN(name.len, (size_t)JD_SUGGEST_WORD_MAX);
    if (!s.best.data)
        return fail(p, JOBD_E_INVAL, p->at, "unknown name '%.*s'", shown, p->text + p->at);
    return fail(p, JOBD_E_INVAL, p->at, "unknown name '%.*s', did you mean '%s'?", shown,
                p->text + p->at, (const char *)s.best.data);
}

// ---- output ----

static int emit(struct parser *p, struct jd_expr_op op) {
    if (p->out->n_ops == JD_EXPR_OPS_MAX)
        return fail(p, JOBD_E_LIMIT, p->token, "more than %d numbers and operations",
                    JD_EXPR_OPS_MAX);
    p->out->ops[p->out->n_ops++] = op;
    return 0;
}

static int emit_number(struct parser *p, double number) {
    return emit(p, (struct jd_expr_op){.kind = NUMBER, .u.number = number});
}

static int push(struct parser *p, struct pending pending) {
    if (p->n_pending == JD_EXPR_DEPTH_MAX)
        return fail(p, JOBD_E_LIMIT, pending.column - 1, "nested deeper than %d",
                    JD_EXPR_DEPTH_MAX);
    p->pending[p->n_pending++] = pending;
    return 0;
}

// The innermost parenthesis or operator still waiting, or NULL.
static const struct pending *innermost(const struct parser *p) {
    return p->n_pending ? &p->pending[p->n_pending - 1] : NULL;
}

// Emit the pending operators that bind at least as tightly as what follows.
static int emit_pending(struct parser *p, unsigned at_least) {
    const struct pending *top;
    int r = 0;
    while (r == 0 && (top = innermost(p)) && top->kind != OPEN && binding[top->kind] >= at_least) {
        r = emit(p, (struct jd_expr_op){.kind = top->kind});
        p->n_pending--;
    }
    return r;
}

// ---- numbers ----

// Copy digits and fold the point into the exponent, so that strtod(), whose point depends on the
// locale, sees none: 12.5e3 is read as 125e2, and 0x1.8p3 as 0x18p-1.
static double read_number(struct parser *p) {
    char copy[JD_EXPR_TEXT_MAX + 16];
    size_t n = 0;
    bool hex = peek(p, 0) == '0' && (peek(p, 1) | 0x20) == 'x' && is_digit(peek(p, 2), true);
    long n_fraction = 0, exponent = 0;
    if (hex)
        for (; n < 2; n++)
            copy[n] = p->text[p->at++];
    for (bool fraction = false; is_digit(peek(p, 0), hex) || (peek(p, 0) == '.' && !fraction);
         p->at++) {
        if (peek(p, 0) == '.') {
            fraction = true;
            continue;
        }
        copy[n++] = peek(p, 0);
        n_fraction += fraction;
    }
    size_t n_sign = peek(p, 1) == '+' || peek(p, 1) == '-';
    if ((peek(p, 0) | 0x20) == (hex ? 'p' : 'e') && is_digit(peek(p, 1 + n_sign), false)) {
        bool negative = peek(p, 1) == '-';
        for (p->at += 1 + n_sign; is_digit(peek(p, 0), false); p->at++)
            exponent = JD_MIN(exponent * 10 + (peek(p, 0) - '0'), 100000); // far beyond any double
        exponent = negative ? -exponent : exponent;
    }
    snprintf(copy + n, sizeof copy - n, "%c%ld", hex ? 'p' : 'e',
             exponent - n_fraction * (hex ? 4 : 1));
    return strtod(copy, NULL);
}

// ---- the two states ----

// A constant, which is an operand, or a function, whose argument is still to come.
static int take_name(struct parser *p, bool *ret_operand) {
    size_t n = 1;
    while (is_name(peek(p, n)))
        n++;
    jobd_bytes name = {p->text + p->at, n};
    for (size_t i = 0; i < JD_LEN(constants); i++)
        if (strlen(constants[i].name) == n && memcmp(constants[i].name, name.data, n) == 0) {
            p->at += n;
            *ret_operand = true;
            return emit_number(p, constants[i].value);
        }
    const struct jd_integrand *f = jd_integrand_find(name);
    if (!f)
        return fail_unknown(p, name);
    char what[32];
    snprintf(what, sizeof what, "'(' after '%s'", f->name);
    p->at += n;
    if (at_end(p) || peek(p, 0) != '(')
        return fail_expected(p, what);
    *ret_operand = false;
    return push(p, (struct pending){.kind = OPEN, .column = ++p->at, .call = f->f});
}

// An operand must come: take signs and '(' up to the first number or constant.
static int take_operand(struct parser *p) {
    bool operand = false;
    int r = 0;
    while (r == 0 && !operand) {
        char c = at_end(p) ? '\0' : peek(p, 0);
        if (c == '+') {
            p->at++;
        } else if (c == '-') {
            r = push(p, (struct pending){.kind = NEG, .column = ++p->at});
        } else if (c == '(') {
            r = push(p, (struct pending){.kind = OPEN, .column = ++p->at});
        } else if (is_number_start(p)) {
            operand = true;
            r = emit_number(p, read_number(p));
        } else if (is_name_start(c)) {
            r = take_name(p, &operand);
        } else {
            r = fail_expected(p, "a number");
        }
    }
    return r;
}

static int take_close(struct parser *p) {
    int r = emit_pending(p, binding[ADD]);
    if (r)
        return r;
    const struct pending *open = innermost(p);
    if (!open)
        return fail(p, JOBD_E_INVAL, p->at, "')' without '('");
    p->at++;
    p->n_pending--;
    return open->call ? emit(p, (struct jd_expr_op){.kind = CALL, .u.call = open->call}) : 0;
}

// An operand has just ended: take any number of ')', then one operator, or the end of the text.
static int take_operator(struct parser *p, bool *ret_more) {
    static const char symbols[] = "+-*/^";
    static const uint8_t kinds[] = {ADD, SUB, MUL, DIV, POW};
    int r = 0;
    while (r == 0 && !at_end(p) && peek(p, 0) == ')')
        r = take_close(p);
    if (r)
        return r;
    if (p->at == p->len) {
        r = emit_pending(p, binding[ADD]);
        *ret_more = false;
        if (r == 0 && p->n_pending)
            r = fail(p, JOBD_E_INVAL, p->at,
                     "expected ')' for the '(' at column %zu, found the end", innermost(p)->column);
        return r;
    }
    const char *symbol = memchr(symbols, peek(p, 0), sizeof symbols - 1);
    if (!symbol)
        return fail_expected(p, "an operator");
    uint8_t kind = kinds[symbol - symbols];
    *ret_more = true;
    // A power waits for the power to its right; everything else goes from left to right.
    r = emit_pending(p, kind == POW ? binding[POW] + 1u : binding[kind]);
    return r ? r : push(p, (struct pending){.kind = kind, .column = ++p->at});
}

int jd_expr_parse(jobd_bytes text, struct jd_expr *ret, struct jd_expr_error *reterr) {
    struct jd_expr out = {.n_ops = 0};
    struct parser p = {.text = text.data, .len = text.len, .out = &out, .err = reterr};
    if (text.len > JD_EXPR_TEXT_MAX)
        return fail(&p, JOBD_E_LIMIT, JD_EXPR_TEXT_MAX, "longer than %d bytes", JD_EXPR_TEXT_MAX);
    bool more = true;
    int r = 0;
    while (r == 0 && more) {
        r = take_operand(&p);
        if (r == 0)
            r = take_operator(&p, &more);
    }
    if (r == 0)
        *ret = out;
    return r;
}

double jd_expr_eval(const struct jd_expr *e) {
    // One value more than operators can wait. A binary operator takes v[0] and v[1].
    double values[JD_EXPR_DEPTH_MAX + 1];
    size_t n = 0;
    for (unsigned i = 0; i < e->n_ops; i++) {
        const struct jd_expr_op *op = &e->ops[i];
        if (op->kind == NUMBER) {
            values[n++] = op->u.number;
            continue;
        }
        n -= op->kind != CALL && op->kind != NEG;
        double *v = &values[n - 1];
        switch ((enum kind)op->kind) {
        case CALL:
            v[0] = op->u.call(v[0]);
            break;
        case NEG:
            v[0] = -v[0];
            break;
        case ADD:
            v[0] += v[1];
            break;
        case SUB:
            v[0] -= v[1];
            break;
        case MUL:
            v[0] *= v[1];
            break;
        case DIV:
            v[0] /= v[1];
            break;
        case POW:
            v[0] = pow(v[0], v[1]);
            break;
        case NUMBER:
        case OPEN:
            JD_UNREACHABLE();
        }
    }
    JD_ASSERT(n == 1);
    return values[0];
}
