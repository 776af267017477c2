// Plugins, good and bad. Each bad one is reported with its reason and left out; the daemon comes up
// without it, and the good ones work.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/listing.h"

TestSuite(plugins, .timeout = 120);

// Lines "plugins = .../plugin_NAME.so" for all of names, which ends in NULL.
static void write_plugins(struct test_daemon *d, const char *const *names) {
    char text[4096];
    size_t n = 0;
    for (; *names; names++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "plugins = %s/plugin_%s.so\n",
                              JOBD_PLUGIN_DIR, *names);
        cr_assert_lt(n, sizeof text);
    }
    tmpdir_write(d->config, text, 0600);
}

static void start_with(struct test_daemon *d, struct test_client *c, const char *const *names) {
    test_daemon_prepare(d, NULL);
    write_plugins(d, names);
    test_daemon_run(d);
    test_client_open(c, d);
    test_daemon_wait_workers(c->conn, 2);
}

static void end(struct test_daemon *d, struct test_client *c) {
    test_client_close(c);
    test_daemon_end(d);
}

// The line of the log about a refused plugin says so.
static void refused(struct test_daemon *d, const char *name, const char *why) {
    char about[64];
    snprintf(about, sizeof about, "/plugin_%s.so reason=", name);
    const char *line = strstr(test_daemon_log(d), about);
    cr_assert(line, "nothing is said of %s:\n%s", name, test_daemon_log(d));
    const char *end_of_line = strchr(line, '\n'), *found = strstr(line, why);
    cr_assert(found && found < end_of_line, "'%s' is missing: %.*s", why, (int)(end_of_line - line),
              line);
}

Test(plugins, W28_bad_ones_are_named_with_their_reason_and_left_out) {
    static const char *const bad[][2] = {
        {"abi_major", "ABI 2.0"},
        {"abi_minor", "ABI 1.2"},
        {"no_symbol", "jobd_task_module_v1"},
        {"declines", "cannot work here"},
        {"load_crashes", "Segmentation fault"},
        {"init_crashes", "Aborted"},
        {"init_fails", "init() returned 1"},
        {"taken_name", "\\\"ping\\\" already"},
        {"bad_name", "Bad Name"},
        {"flush", "-ffast-math"},
        {"fini_crashes", "Aborted"},
    };
    const char *names[JD_LEN(bad) + 3] = {"evil"};
    struct test_daemon d;
    struct test_client c;
    for (size_t i = 0; i < JD_LEN(bad); i++)
        names[i + 1] = bad[i][0];
    names[JD_LEN(bad) + 1] = "drill";
    start_with(&d, &c, names);
    for (size_t i = 0; i < JD_LEN(bad); i++) {
        char task[64];
        refused(&d, bad[i][0], bad[i][1]);
        snprintf(task, sizeof task, "%s.nothing", bad[i][0]);
        cr_assert(!listing_has_task(c.conn, task));
    }
    test_daemon_wait_log(&d, "event=plugin.refused", JD_LEN(bad));
    test_client_round_trip(&c); // the first is there
    cr_assert_eq(test_client_take_i64(test_client_submit(&c, "drill.die", "i", (int64_t)7)), 7);
    cr_assert_eq(test_daemon_status(c.conn, "worker_deaths"), 0);
    end(&d, &c);
}

// SIMD or not, a worker computes with denormal numbers before and after.
Test(plugins, the_fast_kernel_keeps_denormal_numbers) {
    struct test_daemon d;
    struct test_client c;
    start_with(&d, &c, (const char *[]){"drill", NULL});
    cr_assert_eq(test_client_take_i64(test_client_submit(&c, "drill.no_denormals", "")), 0);
    test_client_take_done(
        test_client_submit(&c, "integrate", "sffis", "exp", -750.0, 1.0, (int64_t)100000, "fast"));
    cr_assert_eq(test_client_take_i64(test_client_submit(&c, "drill.no_denormals", "")), 0);
    end(&d, &c);
}

// Each of them can be loaded, but not both.
Test(plugins, W28_one_whose_task_another_has_already_is_left_out) {
    struct test_daemon d;
    struct test_client c;
    start_with(&d, &c, (const char *[]){"evil", "twin", "drill", NULL});
    refused(&d, "twin", "demo.square");
    test_client_round_trip(&c);
    cr_assert(listing_has_task(c.conn, "drill.mark"));
    end(&d, &c);
}

Test(plugins, one_that_is_named_twice_is_loaded_once) {
    struct test_daemon d;
    struct test_client c;
    start_with(&d, &c, (const char *[]){"evil", "drill", "evil", NULL});
    refused(&d, "evil", "already");
    test_client_round_trip(&c);
    end(&d, &c);
}

Test(plugins, all_may_be_bad) {
    struct test_daemon d;
    struct test_client c;
    start_with(&d, &c, (const char *[]){"no_symbol", "init_fails", NULL});
    test_client_take_done(test_client_submit(&c, "ping", ""));
    test_client_take_error(test_client_submit(&c, "init_fails.nothing", ""), JOBD_E_NOTASK);
    end(&d, &c);
}

Test(plugins, one_that_hangs_is_given_up_with_all_it_has_started) {
    struct test_daemon d;
    struct test_client c;
    start_with(&d, &c, (const char *[]){"init_hangs", "evil", NULL});
    refused(&d, "init_hangs", "not loaded within 10 s");
    struct proc_list children;
    proc_children(d.pid, &children);
    cr_assert_eq(children.n, 2, "%zu children, 2 workers", children.n);
    test_client_round_trip(&c);
    end(&d, &c);
}
