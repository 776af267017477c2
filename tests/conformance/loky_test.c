// loky's tests of its executor, asked of jobd: each test has the name of the one whose question it
// puts. README.md says where every name is.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"
#include "mem.h"
#include "support/plugin_nest.h"
#include "support/scene.h"

enum { MANY = 60, SOME = 13 };

TestSuite(crashes, .timeout = 120);
TestSuite(reusable_executor, .timeout = 120);
TestSuite(loky_backend, .timeout = 120);

static void fails(jobd_future *f, int error, const char *words) {
    int got;
    jobd_error why;
    test_client_take(f, &got, &why);
    cr_assert_eq(got, error, "%s came, %s was expected: %s", jobd_errname(got), jobd_errname(error),
                 why.message);
    cr_assert(strstr(why.message, words), "'%s' is missing: %s", words, why.message);
}

// ---- the sixteen crash cases ----

// What goes wrong, where, and how it is told. A task decodes its arguments and encodes its results
// itself, so what loky's pickles do on a worker is what a task does.
static const struct {
    const char *name, *task;
    const char *kinds; // of its arguments: 'i' the number, 's' the text twice; "" = none
    int64_t number;
    const char *text;
    int error;
    const char *words;
} crash_cases[] = {
    {"exit_at_task_unpickle", "drill.exit", "i", 0, NULL, JOBD_E_WORKER_DIED, "with status 0"},
    {"c_exit_at_task_unpickle", "drill.exit", "i", 3, NULL, JOBD_E_WORKER_DIED, "with status 3"},
    {"error_at_task_unpickle", "sleep", "i", -1, NULL, JOBD_E_TASK, ""},
    {"crash_at_task_unpickle", "drill.die", "i", -SIGSEGV, NULL, JOBD_E_WORKER_DIED, "SIGSEGV"},
    {"crash_during_func_exec_on_worker", "evil.segv", "", 0, NULL, JOBD_E_WORKER_DIED, "SIGSEGV"},
    {"exit_during_func_exec_on_worker", "evil.exit0", "", 0, NULL, JOBD_E_WORKER_DIED, "status 0"},
    {"c_exit_during_func_exec_on_worker", "drill.exit", "i", 7, NULL, JOBD_E_WORKER_DIED, "7"},
    {"error_during_func_exec_on_worker", "evil.fail", "ss", 0, "oh no", JOBD_E_TASK, "oh no"},
    {"crash_during_result_pickle_on_worker", "evil.garbage", "", 0, NULL, JOBD_E_WORKER_DIED, ""},
    {"exit_during_result_pickle_on_worker", "drill.half_frame", "", 0, NULL, JOBD_E_WORKER_DIED,
     ""},
    {"c_exit_during_result_pickle_on_worker", "drill.half_frame", "", 0, NULL, JOBD_E_WORKER_DIED,
     ""},
    {"error_during_result_pickle_on_worker", "drill.bad_result", "", 0, NULL, JOBD_E_TASK,
     "exactly one"},
};

static jobd_future *submit_case(struct scene *s, size_t i) {
    const char *task = crash_cases[i].task, *text = crash_cases[i].text;
    if (crash_cases[i].kinds[0] == 'i')
        return test_client_submit(&s->c, task, "i", crash_cases[i].number);
    if (crash_cases[i].kinds[0] == 's')
        return test_client_submit(&s->c, task, "ss", "error", text);
    return test_client_submit(&s->c, task, "");
}

// Twelve of them happen on the worker. The executor is the same for all: it never breaks.
Test(crashes, crashes) {
    struct scene s;
    scene_set(&s, 2, NULL);
    for (size_t i = 0; i < JD_LEN(crash_cases); i++) {
        fails(submit_case(&s, i), crash_cases[i].error, crash_cases[i].words);
        test_client_round_trip(&s.c);
    }
    scene_end(&s);
}

// Two happen where a task is packed: what is no whole array is not sent.
Test(crashes, error_at_task_pickle) {
    struct scene s;
    jobd_bytes bytes;
    scene_set(&s, 1, NULL);
    for (uint32_t n_said = 1; n_said < 4; n_said++) {
        jobd_args *a = jobd_args_new();
        jobd_args_array(a, n_said);
        jobd_args_i64(a, 1);
        cr_assert_eq(jobd_args_finish(a, &bytes) == 0, n_said == 1, "%u items said", n_said);
        jobd_args_free(a);
    }
    test_client_round_trip(&s.c);
    cr_assert_eq(test_daemon_status(s.c.conn, "submitted"), 1);
    scene_end(&s);
}

// Two happen where a result is unpacked: in the program, by a cursor that says no.
Test(crashes, error_during_result_unpickle_in_result_handler) {
    struct scene s;
    jobd_bytes value;
    int64_t n;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "echo", "s", "no number");
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, &value), 0);
    jobd_reader r = jobd_reader_of(value);
    cr_assert_lt(jobd_read_i64(&r, &n), 0);
    jobd_future_unref(f);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

struct again {
    struct scene *s;
    const char *task;
    jobd_future *next;
};

static void submit_again(jobd_future *f, void *arg) {
    struct again *again = arg;
    (void)f;
    cr_assert_eq(
        jobd_submit(again->s->c.ex, again->task, (jobd_bytes){"\x90", 1}, NULL, &again->next), 0);
}

Test(crashes, in_callback_submit_with_crash) {
    struct scene s;
    scene_set(&s, 1, NULL);
    struct again again = {&s, "evil.segv", NULL};
    jobd_future *f = test_client_submit(&s.c, "demo.square", "i", (int64_t)4);
    cr_assert_eq(jobd_future_add_done_callback(f, submit_again, &again), 0);
    cr_assert_eq(test_client_take_i64(f), 16);
    fails(again.next, JOBD_E_WORKER_DIED, "SIGSEGV");
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(crashes, callback_crash_on_submit) {
    struct scene s;
    scene_set(&s, 1, NULL);
    struct again again = {&s, "ping", NULL};
    jobd_future *f = test_client_submit(&s.c, "evil.segv", "");
    cr_assert_eq(jobd_future_add_done_callback(f, submit_again, &again), 0);
    test_client_take_error(f, JOBD_E_WORKER_DIED);
    test_client_take_done(again.next);
    scene_end(&s);
}

Test(crashes, informative_error_when_fail_at_unpickle) {
    struct scene s;
    scene_set(&s, 1, NULL);
    fails(test_client_submit(&s.c, "sleep", "s", "soon"), JOBD_E_TASK, "sleep");
    fails(test_client_submit(&s.c, "demo.until", ""), JOBD_E_TASK, "arguments");
    scene_end(&s);
}

// ---- kills ----

static int64_t pid_of(const jobd_future *f) {
    jobd_job_info info = {.struct_size = sizeof info};
    cr_assert_eq(jobd_future_info(f, &info), 0);
    return info.worker_pid;
}

// One worker is killed while jobs stream in: one job pays at most.
Test(crashes, deadlock_kill) {
    struct scene s;
    jobd_future *fs[MANY];
    scene_set(&s, 2, NULL);
    jobd_future *victim = scene_occupy(&s);
    for (int i = 0; i < MANY; i++) {
        fs[i] = test_client_submit(&s.c, "demo.square", "i", (int64_t)i);
        if (i == MANY / 2)
            kill((pid_t)pid_of(victim), SIGKILL);
    }
    test_client_take_error(victim, JOBD_E_WORKER_DIED);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(test_client_take_i64(fs[i]), i * i); // it may run again: it is idempotent
    scene_end(&s);
}

// All workers crash at once; then they are all there again.
static void crash_races(unsigned n) {
    struct scene s;
    jobd_future *fs[SOME];
    scene_set(&s, n, NULL);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < n; i++)
            fs[i] = test_client_submit(&s.c, "drill.die", "i", (int64_t)-SIGKILL);
        for (unsigned i = 0; i < n; i++)
            test_client_take_error(fs[i], JOBD_E_WORKER_DIED);
        for (unsigned i = 0; i < n; i++)
            fs[i] = test_client_submit(&s.c, "demo.square", "i", (int64_t)i);
        for (unsigned i = 0; i < n; i++)
            cr_assert_eq(test_client_take_i64(fs[i]), i * i);
    }
    cr_assert_eq(test_daemon_status(s.c.conn, "worker_deaths"), 3 * n);
    scene_end(&s);
}

Test(crashes, crash_races_1) {
    crash_races(1);
}

Test(crashes, crash_races_2) {
    crash_races(2);
}

Test(crashes, crash_races_5) {
    crash_races(5);
}

Test(crashes, crash_races_13) {
    crash_races(SOME);
}

// A child that has exited before anything was submitted is replaced, and nobody notices.
Test(crashes, exited_child) {
    struct scene s;
    uint64_t pids[4];
    scene_set(&s, 2, NULL);
    size_t n = test_daemon_workers(s.c.conn, "pid", pids, JD_LEN(pids));
    cr_assert_eq(n, 2);
    for (size_t i = 0; i < n; i++)
        kill((pid_t)pids[i], SIGKILL);
    for (int i = 0; i < MANY; i++)
        test_client_round_trip(&s.c);
    scene_end(&s);
}

// A crash when the worker cleans up behind itself costs no result.
Test(crashes, call_item_gc_crash_or_exit) {
    struct scene s;
    scene_set(&s, 1, "pool = brief workers=1 recycle_jobs=1\n");
    scene_use_pool(&s, "brief");
    for (int i = 0; i < 5; i++) {
        int64_t pid = test_client_take_i64(test_client_submit(&s.c, "drill.crash_at_exit", ""));
        TEST_UNTIL(!proc_alive((pid_t)pid));
    }
    cr_assert_eq(test_daemon_status(s.c.conn, "lost"), 0);
    scene_end(&s);
}

Test(crashes, sigkill_shutdown_leaks_workers) {
    struct scene s;
    scene_set(&s, 3, NULL);
    jobd_future *f = scene_occupy(&s);
    test_daemon_kill9(&s.d); // insists that no process is left
    test_client_take_error(f, JOBD_E_CLOSED);
    scene_end(&s);
}

// ---- large data ----

static jobd_future *submit_bytes(struct scene *s, jobd_bytes data) {
    jobd_future *f;
    jobd_bytes args;
    int r;
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 1);
    jobd_args_bin(a, data);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    while ((r = jobd_submit(s->c.ex, "drill.bytes", args, NULL, &f)) == JOBD_E_AGAIN)
        cr_assert_eq(jobd_conn_flush(s->c.conn, TEST_PATIENCE_MS), 0);
    cr_assert_eq(r, 0);
    jobd_args_free(a);
    return f;
}

// Between many large jobs, one that crashes.
Test(crashes, queue_full_deadlock) {
    enum { BIG_BYTES = 200000 };
    struct scene s;
    jobd_future *fs[MANY];
    void *zeros = jd_zalloc(BIG_BYTES);
    scene_set(&s, 1, NULL);
    for (int i = 0; i < MANY; i++)
        fs[i] = i == MANY / 3 ? test_client_submit(&s.c, "evil.segv", "")
                              : submit_bytes(&s, (jobd_bytes){zeros, BIG_BYTES});
    for (int i = 0; i < MANY; i++) {
        if (i == MANY / 3)
            test_client_take_error(fs[i], JOBD_E_WORKER_DIED);
        else
            cr_assert_eq(test_client_take_i64(fs[i]), BIG_BYTES);
    }
    jd_free(zeros);
    scene_end(&s);
}

Test(crashes, no_failure_on_large_data_send) {
    struct scene s;
    scene_set(&s, 1, NULL);
    size_t n = jobd_conn_max_payload(s.c.conn) - 6; // array, and head of the bytes
    void *zeros = jd_zalloc(n);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(test_client_take_i64(submit_bytes(&s, (jobd_bytes){zeros, n})), (int64_t)n);
    jd_free(zeros);
    scene_end(&s);
}

// ---- an executor that is used again and again ----

static int64_t run(struct scene *s, int64_t n) {
    jobd_future *f = jobd_future_ref(test_client_submit(&s->c, "demo.square", "i", n));
    cr_assert_eq(test_client_take_i64(f), n * n);
    int64_t pid = pid_of(f);
    jobd_future_unref(f);
    return pid;
}

// Workers that have left in the meantime do not keep a pool from another size.
Test(reusable_executor, resize_after_timeout) {
    struct scene s;
    scene_set(&s, 1, "pool = brief workers=2 recycle_jobs=1\n");
    scene_use_pool(&s, "brief");
    for (uint32_t i = 1; i <= 6; i++) {
        run(&s, i);
        cr_assert_eq(jobd_pool_resize(s.c.conn, "brief", 1 + i % 3, TEST_PATIENCE_MS), 0);
        run(&s, i);
    }
    TEST_UNTIL(listing_pool(s.c.conn, "brief", "ready") == 1);
    scene_end(&s);
}

// Each job is either refused, with a word, or runs to its end.
Test(reusable_executor, submit_during_shutdown_race) {
    struct scene s;
    jobd_future *fs[MANY];
    int n = 0, r = 0;
    scene_set(&s, 2, NULL);
    for (int i = 0; i < MANY; i++) {
        if (i == MANY / 2)
            cr_assert_geq(jobd_executor_shutdown(s.c.ex, 0, JOBD_NOWAIT), 0);
        r = jobd_submit(s.c.ex, "ping", (jobd_bytes){"\x90", 1}, NULL, &fs[n]);
        cr_assert_eq(r, i < MANY / 2 ? 0 : JOBD_E_STATE);
        n += r == 0;
    }
    for (int i = 0; i < n; i++)
        test_client_take_done(fs[i]);
    scene_end(&s);
}

Test(reusable_executor, shutdown_and_kill_workers) {
    struct scene s;
    jobd_future *fs[3];
    scene_set(&s, 2, "grace_ms = 50\n");
    for (int i = 0; i < 3; i++)
        fs[i] = test_client_submit(&s.c, "evil.ignore_term", "");
    test_client_wait_running(&s.c, fs[0]);
    test_client_wait_running(&s.c, fs[1]);
    int64_t pids[2] = {pid_of(fs[0]), pid_of(fs[1])};
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, JOBD_SHUTDOWN_KILL_RUNNING, TEST_PATIENCE_MS), 1);
    test_client_take_error(fs[0], JOBD_E_KILLED);
    test_client_take_error(fs[1], JOBD_E_KILLED);
    test_client_take_error(fs[2], JOBD_E_CANCELLED);
    for (int i = 0; i < 2; i++)
        TEST_UNTIL(!proc_alive((pid_t)pids[i]));
    scene_end(&s);
}

// Not waiting for the end drops no job.
Test(reusable_executor, hang_issue39205) {
    struct scene s;
    jobd_future *fs[2];
    scene_set(&s, 1, NULL);
    fs[0] = test_client_submit(&s.c, "sleep", "f", 0.02);
    fs[1] = test_client_submit(&s.c, "sleep", "f", 0.02);
    cr_assert_eq(jobd_executor_shutdown(s.c.ex, 0, JOBD_NOWAIT), 0);
    jobd_executor_free(s.c.ex);
    s.c.ex = NULL;
    test_client_take_done(fs[0]);
    test_client_take_done(fs[1]);
    scene_end(&s);
}

Test(reusable_executor, memory_leak_protection) {
    struct scene s;
    scene_set(&s, 1, "pool = small workers=1 recycle_rss=64M\n");
    scene_use_pool(&s, "small");
    int64_t pid =
        test_client_take_i64(test_client_submit(&s.c, "drill.grow", "i", (int64_t)(100 << 20)));
    TEST_UNTIL(!proc_alive((pid_t)pid));
    cr_assert_neq(run(&s, 1), pid);
    cr_assert_eq(test_daemon_status(s.c.conn, "worker_deaths"), 0);
    scene_end(&s);
}

// ---- inside a worker ----

// Calls within calls, deeper than there are slots to lend.
Test(loky_backend, max_depth) {
    enum { DEPTH = 20 };
    struct scene s;
    char path[96];
    static const char zeros[sizeof(struct nest_counts)];
    scene_set(&s, 1, NULL);
    tmpdir_join(&s.d.dir, "counts", path, sizeof path);
    FILE *f = fopen(path, "we");
    cr_assert_eq(fwrite(zeros, sizeof zeros, 1, f), 1);
    fclose(f);
    cr_assert_eq(test_client_take_i64(test_client_submit(&s.c, "nest.tree", "siii", path,
                                                         (int64_t)DEPTH, (int64_t)1, (int64_t)0)),
                 1);
    scene_end(&s);
}

// Its standard input is there, and at its end.
Test(loky_backend, no_crash_on_stdin_access_in_child) {
    static const char *const argv[] = {"sh", "-c", "read line && exit 1; exit 4", NULL};
    struct scene s;
    jobd_process *p;
    int code = 0;
    const jobd_process_options o = {JOBD_OPTIONS(jobd_process_options), .argv = argv};
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_process_new(s.c.conn, &o, &p), 0);
    cr_assert_eq(jobd_process_start(p), 0);
    cr_assert_eq(jobd_process_join(p, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_process_exitcode(p, &code), 1);
    cr_assert_eq(code, 4);
    jobd_process_free(p);
    scene_end(&s);
}
