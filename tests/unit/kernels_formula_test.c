// What may stand for a function, and that both kernels compute it.
#include "kernels/formula.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "msg.h"

static const struct jd_expr_param k_is_3[] = {{{"k", 1}, 3}};

static double integrate(struct jd_formula *f, enum jd_kernel kernel, enum jd_rule rule) {
    const struct jd_integral in = {
        .f = jd_formula_source(f, kernel, jd_isa_best()),
        .a = 0,
        .b = 1,
        .n = 10000,
        .rule = rule,
        .kernel = kernel,
        .isa = jd_isa_best(),
        .edges = JD_EDGE_BOTH,
    };
    struct jd_rule_run run;
    for (jd_rule_begin(&run, &in); jd_rule_advance(&run, 700);)
        continue;
    return jd_rule_value(&run);
}

static struct jd_formula formula_of(const char *text) {
    struct jd_formula f;
    struct jd_expr_error error;
    cr_assert_eq(jd_formula_parse(jd_text(text), k_is_3, 1, &f, &error), 0, "%s: %s", text,
                 error.text);
    return f;
}

Test(formula, a_name_is_that_function) {
    struct jd_formula f = formula_of("cos");
    cr_expect_eq(f.named, jd_integrand_find(jd_text("cos")));
    cr_expect_eq(jd_formula_source(&f, JD_KERNEL_PORTABLE, JD_ISA_BASELINE).named, f.named);
}

// The same additions in the same order: only how the values are asked for differs.
Test(formula, a_function_written_out_has_the_bits_of_its_name) {
    static const char *const names[] = {"cos", "exp", "log1p", "j0"};
    for (size_t i = 0; i < JD_LEN(names); i++) {
        char text[32];
        snprintf(text, sizeof text, "%s(x)", names[i]);
        struct jd_formula named = formula_of(names[i]), written = formula_of(text);
        cr_assert_null(written.named);
        for (int rule = JD_RULE_LEFT; rule <= JD_RULE_GAUSS; rule++)
            cr_expect_eq(integrate(&named, JD_KERNEL_PORTABLE, (enum jd_rule)rule),
                         integrate(&written, JD_KERNEL_PORTABLE, (enum jd_rule)rule), "%s", text);
    }
}

// exact: from antiderivatives, the last by 30-digit arithmetic.
Test(formula, every_kernel_and_rule_comes_to_the_integral) {
    static const struct {
        const char *text;
        double exact;
    } cases[] = {
        {"x^2", 1.0 / 3},      {"cos(k*x)", 0.04704000268662240736},
        {"1/(1+x^2)", M_PI_4}, {"if(x < 0.5, 0, 1)", 0.5},
        {"max(x, 1-x)", 0.75}, {"exp(-x^2)*cos(k*x)", 0.17250829624587805},
    };
    for (size_t i = 0; i < JD_LEN(cases); i++)
        for (int kernel = 0; kernel < 2; kernel++)
            for (int rule = JD_RULE_LEFT; rule <= JD_RULE_GAUSS; rule++) {
                struct jd_formula f = formula_of(cases[i].text);
                double got = integrate(&f, (enum jd_kernel)kernel, (enum jd_rule)rule);
                bool smooth = i != 3, first_order = rule == JD_RULE_LEFT || !smooth;
                cr_expect(fabs(got - cases[i].exact) < (first_order ? 1e-4 : 2e-9),
                          "%s, kernel %d, rule %d: %.17g", cases[i].text, kernel, rule, got);
            }
}

Test(formula, what_is_wrong_has_a_column_and_leaves_the_result_alone) {
    static const struct {
        const char *text;
        size_t column;
    } cases[] = {{"1/", 3}, {"cos(y)", 5}, {"", 1}, {"sin(x", 6}, {"a.b", 1}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct jd_formula f;
        struct jd_expr_error error;
        memset(&f, 0x5a, sizeof f);
        struct jd_formula before = f;
        cr_assert_lt(jd_formula_parse(jd_text(cases[i].text), k_is_3, 1, &f, &error), 0);
        cr_expect_eq(error.column, cases[i].column, "%s: %s", cases[i].text, error.text);
        cr_expect_eq(memcmp(&f, &before, sizeof f), 0);
        cr_expect_lt(jd_formula_parse(jd_text(cases[i].text), k_is_3, 1, &f, NULL), 0);
    }
}

Test(formula, words_and_names_of_plugins) {
    static const char *const words[] = {"cos", "x", "Foo_1", "_"};
    static const char *const foreign[] = {"a.b", "physics.planck", "m1.f_2", "a.b.c"};
    static const char *const neither[] = {"",    "2",    "a.",     ".a",   "a..b",
                                          "1.a", "a.1b", "a.b(x)", "x*.5", "a b"};
    for (size_t i = 0; i < JD_LEN(words); i++)
        cr_expect(jd_formula_is_word(jd_text(words[i])) &&
                      !jd_formula_is_foreign(jd_text(words[i])),
                  "%s", words[i]);
    for (size_t i = 0; i < JD_LEN(foreign); i++) {
        struct jd_formula f;
        cr_expect(jd_formula_is_foreign(jd_text(foreign[i])) &&
                      !jd_formula_is_word(jd_text(foreign[i])),
                  "%s", foreign[i]);
        cr_expect_lt(jd_formula_parse(jd_text(foreign[i]), k_is_3, 1, &f, NULL), 0, "%s",
                     foreign[i]);
    }
    for (size_t i = 0; i < JD_LEN(neither); i++)
        cr_expect(!jd_formula_is_word(jd_text(neither[i])) &&
                      !jd_formula_is_foreign(jd_text(neither[i])),
                  "%s", neither[i]);
}
