// CPython's tests of max_workers, max_tasks_per_child, initializers and shutting executors down,
// asked of jobd's executors and named pools. README.md says where every name is.
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "support/scene.h"

enum { MANY = 40 };

TestSuite(executor_limit, .timeout = 120);
TestSuite(max_tasks, .timeout = 120);
TestSuite(init, .timeout = 120);
TestSuite(shut, .timeout = 120);
TestSuite(resize, .timeout = 120);

// ---- a pool of its own ----

static jobd_executor *open_pool(struct scene *s, jobd_pool_options o) {
    const jobd_executor_options eo = {JOBD_OPTIONS(jobd_executor_options), .pool = "mine"};
    jobd_executor *ex;
    o.struct_size = sizeof o;
    cr_assert_eq(jobd_pool_create(s->c.conn, "mine", &o, TEST_PATIENCE_MS), 0);
    cr_assert_eq(jobd_executor_open(s->c.conn, &eo, &ex), 0);
    return ex;
}

static jobd_future *submit_to(jobd_executor *ex, int64_t n) {
    jobd_future *f;
    jobd_bytes args;
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 1);
    jobd_args_i64(a, n);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    cr_assert_eq(jobd_submit(ex, "demo.square", args, NULL, &f), 0);
    jobd_args_free(a);
    return f;
}

static int64_t run_in(jobd_executor *ex, int64_t n) {
    jobd_job_info info = {.struct_size = sizeof info};
    jobd_future *f = submit_to(ex, n);
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
    cr_assert_eq(jobd_future_info(f, &info), 0);
    jobd_future_unref(f);
    return info.worker_pid;
}

// ---- how many at once ----

// A second executor gets a worker though the first has more jobs waiting: it may have one only.
Test(executor_limit, max_workers) {
    const jobd_executor_options one = {JOBD_OPTIONS(jobd_executor_options), .max_workers = 1};
    struct scene s;
    struct test_client limited;
    jobd_future *fs[3];
    scene_set(&s, 3, NULL);
    limited.conn = s.c.conn;
    cr_assert_eq(jobd_executor_open(s.c.conn, &one, &limited.ex), 0);
    for (int i = 0; i < 3; i++)
        fs[i] = test_client_submit(&limited, "demo.until", "s", s.gate);
    test_client_wait_running(&limited, fs[0]);
    jobd_future *other = scene_occupy(&s);
    cr_assert_not(jobd_future_running(fs[1]));
    cr_assert_not(jobd_future_running(fs[2]));
    cr_assert_eq(test_daemon_status(s.c.conn, "jobs_queued"), 2);
    scene_open_gate(&s);
    for (int i = 0; i < 3; i++)
        test_client_take_done(fs[i]);
    test_client_take_done(other);
    jobd_executor_free(limited.ex);
    scene_end(&s);
}

// ---- recycling ----

Test(max_tasks, max_tasks_per_child) {
    struct scene s;
    int64_t pids[9];
    scene_set(&s, 1, NULL);
    jobd_executor *ex = open_pool(&s, (jobd_pool_options){.workers = 1, .recycle_jobs = 3});
    for (int i = 0; i < 9; i++)
        pids[i] = run_in(ex, i);
    for (int i = 1; i < 9; i++)
        cr_assert_eq(pids[i] == pids[i - 1], i % 3 != 0, "job %d", i);
    jobd_executor_free(ex);
    scene_end(&s);
}

Test(max_tasks, max_tasks_per_child_pending_tasks_gh115634) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 1, NULL);
    jobd_executor *ex = open_pool(&s, (jobd_pool_options){.workers = 2, .recycle_jobs = 4});
    for (int i = 0; i < MANY; i++)
        fs[i] = submit_to(ex, i);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(test_client_take_i64(fs[i]), i * i);
    jobd_executor_free(ex);
    scene_end(&s);
}

static void shut_down_while_workers_are_replaced(int64_t timeout_ms) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 1, NULL);
    jobd_executor *ex = open_pool(&s, (jobd_pool_options){.workers = 2, .recycle_jobs = 1});
    for (int i = 0; i < MANY; i++)
        fs[i] = submit_to(ex, i);
    cr_assert_eq(jobd_executor_shutdown(ex, 0, timeout_ms), timeout_ms != 0);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(test_client_take_i64(fs[i]), i * i);
    jobd_executor_free(ex);
    scene_end(&s);
}

Test(max_tasks, shutdown_no_wait_max_tasks_gh119592) {
    shut_down_while_workers_are_replaced(JOBD_NOWAIT);
}

Test(max_tasks, max_tasks_early_shutdown) {
    shut_down_while_workers_are_replaced(TEST_PATIENCE_MS);
}

// The pool is stopped in the midst of it: every future ends, one way or another.
Test(max_tasks, force_shutdown_during_max_tasks_worker_exit) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 1, NULL);
    jobd_executor *ex = open_pool(&s, (jobd_pool_options){.workers = 2, .recycle_jobs = 1});
    for (int i = 0; i < MANY; i++)
        fs[i] = submit_to(ex, i);
    cr_assert_eq(jobd_future_result(fs[0], TEST_PATIENCE_MS, NULL), 0);
    cr_assert_eq(jobd_pool_delete(s.c.conn, "mine", true, TEST_PATIENCE_MS), 0);
    cr_assert_eq(jobd_wait(fs, MANY, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, NULL), MANY);
    for (int i = 0; i < MANY; i++)
        jobd_future_unref(fs[i]);
    jobd_executor_free(ex);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

// ---- resizing ----

Test(resize, reusable_executor_resize_many_times) {
    static const uint32_t sizes[] = {3, 1, 4, 2, 1, 2};
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 1, NULL);
    jobd_executor *ex = open_pool(&s, (jobd_pool_options){.workers = 1});
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int j = 0; j < MANY; j++)
            fs[j] = submit_to(ex, j);
        cr_assert_eq(jobd_pool_resize(s.c.conn, "mine", sizes[i], TEST_PATIENCE_MS), 0);
        for (int j = 0; j < MANY; j++)
            cr_assert_eq(test_client_take_i64(fs[j]), j * j);
    }
    jobd_executor_free(ex);
    scene_end(&s);
}

Test(resize, kill_after_resize_call) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_executor *ex = open_pool(&s, (jobd_pool_options){.workers = 1});
    int64_t pid = run_in(ex, 1);
    cr_assert_eq(jobd_pool_resize(s.c.conn, "mine", 2, TEST_PATIENCE_MS), 0);
    kill((pid_t)pid, SIGKILL);
    for (int i = 0; i < MANY; i++)
        cr_assert_gt(run_in(ex, i), 0);
    jobd_executor_free(ex);
    scene_end(&s);
}

// ---- initializers ----

Test(init, initializer) {
    struct scene s;
    unsigned counts[4];
    jobd_bytes args;
    scene_set(&s, 1, NULL);
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 2);
    jobd_args_str(a, s.marks);
    jobd_args_i64(a, 3);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    jobd_executor *ex = open_pool(
        &s, (jobd_pool_options){
                .workers = 1, .recycle_jobs = 2, .initializer = "drill.mark", .init_args = args});
    jobd_args_free(a);
    for (unsigned i = 0; i < 6; i++) {
        run_in(ex, i);
        scene_read_marks(&s, counts, 4);
        cr_assert_geq(counts[3], i / 2 + 1, "each worker runs it, before its first job");
    }
    jobd_executor_free(ex);
    scene_end(&s);
}

static bool has_text(jobd_bytes rows, const char *text) {
    return memmem(rows.data, rows.len, text, strlen(text));
}

// There it breaks the pool at once; here it is tried again, named, and the jobs wait.
Test(init, failing_initializer) {
    struct scene s;
    jobd_bytes rows;
    scene_set(&s, 1, NULL);
    jobd_executor *ex =
        open_pool(&s, (jobd_pool_options){.workers = 1, .initializer = "evil.fail"});
    jobd_future *f = submit_to(ex, 1);
    do {
        uint64_t cursor = 0;
        cr_assert_eq(jobd_daemon_pools(s.c.conn, TEST_PATIENCE_MS, &cursor, &rows), 0);
    } while (!has_text(rows, "evil.fail") || !has_text(rows, "initializer"));
    cr_assert_eq(jobd_pool_delete(s.c.conn, "mine", false, TEST_PATIENCE_MS), 0);
    test_client_take_error(f, JOBD_E_CANCELLED);
    jobd_executor_free(ex);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

// ---- shutting down ----

Test(shut, cancel_futures) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    for (int i = 0; i < MANY; i++)
        fs[i] = submit_to(s.c.ex, i);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, JOBD_SHUTDOWN_CANCEL_FUTURES, JOBD_NOWAIT), 0);
    for (int i = 0; i < MANY; i++)
        test_client_take_error(fs[i], JOBD_E_CANCELLED);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, JOBD_NOWAIT), 0, "what runs goes on");
    scene_open_gate(&s);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, TEST_PATIENCE_MS), 1);
    test_client_take_done(running);
    scene_end(&s);
}

Test(shut, shutdown_no_wait) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 2, NULL);
    for (int i = 0; i < MANY; i++)
        fs[i] = submit_to(s.c.ex, i);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, JOBD_NOWAIT), 0);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(test_client_take_i64(fs[i]), i * i);
    scene_end(&s);
}

Test(shut, hang_issue12364) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 2, NULL);
    for (int i = 0; i < MANY; i++)
        fs[i] = test_client_submit(&s.c, "sleep", "f", 0.001);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, TEST_PATIENCE_MS), 1);
    for (int i = 0; i < MANY; i++)
        test_client_take_done(fs[i]);
    scene_end(&s);
}

Test(shut, run_after_shutdown) {
    struct scene s;
    jobd_future *f;
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_submit(s.c.ex, "ping", (jobd_bytes){"\x90", 1}, NULL, &f), JOBD_E_STATE);
    scene_end(&s);
}

Test(shut, force_shutdown_workers) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *running = test_client_submit(&s.c, "evil.ignore_term", "");
    test_client_wait_running(&s.c, running);
    jobd_future *waiting = submit_to(s.c.ex, 1);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, JOBD_SHUTDOWN_KILL_RUNNING, TEST_PATIENCE_MS), 1);
    test_client_take_error(running, JOBD_E_KILLED);
    test_client_take_error(waiting, JOBD_E_CANCELLED);
    scene_end(&s);
}

Test(shut, force_shutdown_workers_stops_pool) {
    struct scene s;
    jobd_future *f;
    struct test_client other;
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, JOBD_SHUTDOWN_KILL_RUNNING, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_submit(s.c.ex, "ping", (jobd_bytes){"\x90", 1}, NULL, &f), JOBD_E_STATE);
    test_client_open(&other, &s.d);
    test_client_round_trip(&other); // the pool is everybody's
    test_client_close(&other);
    scene_end(&s);
}

Test(shut, force_shutdown_workers_not_started_yet) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_pool_pause(s.c.conn, "default", true, TEST_PATIENCE_MS), 0);
    for (int i = 0; i < MANY; i++)
        fs[i] = submit_to(s.c.ex, i);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, JOBD_SHUTDOWN_KILL_RUNNING, TEST_PATIENCE_MS), 1);
    for (int i = 0; i < MANY; i++)
        test_client_take_error(fs[i], JOBD_E_CANCELLED);
    cr_assert_eq(jobd_pool_pause(s.c.conn, "default", false, TEST_PATIENCE_MS), 0);
    scene_end(&s);
}

Test(shut, force_shutdown_workers_dead) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "evil.segv", "");
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), JOBD_E_WORKER_DIED);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, JOBD_SHUTDOWN_KILL_RUNNING, TEST_PATIENCE_MS), 1);
    jobd_future_unref(f);
    scene_end(&s);
}

// A callback that runs while the executor is shut down cannot keep it going.
static void submit_again(jobd_future *f, void *arg) {
    struct scene *s = arg;
    jobd_future *next;
    (void)f;
    cr_assert_eq(jobd_submit(s->c.ex, "ping", (jobd_bytes){"\x90", 1}, NULL, &next), JOBD_E_STATE);
}

Test(shut, submit_in_a_callback_of_a_shutdown) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = submit_to(s.c.ex, 2);
    cr_assert_eq(jobd_future_add_done_callback(f, submit_again, &s), 0);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, TEST_PATIENCE_MS), 1);
    cr_assert_eq(test_client_take_i64(f), 4);
    scene_end(&s);
}
