// The functions that the lecture hands to threads and processes, as tasks: a plugin for the daemon's
// `plugins` line. What Python's functions print goes to the log of the job, and from there to the
// program that submitted it.
#include "tasks.h"

#include <math.h>
#include <time.h>

enum { SLICE_MS = 10, MS_NS = 1000000 };

static int bad_args(const jobd_host *host, jobd_task_ctx *ctx, const char *expected) {
    return host->fail(ctx, "bad_args", expected);
}

static int give(const jobd_host *host, jobd_task_ctx *ctx, jobd_args *a) {
    jobd_bytes value;
    int r = jobd_args_finish(a, &value);
    r = r ? r : host->result(ctx, value);
    jobd_args_free(a);
    return r;
}

static int give_i64(const jobd_host *host, jobd_task_ctx *ctx, int64_t v) {
    jobd_args *a = jobd_args_new();
    jobd_args_i64(a, v);
    return give(host, ctx, a);
}

static int give_f64(const jobd_host *host, jobd_task_ctx *ctx, double v) {
    jobd_args *a = jobd_args_new();
    jobd_args_f64(a, v);
    return give(host, ctx, a);
}

// ---- countdown: CountdownTask.run, with its _running flag ----

// false = the job is asked to stop.
static bool sleep_ms(const jobd_host *host, jobd_task_ctx *ctx, int64_t ms) {
    for (; ms > 0 && !host->cancelled(ctx); ms -= SLICE_MS) {
        int64_t slice_ms = ms < SLICE_MS ? ms : SLICE_MS;
        nanosleep(&(struct timespec){.tv_nsec = (long)(slice_ms * MS_NS)}, NULL);
    }
    return !host->cancelled(ctx);
}

static int countdown(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args;
    int64_t n, step_ms;
    jobd_read_array(&r, &n_args);
    jobd_read_i64(&r, &n);
    jobd_read_i64(&r, &step_ms);
    if (r.err)
        return bad_args(host, ctx, "countdown takes [n, milliseconds for each step]");
    for (int64_t i = 0; i < n; i++) {
        host->log(ctx, 2, "%lld left", (long long)(n - i - 1));
        if (!sleep_ms(host, ctx, step_ms)) {
            host->log(ctx, 2, "stopped");
            return JOBD_E_CANCELLED;
        }
    }
    return 0;
}

// ---- print, with its text for a result, and a square ----

static int say(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    jobd_bytes text, value;
    uint32_t n_args;
    jobd_read_array(&r, &n_args);
    jobd_reader at = r;
    if (jobd_read_str(&r, &text) < 0 || jobd_read_raw(&at, &value) < 0)
        return bad_args(host, ctx, "say takes [text]");
    host->log(ctx, 2, "%.*s", (int)text.len, (const char *)text.data);
    return host->result(ctx, value);
}

static int square(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args;
    int64_t n;
    jobd_read_array(&r, &n_args);
    if (jobd_read_i64(&r, &n) < 0 || n > INT32_MAX || n < INT32_MIN)
        return bad_args(host, ctx, "square takes [n], a number of 32 bits");
    return give_i64(host, ctx, n * n);
}

// ---- integrate: the lecture's left Riemann sum, of cos ----

static int integrate(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n_args;
    double a, b, acc = 0;
    int64_t n_iter;
    jobd_read_array(&r, &n_args);
    jobd_read_f64(&r, &a);
    jobd_read_f64(&r, &b);
    if (jobd_read_i64(&r, &n_iter) < 0 || n_iter < 1)
        return bad_args(host, ctx, "integrate takes [a, b, n_iter]");
    double step = (b - a) / (double)n_iter;
    for (int64_t i = 0; i < n_iter; i++)
        acc += cos(a + (double)i * step) * step;
    return give_f64(host, ctx, acc);
}

// ---- ponger: answers every ping, until nobody is there to ping ----

static int ponger(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    static const jobd_bytes pong = {"pong", 4};
    jobd_bytes ping;
    int64_t n = 0;
    int r;
    (void)args;
    while ((r = host->pipe_recv(ctx, 0, JOBD_FOREVER, &ping)) == 0 &&
           (r = host->pipe_send(ctx, 0, pong, JOBD_FOREVER)) == 0)
        n++;
    return r == JOBD_E_QCLOSED ? give_i64(host, ctx, n) : r;
}

const jobd_task_def lecture_tasks[LECTURE_TASKS] = {
    {"lecture.countdown", countdown, JOBD_TASK_CANCELLABLE, "[n, ms] -> nil, after n steps"},
    {"lecture.say", say, JOBD_TASK_IDEMPOTENT, "[text] -> text, after a line in the log"},
    {"lecture.square", square, JOBD_TASK_IDEMPOTENT, "[n] -> n * n"},
    {"lecture.integrate", integrate, JOBD_TASK_IDEMPOTENT, "[a, b, n] -> integral of cos"},
    {"lecture.ponger", ponger, 0, "[] -> how many messages of pipe 0 were answered"},
};

static const jobd_task_module module = JOBD_TASK_MODULE("lecture", "1", lecture_tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
