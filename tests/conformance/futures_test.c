// CPython's tests of concurrent.futures, asked of jobd: each test here has the name of the one whose
// question it puts, written anew for a library in C and real worker processes. README.md says where
// every name is.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "support/scene.h"

enum { SOON_MS = 50, MANY = 100 };

TestSuite(future, .timeout = 120);
TestSuite(wait, .timeout = 120);
TestSuite(as_completed, .timeout = 120);
TestSuite(executor, .timeout = 120);
TestSuite(process_pool, .timeout = 120);
TestSuite(deadlock, .timeout = 120);
TestSuite(shutdown, .timeout = 120);

// ---- futures in every state ----

static jobd_future *square(struct scene *s, int64_t x) {
    return test_client_submit(&s->c, "demo.square", "i", x);
}

static jobd_future *succeeded(struct scene *s) {
    jobd_future *f = square(s, 7);
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
    return f;
}

static jobd_future *failed(struct scene *s) {
    jobd_future *f = test_client_submit(&s->c, "evil.fail", "ss", "os_error", "it was to fail");
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), JOBD_E_TASK);
    return f;
}

// With one worker that is occupied, a job waits until it is cancelled.
static jobd_future *cancelled(struct scene *s) {
    jobd_future *f = square(s, 8);
    cr_assert_eq(jobd_future_cancel(f, TEST_PATIENCE_MS), 1);
    return f;
}

// Frees the futures, opens the gate, ends the scene.
static void end_with(struct scene *s, jobd_future **fs, size_t n) {
    scene_open_gate(s);
    for (size_t i = 0; i < n; i++)
        jobd_future_unref(fs[i]);
    scene_end(s);
}

// ---- callbacks ----

struct calls {
    char order[16]; // a letter for each call
    size_t n;
    jobd_future *with;
};

static void call(struct calls *c, jobd_future *f, char letter) {
    cr_assert(jobd_future_done(f) && c->n < sizeof c->order - 1);
    c->order[c->n++] = letter;
    c->with = f;
}

static void call_a(jobd_future *f, void *arg) {
    call(arg, f, 'a');
}

static void call_b(jobd_future *f, void *arg) {
    call(arg, f, 'b');
}

// The callback sees how it ended, and runs once.
static void done_callback_with(const char *task, int error) {
    struct scene s;
    struct calls calls = {0};
    scene_set(&s, 1, NULL);
    jobd_future *f = error ? test_client_submit(&s.c, task, "ss", "no", "luck")
                           : test_client_submit(&s.c, task, "i", (int64_t)5);
    cr_assert_eq(jobd_future_add_done_callback(f, call_a, &calls), 0);
    cr_assert_str_empty(calls.order);
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), error);
    cr_assert_str_eq(calls.order, "a");
    cr_assert_eq(calls.with, f);
    end_with(&s, &f, 1);
}

Test(future, done_callback_with_result) {
    done_callback_with("demo.square", 0);
}

Test(future, done_callback_with_exception) {
    done_callback_with("evil.fail", JOBD_E_TASK);
}

Test(future, done_callback_with_cancel) {
    struct scene s;
    struct calls calls = {0};
    scene_set(&s, 1, NULL);
    jobd_future *fs[2] = {scene_occupy(&s), square(&s, 1)};
    cr_assert_eq(jobd_future_add_done_callback(fs[1], call_a, &calls), 0);
    cr_assert_eq(jobd_future_cancel(fs[1], TEST_PATIENCE_MS), 1);
    cr_assert_str_eq(calls.order, "a");
    cr_assert(jobd_future_cancelled(calls.with));
    end_with(&s, fs, 2);
}

// In C a callback cannot raise; what remains is that each of several runs, in the order added.
Test(future, done_callback_raises) {
    struct scene s;
    struct calls calls = {0};
    scene_set(&s, 1, NULL);
    jobd_future *f = square(&s, 5);
    jobd_future_add_done_callback(f, call_a, &calls);
    jobd_future_add_done_callback(f, call_b, &calls);
    jobd_future_add_done_callback(f, call_a, &calls);
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
    cr_assert_str_eq(calls.order, "aba");
    end_with(&s, &f, 1);
}

// Added to a future that is done, it runs at once, without a wait or a process.
static void already(struct scene *s, jobd_future *f) {
    struct calls calls = {0};
    cr_assert_eq(jobd_future_add_done_callback(f, call_a, &calls), 0);
    cr_assert_str_eq(calls.order, "a");
    cr_assert_eq(jobd_future_add_done_callback(f, call_b, &calls), 0);
    cr_assert_str_eq(calls.order, "ab");
    while (jobd_conn_process(s->c.conn) > 0)
        continue;
    cr_assert_str_eq(calls.order, "ab");
    jobd_future_unref(f);
}

Test(future, done_callback_already_successful) {
    struct scene s;
    scene_set(&s, 1, NULL);
    already(&s, succeeded(&s));
    scene_end(&s);
}

Test(future, done_callback_already_failed) {
    struct scene s;
    scene_set(&s, 1, NULL);
    already(&s, failed(&s));
    scene_end(&s);
}

Test(future, done_callback_already_cancelled) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    already(&s, cancelled(&s));
    end_with(&s, &running, 1);
}

// ---- what a future says of itself ----

Test(future, cancel) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *success = succeeded(&s), *failure = failed(&s), *running = scene_occupy(&s);
    jobd_future *pending = square(&s, 1);
    cr_assert_eq(jobd_future_cancel(pending, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_future_get_state(pending), JOBD_CANCELLED);
    cr_assert_eq(jobd_future_cancel(pending, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_future_cancel(running, TEST_PATIENCE_MS), 0);
    cr_assert_eq(jobd_future_get_state(running), JOBD_RUNNING);
    cr_assert_eq(jobd_future_cancel(success, TEST_PATIENCE_MS), 0);
    cr_assert_eq(jobd_future_get_state(success), JOBD_FINISHED);
    cr_assert_eq(jobd_future_cancel(failure, TEST_PATIENCE_MS), 0);
    cr_assert_eq(jobd_future_get_state(failure), JOBD_FINISHED);
    end_with(&s, (jobd_future *[]){success, failure, running, pending}, 4);
}

struct answers {
    bool pending, running, cancelled, success, failure;
};

// The same question to a future in every state.
static void ask_all(bool (*question)(const jobd_future *f), struct answers expected) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *success = succeeded(&s), *failure = failed(&s), *running = scene_occupy(&s);
    jobd_future *stopped = cancelled(&s), *pending = square(&s, 1);
    cr_assert_eq(question(pending), expected.pending);
    cr_assert_eq(question(running), expected.running);
    cr_assert_eq(question(stopped), expected.cancelled);
    cr_assert_eq(question(success), expected.success);
    cr_assert_eq(question(failure), expected.failure);
    end_with(&s, (jobd_future *[]){success, failure, running, stopped, pending}, 5);
}

Test(future, cancelled) {
    ask_all(jobd_future_cancelled, (struct answers){.cancelled = true});
}

Test(future, done) {
    ask_all(jobd_future_done,
            (struct answers){.cancelled = true, .success = true, .failure = true});
}

Test(future, running) {
    ask_all(jobd_future_running, (struct answers){.running = true});
}

Test(future, result_with_timeout) {
    struct scene s;
    jobd_bytes value;
    scene_set(&s, 1, NULL);
    jobd_future *success = succeeded(&s), *failure = failed(&s), *running = scene_occupy(&s);
    jobd_future *stopped = cancelled(&s), *pending = square(&s, 1);
    cr_assert_eq(jobd_future_result(pending, 0, &value), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_future_result(running, 0, &value), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_future_result(stopped, 0, &value), JOBD_E_CANCELLED);
    cr_assert_eq(jobd_future_result(failure, 0, &value), JOBD_E_TASK);
    cr_assert_eq(jobd_future_result(success, 0, &value), 0);
    jobd_reader r = jobd_reader_of(value);
    int64_t got;
    cr_assert(jobd_read_i64(&r, &got) == 0 && got == 49);
    end_with(&s, (jobd_future *[]){success, failure, running, stopped, pending}, 5);
}

Test(future, result_with_success) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s), *waiting = square(&s, 42);
    cr_assert_eq(jobd_future_result(waiting, 0, NULL), JOBD_E_TIMEOUT);
    scene_open_gate(&s); // and the wait ends with the value
    cr_assert_eq(test_client_take_i64(waiting), 42 * 42);
    end_with(&s, &running, 1);
}

// The cancel is decided while the wait goes on.
Test(future, result_with_cancel) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *fs[2] = {scene_occupy(&s), square(&s, 42)};
    cr_assert_eq(jobd_future_cancel(fs[1], 0), 0, "nobody can know yet");
    cr_assert(!jobd_future_done(fs[1]));
    cr_assert_eq(jobd_future_result(fs[1], TEST_PATIENCE_MS, NULL), JOBD_E_CANCELLED);
    end_with(&s, fs, 2);
}

Test(future, exception_with_timeout) {
    struct scene s;
    jobd_error why;
    scene_set(&s, 1, NULL);
    jobd_future *success = succeeded(&s), *failure = failed(&s), *running = scene_occupy(&s);
    jobd_future *stopped = cancelled(&s), *pending = square(&s, 1);
    cr_assert_eq(jobd_future_exception(pending, 0, &why), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_future_exception(running, 0, &why), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_future_exception(stopped, 0, &why), JOBD_E_CANCELLED);
    cr_assert_eq(jobd_future_exception(success, 0, &why), 0);
    cr_assert_eq(jobd_future_exception(failure, 0, &why), 1);
    cr_assert_eq(why.code, JOBD_E_TASK);
    cr_assert_str_eq(why.name, "os_error");
    end_with(&s, (jobd_future *[]){success, failure, running, stopped, pending}, 5);
}

Test(future, exception_with_success) {
    struct scene s;
    jobd_error why;
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    jobd_future *waiting = test_client_submit(&s.c, "evil.fail", "ss", "os_error", "at last");
    cr_assert_eq(jobd_future_exception(waiting, 0, &why), JOBD_E_TIMEOUT);
    scene_open_gate(&s);
    cr_assert_eq(jobd_future_exception(waiting, TEST_PATIENCE_MS, &why), 1);
    cr_assert_str_eq(why.message, "at last");
    end_with(&s, (jobd_future *[]){running, waiting}, 2);
}

// ---- wait ----

// jobd_wait() with these; `expected` has a letter for each future: 'd' done, '-' not.
static void waits(jobd_future *const *fs, size_t n, jobd_return_when when, int64_t timeout_ms,
                  const char *expected) {
    bool done[8];
    int n_expected = 0;
    cr_assert(n <= JD_LEN(done) && strlen(expected) == n);
    for (size_t i = 0; i < n; i++)
        n_expected += expected[i] == 'd';
    cr_assert_eq(jobd_wait(fs, n, when, timeout_ms, done), n_expected);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(done[i], expected[i] == 'd', "future %zu", i);
}

// The same future twice is two entries, both done.
Test(wait, 20369) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = square(&s, 1);
    waits((jobd_future *[]){f, f}, 2, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, "dd");
    end_with(&s, &f, 1);
}

Test(wait, first_completed) {
    struct scene s;
    scene_set(&s, 2, NULL);
    jobd_future *fs[2] = {scene_occupy(&s), square(&s, 21)};
    waits(fs, 2, JOBD_FIRST_COMPLETED, TEST_PATIENCE_MS, "-d");
    end_with(&s, fs, 2);
}

Test(wait, first_completed_some_already_completed) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *fs[3] = {succeeded(&s), scene_occupy(&s), cancelled(&s)};
    waits(fs, 3, JOBD_FIRST_COMPLETED, TEST_PATIENCE_MS, "d-d");
    waits(fs, 3, JOBD_FIRST_COMPLETED, 0, "d-d");
    end_with(&s, fs, 3);
}

Test(wait, first_exception) {
    struct scene s;
    scene_set(&s, 2, NULL);
    jobd_future *fs[3] = {scene_occupy(&s), square(&s, 2)};
    cr_assert_eq(jobd_future_result(fs[1], TEST_PATIENCE_MS, NULL), 0);
    fs[2] = test_client_submit(&s.c, "evil.fail", "ss", "os_error", "the first");
    waits(fs, 3, JOBD_FIRST_EXCEPTION, TEST_PATIENCE_MS, "-dd");
    end_with(&s, fs, 3);
}

// Neither a cancelled one nor one that is done well ends the wait.
Test(wait, first_exception_some_already_complete) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *success = succeeded(&s), *running = scene_occupy(&s), *stopped = cancelled(&s);
    jobd_future *late = test_client_submit(&s.c, "evil.fail", "ss", "os_error", "behind");
    jobd_future *fs[4] = {success, stopped, running, late};
    waits(fs, 4, JOBD_FIRST_EXCEPTION, SOON_MS, "dd--");
    scene_open_gate(&s);
    waits(fs, 4, JOBD_FIRST_EXCEPTION, TEST_PATIENCE_MS, "dddd");
    end_with(&s, fs, 4);
}

Test(wait, first_exception_one_already_failed) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *failure = failed(&s), *fs[2] = {failure, scene_occupy(&s)};
    waits(fs, 2, JOBD_FIRST_EXCEPTION, TEST_PATIENCE_MS, "d-");
    end_with(&s, fs, 2);
}

Test(wait, all_completed) {
    struct scene s;
    scene_set(&s, 2, NULL);
    jobd_future *running = scene_occupy(&s), *other = scene_occupy(&s), *stopped = cancelled(&s);
    jobd_future *fs[5] = {stopped, running, other, square(&s, 3), NULL};
    fs[4] = test_client_submit(&s.c, "evil.fail", "ss", "os_error", "in between");
    scene_open_gate(&s);
    waits(fs, 5, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, "ddddd");
    end_with(&s, fs, 5);
}

Test(wait, timeout) {
    struct scene s;
    scene_set(&s, 2, NULL);
    jobd_future *success = succeeded(&s), *failure = failed(&s);
    jobd_future *fs[4] = {success, failure, scene_occupy(&s), square(&s, 6)};
    cr_assert_eq(jobd_future_result(fs[3], TEST_PATIENCE_MS, NULL), 0);
    int64_t since_ms = test_now_ms();
    waits(fs, 4, JOBD_ALL_COMPLETED, SOON_MS, "dd-d");
    cr_assert_geq(test_now_ms() - since_ms, SOON_MS - 1);
    waits(fs, 4, JOBD_ALL_COMPLETED, 0, "dd-d");
    cr_assert(jobd_future_running(fs[2]), "the job was disturbed");
    end_with(&s, fs, 4);
}

// ---- as_completed ----

static void next_is(jobd_completion *walk, const jobd_future *expected) {
    jobd_future *f = NULL;
    cr_assert_eq(jobd_completion_next(walk, &f), 1);
    cr_assert_eq(f, expected);
}

static void next_ends(jobd_completion *walk, int expected, size_t n_unfinished) {
    jobd_future *f = NULL;
    cr_assert_eq(jobd_completion_next(walk, &f), expected);
    cr_assert_null(f);
    cr_assert_eq(jobd_completion_unfinished(walk), n_unfinished);
    jobd_completion_free(walk);
}

// Those that are done already come first, then each when it is done.
Test(as_completed, no_timeout) {
    struct scene s;
    jobd_completion *walk;
    scene_set(&s, 2, NULL);
    jobd_future *success = succeeded(&s), *failure = failed(&s), *running = scene_occupy(&s);
    jobd_future *quick = square(&s, 5);
    jobd_future *fs[4] = {running, quick, failure, success};
    cr_assert_eq(jobd_as_completed(fs, 4, JOBD_FOREVER, &walk), 0);
    next_is(walk, success);
    next_is(walk, failure);
    next_is(walk, quick);
    scene_open_gate(&s);
    next_is(walk, running);
    next_ends(walk, 0, 0);
    end_with(&s, fs, 4);
}

Test(as_completed, future_times_out) {
    struct scene s;
    jobd_completion *walk;
    scene_set(&s, 1, NULL);
    jobd_future *success = succeeded(&s), *fs[2] = {scene_occupy(&s), success};
    static const int64_t timeouts_ms[] = {0, SOON_MS};
    for (size_t i = 0; i < JD_LEN(timeouts_ms); i++) {
        int64_t since_ms = test_now_ms();
        cr_assert_eq(jobd_as_completed(fs, 2, timeouts_ms[i], &walk), 0);
        next_is(walk, success); // even without any time
        next_ends(walk, JOBD_E_TIMEOUT, 1);
        cr_assert_geq(test_now_ms() - since_ms, timeouts_ms[i] - 1);
    }
    end_with(&s, fs, 2);
}

Test(as_completed, duplicate_futures) {
    struct scene s;
    jobd_completion *walk;
    scene_set(&s, 1, NULL);
    jobd_future *success = succeeded(&s), *running = scene_occupy(&s);
    jobd_future *fs[5] = {running, success, running, success, running};
    cr_assert_eq(jobd_as_completed(fs, 5, JOBD_FOREVER, &walk), 0);
    next_is(walk, success);
    cr_assert_eq(jobd_completion_unfinished(walk), 1);
    scene_open_gate(&s);
    next_is(walk, running);
    next_ends(walk, 0, 0);
    end_with(&s, fs, 2);
}

// The walk holds its futures: the program may let go of them.
Test(as_completed, free_reference_yielded_future) {
    struct scene s;
    jobd_completion *walk;
    jobd_future *fs[3], *f;
    scene_set(&s, 1, NULL);
    for (int i = 0; i < 3; i++)
        fs[i] = square(&s, i);
    cr_assert_eq(jobd_as_completed(fs, 3, JOBD_FOREVER, &walk), 0);
    for (int i = 0; i < 3; i++)
        jobd_future_unref(fs[i]);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(jobd_completion_next(walk, &f), 1);
        cr_assert_eq(test_client_take_i64(jobd_future_ref(f)), i * i);
    }
    next_ends(walk, 0, 0);
    scene_end(&s);
}

Test(as_completed, correct_timeout_exception_msg) {
    struct scene s;
    jobd_completion *walk;
    scene_set(&s, 1, NULL);
    jobd_future *success = succeeded(&s), *failure = failed(&s), *running = scene_occupy(&s);
    jobd_future *stopped = cancelled(&s), *pending = square(&s, 1);
    jobd_future *fs[5] = {success, failure, running, stopped, pending};
    cr_assert_eq(jobd_as_completed(fs, 5, 0, &walk), 0);
    next_is(walk, success);
    next_is(walk, failure);
    next_is(walk, stopped);
    next_ends(walk, JOBD_E_TIMEOUT, 2); // 2 (of 5) futures unfinished
    end_with(&s, fs, 5);
}

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
