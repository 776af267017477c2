// The integral of cos over [0, pi/2] in two parts on two warm workers, against two bare warm
// processes: with the portable kernel against libm's cos, and with the fast one against a bare SIMD
// loop. With portable both sides cut and add alike, so their values must agree to the last bit.
#include <jobd/jobd.h>
#include <math.h>

#include "floor.h"
#include "kernels/split.h"
#include "rounds.h"
#include "service.h"

enum { SIZES = 5, REPEATS_MAX = 15, N_PARTS = WORKERS_MAX, ON_THREADS = 1 };

// The lecture's digits for 1,000 steps in two parts.
#define GOLDEN_N 1000
#define GOLDEN_VALUE 1.0007851925466305

static const double upper = 1.5707963267948966; // pi/2

static const struct size {
    const char *name;
    bool fast;
    uint64_t n;
    unsigned n_repeats; // the median of so many is one round's value
    double target;      // at most so many times the floor; fast's compensated sum costs a sixth
} sizes[SIZES] = {
    {"integrate.1e6", false, 1000000, REPEATS_MAX, 1.05},
    {"integrate.1e7", false, 10000000, 3, 1.05},
    {"integrate.fast.1e6", true, 1000000, REPEATS_MAX, 1.3},
    {"integrate.fast.1e7", true, 10000000, 5, 1.25},
    {"integrate.fast.1e8", true, 100000000, 1, 1.25},
};

struct run {
    struct summers *summers;
    jobd_executor *ex;
    struct size size;
    double value; // of the last sum
};

static int floor_sum(struct run *run) {
    const struct sum_of_cos what = {0.0, upper, run->size.n, run->size.fast};
    return summers_run(run->summers, &what, &run->value);
}

static int submit_part(struct run *run, unsigned i, jobd_future **ret) {
    struct jd_part part = jd_split_part(0.0, upper, run->size.n, N_PARTS, i);
    jobd_args *a = jobd_args_new();
    jobd_bytes bytes;
    if (!a)
        return JOBD_E_NOMEM;
    jobd_args_array(a, 5);
    jobd_args_str(a, "cos");
    jobd_args_f64(a, part.a);
    jobd_args_f64(a, part.b);
    jobd_args_u64(a, part.n);
    jobd_args_str(a, run->size.fast ? "fast" : "portable");
    int r = jobd_args_finish(a, &bytes);
    if (r == 0)
        r = jobd_submit(run->ex, "integrate", bytes, NULL, ret);
    jobd_args_free(a);
    return r;
}

// The value is the first of an array.
static int read_part(jobd_future *f, double *ret_sum) {
    jobd_bytes value;
    uint32_t n;
    int r = jobd_future_result(f, JOBD_FOREVER, &value);
    if (r < 0)
        return r;
    jobd_reader in = jobd_reader_of(value);
    jobd_read_array(&in, &n);
    return jobd_read_f64(&in, ret_sum);
}

static int jobd_sum(struct run *run) {
    jobd_future *fs[N_PARTS] = {NULL};
    double sums[N_PARTS];
    int r = 0;
    for (unsigned i = 0; i < N_PARTS && r == 0; i++)
        r = submit_part(run, i, &fs[i]);
    for (unsigned i = 0; i < N_PARTS && r == 0; i++)
        r = read_part(fs[i], &sums[i]);
    for (unsigned i = 0; i < N_PARTS; i++)
        jobd_future_unref(fs[i]);
    if (r < 0)
        return bench_fail("a part failed: %s", jobd_strerror(r));
    run->value = jd_split_reduce(sums, N_PARTS);
    return 0;
}

static int timed(struct run *run, int (*sum)(struct run *run), double *ret_ms) {
    double ms[REPEATS_MAX];
    for (unsigned i = 0; i < run->size.n_repeats; i++) {
        uint64_t start_ns = bench_now_ns();
        if (sum(run) < 0)
            return -1;
        ms[i] = (double)(bench_now_ns() - start_ns) / 1e6;
    }
    *ret_ms = stats_quantile(ms, run->size.n_repeats, 0.5);
    return 0;
}

static int floor_round(void *self, double *ret_ms) {
    return timed((struct run *)self, floor_sum, ret_ms);
}

static int jobd_round(void *self, double *ret_ms) {
    return timed((struct run *)self, jobd_sum, ret_ms);
}

static int check_golden(struct run run) {
    run.size.n = GOLDEN_N;
    if (jobd_sum(&run) < 0)
        return -1;
    if (run.value != GOLDEN_VALUE)
        return bench_fail("%d steps give %.17g, not %.17g", GOLDEN_N, run.value, GOLDEN_VALUE);
    return 0;
}

// A bare sum of n terms that are rounded and added may be off by so much.
static int check_value(const struct size *size, double jobd, double floor) {
    double tolerance = size->fast ? 1e-16 * (double)size->n : 0.0;
    if (fabs(jobd - floor) <= tolerance)
        return 0;
    return bench_fail("%s: jobd says %.17g, the floor %.17g", size->name, jobd, floor);
}

static int add_rows(struct bench *b, const struct variant *v, const struct run *runs, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        const struct run *floor = &runs[2 * i], *jobd = &runs[2 * i + 1];
        if (b->daemon && check_value(&sizes[i], jobd->value, floor->value) < 0)
            return -1;
        report_add(b->report, &(struct report_row){
                                  .name = sizes[i].name,
                                  .unit = "ms",
                                  .value = b->daemon ? &v[2 * i + 1].metric[0] : NULL,
                                  .floor = &v[2 * i].metric[0],
                                  .floor_name = v[2 * i].name,
                                  .target = {TARGET_AT_MOST, sizes[i].target},
                              });
        report_note(b->report, "%s = %.17g%s", sizes[i].name,
                    b->daemon ? jobd->value : floor->value,
                    b->daemon && !sizes[i].fast ? ", the same bits on both sides" : "");
    }
    return 0;
}

static struct variant variant_of(struct run *run, bool floor) {
    return (struct variant){
        .name = !floor           ? "jobd integrate"
                : run->size.fast ? "two bare SIMD processes"
                                 : "two bare processes",
        .round = floor ? floor_round : jobd_round,
        .self = run,
        .n_metrics = 1,
        .floor = floor,
    };
}

// The same sum in the threads of one process, against that in two processes.
static int add_threads_row(struct bench *b, const struct variant *threads,
                           const struct variant *processes, const struct run *runs) {
    if (((const struct run *)threads->self)->value != runs[2 * ON_THREADS + 1].value)
        return bench_fail("threads and processes do not give the same bits");
    report_add(b->report, &(struct report_row){
                              .name = "integrate.threads.1e7",
                              .unit = "ms",
                              .value = &threads->metric[0],
                              .floor = &processes->metric[0],
                              .floor_name = "jobd, two processes",
                              .target = {TARGET_AT_MOST, 1.1},
                          });
    return 0;
}

static int run_all(struct bench *b, struct summers *summers, jobd_executor *ex,
                   jobd_executor *threads) {
    struct run runs[2 * SIZES + 1];
    struct variant v[2 * SIZES + 1];
    unsigned n = 0; // sizes whose floor this CPU can run: those of portable come first
    for (; n < SIZES && (!sizes[n].fast || floor_simd_available()); n++)
        for (unsigned i = 2 * n; i < 2 * n + 2; i++) {
            runs[i] = (struct run){.summers = summers, .ex = ex, .size = sizes[n]};
            if (b->quick)
                runs[i].size.n_repeats = 1;
            v[i] = variant_of(&runs[i], i % 2 == 0);
        }
    if (b->daemon && check_golden(runs[1]) < 0)
        return -1;
    struct variant *last = &v[2 * n];
    runs[2 * n] = runs[2 * ON_THREADS + 1];
    runs[2 * n].ex = threads;
    *last = variant_of(&runs[2 * n], false);
    int r = rounds_run(b, v, 2 * n + 1);
    if (r < 0 || b->hold_s)
        return r;
    r = add_rows(b, v, runs, n);
    return r < 0 || !b->daemon ? r : add_threads_row(b, last, &v[2 * ON_THREADS + 1], runs);
}

static int open_threads(const struct service *service, jobd_executor **ret) {
    const jobd_executor_options opts = {JOBD_OPTIONS(jobd_executor_options), .pool = "threads"};
    int r = jobd_executor_open(service->conn, &opts, ret);
    return r < 0 ? bench_fail("cannot open the pool of threads: %s", jobd_strerror(r)) : 0;
}

int measure_integrate(struct bench *b) {
    struct summers summers;
    struct service service = {0};
    jobd_executor *threads = NULL;
    int r = summers_start(&summers);
    if (r == 0 && b->daemon)
        r = service_start(b, N_PARTS, NULL, &service);
    if (r == 0 && b->hold_s)
        service_print_pids(&service);
    if (r == 0 && b->daemon)
        r = open_threads(&service, &threads);
    if (r == 0)
        r = run_all(b, &summers, service.ex, threads);
    jobd_executor_free(threads);
    service_stop(&service);
    summers_stop(&summers);
    return r;
}
