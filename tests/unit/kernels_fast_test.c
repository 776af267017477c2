// Sums of the fast kernel: the bound of kernels/fast.h, and bits that depend on the points alone.
#include "kernels/fast.h"

#include <criterion/criterion.h>
#include <float.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <xmmintrin.h>
#endif

#include "kernels/portable.h"
#include "kernels_reference.h"
#include "msg.h"
#include "rng.h"
#include "support/daemon.h"

static struct rng rng;

static double random_unit(void) {
    return (double)(rng_u64(&rng) >> 11) / 0x1p53;
}

static const struct jd_integrand *find(const char *name) {
    return jd_integrand_find(jd_text(name));
}

static struct jd_grid grid_of(double a, double b, uint64_t n) {
    return (struct jd_grid){.a = a, .step = (b - a) / (double)n, .from = 0, .to = n};
}

static double sum_source(struct jd_source source, enum jd_isa isa, const struct jd_grid *grid) {
    struct jd_fast s;
    jd_fast_begin(&s, isa, &source, grid);
    cr_assert_eq(jd_fast_run(&s, UINT64_MAX), 0u);
    return jd_fast_end(&s);
}

static double sum(const struct jd_integrand *f, enum jd_isa isa, const struct jd_grid *grid) {
    return sum_source((struct jd_source){.named = f}, isa, grid);
}

static void expect_within_bound(const struct jd_integrand *f, enum jd_isa isa,
                                const struct jd_grid *grid) {
    double got = sum(f, isa, grid);
    struct reference_sum want = reference_sum_of(f, grid);
    long double value = want.sum * (long double)grid->step;
    if (want.is_special)
        cr_assert(isnan(want.plain) ? isnan(got) : got == want.plain * grid->step,
                  "%s %s a=%a step=%a n=%llu: %a", jd_isa_name(isa), f->name, grid->a, grid->step,
                  (unsigned long long)grid->to, got);
    else if (isinf((double)value))
        cr_assert(got == (double)value, "%s %s: %a", jd_isa_name(isa), f->name, got);
    else
        cr_assert(fabsl(got - value) <= reference_bound(&want, f->fast_error, grid),
                  "%s %s a=%a step=%a n=%llu: %a, not %La", jd_isa_name(isa), f->name, grid->a,
                  grid->step, (unsigned long long)grid->to, got, value);
}

static void expect_within_bound_everywhere(const struct jd_integrand *f,
                                           const struct jd_grid *grid) {
    for (int isa = 0; isa < JD_ISAS; isa++)
        if (jd_isa_available((enum jd_isa)isa))
            expect_within_bound(f, (enum jd_isa)isa, grid);
}

// Ordinary, tiny, huge and denormal intervals, either direction.
static struct jd_grid random_grid(unsigned kind, uint64_t n) {
    static const int exponents[] = {0, 3, -30, 24, 40, 700, 990, -1040};
    int e = exponents[kind % JD_LEN(exponents)];
    double a = ldexp(2 * random_unit() - 1, e), b = ldexp(2 * random_unit() - 1, e);
    return grid_of(kind & 8 ? fabs(a) : a, kind & 8 ? fabs(b) : b, n);
}

Test(fast, keeps_its_bound_on_any_interval) {
    rng = rng_begin("kernels_fast");
    const struct jd_integrand *f;
    for (size_t i = 0; (f = jd_integrand_at(i)); i++)
        for (unsigned kind = 0; kind < 16; kind++) {
            struct jd_grid grid = random_grid(kind, 1 + rng_below(&rng, 2000));
            expect_within_bound_everywhere(f, &grid);
        }
}

Test(fast, keeps_its_bound_for_any_number_of_steps) {
    static const uint64_t ns[] = {1,   2,   3,    4,    7,    8,    9,    511,
                                  512, 513, 1024, 8191, 8192, 8193, 20000};
    static const char *const names[] = {"cos", "exp", "sqrt", "erf", "j0"};
    for (size_t i = 0; i < JD_LEN(ns); i++)
        for (size_t k = 0; k < JD_LEN(names); k++) {
            struct jd_grid grid = grid_of(0.25, 7.5, ns[i]);
            expect_within_bound_everywhere(find(names[k]), &grid);
        }
}

// From inside of a polynomial's domain to outside of it.
Test(fast, keeps_its_bound_across_the_edges_of_domains) {
    static const struct {
        const char *name;
        double a, b;
    } cases[] = {
        {"exp", -750.0, -700.0},        {"exp", 700.0, 709.7},
        {"exp", 700.0, 720.0},          {"cos", 0x1.fffff8p26, 0x1.000008p27},
        {"sin", -1e300, 1e300},         {"log", 0.0, 1e-305},
        {"log", -0x1p-1030, 0x1p-1000}, {"log", 0x1p-1074, 0x1p-1060},
        {"exp", -740.0, -745.2},        {"log", -1.0, 1.0},
    };
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct jd_grid grid = grid_of(cases[i].a, cases[i].b, 30000);
        expect_within_bound_everywhere(find(cases[i].name), &grid);
    }
}

// The sum of f is far above the largest double, the integral is not.
Test(fast, sums_above_the_largest_double) {
    struct jd_grid grid = {.a = DBL_MAX / 2, .step = 1e-5, .from = 0, .to = 20000};
    struct jd_grid fused = grid_of(700.0, 709.0, 3000000);
    expect_within_bound_everywhere(find("fabs"), &grid);
    double got = sum(find("exp"), jd_isa_best(), &fused);
    cr_expect(fabs(got / (exp(709.0) - exp(700.0)) - 1) < 1e-5, "%a", got);
    struct jd_grid few = {.a = DBL_MAX, .step = 0.125, .from = 0, .to = 7};
    expect_within_bound_everywhere(find("fabs"), &few);
}

Test(fast, infinities_and_nans_end_up_in_the_sum) {
    struct jd_grid grid = grid_of(0.0, 1.0, 10000), beyond = grid_of(0.5, 2.0, 10000);
    cr_expect(sum(find("log"), jd_isa_best(), &grid) == -INFINITY);
    cr_expect(isnan(sum(find("asin"), jd_isa_best(), &beyond)));
    struct jd_grid back = {.a = 0.0, .step = -0.25, .from = 0, .to = 1};
    cr_expect(sum(find("log"), jd_isa_best(), &back) == INFINITY);
}

Test(fast, many_steps_in_an_optimised_build) {
    struct jd_grid few = grid_of(0.0, M_PI_2, (uint64_t)test_storm(100) * 100000);
    struct jd_grid many = grid_of(0.0, 2.0, (uint64_t)test_storm(100) * 1000000);
    expect_within_bound(find("cos"), jd_isa_best(), &few);
    expect_within_bound(find("sqrt"), jd_isa_best(), &many);
}

// ---- Bits ----

Test(fast, cuts_change_no_bit) {
    rng = rng_begin("kernels_fast");
    static const char *const names[] = {"cos", "exp", "log", "tanh", "fabs", "lgamma"};
    for (unsigned round = 0; round < 120; round++) {
        struct jd_source source = {.named = find(names[round % JD_LEN(names)])};
        struct jd_grid grid = random_grid(round, 1 + rng_below(&rng, 30000));
        grid.from = rng_below(&rng, grid.to);
        double whole = sum_source(source, jd_isa_best(), &grid), cut;
        struct jd_fast s;
        jd_fast_begin(&s, jd_isa_best(), &source, &grid);
        uint64_t left = grid.to - grid.from;
        while (left) {
            uint64_t n = 1 + rng_below(&rng, 9000), now = jd_fast_run(&s, n);
            cr_assert(left - now >= JD_MIN(n, left) && left - now < n + JD_BLOCK);
            left = now;
        }
        cut = jd_fast_end(&s);
        cr_assert(memcmp(&whole, &cut, sizeof whole) == 0 || isnan(whole), "%s a=%a step=%a",
                  source.named->name, grid.a, grid.step);
    }
}

static void named_block(const void *ctx, const double *x, double *y, size_t n) {
    const struct jd_integrand *f = ctx;
    jd_fast_block(f, jd_isa_best())(NULL, x, y, n);
}

// One loop over points, values and sum, or three: the same operations in the same order. This is
// also how any other function in block form is summed.
Test(fast, the_fused_loop_has_the_bits_of_the_blocks) {
    rng = rng_begin("kernels_fast");
    static const char *const names[] = {"sin", "cos", "exp", "log"};
    for (unsigned round = 0; round < 100; round++) {
        const struct jd_integrand *f = find(names[round % JD_LEN(names)]);
        struct jd_grid grid = random_grid(round / 4, 1 + rng_below(&rng, 20000));
        double fused = sum(f, jd_isa_best(), &grid);
        double blocks =
            sum_source((struct jd_source){.block = named_block, .ctx = f}, jd_isa_best(), &grid);
        cr_assert(memcmp(&fused, &blocks, sizeof fused) == 0 || isnan(fused), "%s a=%a step=%a",
                  f->name, grid.a, grid.step);
    }
}

static void keep_points(const void *ctx, const double *x, double *y, size_t n) {
    double *kept = *(double *const *)ctx;
    memcpy(kept, x, n * sizeof *x);
    memset(y, 0, n * sizeof *y);
}

// With a fused multiply-add the product would not be rounded before it is added.
Test(fast, points_are_rounded_twice_at_every_level) {
    double x[JD_BLOCK], *kept = x;
    struct jd_source source = {.block = keep_points, .ctx = &kept};
    struct jd_grid grid = {.a = -1.0, .step = 1.0 / 3.0, .from = 0, .to = JD_BLOCK};
    for (int isa = 0; isa < JD_ISAS; isa++) {
        if (!jd_isa_available((enum jd_isa)isa))
            continue;
        sum_source(source, (enum jd_isa)isa, &grid);
        bool tells = false;
        for (int i = 0; i < JD_BLOCK; i++) {
            volatile double product = (double)i * grid.step;
            cr_assert(x[i] == -1.0 + product, "%s, point %d", jd_isa_name((enum jd_isa)isa), i);
            tells |= fma((double)i, grid.step, -1.0) != -1.0 + product;
        }
        cr_expect(tells, "the case tells the two apart");
    }
}

Test(fast, nothing_changes_how_the_cpu_rounds_and_keeps_denormals) {
#ifdef __x86_64__
    unsigned before = _mm_getcsr();
    cr_expect_eq(before & 0x8040u, 0u, "neither flush to zero nor denormals are zero");
#endif
    struct jd_grid grid = {.a = 0.0, .step = 0x1p-1070, .from = 1, .to = 1000};
    const struct jd_integrand *f;
    for (int isa = 0; isa < JD_ISAS; isa++)
        for (size_t i = 0; jd_isa_available((enum jd_isa)isa) && (f = jd_integrand_at(i)); i++)
            sum(f, (enum jd_isa)isa, &grid);
#ifdef __x86_64__
    cr_expect_eq((_mm_getcsr() ^ before) & 0xffc0u, 0u, "only its flags");
#endif
    double x[] = {0x1p-1074, 0x3p-1060}, y[2];
    jd_fast_block(find("fabs"), jd_isa_best())(NULL, x, y, 2);
    cr_expect(y[0] == 0x1p-1074 && y[1] == 0x3p-1060);
}

// ---- Beside portable ----

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

Test(fast, is_closer_than_portable_in_the_median) {
    double fast[64], portable[64];
    const struct jd_integrand *f;
    size_t n = 0;
    for (; (f = jd_integrand_at(n)); n++) {
        struct jd_grid grid = grid_of(strcmp(f->name, "acosh") == 0 ? 1.0 : 0.125, 0.96875, 100000);
        struct reference_sum want = reference_sum_of(f, &grid);
        long double value = want.sum * grid.step, size = want.abs_sum * fabs(grid.step);
        double p = jd_sum_portable(f->f, grid.a, grid.step, 0, grid.to, 0.0);
        fast[n] = (double)(fabsl(sum(f, jd_isa_best(), &grid) - value) / size);
        portable[n] = (double)(fabsl(p - value) / size);
        if (size == 0) // floor is 0 there
            fast[n] = portable[n] = 0;
    }
    qsort(fast, n, sizeof *fast, compare);
    qsort(portable, n, sizeof *portable, compare);
    cr_expect_lt(fast[n / 2], portable[n / 2]);
    cr_expect_lt(fast[n / 2], 0x1p-53);
}

Test(fast, a_level_that_is_not_there_is_a_mistake, .signal = SIGABRT) {
    struct jd_grid grid = grid_of(0.0, 1.0, 1);
    sum(find("cos"), JD_ISAS, &grid);
}
