// The built-in tasks, called as a worker calls them, with a host of the test's own.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef __x86_64__
#include <xmmintrin.h>
#endif

#include "guard.h"
#include "kernels/formula.h"
#include "mem.h"
#include "tasks/tasks.h"

// A job in a world where a look at the clock takes as long as the test wants.
struct jobd_task_ctx {
    uint64_t now_ns, tick_ns;
    unsigned cancel_after; // looks; 0 = never
    unsigned n_looks;
    char name[64], message[256];
    char notes[256]; // one after the other
    double fraction;
    unsigned char value[32768];
    size_t n_value;
    void *blocks[64];
    size_t n_blocks;
};

static int fake_result(jobd_task_ctx *c, jobd_bytes v) {
    cr_assert_leq(v.len, sizeof c->value);
    memcpy(c->value, v.data, v.len);
    c->n_value = v.len;
    return 0;
}

static int fake_fail(jobd_task_ctx *c, const char *name, const char *message) {
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->message, sizeof c->message, "%s", message);
    return JOBD_E_TASK;
}

static bool fake_cancelled(const jobd_task_ctx *c) {
    jobd_task_ctx *mine = (jobd_task_ctx *)(uintptr_t)c;
    return ++mine->n_looks >= c->cancel_after && c->cancel_after;
}

static int fake_progress(jobd_task_ctx *c, double fraction, const char *note) {
    size_t n = strlen(c->notes);
    if (note)
        snprintf(c->notes + n, sizeof c->notes - n, "%s ", note);
    c->fraction = fraction;
    return 0;
}

static void *fake_alloc(jobd_task_ctx *c, size_t n) {
    cr_assert_lt(c->n_blocks, JD_LEN(c->blocks));
    return c->blocks[c->n_blocks++] = jd_alloc(n);
}

static uint64_t fake_now_ns(const jobd_task_ctx *c) {
    return ((jobd_task_ctx *)(uintptr_t)c)->now_ns += c->tick_ns;
}

static uint64_t fake_started_ns(const jobd_task_ctx *c) {
    return c->now_ns;
}

static double bump(double x) {
    return x * (1 - x);
}

static void bump_block(const double *x, double *y, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = bump(x[i]);
}

static const jobd_integrand_def *fake_integrand(const jobd_task_ctx *ctx, jobd_bytes name) {
    static const jobd_integrand_def defs[] = {{"test.both", bump, bump_block, NULL},
                                              {"test.point", bump, NULL, NULL},
                                              {"test.block", NULL, bump_block, NULL}};
    (void)ctx;
    for (size_t i = 0; i < JD_LEN(defs); i++)
        if (strlen(defs[i].name) == name.len && memcmp(defs[i].name, name.data, name.len) == 0)
            return &defs[i];
    return NULL;
}

static const jobd_host host = {
    .struct_size = sizeof host,
    .abi_major = JOBD_TASK_ABI_MAJOR,
    .result = fake_result,
    .fail = fake_fail,
    .cancelled = fake_cancelled,
    .progress = fake_progress,
    .alloc = fake_alloc,
    .now_ns = fake_now_ns,
    .started_ns = fake_started_ns,
    .integrand = fake_integrand,
};

static jobd_task_ctx c;
static jobd_args *a;

static void begin(void) {
    c = (jobd_task_ctx){.tick_ns = 250000000};
    a = jobd_args_new();
}

static void end(void) {
    for (size_t i = 0; i < c.n_blocks; i++)
        jd_free(c.blocks[i]);
    jobd_args_free(a);
}

static jobd_bytes args(void) {
    jobd_bytes b;
    cr_assert_eq(jobd_args_finish(a, &b), 0);
    return b;
}

static jobd_reader value(void) {
    return jobd_reader_of((jobd_bytes){c.value, c.n_value});
}

static void expect_failed(int r, const char *name, const char *part) {
    cr_expect_eq(r, JOBD_E_TASK);
    cr_expect_str_eq(c.name, name);
    cr_expect(strstr(c.message, part), "%s", c.message);
}

TestSuite(tasks, .init = begin, .fini = end);

Test(tasks, all_have_a_summary_and_are_named_well) {
    for (size_t i = 0; i < tasks_builtin.n_tasks; i++) {
        cr_expect_not_null(tasks_builtin.tasks[i].summary);
        cr_expect_not_null(tasks_builtin.tasks[i].fn);
    }
}

Test(tasks, echo_is_its_argument) {
    jobd_args_array(a, 1);
    jobd_args_str(a, "hello");
    cr_assert_eq(task_echo(&host, &c, args()), 0);
    jobd_reader r = value();
    jobd_bytes text;
    cr_assert_eq(jobd_read_str(&r, &text), 0);
    cr_expect(text.len == 5 && memcmp(text.data, "hello", 5) == 0);
    expect_failed(task_echo(&host, &c, (jobd_bytes){"\x90", 1}), "bad_args", "echo takes");
}

Test(tasks, ping_sends_back_what_came) {
    jobd_args_array(a, 1);
    jobd_args_str(a, "hello");
    cr_assert_eq(task_ping(&host, &c, args()), 0);
    jobd_reader r = value();
    uint32_t n;
    uint64_t received, sent;
    jobd_bytes echo;
    jobd_read_array(&r, &n);
    jobd_read_u64(&r, &received);
    jobd_read_u64(&r, &sent);
    jobd_read_str(&r, &echo);
    cr_assert_eq(r.err, 0);
    cr_expect(r.pos == r.end && n == 3);
    cr_expect_lt(received, sent);
    cr_expect(echo.len == 5 && memcmp(echo.data, "hello", 5) == 0);
}

Test(tasks, ping_of_nothing_is_nil) {
    cr_assert_eq(task_ping(&host, &c, (jobd_bytes){NULL, 0}), 0);
    cr_expect_eq(c.value[c.n_value - 1], 0xc0);
    cr_assert_eq(task_ping(&host, &c, (jobd_bytes){"\x90", 1}), 0);
    cr_expect_eq(c.value[c.n_value - 1], 0xc0);
}

Test(tasks, ping_refuses_what_is_no_array) {
    expect_failed(task_ping(&host, &c, (jobd_bytes){"\x01", 1}), "bad_args", "ping takes");
    expect_failed(task_ping(&host, &c, (jobd_bytes){"\x91\xc1", 2}), "bad_args", "ping takes");
}

static int integrate(const char *f, double from, double to, uint64_t n, const char *kernel) {
    jobd_args_reset(a);
    jobd_args_array(a, kernel ? 5 : 4);
    jobd_args_str(a, f);
    jobd_args_f64(a, from);
    jobd_args_f64(a, to);
    jobd_args_u64(a, n);
    if (kernel)
        jobd_args_str(a, kernel);
    return task_integrate(&host, &c, args());
}

// All arguments: cos over [0, 1] in 1,000 steps.
static int integrate_by(const char *kernel, const char *rule, const char *isa, uint64_t edges) {
    jobd_args_reset(a);
    jobd_args_array(a, 8);
    jobd_args_str(a, "cos");
    jobd_args_f64(a, 0);
    jobd_args_f64(a, 1);
    jobd_args_u64(a, 1000);
    jobd_args_str(a, kernel);
    jobd_args_str(a, rule);
    jobd_args_str(a, isa);
    jobd_args_u64(a, edges);
    return task_integrate(&host, &c, args());
}

struct integrated {
    double value;
    uint64_t n, n_evaluations;
    jobd_bytes kernel, rule, isa;
};

static struct integrated integrated(void) {
    struct integrated got;
    jobd_reader r = value();
    uint32_t n_values;
    jobd_read_array(&r, &n_values);
    jobd_read_f64(&r, &got.value);
    jobd_read_u64(&r, &got.n);
    jobd_read_str(&r, &got.kernel);
    jobd_read_str(&r, &got.rule);
    jobd_read_str(&r, &got.isa);
    jobd_read_u64(&r, &got.n_evaluations);
    cr_assert(r.err == 0 && n_values == 6 && r.pos == r.end);
    return got;
}

static bool is_text(jobd_bytes got, const char *text) {
    return got.len == strlen(text) && memcmp(got.data, text, got.len) == 0;
}

Test(tasks, integrate_gives_the_golden_value_and_says_how) {
    const double pi_2 = 1.5707963267948966;
    cr_assert_eq(integrate("cos", 0, pi_2, 1000, "portable"), 0);
    struct integrated got = integrated();
    cr_expect_eq(got.value, 1.0007851925466296);
    cr_expect(got.n == 1000 && got.n_evaluations == 1000);
    cr_expect(is_text(got.kernel, "portable") && is_text(got.rule, "left") && got.isa.len == 0);
    cr_expect_eq(c.fraction, 1.0);
}

Test(tasks, integrate_runs_the_fast_kernel_at_the_level_asked_for) {
    for (int isa = 0; isa < JD_ISAS; isa++) {
        const char *name = jd_isa_name((enum jd_isa)isa);
        if (!jd_isa_available((enum jd_isa)isa)) {
            expect_failed(integrate_by("fast", "left", name, 3), "no_isa", " baseline");
            continue;
        }
        cr_assert_eq(integrate_by("fast", "left", name, 3), 0);
        struct integrated got = integrated();
        cr_expect(is_text(got.kernel, "fast") && is_text(got.isa, name));
        // The left sum is above the integral by about half a step's fall.
        cr_expect(fabs(got.value - sin(1.0) - (1 - cos(1.0)) / 2000) < 1e-7, "%.17g", got.value);
    }
    cr_assert_eq(integrate_by("fast", "left", "", 3), 0);
    cr_expect(is_text(integrated().isa, jd_isa_name(jd_isa_best())));
}

Test(tasks, integrate_knows_rules_and_edges) {
    cr_assert_eq(integrate_by("portable", "gauss", "", 3), 0);
    struct integrated got = integrated();
    cr_expect(fabs(got.value - sin(1.0)) < 1e-14 && got.n_evaluations == 4000);
    cr_expect(is_text(got.rule, "gauss"));
    cr_assert_eq(integrate_by("fast", "trapezoid", "", 3), 0);
    double both = integrated().value;
    cr_expect_eq(integrated().n_evaluations, 1001u);
    cr_assert_eq(integrate_by("fast", "trapezoid", "", 0), 0);
    // An inner part counts its start in full and leaves its end to the next.
    cr_expect(fabs(integrated().value - both - (1 - cos(1.0)) / 2000) < 1e-15);
    cr_expect_eq(integrated().n_evaluations, 1000u);
}

#ifdef __x86_64__
Test(tasks, integrate_leaves_the_floating_point_unit_as_it_was) {
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x40, ALL_BUT_FLAGS = 0xffc0 };
    unsigned before = _mm_getcsr();
    cr_expect_eq(before & (FLUSH_TO_ZERO | DENORMALS_ARE_ZERO), 0u);
    cr_assert_eq(integrate_by("fast", "simpson", "", 3), 0);
    cr_assert_eq(integrate("exp", -750, -700, 1000, "fast"), 0);
    cr_expect_eq((_mm_getcsr() ^ before) & ALL_BUT_FLAGS, 0u);
}
#endif

Test(tasks, integrate_in_blocks_has_the_bits_of_one_loop) {
    const uint64_t n = 300000;
    double step = 1.0 / (double)n, acc = 0, v;
    for (uint64_t i = 0; i < n; i++)
        acc += sin((double)i * step) * step;
    cr_assert_eq(integrate("sin", 0, 1, n, NULL), 0);
    jobd_reader r = value();
    uint32_t n_values;
    jobd_read_array(&r, &n_values);
    jobd_read_f64(&r, &v);
    cr_expect_eq(v, acc);
}

Test(tasks, integrate_says_what_is_wrong) {
    expect_failed(integrate("cos", 0, 1, 0, NULL), "bad_args", "2^53");
    expect_failed(integrate("cos", 0, 1, (UINT64_C(1) << 53) + 1, NULL), "bad_args", "2^53");
    expect_failed(integrate("cos", NAN, 1, 1, NULL), "bad_args", "finite");
    expect_failed(integrate("cos", 0, INFINITY, 1, NULL), "bad_args", "finite");
    expect_failed(integrate("cos", -1e308, 1e308, 1, NULL), "bad_args", "distance");
    expect_failed(integrate("cosh2", 0, 1, 1, NULL), "no_function", "did you mean \"cosh\"?");
    expect_failed(integrate("zzzzzz", 0, 1, 1, NULL), "no_function", "libm");
    expect_failed(integrate("a.b", 0, 1, 1, NULL), "no_function", "no plugin");
    expect_failed(integrate("\n\"", 0, 1, 1, NULL), "bad_function", "column 2");
    expect_failed(integrate("", 0, 1, 1, NULL), "bad_function", "column 1");
    expect_failed(integrate("exp(-x^2", 0, 1, 1, NULL), "bad_function", "column 9");
    expect_failed(integrate("k*x", 0, 1, 1, NULL), "bad_function", "column 1");
    expect_failed(integrate("cos", 0, 1, 1, "fats"), "no_kernel", "there are portable fast");
    expect_failed(integrate_by("fast", "right", "", 3), "no_rule", " trapezoid simpson gauss");
    expect_failed(integrate_by("fast", "left", "avx3", 3), "no_isa", "\"avx3\"");
    expect_failed(integrate_by("fast", "left", "", 4), "bad_args", "edges");
    jobd_args_reset(a);
    jobd_args_array(a, 1);
    jobd_args_str(a, "cos");
    expect_failed(task_integrate(&host, &c, args()), "bad_args", "[function, a, b, n]");
    expect_failed(task_integrate(&host, &c, (jobd_bytes){NULL, 0}), "bad_args", "integrate takes");
}

Test(tasks, integrate_stops_between_blocks) {
    static const char *const kernels[] = {"portable", "fast"};
    for (size_t i = 0; i < JD_LEN(kernels); i++) {
        c.cancel_after = 3;
        c.n_looks = 0;
        cr_expect_eq(integrate("cos", 0, 1, UINT64_C(1) << 53, kernels[i]), JOBD_E_CANCELLED);
        cr_expect_eq(c.n_value, 0u);
        cr_expect_eq(c.n_looks, 3u);
    }
}

// As integrate_by(), with an expression of k.
static int integrate_with(const char *text, const char *kernel, const char *param, double value) {
    jobd_args_reset(a);
    jobd_args_array(a, 9);
    jobd_args_str(a, text);
    jobd_args_f64(a, 0);
    jobd_args_f64(a, 1);
    jobd_args_u64(a, 1000);
    jobd_args_str(a, kernel);
    jobd_args_str(a, "gauss");
    jobd_args_str(a, "");
    jobd_args_u64(a, JD_EDGE_BOTH);
    jobd_args_map(a, 1);
    jobd_args_str(a, param);
    jobd_args_f64(a, value);
    return task_integrate(&host, &c, args());
}

Test(tasks, integrate_takes_an_expression_with_parameters) {
    static const char *const kernels[] = {"portable", "fast"};
    for (size_t i = 0; i < JD_LEN(kernels); i++) {
        cr_assert_eq(integrate_with("exp(-x^2)*cos(k*x)", kernels[i], "k", 3), 0, "%s", c.message);
        cr_expect(fabs(integrated().value - 0.17250829624587805) < 1e-14);
        cr_expect_eq(integrated().n_evaluations, 4000u);
        cr_assert_eq(integrate_with("x^k", kernels[i], "k", 5), 0);
        cr_expect(fabs(integrated().value - 1.0 / 6) < 1e-15);
    }
    expect_failed(integrate_with("x", "fast", "sin", 3), "bad_function", "is a function");
    expect_failed(integrate_with("x", "fast", "x", 3), "bad_function", "is the variable");
    expect_failed(integrate_with("x", "fast", "", 3), "bad_function", "no name");
}

// They come from a peer: none, too many, of a wrong type, cut short.
Test(tasks, integrate_does_not_trust_parameters) {
    static const char head[] = "\x99\xa1x\x00\x01\x01\xa8portable\xa4left\xa0\x03";
    static const struct {
        const char *text;
        size_t len;
    } tails[] = {{"\x81\xa1k", 3},    {"\x81\xa1k\xa1v", 5},       {"\x90", 1}, {"", 0},
                 {"\x81\x01\x01", 3}, {"\xdf\xff\xff\xff\xff", 5}, {"\xc1", 1}};
    char text[96];
    memcpy(text, head, sizeof head - 1);
    for (size_t i = 0; i < JD_LEN(tails); i++) {
        memcpy(text + sizeof head - 1, tails[i].text, tails[i].len);
        jobd_bytes b = {text, sizeof head - 1 + tails[i].len};
        expect_failed(task_integrate(&host, &c, b), "bad_args", "parameter: value");
    }
    jobd_args_reset(a);
    jobd_args_array(a, 7);
    jobd_args_str(a, "x");
    jobd_args_f64(a, 0);
    jobd_args_f64(a, 1);
    jobd_args_u64(a, 1);
    jobd_args_str(a, "portable");
    jobd_args_str(a, "");
    jobd_args_map(a, JD_EXPR_PARAMS_MAX + 1);
    for (int i = 0; i <= JD_EXPR_PARAMS_MAX; i++) {
        char name[] = {'p', (char)('a' + i), '\0'};
        jobd_args_str(a, name);
        jobd_args_f64(a, i);
    }
    expect_failed(task_quad(&host, &c, args()), "bad_args", "parameter: value");
}

// Each kernel has a form of its own, and takes the other where it is missing.
Test(tasks, integrate_takes_functions_of_plugins) {
    static const char *const names[] = {"test.both", "test.point", "test.block"};
    double first = 0;
    for (size_t i = 0; i < JD_LEN(names); i++) {
        cr_assert_eq(integrate(names[i], 0, 1, 1000, "portable"), 0);
        first = i == 0 ? integrated().value : first;
        cr_expect_eq(integrated().value, first, "%s", names[i]);
        cr_assert_eq(integrate(names[i], 0, 1, 1000, "fast"), 0);
        cr_expect(fabs(integrated().value - first) < 1e-14, "%s", names[i]);
    }
    cr_expect(fabs(first - 1.0 / 6) < 1e-6);
}

static int quad(const char *text, double from, double to, uint64_t n, const char *kernel) {
    jobd_args_reset(a);
    jobd_args_array(a, kernel ? 5 : 4);
    jobd_args_str(a, text);
    jobd_args_f64(a, from);
    jobd_args_f64(a, to);
    jobd_args_u64(a, n);
    if (kernel)
        jobd_args_str(a, kernel);
    return task_quad(&host, &c, args());
}

Test(tasks, quad_gives_panels_that_add_up) {
    static const char *const kernels[] = {NULL, "portable", "fast"};
    for (size_t i = 0; i < JD_LEN(kernels); i++) {
        cr_assert_eq(quad("cos(x)", 0, 1, 3, kernels[i]), 0);
        jobd_reader r = value();
        uint32_t n, n_panels;
        jobd_bytes isa;
        double sum = 0, error, rounding, v;
        jobd_read_array(&r, &n);
        jobd_read_str(&r, &isa);
        jobd_read_array(&r, &n_panels);
        cr_assert(n == 2 && n_panels == 3);
        for (uint32_t k = 0; k < n_panels; k++) {
            jobd_read_array(&r, &n);
            jobd_read_f64(&r, &v);
            jobd_read_f64(&r, &error);
            jobd_read_f64(&r, &rounding);
            cr_expect(n == 3 && rounding > 0 && error >= rounding && error < 1e-14);
            sum += v;
        }
        cr_assert(r.err == 0 && r.pos == r.end);
        cr_expect(fabs(sum - sin(1.0)) < 1e-15);
        cr_expect(is_text(isa, i == 2 ? jd_isa_name(jd_isa_best()) : ""));
    }
    cr_assert_eq(quad("test.both", 0, 1, 1024, "fast"), 0);
}

Test(tasks, quad_says_what_is_wrong) {
    expect_failed(quad("1/x", -1, 1, 1, NULL), "not_finite", "inf in x = 0");
    expect_failed(quad("sqrt(x)", -1, 1, 1, NULL), "not_finite", "nan in x = -0.99");
    expect_failed(quad("cos", 0, 1, 0, NULL), "bad_args", "2^53");
    expect_failed(quad("cos", 0, 1, 1025, NULL), "bad_args", "1 to 1024");
    expect_failed(quad("cos", 0, NAN, 1, NULL), "bad_args", "finite");
    expect_failed(quad("cos", 0, 1, 1, "fats"), "no_kernel", "there are portable fast");
    expect_failed(quad("cos(", 0, 1, 1, NULL), "bad_function", "column 5");
    expect_failed(task_quad(&host, &c, (jobd_bytes){NULL, 0}), "bad_args", "quad takes");
    c.cancel_after = 2;
    c.n_looks = 0;
    cr_expect_eq(quad("cos", 0, 1, 100, NULL), JOBD_E_CANCELLED);
}

static int countdown(uint64_t n) {
    jobd_args_reset(a);
    jobd_args_array(a, 1);
    jobd_args_u64(a, n);
    return task_countdown(&host, &c, args());
}

Test(tasks, countdown_counts) {
    cr_assert_eq(countdown(3), 0);
    cr_expect_str_eq(c.notes, "T-3 T-2 T-1 T-0 ");
    cr_expect_eq(c.fraction, 1.0);
    cr_expect(c.n_value == 1 && c.value[0] == 3);
}

Test(tasks, countdown_from_nothing_is_over) {
    cr_assert_eq(countdown(0), 0);
    cr_expect_str_eq(c.notes, "T-0 ");
    cr_expect(c.n_value == 1 && c.value[0] == 0);
}

Test(tasks, countdown_stops_when_asked) {
    c.cancel_after = 6;
    cr_expect_eq(countdown(1000000), JOBD_E_CANCELLED);
    cr_expect_eq(c.n_looks, 6u);
}

Test(tasks, countdown_wants_whole_seconds) {
    expect_failed(countdown(UINT64_MAX), "bad_args", "whole seconds");
    expect_failed(task_countdown(&host, &c, (jobd_bytes){"\x90", 1}), "bad_args", "[n]");
}

static int sleep_for(double seconds) {
    jobd_args_reset(a);
    jobd_args_array(a, 1);
    jobd_args_f64(a, seconds);
    return task_sleep(&host, &c, args());
}

Test(tasks, sleep_lasts_as_long_as_told) {
    c.tick_ns = 100000000;
    uint64_t before = c.now_ns;
    cr_expect_eq(sleep_for(1.5), 0);
    cr_expect_geq(c.now_ns - before, 1500000000u);
    cr_expect_eq(c.n_value, 0u);
    cr_expect_eq(sleep_for(0), 0);
}

Test(tasks, sleep_stops_when_asked) {
    c.cancel_after = 2;
    cr_expect_eq(sleep_for(1e9), JOBD_E_CANCELLED);
}

Test(tasks, sleep_wants_a_time) {
    expect_failed(sleep_for(-1), "bad_args", "sleep takes");
    expect_failed(sleep_for(NAN), "bad_args", "sleep takes");
    expect_failed(sleep_for(1e10), "bad_args", "sleep takes");
    expect_failed(task_sleep(&host, &c, (jobd_bytes){"\xc0", 1}), "bad_args", "sleep takes");
}
