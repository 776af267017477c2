// What a name in an expression can mean.
#include <math.h>
#include <string.h>

#include "expr_ops.h"
#include "guard.h"
#include "suggest.h"

static const struct {
    const char *name;
    double value;
} constants[] = {{"pi", M_PI}, {"e", M_E}, {"tau", 2 * M_PI}, {"inf", INFINITY}, {"nan", NAN}};

// Those that kernels/integrands.h does not have.
static const struct jd_expr_function functions[] = {
    {"if", {.kind = JD_EXPR_IF}},
    {"min", {.kind = JD_EXPR_MIN}},
    {"max", {.kind = JD_EXPR_MAX}},
    {"pow", {.kind = JD_EXPR_POW}},
    {"atan2", {.kind = JD_EXPR_CALL2, .u.call2 = atan2}},
    {"hypot", {.kind = JD_EXPR_CALL2, .u.call2 = hypot}},
    {"fmod", {.kind = JD_EXPR_CALL2, .u.call2 = fmod}},
    {"copysign", {.kind = JD_EXPR_CALL2, .u.call2 = copysign}},
    {"abs", {.kind = JD_EXPR_CALL, .u.call = fabs}},
    {"ln", {.kind = JD_EXPR_CALL, .u.call = log}},
};

static bool is_same(jobd_bytes name, const char *text) {
    return strlen(text) == name.len && memcmp(text, name.data, name.len) == 0;
}

static bool is_param(const struct jd_expr_param *param, jobd_bytes name) {
    return param->name.len == name.len && memcmp(param->name.data, name.data, name.len) == 0;
}

static bool give_number(double number, struct jd_expr_op *ret) {
    *ret = (struct jd_expr_op){.kind = JD_EXPR_NUMBER, .u.number = number};
    return true;
}

static bool find_constant(jobd_bytes name, struct jd_expr_op *ret) {
    for (size_t i = 0; i < JD_LEN(constants); i++)
        if (is_same(name, constants[i].name))
            return give_number(constants[i].value, ret);
    return false;
}

bool jd_expr_find_value(const struct jd_expr_scope *scope, jobd_bytes name,
                        struct jd_expr_op *ret) {
    if (scope->x && is_same(name, "x")) {
        *ret = (struct jd_expr_op){.kind = JD_EXPR_VARIABLE};
        return true;
    }
    for (size_t i = 0; i < scope->n_params; i++)
        if (is_param(&scope->params[i], name))
            return give_number(scope->params[i].value, ret);
    return find_constant(name, ret);
}

bool jd_expr_find_function(jobd_bytes name, struct jd_expr_function *ret) {
    for (size_t i = 0; i < JD_LEN(functions); i++)
        if (is_same(name, functions[i].name)) {
            *ret = functions[i];
            return true;
        }
    const struct jd_integrand *f = jd_integrand_find(name);
    if (f)
        *ret = (struct jd_expr_function){f->name, {.kind = JD_EXPR_CALL, .u.call = f->f}};
    return f != NULL;
}

jobd_bytes jd_expr_suggest(const struct jd_expr_scope *scope, jobd_bytes name) {
    struct jd_suggestion s = jd_suggestion_of(name);
    const struct jd_integrand *f;
    for (size_t i = 0; i < scope->n_params; i++)
        jd_suggestion_offer(&s, scope->params[i].name);
    if (scope->x)
        jd_suggestion_offer(&s, (jobd_bytes){"x", 1});
    for (size_t i = 0; i < JD_LEN(constants); i++)
        jd_suggestion_offer(&s, (jobd_bytes){constants[i].name, strlen(constants[i].name)});
    for (size_t i = 0; (f = jd_integrand_at(i)); i++)
        jd_suggestion_offer(&s, (jobd_bytes){f->name, strlen(f->name)});
    for (size_t i = 0; i < JD_LEN(functions); i++)
        jd_suggestion_offer(&s, (jobd_bytes){functions[i].name, strlen(functions[i].name)});
    return s.best;
}

static bool is_param_name(jobd_bytes name) {
    const char *c = name.data;
    for (size_t i = 0; i < name.len; i++)
        if (!((c[i] >= 'a' && c[i] <= 'z') || c[i] == '_' || (i && c[i] >= '0' && c[i] <= '9')))
            return false;
    return name.len > 0;
}

const char *jd_expr_check_params(const struct jd_expr_scope *scope, jobd_bytes *ret_bad) {
    for (size_t i = 0; i < scope->n_params; i++) {
        jobd_bytes name = scope->params[i].name;
        struct jd_expr_function function;
        struct jd_expr_op constant;
        *ret_bad = name;
        if (name.len > JD_EXPR_NAME_MAX)
            return "is too long for a name";
        if (!is_param_name(name))
            return "is no name: it takes a-z, 0-9 and _, and no digit first";
        if (is_same(name, "x"))
            return "is the variable";
        if (find_constant(name, &constant))
            return "is a constant";
        if (jd_expr_find_function(name, &function))
            return "is a function";
        for (size_t k = 0; k < i; k++)
            if (is_param(&scope->params[k], name))
                return "is given twice";
    }
    return NULL;
}
