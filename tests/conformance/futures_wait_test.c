// CPython's tests of concurrent.futures.wait and as_completed, asked of jobd: each test has the name of the
// one whose question it puts, written anew for a library in C and real worker processes. README.md
// says where every name is.
#include <string.h>

#include "futures.h"
#include "guard.h"

enum { SOON_MS = 50 };

TestSuite(wait, .timeout = 120);
TestSuite(as_completed, .timeout = 120);

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
