// The GIL, and what it costs: %%timeit of the same sum, its two halves one after the other, in two
// threads of one process, and in two processes. C holds no lock, so both kinds of two are faster.
//
//     nogil [N_ITER]
#include <math.h>
#include <time.h>

#include "example.h"
#include "tasks.h"

enum { N_JOBS = 2, N_RUNS = 7, N_LOOPS = 10 };

#define PI 3.141592653589793

struct integral {
    int64_t n_iter;
    double value;
};

static int half(int64_t i, jobd_args *item, void *arg) {
    const struct integral *in = arg;
    double step = PI / 2 / N_JOBS;
    jobd_args_array(item, 3);
    jobd_args_f64(item, (double)i * step);
    jobd_args_f64(item, (double)(i + 1) * step);
    return jobd_args_i64(item, in->n_iter / N_JOBS);
}

static int add(int64_t i, jobd_bytes value, void *arg) {
    struct integral *in = arg;
    (void)i;
    in->value += number(value);
    return 0;
}

static void integrate(jobd_conn *conn, const char *backend, struct integral *in) {
    // A chunk is one job: with both halves in one there would be nothing to do at the same time.
    jobd_parallel_options opts = {JOBD_OPTIONS(jobd_parallel_options),
                                  .backend = backend,
                                  .n_jobs = N_JOBS,
                                  .chunk = 1,
                                  .tasks = lecture_tasks,
                                  .n_tasks = LECTURE_TASKS,
                                  .args = half};
    jobd_error why;
    in->value = 0;
    if (jobd_parallel_for(conn, 0, N_JOBS, "lecture.integrate", &opts, add, in, &why) == 0)
        return;
    fprintf(stderr, "%s: %s\n", backend, why.message);
    exit(1);
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

// %%timeit: a run is the mean of its loops, the answer the mean of the runs and their deviation.
static void timeit(jobd_conn *conn, const char *backend, struct integral *in) {
    double run_ms[N_RUNS], mean_ms = 0, variance = 0;
    integrate(conn, backend, in); // workers start, caches fill
    for (int run = 0; run < N_RUNS; run++) {
        double start_ms = now_ms();
        for (int i = 0; i < N_LOOPS; i++)
            integrate(conn, backend, in);
        run_ms[run] = (now_ms() - start_ms) / N_LOOPS;
        mean_ms += run_ms[run] / N_RUNS;
    }
    for (int run = 0; run < N_RUNS; run++)
        variance += (run_ms[run] - mean_ms) * (run_ms[run] - mean_ms) / N_RUNS;
    printf("%s: %.17g, %.3f ms ± %.3f ms (mean ± std. dev. of %d runs, %d loops each)\n", backend,
           in->value, mean_ms, sqrt(variance), N_RUNS, N_LOOPS);
}

int main(int argc, char **argv) {
    static const char *const backends[] = {"serial", "thread", "process"};
    struct integral in = {.n_iter = argc > 1 ? atoll(argv[1]) : 1000000};
    jobd_conn *conn = connect_to_jobd();
    for (int i = 0; i < 3; i++)
        timeit(conn, backends[i], &in);
    jobd_close(conn);
    return 0;
}
