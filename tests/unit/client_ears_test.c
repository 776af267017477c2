// What a program hears before the end: lines of log, output, and events of the whole daemon.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "ears.h"
#include "mem.h"
#include "support/fake_daemon.h"

struct fixture {
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_executor *ex;
    jobd_future *fs[2];
    char heard[256];
};

static void begin(struct fixture *x) {
    x->heard[0] = '\0';
    x->conn = fake_daemon_connect(&x->d, NULL);
    cr_assert_eq(jobd_executor_open(x->conn, NULL, &x->ex), 0);
    fake_daemon_submit(&x->d, x->ex, x->fs, 2);
}

static void end(struct fixture *x) {
    jobd_future_unref(x->fs[0]);
    jobd_future_unref(x->fs[1]);
    jobd_executor_free(x->ex);
    jobd_close(x->conn);
    fake_daemon_free(&x->d);
}

static void hear(struct fixture *x, const char *what, const char *text, size_t n) {
    size_t at = strlen(x->heard);
    snprintf(x->heard + at, sizeof x->heard - at, "%s:%.*s;", what, (int)n, text);
}

static void on_log(jobd_future *f, int level, const char *line, void *arg) {
    (void)f;
    hear(arg, level == 1 ? "warning" : "log", line, strlen(line));
}

static void on_output(jobd_future *f, jobd_bytes data, void *arg) {
    (void)f;
    hear(arg, "out", data.data, data.len);
}

static void on_done(jobd_future *f, void *arg) {
    (void)f;
    hear(arg, "done", "", 0);
}

static void send_log(struct fixture *x, uint64_t handle, const char *text) {
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_LOG};
    msg.u.job_log = (struct jd_job_log){.handle = handle, .level = 1, .text = jd_text(text)};
    fake_daemon_send(&x->d, &msg);
}

static void send_output(struct fixture *x, uint64_t handle, jobd_bytes data) {
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_OUTPUT};
    msg.u.job_output = (struct jd_job_output){.handle = handle, .data = data};
    fake_daemon_send(&x->d, &msg);
}

Test(client_ears, lines_of_a_task) {
    struct fixture x;
    begin(&x);
    send_log(&x, 0, "nobody listens");
    fake_daemon_pump(x.conn);
    cr_assert_eq(jobd_future_on_log(x.fs[0], on_log, &x), 0);
    send_log(&x, 0, "one");
    send_log(&x, 0, "two\x1b");
    fake_daemon_pump(x.conn);
    cr_expect_str_eq(x.heard, "warning:one;warning:two ;");
    cr_assert_eq(jobd_future_on_log(x.fs[0], NULL, NULL), 0);
    send_log(&x, 0, "three");
    fake_daemon_done(&x.d, 0, "");
    fake_daemon_pump(x.conn);
    cr_expect_str_eq(x.heard, "warning:one;warning:two ;");
    cr_expect_eq(jobd_future_on_log(x.fs[0], on_log, &x), JOBD_E_STATE);
    end(&x);
}

Test(client_ears, lines_are_dropped_while_a_call_waits_for_others) {
    struct fixture x;
    begin(&x);
    cr_assert_eq(jobd_future_on_log(x.fs[0], on_log, &x), 0);
    cr_assert_eq(jobd_future_on_log(x.fs[1], on_log, &x), 0);
    send_log(&x, 0, "of another");
    send_log(&x, 1, "of this one");
    fake_daemon_done(&x.d, 1, "");
    cr_expect_eq(jobd_future_result(x.fs[1], JOBD_FOREVER, NULL), 0);
    fake_daemon_pump(x.conn);
    cr_expect_str_eq(x.heard, "warning:of this one;");
    end(&x);
}

// Unlike lines, output is kept: all of it comes, in order, and before the end.
Test(client_ears, output_waits_for_the_next_process) {
    struct fixture x;
    begin(&x);
    cr_assert_eq(jd_future_on_output(x.fs[0], on_output, &x), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], on_done, &x), 0);
    send_output(&x, 0, jd_text("a"));
    send_output(&x, 0, jd_text("b"));
    fake_daemon_done(&x.d, 1, "");
    cr_expect_eq(jobd_future_result(x.fs[1], JOBD_FOREVER, NULL), 0);
    cr_expect_str_eq(x.heard, "");
    send_output(&x, 0, jd_text("c"));
    fake_daemon_done(&x.d, 0, "");
    cr_expect_eq(jobd_future_result(x.fs[0], JOBD_FOREVER, NULL), 0);
    cr_expect_str_eq(x.heard, "out:ab;out:c;done:;");
    fake_daemon_pump(x.conn);
    cr_expect_str_eq(x.heard, "out:ab;out:c;done:;", "once");
    end(&x);
}

Test(client_ears, output_that_nobody_may_hear_yet_comes_before_done) {
    struct fixture x;
    begin(&x);
    cr_assert_eq(jd_future_on_output(x.fs[0], on_output, &x), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], on_done, &x), 0);
    send_output(&x, 0, jd_text("a"));
    fake_daemon_done(&x.d, 0, "");
    fake_daemon_done(&x.d, 1, "");
    cr_expect_eq(jobd_future_result(x.fs[1], JOBD_FOREVER, NULL), 0);
    cr_expect_str_eq(x.heard, "");
    fake_daemon_pump(x.conn);
    cr_expect_str_eq(x.heard, "out:a;done:;");
    end(&x);
}

Test(client_ears, no_memory_for_the_record) {
    struct fixture x;
    begin(&x);
    jd_mem_fail_nth(1);
    cr_expect_eq(jobd_future_on_log(x.fs[0], on_log, &x), JOBD_E_NOMEM);
    jd_mem_fail_nth(1);
    cr_expect_eq(jobd_future_on_log(x.fs[0], NULL, NULL), 0, "nothing to take away");
    jd_mem_fail_nth(0);
    end(&x);
}

// ---- watching ----

static void on_happening(const jobd_happening *event, void *arg) {
    struct fixture *x = arg;
    cr_expect(event->now_ns == 5 && event->job_id == 6 && event->state == 7 && event->pid == 8);
    cr_expect_str_eq(event->pool, "pool");
    cr_expect_str_eq(event->task, "task");
    cr_expect_str_eq(event->text, "text");
    char missed[8];
    snprintf(missed, sizeof missed, "%u", (unsigned)event->missed);
    hear(x, event->what, missed, strlen(missed));
}

static void send_happened(struct fixture *x, const char *what, uint64_t missed) {
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_HAPPENED};
    msg.u.happened = (struct jd_happened){.now_ns = 5,
                                          .what = jd_text(what),
                                          .pool = jd_text("pool"),
                                          .job = 6,
                                          .task = jd_text("task"),
                                          .state = 7,
                                          .pid = 8,
                                          .text = jd_text("text"),
                                          .missed = missed};
    fake_daemon_send(&x->d, &msg);
}

Test(client_ears, watching) {
    struct fixture x;
    struct jd_msg msg;
    begin(&x);
    send_happened(&x, "unasked", 0);
    cr_assert_eq(jobd_watch(x.conn, on_happening, &x), 0);
    cr_assert_eq(jobd_watch(x.conn, on_happening, &x), 0, "the same again asks nothing");
    jobd_conn_flush(x.conn, 0);
    cr_expect(fake_daemon_expect(&x.d, JD_OP_WATCH).u.watching.on);
    cr_expect_not(fake_daemon_next(&x.d, &msg));
    fake_daemon_pump(x.conn);
    x.heard[0] = '\0';
    send_happened(&x, "a", 0);
    send_happened(&x, "b", 2);
    fake_daemon_pump(x.conn);
    cr_expect_str_eq(x.heard, "a:0;b:2;");
    send_happened(&x, "c", 1);
    fake_daemon_done(&x.d, 1, "");
    cr_expect_eq(jobd_future_result(x.fs[1], JOBD_FOREVER, NULL), 0);
    send_happened(&x, "d", 1);
    fake_daemon_pump(x.conn);
    cr_expect_str_eq(x.heard, "a:0;b:2;d:3;", "what came while a call waited is counted");
    cr_assert_eq(jobd_watch(x.conn, NULL, NULL), 0);
    send_happened(&x, "e", 0);
    fake_daemon_pump(x.conn);
    cr_expect_str_eq(x.heard, "a:0;b:2;d:3;");
    jobd_conn_flush(x.conn, 0);
    cr_expect_not(fake_daemon_expect(&x.d, JD_OP_WATCH).u.watching.on);
    end(&x);
}
