#include "expr_block.h"

#include <criterion/criterion.h>
#include <float.h>
#include <stdio.h>

#include "expr_check.h"
#include "guard.h"
#include "msg.h"
#include "rng.h"

static struct rng rng;

static const struct jd_expr_scope of_x = {.x = true};

static struct jd_expr parse(const char *text) {
    struct jd_expr e;
    struct jd_expr_error err;
    cr_assert(jd_expr_parse(jd_text(text), &of_x, &e, &err) == 0, "%s: %s", text, err.text);
    return e;
}

// Any double; small ones of daily life; and those at which something changes.
static double random_x(void) {
    static const double special[] = {
        0,        -0.0,      1,       -1,       0.5,     -0.5,     2,         3,          NAN,
        INFINITY, -INFINITY, DBL_MIN, -DBL_MIN, DBL_MAX, -DBL_MAX, 0x1p-1074, -0x1p-1074, 0x1p-1030,
        709.78,   -745.2,    1e300,   1e-300,   0x1p53,  710,      -708.5,    27,         -27};
    uint64_t bits = rng_u64(&rng);
    double x;
    switch (rng_below(&rng, 4)) {
    case 0:
        return special[rng_below(&rng, JD_LEN(special))];
    case 1:
        memcpy(&x, &bits, sizeof x);
        return x;
    default:
        return ((double)(bits >> 11) * 0x1p-53 - 0.5) * 20;
    }
}

static void expect_right(const char *text, size_t n) {
    struct jd_expr e = parse(text);
    double x[EXPR_CHECK_MAX];
    for (size_t i = 0; i < n; i++)
        x[i] = random_x();
    for (enum jd_expr_level level = JD_EXPR_BASE; level <= jd_expr_level_best(); level++) {
        struct expr_check_failure f;
        cr_assert(expr_check(&e, level, x, n, &f),
                  "%s, level %s: operation %u of (%a, %a, %a) is %a, not %a (x = %a)", text,
                  jd_expr_level_name(level), f.op, f.in[0], f.in[1], f.in[2], f.got, f.want, f.x);
    }
}

Test(expr_block, every_function_of_one_argument) {
    rng = rng_begin("expr_block");
    const struct jd_integrand *f;
    for (size_t i = 0; (f = jd_integrand_at(i)); i++)
        for (int round = 0; round < 1000; round++) {
            char text[32];
            snprintf(text, sizeof text, "%s(x)", f->name);
            expect_right(text, 1 + rng_below(&rng, EXPR_CHECK_MAX));
        }
}

// Each operand a block or a constant, each operator and power by itself.
Test(expr_block, every_operator_and_power) {
    static const char *const forms[] = {
        "x+%s",           "%s+x",         "x-%s",         "%s-x",          "x*%s",
        "%s*x",           "x/%s",         "%s/x",         "-x+%s",         "x<%s",
        "%s<x",           "x<=%s",        "%s<=x",        "x>%s",          "%s>x",
        "x>=%s",          "%s>=x",        "x==%s",        "%s==x",         "x!=%s",
        "%s!=x",          "x&&%s",        "%s&&x",        "x||%s",         "%s||x",
        "!x+%s",          "min(x,%s)",    "min(%s,x)",    "max(x,%s)",     "max(%s,x)",
        "x^%s",           "%s^x",         "pow(x,%s)",    "atan2(x,%s)",   "atan2(%s,x)",
        "hypot(x,%s)",    "hypot(%s,x)",  "fmod(x,%s)",   "fmod(%s,x)",    "copysign(x,%s)",
        "copysign(%s,x)", "if(x,%s,2)",   "if(x,2,%s)",   "if(x,%s,x)",    "if(x,x+1,%s)",
        "if(%s,x,x+1)",   "if(x<%s,1,2)", "if(x<%s,x,2)", "if(x>=%s,1,x)", "if(x==x,%s,-x)"};
    static const char *const operands[] = {
        "0",         "-0",       "1",      "-1",  "2",      "3",     "4",      "5",       "6",
        "7",         "8",        "9",      "-2",  "-3",     "-4",    "-5",     "0.5",     "-0.5",
        "1.5",       "2.5",      "3.5",    "1/3", "-1.5",   "inf",   "(-inf)", "nan",     "1e308",
        "0x1p-1074", "0x1p1023", "(-1/3)", "x",   "cos(x)", "(x+1)", "(2*x)",  "(x-x/3)", "(3-x)"};
    rng = rng_begin("expr_block");
    for (size_t i = 0; i < JD_LEN(forms); i++)
        for (size_t k = 0; k < JD_LEN(operands); k++) {
            const char *hole = strstr(forms[i], "%s");
            char text[64];
            snprintf(text, sizeof text, "%.*s%s%s", (int)(hole - forms[i]), forms[i], operands[k],
                     hole + 2);
            for (int round = 0; round < 20; round++)
                expect_right(text, 1 + rng_below(&rng, EXPR_CHECK_MAX));
        }
}

// ---- random expressions ----

struct writer {
    char text[JD_EXPR_TEXT_MAX];
    size_t len;
};

static void put(struct writer *w, const char *text) {
    size_t n = strlen(text);
    cr_assert(n < sizeof w->text - w->len);
    memcpy(w->text + w->len, text, n + 1);
    w->len += n;
}

static const char *pick(const char *const *from, size_t n) {
    return from[rng_below(&rng, n)];
}

static void write_any(struct writer *w, int depth) {
    static const char *const leaves[] = {"x", "x", "x", "2", "3", "0.5", "1", "-1", "pi", "1e-3"};
    static const char *const binary[] = {"+", "-",  "*", "/",  "+",  "-",  "*",  "^",
                                         "<", "<=", ">", "==", "!=", "&&", "||", ">="};
    static const char *const names_1[] = {"sin", "exp", "log", "sqrt", "abs", "tgamma", "floor",
                                          "",    "-",   "!",   "erf",  "ln",  "cbrt",   "rint"};
    static const char *const names_2[] = {"min", "max", "atan2", "hypot", "fmod", "copysign"};
    uint64_t what = depth > 0 ? rng_below(&rng, 8) : 0;
    bool call = what == 5 || what == 6;
    if (what == 0) {
        put(w, pick(leaves, JD_LEN(leaves)));
        return;
    }
    if (what == 5)
        put(w, pick(names_2, JD_LEN(names_2)));
    else if (what == 6)
        put(w, "if");
    else if (what == 7)
        put(w, pick(names_1, JD_LEN(names_1)));
    put(w, "(");
    write_any(w, depth - 1);
    for (int i = what == 7 ? 2 : what == 6 ? 0 : 1; i < 2; i++) {
        put(w, call ? "," : pick(binary, JD_LEN(binary)));
        if (!call)
            put(w, "(");
        write_any(w, depth - 1);
        if (!call)
            put(w, ")");
    }
    put(w, ")");
}

Test(expr_block, random_expressions) {
    rng = rng_begin("expr_block");
    unsigned n_parsed = 0;
    for (int round = 0; round < 20000; round++) {
        struct writer w = {.len = 0};
        struct jd_expr e;
        struct jd_expr_error err;
        write_any(&w, 1 + (int)rng_below(&rng, 4));
        int r = jd_expr_parse((jobd_bytes){w.text, w.len}, &of_x, &e, &err);
        cr_assert(r == 0 || r == JOBD_E_LIMIT, "%s: %s", w.text, err.text);
        if (r == 0)
            expect_right(w.text, 1 + rng_below(&rng, 20));
        n_parsed += r == 0;
    }
    cr_expect(n_parsed > 15000);
}

// ---- blocks ----

// More values than one block has, and a length that no vector divides: each has the bits that it
// has alone.
Test(expr_block, a_value_does_not_depend_on_its_neighbours) {
    enum { N = 2 * JD_EXPR_BLOCK_MAX + 13 };
    static double x[N + 1], y[N + 1];
    rng = rng_begin("expr_block");
    static const char *const texts[] = {"x",
                                        "7",
                                        "sin(x)*exp(-x^2)+log(abs(x))",
                                        "tan(x)+cbrt(x)*erf(x)",
                                        "atan2(x,3)^x-asinh(x)",
                                        "if(x < 0, tgamma(x), x/3)+hypot(x, 1)"};
    for (size_t t = 0; t < JD_LEN(texts); t++)
        for (enum jd_expr_level level = JD_EXPR_BASE; level <= jd_expr_level_best(); level++) {
            struct jd_expr e = parse(texts[t]);
            struct jd_expr_block block;
            jd_expr_compile(&e, level, &block);
            for (size_t i = 0; i < N; i++)
                x[i] = random_x();
            y[N] = 42;
            jd_expr_run(&block, x, y, N);
            cr_expect(y[N] == 42, "nothing is written behind the end");
            for (size_t i = 0; i < N; i++) {
                double alone;
                jd_expr_run(&block, &x[i], &alone, 1);
                cr_assert(memcmp(&alone, &y[i], sizeof alone) == 0 || (isnan(alone) && isnan(y[i])),
                          "%s: place %zu, x = %a: %a and alone %a", texts[t], i, x[i], y[i], alone);
            }
        }
}

Test(expr_block, no_values_are_no_work) {
    struct jd_expr e = parse("sin(x)");
    struct jd_expr_block block;
    jd_expr_compile(&e, jd_expr_level_best(), &block);
    jd_expr_run(&block, NULL, NULL, 0);
}

static unsigned steps_of(const char *text) {
    struct jd_expr e = parse(text);
    struct jd_expr_block block;
    jd_expr_compile(&e, JD_EXPR_BASE, &block);
    return block.n_steps;
}

Test(expr_block, loops_are_shared_and_few) {
    cr_expect(steps_of("x") == 1);
    cr_expect(steps_of("1+2") == 1);
    cr_expect(steps_of("1/(1+x^2)") == 2);
    cr_expect(steps_of("2*x+1") == 1);
    cr_expect(steps_of("x/4-1") == 1);
    cr_expect(steps_of("-x^2") == 1);
    cr_expect(steps_of("if(x < 1, x, 0)") == 1);
    cr_expect(steps_of("sin(x)*sin(x)+sin(x)") == 2, "sin is computed once");
    cr_expect(steps_of("exp(-x)+1/exp(-x)") == 4);
    cr_expect(steps_of("tgamma(x)+tgamma(x)") == 2);
    cr_expect(steps_of("tgamma(x)+lgamma(x)") == 3, "these are two functions");
    cr_expect(steps_of("fmod(x,2)+fmod(2,x)") == 4);
}

// Many values that wait at the same time: blocks become shorter, so that all of them fit.
Test(expr_block, the_largest_program_runs) {
    enum { N = 25 };
    char text[JD_EXPR_TEXT_MAX + 1];
    size_t n = 0;
    rng = rng_begin("expr_block");
    for (int i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "sin(x*%d)-(", i + 2);
    n += (size_t)snprintf(text + n, sizeof text - n, "x%.*s", N,
                          ")))))))))))))))))))))))))))))))))");
    struct jd_expr e = parse(text);
    struct jd_expr_block block;
    jd_expr_compile(&e, jd_expr_level_best(), &block);
    cr_expect(e.n_ops == JD_EXPR_OPS_MAX - 2, "%u", e.n_ops);
    cr_expect(block.n_scratch > N && block.block < JD_EXPR_BLOCK_MAX);
    cr_expect(block.n_scratch * block.block <= JD_EXPR_SCRATCH_MAX);
    for (int round = 0; round < 100; round++)
        expect_right(text, EXPR_CHECK_MAX);
}

// As many constants as operations can name, and then some that reductions add.
Test(expr_block, the_most_constants_fit) {
    char text[JD_EXPR_TEXT_MAX + 1] = "x";
    size_t n = 1;
    rng = rng_begin("expr_block");
    for (int i = 0; i < (JD_EXPR_OPS_MAX - 1) / 2; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, i % 2 ? "-%d" : "/%d", 1 << (i % 20));
    expect_right(text, EXPR_CHECK_MAX);
}

Test(expr_block, levels_have_names) {
    cr_expect_str_eq(jd_expr_level_name(JD_EXPR_BASE), "base");
    cr_expect_str_eq(jd_expr_level_name(JD_EXPR_AVX2), "avx2");
    cr_expect_str_eq(jd_expr_level_name(JD_EXPR_AVX512), "avx512");
    cr_expect(jd_expr_level_best() < JD_EXPR_N_LEVELS);
}
