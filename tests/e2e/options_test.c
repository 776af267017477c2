// What a submitter may ask for: when a job runs, how often, under which key, and who keeps its result.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "mem.h"
#include "support/scene.h"

TestSuite(options, .timeout = 120);

#define OPTIONS(...) (&(jobd_submit_options){JOBD_OPTIONS(jobd_submit_options), __VA_ARGS__})

static void fails(jobd_future *f, int error, const char *words) {
    int got;
    jobd_error why;
    test_client_take(f, &got, &why);
    cr_assert_eq(got, error, "%s came, %s was expected: %s", jobd_errname(got), jobd_errname(error),
                 why.message);
    cr_assert(strstr(why.message, words), "'%s' is missing: %s", words, why.message);
}

static jobd_job_info info_of(const jobd_future *f) {
    jobd_job_info info = {.struct_size = sizeof info};
    cr_assert_eq(jobd_future_info(f, &info), 0);
    return info;
}

static void pause_pool(struct scene *s, bool paused) {
    cr_assert_eq(jobd_pool_pause(s->c.conn, "default", paused, TEST_PATIENCE_MS), 0);
}

// ---- order ----

// Smaller runs first; those alike in the order of their submission.
Test(options, priorities_are_the_order_of_what_waits) {
    static const int32_t priorities[] = {0, 5, -127, 127, -1, 5, 0, -127};
    static const int64_t order[] = {2, 7, 4, 0, 6, 1, 5, 3};
    struct scene s;
    jobd_future *fs[JD_LEN(priorities)];
    unsigned n = 0;
    unsigned long at, attempt;
    scene_set(&s, 1, NULL);
    pause_pool(&s, true);
    for (unsigned i = 0; i < JD_LEN(fs); i++)
        fs[i] = test_client_submit_with(&s.c, OPTIONS(.priority = priorities[i]), "drill.mark",
                                        "si", s.marks, (int64_t)i);
    pause_pool(&s, false);
    for (unsigned i = 0; i < JD_LEN(fs); i++)
        test_client_take_done(fs[i]);
    FILE *f = fopen(s.marks, "re");
    cr_assert_not_null(f);
    for (; fscanf(f, "%lu %lu", &at, &attempt) == 2; n++)
        cr_assert_eq((int64_t)at, order[n], "place %u", n);
    fclose(f);
    cr_assert_eq(n, JD_LEN(fs));
    scene_end(&s);
}

static uint64_t began_ns(jobd_future *f) {
    jobd_bytes value;
    uint32_t n;
    uint64_t received_ns = 0;
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, &value), 0);
    jobd_reader r = jobd_reader_of(value);
    jobd_read_array(&r, &n);
    cr_assert_eq(jobd_read_u64(&r, &received_ns), 0);
    return received_ns;
}

Test(options, one_job_does_not_wait_for_a_hundred_thousand_of_another_client) {
    enum { MANY = 100000, WINDOW = 256 };
    struct scene s;
    struct test_client other;
    jobd_future **many = jd_alloc(MANY * sizeof(jobd_future *));
    scene_set(&s, 1, NULL);
    test_client_open(&other, &s.d);
    jobd_future *running = scene_occupy(&s);
    for (size_t i = 0; i < MANY; i++) {
        const jobd_bytes no_args = {"\x90", 1};
        int r;
        while ((r = jobd_submit(s.c.ex, "ping", no_args, NULL, &many[i])) == JOBD_E_AGAIN)
            cr_assert_eq(jobd_conn_flush(s.c.conn, TEST_PATIENCE_MS), 0);
        cr_assert_eq(r, 0);
    }
    cr_assert_eq(jobd_conn_flush(s.c.conn, TEST_PATIENCE_MS), 0);
    TEST_UNTIL(test_daemon_status(s.c.conn, "submitted") == MANY + 1);
    jobd_future *one = test_client_submit(&other, "ping", "");
    TEST_UNTIL(test_daemon_status(other.conn, "submitted") == MANY + 2);
    scene_open_gate(&s);
    test_client_take_done(running);
    cr_assert_lt(began_ns(one), began_ns(many[WINDOW]), "it was not among the next");
    for (size_t i = 0; i < MANY; i++)
        test_client_take_done(many[i]);
    jobd_future_unref(one);
    jd_free(many);
    test_client_close(&other);
    scene_end(&s);
}

// ---- time ----

Test(options, a_delayed_job_starts_no_sooner) {
    enum { DELAY_MS = 150 };
    struct scene s;
    char state[32];
    scene_set(&s, 1, NULL);
    int64_t since_ms = test_now_ms();
    jobd_future *f = test_client_submit_with(&s.c, OPTIONS(.delay_ms = DELAY_MS), "demo.square",
                                             "i", (int64_t)6);
    test_client_round_trip(&s.c); // others are not held up
    listing_why(s.c.conn, info_of(f).job_id, "state", state, sizeof state);
    cr_assert(strcmp(state, "delayed") == 0 || test_now_ms() - since_ms >= DELAY_MS, "%s", state);
    cr_assert_eq(test_client_take_i64(f), 36);
    cr_assert_geq(test_now_ms() - since_ms, DELAY_MS);
    scene_end(&s);
}

Test(options, a_delayed_job_can_be_cancelled) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit_with(&s.c, OPTIONS(.delay_ms = 3600000), "ping", "");
    cr_assert_eq(jobd_future_cancel(f, TEST_PATIENCE_MS), 1);
    jobd_future_unref(f);
    cr_assert_eq(test_daemon_status(s.c.conn, "jobs_queued"), 0);
    scene_end(&s);
}

Test(options, a_deadline_is_for_waiting_and_running_and_retries) {
    const jobd_submit_options *soon = OPTIONS(.deadline_ms = 100);
    struct scene s;
    scene_set(&s, 1, NULL);
    pause_pool(&s, true);
    fails(test_client_submit_with(&s.c, soon, "ping", ""), JOBD_E_DEADLINE, "it was waiting");
    pause_pool(&s, false);
    fails(test_client_submit_with(&s.c, soon, "demo.until", "s", s.gate), JOBD_E_DEADLINE,
          "deadline passed");
    fails(
        test_client_submit_with(&s.c, OPTIONS(.deadline_ms = 100, .delay_ms = 3600000), "ping", ""),
        JOBD_E_DEADLINE, "it was waiting");
    fails(test_client_submit_with(
              &s.c, OPTIONS(.deadline_ms = 100, .max_retries = 5, .retry_delay_ms = 3600000),
              "drill.flaky", "i", (int64_t)9),
          JOBD_E_DEADLINE, "it was waiting");
    cr_assert_eq(test_client_take_i64(test_client_submit_with(&s.c, OPTIONS(.deadline_ms = 3600000),
                                                              "demo.square", "i", (int64_t)3)),
                 9);
    scene_end(&s);
}

// ---- once more ----

struct notes {
    char text[1024];
};

static void keep_notes(jobd_future *f, const char *text, void *arg) {
    struct notes *notes = arg;
    size_t n = strlen(notes->text);
    (void)f;
    snprintf(notes->text + n, sizeof notes->text - n, "[%s]", text);
}

static jobd_future *submit_flaky(struct scene *s, int64_t n_fails, struct notes *notes) {
    jobd_future *f = test_client_submit_with(&s->c, OPTIONS(.max_retries = 2, .retry_delay_ms = 40),
                                             "drill.flaky", "i", n_fails);
    cr_assert_eq(jobd_future_on_note(f, keep_notes, notes), 0);
    return f;
}

Test(options, a_task_that_fails_is_tried_again_after_a_while_that_doubles) {
    struct scene s;
    struct notes notes = {""};
    scene_set(&s, 1, NULL);
    int64_t since_ms = test_now_ms();
    cr_assert_eq(test_client_take_i64(submit_flaky(&s, 2, &notes)), 3);
    cr_assert_geq(test_now_ms() - since_ms, 40 + 80);
    cr_assert(strstr(notes.text, "not this time; it runs again in 40 ms (retry 1 of 2)"), "%s",
              notes.text);
    cr_assert(strstr(notes.text, "in 80 ms (retry 2 of 2)"), "%s", notes.text);
    scene_end(&s);
}

Test(options, after_its_last_try_a_task_has_failed) {
    struct scene s;
    struct notes notes = {""};
    scene_set(&s, 1, NULL);
    jobd_future *f = jobd_future_ref(submit_flaky(&s, 3, &notes));
    fails(f, JOBD_E_TASK, "not this time");
    cr_assert_eq(info_of(f).attempt, 3);
    jobd_future_unref(f);
    fails(test_client_submit(&s.c, "drill.flaky", "i", (int64_t)1), JOBD_E_TASK, "not this time");
    scene_end(&s);
}

// ---- keys ----

static jobd_future *submit_keyed(struct test_client *c, const struct scene *s, const char *key,
                                 bool detached, int64_t n) {
    return test_client_submit_with(c, OPTIONS(.key = key, .detached = detached), "drill.mark", "si",
                                   s->marks, n);
}

// What was submitted has arrived.
static void is_there(struct test_client *c) {
    cr_assert_eq(jobd_conn_ping(c->conn, TEST_PATIENCE_MS, &(int64_t){0}), 0);
}

Test(options, while_a_job_of_a_key_is_unfinished_there_is_one) {
    enum { TIMES = 5 };
    struct scene s;
    struct test_client other;
    jobd_future *fs[TIMES];
    unsigned counts[TIMES];
    scene_set(&s, 1, NULL);
    test_client_open(&other, &s.d);
    jobd_future *running = scene_occupy(&s);
    fs[0] = submit_keyed(&s.c, &s, "k", false, 2);
    is_there(&s.c);
    for (int i = 1; i < TIMES; i++)
        fs[i] = submit_keyed(i % 2 ? &other : &s.c, &s, "k", false, i);
    is_there(&s.c);
    is_there(&other);
    scene_open_gate(&s);
    test_client_take_done(running);
    for (int i = 0; i < TIMES; i++)
        cr_assert_eq(test_client_take_i64(fs[i]), 4, "the result of the first");
    cr_assert_eq(test_client_take_i64(submit_keyed(&s.c, &s, "k", false, 3)), 9, "a new one");
    scene_read_marks(&s, counts, TIMES);
    cr_assert(counts[2] == 1 && counts[3] == 1 && counts[1] + counts[4] == 0);
    test_client_close(&other);
    scene_end(&s);
}

Test(options, a_detached_job_keeps_its_key_with_its_result) {
    struct scene s;
    unsigned counts[8];
    scene_set(&s, 1, NULL);
    cr_assert_eq(test_client_take_i64(submit_keyed(&s.c, &s, "k", true, 2)), 4);
    cr_assert_eq(test_client_take_i64(submit_keyed(&s.c, &s, "k", true, 3)), 4, "the kept result");
    cr_assert_eq(test_client_take_i64(submit_keyed(&s.c, &s, "other", true, 5)), 25);
    scene_read_marks(&s, counts, JD_LEN(counts));
    cr_assert(counts[2] == 1 && counts[3] == 0 && counts[5] == 1);
    scene_end(&s);
}

// ---- results that are kept ----

// Of a client that is gone again before it ends.
static uint64_t leave_behind(struct scene *s, int64_t n) {
    struct test_client c;
    test_client_open(&c, &s->d);
    jobd_future *f = test_client_submit_with(&c, OPTIONS(.detached = true, .label = "left"),
                                             "drill.mark_until", "sis", s->marks, n, s->gate);
    test_client_wait_running(&c, f);
    uint64_t job = info_of(f).job_id;
    jobd_future_unref(f);
    test_client_close(&c);
    return job;
}

static jobd_future *attach(struct scene *s, uint64_t job) {
    jobd_future *f;
    cr_assert_eq(jobd_future_attach(s->c.conn, job, &f), 0);
    return f;
}

Test(options, a_detached_job_goes_on_without_its_submitter_and_its_result_is_kept) {
    struct scene s;
    char label[32];
    scene_set(&s, 2, NULL);
    uint64_t job = leave_behind(&s, 7);
    TEST_UNTIL(test_daemon_status(s.c.conn, "clients") == 1);
    jobd_future *early = attach(&s, job);
    scene_open_gate(&s);
    cr_assert_eq(test_client_take_i64(early), 49);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(test_client_take_i64(attach(&s, job)), 49, "as often as anybody asks");
    listing_why(s.c.conn, job, "label", label, sizeof label);
    cr_assert_str_eq(label, "left");
    fails(attach(&s, job + 1000), JOBD_E_NOENT, "no job");
    scene_end(&s);
}

static uint64_t run_detached(struct scene *s, const char *task, int64_t n) {
    jobd_future *f = test_client_submit_with(&s->c, OPTIONS(.detached = true), task, "i", n);
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
    uint64_t job = info_of(f).job_id;
    jobd_future_unref(f);
    return job;
}

Test(options, no_more_results_are_kept_than_keep_jobs) {
    enum { KEPT = 5, JOBS = 12 };
    struct scene s;
    uint64_t jobs[JOBS];
    scene_set(&s, 1, "keep_jobs = 5\n");
    for (int i = 0; i < JOBS; i++)
        jobs[i] = run_detached(&s, "demo.square", i);
    for (int i = 0; i < JOBS; i++) {
        if (i < JOBS - KEPT)
            fails(attach(&s, jobs[i]), JOBD_E_NOENT, "forgotten");
        else
            cr_assert_eq(test_client_take_i64(attach(&s, jobs[i])), i * i);
    }
    scene_end(&s);
}

Test(options, no_more_bytes_are_kept_than_keep_bytes) {
    enum { EACH = 400000, FITS = 2, JOBS = 6 };
    struct scene s;
    uint64_t jobs[JOBS];
    scene_set(&s, 1, "keep_bytes = 1M\n");
    for (int i = 0; i < JOBS; i++)
        jobs[i] = run_detached(&s, "evil.big_result", EACH);
    for (int i = 0; i < JOBS; i++) {
        if (i < JOBS - FITS)
            fails(attach(&s, jobs[i]), JOBD_E_NOENT, "forgotten");
        else
            test_client_take_done(attach(&s, jobs[i]));
    }
    scene_end(&s);
}

static bool is_forgotten(struct scene *s, uint64_t job) {
    int error;
    jobd_error why;
    test_client_take(attach(s, job), &error, &why);
    return error == JOBD_E_NOENT;
}

Test(options, nothing_is_kept_longer_than_keep_s) {
    struct scene s;
    scene_set(&s, 1, "keep_s = 1\n");
    int64_t since_ms = test_now_ms();
    uint64_t job = run_detached(&s, "demo.square", 3);
    TEST_UNTIL(is_forgotten(&s, job));
    cr_assert_geq(test_now_ms() - since_ms, 1000);
    scene_end(&s);
}
