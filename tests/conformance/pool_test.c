// CPython's tests of multiprocessing.Pool and of what must not leak, asked of jobd: each test has the
// name of the one whose question it puts; its maps are in map_test.c. README.md says where every name is.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"
#include "support/fdcount.h"
#include "support/scene.h"

enum { MANY = 40 };

TestSuite(pool, .timeout = 120);
TestSuite(leaks, .timeout = 120);

static jobd_future *square(struct scene *s, int64_t x) {
    return test_client_submit(&s->c, "demo.square", "i", x);
}

// ---- one call ----

Test(pool, apply) {
    struct scene s;
    scene_set(&s, 2, NULL);
    cr_assert_eq(test_client_take_i64(square(&s, 5)), 25);
    scene_end(&s);
}

// It returns at once, and the result is asked for later.
Test(pool, async) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = scene_occupy(&s);
    cr_assert_eq(jobd_future_result(f, 0, NULL), JOBD_E_TIMEOUT);
    scene_open_gate(&s);
    test_client_take_done(f);
    scene_end(&s);
}

// The time is over, and the job goes on.
Test(pool, async_timeout) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = scene_occupy(&s);
    cr_assert_eq(jobd_future_result(f, 20, NULL), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_future_exception(f, 20, NULL), JOBD_E_TIMEOUT);
    scene_open_gate(&s);
    test_client_take_done(f);
    scene_end(&s);
}

static void keep_error(jobd_future *f, void *arg) {
    jobd_future_exception(f, 0, arg);
}

Test(pool, async_error_callback) {
    struct scene s;
    jobd_error why = {0};
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "evil.fail", "ss", "type_error", "of course");
    cr_assert_eq(jobd_future_add_done_callback(f, keep_error, &why), 0);
    test_client_take_error(f, JOBD_E_TASK);
    cr_assert_str_eq(why.name, "type_error");
    cr_assert_str_eq(why.message, "of course");
    scene_end(&s);
}

// An exception of a task comes with its own name and words.
Test(pool, wrapped_exception) {
    struct scene s;
    jobd_error why = {0};
    int error;
    scene_set(&s, 1, NULL);
    test_client_take(test_client_submit(&s.c, "evil.fail", "ss", "os_error", "foo"), &error, &why);
    cr_assert_eq(error, JOBD_E_TASK);
    cr_assert(strcmp(why.name, "os_error") == 0 && strcmp(why.message, "foo") == 0);
    scene_end(&s);
}

// More results that cannot be packed than there are workers: none of them is the worse for it.
Test(pool, unpickleable_result) {
    struct scene s;
    uint64_t before[2], after[2];
    scene_set(&s, 2, NULL);
    test_daemon_workers(s.c.conn, "pid", before, 2);
    for (int i = 0; i < MANY; i++)
        test_client_take_error(test_client_submit(&s.c, "drill.bad_result", ""), JOBD_E_TASK);
    test_daemon_workers(s.c.conn, "pid", after, 2);
    cr_assert_arr_eq(before, after, sizeof before);
    scene_end(&s);
}

// ---- workers ----

Test(pool, large_pool) {
    enum { WORKERS = 30 };
    struct scene s;
    jobd_future *fs[10 * WORKERS];
    scene_set(&s, 1, "pool = large workers=30\n");
    scene_use_pool(&s, "large");
    TEST_UNTIL(listing_pool(s.c.conn, "large", "ready") == WORKERS);
    for (size_t i = 0; i < JD_LEN(fs); i++)
        fs[i] = square(&s, (int64_t)i);
    for (size_t i = 0; i < JD_LEN(fs); i++)
        cr_assert_eq(test_client_take_i64(fs[i]), (int64_t)(i * i));
    scene_end(&s);
}

static int64_t lifetime_of(struct scene *s) {
    jobd_job_info info = {.struct_size = sizeof info};
    jobd_future *f = square(s, 3);
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
    cr_assert_eq(jobd_future_info(f, &info), 0);
    jobd_future_unref(f);
    return info.worker_pid;
}

Test(pool, pool_worker_lifetime) {
    enum { EACH = 10 };
    struct scene s;
    int64_t pids[3 * EACH];
    scene_set(&s, 1, "pool = brief workers=1 recycle_jobs=10\n");
    scene_use_pool(&s, "brief");
    for (size_t i = 0; i < JD_LEN(pids); i++)
        pids[i] = lifetime_of(&s);
    for (size_t i = 1; i < JD_LEN(pids); i++)
        cr_assert_eq(pids[i] == pids[i - 1], i % EACH != 0, "job %zu", i);
    scene_end(&s);
}

// The pool is closed while its workers have just been replaced, with jobs still to do.
Test(pool, pool_worker_lifetime_early_close) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 1, "pool = brief workers=3 recycle_jobs=1\n");
    scene_use_pool(&s, "brief");
    for (int i = 0; i < MANY; i++)
        fs[i] = square(&s, i);
    cr_assert_eq(jobd_pool_drain(s.c.conn, "brief", TEST_PATIENCE_MS), 0);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(test_client_take_i64(fs[i]), i * i);
    cr_assert_eq(jobd_pool_delete(s.c.conn, "brief", false, TEST_PATIENCE_MS), 0);
    scene_end(&s);
}

// What a worker has to do at its end is done when a pool goes.
Test(pool, worker_finalization_via_atexit_handler_of_multiprocessing) {
    struct scene s;
    unsigned counts[4];
    scene_set(&s, 1, "pool = brief workers=1\n");
    scene_use_pool(&s, "brief");
    test_client_take_done(
        test_client_submit(&s.c, "drill.mark_at_exit", "si", s.marks, (int64_t)3));
    scene_read_marks(&s, counts, JD_LEN(counts));
    cr_assert_eq(counts[3], 0, "not before its end");
    cr_assert_eq(jobd_pool_delete(s.c.conn, "brief", false, TEST_PATIENCE_MS), 0);
    do
        scene_read_marks(&s, counts, JD_LEN(counts));
    while (counts[3] == 0);
    scene_end(&s);
}

// ---- idle workers ----

// Several jobs at once need several workers, and later ones find them there: none is started.
Test(pool, idle_process_reuse_multiple) {
    struct scene s;
    uint64_t before[3], after[3];
    jobd_future *fs[3];
    scene_set(&s, 3, NULL);
    test_daemon_workers(s.c.conn, "pid", before, 3);
    for (int round = 0; round < MANY; round++) {
        for (int i = 0; i < 3; i++)
            fs[i] = square(&s, i);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(test_client_take_i64(fs[i]), i * i);
    }
    test_daemon_workers(s.c.conn, "pid", after, 3);
    cr_assert_arr_eq(before, after, sizeof before);
    scene_end(&s);
}

// A worker that cannot be replaced does not break the pool: jobs wait, and run when one is there.
Test(pool, failed_worker_replacement_breaks_pool) {
    struct scene s;
    jobd_pool_options o = {JOBD_OPTIONS(jobd_pool_options), .workers = 1, .recycle_jobs = 1,
                           .initializer = "drill.needs"};
    scene_set(&s, 1, NULL);
    scene_open_gate(&s);
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 1);
    jobd_args_str(a, s.gate);
    cr_assert_eq(jobd_args_finish(a, &o.init_args), 0);
    cr_assert_eq(jobd_pool_create(s.c.conn, "brief", &o, TEST_PATIENCE_MS), 0);
    jobd_args_free(a);
    scene_use_pool(&s, "brief");
    TEST_UNTIL(listing_pool(s.c.conn, "brief", "ready") == 1);
    cr_assert_eq(unlink(s.gate), 0);
    cr_assert_eq(test_client_take_i64(square(&s, 2)), 4);
    jobd_future *waiting = square(&s, 3);
    TEST_UNTIL(listing_pool(s.c.conn, "brief", "failed_starts") >= 2);
    cr_assert_not(jobd_future_done(waiting));
    scene_open_gate(&s);
    cr_assert_eq(test_client_take_i64(waiting), 9);
    scene_end(&s);
}

// ---- what must not leak ----

// Workers that cannot start are not left lying about.
Test(leaks, release_unused_processes) {
    struct scene s;
    scene_set(&s, 1, NULL);
    size_t n_fds = fd_count(s.d.pid);
    const jobd_pool_options o = {JOBD_OPTIONS(jobd_pool_options), .workers = 3,
                                 .initializer = "evil.fail"};
    cr_assert_eq(jobd_pool_create(s.c.conn, "bad", &o, TEST_PATIENCE_MS), 0);
    TEST_UNTIL(listing_pool(s.c.conn, "bad", "failed_starts") >= 3);
    cr_assert_eq(jobd_pool_delete(s.c.conn, "bad", true, TEST_PATIENCE_MS), 0);
    TEST_UNTIL(fd_count(s.d.pid) <= n_fds);
    struct proc_list children;
    do
        proc_children(s.d.pid, &children);
    while (children.n > 1);
    scene_end(&s);
}

// However the daemon ends, nothing that it has started is left; the harness insists.
static void resource_tracker(int signal) {
    struct scene s;
    scene_set(&s, 2, "drain_s = 0\n");
    jobd_future *f = scene_occupy(&s);
    kill(s.d.pid, signal);
    cr_assert_eq(test_daemon_join(&s.d), signal == SIGKILL ? 128 + SIGKILL : 0);
    cr_assert_lt(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
    jobd_future_unref(f);
    scene_end(&s);
}

Test(leaks, resource_tracker_sigint) {
    resource_tracker(SIGINT);
}

Test(leaks, resource_tracker_sigterm) {
    resource_tracker(SIGTERM);
}

Test(leaks, resource_tracker_sigkill) {
    resource_tracker(SIGKILL);
}

// Stopped and started on the same socket, again and again.
Test(leaks, rapid_restart) {
    struct scene s;
    scene_set(&s, 1, NULL);
    for (int i = 0; i < 10; i++) {
        test_client_round_trip(&s.c);
        test_client_close(&s.c);
        if (i % 2)
            test_daemon_stop(&s.d);
        else
            test_daemon_kill9(&s.d);
        test_daemon_run(&s.d);
        test_client_open(&s.c, &s.d);
    }
    test_client_round_trip(&s.c);
    scene_end(&s);
}
