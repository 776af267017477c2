// integrate: one part of an integral. Splitting and adding up are the client's.
#include <string.h>

#include "guard.h"
#include "pack.h"
#include "tasks/integrate.h"
#include "tasks/tasks.h"

enum {
    INTEGRATE_BLOCK_POINTS = 8192, // between blocks the job looks up: 8 ms at a microsecond a point
    INTEGRATE_RESULT_BYTES = 96,   // an array, three numbers and three names
    INTEGRATE_ARGS_LEAST = 4,
    INTEGRATE_ARGS_EDGES = 8,
    INTEGRATE_ARGS_MOST = 9,
};

// [function, a, b, n, kernel, rule, isa, edges, params]: the last five may be left out from the end.
static bool read_args(jobd_bytes args, struct integrate_question *ret) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args = 0;
    *ret = integrate_defaults;
    jobd_read_array(&r, &n_args);
    jobd_read_str(&r, &ret->function);
    jobd_read_f64(&r, &ret->a);
    jobd_read_f64(&r, &ret->b);
    jobd_read_u64(&r, &ret->n);
    jobd_bytes *const names[] = {&ret->kernel, &ret->rule, &ret->isa};
    for (uint32_t i = 0; i < JD_LEN(names) && i + INTEGRATE_ARGS_LEAST < n_args; i++)
        jobd_read_str(&r, names[i]);
    if (n_args >= INTEGRATE_ARGS_EDGES)
        jobd_read_u64(&r, &ret->edges);
    if (n_args == INTEGRATE_ARGS_MOST)
        integrate_read_params(&r, ret);
    return !r.err && n_args >= INTEGRATE_ARGS_LEAST && n_args <= INTEGRATE_ARGS_MOST;
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
    struct integrate_question q;
    struct integrate_plan plan;
    double value;
    if (!read_args(args, &q))
        return host->fail(ctx, "bad_args",
                          "integrate takes [function, a, b, n] or [..., kernel, rule, isa, edges, "
                          "{parameter: value, ...}]");
    int r = integrate_understand(host, ctx, &q, &plan);
    r = r ? r : compute(host, ctx, &plan.integral, &value);
    return r ? r : answer(host, ctx, &plan.integral, value);
}
