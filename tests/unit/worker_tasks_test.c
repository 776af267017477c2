// The built-in tasks, called as a worker calls them, with a host of the test's own.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef __x86_64__
#include <xmmintrin.h>
#endif

#include "guard.h"
#include "kernels/isa.h"
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
    unsigned char value[4096];
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
    expect_failed(integrate("\n\"", 0, 1, 1, NULL), "no_function", "libm");
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
