#include "kernels/split.h"

#include <criterion/criterion.h>
#include <math.h>

#include "guard.h"
#include "kernels/portable.h"
#include "rng.h"

static struct rng rng;

enum { PARTS_MAX = 1000 };

// The integral of cos over [0, pi/2], as client and workers compute it together.
static double integrate_cos(uint64_t n_iter, uint64_t n_jobs) {
    double sums[PARTS_MAX];
    uint64_t n_parts = jd_split_count(n_iter, n_jobs);
    cr_assert(n_parts <= PARTS_MAX);
    for (uint64_t i = 0; i < n_parts; i++) {
        struct jd_part part = jd_split_part(0.0, M_PI / 2, n_iter, n_parts, i);
        sums[i] = jd_sum_portable(cos, part.a, jd_part_step(part), 0, part.n, 0.0);
    }
    return jd_split_reduce(sums, n_parts);
}

Test(split, golden_values) {
    cr_expect(integrate_cos(1000, 1) == 1.0007851925466296);
    cr_expect(integrate_cos(1000, 2) == 1.0007851925466305);
    cr_expect(integrate_cos(1000, 4) == 1.00078519254663);
}

Test(split, stays_right_where_parts_do_not_divide_the_steps) {
    cr_expect(fabs(integrate_cos(1000, 7) - 1.00079) < 1e-5);
    for (uint64_t n_jobs = 1; n_jobs <= PARTS_MAX; n_jobs++)
        cr_expect(fabs(integrate_cos(1000, n_jobs) - 1.0007851925466296) < 1e-12, "%llu parts",
                  (unsigned long long)n_jobs);
}

Test(split, never_more_parts_than_steps) {
    cr_expect(jd_split_count(1000, 7) == 7);
    cr_expect(jd_split_count(3, 7) == 3);
    cr_expect(jd_split_count(7, 7) == 7);
    cr_expect(jd_split_count(0, 7) == 0);
    cr_expect(jd_split_count(JD_N_ITER_MAX, UINT64_MAX) == JD_N_ITER_MAX);
}

Test(split, the_first_parts_take_the_remainder) {
    static const uint64_t n[] = {4, 3, 3};
    static const double bounds[] = {0.0, 4.0, 7.0, 10.0};
    for (uint64_t i = 0; i < 3; i++) {
        struct jd_part part = jd_split_part(0.0, 10.0, 10, 3, i);
        cr_expect(part.n == n[i]);
        cr_expect(fabs(part.a - bounds[i]) < 1e-12 && fabs(part.b - bounds[i + 1]) < 1e-12);
        cr_expect(fabs(jd_part_step(part) - 1.0) < 1e-12);
    }
}

Test(split, the_largest_number_of_steps) {
    const uint64_t n_parts = 65535;
    uint64_t n = 0;
    for (uint64_t i = 0; i < n_parts; i++)
        n += jd_split_part(-1.0, 1.0, JD_N_ITER_MAX, n_parts, i).n;
    cr_expect(n == JD_N_ITER_MAX);
    struct jd_part last = jd_split_part(-1.0, 1.0, JD_N_ITER_MAX, JD_N_ITER_MAX, JD_N_ITER_MAX - 1);
    cr_expect(last.n == 1 && last.b == 1.0 && last.a < 1.0);
}

Test(split, an_interval_may_run_backwards_or_be_empty) {
    struct jd_part back = jd_split_part(1.0, 0.0, 10, 2, 1);
    cr_expect(back.a == 0.5 && back.b == 0.0 && jd_part_step(back) == -0.1);
    struct jd_part empty = jd_split_part(2.0, 2.0, 10, 2, 0);
    cr_expect(empty.a == 2.0 && empty.b == 2.0 && jd_part_step(empty) == 0.0);
}

static double random_bound(void) {
    double scale = exp2((double)rng_below(&rng, 200) - 100);
    return ((double)(rng_u64(&rng) >> 11) / 0x1p52 - 1.0) * scale;
}

// Any split tiles [a, b]: it starts in a, ends in b, leaves no gap and loses no step.
Test(split, parts_tile_the_interval) {
    rng = rng_begin("split");
    for (int round = 0; round < 2000; round++) {
        double a = random_bound(), b = random_bound();
        uint64_t n_iter = 1 + rng_below(&rng, round % 2 ? 500 : JD_N_ITER_MAX);
        uint64_t n_parts = jd_split_count(n_iter, 1 + rng_below(&rng, 300));
        uint64_t n = 0, least = UINT64_MAX, most = 0;
        double at = a;
        for (uint64_t i = 0; i < n_parts; i++) {
            struct jd_part part = jd_split_part(a, b, n_iter, n_parts, i);
            cr_assert(part.a == at, "part %llu starts where the one before it ends",
                      (unsigned long long)i);
            at = part.b;
            n += part.n;
            least = JD_MIN(least, part.n);
            most = JD_MAX(most, part.n);
        }
        cr_assert(at == b && n == n_iter && least >= 1 && most - least <= 1,
                  "a=%a b=%a n_iter=%llu n_parts=%llu", a, b, (unsigned long long)n_iter,
                  (unsigned long long)n_parts);
    }
}

Test(split, reduction_goes_from_left_to_right) {
    static const double sums[] = {1.0, 1e100, -1e100, 1.0};
    cr_expect(jd_split_reduce(sums, 4) == 1.0);
    cr_expect(jd_split_reduce(sums, 1) == 1.0);
    static const double minus_zero[] = {-0.0};
    cr_expect(!signbit(jd_split_reduce(minus_zero, 1)), "it starts from 0.0");
    cr_expect(jd_split_reduce(NULL, 0) == 0.0);
}
