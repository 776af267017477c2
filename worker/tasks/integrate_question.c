#include <math.h>
#include <stdio.h>

#include "guard.h"
#include "kernels/split.h"
#include "log.h"
#include "tasks/integrate.h"

const struct integrate_question integrate_defaults = {
    .kernel = {"portable", 8},
    .rule = {"left", 4},
    .edges = JD_EDGE_BOTH,
};

void integrate_read_params(jobd_reader *r, struct integrate_question *q) {
    uint32_t n = 0;
    if (jobd_read_map(r, &n) < 0)
        return;
    if (n > JD_EXPR_PARAMS_MAX) {
        r->err = JOBD_E_LIMIT;
        return;
    }
    for (q->n_params = 0; q->n_params < n; q->n_params++) {
        jobd_read_str(r, &q->params[q->n_params].name);
        jobd_read_f64(r, &q->params[q->n_params].value);
    }
}

static int bad_args(const jobd_host *host, jobd_task_ctx *ctx, const char *what) {
    return host->fail(ctx, "bad_args", what);
}

// what: kernel, rule or isa; the error is no_what. names: those there are, each after a blank.
static int no_such(const jobd_host *host, jobd_task_ctx *ctx, const char *what, jobd_bytes name,
                   const char *names) {
    char error[16], text[256], quoted[80];
    snprintf(error, sizeof error, "no_%s", what);
    snprintf(text, sizeof text, "there is no %s %s on this machine: there are%s", what,
             jd_log_quote(quoted, sizeof quoted, name), names);
    return host->fail(ctx, error, text);
}

// An empty name is the best there is.
static int choose_isa(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes name,
                      enum jd_isa *ret) {
    char names[JD_ISA_NAMES_MAX];
    *ret = jd_isa_best();
    if (name.len == 0 || (jd_isa_find(name, ret) == 0 && jd_isa_available(*ret)))
        return 0;
    return no_such(host, ctx, "isa", name, jd_isa_available_names(names));
}

// ---- the function ----

static int no_function(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes name) {
    char text[256], quoted[80];
    const char *close = jd_integrand_suggest(name);
    jd_log_quote(quoted, sizeof quoted, name);
    size_t n = (size_t)snprintf(text, sizeof text, "there is no function %s", quoted);
    if (close)
        snprintf(text + n, sizeof text - n, ", did you mean \"%s\"?", close);
    else
        snprintf(text + n, sizeof text - n,
                 ": it must be one of libm's with one argument, as \"cos\", or an expression of x");
    return host->fail(ctx, "no_function", text);
}

static void plugin_points(const void *ctx, const double *x, double *y, size_t n) {
    const jobd_integrand_def *def = ctx;
    for (size_t i = 0; i < n; i++)
        y[i] = def->f(x[i]);
}

static void plugin_block(const void *ctx, const double *x, double *y, size_t n) {
    const jobd_integrand_def *def = ctx;
    def->block(x, y, n);
}

// Each kernel has a form that it prefers, and takes the other one where that is missing.
static int find_in_plugins(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes name,
                           struct jd_integral *in) {
    const jobd_integrand_def *def = host->integrand(ctx, name);
    if (!def) {
        char text[256], quoted[80];
        snprintf(text, sizeof text, "no plugin of this daemon has a function %s",
                 jd_log_quote(quoted, sizeof quoted, name));
        return host->fail(ctx, "no_function", text);
    }
    bool points = def->f && (in->kernel == JD_KERNEL_PORTABLE || !def->block);
    in->f = (struct jd_source){.block = points ? plugin_points : plugin_block, .ctx = def};
    return 0;
}

static int find_function(const jobd_host *host, jobd_task_ctx *ctx,
                         const struct integrate_question *q, struct integrate_plan *plan) {
    struct jd_integral *in = &plan->integral;
    struct jd_expr_error error;
    if (jd_formula_is_foreign(q->function))
        return find_in_plugins(host, ctx, q->function, in);
    if (jd_formula_parse(q->function, q->params, q->n_params, &plan->formula, &error) < 0) {
        if (jd_formula_is_word(q->function) && error.column > 0)
            return no_function(host, ctx, q->function);
        return host->fail(ctx, "bad_function", error.text);
    }
    in->f = jd_formula_source(&plan->formula, in->kernel, in->isa);
    return 0;
}

int integrate_understand(const jobd_host *host, jobd_task_ctx *ctx,
                         const struct integrate_question *q, struct integrate_plan *ret) {
    struct jd_integral *in = &ret->integral;
    if (q->n < 1 || q->n > JD_N_ITER_MAX)
        return bad_args(host, ctx, "n, the number of steps, must be from 1 to 2^53");
    if (!isfinite(q->a) || !isfinite(q->b) || !isfinite(q->b - q->a))
        return bad_args(host, ctx, "the bounds and their distance must be finite");
    if (q->edges > JD_EDGE_BOTH)
        return bad_args(host, ctx, "edges must be 0 to 3: 1 for the left end, 2 for the right one");
    *in = (struct jd_integral){
        .a = q->a, .b = q->b, .n = q->n, .edges = (unsigned)q->edges, .isa = JD_ISA_BASELINE};
    if (jd_kernel_find(q->kernel, &in->kernel) < 0)
        return no_such(host, ctx, "kernel", q->kernel, JD_KERNEL_NAMES);
    if (jd_rule_find(q->rule, &in->rule) < 0)
        return no_such(host, ctx, "rule", q->rule, JD_RULE_NAMES);
    int r = choose_isa(host, ctx, q->isa, &in->isa);
    return r ? r : find_function(host, ctx, q, ret);
}
