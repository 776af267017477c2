// The state directory: no job id is ever given out twice, and what is damaged is never replaced.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"

TestSuite(state, .timeout = 120);

enum { EXIT_CREATE = 73, TEXT_BYTES = 512 };

// The id of one more job.
static uint64_t next_id(struct test_daemon *d) {
    struct test_client c;
    jobd_job_info info = {.struct_size = sizeof info};
    test_client_open(&c, d);
    jobd_future *f = test_client_submit(&c, "ping", "i", (int64_t)1);
    jobd_future_ref(f);
    test_client_take_done(f);
    cr_assert_eq(jobd_future_info(f, &info), 0);
    jobd_future_unref(f);
    test_client_close(&c);
    return info.job_id;
}

Test(state, ids_start_at_1_and_go_on_after_a_clean_stop) {
    struct test_daemon d;
    test_daemon_start(&d, NULL);
    cr_assert_eq(next_id(&d), 1);
    cr_assert_eq(next_id(&d), 2);
    test_daemon_stop(&d);
    test_daemon_run(&d);
    cr_assert_eq(next_id(&d), 3);
    test_daemon_end(&d);
}

Test(state, ids_never_repeat_over_many_kills) {
    enum { KILLS = 20 };
    struct test_daemon d;
    uint64_t last = 0;
    test_daemon_prepare(&d, NULL);
    for (int i = 0; i < KILLS; i++) {
        test_daemon_run(&d);
        uint64_t id = next_id(&d);
        cr_assert_gt(id, last, "id %llu after %llu", (unsigned long long)id,
                     (unsigned long long)last);
        last = id;
        test_daemon_kill9(&d);
    }
    test_daemon_run(&d);
    cr_assert_gt(next_id(&d), last);
    test_daemon_end(&d);
}

// ---- damage ----

struct counters {
    struct test_daemon d;
    char path[96];
    char text[TEXT_BYTES];
};

static void make_counters(struct counters *c) {
    test_daemon_start(&c->d, NULL);
    next_id(&c->d);
    test_daemon_stop(&c->d);
    tmpdir_join(&c->d.dir, "counters", c->path, sizeof c->path);
    tmpdir_read(c->path, c->text, sizeof c->text);
}

// It says so each time, and leaves the file as it is.
static void refuses(struct counters *c, const char *text) {
    char after[TEXT_BYTES];
    tmpdir_write(c->path, text, 0600);
    int status = test_daemon_refuses(&c->d);
    const char *log = test_daemon_log(&c->d);
    cr_assert_eq(status, EXIT_CREATE, "exit status %d for '%s'\n%s", status, text, log);
    cr_assert(strstr(log, "damaged") && strstr(log, c->path), "%s", log);
    tmpdir_read(c->path, after, sizeof after);
    cr_assert_str_eq(after, text);
    cr_assert_lt(access(c->d.socket, F_OK), 0);
}

Test(state, M13_damaged_counters_are_refused_and_kept) {
    struct counters c;
    char text[TEXT_BYTES + 1];
    make_counters(&c);
    size_t n = strlen(c.text);
    refuses(&c, "");
    refuses(&c, "garbage");
    for (size_t i = 0; i < n; i += 7) { // one wrong byte
        memcpy(text, c.text, n + 1);
        text[i] = (char)(text[i] == '1' ? '2' : '1');
        refuses(&c, text);
    }
    for (size_t i = 1; i < n; i += 13) { // cut short
        snprintf(text, sizeof text, "%.*s", (int)i, c.text);
        refuses(&c, text);
    }
    snprintf(text, sizeof text, "%s\n", c.text); // something after it
    refuses(&c, text);
    for (int i = 0; i < 5; i++) // again and again, as a supervisor would
        refuses(&c, "jobd counters 1\n");
    tmpdir_write(c.path, c.text, 0600);
    test_daemon_run(&c.d);
    cr_assert_eq(next_id(&c.d), 2);
    test_daemon_end(&c.d);
}

Test(state, M13_counters_that_cannot_be_read_are_refused) {
    struct counters c;
    make_counters(&c);
    cr_assert_eq(unlink(c.path), 0);
    cr_assert_eq(mkdir(c.path, 0700), 0);
    cr_assert_eq(test_daemon_refuses(&c.d), EXIT_CREATE);
    cr_assert(strstr(test_daemon_log(&c.d), c.path));
    cr_assert_eq(rmdir(c.path), 0);
    cr_assert_eq(symlink("/dev/null", c.path), 0);
    cr_assert_eq(test_daemon_refuses(&c.d), EXIT_CREATE);
    test_daemon_end(&c.d);
}

Test(state, a_write_that_a_crash_cut_short_is_no_harm) {
    struct counters c;
    char path[96];
    make_counters(&c);
    tmpdir_write(tmpdir_join(&c.d.dir, "counters.new", path, sizeof path), "jobd coun", 0600);
    test_daemon_run(&c.d);
    cr_assert_eq(next_id(&c.d), 2);
    test_daemon_end(&c.d);
}

Test(state, a_directory_that_cannot_be_made_is_refused) {
    struct test_daemon d;
    test_daemon_prepare(&d, &(struct test_daemon_options){
                                .args = (const char *[]){"--state", "/proc/self/jobd", NULL}});
    cr_assert_eq(test_daemon_refuses(&d), EXIT_CREATE);
    cr_assert(strstr(test_daemon_log(&d), "/proc/self/jobd"));
    test_daemon_end(&d);
}

Test(state, M20_a_directory_that_vanishes_stops_nobody) {
    struct test_daemon d;
    char state[96], counters[128];
    test_daemon_prepare(&d, NULL);
    tmpdir_join(&d.dir, "state", state, sizeof state);
    snprintf(counters, sizeof counters, "%s/counters", state);
    d.options.args = (const char *[]){"--state", state, NULL};
    test_daemon_run(&d);
    cr_assert_eq(unlink(counters), 0);
    cr_assert_eq(rmdir(state), 0);
    cr_assert_eq(next_id(&d), 1);
    kill(d.pid, SIGTERM);
    cr_assert_eq(test_daemon_join(&d), 0);
    cr_assert(strstr(test_daemon_log(&d), "event=state.unwritable"), "%s", test_daemon_log(&d));
    test_daemon_end(&d);
}
