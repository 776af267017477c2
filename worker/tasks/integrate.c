// integrate: one part of an integral. Splitting and adding up are the client's.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/rules.h"
#include "kernels/split.h"
#include "log.h"
#include "pack.h"
#include "tasks/tasks.h"

enum {
    INTEGRATE_BLOCK_POINTS = 8192, // between blocks the job looks up: 8 ms at a microsecond a point
    INTEGRATE_RESULT_BYTES = 96,   // an array, three numbers and three names
    INTEGRATE_ARGS_LEAST = 4,
    INTEGRATE_ARGS_MOST = 8,
};

struct question {
    jobd_bytes function, kernel, rule, isa;
    double a, b;
    uint64_t n, edges;
};

static const struct question defaults = {
    .kernel = {"portable", 8},
    .rule = {"left", 4},
    .edges = JD_EDGE_BOTH,
};

// [function, a, b, n, kernel, rule, isa, edges]: the last four may be left out from the end on.
static bool read_args(jobd_bytes args, struct question *ret) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args = 0;
    *ret = defaults;
    jobd_read_array(&r, &n_args);
    jobd_read_str(&r, &ret->function);
    jobd_read_f64(&r, &ret->a);
    jobd_read_f64(&r, &ret->b);
    jobd_read_u64(&r, &ret->n);
    jobd_bytes *const names[] = {&ret->kernel, &ret->rule, &ret->isa};
    for (uint32_t i = 0; i < JD_LEN(names) && i + INTEGRATE_ARGS_LEAST < n_args; i++)
        jobd_read_str(&r, names[i]);
    if (n_args == INTEGRATE_ARGS_MOST)
        jobd_read_u64(&r, &ret->edges);
    return !r.err && n_args >= INTEGRATE_ARGS_LEAST && n_args <= INTEGRATE_ARGS_MOST;
}

static int bad_args(const jobd_host *host, jobd_task_ctx *ctx, const char *what) {
    return host->fail(ctx, "bad_args", what);
}

static int no_function(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes name) {
    char text[256], quoted[80];
    const char *close = jd_integrand_suggest(name);
    jd_log_quote(quoted, sizeof quoted, name);
    size_t n = (size_t)snprintf(text, sizeof text, "there is no function %s", quoted);
    if (close)
        snprintf(text + n, sizeof text - n, ", did you mean \"%s\"?", close);
    else
        snprintf(text + n, sizeof text - n,
                 ": it must be one of libm's with one argument, as \"cos\"");
    return host->fail(ctx, "no_function", text);
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

static int understand(const jobd_host *host, jobd_task_ctx *ctx, const struct question *q,
                      struct jd_integral *ret) {
    if (q->n < 1 || q->n > JD_N_ITER_MAX)
        return bad_args(host, ctx, "n, the number of steps, must be from 1 to 2^53");
    if (!isfinite(q->a) || !isfinite(q->b) || !isfinite(q->b - q->a))
        return bad_args(host, ctx, "the bounds and their distance must be finite");
    if (q->edges > JD_EDGE_BOTH)
        return bad_args(host, ctx, "edges must be 0 to 3: 1 for the left end, 2 for the right one");
    *ret = (struct jd_integral){
        .a = q->a, .b = q->b, .n = q->n, .edges = (unsigned)q->edges, .isa = JD_ISA_BASELINE};
    if (jd_kernel_find(q->kernel, &ret->kernel) < 0)
        return no_such(host, ctx, "kernel", q->kernel, JD_KERNEL_NAMES);
    if (jd_rule_find(q->rule, &ret->rule) < 0)
        return no_such(host, ctx, "rule", q->rule, JD_RULE_NAMES);
    ret->f.named = jd_integrand_find(q->function);
    if (!ret->f.named)
        return no_function(host, ctx, q->function);
    return choose_isa(host, ctx, q->isa, &ret->isa);
}

static int compute(const jobd_host *host, jobd_task_ctx *ctx, const struct jd_integral *in,
                   double *ret) {
    struct jd_rule_run run;
    bool more = true;
    for (jd_rule_begin(&run, in); more;) {
        more = jd_rule_advance(&run, INTEGRATE_BLOCK_POINTS);
        if (host->cancelled(ctx))
            return JOBD_E_CANCELLED;
        host->progress(ctx, jd_rule_fraction(&run), NULL);
    }
    *ret = jd_rule_value(&run);
    return 0;
}

// The portable kernel is the same at every level, and names none.
static int answer(const jobd_host *host, jobd_task_ctx *ctx, const struct jd_integral *in,
                  double value) {
    const char *isa = in->kernel == JD_KERNEL_FAST ? jd_isa_name(in->isa) : "";
    const char *const names[] = {jd_kernel_name(in->kernel), jd_rule_name(in->rule), isa};
    struct jd_buf b;
    if (!tasks_buf(host, ctx, INTEGRATE_RESULT_BYTES, &b))
        return JOBD_E_NOMEM;
    msgpack_packer pk = jd_packer_of(&b);
    int r = msgpack_pack_array(&pk, 3 + JD_LEN(names));
    r = r ? r : msgpack_pack_double(&pk, value);
    r = r ? r : msgpack_pack_uint64(&pk, in->n);
    for (size_t i = 0; i < JD_LEN(names) && !r; i++)
        r = jd_pack_str(&pk, (jobd_bytes){names[i], strlen(names[i])});
    r = r ? r : msgpack_pack_uint64(&pk, jd_rule_evaluations(in));
    return r ? r : host->result(ctx, jd_buf_view(&b));
}

int task_integrate(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    struct question q;
    struct jd_integral in;
    double value;
    if (!read_args(args, &q))
        return bad_args(host, ctx,
                        "integrate takes [function, a, b, n] or [..., kernel, rule, isa, edges]");
    int r = understand(host, ctx, &q, &in);
    r = r ? r : compute(host, ctx, &in, &value);
    return r ? r : answer(host, ctx, &in, value);
}
