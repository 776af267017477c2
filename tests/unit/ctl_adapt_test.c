// The choice of intervals, with the function at hand and answers that come in any order.
#include "adapt.h"

#include <criterion/criterion.h>
#include <math.h>

#include "guard.h"
#include "kernels/formula.h"
#include "kernels/split.h"
#include "mem.h"
#include "msg.h"
#include "rng.h"

static struct rng rng;
static struct adapt adapt;
static struct jd_formula formula;

static void begin(void) {
    rng = rng_begin("adapt");
}

static void end(void) {
    adapt_free(&adapt);
}

TestSuite(adapt, .init = begin, .fini = end);

static void give(size_t i) {
    struct jd_panel halves[2];
    struct jd_point bad;
    for (uint64_t k = 0; k < 2; k++) {
        struct jd_part part = jd_split_part(adapt.at[i].a, adapt.at[i].b, 2, 2, k);
        const struct jd_integral in = {
            .f = jd_formula_source(&formula, JD_KERNEL_PORTABLE, JD_ISA_BASELINE),
            .a = part.a,
            .b = part.b,
        };
        cr_assert(jd_kronrod(&in, &halves[k], &bad), "no value in %g", bad.x);
    }
    adapt_give(&adapt, i, halves);
}

// Up to n_at_once intervals are out, and come back in random order.
static struct adapt_state integrate(size_t n_at_once) {
    size_t out[16], n_out = 0;
    cr_assert_leq(n_at_once, JD_LEN(out));
    for (;;) {
        struct adapt_state now = adapt_look(&adapt);
        if (now.verdict != ADAPT_GO)
            return now;
        if (n_out < n_at_once && now.worst < adapt.n) {
            cr_assert_eq(adapt_take(&adapt, now.worst), 0);
            out[n_out++] = now.worst;
            if (rng_below(&rng, 2))
                continue;
        }
        cr_assert_gt(n_out, 0, "nothing is out, and there is nothing to take");
        size_t k = rng_below(&rng, n_out);
        give(out[k]);
        out[k] = out[--n_out];
    }
}

static void ask(const char *text, double a, double b, double tolerance) {
    struct jd_expr_error error;
    cr_assert_eq(jd_formula_parse(jd_text(text), NULL, 0, &formula, &error), 0, "%s", error.text);
    adapt_free(&adapt);
    cr_assert_eq(adapt_begin(&adapt, a, b, ADAPT_INTERVALS_MAX), 0);
    adapt.tolerance = tolerance;
}

// Some intervals, in the order of the axis, tile [a, b]: each bound but the two is two intervals'.
static void check_tiling(double a, double b) {
    double width = 0;
    size_t n_a = 0, n_b = 0;
    for (size_t i = 0; i < adapt.n; i++) {
        width += adapt.at[i].b - adapt.at[i].a;
        n_a += adapt.at[i].a == a;
        n_b += adapt.at[i].b == b;
    }
    cr_expect(n_a == 1 && n_b == 1);
    cr_expect(fabs(width - (b - a)) <= 1e-12 * fabs(b - a));
}

Test(adapt, keeps_its_word_for_what_can_be_integrated) {
    static const struct {
        const char *text;
        double a, b, tolerance, exact;
    } cases[] = {
        {"exp(x)", 0, 1, 1e-12, 1.7182818284590452354},
        {"exp(x)", 1, 0, 1e-12, -1.7182818284590452354},
        {"cos(x)", 0, M_PI_2, 1e-12, 1},
        {"1/(1+25*x^2)", -1, 1, 1e-11, 0.5493603067780063},
        {"sqrt(x)", 0, 1, 1e-12, 2.0 / 3},
        {"1/sqrt(x)", 0, 1, 1e-9, 2},
        {"x^-0.9", 0, 1, 1e-5, 10},
        {"log(x)", 0, 1, 1e-12, -1},
        {"log(x)^2/sqrt(x)", 0, 1, 1e-7, 16},
        {"abs(x-pi/10)", 0, 1, 1e-11, 0.5 - M_PI / 10 + M_PI * M_PI / 100},
        {"floor(x*pi)", 0, 1, 1e-9, 3 - 6 / M_PI},
        {"sin(1000*x)", 0, 1, 1e-10, 4.376209237e-4},
        {"1/(1e-6+x^2)", -1, 1, 1e-8, 2000 * 1.5697963271282298},
        {"exp(-1e6*(x-0.6)^2)", 0, 1, 1e-11, 1.7724538509055160e-3},
        {"sin(1/x)", 0.01, 1, 1e-9, 0.5039818923},
        {"x*0", 0, 1, 1e-300, 0},
    };
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        ask(cases[i].text, cases[i].a, cases[i].b, cases[i].tolerance);
        struct adapt_state now = integrate(1 + rng_below(&rng, 16));
        cr_assert_eq(now.verdict, ADAPT_DONE, "%s: verdict %d, error %g", cases[i].text,
                     now.verdict, now.error);
        cr_expect_leq(now.error, cases[i].tolerance);
        double real = fabs(now.value - cases[i].exact), digits = 1e-10 * fabs(cases[i].exact);
        cr_expect(real <= cases[i].tolerance + digits, "%s: %.17g is wrong by %g", cases[i].text,
                  now.value, real);
        check_tiling(cases[i].a, cases[i].b);
    }
}

Test(adapt, a_relative_tolerance_follows_the_value) {
    ask("1e9*exp(x)", 0, 1, 0);
    adapt.relative = 1e-12;
    struct adapt_state now = integrate(4);
    cr_expect_eq(now.verdict, ADAPT_DONE);
    cr_expect(fabs(now.value / 1.7182818284590452354e9 - 1) < 1e-12);
    cr_expect_eq(now.goal, 1e-12 * fabs(now.value));
    ask("1e308+0*x", 0, 10, 0);
    adapt.relative = 1e-3;
    cr_expect_eq(integrate(4).verdict, ADAPT_DIVERGES, "no part of infinity is an error");
}

Test(adapt, names_what_cannot_be_integrated) {
    static const struct {
        const char *text;
        double a, b, tolerance;
        enum adapt_verdict verdict;
    } cases[] = {
        {"1/x", 0, 1, 1e-6, ADAPT_DIVERGES},
        {"1/x", -1, 1, 1e-6, ADAPT_DIVERGES},
        {"1/x^2", 0, 1, 1e-3, ADAPT_DIVERGES},
        {"x^-1.01", 0, 1, 1e-3, ADAPT_DIVERGES},
        {"1.7e308+0*x", 0, 1, 1, ADAPT_DIVERGES},
        {"1/(x-pi/10)", 0, 1, 1e-6, ADAPT_NARROW},
        {"1/abs(x-pi/10)", 0, 1, 1e-6, ADAPT_NARROW},
        {"tan(x)", 0, 2, 1e-6, ADAPT_NARROW},
        {"1/sqrt(abs(x-pi/10))", 0, 1, 1e-12, ADAPT_NARROW},
        {"exp(x)", 0, 1, 1e-30, ADAPT_ROUNDING},
        {"1e9*sin(x)", -1, 1, 1e-9, ADAPT_ROUNDING},
    };
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        ask(cases[i].text, cases[i].a, cases[i].b, cases[i].tolerance);
        struct adapt_state now = integrate(1 + rng_below(&rng, 4));
        cr_expect_eq(now.verdict, cases[i].verdict, "%s: verdict %d after %zu intervals, error %g",
                     cases[i].text, now.verdict, adapt.n, now.error);
        cr_expect_gt(now.error, now.goal);
    }
}

Test(adapt, says_where_it_diverges) {
    ask("1/x", -1, 0.5, 1e-6);
    struct adapt_state now = integrate(1);
    cr_assert_eq(now.verdict, ADAPT_DIVERGES);
    cr_assert_lt(now.worst, adapt.n);
    cr_expect(fabs(adapt.at[now.worst].a) < 1e-5, "%g", adapt.at[now.worst].a);
}

Test(adapt, has_a_limit_and_keeps_it) {
    ask("sin(1e7*x)", 0, 1, 1e-9);
    adapt.n_max = 300;
    struct adapt_state now = integrate(7);
    cr_expect_eq(now.verdict, ADAPT_LIMIT);
    cr_expect_leq(adapt.n, 300u);
    cr_expect_gt(adapt.n, 280u);
}

Test(adapt, an_interval_without_width_is_done_at_once) {
    ask("exp(x)", 1, 1, 1e-300);
    struct adapt_state now = integrate(3);
    cr_expect(now.verdict == ADAPT_DONE && now.value == 0 && now.error == 0);
}

Test(adapt, without_memory_nothing_changes) {
    ask("1/sqrt(x)", 0, 1, 1e-9);
    size_t n = 0;
    for (;; n++) {
        struct adapt_state now = adapt_look(&adapt);
        cr_assert_eq(now.verdict, ADAPT_GO);
        size_t n_out = adapt.n_out;
        jd_mem_fail_nth(1);
        int r = adapt_take(&adapt, now.worst);
        jd_mem_fail_nth(0);
        if (r < 0) {
            cr_expect(r == JOBD_E_NOMEM && adapt.n_out == n_out && !adapt.at[now.worst].out);
            break;
        }
        give(now.worst);
    }
    cr_expect_gt(n, 0u);
    cr_expect_eq(integrate(2).verdict, ADAPT_DONE);
    jd_mem_fail_nth(1);
    struct adapt other;
    cr_expect_eq(adapt_begin(&other, 0, 1, 100), JOBD_E_NOMEM);
    jd_mem_fail_nth(0);
    adapt_free(&other);
}
