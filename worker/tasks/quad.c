// quad: some panels of an adaptive integral, each with an estimate of its error. Which interval is
// worth another look is the client's question.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "kernels/kronrod.h"
#include "kernels/split.h"
#include "pack.h"
#include "tasks/integrate.h"
#include "tasks/tasks.h"

enum {
    QUAD_PANELS_MAX = 1024,
    QUAD_PANEL_BYTES = 1 + 3 * 9,
    QUAD_HEAD_BYTES = 32, // two arrays and the name of an instruction set
    QUAD_ARGS_LEAST = 4,
    QUAD_ARGS_PARAMS = 7,
};

// [function, a, b, n, kernel, isa, params]: the last three may be left out from the end on.
static bool read_args(jobd_bytes args, struct integrate_question *ret) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args = 0;
    *ret = integrate_defaults;
    jobd_read_array(&r, &n_args);
    jobd_read_str(&r, &ret->function);
    jobd_read_f64(&r, &ret->a);
    jobd_read_f64(&r, &ret->b);
    jobd_read_u64(&r, &ret->n);
    if (n_args > QUAD_ARGS_LEAST)
        jobd_read_str(&r, &ret->kernel);
    if (n_args > QUAD_ARGS_LEAST + 1)
        jobd_read_str(&r, &ret->isa);
    if (n_args == QUAD_ARGS_PARAMS)
        integrate_read_params(&r, ret);
    return !r.err && n_args >= QUAD_ARGS_LEAST && n_args <= QUAD_ARGS_PARAMS;
}

static int not_finite(const jobd_host *host, jobd_task_ctx *ctx, struct jd_point bad) {
    char text[128];
    snprintf(text, sizeof text, "the function is %s in x = %.17g",
             isnan(bad.y)     ? "nan"
             : signbit(bad.y) ? "-inf"
                              : "inf",
             bad.x);
    return host->fail(ctx, "not_finite", text);
}

static int pack_panel(msgpack_packer *pk, const struct jd_panel *p) {
    int r = msgpack_pack_array(pk, 3);
    r = r ? r : msgpack_pack_double(pk, p->value);
    r = r ? r : msgpack_pack_double(pk, p->error);
    return r ? r : msgpack_pack_double(pk, p->rounding);
}

// All panels tile [a, b]: the bounds are those of parts of as many steps.
static int compute(const jobd_host *host, jobd_task_ctx *ctx, const struct jd_integral *in,
                   msgpack_packer *pk) {
    int r = 0;
    for (uint64_t i = 0; i < in->n && !r; i++) {
        struct jd_part part = jd_split_part(in->a, in->b, in->n, in->n, i);
        struct jd_integral one = *in;
        struct jd_panel panel;
        struct jd_point bad;
        one.a = part.a;
        one.b = part.b;
        if (!jd_kronrod(&one, &panel, &bad))
            return not_finite(host, ctx, bad);
        if (host->cancelled(ctx))
            return JOBD_E_CANCELLED;
        r = pack_panel(pk, &panel);
    }
    return r;
}

static int answer(const jobd_host *host, jobd_task_ctx *ctx, const struct jd_integral *in) {
    const char *isa = in->kernel == JD_KERNEL_FAST ? jd_isa_name(in->isa) : "";
    struct jd_buf b;
    if (!tasks_buf(host, ctx, QUAD_HEAD_BYTES + (size_t)in->n * QUAD_PANEL_BYTES, &b))
        return JOBD_E_NOMEM;
    msgpack_packer pk = jd_packer_of(&b);
    int r = msgpack_pack_array(&pk, 2);
    r = r ? r : jd_pack_str(&pk, (jobd_bytes){isa, strlen(isa)});
    r = r ? r : msgpack_pack_array(&pk, (size_t)in->n);
    r = r ? r : compute(host, ctx, in, &pk);
    return r ? r : host->result(ctx, jd_buf_view(&b));
}

int task_quad(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    struct integrate_question q;
    struct integrate_plan plan;
    if (!read_args(args, &q) || q.n > QUAD_PANELS_MAX)
        return host->fail(ctx, "bad_args",
                          "quad takes [function, a, b, n] or [..., kernel, isa, {parameter: value, "
                          "...}], with n from 1 to 1024");
    int r = integrate_understand(host, ctx, &q, &plan);
    return r ? r : answer(host, ctx, &plan.integral);
}
