// integrate: one part of an integral, the left Riemann sum over its interval. Splitting and adding
// up are the client's.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/portable.h"
#include "kernels/split.h"
#include "log.h"
#include "pack.h"
#include "tasks/tasks.h"

enum {
    INTEGRATE_BLOCK_STEPS = 65536, // under a millisecond: between blocks the job looks up
    INTEGRATE_RESULT_BYTES = 64,   // an array, two numbers and the name of a kernel
};

static const char kernel_portable[] = "portable";

struct integral {
    jobd_bytes function, kernel;
    double a, b;
    uint64_t n;
};

static bool read_args(jobd_bytes args, struct integral *ret) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args = 0;
    ret->kernel = (jobd_bytes){kernel_portable, strlen(kernel_portable)};
    jobd_read_array(&r, &n_args);
    jobd_read_str(&r, &ret->function);
    jobd_read_f64(&r, &ret->a);
    jobd_read_f64(&r, &ret->b);
    jobd_read_u64(&r, &ret->n);
    if (n_args == 5)
        jobd_read_str(&r, &ret->kernel);
    return !r.err && (n_args == 4 || n_args == 5);
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

static int no_kernel(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes name) {
    char text[256], quoted[80];
    snprintf(text, sizeof text, "there is no kernel %s: this worker has \"%s\"",
             jd_log_quote(quoted, sizeof quoted, name), kernel_portable);
    return host->fail(ctx, "no_kernel", text);
}

static int check(const jobd_host *host, jobd_task_ctx *ctx, const struct integral *in) {
    if (in->n < 1 || in->n > JD_N_ITER_MAX)
        return bad_args(host, ctx, "n, the number of steps, must be from 1 to 2^53");
    if (!isfinite(in->a) || !isfinite(in->b) || !isfinite(in->b - in->a))
        return bad_args(host, ctx, "the bounds and their distance must be finite");
    if (in->kernel.len != strlen(kernel_portable) ||
        memcmp(in->kernel.data, kernel_portable, in->kernel.len) != 0)
        return no_kernel(host, ctx, in->kernel);
    return 0;
}

// The blocks hand the sum on, so they have the bits of one long loop.
static int sum(const jobd_host *host, jobd_task_ctx *ctx, const struct integral *in, jd_function *f,
               double *ret) {
    double step = (in->b - in->a) / (double)in->n, acc = 0.0;
    for (uint64_t i = 0; i < in->n;) {
        uint64_t end = i + JD_MIN(in->n - i, (uint64_t)INTEGRATE_BLOCK_STEPS);
        acc = jd_sum_portable(f, in->a, step, i, end, acc);
        i = end;
        if (host->cancelled(ctx))
            return JOBD_E_CANCELLED;
        host->progress(ctx, (double)i / (double)in->n, NULL);
    }
    *ret = acc;
    return 0;
}

int task_integrate(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    struct integral in;
    double value;
    if (!read_args(args, &in))
        return bad_args(host, ctx, "integrate takes [function, a, b, n] or [..., kernel]");
    int r = check(host, ctx, &in);
    if (r < 0)
        return r;
    const struct jd_integrand *f = jd_integrand_find(in.function);
    if (!f)
        return no_function(host, ctx, in.function);
    if ((r = sum(host, ctx, &in, f->f, &value)) < 0)
        return r;
    struct jd_buf b;
    if (!tasks_buf(host, ctx, INTEGRATE_RESULT_BYTES, &b))
        return JOBD_E_NOMEM;
    msgpack_packer pk = jd_packer_of(&b);
    r = msgpack_pack_array(&pk, 3);
    r = r ? r : msgpack_pack_double(&pk, value);
    r = r ? r : msgpack_pack_uint64(&pk, in.n);
    r = r ? r : jd_pack_str(&pk, in.kernel);
    return r ? r : host->result(ctx, jd_buf_view(&b));
}
