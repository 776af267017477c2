// Futures against the real daemon: cancelling, honest states, ends of connections. What they share
// with Python's is in conformance/futures_test.c.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "support/raw_peer.h"
#include "support/scene.h"
#include "unit/rng.h"

TestSuite(futures, .timeout = 120);

static jobd_future *submit_square(struct test_client *c, int64_t x) {
    return test_client_submit(c, "demo.square", "i", x);
}

// There and back, so that the daemon has done what it was asked before.
static void settle(struct test_client *c) {
    cr_assert_eq(jobd_conn_ping(c->conn, TEST_PATIENCE_MS, &(int64_t){0}), 0);
}

static void count_up(jobd_future *f, void *arg) {
    cr_assert(jobd_future_done(f));
    ++*(unsigned *)arg;
}

static bool holds(bool ok, const jobd_future *f, jobd_future_state state) {
    return ok && jobd_future_get_state(f) == state;
}

// ---- what runs ----

Test(futures, running_is_said_of_the_one_job_that_runs) {
    enum { BEHIND = 5, SAMPLES = 10, SAMPLE_MS = 10 };
    struct scene s;
    jobd_future *behind[BEHIND];
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    for (int i = 0; i < BEHIND; i++)
        behind[i] = submit_square(&s.c, i);
    int64_t since_ms = test_now_ms();
    while (test_now_ms() - since_ms < SAMPLES * SAMPLE_MS)
        cr_assert_geq(jobd_conn_wait(s.c.conn, SAMPLE_MS), 0);
    cr_assert_eq(test_daemon_status(s.c.conn, "jobs_running"), 2, "one is sent ahead");
    cr_assert(jobd_future_running(running) && !jobd_future_done(running));
    for (int i = 0; i < BEHIND; i++)
        cr_assert(holds(!jobd_future_running(behind[i]), behind[i], JOBD_PENDING));
    scene_open_gate(&s);
    test_client_take_done(running);
    for (int i = 0; i < BEHIND; i++)
        cr_assert_eq(test_client_take_i64(behind[i]), i * i);
    scene_end(&s);
}

// ---- cancelling ----

Test(futures, a_queued_job_is_cancelled_and_stays_so) {
    struct scene s;
    jobd_bytes value;
    jobd_error why;
    unsigned n_called = 0;
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    jobd_future *sent = submit_square(&s.c, 1), *queued = submit_square(&s.c, 2);
    settle(&s.c);
    cr_assert_eq(test_daemon_status(s.c.conn, "jobs_queued"), 1);
    cr_assert_eq(jobd_future_add_done_callback(queued, count_up, &n_called), 0);
    cr_assert_eq(jobd_future_cancel(queued, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_future_cancel(queued, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_future_cancel(queued, 0), 1);
    cr_assert(jobd_future_cancelled(queued) && jobd_future_done(queued));
    cr_assert_eq(jobd_future_result(queued, 0, &value), JOBD_E_CANCELLED);
    cr_assert_eq(jobd_future_exception(queued, 0, &why), JOBD_E_CANCELLED);
    cr_assert_eq(n_called, 1);
    scene_open_gate(&s);
    test_client_take_done(running);
    cr_assert_eq(test_client_take_i64(sent), 1);
    jobd_future_unref(queued);
    cr_assert_eq(test_daemon_status(s.c.conn, "cancelled"), 1);
    scene_end(&s);
}

Test(futures, a_running_or_finished_job_is_not_cancelled) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *finished = submit_square(&s.c, 3);
    cr_assert_eq(jobd_future_result(finished, TEST_PATIENCE_MS, NULL), 0);
    cr_assert_eq(jobd_future_cancel(finished, TEST_PATIENCE_MS), 0);
    cr_assert(holds(!jobd_future_cancelled(finished), finished, JOBD_FINISHED));
    jobd_future *running = scene_occupy(&s);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(jobd_future_cancel(running, TEST_PATIENCE_MS), 0);
    cr_assert(jobd_future_running(running));
    scene_open_gate(&s);
    test_client_take_done(running); // and it was not disturbed
    cr_assert_eq(test_client_take_i64(finished), 9);
    scene_end(&s);
}

// It is in the worker's socket already: the board takes it back.
Test(futures, a_job_sent_behind_a_running_one_is_cancelled_and_never_runs) {
    struct scene s;
    struct worker_row row;
    unsigned marks[4];
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    jobd_future *behind = test_client_submit(&s.c, "drill.mark", "si", s.marks, (int64_t)1);
    settle(&s.c);
    cr_assert_eq(listing_workers(s.c.conn, &row, 1), 1);
    cr_assert_eq(row.slots_used, 2, "it was to be sent");
    cr_assert_eq(jobd_future_cancel(behind, TEST_PATIENCE_MS), 1);
    cr_assert(jobd_future_cancelled(behind));
    jobd_future *next = test_client_submit(&s.c, "drill.mark", "si", s.marks, (int64_t)2);
    scene_open_gate(&s);
    test_client_take_done(running);
    cr_assert_eq(test_client_take_i64(next), 4);
    scene_read_marks(&s, marks, 4);
    cr_assert(marks[1] == 0 && marks[2] == 1);
    jobd_future_unref(behind);
    scene_end(&s);
}

Test(futures, C9_a_cancel_that_meets_the_end_has_one_outcome) {
    struct scene s;
    struct rng g = rng_begin("C9");
    unsigned n = test_storm(10000), n_cancelled = 0, n_won = 0;
    enum { BURST = 8 };
    scene_set(&s, 2, NULL);
    for (unsigned i = 0; i < n; i += BURST) {
        jobd_future *fs[BURST];
        unsigned n_called[BURST] = {0};
        size_t victim = rng_below(&g, BURST);
        for (int k = 0; k < BURST; k++) {
            fs[k] = submit_square(&s.c, k);
            cr_assert_eq(jobd_future_add_done_callback(fs[k], count_up, &n_called[k]), 0);
        }
        for (uint64_t spin = rng_below(&g, 4); spin > 0; spin--)
            cr_assert_geq(jobd_conn_process(s.c.conn), 0);
        int won = jobd_future_cancel(fs[victim], TEST_PATIENCE_MS);
        cr_assert_geq(won, 0);
        cr_assert_eq(jobd_wait(fs, BURST, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, NULL), BURST);
        cr_assert_eq(jobd_future_cancelled(fs[victim]), won == 1);
        while (jobd_conn_process(s.c.conn) > 0)
            continue;
        n_won += won == 1;
        for (int k = 0; k < BURST; k++) {
            cr_assert_eq(n_called[k], 1);
            n_cancelled += jobd_future_cancelled(fs[k]);
            if (!jobd_future_cancelled(fs[k]))
                cr_assert_eq(test_client_take_i64(jobd_future_ref(fs[k])), k * k);
            jobd_future_unref(fs[k]);
        }
    }
    cr_assert_eq(n_cancelled, n_won);
    cr_assert_eq(test_daemon_status(s.c.conn, "cancelled"), n_won);
    scene_end(&s);
}

// ---- waiting ----

Test(futures, a_wait_that_times_out_leaves_the_job_alone) {
    struct scene s;
    jobd_bytes value;
    jobd_error why;
    scene_set(&s, 1, NULL);
    jobd_future *f = scene_occupy(&s);
    cr_assert_eq(jobd_future_result(f, 0, &value), JOBD_E_TIMEOUT);
    int64_t since_ms = test_now_ms();
    cr_assert_eq(jobd_future_result(f, 50, &value), JOBD_E_TIMEOUT);
    cr_assert_geq(test_now_ms() - since_ms, 49);
    cr_assert_eq(jobd_future_exception(f, 0, &why), JOBD_E_TIMEOUT);
    cr_assert(jobd_future_running(f));
    scene_open_gate(&s);
    cr_assert_eq(jobd_future_result(f, JOBD_FOREVER, &value), 0);
    test_client_take_done(f);
    scene_end(&s);
}

// ---- one call for each end ----

Test(futures, callbacks_run_once_whatever_the_end) {
    enum { DONE, FAILED, LOST, TIMED_OUT, CANCELLED, REFUSED, N };
    static const int errors[N] = {
        0, JOBD_E_TASK, JOBD_E_WORKER_DIED, JOBD_E_DEADLINE, JOBD_E_CANCELLED, JOBD_E_NOTASK};
    const jobd_submit_options brief = {JOBD_OPTIONS(jobd_submit_options), .time_limit_ms = 50};
    struct scene s;
    jobd_future *fs[N];
    unsigned n_called[N] = {0};
    scene_set(&s, 1, NULL);
    fs[DONE] = submit_square(&s.c, 5);
    fs[FAILED] = test_client_submit(&s.c, "evil.fail", "ss", "no", "not today");
    fs[LOST] = test_client_submit(&s.c, "evil.exit0", "");
    fs[TIMED_OUT] = test_client_submit_with(&s.c, &brief, "sleep", "f", 1000.0);
    fs[CANCELLED] = submit_square(&s.c, 6);
    fs[REFUSED] = test_client_submit(&s.c, "no.such.task", "");
    for (int i = 0; i < N; i++)
        cr_assert_eq(jobd_future_add_done_callback(fs[i], count_up, &n_called[i]), 0);
    cr_assert_eq(jobd_future_cancel(fs[CANCELLED], TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_wait(fs, N, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, NULL), N);
    while (jobd_conn_process(s.c.conn) > 0)
        continue;
    for (int i = 0; i < N; i++) {
        cr_assert_eq(n_called[i], 1, "future %d: %u calls", i, n_called[i]);
        test_client_take_error(fs[i], errors[i]);
        cr_assert_eq(n_called[i], 1);
    }
    scene_end(&s);
}

// ---- ends of connections ----

enum { UNFINISHED = 20 };

struct unfinished {
    jobd_future *fs[UNFINISHED];
    unsigned n_called;
};

static void submit_unfinished(struct scene *s, struct unfinished *u) {
    u->n_called = 0;
    for (int i = 0; i < UNFINISHED; i++) {
        u->fs[i] = i == 0 ? scene_occupy(s) : submit_square(&s->c, i);
        cr_assert_eq(jobd_future_add_done_callback(u->fs[i], count_up, &u->n_called), 0);
    }
    settle(&s->c);
}

static void take_closed(struct unfinished *u) {
    cr_assert_eq(u->n_called, UNFINISHED);
    for (int i = 0; i < UNFINISHED; i++)
        test_client_take_error(u->fs[i], JOBD_E_CLOSED);
    cr_assert_eq(u->n_called, UNFINISHED);
}

Test(futures, closing_ends_all_that_is_unfinished) {
    struct scene s;
    struct unfinished u;
    scene_set(&s, 1, NULL);
    submit_unfinished(&s, &u);
    test_client_close(&s.c);
    take_closed(&u);
    test_client_open(&s.c, &s.d);
    scene_wait_quiet(&s);
    cr_assert_eq(test_daemon_status(s.c.conn, "killed"), 1);
    cr_assert_eq(test_daemon_status(s.c.conn, "cancelled"), UNFINISHED - 1);
    scene_end(&s);
}

Test(futures, the_death_of_the_daemon_ends_all_that_is_unfinished) {
    struct scene s;
    struct unfinished u;
    jobd_future *f;
    jobd_error why;
    scene_set(&s, 1, NULL);
    submit_unfinished(&s, &u);
    test_daemon_kill9(&s.d);
    cr_assert_eq(jobd_wait(u.fs, UNFINISHED, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, NULL),
                 UNFINISHED);
    while (jobd_conn_process(s.c.conn) > 0)
        continue;
    take_closed(&u);
    cr_assert_eq(jobd_submit(s.c.ex, "ping", (jobd_bytes){0}, NULL, &f), JOBD_E_CLOSED);
    cr_assert_eq(jobd_conn_error(s.c.conn, &why), 1);
    cr_assert(why.message[0], "no reason is given");
    scene_end(&s);
}

// Adds [path, n] or [path, n, gate] as a submit of the raw peer.
static void pack_mark(struct raw_peer *p, const struct scene *s, int64_t n, bool waits) {
    jobd_bytes args;
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, waits ? 3 : 2);
    jobd_args_str(a, s->marks);
    jobd_args_i64(a, n);
    if (waits)
        jobd_args_str(a, s->gate);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    struct jd_msg submit =
        raw_submit(p, (uint64_t)n, waits ? "drill.mark_until" : "drill.mark", args);
    raw_pack(p, &submit);
    jobd_args_free(a);
}

// The client is gone from one moment to the next; somebody else looks at what is left.
Test(futures, a_connection_that_breaks_stops_its_running_job_and_drops_the_others) {
    enum { JOBS = 10 };
    struct scene s;
    struct raw_peer p;
    unsigned marks[JOBS];
    scene_set(&s, 1, NULL);
    raw_open(&p, s.d.socket);
    cr_assert(raw_open_executor(&p));
    for (int64_t n = 0; n < JOBS; n++)
        pack_mark(&p, &s, n, n == 0);
    cr_assert(raw_flush(&p));
    TEST_UNTIL((scene_read_marks(&s, marks, JOBS), marks[0] == 1));
    raw_close(&p);
    scene_wait_quiet(&s);
    cr_assert_eq(test_daemon_status(s.c.conn, "killed"), 1);
    cr_assert_eq(test_daemon_status(s.c.conn, "cancelled"), JOBS - 1);
    scene_open_gate(&s);
    test_client_round_trip(&s.c); // whatever was in the worker's socket has been passed over
    scene_read_marks(&s, marks, JOBS);
    for (int n = 0; n < JOBS; n++)
        cr_assert_eq(marks[n], n == 0, "job %d was run %u times", n, marks[n]);
    scene_end(&s);
}

Test(futures, a_program_that_is_killed_takes_its_job_with_it) {
    struct scene s;
    char args[128];
    scene_set(&s, 1, "grace_ms = 50\n");
    snprintf(args, sizeof args, "[\"%s\"]", s.gate);
    const char *const argv[] = {JOBD_CTL_PATH, "--socket", s.d.socket, "submit",
                                "demo.until",  args,       NULL};
    pid_t pid = proc_start(&(struct proc_spec){.argv = argv});
    TEST_UNTIL(test_daemon_status(s.c.conn, "jobs_running") == 1);
    kill(pid, SIGKILL);
    proc_wait(pid);
    TEST_UNTIL(test_daemon_status(s.c.conn, "killed") + test_daemon_status(s.c.conn, "cancelled") ==
               1);
    test_client_round_trip(&s.c);
    scene_end(&s);
}
