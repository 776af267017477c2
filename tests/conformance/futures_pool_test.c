// CPython's tests of concurrent.futures' executors, asked of jobd: each test has the name of the
// one whose question it puts, written anew for a library in C and real worker processes. README.md
// says where every name is.
#include <signal.h>
#include <string.h>

#include "futures.h"
#include "mem.h"

enum { MANY = 100 };

TestSuite(executor, .timeout = 120);
TestSuite(process_pool, .timeout = 120);
TestSuite(deadlock, .timeout = 120);
TestSuite(shutdown, .timeout = 120);

// ---- the executor ----

Test(executor, submit) {
    struct scene s;
    scene_set(&s, 2, NULL);
    cr_assert_eq(test_client_take_i64(square(&s, 16)), 256);
    scene_end(&s);
}

// What a task was given is let go of when it is done, in the library and in the daemon.
Test(executor, no_stale_references) {
    struct scene s;
    scene_set(&s, 1, NULL);
    for (int i = 0; i < MANY; i++)
        test_client_take_done(test_client_submit(&s.c, "ping", "s", "something to hold on to"));
    cr_assert_eq(test_daemon_status(s.c.conn, "queued_bytes"), 0);
    scene_end(&s);
}

static void submit_next(jobd_future *f, void *arg) {
    struct scene *s = arg;
    jobd_future *next;
    static const unsigned char args[] = {0x91, 3};
    (void)f;
    cr_assert_eq(jobd_submit(s->c.ex, "demo.square", (jobd_bytes){args, 2}, NULL, &next), 0);
    jobd_conn_set_userdata(s->c.conn, next);
}

// A submit between the end of one job and the next look at the connection.
Test(executor, shutdown_race_issue12456) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = square(&s, 2);
    cr_assert_eq(jobd_future_add_done_callback(f, submit_next, &s), 0);
    cr_assert_eq(test_client_take_i64(f), 4);
    cr_assert_eq(test_client_take_i64(jobd_conn_userdata(s.c.conn)), 9);
    f = square(&s, 3);
    jobd_executor_free(s.c.ex); // its jobs go on
    s.c.ex = NULL;
    cr_assert_eq(test_client_take_i64(f), 9);
    scene_end(&s);
}

// ---- the pool of processes ----

// There it breaks the pool; here that job alone pays.
Test(process_pool, killed_child) {
    struct scene s;
    jobd_job_info info = {.struct_size = sizeof info};
    scene_set(&s, 2, NULL);
    jobd_future *victim =
        test_client_submit(&s.c, "drill.mark_until", "sis", s.marks, (int64_t)1, s.gate);
    test_client_wait_running(&s.c, victim);
    jobd_future *other = square(&s, 5);
    cr_assert_eq(jobd_future_info(victim, &info), 0);
    kill((pid_t)info.worker_pid, SIGKILL);
    test_client_take_error(victim, JOBD_E_WORKER_DIED);
    cr_assert_eq(test_client_take_i64(other), 25);
    cr_assert_eq(test_client_take_i64(square(&s, 6)), 36);
    scene_end(&s);
}

Test(process_pool, traceback_when_child_process_terminates_abruptly) {
    struct scene s;
    jobd_error why;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "drill.die", "i", (int64_t)-SIGABRT);
    cr_assert_eq(jobd_future_exception(f, TEST_PATIENCE_MS, &why), 1);
    cr_assert(strstr(why.message, "SIGABRT") && strstr(why.message, "drill.die") &&
                  strstr(why.message, "farewell"),
              "%s", why.message);
    end_with(&s, &f, 1);
}

// However many jobs there are, the number of processes stays.
Test(process_pool, saturation) {
    struct scene s;
    struct proc_list children;
    jobd_future *fs[MANY];
    scene_set(&s, 3, NULL);
    for (int i = 0; i < MANY; i++)
        fs[i] = test_client_submit(&s.c, "demo.until", "s", s.gate);
    cr_assert_eq(jobd_conn_ping(s.c.conn, TEST_PATIENCE_MS, &(int64_t){0}), 0);
    proc_children(s.d.pid, &children);
    cr_assert_eq(children.n, 3);
    scene_open_gate(&s);
    for (int i = 0; i < MANY; i++)
        test_client_take_done(fs[i]);
    proc_children(s.d.pid, &children);
    cr_assert_eq(children.n, 3);
    scene_end(&s);
}

// One job after another goes to the worker used last.
Test(process_pool, idle_process_reuse_one) {
    struct scene s;
    jobd_job_info info = {.struct_size = sizeof info};
    int64_t pid = 0;
    scene_set(&s, 4, NULL);
    for (int i = 0; i < MANY; i++) {
        jobd_future *f = square(&s, i);
        cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
        cr_assert_eq(jobd_future_info(f, &info), 0);
        cr_assert(pid == 0 || info.worker_pid == pid, "job %d ran in another worker", i);
        pid = info.worker_pid;
        jobd_future_unref(f);
    }
    scene_end(&s);
}

// ---- what must not hang: errors and ends in all the wrong places ----

static void ends_so(const char *task, int64_t arg, int error) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *bad = test_client_submit(&s.c, task, "i", arg), *good = square(&s, 4);
    test_client_take_error(bad, error);
    cr_assert_eq(test_client_take_i64(good), 16);
    scene_end(&s);
}

Test(deadlock, error_at_task_pickle) {
    struct scene s;
    jobd_bytes bytes;
    scene_set(&s, 1, NULL);
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 2);
    jobd_args_i64(a, 1);
    cr_assert_eq(jobd_args_finish(a, &bytes), JOBD_E_STATE); // the second item is missing
    jobd_args_free(a);
    cr_assert_eq(test_client_take_i64(square(&s, 4)), 16);
    cr_assert_eq(test_daemon_status(s.c.conn, "submitted"), 1);
    scene_end(&s);
}

Test(deadlock, error_at_task_unpickle) {
    ends_so("sleep", -1, JOBD_E_TASK);
}

Test(deadlock, exit_at_task_unpickle) {
    ends_so("drill.exit", 0, JOBD_E_WORKER_DIED);
}

Test(deadlock, crash_at_task_unpickle) {
    ends_so("drill.die", -SIGSEGV, JOBD_E_WORKER_DIED);
}

Test(deadlock, error_during_func_exec_on_worker) {
    ends_so("drill.mark", 0, JOBD_E_TASK); // its first argument should be a path
}

Test(deadlock, exit_during_func_exec_on_worker) {
    ends_so("evil.exit0", 0, JOBD_E_WORKER_DIED);
}

Test(deadlock, crash_during_func_exec_on_worker) {
    ends_so("evil.segv", 0, JOBD_E_WORKER_DIED);
}

Test(deadlock, error_during_result_pickle_on_worker) {
    ends_so("drill.bad_result", 0, JOBD_E_TASK);
}

Test(deadlock, exit_during_result_pickle_on_worker) {
    ends_so("drill.half_frame", 0, JOBD_E_WORKER_DIED);
}

Test(deadlock, crash_during_result_pickle_on_worker) {
    ends_so("evil.garbage", 0, JOBD_E_WORKER_DIED);
}

// A worker dies while its socket is full of large arguments.
Test(deadlock, crash_big_data) {
    enum { BIG_BYTES = 1000000, JOBS = 20 };
    struct scene s;
    jobd_bytes args;
    jobd_future *fs[JOBS];
    void *zeros = jd_zalloc(BIG_BYTES);
    scene_set(&s, 1, NULL);
    jobd_future *bad = test_client_submit(&s.c, "drill.die", "i", (int64_t)-SIGKILL);
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 1);
    jobd_args_bin(a, (jobd_bytes){zeros, BIG_BYTES});
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    for (int i = 0; i < JOBS; i++) {
        int r;
        while ((r = jobd_submit(s.c.ex, "drill.bytes", args, NULL, &fs[i])) == JOBD_E_AGAIN)
            cr_assert_eq(jobd_conn_flush(s.c.conn, TEST_PATIENCE_MS), 0);
        cr_assert_eq(r, 0);
    }
    test_client_take_error(bad, JOBD_E_WORKER_DIED);
    for (int i = 0; i < JOBS; i++)
        cr_assert_eq(test_client_take_i64(fs[i]), BIG_BYTES);
    jobd_args_free(a);
    jd_free(zeros);
    scene_end(&s);
}

// More jobs than any buffer between here and the workers holds, and nobody reads their results yet.
Test(deadlock, gh105829_should_not_deadlock_if_wakeup_pipe_full) {
    enum { JOBS = 30000 };
    struct scene s;
    jobd_future **fs = jd_alloc(JOBS * sizeof(jobd_future *));
    scene_set(&s, 2, NULL);
    for (int i = 0; i < JOBS; i++) {
        int r;
        while ((r = jobd_submit(s.c.ex, "ping", (jobd_bytes){"\x90", 1}, NULL, &fs[i])) ==
               JOBD_E_AGAIN)
            cr_assert_eq(jobd_conn_flush(s.c.conn, TEST_PATIENCE_MS), 0);
        cr_assert_eq(r, 0);
    }
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, TEST_PATIENCE_MS), 1);
    for (int i = 0; i < JOBS; i++)
        test_client_take_done(fs[i]);
    jd_free(fs);
    scene_end(&s);
}

// A crash, and at once a shutdown that waits.
Test(deadlock, shutdown_deadlock) {
    struct scene s;
    scene_set(&s, 2, NULL);
    jobd_future *good = square(&s, 3), *bad = test_client_submit(&s.c, "evil.segv", "");
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, TEST_PATIENCE_MS), 1);
    test_client_take_error(bad, JOBD_E_WORKER_DIED);
    cr_assert_eq(test_client_take_i64(good), 9);
    scene_end(&s);
}

// The same with a result that cannot be packed, and one that does not wait.
Test(deadlock, shutdown_deadlock_pickle) {
    struct scene s;
    scene_set(&s, 2, NULL);
    jobd_future *bad = test_client_submit(&s.c, "drill.bad_result", ""), *good = square(&s, 3);
    cr_assert_geq(jobd_executor_shutdown(s.c.ex, 0, JOBD_NOWAIT), 0);
    test_client_take_error(bad, JOBD_E_TASK);
    cr_assert_eq(test_client_take_i64(good), 9);
    scene_end(&s);
}

// ---- ends ----

Test(shutdown, run_after_shutdown) {
    struct scene s;
    jobd_future *f;
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    cr_assert_eq(jobd_daemon_shutdown(s.c.conn, false, TEST_PATIENCE_MS), 0);
    f = square(&s, 1);
    test_client_take_error(f, JOBD_E_STOPPING);
    scene_open_gate(&s);
    test_client_take_done(running);
    cr_assert_eq(test_daemon_join(&s.d), 0);
    scene_end(&s);
}

// More jobs than workers, and all of them are waited for.
Test(shutdown, hang_issue12364) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 2, NULL);
    for (int i = 0; i < MANY; i++)
        fs[i] = test_client_submit(&s.c, "sleep", "f", 0.001);
    cr_assert_eq(jobd_conn_ping(s.c.conn, TEST_PATIENCE_MS, &(int64_t){0}), 0);
    cr_assert_eq(jobd_daemon_shutdown(s.c.conn, false, TEST_PATIENCE_MS), 0);
    for (int i = 0; i < MANY; i++)
        test_client_take_done(fs[i]);
    cr_assert_eq(test_daemon_join(&s.d), 0);
    scene_end(&s);
}

Test(shutdown, processes_terminate) {
    struct scene s;
    struct proc_list workers;
    scene_set(&s, 3, NULL);
    cr_assert_eq(test_client_take_i64(square(&s, 9)), 81);
    proc_children(s.d.pid, &workers);
    cr_assert_eq(workers.n, 3);
    test_daemon_stop(&s.d);
    for (size_t i = 0; i < workers.n; i++)
        cr_assert(!proc_alive(workers.at[i]));
    scene_end(&s);
}

// A program that leaves without waiting is not held up, and what it has left behind is stopped.
Test(shutdown, hang_gh83386) {
    struct scene s;
    struct test_client other;
    scene_set(&s, 1, NULL);
    test_client_open(&other, &s.d);
    jobd_future *f = test_client_submit(&other, "demo.until", "s", s.gate);
    test_client_wait_running(&other, f);
    cr_assert_eq(jobd_executor_shutdown(other.ex, 0, JOBD_NOWAIT), 0);
    test_client_close(&other);
    test_client_take_error(f, JOBD_E_CLOSED);
    cr_assert_eq(test_client_take_i64(square(&s, 4)), 16);
    scene_end(&s);
}

// A job that was cancelled right before the shutdown does not keep it waiting.
Test(shutdown, hang_gh94440) {
    struct scene s;
    scene_set(&s, 1, NULL);
    for (int i = 0; i < MANY; i++) {
        jobd_executor *ex;
        jobd_future *f;
        cr_assert_eq(jobd_executor_open(s.c.conn, NULL, &ex), 0);
        cr_assert_eq(jobd_submit(ex, "ping", (jobd_bytes){"\x90", 1}, NULL, &f), 0);
        cr_assert_geq(jobd_future_cancel(f, 0), 0);
        cr_assert_eq(jobd_executor_shutdown(ex, 0, TEST_PATIENCE_MS), 1);
        cr_assert(jobd_future_done(f));
        jobd_future_unref(f);
        jobd_executor_free(ex);
    }
    scene_end(&s);
}

// A result that cannot be packed comes in while the executor is shut down.
static void shutdown_gh_132969(unsigned flags) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 1, NULL);
    fs[0] = scene_occupy(&s);
    fs[1] = test_client_submit(&s.c, "drill.bad_result", "");
    for (int i = 2; i < MANY; i++)
        fs[i] = square(&s, i);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, flags, JOBD_NOWAIT), 0);
    scene_open_gate(&s);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, TEST_PATIENCE_MS), 1);
    test_client_take_done(fs[0]);
    for (int i = 1; i < MANY; i++)
        test_client_take_error(fs[i], flags ? JOBD_E_CANCELLED : i == 1 ? JOBD_E_TASK : 0);
    scene_end(&s);
}

Test(shutdown, shutdown_gh_132969_case_1) {
    shutdown_gh_132969(0);
}

Test(shutdown, shutdown_gh_132969_case_2) {
    shutdown_gh_132969(JOBD_SHUTDOWN_CANCEL_FUTURES);
}
