// How jobd ends: on TERM, by a client's wish, and by a kill -9, with and without jobs. Whatever the
// end, test_daemon_join() has seen that no process is left, however well it hid.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/raw_peer.h"

TestSuite(stop, .timeout = 120);

// One daemon, one client, and a job that runs until the test lets it end.
struct scene {
    struct test_daemon d;
    struct test_client c;
    jobd_future *running;
    char gate[96];
};

static jobd_future *submit_until(struct scene *s) {
    return test_client_submit(&s->c, "demo.until", "s", s->gate);
}

static void set_scene(struct scene *s, struct test_daemon_options options) {
    options.plugin = "evil";
    test_daemon_start(&s->d, &options);
    test_client_open(&s->c, &s->d);
    tmpdir_join(&s->d.dir, "gate", s->gate, sizeof s->gate);
    s->running = submit_until(s);
    test_client_wait_running(&s->c, s->running);
}

static void open_gate(struct scene *s) {
    tmpdir_write(s->gate, "", 0600);
}

static void end_scene(struct scene *s, int expected_status) {
    int status = test_daemon_join(&s->d);
    cr_assert_eq(status, expected_status, "exit status %d\n%s", status, test_daemon_log(&s->d));
    test_client_close(&s->c);
    test_daemon_end(&s->d);
}

static void ask_to_stop(struct scene *s, int sig) {
    kill(s->d.pid, sig);
    test_daemon_wait_log(&s->d, "event=stopping", 1);
}

// ---- TERM ----

Test(stop, M6_an_idle_daemon_ends_on_each_of_its_signals) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    struct test_daemon d;
    test_daemon_prepare(&d, NULL);
    for (size_t i = 0; i < JD_LEN(signals); i++) {
        test_daemon_run(&d);
        kill(d.pid, signals[i]);
        cr_assert_eq(test_daemon_join(&d), 0, "%s", test_daemon_log(&d));
        test_daemon_wait_log(&d, "event=stop pid=", (unsigned)i + 1);
    }
    test_daemon_end(&d);
}

Test(stop, M6_running_and_queued_jobs_may_finish) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.workers = 1});
    jobd_future *queued = test_client_submit(&s.c, "demo.square", "i", (int64_t)12);
    cr_assert_eq(jobd_conn_ping(s.c.conn, TEST_PATIENCE_MS, &(int64_t){0}), 0);
    ask_to_stop(&s, SIGTERM);
    open_gate(&s);
    test_client_take_done(s.running);
    cr_assert_eq(test_client_take_i64(queued), 144);
    end_scene(&s, 0);
}

Test(stop, M6_new_jobs_are_refused_while_old_ones_finish) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.workers = 2});
    ask_to_stop(&s, SIGTERM);
    jobd_future *late = test_client_submit(&s.c, "demo.square", "i", (int64_t)12);
    test_client_take_error(late, JOBD_E_STOPPING);
    open_gate(&s);
    test_client_take_done(s.running);
    end_scene(&s, 0);
}

Test(stop, M6_jobs_are_killed_when_the_drain_time_is_over) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.workers = 1, .config = "drain_s = 1"});
    jobd_future *queued = test_client_submit(&s.c, "demo.square", "i", (int64_t)12);
    cr_assert_eq(jobd_conn_ping(s.c.conn, TEST_PATIENCE_MS, &(int64_t){0}), 0);
    int64_t since_ms = test_now_ms();
    ask_to_stop(&s, SIGTERM);
    test_client_take_error(s.running, JOBD_E_KILLED);
    cr_assert_geq(test_now_ms() - since_ms, 900, "it did not wait");
    test_client_take_error(queued, JOBD_E_CANCELLED);
    test_daemon_wait_log(&s.d, "event=drain.over", 1);
    end_scene(&s, 0);
}

Test(stop, M6_a_drain_time_of_0_kills_at_once) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.config = "drain_s = 0"});
    ask_to_stop(&s, SIGTERM);
    test_client_take_error(s.running, JOBD_E_KILLED);
    end_scene(&s, 0);
}

Test(stop, M6_a_second_term_kills_at_once) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.config = "drain_s = 86400"});
    ask_to_stop(&s, SIGTERM);
    kill(s.d.pid, SIGTERM);
    test_client_take_error(s.running, JOBD_E_KILLED);
    end_scene(&s, 0);
}

Test(stop, M6_a_hangup_while_stopping_changes_nothing) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.workers = 1});
    ask_to_stop(&s, SIGTERM);
    kill(s.d.pid, SIGHUP);
    test_daemon_wait_log(&s.d, "event=signal name=HUP", 1);
    open_gate(&s);
    test_client_take_done(s.running);
    end_scene(&s, 0);
}

Test(stop, M6_a_task_that_is_deaf_and_has_left_a_daemon_is_no_obstacle) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.workers = 3, .config = "drain_s = 0"});
    jobd_future *deaf = test_client_submit(&s.c, "evil.ignore_term", "");
    jobd_future *hidden = test_client_submit(&s.c, "evil.hang_with_daemon", "");
    test_client_wait_running(&s.c, deaf);
    test_client_wait_running(&s.c, hidden);
    ask_to_stop(&s, SIGTERM);
    test_client_take_error(deaf, JOBD_E_KILLED);
    test_client_take_error(hidden, JOBD_E_KILLED);
    test_client_take_error(s.running, JOBD_E_KILLED);
    end_scene(&s, 0);
}

// ---- the wish of a client ----

Test(stop, a_client_may_ask_for_a_graceful_end) {
    struct scene s;
    struct raw_peer idle;
    set_scene(&s, (struct test_daemon_options){.workers = 1});
    raw_open(&idle, s.d.socket);
    cr_assert_eq(jobd_daemon_shutdown(s.c.conn, false, TEST_PATIENCE_MS), 0);
    test_client_take_error(test_client_submit(&s.c, "demo.square", "i", (int64_t)1),
                           JOBD_E_STOPPING);
    open_gate(&s);
    test_client_take_done(s.running);
    raw_expect_bye(&idle, JOBD_E_CLOSED);
    raw_close(&idle);
    end_scene(&s, 0);
}

Test(stop, a_client_may_ask_for_an_end_now) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.workers = 1, .config = "drain_s = 86400"});
    jobd_future *queued = test_client_submit(&s.c, "demo.square", "i", (int64_t)12);
    cr_assert_eq(jobd_daemon_shutdown(s.c.conn, true, TEST_PATIENCE_MS), 0);
    test_client_take_error(s.running, JOBD_E_KILLED);
    test_client_take_error(queued, JOBD_E_CANCELLED);
    end_scene(&s, 0);
}

Test(stop, a_client_that_reads_nothing_cannot_hold_up_the_end) {
    enum { BIG = 1000000, JOBS = 20 };
    struct test_daemon d;
    struct test_client c;
    struct raw_peer deaf;
    jobd_bytes args;
    jobd_args *a = jobd_args_new();
    test_daemon_start(&d, &(struct test_daemon_options){.plugin = "evil"});
    test_client_open(&c, &d);
    raw_open(&deaf, d.socket);
    cr_assert(raw_open_executor(&deaf));
    jobd_args_array(a, 1);
    jobd_args_i64(a, BIG);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    for (uint64_t i = 0; i < JOBS; i++) {
        struct jd_msg submit = raw_submit(&deaf, i, "evil.big_result", args);
        raw_pack(&deaf, &submit);
    }
    cr_assert(raw_flush(&deaf));
    TEST_UNTIL(test_daemon_status(c.conn, "done") > 0);
    cr_assert_eq(jobd_daemon_shutdown(c.conn, true, TEST_PATIENCE_MS), 0);
    cr_assert_eq(test_daemon_join(&d), 0, "%s", test_daemon_log(&d));
    jobd_args_free(a);
    raw_close(&deaf);
    test_client_close(&c);
    test_daemon_end(&d);
}

// ---- kill -9 ----

Test(stop, M1_a_killed_daemon_leaves_no_process_when_idle) {
    struct test_daemon d;
    jobd_conn *conn;
    test_daemon_start(&d, &(struct test_daemon_options){.workers = 3});
    conn = test_daemon_connect(&d);
    test_daemon_wait_workers(conn, 3);
    test_daemon_kill9(&d);
    cr_assert_lt(jobd_conn_ping(conn, TEST_PATIENCE_MS, &(int64_t){0}), 0);
    jobd_close(conn);
    test_daemon_end(&d);
}

Test(stop, M1_a_killed_daemon_leaves_no_process_while_workers_start) {
    struct test_daemon d;
    test_daemon_prepare(&d, &(struct test_daemon_options){.workers = 3, .plugin = "evil"});
    for (int i = 0; i < 5; i++) {
        test_daemon_run(&d);
        test_daemon_kill9(&d);
    }
    test_daemon_end(&d);
}

// The daemon's own id, as the task tells it in its note.
static void keep_pid(jobd_future *f, const char *text, void *arg) {
    const char *digits = text + strspn(text, "0123456789");
    (void)f;
    if (*text && *digits == '\0')
        *(pid_t *)arg = (pid_t)strtol(text, NULL, 10);
}

Test(stop, M1_a_killed_daemon_leaves_no_process_of_any_job) {
    struct scene s;
    pid_t hidden_pid = 0;
    set_scene(&s, (struct test_daemon_options){.workers = 3});
    jobd_future *deaf = test_client_submit(&s.c, "evil.ignore_term", "");
    jobd_future *hidden =
        test_client_submit_noted(&s.c, keep_pid, &hidden_pid, "evil.hang_with_daemon", "");
    jobd_future *queued = test_client_submit(&s.c, "demo.square", "i", (int64_t)12);
    test_client_wait_running(&s.c, deaf);
    while (hidden_pid == 0)
        cr_assert_eq(jobd_conn_wait(s.c.conn, TEST_PATIENCE_MS), 1);
    cr_assert(proc_alive(hidden_pid));
    kill(s.d.pid, SIGKILL);
    test_client_take_error(queued, JOBD_E_CLOSED);
    test_client_take_error(deaf, JOBD_E_CLOSED);
    test_client_take_error(hidden, JOBD_E_CLOSED);
    test_client_take_error(s.running, JOBD_E_CLOSED);
    cr_assert_eq(test_daemon_join(&s.d), 128 + SIGKILL);
    cr_assert(!proc_alive(hidden_pid));
    test_client_close(&s.c);
    test_daemon_run(&s.d); // and the next one begins as if nothing had been
    test_daemon_end(&s.d);
}

Test(stop, M21_a_daemon_killed_while_it_drains_leaves_no_process) {
    struct scene s;
    set_scene(&s, (struct test_daemon_options){.workers = 2});
    ask_to_stop(&s, SIGTERM);
    kill(s.d.pid, SIGKILL);
    test_client_take_error(s.running, JOBD_E_CLOSED);
    end_scene(&s, 128 + SIGKILL);
}

Test(stop, M1_a_daemon_left_by_a_finished_job_does_not_outlive_the_worker) {
    struct test_daemon d;
    struct test_client c;
    test_daemon_start(&d, &(struct test_daemon_options){.workers = 1, .plugin = "evil"});
    test_client_open(&c, &d);
    pid_t pid = (pid_t)test_client_take_i64(test_client_submit(&c, "evil.fork_daemon", ""));
    cr_assert_gt(pid, 0);
    test_daemon_kill9(&d);
    cr_assert(!proc_alive(pid));
    test_client_close(&c);
    test_daemon_end(&d);
}
