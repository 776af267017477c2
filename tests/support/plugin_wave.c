// Tasks whose sums have many digits, to be run in workers and, included by a test, in its own thread:
// the bits must be the same.
#include <math.h>

#include <jobd/task.h>

enum { STEPS = 1000 };

static int give(const jobd_host *host, jobd_task_ctx *ctx, double v) {
    jobd_bytes value;
    jobd_args *a = jobd_args_new();
    jobd_args_f64(a, v);
    int r = jobd_args_finish(a, &value);
    r = r ? r : host->result(ctx, value);
    jobd_args_free(a);
    return r;
}

static int64_t number_in(jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n = 0;
    int64_t v = -1;
    jobd_read_array(&r, &n);
    return jobd_read_i64(&r, &v) < 0 || n != 1 ? -1 : v;
}

static int wave(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    int64_t k = number_in(args);
    double sum = 0;
    if (k < 0)
        return host->fail(ctx, "bad_args", "wave.sum takes [k], a number not below 0");
    for (int i = 1; i <= STEPS; i++)
        sum += sin((double)k / i) / i;
    return give(host, ctx, sum);
}

// The waves 0 to k - 1, each as a job of its own.
static int waves(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    int64_t k = number_in(args);
    jobd_bytes params, results;
    double sum = 0;
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 2);
    jobd_args_str(a, "wave.sum");
    jobd_args_array(a, (uint32_t)k);
    for (int64_t i = 0; i < k; i++) {
        jobd_args_array(a, 1);
        jobd_args_i64(a, i);
    }
    int r = jobd_args_finish(a, &params);
    r = r ? r : host->call(ctx, "map", params, JOBD_FOREVER, &results);
    jobd_args_free(a);
    if (r < 0)
        return r;
    jobd_reader reader = jobd_reader_of(results);
    uint32_t n = 0;
    jobd_read_array(&reader, &n);
    for (double v = 0; n > 0 && jobd_read_f64(&reader, &v) == 0; n--)
        sum += v;
    return reader.err ? host->fail(ctx, "bad_results", "what came back is no array of numbers")
                      : give(host, ctx, sum);
}

static const jobd_task_def tasks[] = {
    {"wave.sum", wave, JOBD_TASK_IDEMPOTENT, "[k] -> a sum of sines"},
    {"wave.all", waves, JOBD_TASK_IDEMPOTENT, "[k] -> the sum of wave.sum of 0 to k - 1"},
};

static const jobd_task_module module = JOBD_TASK_MODULE("wave", "1", tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
