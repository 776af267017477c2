#include <criterion/criterion.h>
#include <math.h>

#include "bench.h"

Test(bench, sums_up_its_rounds) {
    double serial[] = {4, 2, 8, 6}, two[] = {3, 2, 2.5, 2.5}, overhead[] = {0.3, 0.1, 0.2, 0.4},
           none[] = {0, 0, 0, 0};
    static struct bench b = {.n_rounds = 4, .n_cases = 2};
    b.cases[0] = (struct bench_case){.backend = BACKEND_serial,
                                     .n_parts = 1,
                                     .n_at_once = 1,
                                     .wall_s = serial,
                                     .overhead_s = none};
    b.cases[1] = (struct bench_case){.backend = BACKEND_process,
                                     .n_parts = 4,
                                     .n_at_once = 2,
                                     .wall_s = two,
                                     .overhead_s = overhead};
    bench_sum_up(&b);
    cr_expect_eq(b.cases[0].mean_s, 5);
    cr_expect_eq(b.cases[0].median_s, 5);
    cr_expect_eq(b.cases[0].least_s, 2);
    cr_expect(fabs(b.cases[0].sd_s - sqrt(20.0 / 3)) < 1e-15);
    cr_expect(b.cases[0].speedup == 1 && b.cases[0].efficiency == 1);
    cr_expect_eq(b.cases[1].median_s, 2.5);
    cr_expect_eq(b.cases[1].overhead_median_s, 0.25);
    cr_expect(b.cases[1].speedup == 2 && b.cases[1].efficiency == 1);
}

Test(bench, one_round_has_no_deviation) {
    double wall[] = {3}, overhead[] = {1};
    static struct bench b = {.n_rounds = 1, .n_cases = 1};
    b.cases[0] = (struct bench_case){.n_at_once = 1, .wall_s = wall, .overhead_s = overhead};
    bench_sum_up(&b);
    cr_expect(b.cases[0].sd_s == 0 && b.cases[0].median_s == 3);
}

Test(bench, a_series_is_a_backend_and_a_kernel) {
    char name[32];
    const struct bench_case c = {.backend = BACKEND_thread, .kernel = JD_KERNEL_FAST};
    cr_expect_str_eq(bench_series_name(&c, name), "thread fast");
}
