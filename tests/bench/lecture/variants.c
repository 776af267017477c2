// The C variants of the lecture's integral, cos over [0, pi/2] in 10^6 steps and two parts: two bare
// processes, and jobd's backends, each through jobd_parallel_for() on a connection that stays. They
// take turns with those in Python, so a line of stdin, "NAME N_CALLS", is one round; the answer is a
// line with the mean seconds of a call and the integral.
#include "lecture/variants.h"

#include <errno.h>
#include <jobd/jobd.h>
#include <jobd/task.h>
#include <stdio.h>
#include <string.h>

#include "floor.h"
#include "kernels/rules.h"
#include "service.h"

enum { N_STEPS = 1000000, N_PARTS = WORKERS_MAX };

static const double upper = 1.5707963267948966; // pi/2

struct stage {
    struct summers summers;
    struct service service;
};

struct candidate {
    const char *name;
    const char *backend; // NULL: two bare processes
    bool fast;
};

static const struct candidate candidates[] = {
    {"bare-libm", NULL, false},
    {"bare-simd", NULL, true},
    {"jobd-serial-portable", "serial", false},
    {"jobd-thread-portable", "thread", false},
    {"jobd-process-portable", "process", false},
    {"jobd-serial-fast", "serial", true},
    {"jobd-thread-fast", "thread", true},
    {"jobd-process-fast", "process", true},
};

// ---- the backend serial: the worker's task, here ----

static int integrate_here(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    struct jd_integral in = {.edges = JD_EDGE_BOTH, .isa = jd_isa_best()};
    struct jd_rule_run run;
    jobd_bytes function, kernel, value;
    uint32_t n_args;
    jobd_read_array(&r, &n_args);
    jobd_read_str(&r, &function);
    jobd_read_f64(&r, &in.a);
    jobd_read_f64(&r, &in.b);
    jobd_read_u64(&r, &in.n);
    if (jobd_read_str(&r, &kernel) < 0 || jd_kernel_find(kernel, &in.kernel) < 0)
        return JOBD_E_INVAL;
    in.f.named = jd_integrand_find(function);
    jd_rule_begin(&run, &in);
    while (jd_rule_advance(&run, in.n))
        continue;
    jobd_args *a = jobd_args_new();
    if (!a)
        return JOBD_E_NOMEM;
    jobd_args_array(a, 1);
    jobd_args_f64(a, jd_rule_value(&run));
    int e = jobd_args_finish(a, &value);
    e = e < 0 ? e : host->result(ctx, value);
    jobd_args_free(a);
    return e;
}

static const jobd_task_def tasks_here[] = {
    {"integrate", integrate_here, JOBD_TASK_IDEMPOTENT,
     "[function, a, b, n, kernel] -> [integral]"},
};

// ---- one call ----

struct call {
    const struct candidate *candidate;
    double sums[N_PARTS];
};

static int pack_part(int64_t i, jobd_args *item, void *arg) {
    const struct call *call = arg;
    struct jd_part part = jd_split_part(0.0, upper, N_STEPS, N_PARTS, (uint64_t)i);
    jobd_args_array(item, 5);
    jobd_args_str(item, "cos");
    jobd_args_f64(item, part.a);
    jobd_args_f64(item, part.b);
    jobd_args_u64(item, part.n);
    return jobd_args_str(item, call->candidate->fast ? "fast" : "portable");
}

static int take_part(int64_t i, jobd_bytes value, void *arg) {
    struct call *call = arg;
    jobd_reader r = jobd_reader_of(value);
    uint32_t n;
    jobd_read_array(&r, &n);
    return jobd_read_f64(&r, &call->sums[i]);
}

static int run_jobd(struct stage *stage, const struct candidate *c, double *ret) {
    struct call call = {.candidate = c};
    jobd_parallel_options opts = {JOBD_OPTIONS(jobd_parallel_options),
                                  .backend = c->backend,
                                  .n_jobs = N_PARTS,
                                  .chunk = 1,
                                  .tasks = tasks_here,
                                  .n_tasks = JD_LEN(tasks_here),
                                  .args = pack_part};
    jobd_error why;
    if (jobd_parallel_for(stage->service.conn, 0, N_PARTS, "integrate", &opts, take_part, &call,
                          &why) != 0)
        return bench_fail("%s: %s", c->name, why.message);
    *ret = jd_split_reduce(call.sums, N_PARTS);
    return 0;
}

static int run_once(struct stage *stage, const struct candidate *c, double *ret) {
    const struct sum_of_cos what = {0.0, upper, N_STEPS, c->fast};
    return c->backend ? run_jobd(stage, c, ret) : summers_run(&stage->summers, &what, ret);
}

// ---- rounds ----

static const struct candidate *find(const char *name) {
    for (size_t i = 0; i < JD_LEN(candidates); i++)
        if (strcmp(candidates[i].name, name) == 0)
            return &candidates[i];
    return NULL;
}

static int play(struct stage *stage, const char *line) {
    char name[32];
    unsigned n_calls;
    double value = 0;
    const struct candidate *c = NULL;
    if (sscanf(line, "%31s %u", name, &n_calls) == 2 && n_calls > 0)
        c = find(name);
    if (!c)
        return bench_fail("a round is \"NAME N_CALLS\", not \"%s\"", line);
    if (!c->backend && c->fast && !floor_simd_available()) {
        puts("missing this CPU has no AVX2");
        return 0;
    }
    uint64_t start_ns = bench_now_ns();
    for (unsigned i = 0; i < n_calls; i++)
        if (run_once(stage, c, &value) < 0)
            return -1;
    printf("%.9g %.17g\n", (double)(bench_now_ns() - start_ns) / 1e9 / n_calls, value);
    return 0;
}

int lecture_serve(const struct bench *b) {
    struct stage stage = {.summers = {.fds = {-1, -1}}};
    char line[64];
    int r = summers_start(&stage.summers);
    if (r == 0)
        r = service_start(b, N_PARTS, NULL, &stage.service);
    while (r == 0 && !bench_interrupted() && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        r = play(&stage, line);
        fflush(stdout);
    }
    service_stop(&stage.service);
    summers_stop(&stage.summers);
    return r;
}
