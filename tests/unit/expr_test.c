#include "expr.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "rng.h"

static struct rng rng;

static const struct jd_expr_scope of_x = {.x = true};

static double value_of(const char *text) {
    struct jd_expr e;
    struct jd_expr_error err;
    int r = jd_expr_parse(jd_text(text), NULL, &e, &err);
    cr_assert(r == 0, "%s: %s", text, err.text);
    return jd_expr_eval(&e, 0);
}

// Equal as a program sees it: the sign of zero counts, NaN is NaN.
static bool same(double x, double y) {
    return isnan(x) ? isnan(y) : x == y && signbit(x) == signbit(y);
}

struct known {
    const char *text;
    double value;
};

static void expect_values(const struct known *cases, size_t n) {
    for (size_t i = 0; i < n; i++)
        cr_expect(same(value_of(cases[i].text), cases[i].value), "%s = %.17g, not %.17g",
                  cases[i].text, value_of(cases[i].text), cases[i].value);
}

Test(expr, numbers) {
    static const struct known cases[] = {
        {"0", 0},
        {"42", 42},
        {"1.5", 1.5},
        {"1.", 1},
        {".5", .5},
        {"1e-3", 1e-3},
        {"1E3", 1e3},
        {"1e+3", 1e3},
        {"12.5e3", 12500},
        {"007", 7},
        {"0.1", 0.1},
        {"1e22", 1e22},
        {"0x10", 16},
        {"0X1F", 31},
        {"0x1.8p3", 12},
        {"0x1.8P+3", 12},
        {"0x1.fffffffffffffp1023", 0x1.fffffffffffffp1023},
        {"0xffp-4", 255 / 16.0},
        {"0x1e5", 485},
        {"4.9e-324", 0x1p-1074},
        {"1e400", INFINITY},
        {"1e-400", 0},
        {"1e99999999999999999999", INFINITY},
        {"1e-99999999999999999999", 0},
        {"0e99999999999999999999", 0},
        {"2.2250738585072014e-308", 0x1p-1022},
        {"9007199254740993", 9007199254740992.0},
        {"1.7976931348623157e308", 0x1.fffffffffffffp1023},
    };
    expect_values(cases, JD_LEN(cases));
}

Test(expr, constants_and_functions) {
    // Volatile, so that libm computes these too: a compiler may round the last digit otherwise.
    const volatile double one = 1, pi = M_PI, ten = 10;
    const struct known cases[] = {
        {"pi", M_PI},
        {"e", M_E},
        {"tau", 2 * M_PI},
        {"inf", INFINITY},
        {"-inf", -INFINITY},
        {"nan", NAN},
        {"pi/2", M_PI / 2},
        {"-2*pi", -2 * M_PI},
        {"sqrt(2)", sqrt(2)},
        {"sin (pi)", sin(pi)},
        {"(1+sqrt(5))/2", (1 + sqrt(5)) / 2},
        {"cos(cos(cos(1)))", cos(cos(cos(one)))},
        {"lgamma(10)", lgamma(ten)},
        {"-exp(-1)^2", -pow(exp(-one), 2)},
        {"fabs(-3)", 3},
        {"log2(8)+log10(1000)", 6},
        {"2*e", 2 * M_E},
        {"2e0*e", 2 * M_E},
    };
    expect_values(cases, JD_LEN(cases));
}

Test(expr, operators) {
    const struct known cases[] = {
        {"1+2*3", 7},        {"(1+2)*3", 9},     {"10-4-3", 3},
        {"100/10/5", 2},     {"2*3+4*5", 26},    {"2^3^2", 512},
        {"(2^3)^2", 64},     {"-2^2", -4},       {"(-2)^2", 4},
        {"2^-1", 0.5},       {"2^-1^2", 0.5},    {"2^-2^2", 1 / 16.0},
        {"-2*-3", 6},        {"2--1", 3},        {"2-+1", 1},
        {"--2", 2},          {"---2", -2},       {"+2", 2},
        {"+-+-2", 2},        {"2*-3^2", -18},    {"2^+3", 8},
        {"-0", -0.0},        {"0*-1", -0.0},     {"1/0", INFINITY},
        {"-1/0", -INFINITY}, {"0/0", NAN},       {"inf-inf", NAN},
        {"sqrt(-1)", NAN},   {"1-2*3^2/6+4", 2}, {"2^-3*4", 0.5},
        {"((((1))))", 1},    {"2*(3+4)*5", 70},  {"1e308*10", INFINITY},
        {"-(1+2)", -3},      {"nan^0", 1},       {"8/2*4", 16},
    };
    expect_values(cases, JD_LEN(cases));
}

Test(expr, comparisons_and_logic) {
    const struct known cases[] = {
        {"1 < 2", 1},
        {"2 < 1", 0},
        {"1 < 1", 0},
        {"1 <= 1", 1},
        {"2 > 1", 1},
        {"1 > 1", 0},
        {"1 >= 2", 0},
        {"1 == 1.0", 1},
        {"1 != 1", 0},
        {"-0 == 0", 1},
        {"nan == nan", 0},
        {"nan != nan", 1},
        {"nan < 1", 0},
        {"1 && 2", 1},
        {"1 && 0", 0},
        {"0 || 3", 1},
        {"0 || 0", 0},
        {"!0", 1},
        {"!5", 0},
        {"!!5", 1},
        {"nan && 1", 1},
        {"!nan", 0},
        {"1 || 0 && 0", 1},
        {"(1 || 0) && 0", 0},
        {"0 < 1 && 1 < 2", 1},
        {"1 + 1 == 2", 1},
        {"!1 == 0", 1},
        {"!0 + 1", 2},
        {"-1 < 0", 1},
        {"(2^3 > 7) == 1", 1},
        {"2^!0", 2},
        {"1<2", 1},
        {"1<-2", 0},
        {"1<=-2||3>2", 1},
    };
    expect_values(cases, JD_LEN(cases));
}

Test(expr, functions_of_more_than_one_argument) {
    const struct known cases[] = {
        {"min(1, 2)", 1},
        {"max(1, 2)", 2},
        {"min(2, 1)", 1},
        {"max(2, 1)", 2},
        {"min(nan, 1)", NAN},
        {"min(1, nan)", NAN},
        {"max(nan, 1)", NAN},
        {"max(1, nan)", NAN},
        {"min(-inf, inf)", -INFINITY},
        {"pow(2, 10)", 1024},
        {"hypot(3, 4)", 5},
        {"atan2(0, -1)", M_PI},
        {"fmod(7.5, 2)", 1.5},
        {"fmod(-7.5, 2)", -1.5},
        {"copysign(3, -0)", -3},
        {"abs(-3)", 3},
        {"ln(1)", 0},
        {"if(1, 2, 3)", 2},
        {"if(0, 2, 3)", 3},
        {"if(-0, 2, 3)", 3},
        {"if(nan, 2, 3)", 2},
        {"if(1, 2, 1/0)", 2},
        {"max(1+1, 2*(3-1))", 4},
        {"-min(1, 2)^2", -1},
        {"max(min(1, 5), if(2 > 1, 3, 4))", 3},
        {"min ( 1\n, 2 )", 1},
    };
    expect_values(cases, JD_LEN(cases));
}

static double value_at(const char *text, const struct jd_expr_scope *scope, double x) {
    struct jd_expr e;
    struct jd_expr_error err;
    int r = jd_expr_parse(jd_text(text), scope, &e, &err);
    cr_assert(r == 0, "%s: %s", text, err.text);
    return jd_expr_eval(&e, x);
}

Test(expr, the_variable) {
    cr_expect(value_at("x", &of_x, 42) == 42);
    cr_expect(value_at("x^2-x", &of_x, 3) == 6);
    cr_expect(value_at("exp(-x^2)*cos(3*x)", &of_x, 0) == 1);
    cr_expect(value_at("if(x == 0, 1, sin(x)/x)", &of_x, 0) == 1);
    cr_expect(isnan(value_at("sin(x)/x", &of_x, 0)));
    cr_expect(isnan(value_at("x*0", &of_x, INFINITY)));
    cr_expect(value_at("(x < 1) - (x > 1)", &of_x, 0.5) == 1);
}

Test(expr, parameters) {
    static const struct jd_expr_param params[] = {
        {{"k", 1}, 3}, {{"x0", 2}, -1}, {{"_a_b", 4}, INFINITY}, {{"sine", 4}, 0.5}};
    static const struct jd_expr_scope scope = {true, params, JD_LEN(params)};
    static const struct jd_expr_scope constant = {false, params, JD_LEN(params)};
    struct jd_expr e;
    struct jd_expr_error err;
    cr_expect(value_at("k*x + x0", &scope, 2) == 5);
    cr_expect(value_at("sine + 1/_a_b", &scope, 2) == 0.5);
    cr_expect(value_at("k^2", &constant, 2) == 9);
    cr_expect(jd_expr_parse(jd_text("k*x0*k1"), &scope, &e, &err) == JOBD_E_INVAL);
    cr_expect_str_eq(err.text, "column 6: unknown name 'k1', did you mean 'k'?");
    cr_expect(jd_expr_parse(jd_text("2*sina"), &scope, &e, &err) == JOBD_E_INVAL);
    cr_expect_str_eq(err.text, "column 3: unknown name 'sina', did you mean 'sine'?");
    cr_expect(jd_expr_parse(jd_text("k*x"), &constant, &e, &err) == JOBD_E_INVAL);
    cr_expect_str_eq(err.text, "column 3: unknown name 'x', did you mean 'x0'?");
}

static void expect_bad_params(const struct jd_expr_param *params, size_t n, int code,
                              const char *sentence) {
    struct jd_expr_scope scope = {true, params, n};
    struct jd_expr e;
    struct jd_expr_error err = {.column = 99};
    cr_expect(jd_expr_parse(jd_text("1"), &scope, &e, &err) == code);
    cr_expect(err.column == 0);
    cr_expect_str_eq(err.text, sentence);
}

Test(expr, names_that_are_taken_or_no_names) {
    static const char long_name[] = "abcdefghijklmnopqrstuvwxyzabcdefg";
    static const struct {
        const char *name, *sentence;
    } cases[] = {
        {"x", "a parameter cannot be called 'x': this is the variable"},
        {"pi", "a parameter cannot be called 'pi': this is a constant"},
        {"sin", "a parameter cannot be called 'sin': this is a function"},
        {"if", "a parameter cannot be called 'if': this is a function"},
        {"", "a parameter cannot be called '': this is no name: it takes a-z, 0-9 and _, and no "
             "digit first"},
        {"2a", "a parameter cannot be called '2a': this is no name: it takes a-z, 0-9 and _, and "
               "no digit first"},
        {"K", "a parameter cannot be called 'K': this is no name: it takes a-z, 0-9 and _, and no "
              "digit first"},
        {"a\n", "a parameter cannot be called 'a?': this is no name: it takes a-z, 0-9 and _, and "
                "no digit first"},
        {long_name, "a parameter cannot be called 'abcdefghijklmnopqrstuvwxyzabcdef': this is too "
                    "long for a name"},
    };
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct jd_expr_param params[] = {{{"b", 1}, 0}, {jd_text(cases[i].name), 1}};
        expect_bad_params(params, 2, JOBD_E_INVAL, cases[i].sentence);
    }
    struct jd_expr_param twice[] = {{{"b", 1}, 0}, {{"b", 1}, 1}};
    expect_bad_params(twice, 2, JOBD_E_INVAL,
                      "a parameter cannot be called 'b': this is given twice");
}

Test(expr, limit_of_parameters) {
    struct jd_expr_param params[JD_EXPR_PARAMS_MAX + 1];
    static const char names[] = "abcdfghijklmnopqr"; // e is taken
    for (size_t i = 0; i < JD_LEN(params); i++)
        params[i] = (struct jd_expr_param){{&names[i], 1}, 1};
    struct jd_expr_scope scope = {false, params, JD_EXPR_PARAMS_MAX};
    cr_expect(value_at("a+b+q", &scope, 0) == 3);
    expect_bad_params(params, JD_EXPR_PARAMS_MAX + 1, JOBD_E_LIMIT, "more than 16 parameters");
}

Test(expr, white_space_is_free_between_tokens) {
    static const struct known cases[] = {
        {" 1 ", 1}, {"\t1\n+\r2 ", 3}, {" - ( 2 ) ", -2}, {"sqrt\n( 4 )", 2}, {"2 ^ - 1", 0.5},
    };
    expect_values(cases, JD_LEN(cases));
}

Test(expr, the_point_is_a_point_in_every_locale) {
    // On a machine without these the test still holds, in the C locale.
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        setlocale(LC_ALL, "fr_FR.UTF-8");
    cr_expect(value_of("1.5") == 1.5);
    cr_expect(value_of("0x1.8p0") == 1.5);
}

Test(expr, text_needs_no_terminator) {
    struct jd_expr e;
    cr_assert(jd_expr_parse((jobd_bytes){"1+23", 3}, NULL, &e, NULL) == 0);
    cr_expect(jd_expr_eval(&e, 0) == 3);
}

static void expect_error(const char *text, size_t column, const char *sentence) {
    struct jd_expr e;
    struct jd_expr_error err = {.column = 0};
    char whole[JD_EXPR_ERROR_MAX + 32];
    snprintf(whole, sizeof whole, "column %zu: %s", column, sentence);
    cr_expect(jd_expr_parse(jd_text(text), NULL, &e, &err) == JOBD_E_INVAL, "%s is refused", text);
    cr_expect(err.column == column && strcmp(err.text, whole) == 0, "%s: %zu, %s", text, err.column,
              err.text);
    cr_expect(jd_expr_parse(jd_text(text), NULL, &e, NULL) == JOBD_E_INVAL,
              "without a place for it");
}

Test(expr, errors_name_column_and_cause) {
    static const struct {
        const char *text;
        size_t column;
        const char *sentence;
    } cases[] = {
        {"", 1, "expected a number, found the end"},
        {"   ", 4, "expected a number, found the end"},
        {"()", 2, "expected a number, found ')'"},
        {"pi/)", 4, "expected a number, found ')'"},
        {"1+", 3, "expected a number, found the end"},
        {"1 + ", 5, "expected a number, found the end"},
        {"*2", 1, "expected a number, found '*'"},
        {"2**3", 3, "expected a number, found '*'"},
        {"-", 2, "expected a number, found the end"},
        {".", 1, "expected a number, found '.'"},
        {"2 3", 3, "expected an operator, found '3'"},
        {"2pi", 2, "expected an operator, found 'pi'"},
        {"1e", 2, "expected an operator, found 'e'"},
        {"1e+", 2, "expected an operator, found 'e'"},
        {"0x", 2, "expected an operator, found 'x'"},
        {"0x.8", 2, "expected an operator, found 'x'"},
        {"0x1p", 4, "expected an operator, found 'p'"},
        {"1.2.3", 4, "expected an operator, found '.'"},
        {"1,5", 2, "expected an operator, found ','"},
        {"pi(2)", 3, "expected an operator, found '('"},
        {"(1)(2)", 4, "expected an operator, found '('"},
        {"1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 3,
         "expected an operator, found 'aaaaaaaaaaaaaaaaaaaaaaaa'"},
        {"1)", 2, "')' without '('"},
        {"(1))+1", 4, "')' without '('"},
        {"(1", 3, "expected ')' for the '(' at column 1, found the end"},
        {"1+sin(2*(3+4)", 14, "expected ')' for the '(' at column 6, found the end"},
        {"sin", 4, "expected '(' after 'sin', found the end"},
        {"sin 1", 5, "expected '(' after 'sin', found '1'"},
        {"1+cos", 6, "expected '(' after 'cos', found the end"},
        {"cso(1)", 1, "unknown name 'cso', did you mean 'cos'?"},
        {"1 + PI", 5, "unknown name 'PI', did you mean 'pi'?"},
        {"2*p", 3, "unknown name 'p', did you mean 'pi'?"},
        {"x", 1, "unknown name 'x'"},
        {"3*foobar+1", 3, "unknown name 'foobar'"},
        {"_", 1, "unknown name '_'"},
        {"atan3(1,2)", 1, "unknown name 'atan3', did you mean 'atan'?"},
        {"hipot(1,2)", 1, "unknown name 'hipot', did you mean 'hypot'?"},
        {"atan2(1)", 8, "expected ',' and argument 2 of 'atan2', found ')'"},
        {"if(1, 2)", 8, "expected ',' and argument 3 of 'if', found ')'"},
        {"sin(1,2)", 6, "'sin' takes 1 argument"},
        {"max(1,(2),3)", 10, "'max' takes 2 arguments"},
        {"max(1", 6, "expected ')' for the '(' at column 4, found the end"},
        {"max(,1)", 5, "expected a number, found ','"},
        {"max(1,)", 7, "expected a number, found ')'"},
        {"(1,2)", 3, "expected an operator, found ','"},
        {"max((1,2))", 7, "expected an operator, found ','"},
        {"1 = 2", 3, "expected an operator, found '=', did you mean '=='?"},
        {"1 & 2", 3, "expected an operator, found '&', did you mean '&&'?"},
        {"1 | 2", 3, "expected an operator, found '|', did you mean '||'?"},
        {"1 =< 2", 3, "expected an operator, found '=', did you mean '=='?"},
        {"1 < = 2", 5, "expected a number, found '='"},
        {"1 ! 2", 3, "expected an operator, found '!'"},
        {"0 < 1 < 2", 7, "comparisons do not chain: write 'a < b && b < c'"},
        {"1 == 1+1 != 3", 10, "comparisons do not chain: write 'a < b && b < c'"},
        {"1 \xcf\x80", 3, "expected an operator, found byte 0xCF"},
        {"\x01", 1, "expected a number, found byte 0x01"},
    };
    for (size_t i = 0; i < JD_LEN(cases); i++)
        expect_error(cases[i].text, cases[i].column, cases[i].sentence);
}

Test(expr, a_zero_byte_is_not_the_end) {
    struct jd_expr e;
    struct jd_expr_error err;
    cr_expect(jd_expr_parse((jobd_bytes){"1\0+1", 4}, NULL, &e, &err) == JOBD_E_INVAL);
    cr_expect_str_eq(err.text, "column 2: expected an operator, found byte 0x00");
    cr_expect(jd_expr_parse((jobd_bytes){NULL, 0}, NULL, &e, &err) == JOBD_E_INVAL);
}

Test(expr, nothing_is_written_where_nothing_is_promised) {
    struct jd_expr e = {.n_ops = 77};
    struct jd_expr_error err = {.column = 99};
    cr_expect(jd_expr_parse(jd_text("1+"), NULL, &e, NULL) == JOBD_E_INVAL && e.n_ops == 77);
    cr_expect(jd_expr_parse(jd_text("1+1"), NULL, &e, &err) == 0 && err.column == 99);
}

// before, then n times unit, then after.
static jobd_bytes repeat(char *out, const char *before, const char *unit, size_t n,
                         const char *after) {
    char *at = stpcpy(out, before);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, unit);
    return (jobd_bytes){out, (size_t)(stpcpy(at, after) - out)};
}

static void expect_limit(jobd_bytes text, size_t column, const char *sentence) {
    struct jd_expr e;
    struct jd_expr_error err = {.column = 0};
    cr_expect(jd_expr_parse(text, &of_x, &e, &err) == JOBD_E_LIMIT);
    cr_expect(err.column == column && strstr(err.text, sentence), "%zu %s", err.column, err.text);
}

Test(expr, limit_of_length) {
    char text[JD_EXPR_TEXT_MAX + 2];
    struct jd_expr e;
    cr_assert(jd_expr_parse(repeat(text, "", "0", JD_EXPR_TEXT_MAX - 1, "7"), NULL, &e, NULL) == 0);
    cr_expect(jd_expr_eval(&e, 0) == 7);
    cr_assert(jd_expr_parse(repeat(text, "", "9", JD_EXPR_TEXT_MAX - 5, "e-999"), NULL, &e, NULL) ==
              0);
    cr_expect(jd_expr_eval(&e, 0) == 1e20);
    cr_assert(jd_expr_parse(repeat(text, "0.", "0", JD_EXPR_TEXT_MAX - 8, "1e1017"), NULL, &e,
                            NULL) == 0);
    cr_expect(jd_expr_eval(&e, 0) == 1);
    expect_limit(repeat(text, "", " ", JD_EXPR_TEXT_MAX, "1"), JD_EXPR_TEXT_MAX + 1,
                 "longer than 1024 bytes");
}

Test(expr, limit_of_depth) {
    const size_t n = JD_EXPR_DEPTH_MAX;
    char text[JD_EXPR_TEXT_MAX + 2], closing[JD_EXPR_DEPTH_MAX + 2];
    struct jd_expr e;
    repeat(closing, "1", ")", n, "");
    cr_assert(jd_expr_parse(repeat(text, "", "(", n, closing), NULL, &e, NULL) == 0);
    cr_expect(jd_expr_eval(&e, 0) == 1);
    cr_assert(jd_expr_parse(repeat(text, "", "-", n, "1"), NULL, &e, NULL) == 0);
    cr_expect(jd_expr_eval(&e, 0) == 1);
    expect_limit(repeat(text, "", "(", n + 1, closing), n + 1, "nested deeper than 64");
    expect_limit(repeat(text, "", "-", n + 1, "1"), n + 1, "nested deeper than 64");
    expect_limit(repeat(text, "", "sin(", n + 1, closing), 4 * (n + 1), "nested deeper than 64");
    expect_limit(repeat(text, "1", "^1", n + 1, ""), 2 * (n + 1), "nested deeper than 64");
}

Test(expr, limit_of_operations) {
    char text[JD_EXPR_TEXT_MAX + 2];
    struct jd_expr e;
    // n additions to x are 2n + 1 operations; with a sign they are 2n + 2.
    const size_t n = JD_EXPR_OPS_MAX / 2 - 1;
    cr_assert(jd_expr_parse(repeat(text, "-x", "+x", n, ""), &of_x, &e, NULL) == 0);
    cr_expect(e.n_ops == JD_EXPR_OPS_MAX && jd_expr_eval(&e, 1) == (double)n - 1);
    expect_limit(repeat(text, "-x", "+x", n + 1, ""), 2 * n + 4,
                 "more than 128 numbers and operations");
}

Test(expr, constants_are_computed_while_parsing) {
    char text[JD_EXPR_TEXT_MAX + 2];
    struct jd_expr e;
    cr_assert(jd_expr_parse(repeat(text, "1", "+1", 500, ""), NULL, &e, NULL) == 0);
    cr_expect(e.n_ops == 1 && jd_expr_eval(&e, NAN) == 501);
    cr_assert(jd_expr_parse(jd_text("if(1 < 2, sin(pi/2), 0)*x^(1+1)"), &of_x, &e, NULL) == 0);
    cr_expect(e.n_ops == 5 && jd_expr_eval(&e, 3) == 9);
}

// The deepest stack of values that fits: every operator waits for its right side.
Test(expr, the_deepest_program_runs) {
    char text[JD_EXPR_TEXT_MAX + 2];
    struct jd_expr e;
    const size_t n = JD_EXPR_OPS_MAX / 2 - 1;
    cr_assert(n < JD_EXPR_DEPTH_MAX);
    cr_assert(jd_expr_parse(repeat(text, "x", "^x", n, ""), &of_x, &e, NULL) == 0);
    cr_expect(jd_expr_eval(&e, 1) == 1);
    // With functions more values may wait than parentheses.
    char closing[64];
    repeat(closing, "x", ")", 40, "");
    cr_assert(jd_expr_parse(repeat(text, "", "if(x,x,", 40, closing), &of_x, &e, NULL) == 0);
    cr_expect(jd_expr_eval(&e, 7) == 7 && isnan(jd_expr_eval(&e, NAN)));
}

// Any double that is printed is read back, in decimal and in hexadecimal.
Test(expr, reads_what_printf_prints) {
    rng = rng_begin("expr");
    for (int round = 0; round < 100000; round++) {
        uint64_t bits = rng_u64(&rng);
        double x;
        memcpy(&x, &bits, sizeof x);
        char text[64];
        snprintf(text, sizeof text, "%.17g", x);
        cr_assert(same(value_of(text), x), "%s", text);
        snprintf(text, sizeof text, "%a", x);
        cr_assert(same(value_of(text), x), "%s", text);
    }
}

// Digits at random places around the point agree with strtod() bit for bit.
Test(expr, numbers_agree_with_strtod) {
    rng = rng_begin("expr");
    for (int round = 0; round < 100000; round++) {
        char text[64];
        size_t n = 0;
        bool hex = rng_below(&rng, 2);
        int digits = 1 + (int)rng_below(&rng, 25), point = (int)rng_below(&rng, 25);
        n += (size_t)snprintf(text, sizeof text, "%s", hex ? "0x" : "");
        for (int i = 0; i < digits; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, i && i == point ? ".%c" : "%c",
                                  "0123456789abcdef"[rng_below(&rng, hex ? 16 : 10)]);
        int exponent = (int)(rng_below(&rng, hex ? 2200 : 680)) - (hex ? 1100 : 340);
        snprintf(text + n, sizeof text - n, "%c%+d", hex ? 'p' : 'e', exponent);
        cr_assert(same(value_of(text), strtod(text, NULL)), "%s", text);
    }
}

// ---- random expressions against a second evaluator: C's own operators, while the text is written
// ----

struct writer {
    char text[JD_EXPR_TEXT_MAX];
    size_t len;
};

JD_PRINTF(2, 3) static void put(struct writer *w, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(w->text + w->len, sizeof w->text - w->len, fmt, ap);
    va_end(ap);
    cr_assert(n >= 0 && (size_t)n < sizeof w->text - w->len);
    w->len += (size_t)n;
}

static double write_sum(struct writer *w, int depth);

static double write_operand(struct writer *w, int depth) {
    switch (depth > 0 ? rng_below(&rng, 5) : rng_below(&rng, 3)) {
    case 0:
        put(w, "pi");
        return M_PI;
    case 1:
    case 2: {
        unsigned n = (unsigned)rng_below(&rng, 1000);
        put(w, "%u.%u", n, n % 10);
        return n + n % 10 / 10.0;
    }
    case 3: {
        put(w, "(");
        double x = write_sum(w, depth - 1);
        put(w, ")");
        return x;
    }
    default: {
        put(w, "atan( ");
        double x = atan(write_sum(w, depth - 1));
        put(w, ")");
        return x;
    }
    }
}

static double write_signed(struct writer *w, int depth) {
    bool minus = rng_below(&rng, 4) == 0;
    if (minus)
        put(w, "-");
    double x = write_operand(w, depth);
    if (rng_below(&rng, 4) == 0) {
        put(w, "^");
        x = pow(x, depth > 0 ? write_signed(w, depth - 1) : write_operand(w, 0));
    }
    return minus ? -x : x;
}

static double write_product(struct writer *w, int depth) {
    double x = write_signed(w, depth);
    for (uint64_t n = rng_below(&rng, 3); n > 0; n--) {
        bool divide = rng_below(&rng, 2);
        put(w, divide ? " / " : "*");
        double y = write_signed(w, depth - 1);
        x = divide ? x / y : x * y;
    }
    return x;
}

static double write_sum(struct writer *w, int depth) {
    double x = write_product(w, depth);
    for (uint64_t n = rng_below(&rng, 3); n > 0; n--) {
        bool minus = rng_below(&rng, 2);
        put(w, minus ? "-" : " + ");
        double y = write_product(w, depth - 1);
        x = minus ? x - y : x + y;
    }
    return x;
}

Test(expr, random_expressions_have_the_value_c_gives_them) {
    rng = rng_begin("expr");
    int n_parsed = 0;
    for (int round = 0; round < 20000; round++) {
        struct writer w = {.len = 0};
        double expected = write_sum(&w, 2);
        struct jd_expr e;
        struct jd_expr_error err;
        int r = jd_expr_parse((jobd_bytes){w.text, w.len}, NULL, &e, &err);
        cr_assert(r == 0 || r == JOBD_E_LIMIT, "%s: %s", w.text, err.text);
        if (r == 0)
            cr_assert(same(jd_expr_eval(&e, 0), expected), "%s = %.17g, not %.17g", w.text,
                      jd_expr_eval(&e, 0), expected);
        n_parsed += r == 0;
    }
    cr_expect(n_parsed > 10000);
}

// Bytes at random are refused inside the text or one past it, or they have a value.
Test(expr, random_text_is_answered) {
    rng = rng_begin("expr");
    static const char alphabet[] = "0123456789.+-*/^()  epixn_\t<>=!&|,min";
    for (int round = 0; round < 100000; round++) {
        char text[40];
        size_t n = rng_below(&rng, sizeof text + 1);
        for (size_t i = 0; i < n; i++)
            text[i] = rng_below(&rng, 32) ? alphabet[rng_below(&rng, sizeof alphabet - 1)]
                                          : (char)rng_u64(&rng);
        struct jd_expr e;
        struct jd_expr_error err = {.column = 0};
        int r = jd_expr_parse((jobd_bytes){text, n}, &of_x, &e, &err);
        cr_assert(r == 0 || (r == JOBD_E_INVAL && err.column >= 1 && err.column <= n + 1),
                  "%.*s: column %zu", (int)n, text, err.column);
        if (r == 0)
            jd_expr_eval(&e, 0);
    }
}
