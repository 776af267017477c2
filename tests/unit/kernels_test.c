#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "kernels/integrands.h"
#include "kernels/portable.h"
#include "kernels/split.h"
#include "msg.h"
#include "rng.h"

static struct rng rng;

static double random_unit(void) {
    return (double)(rng_u64(&rng) >> 11) / 0x1p53;
}

static double identity(double x) {
    return x;
}

Test(integrands, every_entry_is_found_by_its_name) {
    size_t n = 0;
    for (const struct jd_integrand *e; (e = jd_integrand_at(n)); n++) {
        cr_expect(jd_integrand_find(jd_text(e->name)) == e, "%s is there once", e->name);
        cr_expect(!isnan(e->f(0.5)) || strcmp(e->name, "acosh") == 0, "%s(0.5)", e->name);
    }
    cr_expect(n >= 36);
    cr_expect(jd_integrand_at(n) == NULL && jd_integrand_at(SIZE_MAX) == NULL);
}

Test(integrands, names_mean_what_libm_means) {
    const volatile double x = 1.25; // so that the compiler does not compute it
    cr_expect(jd_integrand_find(jd_text("cos"))->f(x) == cos(x));
    cr_expect(jd_integrand_find(jd_text("log1p"))->f(x) == log1p(x));
    cr_expect(jd_integrand_find(jd_text("y1"))->f(x) == y1(x));
    cr_expect(jd_integrand_find(jd_text("lgamma"))->f(x) == lgamma(x));
}

Test(integrands, lgamma_leaves_signgam_alone) {
    signgam = 42;
    double value = jd_integrand_find(jd_text("lgamma"))->f(-0.5);
    cr_expect(fabs(value - log(2 * sqrt(M_PI))) < 1e-15);
    cr_expect(signgam == 42);
}

Test(integrands, only_whole_names_are_known) {
    static const char *const unknown[] = {"", "co", "coss", "COS", "cos ", "atan2", "pi", "x"};
    for (size_t i = 0; i < JD_LEN(unknown); i++)
        cr_expect(jd_integrand_find(jd_text(unknown[i])) == NULL, "%s", unknown[i]);
    cr_expect(jd_integrand_find((jobd_bytes){"cosine", 3}) != NULL, "no terminator needed");
    cr_expect(jd_integrand_find((jobd_bytes){NULL, 0}) == NULL);
}

Test(integrands, unknown_names_get_a_suggestion) {
    cr_expect_str_eq(jd_integrand_suggest(jd_text("cso")), "cos");
    cr_expect_str_eq(jd_integrand_suggest(jd_text("COS")), "cos");
    cr_expect_str_eq(jd_integrand_suggest(jd_text("abs")), "fabs");
    cr_expect(jd_integrand_suggest(jd_text("integral")) == NULL);
}

Test(portable, golden_value) {
    cr_expect(jd_sum_portable(cos, 0.0, M_PI / 2 / 1000, 0, 1000, 0.0) == 1.0007851925466296);
}

Test(portable, an_empty_range_adds_nothing) {
    cr_expect(jd_sum_portable(cos, 0.0, 1.0, 5, 5, 2.5) == 2.5);
    cr_expect(jd_sum_portable(cos, 0.0, 1.0, 7, 5, 2.5) == 2.5);
    cr_expect(signbit(jd_sum_portable(cos, 0.0, 1.0, 0, 0, -0.0)));
}

// With contraction the square of this step would be added before it is rounded: another last bit.
Test(portable, nothing_is_fused) {
    const double step = 1.0 + 0x1p-27;
    volatile double square = step * step;
    cr_expect(jd_sum_portable(identity, 0.0, step, 1, 2, -1.0) == square - 1.0);
    cr_expect(fma(step, step, -1.0) != square - 1.0, "the case tells the two apart");
}

Test(portable, blocks_have_the_bits_of_one_call) {
    rng = rng_begin("kernels");
    for (int round = 0; round < 300; round++) {
        double a = 10 * random_unit() - 5, step = random_unit() / 100;
        uint64_t from = rng_below(&rng, 1000), to = from + rng_below(&rng, 2000);
        double whole = jd_sum_portable(sin, a, step, from, to, 0.25), blocks = 0.25;
        for (uint64_t i = from; i < to;) {
            uint64_t end = i + 1 + rng_below(&rng, 300);
            end = JD_MIN(end, to);
            blocks = jd_sum_portable(sin, a, step, i, end, blocks);
            i = end;
        }
        cr_assert(memcmp(&whole, &blocks, sizeof whole) == 0, "a=%a step=%a [%llu, %llu)", a, step,
                  (unsigned long long)from, (unsigned long long)to);
    }
}

Test(portable, the_last_step_numbers_are_exact) {
    const uint64_t n = JD_N_ITER_MAX;
    cr_expect(jd_sum_portable(identity, 0.0, 1.0, n - 1, n, 0.0) == 0x1p53 - 1);
}

Test(portable, more_steps_than_a_double_counts, .signal = SIGABRT) {
    jd_sum_portable(identity, 0.0, 1.0, JD_N_ITER_MAX, JD_N_ITER_MAX + 1, 0.0);
}
