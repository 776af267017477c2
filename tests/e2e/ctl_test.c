// jobctl as people and scripts meet it: exit codes, what is on which stream, JSON, and digits.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/integrands.h"
#include "kernels/isa.h"
#include "kernels/portable.h"
#include "kernels/split.h"
#include "support/cli.h"

TestSuite(ctl, .timeout = 120);

enum { NOBODY = 65534 };

// ---- no daemon, no sense ----

Test(ctl, without_a_daemon_it_says_how_to_start_one) {
    struct tmpdir dir;
    char socket[96];
    tmpdir_make(&dir);
    tmpdir_join(&dir, "sock", socket, sizeof socket);
    struct scene s;
    snprintf(s.d.socket, sizeof s.d.socket, "%s", socket);
    cli_fails(&s, EXIT_NO_DAEMON, ARGS("status"), "no daemon is listening", "jobd --socket");
    cli_fails(&s, EXIT_NO_DAEMON, ARGS("submit", "ping"), socket, "jobd --socket");
    cli_fails(&s, EXIT_NO_DAEMON, ARGS("shutdown"), socket, "jobd --socket");
    json_t *error = cli_fails_json(socket, EXIT_NO_DAEMON, ARGS("status", "--json"));
    cr_assert_str_eq(cli_text_of(error, "code"), "JOBD_E_REFUSED");
    cr_assert(strstr(cli_text_of(error, "hint"), "jobd --socket"));
    json_decref(error);
    struct proc_result r = proc_run((struct proc_spec){.argv = ARGS(JOBD_CTL_PATH, "--help")});
    cr_assert(r.status == 0 && strstr(r.out, "integrate") && !r.err[0]);
    proc_result_free(&r);
    tmpdir_remove(&dir);
}

Test(ctl, mistakes_on_the_command_line_are_pointed_at) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cli_fails(&s, EXIT_MISUSE, ARGS("integarte", "cos", "0", "1"), "integarte",
              "did you mean \"jobctl integrate\"?");
    cli_fails(&s, EXIT_MISUSE, ARGS("status", "--jsno"), "--jsno", "did you mean --json?");
    cli_fails(&s, EXIT_MISUSE, ARGS("integrate", "cso", "0", "1"), "cso", "did you mean \"cos\"?");
    cli_fails(&s, EXIT_MISUSE, ARGS("integrate", "cos", "0"), "1 more argument", "FUNC A B");
    cli_fails(&s, EXIT_MISUSE, ARGS("integrate", "cos", "0", "1", "2"), "unexpected argument \"2\"",
              "FUNC A B");
    cli_fails(&s, EXIT_MISUSE, ARGS("integrate", "cos", "0", "pi/"), "B: column 4",
              "\n    pi/\n       ^\n");
    cli_fails(&s, EXIT_MISUSE, ARGS("integrate", "cos", "-pii/2", "1"), "A: column 2",
              "\n    -pii/2\n     ^\n");
    cli_fails(&s, EXIT_MISUSE, ARGS("integrate", "cos", "1/0", "1"), "A: \"1/0\" is inf", "finite");
    cli_fails(&s, EXIT_MISUSE, ARGS("integrate", "cos", "0", "1", "-n", "0"), "step", "");
    cli_fails(&s, EXIT_MISUSE, ARGS("integrate", "cos", "0", "1", "-n", "1.5"), "1.5",
              "whole number");
    cli_fails(&s, EXIT_MISUSE, ARGS("submit", "sleep", "1", "--time-limit", "soon"), "soon", "90s");
    cli_fails(&s, EXIT_MISUSE, ARGS("submit", "ping", "[1,"), "not JSON", "line 1");
    cli_fails(&s, EXIT_MISUSE, ARGS("submit", "ping", "soon"), "not JSON", "quotes");
    cli_fails(&s, EXIT_MISUSE, ARGS("submit", "no task"), "no task", "jobctl tasks");
    cli_fails(&s, EXIT_MISUSE, ARGS("ping", "-s", "16M"), "16M", "");
    cli_fails(&s, EXIT_MISUSE, ARGS("ping", "-s", "2e6"), "too large", "most");
    json_t *error = cli_fails_json(s.d.socket, EXIT_MISUSE, ARGS("submit", "ping", "[", "--json"));
    cr_assert_str_eq(cli_text_of(error, "code"), "JOBD_E_INVAL");
    json_decref(error);
    cr_assert_eq(test_daemon_status(s.c.conn, "submitted"), 0);
    scene_end(&s);
}

// ---- jobs ----

Test(ctl, submit_prints_the_result_as_json) {
    struct scene s;
    scene_set(&s, 2, NULL);
    cli_well(&s, ARGS("submit", "demo.square", "[12]"), "144\n");
    cli_well(&s, ARGS("submit", "demo.square", "12"), "144\n");
    cli_well(&s, ARGS("submit", "demo.square", "-3"), "9\n");
    cli_well(&s, ARGS("submit", "sleep", "0"), "null\n");
    cli_well(&s, ARGS("submit", "ping"), ",null]\n");
    cli_well(&s, ARGS("submit", "ping", "{\"a\":[1,-2.5,\"\\u00fc\\n\",null,true,{}]}"),
             ",{\"a\":[1,-2.5,\"\u00fc\\n\",null,true,{}]}]\n");
    cli_well(&s, ARGS("submit", "ping", "[{\"$bin\":\"AAEC/w==\"}]"), "{\"$bin\":\"AAEC/w==\"}");
    cli_well(&s, ARGS("submit", "ping", "{\"$u64\":\"18446744073709551615\"}"),
             "{\"$u64\":\"18446744073709551615\"}");
    json_t *v = cli_well_json(&s, ARGS("--json", "submit", "demo.square", "[5]"));
    cr_assert_str_eq(cli_text_of(v, "state"), "done");
    cr_assert_eq(json_integer_value(json_object_get(v, "value")), 25);
    cr_assert_gt(json_integer_value(json_object_get(v, "job")), 0);
    cr_assert_gt(json_integer_value(json_object_get(v, "pid")), 0);
    json_decref(v);
    scene_end(&s);
}

Test(ctl, submit_reads_its_arguments_from_standard_input) {
    struct scene s;
    char command[512];
    scene_set(&s, 1, NULL);
    snprintf(command, sizeof command, "echo '[7]' | '%s' --socket '%s' submit demo.square -",
             JOBD_CTL_PATH, s.d.socket);
    struct proc_result r = proc_run((struct proc_spec){.argv = ARGS("/bin/sh", "-c", command)});
    cr_assert(r.status == 0 && strcmp(r.out, "49\n") == 0, "%s%s", r.out, r.err);
    proc_result_free(&r);
    scene_end(&s);
}

Test(ctl, jobs_that_fail_say_why_and_what_to_do) {
    struct scene s;
    scene_set(&s, 1, "grace_ms = 50\n");
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("submit", "pinq"), "did you mean 'ping'?", "jobctl tasks");
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("submit", "evil.fail", "[\"no_luck\",\"the dice say no\"]"),
              "failed: the dice say no", "jobctl tasks");
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("submit", "evil.exit0"), "exited with status 0",
              "--retries-lost");
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("submit", "evil.big_result", "1048571"), "1048576 bytes",
              "less");
    cli_fails(&s, EXIT_TIME_LIMIT, ARGS("submit", "sleep", "100", "--time-limit", "50ms"), "50 ms",
              "--time-limit");
    cli_fails(&s, EXIT_TIME_LIMIT, ARGS("submit", "evil.ignore_term", "--time-limit", "50ms"),
              "50 ms", "--time-limit");
    json_t *error = cli_fails_json(s.d.socket, EXIT_JOB_FAILED,
                                   ARGS("submit", "evil.fail", "[\"no_luck\",\"so\"]", "--json"));
    cr_assert_str_eq(cli_text_of(error, "code"), "JOBD_E_TASK");
    cr_assert_str_eq(cli_text_of(error, "name"), "no_luck");
    cr_assert_str_eq(cli_text_of(error, "state"), "failed");
    json_decref(error);
    scene_end(&s);
}

Test(ctl, runs_after_a_death_are_told_of) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("submit", "evil.segv_idempotent"), "(run 2 of 3)",
              "(run 3 of 3)");
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("submit", "evil.segv", "--retries-lost", "1"),
              "SIGSEGV (signal 11) while running task 'evil.segv'; the job runs again (run 2 of 2)",
              "lost: worker ");
    // With --json each note is an object of its own, and so is the error after them.
    struct proc_result r =
        cli_run(s.d.socket, ARGS("submit", "evil.segv", "--retries-lost", "1", "--json"));
    cr_assert_eq(r.status, EXIT_JOB_FAILED);
    cr_assert_str_empty(r.out);
    char *second = strchr(r.err, '\n');
    cr_assert(second && second[1], "one line only: %s", r.err);
    json_t *error = cli_parse(second + 1);
    second[1] = '\0';
    json_t *note = cli_parse(r.err);
    cr_assert(strstr(cli_text_of(note, "note"), "run 2 of 2"));
    cr_assert_str_eq(cli_text_of(json_object_get(error, "error"), "code"), "JOBD_E_WORKER_DIED");
    json_decref(note);
    json_decref(error);
    proc_result_free(&r);
    scene_end(&s);
}

// ---- integrals ----

// The same digits, computed here with the library's own kernels.
static double integral(const char *function, double a, double b, uint64_t n_iter, uint64_t n_jobs) {
    double sums[64];
    const struct jd_integrand *f = jd_integrand_find((jobd_bytes){function, strlen(function)});
    uint64_t n = jd_split_count(n_iter, n_jobs);
    for (uint64_t i = 0; i < n; i++) {
        struct jd_part part = jd_split_part(a, b, n_iter, n, i);
        sums[i] = jd_sum_portable(f->f, part.a, jd_part_step(part), 0, part.n, 0.0);
    }
    return jd_split_reduce(sums, n);
}

static void is_exactly(double got, double expected, const char *what) {
    cr_assert(memcmp(&got, &expected, sizeof got) == 0, "%s: %.17g came, %.17g was expected", what,
              got, expected);
}

// The number after the last "= ".
static double value_in(const char *text) {
    const char *at = NULL;
    for (const char *next = text; (next = strstr(next, "= ")); next += 2)
        at = next;
    cr_assert(at, "%s", text);
    return strtod(at + 2, NULL);
}

Test(ctl, integrals_read_back_as_the_very_same_numbers) {
    static const struct {
        const char *function, *a, *b, *n, *jobs;
        double from, to;
    } questions[] = {
        {"cos", "0", "pi/2", "1000", "2", 0, M_PI_2},
        {"cos", "-pi/2", "pi/2", "1e3", "3", -M_PI_2, M_PI_2},
        {"sin", "-2*pi", "-pi", "10^4", "7", -2 * M_PI, -M_PI},
        {"exp", "-1e-3", "-2", "999", "4", -1e-3, -2},
        {"log", "2^-1", "sqrt(2)", "12345", "5", 0.5, M_SQRT2},
        {"j0", "-.5", "+5", "77", "64", -.5, 5},
    };
    struct scene s;
    scene_set(&s, 2, NULL);
    for (size_t i = 0; i < JD_LEN(questions); i++) {
        const char *const args[] = {
            "integrate", questions[i].function, questions[i].a, questions[i].b,
            "-n",        questions[i].n,        "-j",           questions[i].jobs,
            NULL};
        double n = strcmp(questions[i].n, "10^4") == 0 ? 1e4 : strtod(questions[i].n, NULL);
        double expected = integral(questions[i].function, questions[i].from, questions[i].to,
                                   (uint64_t)n, strtoul(questions[i].jobs, NULL, 10));
        struct proc_result r = cli_run(s.d.socket, args);
        cr_assert_eq(r.status, 0, "%s", r.err);
        is_exactly(value_in(r.out), expected, r.out);
        proc_result_free(&r);
    }
    json_t *v =
        cli_well_json(&s, ARGS("integrate", "cos", "0", "pi/2", "-n", "1000", "-j", "2", "--json"));
    is_exactly(json_real_value(json_object_get(v, "value")), 1.0007851925466305, "json");
    is_exactly(json_real_value(json_object_get(v, "b")), M_PI_2, "b");
    cr_assert_eq(json_array_size(json_object_get(v, "parts")), 2);
    cr_assert_eq(json_integer_value(json_object_get(v, "n_iter")), 1000);
    cr_assert_str_eq(cli_text_of(v, "kernel"), "portable");
    cr_assert_str_eq(cli_text_of(v, "rule"), "left");
    cr_assert(json_is_null(json_object_get(v, "isa")));
    json_decref(v);
    scene_end(&s);
}

Test(ctl, an_integral_by_another_kernel_and_rule) {
    struct scene s;
    scene_set(&s, 2, NULL);
    json_t *v = cli_well_json(&s, ARGS("integrate", "cos", "0", "pi/2", "-n", "10", "-j", "3",
                                       "--kernel", "fast", "--rule", "simpson", "--json"));
    cr_assert(fabs(json_real_value(json_object_get(v, "value")) - 1.0) < 1e-6);
    cr_assert_str_eq(cli_text_of(v, "kernel"), "fast");
    cr_assert_str_eq(cli_text_of(v, "rule"), "simpson");
    cr_assert_str_eq(cli_text_of(v, "isa"), jd_isa_name(jd_isa_best()));
    cr_assert_eq(json_integer_value(json_object_get(v, "evaluations")), 21);
    json_decref(v);
    v = cli_well_json(
        &s, ARGS("integrate", "exp", "0", "1", "-k", "fast", "--isa", "baseline", "--json"));
    cr_assert_str_eq(cli_text_of(v, "isa"), "baseline");
    json_decref(v);
    struct proc_result r = cli_run(s.d.socket, ARGS("integrate", "cos", "0", "1", "-k", "fast",
                                                    "-r", "gauss", "-n", "8", "-j", "2"));
    cr_assert_eq(r.status, 0, "%s", r.err);
    cr_assert(strstr(r.out, "rule gauss, 32 evaluations, kernel fast on "), "%s", r.out);
    proc_result_free(&r);
    scene_end(&s);
}

Test(ctl, an_integral_by_what_there_is_not) {
    static const char *const cases[][3] = {{"--kernel", "abacus", "there are: portable fast"},
                                           {"--rule", "right", "there are: left midpoint"},
                                           {"--isa", "mmx", "there are: baseline avx2 avx512"},
                                           {"--isa", "baseline", "add --kernel fast"}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct proc_result r =
            cli_run("/nowhere", ARGS("integrate", "cos", "0", "1", cases[i][0], cases[i][1]));
        cr_expect_eq(r.status, 2, "%s", r.err);
        cr_expect(strstr(r.err, cases[i][2]), "%s", r.err);
        proc_result_free(&r);
    }
}

Test(ctl, an_integral_has_one_part_for_each_worker) {
    struct scene s;
    scene_set(&s, 3, NULL);
    json_t *v = cli_well_json(&s, ARGS("integrate", "cos", "0", "1", "--json"));
    cr_assert_eq(json_array_size(json_object_get(v, "parts")), 3);
    json_decref(v);
    cli_well(&s, ARGS("integrate", "cos", "0", "1", "-n", "2", "-j", "0"), "2 steps in 2 parts");
    scene_end(&s);
}

// ---- looking and asking ----

static bool names_task(const json_t *v, const char *name) {
    const json_t *tasks = json_object_get(v, "tasks");
    for (size_t i = 0; i < json_array_size(tasks); i++)
        if (strcmp(cli_text_of(json_array_get(tasks, i), "task"), name) == 0)
            return true;
    return false;
}

Test(ctl, status_workers_and_tasks_can_be_read_by_people_and_programs) {
    struct scene s;
    scene_set(&s, 2, NULL);
    jobd_future *f = scene_occupy(&s);
    cli_well(&s, ARGS("status"), "workers_ready");
    cli_well(&s, ARGS("workers"), "demo.until");
    cli_well(&s, ARGS("tasks"), "[x] -> x * x, integers");
    json_t *v = cli_well_json(&s, ARGS("status", "--json"));
    cr_assert_eq(json_integer_value(json_object_get(v, "pid")), s.d.pid);
    cr_assert_eq(json_integer_value(json_object_get(v, "jobs_running")), 1);
    cr_assert_eq(json_integer_value(json_object_get(v, "workers")), 2);
    cr_assert(json_is_false(json_object_get(v, "degraded")));
    json_decref(v);
    v = cli_well_json(&s, ARGS("workers", "--json"));
    cr_assert_eq(json_array_size(json_object_get(v, "workers")), 2);
    json_decref(v);
    v = cli_well_json(&s, ARGS("tasks", "--json"));
    cr_assert(names_task(v, "ping") && names_task(v, "demo.square") && !names_task(v, "pinq"));
    json_decref(v);
    v = cli_well_json(&s, ARGS("--json")); // no command is status
    cr_assert_str_eq(cli_text_of(v, "state"), "running");
    json_decref(v);
    scene_open_gate(&s);
    test_client_take_done(f);
    scene_end(&s);
}

Test(ctl, ping_measures_round_trips) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cli_well(&s, ARGS("ping", "-c", "3"), "3 round trips: min/avg/max/p99 = ");
    cli_well(&s, ARGS("ping", "-c", "1", "-s", "1e5"), "100000 bytes from worker ");
    json_t *v = cli_well_json(&s, ARGS("ping", "-c", "20", "-s", "1000", "--json"));
    double least = json_number_value(json_object_get(v, "min_us")),
           most = json_number_value(json_object_get(v, "max_us"));
    cr_assert(least > 0 && least <= most);
    cr_assert_eq(json_integer_value(json_object_get(v, "count")), 20);
    json_decref(v);
    scene_end(&s);
}

Test(ctl, shutdown_waits_for_the_end_of_the_daemon) {
    struct scene s;
    scene_set(&s, 2, NULL);
    json_t *v = cli_well_json(&s, ARGS("shutdown", "--json"));
    cr_assert_eq(json_integer_value(json_object_get(v, "pid")), s.d.pid);
    cr_assert(json_is_true(json_object_get(v, "stopped")));
    json_decref(v);
    cr_assert_eq(test_daemon_join(&s.d), 0);
    test_daemon_run(&s.d);
    cli_well(&s, ARGS("shutdown"), "has stopped\n");
    cr_assert_eq(test_daemon_join(&s.d), 0);
    scene_end(&s);
}

Test(ctl, shutdown_now_kills_what_runs) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "evil.ignore_term", "");
    test_client_wait_running(&s.c, f);
    cli_well(&s, ARGS("shutdown", "--now"), "has stopped\n");
    test_client_take_error(f, JOBD_E_KILLED);
    cr_assert_eq(test_daemon_join(&s.d), 0);
    scene_end(&s);
}

// ---- what comes in between ----

// Starts a submit of demo.until, with stdout and stderr in a file, and waits until it runs.
static pid_t start_waiting(const struct scene *s, const char *output) {
    char args[128];
    snprintf(args, sizeof args, "[\"%s\"]", s->gate);
    int fd = open(output, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const char *const argv[] = {JOBD_CTL_PATH, "--socket", s->d.socket, "submit",
                                "demo.until",  args,       NULL};
    pid_t pid = proc_start(&(struct proc_spec){.argv = argv, .out = fd, .err = fd});
    close(fd);
    TEST_UNTIL(test_daemon_status(s->c.conn, "jobs_running") == 1);
    return pid;
}

static void ends_with(pid_t pid, int code, const char *output, const char *say) {
    char text[1024];
    int status = proc_wait(pid);
    tmpdir_read(output, text, sizeof text);
    cr_assert(WIFEXITED(status), "%s", text);
    cr_assert_eq(WEXITSTATUS(status), code, "exit code %d\n%s", WEXITSTATUS(status), text);
    cr_assert(strstr(text, say), "'%s' is missing: %s", say, text);
}

Test(ctl, an_interrupt_takes_the_job_along) {
    static const int signals[] = {SIGINT, SIGTERM};
    struct scene s;
    char output[96];
    scene_set(&s, 1, NULL);
    tmpdir_join(&s.d.dir, "output", output, sizeof output);
    for (size_t i = 0; i < JD_LEN(signals); i++) {
        pid_t pid = start_waiting(&s, output);
        kill(pid, signals[i]);
        ends_with(pid, 128 + signals[i], output, "interrupted");
        TEST_UNTIL(test_daemon_status(s.c.conn, "killed") == i + 1);
    }
    scene_end(&s);
}

Test(ctl, a_daemon_that_dies_is_told_of) {
    struct scene s;
    char output[96];
    scene_set(&s, 1, NULL);
    tmpdir_join(&s.d.dir, "output", output, sizeof output);
    pid_t pid = start_waiting(&s, output);
    kill(s.d.pid, SIGKILL);
    ends_with(pid, EXIT_BROKEN, output, "jobctl: ");
    cr_assert_eq(test_daemon_join(&s.d), 128 + SIGKILL);
    scene_end(&s);
}

Test(ctl, a_stopping_daemon_means_try_again) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = scene_occupy(&s);
    kill(s.d.pid, SIGTERM);
    test_daemon_wait_log(&s.d, "event=stopping", 1);
    cli_fails(&s, EXIT_TRY_AGAIN, ARGS("submit", "ping"), "stopping", "start it again");
    scene_open_gate(&s);
    test_client_take_done(f);
    cr_assert_eq(test_daemon_join(&s.d), 0);
    scene_end(&s);
}

Test(ctl, output_that_cannot_be_written_is_no_success) {
    struct scene s;
    char errors[96], text[1024];
    scene_set(&s, 1, NULL);
    tmpdir_join(&s.d.dir, "errors", errors, sizeof errors);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int err = open(errors, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const char *const argv[] = {JOBD_CTL_PATH, "--socket", s.d.socket, "status", NULL};
    pid_t pid = proc_start(&(struct proc_spec){.argv = argv, .out = full, .err = err});
    ends_with(pid, EXIT_BROKEN, errors, "No space left");
    tmpdir_read(errors, text, sizeof text);
    cr_assert(strstr(text, "cannot write to standard output"), "%s", text);
    close(full);
    close(err);
    scene_end(&s);
}

Test(ctl, X1_somebody_else_is_not_allowed) {
    if (geteuid() != 0)
        cr_skip_test("SKIPPED: only root can be another user");
    if (!proc_may_run(NOBODY, JOBD_CTL_PATH))
        cr_skip_test("SKIPPED: another user cannot reach %s", JOBD_CTL_PATH);
    struct scene s;
    char errors[96];
    scene_set(&s, 1, NULL);
    tmpdir_join(&s.d.dir, "errors", errors, sizeof errors);
    cr_assert_eq(chmod(s.d.dir.path, 0755), 0);
    cr_assert_eq(chmod(s.d.socket, 0666), 0);
    int err = open(errors, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    const char *const argv[] = {JOBD_CTL_PATH, "--socket", s.d.socket, "status", NULL};
    pid_t pid = proc_start(&(struct proc_spec){.argv = argv, .err = err, .uid = NOBODY});
    ends_with(pid, EXIT_NOT_ALLOWED, errors, "jobctl: ");
    close(err);
    scene_end(&s);
}
