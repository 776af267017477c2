// CPython's tests of concurrent.futures.Future, asked of jobd: each test has the name of the
// one whose question it puts, written anew for a library in C and real worker processes. README.md
// says where every name is.
#include <stdio.h>
#include <string.h>

#include "futures.h"

TestSuite(future, .timeout = 120);

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
