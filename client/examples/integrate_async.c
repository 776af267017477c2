// integrate_async: an integral in parts, one job for each, collected as they are completed.
#include "example.h"

enum { JOBS_MAX = 8, N_ITER = 1000 };

#define PI 3.141592653589793

struct part {
    jobd_future *future;
    double value;
};

// fs = [spawn(a + i * step, a + (i + 1) * step) for i in range(n_jobs)]
static void spawn(jobd_executor *ex, double a, double b, int n_jobs, struct part *parts) {
    jobd_args *args = jobd_args_new();
    double step = (b - a) / n_jobs;
    for (int i = 0; i < n_jobs; i++) {
        // a remainder is spread over the parts, not dropped
        int64_t n_iter = (int64_t)N_ITER * (i + 1) / n_jobs - (int64_t)N_ITER * i / n_jobs;
        jobd_bytes packed = pack(args, "sffi", "cos", a + i * step, a + (i + 1) * step, n_iter);
        must(jobd_submit(ex, "integrate", packed, NULL, &parts[i].future), "submit");
    }
    jobd_args_free(args);
}

static double first_of(jobd_bytes value) { // [integral, steps, kernel]
    jobd_reader r = jobd_reader_of(value);
    uint32_t n;
    double integral = 0;
    jobd_read_array(&r, &n);
    jobd_read_f64(&r, &integral);
    return integral;
}

static void keep(struct part *parts, int n_jobs, const jobd_future *f, double value) {
    for (int i = 0; i < n_jobs; i++) {
        if (parts[i].future == f)
            parts[i].value = value;
    }
}

static double integrate_async(jobd_executor *ex, double a, double b, int n_jobs) {
    struct part parts[JOBS_MAX];
    jobd_future *fs[JOBS_MAX], *f;
    jobd_completion *walk;
    jobd_bytes value;
    double acc = 0;
    spawn(ex, a, b, n_jobs, parts);
    for (int i = 0; i < n_jobs; i++)
        fs[i] = parts[i].future;
    must(jobd_as_completed(fs, (size_t)n_jobs, JOBD_FOREVER, &walk), "as_completed");
    while (must(jobd_completion_next(walk, &f), "next") == 1) {
        must(jobd_future_result(f, JOBD_NOWAIT, &value), "result");
        keep(parts, n_jobs, f, first_of(value));
    }
    jobd_completion_free(walk);
    // added in the order of the parts: the last digit does not depend on who was faster
    for (int i = 0; i < n_jobs; i++) {
        acc += parts[i].value;
        jobd_future_unref(parts[i].future);
    }
    return acc;
}

int main(void) {
    jobd_conn *conn = connect_to_jobd();
    jobd_executor *ex;
    must(jobd_executor_open(conn, NULL, &ex), "executor");
    for (int n_jobs = 1; n_jobs <= 4; n_jobs++)
        printf("n_jobs=%d: %.17g\n", n_jobs, integrate_async(ex, 0, PI / 2, n_jobs));
    jobd_executor_free(ex);
    jobd_close(conn);
    return 0;
}
