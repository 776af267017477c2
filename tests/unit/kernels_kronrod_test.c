// Panels: what they are exact for, and what their error estimates are worth.
#include "kernels/kronrod.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "guard.h"
#include "kernels/formula.h"
#include "msg.h"
#include "rng.h"

static struct jd_formula formula;

static struct jd_integral integral_of(const char *text, double a, double b, enum jd_kernel kernel) {
    struct jd_expr_error error;
    cr_assert_eq(jd_formula_parse(jd_text(text), NULL, 0, &formula, &error), 0, "%s: %s", text,
                 error.text);
    return (struct jd_integral){
        .f = jd_formula_source(&formula, kernel, jd_isa_best()),
        .a = a,
        .b = b,
        .kernel = kernel,
        .isa = jd_isa_best(),
    };
}

static struct jd_panel panel_of(const struct jd_integral *in) {
    struct jd_panel panel;
    struct jd_point bad;
    cr_assert(jd_kronrod(in, &panel, &bad));
    return panel;
}

struct power {
    unsigned exponent;
};

static void power_block(const void *ctx, const double *x, double *y, size_t n) {
    const struct power *p = ctx;
    for (size_t i = 0; i < n; i++)
        y[i] = pow(x[i], p->exponent);
}

// On [-1, 1] the integral of x^k is 2 / (k + 1) for even k, and that of 24 is the first to be missed.
Test(kronrod, is_exact_up_to_degree_23) {
    for (unsigned k = 0; k <= 24; k++) {
        const struct power p = {k};
        const struct jd_integral in = {.f = {.block = power_block, .ctx = &p}, .a = -1, .b = 1};
        double exact = k % 2 ? 0 : 2.0 / (k + 1), error = fabs(panel_of(&in).value - exact);
        if (k < 24)
            cr_expect_lt(error, 4 * DBL_EPSILON, "x^%u: %g", k, error);
        else
            cr_expect_gt(error, 1e-9, "x^%u: %g", k, error);
    }
}

// The Gauss rule inside is exact up to degree 13: there is nothing to estimate but rounding.
Test(kronrod, sees_no_error_where_both_rules_are_exact) {
    for (unsigned k = 0; k <= 14; k += 2) {
        const struct power p = {k};
        const struct jd_integral in = {.f = {.block = power_block, .ctx = &p}, .a = -1, .b = 1};
        struct jd_panel panel = panel_of(&in);
        if (k < 14)
            cr_expect(panel.error <= panel.rounding * 2, "x^%u: %g", k, panel.error);
        else
            cr_expect_gt(panel.error, 10 * panel.rounding, "x^%u: %g", k, panel.error);
    }
}

static const struct {
    const char *text;
    double a, b, exact;
} known[] = {
    {"exp", 0, 1, 1.7182818284590452354},
    {"cos", 0, M_PI_2, 1},
    {"1/(1+x^2)", 0, 1, M_PI_4},
    {"sqrt(x)", 0, 1, 2.0 / 3},
    {"log(x)", 0, 1, -1},
    {"abs(x-0.3)", 0, 1, 0.29},
    {"sin(20*x)", 0, 1, 0.029595896906655},
    {"floor(3*x)", 0, 1, 1},
};

Test(kronrod, the_estimate_is_above_the_error_and_both_kernels_agree) {
    for (size_t i = 0; i < JD_LEN(known); i++) {
        struct jd_panel panel[2];
        for (int k = 0; k < 2; k++) {
            struct jd_integral in =
                integral_of(known[i].text, known[i].a, known[i].b, (enum jd_kernel)k);
            panel[k] = panel_of(&in);
            cr_expect(fabs(panel[k].value - known[i].exact) <= panel[k].error + 1e-15,
                      "%s: %.17g, error %g, exact %.17g", known[i].text, panel[k].value,
                      panel[k].error, known[i].exact);
            cr_expect_gt(panel[k].rounding, 0);
            cr_expect_leq(panel[k].rounding, panel[k].error);
        }
        cr_expect(fabs(panel[0].value - panel[1].value) <= panel[0].rounding, "%s", known[i].text);
    }
}

Test(kronrod, the_other_direction_has_the_other_sign) {
    struct rng rng = rng_begin("kronrod");
    for (int i = 0; i < 100; i++) {
        double a = (double)rng_below(&rng, 1000) / 100, b = (double)rng_below(&rng, 1000) / 100;
        struct jd_integral there = integral_of("exp", a, b, JD_KERNEL_PORTABLE), back = there;
        back.a = b;
        back.b = a;
        struct jd_panel one = panel_of(&there), other = panel_of(&back);
        cr_expect(fabs(one.value + other.value) <= one.rounding, "%g to %g", a, b);
        cr_expect_geq(other.error, 0);
    }
}

Test(kronrod, names_the_point_where_there_is_no_value) {
    static const struct {
        const char *text;
        double x, y;
    } cases[] = {{"1/x", 0, INFINITY}, {"-1/x^2", 0, -INFINITY}, {"sin(x)/x", 0, NAN}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct jd_integral in = integral_of(cases[i].text, -1, 1, JD_KERNEL_PORTABLE);
        struct jd_panel panel;
        struct jd_point bad;
        cr_assert_not(jd_kronrod(&in, &panel, &bad), "%s", cases[i].text);
        cr_expect_eq(bad.x, cases[i].x);
        cr_expect(isnan(cases[i].y) ? isnan(bad.y) : bad.y == cases[i].y, "%s", cases[i].text);
    }
}

Test(kronrod, never_asks_for_an_end) {
    struct jd_integral in = integral_of("1/sqrt(x)/sqrt(1-x)", 0, 1, JD_KERNEL_PORTABLE);
    cr_expect(isfinite(panel_of(&in).value));
}

Test(kronrod, a_sum_that_overflows_has_an_infinite_error) {
    struct jd_integral in = integral_of("1.7e308+0*x", 0, 1, JD_KERNEL_PORTABLE);
    cr_expect_eq(panel_of(&in).error, INFINITY);
    in = integral_of("1e308+0*x", 0, 10, JD_KERNEL_PORTABLE);
    cr_expect_eq(panel_of(&in).error, INFINITY);
}
