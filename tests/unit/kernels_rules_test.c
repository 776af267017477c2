// Rules with both kernels: what they are exact for, how parts add up, and the laws of an integral.
#include "kernels/rules.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "guard.h"
#include "kernels/portable.h"
#include "kernels/split.h"
#include "msg.h"
#include "rng.h"

static struct rng rng;

enum { RULES = JD_RULE_GAUSS + 1, KERNELS = JD_KERNEL_FAST + 1 };

static double random_unit(void) {
    return (double)(rng_u64(&rng) >> 11) / 0x1p53;
}

static struct jd_integral integral_of(const char *name, double a, double b, uint64_t n) {
    return (struct jd_integral){
        .f.named = jd_integrand_find(jd_text(name)),
        .a = a,
        .b = b,
        .n = n,
        .isa = jd_isa_best(),
        .edges = JD_EDGE_BOTH,
    };
}

static double integrate(const struct jd_integral *in) {
    struct jd_rule_run run;
    jd_rule_begin(&run, in);
    while (jd_rule_advance(&run, 5000))
        continue;
    return jd_rule_value(&run);
}

// Counts what it is asked for.
struct power {
    unsigned exponent;
    double factor;
    uint64_t n_points;
};

static void power_block(const void *ctx, const double *x, double *y, size_t n) {
    struct power *p = (struct power *)(uintptr_t)ctx;
    p->n_points += n;
    for (size_t i = 0; i < n; i++) {
        double power = p->factor;
        for (unsigned k = 0; k < p->exponent; k++)
            power *= x[i];
        y[i] = power;
    }
}

Test(rules, names) {
    for (int i = 0; i < RULES; i++) {
        enum jd_rule rule;
        cr_assert_eq(jd_rule_find(jd_text(jd_rule_name((enum jd_rule)i)), &rule), 0);
        cr_expect_eq((int)rule, i);
    }
    for (int i = 0; i < KERNELS; i++) {
        enum jd_kernel kernel;
        cr_assert_eq(jd_kernel_find(jd_text(jd_kernel_name((enum jd_kernel)i)), &kernel), 0);
        cr_expect_eq((int)kernel, i);
    }
    enum jd_rule rule = JD_RULE_GAUSS;
    enum jd_kernel kernel = JD_KERNEL_FAST;
    cr_expect_eq(jd_rule_find(jd_text("right"), &rule), JOBD_E_INVAL);
    cr_expect_eq(jd_kernel_find(jd_text(""), &kernel), JOBD_E_INVAL);
    cr_expect(rule == JD_RULE_GAUSS && kernel == JD_KERNEL_FAST, "untouched");
    cr_expect_str_eq(JD_RULE_NAMES, " left midpoint trapezoid simpson gauss");
    cr_expect_str_eq(JD_KERNEL_NAMES, " portable fast");
}

Test(rules, left_and_portable_has_the_lectures_bits) {
    struct jd_integral in = integral_of("cos", 0.0, M_PI_2, 1000);
    cr_expect(integrate(&in) == 1.0007851925466296);
    in = integral_of("sin", -3.0, 4.0, 12345);
    cr_expect(integrate(&in) == jd_sum_portable(sin, -3.0, 7.0 / 12345, 0, 12345, 0.0));
}

// A rule of degree d integrates powers up to d without an error of its own, and d + 1 with one.
Test(rules, are_exact_up_to_their_degree) {
    static const unsigned degrees[RULES] = {0, 1, 1, 3, 7};
    struct power p = {.factor = 1.0};
    for (int i = 0; i < RULES * KERNELS; i++) {
        unsigned degree = degrees[i / KERNELS];
        struct jd_integral in = {.f = {.block = power_block, .ctx = &p},
                                 .a = -1.0,
                                 .b = 3.0,
                                 .n = 3,
                                 .rule = (enum jd_rule)(i / KERNELS),
                                 .kernel = (enum jd_kernel)(i % KERNELS),
                                 .isa = jd_isa_best(),
                                 .edges = JD_EDGE_BOTH};
        for (p.exponent = 0; p.exponent <= degree + 1; p.exponent++) {
            double e = (double)p.exponent + 1;
            double want = (pow(3.0, e) - pow(-1.0, e)) / e;
            double error = fabs(integrate(&in) - want) / fabs(want);
            cr_expect((error < 1e-14) == (p.exponent <= degree), "%s, x^%u: %g",
                      jd_rule_name(in.rule), p.exponent, error);
        }
    }
}

Test(rules, converge_to_the_antiderivative) {
    static const double tolerances[RULES] = {1e-2, 1e-5, 1e-5, 1e-11, 1e-14};
    static const struct {
        const char *f;
        double a, b, value;
    } cases[] = {{"cos", 0.0, M_PI_2, 1.0},
                 {"exp", -1.0, 1.0, 2.3504023872876028},
                 {"log", 1.0, 2.0, 0.38629436111989063},
                 {"sqrt", 1.0, 4.0, 14.0 / 3.0},
                 {"tanh", 0.0, 1.0, 0.43378083048302717},
                 {"erf", 0.0, 1.0, 0.48606495811225597}};
    for (size_t c = 0; c < JD_LEN(cases); c++)
        for (int i = 0; i < RULES * KERNELS; i++) {
            struct jd_integral in = integral_of(cases[c].f, cases[c].a, cases[c].b, 600);
            in.rule = (enum jd_rule)(i / KERNELS);
            in.kernel = (enum jd_kernel)(i % KERNELS);
            double error = fabs(integrate(&in) - cases[c].value) / fabs(cases[c].value);
            cr_expect(error < tolerances[in.rule], "%s, %s, %s: %g", cases[c].f,
                      jd_rule_name(in.rule), jd_kernel_name(in.kernel), error);
        }
}

Test(rules, evaluations_are_those_that_happen) {
    static const uint64_t per_step[RULES] = {1, 1, 1, 2, 4};
    for (int i = 0; i < RULES * KERNELS * 4; i++) {
        struct power p = {.exponent = 1, .factor = 1.0};
        struct jd_integral in = {.f = {.block = power_block, .ctx = &p},
                                 .b = 1.0,
                                 .n = 1000,
                                 .rule = (enum jd_rule)(i / 4 / KERNELS),
                                 .kernel = (enum jd_kernel)(i / 4 % KERNELS),
                                 .isa = jd_isa_best(),
                                 .edges = (unsigned)i % 4};
        integrate(&in);
        bool ends = in.rule == JD_RULE_TRAPEZOID || in.rule == JD_RULE_SIMPSON;
        uint64_t want = per_step[in.rule] * 1000 + (ends && (in.edges & JD_EDGE_B) ? 1 : 0);
        cr_expect_eq(p.n_points, want, "%s", jd_rule_name(in.rule));
        cr_expect_eq(jd_rule_evaluations(&in), want);
    }
}

// An infinite value at an end counts with half its weight, which is still infinite.
Test(rules, an_end_may_be_infinite) {
    for (int kernel = 0; kernel < KERNELS; kernel++) {
        struct jd_integral in = integral_of("log", 0.0, 1.0, 1000);
        in.kernel = (enum jd_kernel)kernel;
        in.rule = JD_RULE_TRAPEZOID;
        cr_expect(integrate(&in) == -INFINITY);
        in.rule = JD_RULE_GAUSS; // has no point there
        cr_expect(fabs(integrate(&in) + 1.0) < 1e-3);
    }
}

// ---- Parts ----

static double integrate_parts(const struct jd_integral *whole, uint64_t n_jobs,
                              uint64_t *ret_evaluations) {
    double sums[64];
    uint64_t n_parts = jd_split_count(whole->n, n_jobs);
    *ret_evaluations = 0;
    for (uint64_t i = 0; i < n_parts; i++) {
        struct jd_part part = jd_split_part(whole->a, whole->b, whole->n, n_parts, i);
        struct jd_integral in = *whole;
        in.a = part.a;
        in.b = part.b;
        in.n = part.n;
        in.edges = jd_rule_edges(i, n_parts);
        sums[i] = integrate(&in);
        *ret_evaluations += jd_rule_evaluations(&in);
    }
    return jd_split_reduce(sums, (size_t)n_parts);
}

Test(rules, parts_add_up_to_the_whole) {
    rng = rng_begin("kernels_rules");
    static const char *const names[] = {"sin", "exp", "atan", "erf", "fabs", "j1"};
    for (unsigned round = 0; round < 300; round++) {
        struct jd_integral in = integral_of(names[round % JD_LEN(names)], 8 * random_unit() - 4,
                                            8 * random_unit() - 4, 1 + rng_below(&rng, 3000));
        in.rule = (enum jd_rule)rng_below(&rng, RULES);
        in.kernel = (enum jd_kernel)rng_below(&rng, KERNELS);
        uint64_t n_jobs = 1 + rng_below(&rng, 64), n_evaluations;
        double whole = integrate(&in), parts = integrate_parts(&in, n_jobs, &n_evaluations);
        // A value is at most exp(4) and the interval at most 8 long.
        cr_assert(fabs(whole - parts) < 1e-11, "%s %s n=%llu in %llu: %.17g, %.17g",
                  jd_rule_name(in.rule), in.f.named->name, (unsigned long long)in.n,
                  (unsigned long long)n_jobs, whole, parts);
        cr_assert_eq(n_evaluations, jd_rule_evaluations(&in));
    }
}

Test(rules, a_part_knows_its_ends) {
    cr_expect_eq(jd_rule_edges(0, 1), JD_EDGE_BOTH);
    cr_expect_eq(jd_rule_edges(0, 3), JD_EDGE_A);
    cr_expect_eq(jd_rule_edges(1, 3), 0);
    cr_expect_eq(jd_rule_edges(2, 3), JD_EDGE_B);
}

// ---- Laws ----

Test(rules, reversed_bounds_reverse_the_sign) {
    rng = rng_begin("kernels_rules");
    for (unsigned round = 0; round < 100; round++) {
        double a = 4 * random_unit() - 2, b = 4 * random_unit() - 2;
        struct jd_integral there = integral_of("cos", a, b, 2000), back = there;
        back.a = b;
        back.b = a;
        there.rule = back.rule = (enum jd_rule)(1 + rng_below(&rng, RULES - 1)); // left is lopsided
        there.kernel = back.kernel = (enum jd_kernel)rng_below(&rng, KERNELS);
        cr_assert(fabs(integrate(&there) + integrate(&back)) < 1e-13, "%s, a=%a b=%a",
                  jd_rule_name(there.rule), a, b);
    }
}

struct combination {
    double alpha, beta;
    jd_block_fn *f, *g;
};

static void combine(const void *ctx, const double *x, double *y, size_t n) {
    const struct combination *c = ctx;
    double g[JD_BLOCK];
    c->f(NULL, x, y, n);
    c->g(NULL, x, g, n);
    for (size_t i = 0; i < n; i++)
        y[i] = c->alpha * y[i] + c->beta * g[i];
}

Test(rules, an_integral_is_linear) {
    rng = rng_begin("kernels_rules");
    for (unsigned round = 0; round < 100; round++) {
        struct jd_integral f = integral_of("sin", -random_unit(), random_unit(), 1500), g = f;
        g.f.named = jd_integrand_find(jd_text("exp"));
        f.kernel = g.kernel = JD_KERNEL_FAST;
        f.rule = g.rule = (enum jd_rule)rng_below(&rng, RULES);
        struct combination c = {.alpha = 2 * random_unit() - 1,
                                .beta = 2 * random_unit() - 1,
                                .f = jd_fast_block(f.f.named, f.isa),
                                .g = jd_fast_block(g.f.named, g.isa)};
        struct jd_integral both = f;
        both.f = (struct jd_source){.block = combine, .ctx = &c};
        double want = c.alpha * integrate(&f) + c.beta * integrate(&g);
        cr_assert(fabs(integrate(&both) - want) < 1e-14, "%s", jd_rule_name(f.rule));
    }
}

// ---- The run ----

Test(rules, looking_up_changes_no_bit) {
    rng = rng_begin("kernels_rules");
    for (unsigned round = 0; round < 100; round++) {
        struct jd_integral in =
            integral_of("cos", 0.0, 5 * random_unit(), 1 + rng_below(&rng, 9000));
        in.rule = (enum jd_rule)(round % RULES);
        in.kernel = (enum jd_kernel)(round % KERNELS);
        double whole = integrate(&in), last = 0.0;
        struct jd_rule_run run;
        jd_rule_begin(&run, &in);
        cr_assert_eq(jd_rule_fraction(&run) < 1.0, true);
        while (jd_rule_advance(&run, 1 + rng_below(&rng, 1500))) {
            double now = jd_rule_fraction(&run);
            cr_assert(now >= last && now < 1.0, "%g after %g", now, last);
            last = now;
        }
        cr_assert_eq(jd_rule_fraction(&run), 1.0);
        cr_assert(!jd_rule_advance(&run, 1), "done is done");
        double cut = jd_rule_value(&run);
        cr_assert(memcmp(&whole, &cut, sizeof whole) == 0, "%s", jd_rule_name(in.rule));
    }
}

// Named or as a block: the portable kernel adds in the same order.
Test(rules, portable_has_the_same_bits_for_a_function_in_block_form) {
    rng = rng_begin("kernels_rules");
    struct combination libm_only = {
        .alpha = 1.0, .g = jd_fast_block(jd_integrand_find(jd_text("fabs")), JD_ISA_BASELINE)};
    libm_only.f = jd_fast_block(jd_integrand_find(jd_text("round")), JD_ISA_BASELINE); // libm's
    for (unsigned round = 0; round < 50; round++) {
        struct jd_integral named =
            integral_of("round", 0.0, 900 * random_unit(), 1 + rng_below(&rng, 3000));
        struct jd_integral block = named;
        block.f = (struct jd_source){.block = combine, .ctx = &libm_only};
        named.rule = block.rule = (enum jd_rule)(round % RULES);
        cr_assert(integrate(&named) == integrate(&block), "%s", jd_rule_name(named.rule));
    }
}
