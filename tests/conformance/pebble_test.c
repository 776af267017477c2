// pebble's tests of its process pool, asked of jobd: each test has the name of the one whose question
// it puts. README.md says where every name is.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "support/scene.h"

enum { MANY = 40, BIG_BYTES = 900000 };

TestSuite(pool_deadlock, .timeout = 120);
TestSuite(pebble, .timeout = 120);

static jobd_job_info info_of(const jobd_future *f) {
    jobd_job_info info = {.struct_size = sizeof info};
    cr_assert_eq(jobd_future_info(f, &info), 0);
    return info;
}

// ---- workers that die with large results under way ----

// Results of a megabyte stream in, and all workers are killed in the midst of it.
static void kill_in_the_midst(struct scene *s, jobd_future **fs) {
    uint64_t pids[4];
    scene_set(s, 2, NULL);
    for (int i = 0; i < MANY; i++)
        fs[i] = test_client_submit(&s->c, "evil.big_result", "i", (int64_t)BIG_BYTES);
    cr_assert_eq(jobd_wait(fs, MANY, JOBD_FIRST_COMPLETED, TEST_PATIENCE_MS, NULL) > 0, true);
    size_t n = test_daemon_workers(s->c.conn, "pid", pids, JD_LEN(pids));
    for (size_t i = 0; i < n; i++)
        kill((pid_t)pids[i], SIGKILL);
}

static void all_end(struct scene *s, jobd_future **fs, int other_error) {
    cr_assert_eq(jobd_wait(fs, MANY, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, NULL), MANY);
    for (int i = 0; i < MANY; i++) {
        int error = jobd_future_result(fs[i], 0, NULL);
        cr_assert(error == 0 || error == JOBD_E_WORKER_DIED || error == other_error, "%s",
                  jobd_errname(error));
        jobd_future_unref(fs[i]);
    }
    scene_end(s);
}

Test(pool_deadlock, pool_deadlock) {
    struct scene s;
    jobd_future *fs[MANY];
    kill_in_the_midst(&s, fs);
    test_client_round_trip(&s.c);
    all_end(&s, fs, 0);
}

Test(pool_deadlock, pool_deadlock_stop) {
    struct scene s;
    jobd_future *fs[MANY];
    kill_in_the_midst(&s, fs);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, TEST_PATIENCE_MS), 1);
    all_end(&s, fs, 0);
}

Test(pool_deadlock, pool_deadlock_stop_cancel) {
    struct scene s;
    jobd_future *fs[MANY];
    kill_in_the_midst(&s, fs);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, JOBD_SHUTDOWN_CANCEL_FUTURES, TEST_PATIENCE_MS), 1);
    all_end(&s, fs, JOBD_E_CANCELLED);
}

Test(pebble, process_pool_stop_large_data) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 2, NULL);
    for (int i = 0; i < MANY; i++)
        fs[i] = test_client_submit(&s.c, "evil.big_result", "i", (int64_t)BIG_BYTES);
    cr_assert_eq(jobd_daemon_shutdown(s.c.conn, true, TEST_PATIENCE_MS), 0);
    cr_assert_eq(jobd_wait(fs, MANY, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, NULL), MANY);
    for (int i = 0; i < MANY; i++)
        jobd_future_unref(fs[i]);
    cr_assert_eq(test_daemon_join(&s.d), 0);
    scene_end(&s);
}

// ---- tasks that cannot be stopped kindly ----

static void stopped_by_force(const char *task) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, task, "");
    test_client_wait_running(&s.c, f);
    int64_t pid = info_of(f).worker_pid;
    cr_assert_eq(jobd_future_abort(f, 20, false), 0);
    test_client_take_error(f, JOBD_E_KILLED);
    TEST_UNTIL(!proc_alive((pid_t)pid));
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(pebble, process_pool_ignoring_sigterm) {
    stopped_by_force("evil.ignore_term");
}

// A process that stands still.
Test(pebble, process_pool_frozen_error) {
    stopped_by_force("evil.stop");
}

// ---- time limits ----

static const jobd_submit_options brief = {JOBD_OPTIONS(jobd_submit_options), .time_limit_ms = 60};

Test(pebble, process_pool_timeout) {
    struct scene s;
    scene_set(&s, 1, NULL);
    test_client_take_error(test_client_submit_with(&s.c, &brief, "demo.until", "s", s.gate),
                           JOBD_E_DEADLINE);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

static void keep_error(jobd_future *f, void *arg) {
    *(int *)arg = jobd_future_result(f, 0, NULL);
}

Test(pebble, process_pool_timeout_callback) {
    struct scene s;
    int error = 0;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit_with(&s.c, &brief, "demo.until", "s", s.gate);
    cr_assert_eq(jobd_future_add_done_callback(f, keep_error, &error), 0);
    while (!jobd_future_done(f))
        cr_assert_geq(jobd_conn_wait(s.c.conn, TEST_PATIENCE_MS), 0);
    cr_assert_eq(error, JOBD_E_DEADLINE);
    jobd_future_unref(f);
    scene_end(&s);
}

// ---- workers that come and go ----

static int64_t run(struct scene *s) {
    jobd_future *f = test_client_submit(&s->c, "demo.square", "i", (int64_t)5);
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
    int64_t pid = info_of(f).worker_pid;
    jobd_future_unref(f);
    return pid;
}

Test(pebble, process_pool_expired_worker) {
    struct scene s;
    scene_set(&s, 1, "pool = brief workers=1 recycle_jobs=2\n");
    scene_use_pool(&s, "brief");
    int64_t first = run(&s), second = run(&s), third = run(&s);
    cr_assert_eq(first, second);
    cr_assert_neq(second, third);
    TEST_UNTIL(!proc_alive((pid_t)first));
    scene_end(&s);
}

Test(pebble, process_pool_different_process) {
    enum { JOBS = 6 };
    struct scene s;
    int64_t pids[JOBS];
    scene_set(&s, 1, "pool = brief workers=1 recycle_jobs=1\n");
    scene_use_pool(&s, "brief");
    for (int i = 0; i < JOBS; i++) {
        pids[i] = run(&s);
        cr_assert(i == 0 || pids[i] != pids[i - 1]);
        cr_assert_neq(pids[i], s.d.pid);
    }
    scene_end(&s);
}

// There it breaks the pool; here it is named, tried again, and another pool is not touched.
Test(pebble, process_pool_broken_initializer) {
    struct scene s;
    char words[512];
    scene_set(&s, 1, "pool = broken workers=1 initializer=evil.fail\n");
    do
        listing_pool_text(s.c.conn, "broken", "last_failure", words, sizeof words);
    while (!words[0]);
    cr_assert(strstr(words, "its initializer 'evil.fail' failed"), "%s", words);
    TEST_UNTIL(listing_pool(s.c.conn, "broken", "failed_starts") >= 2);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

// ---- many jobs ----

Test(pebble, process_pool_exception_isolated) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 2, NULL);
    for (int i = 0; i < MANY; i++)
        fs[i] = i % 4 ? test_client_submit(&s.c, "demo.square", "i", (int64_t)i)
                      : test_client_submit(&s.c, "evil.fail", "ss", "no", "luck");
    for (int i = 0; i < MANY; i++) {
        if (i % 4)
            cr_assert_eq(test_client_take_i64(fs[i]), i * i);
        else
            test_client_take_error(fs[i], JOBD_E_TASK);
    }
    cr_assert_eq(test_daemon_status(s.c.conn, "worker_deaths"), 0);
    scene_end(&s);
}

// More unfinished jobs than there may be are refused, and those there are end as if nothing was.
Test(pebble, process_pool_future_limit) {
    enum { MOST = 8 };
    struct scene s;
    jobd_future *fs[MOST + 2];
    scene_set(&s, 1, "max_jobs = 8\n");
    fs[0] = scene_occupy(&s);
    for (int i = 1; i < MOST + 2; i++)
        fs[i] = test_client_submit(&s.c, "demo.square", "i", (int64_t)i);
    test_client_take_error(fs[MOST], JOBD_E_LIMIT);
    test_client_take_error(fs[MOST + 1], JOBD_E_LIMIT);
    scene_open_gate(&s);
    test_client_take_done(fs[0]);
    for (int i = 1; i < MOST; i++)
        cr_assert_eq(test_client_take_i64(fs[i]), i * i);
    scene_end(&s);
}
