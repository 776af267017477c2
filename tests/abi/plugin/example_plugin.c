// A task plugin, complete: two tasks and a function in one shared object. Build it with the Makefile
// beside it, name it under `plugins` in jobd.conf, and call it:
//
//     jobctl submit demo.square '[12]'                  144
//     jobctl integrate demo.parabola 0 1 --tol 1e-12    0.16666666666666667
#include <jobd/task.h>

static int square(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n;
    double x;
    jobd_bytes bytes;
    if (jobd_read_array(&r, &n) < 0 || n != 1 || jobd_read_f64(&r, &x) < 0)
        return host->fail(ctx, "bad_args", "demo.square takes [x], a number");

    jobd_args *result = jobd_args_new();
    if (!result)
        return JOBD_E_NOMEM;
    jobd_args_f64(result, x * x);
    int e = jobd_args_finish(result, &bytes);
    if (e == 0)
        e = host->result(ctx, bytes);
    jobd_args_free(result);
    return e;
}

static int fail(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    return host->fail(ctx, "example", "demo.fail always fails");
}

static const jobd_task_def tasks[] = {
    {"demo.square", square, JOBD_TASK_IDEMPOTENT, "[x] -> x squared"},
    {"demo.fail", fail, JOBD_TASK_IDEMPOTENT, "[] -> fails, to show how that looks"},
};

static const jobd_task_module module = JOBD_TASK_MODULE("demo", "1.0", tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}

static double parabola(double x) {
    return x * (1 - x);
}

// The same for many points at once, in a loop that compilers turn into vectors.
static void parabola_block(const double *x, double *y, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = parabola(x[i]);
}

static const jobd_integrand_def functions[] = {
    {"demo.parabola", parabola, parabola_block, "x * (1 - x)"},
};

static const jobd_integrand_module integrands = JOBD_INTEGRAND_MODULE(functions);

const jobd_integrand_module *jobd_integrands_v1(void) {
    return &integrands;
}
