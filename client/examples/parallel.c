// joblib.Parallel: the same loop on three backends, with the same digits.
#include "example.h"
#include "tasks.h"

enum { N_JOBS = 4, N_ITER = 1000 };

#define PI 3.141592653589793

// delayed(integrate)(cos, a + i * step, a + (i + 1) * step, n_iter=n_iter // n_jobs)
static int part(int64_t i, jobd_args *item, void *arg) {
    double step = PI / 2 / N_JOBS;
    (void)arg;
    jobd_args_array(item, 3);
    jobd_args_f64(item, (double)i * step);
    jobd_args_f64(item, (double)(i + 1) * step);
    return jobd_args_i64(item, N_ITER / N_JOBS);
}

// In the order of i, whoever was first.
static int add(int64_t i, jobd_bytes value, void *arg) {
    (void)i;
    *(double *)arg += number(value);
    return 0;
}

static double integrate(jobd_conn *conn, const char *backend) {
    jobd_parallel_options opts = {JOBD_OPTIONS(jobd_parallel_options),
                                  .backend = backend,
                                  .n_jobs = -1,
                                  .tasks = lecture_tasks,
                                  .n_tasks = LECTURE_TASKS,
                                  .args = part};
    jobd_error why;
    double acc = 0;
    if (jobd_parallel_for(conn, 0, N_JOBS, "lecture.integrate", &opts, add, &acc, &why) == 0)
        return acc;
    fprintf(stderr, "%s: %s\n", backend, why.message);
    exit(1);
}

int main(void) {
    static const char *const backends[] = {"serial", "thread", "process"};
    jobd_conn *conn = connect_to_jobd();
    for (int i = 0; i < 3; i++)
        printf("%s: %.17g\n", backends[i], integrate(conn, backends[i]));
    jobd_close(conn);
    return 0;
}
