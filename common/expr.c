// Operator precedence with an explicit stack. The parser is always in one of two states, "an
// operand must come" and "an operand has just ended", and moves between them until the text ends.
// What waits for its right side is pending; what is complete has been emitted in postfix order, and
// what is complete and constant has become one number.
#include "expr.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "expr_ops.h"
#include "guard.h"

struct pending {
    bool open;            // a '(', which waits for its ')'; otherwise an operator
    size_t column;        // where it stands, from 1
    const char *function; // open: the function these are the parentheses of, or NULL
    unsigned n_commas;    // open: passed so far
    struct jd_expr_op op; // the operator or the function
};

struct parser {
    struct jd_expr_text in;
    size_t token; // where the token taken last begins
    const struct jd_expr_scope *scope;
    unsigned n_pending;
    struct pending pending[JD_EXPR_DEPTH_MAX];
    struct jd_expr *out;
    struct jd_expr_error *err; // or NULL
};

// Longer ones before those they begin with.
static const struct {
    char symbol[3];
    uint8_t kind;
} operators[] = {{"||", JD_EXPR_OR}, {"&&", JD_EXPR_AND}, {"<=", JD_EXPR_LE}, {">=", JD_EXPR_GE},
                 {"==", JD_EXPR_EQ}, {"!=", JD_EXPR_NE},  {"<", JD_EXPR_LT},  {">", JD_EXPR_GT},
                 {"+", JD_EXPR_ADD}, {"-", JD_EXPR_SUB},  {"*", JD_EXPR_MUL}, {"/", JD_EXPR_DIV},
                 {"^", JD_EXPR_POW}};

// The next byte, behind the space that may be before it.
static char next(struct parser *p) {
    jd_expr_skip_space(&p->in);
    p->token = p->in.at;
    return jd_expr_peek(&p->in, 0);
}

// ---- errors ----

JD_PRINTF(4, 5)
static int fail(const struct parser *p, int code, size_t column, const char *fmt, ...) {
    if (!p->err)
        return code;
    p->err->column = column;
    int n = 0;
    if (column)
        n = snprintf(p->err->text, sizeof p->err->text, "column %zu: ", column);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(p->err->text + n, sizeof p->err->text - (size_t)n, fmt, ap);
    va_end(ap);
    return code;
}

static int fail_expected(const struct parser *p, const char *what) {
    enum { SHOWN_MAX = 24 };
    const struct jd_expr_text *in = &p->in;
    size_t column = in->at + 1;
    if (in->at == in->len)
        return fail(p, JOBD_E_INVAL, column, "expected %s, found the end", what);
    char c = jd_expr_peek(in, 0);
    if (c < ' ' || c > '~')
        return fail(p, JOBD_E_INVAL, column, "expected %s, found byte 0x%02X", what,
                    (unsigned)(unsigned char)c);
    size_t n = 1;
    if (jd_expr_name_len(in))
        n = JD_MIN(jd_expr_name_len(in), (size_t)SHOWN_MAX);
    return fail(p, JOBD_E_INVAL, column, "expected %s, found '%.*s'", what, (int)n,
                in->data + in->at);
}

static int fail_operator(const struct parser *p) {
    char c = jd_expr_peek(&p->in, 0);
    if (c == '=' || c == '&' || c == '|')
        return fail(p, JOBD_E_INVAL, p->in.at + 1,
                    "expected an operator, found '%c', did you mean '%c%c'?", c, c, c);
    return fail_expected(p, "an operator");
}

static int fail_unknown(const struct parser *p, jobd_bytes name) {
    enum { SHOWN_MAX = 64 };
    int shown = (int)JD_MIN(name.len, (size_t)SHOWN_MAX);
    jobd_bytes best = jd_expr_suggest(p->scope, name);
    if (!best.data)
        return fail(p, JOBD_E_INVAL, p->token + 1, "unknown name '%.*s'", shown,
                    (const char *)name.data);
    return fail(p, JOBD_E_INVAL, p->token + 1, "unknown name '%.*s', did you mean '%.*s'?", shown,
                (const char *)name.data, (int)best.len, (const char *)best.data);
}

static int check_params(const struct parser *p) {
    jobd_bytes bad = {NULL, 0};
    if (p->scope->n_params > JD_EXPR_PARAMS_MAX)
        return fail(p, JOBD_E_LIMIT, 0, "more than %d parameters", JD_EXPR_PARAMS_MAX);
    const char *why = jd_expr_check_params(p->scope, &bad);
    if (!why)
        return 0;
    char shown[JD_EXPR_NAME_MAX + 1];
    size_t n = JD_MIN(bad.len, (size_t)JD_EXPR_NAME_MAX);
    for (size_t i = 0; i < n; i++) {
        char c = ((const char *)bad.data)[i];
        shown[i] = c < ' ' || c > '~' ? '?' : c;
    }
    shown[n] = '\0';
    return fail(p, JOBD_E_INVAL, 0, "a parameter cannot be called '%s': this %s", shown, why);
}

// ---- output ----

// An operation on numbers alone is done now: it leaves one number in their place.
static bool fold(struct jd_expr *out, const struct jd_expr_op *op) {
    unsigned n = jd_expr_arity(op->kind);
    double v[JD_EXPR_ARITY_MAX] = {0};
    if (n == 0)
        return false;
    for (unsigned i = 0; i < n; i++) {
        const struct jd_expr_op *operand = &out->ops[out->n_ops - n + i];
        if (operand->kind != JD_EXPR_NUMBER)
            return false;
        v[i] = operand->u.number;
    }
    out->n_ops -= n;
    out->ops[out->n_ops++] =
        (struct jd_expr_op){.kind = JD_EXPR_NUMBER, .u.number = jd_expr_apply(op, v)};
    return true;
}

static int emit(struct parser *p, const struct jd_expr_op *op) {
    if (fold(p->out, op))
        return 0;
    if (p->out->n_ops == JD_EXPR_OPS_MAX)
        return fail(p, JOBD_E_LIMIT, p->token + 1, "more than %d numbers and operations",
                    JD_EXPR_OPS_MAX);
    p->out->ops[p->out->n_ops++] = *op;
    return 0;
}

static int push(struct parser *p, struct pending pending) {
    if (p->n_pending == JD_EXPR_DEPTH_MAX)
        return fail(p, JOBD_E_LIMIT, pending.column, "nested deeper than %d", JD_EXPR_DEPTH_MAX);
    p->pending[p->n_pending++] = pending;
    return 0;
}

// The innermost parenthesis or operator still waiting, or NULL.
static struct pending *innermost(struct parser *p) {
    return p->n_pending ? &p->pending[p->n_pending - 1] : NULL;
}

// Emit the pending operators that bind at least as tightly as what follows; 0: all of them.
static int emit_pending(struct parser *p, unsigned at_least) {
    const struct pending *top;
    int r = 0;
    while (r == 0 && (top = innermost(p)) && !top->open &&
           jd_expr_binding(top->op.kind) >= at_least) {
        r = emit(p, &top->op);
        p->n_pending--;
    }
    return r;
}

// ---- an operand must come ----

// A value, which is an operand, or a function, whose arguments are still to come.
static int take_name(struct parser *p, bool *ret_operand) {
    jobd_bytes name = {p->in.data + p->in.at, jd_expr_name_len(&p->in)};
    struct jd_expr_op value;
    struct jd_expr_function f;
    if (jd_expr_find_value(p->scope, name, &value)) {
        p->in.at += name.len;
        *ret_operand = true;
        return emit(p, &value);
    }
    if (!jd_expr_find_function(name, &f))
        return fail_unknown(p, name);
    p->in.at += name.len;
    char what[32];
    snprintf(what, sizeof what, "'(' after '%s'", f.name);
    if (next(p) != '(')
        return fail_expected(p, what);
    return push(
        p, (struct pending){.open = true, .column = ++p->in.at, .function = f.name, .op = f.op});
}

// Take signs and '(' up to the first number or name that is a value.
static int take_operand(struct parser *p) {
    bool operand = false;
    int r = 0;
    while (r == 0 && !operand) {
        char c = next(p);
        if (c == '+') {
            p->in.at++;
        } else if (c == '-' || c == '!') {
            uint8_t kind = c == '-' ? JD_EXPR_NEG : JD_EXPR_NOT;
            r = push(p, (struct pending){.column = ++p->in.at, .op = {.kind = kind}});
        } else if (c == '(') {
            r = push(p, (struct pending){.open = true, .column = ++p->in.at});
        } else if (jd_expr_number_here(&p->in)) {
            operand = true;
            r = emit(p, &(struct jd_expr_op){.kind = JD_EXPR_NUMBER,
                                             .u.number = jd_expr_take_number(&p->in)});
        } else if (jd_expr_name_len(&p->in)) {
            r = take_name(p, &operand);
        } else {
            r = fail_expected(p, "a number");
        }
    }
    return r;
}

// ---- an operand has just ended ----

static int take_close(struct parser *p) {
    int r = emit_pending(p, 0);
    if (r)
        return r;
    const struct pending *open = innermost(p);
    if (!open)
        return fail(p, JOBD_E_INVAL, p->in.at + 1, "')' without '('");
    unsigned n_args = open->n_commas + 1;
    if (open->function && n_args < jd_expr_arity(open->op.kind)) {
        char what[48];
        snprintf(what, sizeof what, "',' and argument %u of '%s'", n_args + 1, open->function);
        return fail_expected(p, what);
    }
    p->in.at++;
    p->n_pending--;
    return open->function ? emit(p, &open->op) : 0;
}

static int take_comma(struct parser *p) {
    int r = emit_pending(p, 0);
    if (r)
        return r;
    struct pending *open = innermost(p);
    if (!open || !open->function)
        return fail_operator(p);
    unsigned arity = jd_expr_arity(open->op.kind);
    if (open->n_commas + 1 == arity)
        return fail(p, JOBD_E_INVAL, p->in.at + 1, "'%s' takes %u argument%s", open->function,
                    arity, arity == 1 ? "" : "s");
    open->n_commas++;
    p->in.at++;
    return 0;
}

static int take_binary(struct parser *p) {
    size_t i = 0, n = 0;
    for (; i < JD_LEN(operators); i++) {
        n = strlen(operators[i].symbol);
        if (n <= p->in.len - p->in.at && memcmp(p->in.data + p->in.at, operators[i].symbol, n) == 0)
            break;
    }
    if (i == JD_LEN(operators))
        return fail_operator(p);
    uint8_t kind = operators[i].kind;
    unsigned binding = jd_expr_binding(kind);
    // A power waits for the power to its right, and a comparison meets one that still waits; all
    // others go from left to right.
    bool test = binding == jd_expr_binding(JD_EXPR_LT);
    int r = emit_pending(p, kind == JD_EXPR_POW || test ? binding + 1 : binding);
    if (r)
        return r;
    const struct pending *top = innermost(p);
    if (test && top && !top->open && jd_expr_binding(top->op.kind) == binding)
        return fail(p, JOBD_E_INVAL, p->in.at + 1,
                    "comparisons do not chain: write 'a < b && b < c'");
    size_t column = p->in.at + 1;
    p->in.at += n;
    return push(p, (struct pending){.column = column, .op = {.kind = kind}});
}

// Take any number of ')', then one operator or comma, or the end of the text.
static int take_operator(struct parser *p, bool *ret_more) {
    int r = 0;
    while (r == 0 && next(p) == ')')
        r = take_close(p);
    if (r)
        return r;
    if (p->in.at < p->in.len)
        return jd_expr_peek(&p->in, 0) == ',' ? take_comma(p) : take_binary(p);
    *ret_more = false;
    r = emit_pending(p, 0);
    const struct pending *open = innermost(p);
    if (r == 0 && open)
        r = fail(p, JOBD_E_INVAL, p->in.at + 1,
                 "expected ')' for the '(' at column %zu, found the end", open->column);
    return r;
}

int jd_expr_parse(jobd_bytes text, const struct jd_expr_scope *scope, struct jd_expr *ret,
                  struct jd_expr_error *reterr) {
    static const struct jd_expr_scope none = {.x = false};
    struct jd_expr out = {.n_ops = 0};
    struct parser p = {.in = {.data = text.data, .len = text.len},
                       .scope = scope ? scope : &none,
                       .out = &out,
                       .err = reterr};
    if (text.len > JD_EXPR_TEXT_MAX)
        return fail(&p, JOBD_E_LIMIT, JD_EXPR_TEXT_MAX + 1, "longer than %d bytes",
                    JD_EXPR_TEXT_MAX);
    int r = check_params(&p);
    for (bool more = true; r == 0 && more;) {
        r = take_operand(&p);
        if (r == 0)
            r = take_operator(&p, &more);
    }
    if (r == 0)
        *ret = out;
    return r;
}
