// jobctl integrate and bench as people meet them: any function, every backend, to any tolerance.
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guard.h"
#include "kernels/isa.h"
#include "support/daemon.h"

TestSuite(integrate, .timeout = 120);

enum {
    ARGS_MAX = 24,
    EXIT_JOB_FAILED = 1,
    EXIT_MISUSE = 2,
    EXIT_NO_DAEMON = 69,
    EXIT_BROKEN = 125
};

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char nobody[] = "/nowhere"; // a socket that nobody listens on

static void start(struct test_daemon *d, const char *plugins) {
    char config[512] = "";
    test_daemon_prepare(d, &(struct test_daemon_options){.workers = 2});
    for (const char *at = plugins; at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL) {
        size_t n = strlen(config);
        snprintf(config + n, sizeof config - n, "plugins = %s/plugin_%.*s.so\n", JOBD_PLUGIN_DIR,
                 (int)strcspn(at, " "), at);
    }
    tmpdir_write(d->config, config, 0600);
    test_daemon_run(d);
}

static struct proc_result run_in(const char *socket, const char *const *env,
                                 const char *const *args) {
    const char *argv[ARGS_MAX + 1] = {JOBD_CTL_PATH, "--socket", socket};
    for (size_t i = 0; args[i]; i++) {
        cr_assert_lt(i + 3, ARGS_MAX);
        argv[i + 3] = args[i];
    }
    return proc_run((struct proc_spec){.argv = argv, .env = env});
}

static struct proc_result run(const char *socket, const char *const *args) {
    return run_in(socket, NULL, args);
}

static void says(const char *socket, const char *const *args, const char *say) {
    struct proc_result r = run(socket, args);
    cr_assert_eq(r.status, 0, "%s: exit code %d\n%s", args[1], r.status, r.err);
    cr_assert_str_empty(r.err);
    cr_assert(strstr(r.out, say), "'%s' is missing:\n%s", say, r.out);
    proc_result_free(&r);
}

static void fails(const char *socket, int status, const char *const *args, const char *say,
                  const char *say_too) {
    struct proc_result r = run(socket, args);
    cr_assert_eq(r.status, status, "%s: exit code %d\n%s%s", args[1], r.status, r.out, r.err);
    cr_assert(strstr(r.err, say) && strstr(r.err, say_too), "'%s' and '%s' were expected:\n%s", say,
              say_too, r.err);
    proc_result_free(&r);
}

// The caller drops it.
static json_t *answer(const char *socket, const char *const *args) {
    json_error_t why;
    struct proc_result r = run(socket, args);
    cr_assert_eq(r.status, 0, "%s: exit code %d\n%s", args[1], r.status, r.err);
    json_t *v = json_loads(r.out, JSON_REJECT_DUPLICATES, &why);
    cr_assert(v, "no JSON: %s\n%s", why.text, r.out);
    proc_result_free(&r);
    return v;
}

static double number(const json_t *v, const char *name) {
    const json_t *n = json_object_get(v, name);
    cr_assert(json_is_number(n), "there is no number '%s'", name);
    return json_number_value(n);
}

static const char *text(const json_t *v, const char *name) {
    const char *s = json_string_value(json_object_get(v, name));
    cr_assert(s, "there is no text '%s'", name);
    return s;
}

static double value_of(const char *socket, const char *const *args) {
    json_t *v = answer(socket, args);
    double x = number(v, "value");
    json_decref(v);
    return x;
}

// ---- backends ----

Test(integrate, every_backend_has_the_same_bits) {
    static const char *const backends[] = {"serial", "thread", "process"};
    static const struct {
        const char *function, *kernel, *rule, *parts;
    } cases[] = {
        {"cos", "portable", "left", "2"},
        {"cos", "fast", "left", "7"},
        {"cos", "fast", "trapezoid", "5"},
        {"exp(-x^2)*cos(k*x)", "portable", "simpson", "3"},
        {"exp(-x^2)*cos(k*x)", "fast", "gauss", "4"},
        {"tgamma(1+x)", "fast", "midpoint", "6"},
    };
    struct test_daemon d;
    start(&d, NULL);
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        double first = 0;
        for (size_t b = 0; b < JD_LEN(backends); b++) {
            const char *args[ARGS_MAX] = {
                "integrate", cases[i].function, "0",      "pi/2",        "-n", "1000",
                "--kernel",  cases[i].kernel,   "--rule", cases[i].rule, "-j", cases[i].parts,
                "--backend", backends[b],       "--json"};
            if (strchr(cases[i].function, 'k'))
                memcpy(args + 15, ARGS("-p", "k=3"), 2 * sizeof *args);
            double got = value_of(d.socket, args);
            first = b == 0 ? got : first;
            cr_expect_eq(got, first, "%s, %s: %.17g is not %.17g", cases[i].function, backends[b],
                         got, first);
        }
    }
    cr_expect_eq(value_of(d.socket, ARGS("integrate", "cos", "0", "pi/2", "-n", "1000", "-j", "2",
                                         "-b", "thread", "--json")),
                 1.0007851925466305);
    test_daemon_end(&d);
}

Test(integrate, serial_needs_no_daemon) {
    says(nobody, ARGS("integrate", "cos", "0", "pi/2", "-n", "1000", "-b", "serial"),
         "= 1.0007851925466296\n1000 steps in 1 part,");
    says(nobody, ARGS("integrate", "1/(1+x^2)", "0", "1", "--tol", "1e-12", "-b", "serial"),
         "1/(1+x^2) from 0 to 1 = 0.78539816339744");
    fails(nobody, EXIT_NO_DAEMON, ARGS("integrate", "cos", "0", "1"), "no daemon", "jobd --socket");
    json_t *v = answer(nobody, ARGS("integrate", "k*x", "0", "1", "-p", "k=sqrt(4)", "-b", "serial",
                                    "-k", "fast", "--isa", "baseline", "-j", "2", "--json"));
    cr_expect_str_eq(text(v, "backend"), "serial");
    cr_expect_str_eq(text(v, "isa"), "baseline");
    cr_expect_eq(number(json_object_get(v, "params"), "k"), 2);
    cr_expect_eq(json_array_size(json_object_get(v, "parts")), 2);
    json_decref(v);
}

Test(integrate, there_is_a_part_for_each_slot) {
    struct test_daemon d;
    start(&d, NULL);
    json_t *v = answer(d.socket, ARGS("integrate", "cos", "0", "1", "-b", "process", "--json"));
    cr_expect_eq(json_array_size(json_object_get(v, "parts")), 2);
    json_decref(v);
    jobd_conn *conn = test_daemon_connect(&d);
    cr_assert_eq(jobd_pool_resize(conn, "default", 3, TEST_PATIENCE_MS), 0);
    v = answer(d.socket, ARGS("integrate", "cos", "0", "1", "--json"));
    cr_expect_eq(json_array_size(json_object_get(v, "parts")), 3);
    json_decref(v);
    jobd_close(conn);
    test_daemon_end(&d);
}

// ---- functions ----

Test(integrate, what_is_wrong_with_an_expression_is_shown_where_it_is) {
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "exp(-x^2", "0", "1"), "FUNC: column 9",
          "    exp(-x^2\n            ^");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "sin(k*x)", "0", "1"), "column 5", "'k'");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "", "0", "1"), "column 1", "expected a number");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "k*x", "0", "1", "-p", "k=3", "-p", "k=4"), "'k'",
          "twice");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "k*x", "0", "1", "-p", "k"), "no parameter",
          "-p k=3");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "k*x", "0", "1", "-p", "k=1/"),
          "parameter k: column 3", "    1/\n      ^");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "k*x", "0", "1", "-p", "sin=1"), "'sin'",
          "is a function");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "cos", "0", "1", "-p", "k=1"),
          "\"cos\" takes no parameters", "expression");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "a.b", "0", "1", "-b", "serial"), "only workers",
          "--backend process");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "x", "0", "1", "-b", "gpu"), "no backend \"gpu\"",
          "there are: serial thread process");
}

Test(integrate, an_expression_may_begin_with_a_minus_sign) {
    says(nobody, ARGS("integrate", "-x^2", "0", "1", "-b", "serial", "--tol", "1e-9"),
         "= -0.33333");
    says(nobody, ARGS("integrate", "-j0(x)", "0", "1", "-b", "serial", "--tol", "1e-9"),
         "= -0.9197304100");
    says(nobody, ARGS("integrate", "-b", "serial", "--tol", "1e-9", "--", "-x", "-2", "-1"),
         "= 1.5");
}

Test(integrate, plugins_bring_functions) {
    struct test_daemon d;
    start(&d, "curves taken_curve");
    const char *log = test_daemon_log(&d);
    cr_expect(strstr(log, "plugin_taken_curve.so") && strstr(log, "curves.bump\\\" already"), "%s",
              log);
    static const char *const kernels[] = {"portable", "fast"};
    for (size_t k = 0; k < JD_LEN(kernels); k++) {
        double both = value_of(d.socket, ARGS("integrate", "curves.bump", "0", "1", "-n", "1000",
                                              "-k", kernels[k], "--json"));
        double block = value_of(d.socket, ARGS("integrate", "curves.bump_block", "0", "1", "-n",
                                               "1000", "-k", kernels[k], "--json"));
        cr_expect(both == block && fabs(both - 1.0 / 6) < 1e-6);
        // 0 + 1 + 7 + 2 + 5 + 8 + 16 + 3, one for each whole number
        cr_expect_eq(value_of(d.socket, ARGS("integrate", "curves.collatz", "0", "8", "-n", "8",
                                             "-k", kernels[k], "--json")),
                     42);
    }
    says(d.socket, ARGS("integrate", "curves.bump", "0", "1", "--tol", "1e-12", "-b", "thread"),
         "= 0.1666666666666");
    fails(d.socket, EXIT_JOB_FAILED, ARGS("integrate", "curves.bumb", "0", "1"),
          "no plugin of this daemon has a function \"curves.bumb\"", "plugins");
    test_daemon_end(&d);
}

// ---- to a tolerance ----

Test(integrate, to_a_tolerance_on_every_backend) {
    static const char *const backends[] = {"serial", "thread", "process"};
    static const struct {
        const char *function, *a, *b, *tol;
        double exact;
    } cases[] = {
        {"exp", "0", "1", "1e-12", 1.7182818284590452354},
        {"1/sqrt(x)", "0", "1", "1e-9", 2},
        {"sin(1000*x)", "0", "pi", "1e-10", 0},
        {"log(x)", "1", "0", "1e-11", 1},
        {"exp(-x^2)*cos(3*x)", "0", "1", "1e-12", 0.17250829624587805},
    };
    struct test_daemon d;
    start(&d, NULL);
    for (size_t i = 0; i < JD_LEN(cases); i++)
        for (size_t b = 0; b < JD_LEN(backends); b++) {
            const char *kernel = (i + b) % 2 ? "fast" : "portable";
            json_t *v = answer(d.socket,
                               ARGS("integrate", cases[i].function, cases[i].a, cases[i].b, "--tol",
                                    cases[i].tol, "-b", backends[b], "-k", kernel, "--json"));
            double error = number(v, "error"), tol = strtod(cases[i].tol, NULL);
            cr_expect(error <= tol && number(v, "tolerance") == tol);
            cr_expect(fabs(number(v, "value") - cases[i].exact) <= tol, "%s, %s: %.17g",
                      cases[i].function, backends[b], number(v, "value"));
            cr_expect_eq(number(v, "evaluations"), 30 * (number(v, "intervals") - 8));
            cr_expect_eq(number(v, "at_once"), b == 0 ? 1 : 2);
            cr_expect_str_eq(text(v, "kernel"), kernel);
            if (strcmp(kernel, "fast") == 0)
                cr_expect_str_eq(text(v, "isa"), jd_isa_name(jd_isa_best()));
            cr_expect_geq(number(v, "seconds"), 0);
            json_decref(v);
        }
    says(d.socket, ARGS("integrate", "1e9*exp(x)", "0", "1", "--rtol", "1e-9"), "error at most");
    test_daemon_end(&d);
}

Test(integrate, what_has_no_integral_is_diagnosed) {
    static const struct {
        const char *function, *a, *tol, *say, *hint;
    } cases[] = {
        {"1/x", "0", "1e-6", "seems to diverge near x = 0", "look at the function"},
        {"1/x+0*x", "-1", "1e-6", "seems to diverge near x = ", "look at the function"},
        {"sqrt(x)", "-1", "1e-6", "the function is nan in x = -0.", "if(x == 0"},
        {"1/(x-pi/10)", "0", "1e-6", "too steep near x = 0.3141592653589", "pole"},
        {"exp", "0", "1e-30", "rounding alone makes about", "larger --tol"},
    };
    struct test_daemon d;
    start(&d, NULL);
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        fails(nobody, EXIT_JOB_FAILED,
              ARGS("integrate", cases[i].function, cases[i].a, "1", "--tol", cases[i].tol, "-b",
                   "serial"),
              cases[i].say, cases[i].hint);
        fails(d.socket, EXIT_JOB_FAILED,
              ARGS("integrate", cases[i].function, cases[i].a, "1", "--tol", cases[i].tol),
              cases[i].say, cases[i].hint);
    }
    fails(nobody, EXIT_JOB_FAILED,
          ARGS("integrate", "sin(1e7*x)", "0", "1", "--tol", "1e-9", "-b", "serial"),
          "intervals were not enough", "oscillates");
    struct proc_result r =
        run(d.socket, ARGS("integrate", "1/x", "0", "1", "--tol", "1", "--json"));
    cr_expect_eq(r.status, EXIT_JOB_FAILED);
    cr_expect_str_empty(r.out);
    cr_expect(strstr(r.err, "\"name\":\"diverges\"") && strstr(r.err, "\"exit\":1"), "%s", r.err);
    proc_result_free(&r);
    test_daemon_end(&d);
}

Test(integrate, steps_and_a_tolerance_do_not_go_together) {
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "cos", "0", "1", "--tol", "1e-9", "-n", "5"),
          "-n is for sums", "choose one");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "cos", "0", "1", "--rtol", "1e-9", "-r", "gauss"),
          "--rule is for sums", "choose one");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "cos", "0", "1", "--tol", "0"), "TOL must be more",
          "1e-9");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "cos", "0", "1", "--rtol", "-1"),
          "RTOL must be more", "1e-9");
    fails(nobody, EXIT_MISUSE, ARGS("integrate", "cos", "0", "1", "--tol", "1e-"), "TOL: column",
          "^");
}

// ---- bench ----

static const json_t *case_of(const json_t *v, const char *kernel, const char *backend, int parts) {
    const json_t *cases = json_object_get(v, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        if (strcmp(text(c, "kernel"), kernel) == 0 && strcmp(text(c, "backend"), backend) == 0 &&
            number(c, "parts") == parts)
            return c;
    }
    cr_assert_fail("there is no case %s %s %d", kernel, backend, parts);
    return NULL;
}

Test(integrate, bench_times_every_case) {
    struct test_daemon d;
    start(&d, NULL);
    json_t *v = answer(d.socket, ARGS("bench", "integrate", "-r", "3", "-n", "2000", "--json"));
    cr_expect_eq(json_array_size(json_object_get(v, "cases")), 14, "2 kernels x (1 + 2 x 3)");
    cr_expect(number(v, "rounds") == 3 && number(v, "n_iter") == 2000);
    for (size_t i = 0; i < 14; i++) {
        const json_t *c = json_array_get(json_object_get(v, "cases"), i);
        cr_expect(number(c, "min_s") > 0 && number(c, "min_s") <= number(c, "median_s"));
        cr_expect(number(c, "mean_s") > 0 && number(c, "sd_s") >= 0 && number(c, "first_s") > 0);
        cr_expect(number(c, "overhead_per_job_s") >= 0 && number(c, "speedup") > 0);
        cr_expect(fabs(number(c, "efficiency") * number(c, "at_once") / number(c, "speedup") - 1) <
                  1e-12);
    }
    const json_t *serial = case_of(v, "fast", "serial", 1);
    cr_expect_eq(number(serial, "speedup"), 1);
    static const int parts[] = {1, 2, 4};
    for (size_t i = 0; i < JD_LEN(parts); i++) {
        cr_expect_eq(number(case_of(v, "portable", "thread", parts[i]), "value"),
                     number(case_of(v, "portable", "process", parts[i]), "value"));
        cr_expect_eq(number(case_of(v, "fast", "thread", parts[i]), "value"),
                     number(case_of(v, "fast", "process", parts[i]), "value"));
    }
    cr_expect_eq(number(case_of(v, "portable", "serial", 1), "value"),
                 number(case_of(v, "portable", "process", 1), "value"));
    json_decref(v);
    says(d.socket,
         ARGS("bench", "integrate", "k*x", "0", "1", "-p", "k=2", "-n", "10", "-r", "1", "--parts",
              "2,3", "--kernel", "fast", "--backend", "process"),
         "k*x from 0 to 1, 10 steps");
    test_daemon_end(&d);
}

Test(integrate, bench_says_what_makes_no_sense) {
    fails(nobody, EXIT_MISUSE, ARGS("bench", "integrat"), "no command \"integrat\"",
          "did you mean \"jobctl bench integrate\"?");
    fails(nobody, EXIT_MISUSE, ARGS("bench", "integrate", "-r", "0"), "one round", "");
    fails(nobody, EXIT_MISUSE, ARGS("bench", "integrate", "--parts", "1,,2"), "PARTS", "column 1");
    fails(nobody, EXIT_MISUSE, ARGS("bench", "integrate", "--parts", "0"), "one part", "");
    fails(nobody, EXIT_MISUSE, ARGS("bench", "integrate", "--kernel", "fast,slow"), "\"slow\"",
          "portable fast");
    fails(nobody, EXIT_MISUSE, ARGS("bench", "integrate", "--backend", "gpu"), "\"gpu\"",
          "serial thread process");
    fails(nobody, EXIT_MISUSE, ARGS("bench", "integrate", "cos"), "two bounds", "FUNC A B");
    fails(nobody, EXIT_NO_DAEMON, ARGS("bench", "integrate"), "no daemon", "jobd --socket");
}

// A gnuplot that draws what it was told.
Test(integrate, bench_draws_a_chart) {
    struct test_daemon d;
    char path[256], chart[128], gnuplot[128], script[8192];
    start(&d, NULL);
    snprintf(path, sizeof path, "PATH=%s:/usr/bin:/bin", d.dir.path);
    tmpdir_join(&d.dir, "chart.svg", chart, sizeof chart);
    tmpdir_join(&d.dir, "gnuplot", gnuplot, sizeof gnuplot);
    tmpdir_write(gnuplot, "#!/bin/sh\nexec cat\n", 0700);
    const char *const args[] = {"bench", "integrate", "cos(x)", "0",      "1",   "-n",
                                "10",    "-r",        "2",      "--plot", chart, NULL};
    struct proc_result r = run_in(d.socket, ARGS(path), args);
    cr_assert_eq(r.status, 0, "%s", r.err);
    cr_expect(strstr(r.out, "SPEED-UP"), "%s", r.out);
    proc_result_free(&r);
    tmpdir_read(chart, script, sizeof script);
    cr_expect(strstr(script, "set terminal svg"), "%s", script);
    cr_expect(strstr(script, "set title 'cos(x): 10 steps, 2 rounds'"), "%s", script);
    cr_expect(strstr(script, "title 'thread fast'") && strstr(script, "title 'serial portable'"));
    tmpdir_write(gnuplot, "#!/bin/sh\ncat >/dev/null\nexit 3\n", 0700);
    r = run_in(d.socket, ARGS(path), args);
    cr_expect_eq(r.status, EXIT_BROKEN);
    cr_expect(strstr(r.err, "gnuplot could not draw"), "%s", r.err);
    proc_result_free(&r);
    test_daemon_end(&d);
}

Test(integrate, bench_names_the_package_that_is_missing) {
    struct tmpdir dir;
    char path[128], chart[128];
    tmpdir_make(&dir);
    snprintf(path, sizeof path, "PATH=%s", dir.path);
    tmpdir_join(&dir, "chart.svg", chart, sizeof chart);
    struct proc_result r = run_in(nobody, ARGS(path), ARGS("bench", "integrate", "--plot", chart));
    cr_expect_eq(r.status, EXIT_BROKEN);
    cr_expect(strstr(r.err, "there is no gnuplot") && strstr(r.err, "gnuplot-nox"), "%s", r.err);
    proc_result_free(&r);
    struct stat s;
    cr_expect(stat(chart, &s) < 0, "an empty chart is left");
    r = run(nobody, ARGS("bench", "integrate", "--plot", "/nowhere/chart.svg"));
    cr_expect_eq(r.status, EXIT_BROKEN);
    cr_expect(strstr(r.err, "cannot write the chart /nowhere/chart.svg"), "%s", r.err);
    proc_result_free(&r);
    tmpdir_remove(&dir);
}
