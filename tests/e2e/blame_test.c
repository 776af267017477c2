// The words for what went wrong: how it ended, in which run, how far it had come, what it said last,
// and by whose hand; the same to its submitter and to whoever asks later.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"
#include "support/scene.h"

TestSuite(blame, .timeout = 120);

// Fails in all of these words, and the daemon gives the same reason afterwards.
static void is_told(struct scene *s, jobd_future *f, int error, const char *const *words) {
    jobd_job_info info = {.struct_size = sizeof info};
    jobd_error why = {0};
    char reason[1024];
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, NULL), error);
    jobd_future_exception(f, 0, &why);
    for (; *words; words++)
        cr_assert(strstr(why.message, *words), "'%s' is missing: %s", *words, why.message);
    cr_assert_eq(jobd_future_info(f, &info), 0);
    listing_why(s->c.conn, info.job_id, "reason", reason, sizeof reason);
    cr_assert_eq(strncmp(reason, why.message, strlen(why.message)), 0, "%s", reason);
    jobd_future_unref(f);
}

#define TOLD(s, f, error, ...) is_told(s, f, error, (const char *const[]){__VA_ARGS__, NULL})

Test(blame, an_exit_names_its_status) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "drill.exit", "i", (int64_t)7);
    TOLD(&s, f, JOBD_E_WORKER_DIED, "exited with status 7", "task 'drill.exit'", "(run 1 of 1)");
    scene_end(&s);
}

Test(blame, a_death_names_the_signal_the_progress_and_the_last_words) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "drill.die_midway", "");
    TOLD(&s, f, JOBD_E_WORKER_DIED, "was killed by SIGABRT (signal 6)", "'drill.die_midway'",
         " at 42 %: sorting", "its last output: ", "the disk is full", "cannot go on");
    scene_end(&s);
}

// And how often it has killed.
Test(blame, a_job_that_kills_its_workers_is_given_up) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "evil.segv_idempotent", "");
    TOLD(&s, f, JOBD_E_WORKER_DIED, "SIGSEGV", "(run 3 of 3)",
         "it kills its workers and is not run again");
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(blame, a_time_limit_names_how_long_it_was) {
    const jobd_submit_options brief = {JOBD_OPTIONS(jobd_submit_options), .time_limit_ms = 120};
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit_with(&s.c, &brief, "demo.until", "s", s.gate);
    TOLD(&s, f, JOBD_E_DEADLINE, "time limit of 120 ms");
    f = test_client_submit_with(&s.c, &brief, "evil.ignore_term", "");
    TOLD(&s, f, JOBD_E_DEADLINE, "time limit of 120 ms");
    scene_end(&s);
}

Test(blame, a_stop_names_the_process_that_asked_for_it) {
    struct scene s;
    struct test_client other;
    jobd_job_info info = {.struct_size = sizeof info};
    char who[64];
    scene_set(&s, 1, NULL);
    test_client_open(&other, &s.d);
    snprintf(who, sizeof who, "stopped by process %d", (int)getpid());
    jobd_future *f = scene_occupy(&s);
    jobd_future_info(f, &info);
    cr_assert_eq(jobd_job_abort(other.conn, info.job_id, JOBD_GRACE_MS, false, TEST_PATIENCE_MS),
                 JOBD_JOB_RUNNING);
    TOLD(&s, f, JOBD_E_KILLED, who);
    test_client_close(&other);
    scene_end(&s);
}

// ---- items of a chunk ----

enum { ITEMS = 10, DEADLY = 6 };

static int next_item(void *arg, jobd_args *item) {
    int64_t *n = arg;
    if (*n == ITEMS)
        return 0;
    jobd_args_array(item, 1);
    jobd_args_i64(item, *n == DEADLY ? -SIGSEGV : *n);
    (*n)++;
    return 1;
}

Test(blame, the_death_of_a_chunk_names_the_item_it_was_at) {
    const jobd_map_options chunks = {JOBD_OPTIONS(jobd_map_options), .chunk = ITEMS};
    struct scene s;
    jobd_map_iter *map;
    jobd_error why;
    int64_t n = 0;
    uint64_t index = 0;
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_map(s.c.ex, "drill.die", next_item, &n, &chunks, &map), 0);
    cr_assert_eq(jobd_map_next(map, NULL, &index), JOBD_E_WORKER_DIED);
    cr_assert_eq(jobd_map_error(map, &why, &index), 1);
    cr_assert(strstr(why.message, "at item 6 of 10"), "%s", why.message);
    cr_assert(strstr(why.message, "SIGSEGV"), "%s", why.message);
    jobd_map_free(map);
    scene_end(&s);
}

// ---- why a job waits ----

static void waits_because(struct scene *s, const jobd_future *f, const char *words) {
    jobd_job_info info = {.struct_size = sizeof info};
    char reason[1024];
    cr_assert_eq(jobd_future_info(f, &info), 0);
    cr_assert_neq(info.job_id, 0);
    listing_why(s->c.conn, info.job_id, "reason", reason, sizeof reason);
    cr_assert(strstr(reason, words), "'%s' is missing: %s", words, reason);
}

static jobd_future *submit_accepted(struct scene *s, const jobd_submit_options *o) {
    jobd_job_info info = {.struct_size = sizeof info};
    jobd_future *f = test_client_submit_with(&s->c, o, "ping", "");
    do {
        cr_assert_geq(jobd_conn_wait(s->c.conn, TEST_PATIENCE_MS), 0);
        jobd_future_info(f, &info);
    } while (info.job_id == 0);
    return f;
}

Test(blame, a_job_that_waits_says_why) {
    const jobd_submit_options later = {JOBD_OPTIONS(jobd_submit_options), .delay_ms = 3600000};
    struct scene s;
    scene_set(&s, 1, "pool = idle workers=1\n");
    jobd_future *running = scene_occupy(&s);
    waits_because(&s, running, "it runs in worker ");
    jobd_future *delayed = submit_accepted(&s, &later);
    waits_because(&s, delayed, "it was submitted to start in 3");
    cr_assert_eq(jobd_pool_pause(s.c.conn, "idle", true, TEST_PATIENCE_MS), 0);
    scene_use_pool(&s, "idle");
    jobd_future *paused = submit_accepted(&s, NULL);
    waits_because(&s, paused, "the pool 'idle' is paused");
    cr_assert_eq(jobd_future_cancel(delayed, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_future_cancel(paused, TEST_PATIENCE_MS), 1);
    jobd_future_unref(delayed);
    jobd_future_unref(paused);
    scene_open_gate(&s);
    test_client_take_done(running);
    scene_end(&s);
}

Test(blame, a_job_without_workers_says_what_is_wrong_with_them) {
    struct scene s;
    char reason[1024];
    jobd_job_info info = {.struct_size = sizeof info};
    scene_set(&s, 1, "pool = bad workers=1 initializer=evil.fail\n");
    scene_use_pool(&s, "bad");
    jobd_future *f = submit_accepted(&s, NULL);
    jobd_future_info(f, &info);
    do
        listing_why(s.c.conn, info.job_id, "reason", reason, sizeof reason);
    while (!strstr(reason, "could be started"));
    cr_assert(strstr(reason, "its initializer 'evil.fail' failed"), "%s", reason);
    cr_assert_eq(jobd_future_cancel(f, TEST_PATIENCE_MS), 1);
    jobd_future_unref(f);
    scene_end(&s);
}
