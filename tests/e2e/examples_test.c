// Every page of the lecture, run as a reader would run it: against a daemon of its own, and what it
// prints is what the page says.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/daemon.h"

TestSuite(examples, .timeout = 120);

#define PLUGINS "plugins = " JOBD_EXAMPLES_DIR "/lecture.so\n"

// Runs one page with one argument, or none, to its end. Free the result.
static struct proc_result run(const char *page, const char *arg) {
    char path[512], variable[160];
    const char *argv[] = {path, arg, NULL}, *env[] = {variable, NULL};
    struct test_daemon d;
    test_daemon_start(&d, &(struct test_daemon_options){.workers = 2, .config = PLUGINS});
    snprintf(path, sizeof path, "%s/%s", JOBD_EXAMPLES_DIR, page);
    snprintf(variable, sizeof variable, "JOBD_SOCKET=%s", d.socket);
    struct proc_result r = proc_run((struct proc_spec){.argv = argv, .env = env});
    cr_assert_eq(r.status, 0, "%s: exit status %d\n%s%s", page, r.status, r.out, r.err);
    cr_assert_str_empty(r.err);
    test_daemon_end(&d); // and nothing of it is left
    return r;
}

static void prints(const char *page, const char *arg, const char *expected) {
    struct proc_result r = run(page, arg);
    cr_assert_str_eq(r.out, expected, "%s prints\n%s", page, r.out);
    proc_result_free(&r);
}

// How far the long one came is not foretold; how both ended is.
Test(examples, countdown) {
    static const char begin[] = "alive: yes\n"
                                "joined at once: 0\n"
                                "  2 left\n"
                                "  1 left\n"
                                "  0 left\n"
                                "joined: 1\n"
                                "ident: a number, never given again\n"
                                "alive: no\n"
                                "  999999 left\n";
    static const char end[] = "  stopped\n"
                              "terminated: JOBD_E_KILLED\n";
    struct proc_result r = run("countdown", "100");
    size_t n = strlen(r.out);
    cr_assert_eq(strncmp(r.out, begin, strlen(begin)), 0, "%s", r.out);
    cr_assert(n > strlen(end) && strcmp(r.out + n - strlen(end), end) == 0, "%s", r.out);
    proc_result_free(&r);
}

Test(examples, futures) {
    prints("futures", NULL,
           "first: running 1, done 0, cancelled 0\n"
           "second: running 0, done 0, cancelled 0\n"
           "cancel second: 1\n"
           "cancel first: 0\n"
           "second: running 0, done 1, cancelled 1\n"
           "result of second: JOBD_E_CANCELLED\n"
           "result of first in 1 ms: JOBD_E_TIMEOUT\n"
           "first: running 0, done 1, cancelled 0\n"
           "the square is done: 144\n"
           "result: 144\n"
           "exception of the good one: 0\n"
           "exception of the bad one: bad_args: square takes [n], a number of 32 bits\n"
           "the same is done: 144\n"
           "first completed: some\n"
           "sum as completed: 30\n"
           "all completed: 5\n");
}

// The digits of one part and of two are the lecture's own.
Test(examples, integrate_async) {
    struct proc_result r = run("integrate_async", NULL);
    cr_assert(strstr(r.out, "n_jobs=1: 1.0007851925466296\n"), "%s", r.out);
    cr_assert(strstr(r.out, "n_jobs=2: 1.0007851925466305\n"), "%s", r.out);
    cr_assert(strstr(r.out, "n_jobs=3: 1.00078"), "%s", r.out);
    cr_assert(strstr(r.out, "n_jobs=4: 1.000785192546"), "%s", r.out);
    proc_result_free(&r);
}

Test(examples, map) {
    prints("map", NULL,
           "Knock?\nKnock!\n"
           "0\n1\n4\n9\n16\n"
           "JOBD_E_TASK at item 0: square takes [n], a number of 32 bits\n");
}

Test(examples, process) {
    prints("process", "10",
           "new: alive 0, exitcode None\n"
           "started: alive 1, exitcode None\n"
           "pid: a number\n"
           "start again: JOBD_E_STATE\n"
           "join: 1\n"
           "joined: alive 0, exitcode 0\n"
           "join again: JOBD_E_STATE\n"
           "terminate: alive 0, exitcode -15\n"
           "kill: alive 0, exitcode -9\n"
           "Hello, world!\n"
           "sh: alive 0, exitcode 3\n");
}

Test(examples, ping_pong) {
    prints("ping_pong", "3",
           "sending on its end: JOBD_E_STATE\n"
           "ping pong\nping pong\nping pong\n"
           "it answered 3 times and ended with 0\n");
}

// What a page says of each backend starts with the integral. They must be the same bit for bit, and
// those of ret_rest what follows it. Returns the integral.
static double same_on_backends(const char *out, const char *ret_rest[3]) {
    static const char *const backends[] = {"serial: ", "thread: ", "process: "};
    double value[3];
    for (size_t i = 0; i < 3; i++) {
        const char *at = strstr(out, backends[i]);
        int n = 0;
        cr_assert(at && sscanf(at + strlen(backends[i]), "%lg%n", &value[i], &n) == 1, "%s", out);
        cr_assert_eq(memcmp(&value[i], &value[0], sizeof *value), 0, "%s", out);
        ret_rest[i] = at + strlen(backends[i]) + n;
    }
    return value[0];
}

Test(examples, parallel) {
    const char *rest[3];
    struct proc_result r = run("parallel", NULL);
    cr_assert_float_eq(same_on_backends(r.out, rest), 1.00078519254663, 1e-12, "%s", r.out);
    proc_result_free(&r);
}

// Who was faster is the machine's affair; that everybody was timed, and summed the same, is not.
Test(examples, nogil) {
    const char *rest[3];
    struct proc_result r = run("nogil", "1000");
    cr_assert_eq(same_on_backends(r.out, rest), 1.0007851925466305, "%s", r.out);
    for (size_t i = 0; i < 3; i++) {
        double mean_ms, deviation_ms;
        cr_assert_eq(sscanf(rest[i], ", %lg ms ± %lg ms (mean", &mean_ms, &deviation_ms), 2, "%s",
                     r.out);
        cr_assert(mean_ms > 0 && deviation_ms >= 0, "%s", r.out);
    }
    proc_result_free(&r);
}

Test(examples, prange) {
    double portable, fast, difference;
    char level[16], again[32];
    struct proc_result r = run("prange", NULL);
    int n = sscanf(r.out, "portable: %lg\nfast: %lg on %15s\ndifference: %lg\nfast again: %31[^\n]",
                   &portable, &fast, level, &difference, again);
    cr_assert_eq(n, 5, "%s", r.out);
    cr_assert_float_eq(portable, 1.0000007853979, 1e-12, "%s", r.out); // left sum of 10^6 steps
    cr_assert_float_eq(fast, portable, 1e-12, "%s", r.out);
    cr_assert_leq(difference, 1e-12, "%s", r.out);
    cr_assert_str_eq(again, "the same bits", "%s", r.out);
    proc_result_free(&r);
}
