// numba.njit(parallel=True, fastmath=True) with prange: a loop over threads of one process, summed by
// SIMD. Two promises come apart here that fastmath mixes: `portable` has the digits of the plain loop,
// `fast` those of its own order of additions; both have them every time.
#include <math.h>
#include <string.h>

#include "example.h"

enum { N_PARTS = 2, N_ITER = 1000000 };

#define PI 3.141592653589793

struct integral {
    const char *kernel; // "portable" or "fast"
    char level[16];     // the instruction set that it ran on; "" = any
    double acc;
};

// for i in prange(n_iter): what numba cuts into chunks for its threads is cut here
static int part(int64_t i, jobd_args *item, void *arg) {
    const struct integral *in = arg;
    double step = PI / 2 / N_PARTS;
    jobd_args_array(item, 5);
    jobd_args_str(item, "cos");
    jobd_args_f64(item, (double)i * step);
    jobd_args_f64(item, (double)(i + 1) * step);
    jobd_args_i64(item, N_ITER / N_PARTS);
    return jobd_args_str(item, in->kernel);
}

// acc += ..., in the order of i. value: [integral, steps, kernel, rule, level, ...]
static int reduce(int64_t i, jobd_bytes value, void *arg) {
    struct integral *in = arg;
    jobd_reader r = jobd_reader_of(value);
    jobd_bytes kernel, rule, level;
    uint64_t n_steps;
    uint32_t n;
    double sum;
    (void)i;
    jobd_read_array(&r, &n);
    jobd_read_f64(&r, &sum);
    jobd_read_u64(&r, &n_steps);
    jobd_read_str(&r, &kernel);
    jobd_read_str(&r, &rule);
    if (jobd_read_str(&r, &level) < 0)
        return r.err;
    in->acc += sum;
    snprintf(in->level, sizeof in->level, "%.*s", (int)level.len, (const char *)level.data);
    return 0;
}

static struct integral integrate(jobd_conn *conn, const char *kernel) {
    struct integral in = {.kernel = kernel};
    jobd_parallel_options opts = {JOBD_OPTIONS(jobd_parallel_options), .backend = "thread",
                                  .chunk = 1, .args = part};
    jobd_error why;
    if (jobd_parallel_for(conn, 0, N_PARTS, "integrate", &opts, reduce, &in, &why) == 0)
        return in;
    fprintf(stderr, "%s: %s\n", kernel, why.message);
    exit(1);
}

int main(void) {
    jobd_conn *conn = connect_to_jobd();
    struct integral portable = integrate(conn, "portable"), fast = integrate(conn, "fast"),
                    again = integrate(conn, "fast");
    printf("portable: %.17g\n", portable.acc);
    printf("fast: %.17g on %s\n", fast.acc, fast.level);
    printf("difference: %.1e\n", fabs(fast.acc - portable.acc));
    printf("fast again: %s\n",
           memcmp(&fast.acc, &again.acc, sizeof fast.acc) == 0 ? "the same bits" : "other bits");
    jobd_close(conn);
    return 0;
}
