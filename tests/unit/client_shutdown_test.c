#include <criterion/criterion.h>

#include "support/fake_daemon.h"

enum { FUTURES = 3 };

struct fixture {
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_executor *ex;
    jobd_future *fs[FUTURES];
    unsigned n_done;
    bool frees_executor;
};

static void on_done(jobd_future *f, void *arg) {
    struct fixture *x = arg;
    (void)f;
    x->n_done++;
    if (x->frees_executor)
        jobd_executor_free(x->ex);
    x->frees_executor = false;
}

static void begin(struct fixture *x) {
    *x = (struct fixture){.n_done = 0};
    x->conn = fake_daemon_connect(&x->d, NULL);
    cr_assert_eq(jobd_executor_open(x->conn, NULL, &x->ex), 0);
    fake_daemon_submit(&x->d, x->ex, x->fs, FUTURES);
    for (size_t i = 0; i < FUTURES; i++)
        cr_assert_eq(jobd_future_add_done_callback(x->fs[i], on_done, x), 0);
}

static void end(struct fixture *x) {
    for (size_t i = 0; i < FUTURES; i++)
        jobd_future_unref(x->fs[i]);
    jobd_close(x->conn);
    fake_daemon_free(&x->d);
}

Test(client_shutdown, nothing_more_is_taken_and_all_is_waited_for) {
    struct fixture x;
    jobd_future *f;
    begin(&x);
    cr_expect_eq(jobd_executor_shutdown(x.ex, 0, JOBD_NOWAIT), 0);
    cr_expect_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, NULL, &f), JOBD_E_STATE);
    fake_daemon_done(&x.d, 0, "");
    cr_expect_eq(jobd_executor_shutdown(x.ex, 0, 1), 0, "not within the time");
    cr_expect_eq(x.n_done, 1, "a call that waits for these runs their callbacks");
    fake_daemon_failed(&x.d, 1, "", "");
    fake_daemon_done(&x.d, 2, "");
    cr_expect_eq(jobd_executor_shutdown(x.ex, 0, JOBD_FOREVER), 1);
    cr_expect_eq(x.n_done, FUTURES);
    cr_expect_eq(jobd_executor_shutdown(x.ex, 0, JOBD_FOREVER), 1, "and again");
    struct jd_msg msg;
    cr_expect_not(fake_daemon_next(&x.d, &msg), "jobs are neither cancelled nor stopped");
    jobd_executor_free(x.ex);
    end(&x);
}

Test(client_shutdown, cancel_futures) {
    struct fixture x;
    begin(&x);
    fake_daemon_done(&x.d, 1, "");
    fake_daemon_pump(x.conn);
    cr_expect_eq(jobd_executor_shutdown(x.ex, JOBD_SHUTDOWN_CANCEL_FUTURES, JOBD_NOWAIT), 0);
    cr_expect_eq(jobd_executor_shutdown(x.ex, JOBD_SHUTDOWN_CANCEL_FUTURES, JOBD_NOWAIT), 0);
    jobd_conn_flush(x.conn, 0);
    cr_expect_eq(fake_daemon_expect(&x.d, JD_OP_CANCEL).u.cancel.handle, 0u);
    cr_expect_eq(fake_daemon_expect(&x.d, JD_OP_CANCEL).u.cancel.handle, 2u);
    struct jd_msg msg;
    cr_expect_not(fake_daemon_next(&x.d, &msg), "nobody is asked twice");
    fake_daemon_cancel_reply(&x.d, 1, true);
    fake_daemon_cancelled(&x.d, 0);
    fake_daemon_cancel_reply(&x.d, 2, false);
    fake_daemon_done(&x.d, 2, "");
    cr_expect_eq(jobd_executor_shutdown(x.ex, 0, JOBD_FOREVER), 1);
    cr_expect(jobd_future_cancelled(x.fs[0]) && !jobd_future_cancelled(x.fs[2]));
    jobd_executor_free(x.ex);
    end(&x);
}

Test(client_shutdown, kill_running) {
    struct fixture x;
    begin(&x);
    cr_expect_eq(jobd_executor_shutdown(x.ex, JOBD_SHUTDOWN_KILL_RUNNING, JOBD_NOWAIT), 0);
    jobd_conn_flush(x.conn, 0);
    for (uint64_t handle = 0; handle < FUTURES; handle++) {
        struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_ABORT);
        cr_expect_eq(msg.u.abort.handle, handle);
        cr_expect_eq(msg.u.abort.grace_ms, (uint64_t)JOBD_GRACE_MS);
        cr_expect_not(msg.u.abort.force);
    }
    jobd_executor_free(x.ex);
    end(&x);
}

Test(client_shutdown, a_broken_connection_ends_the_wait) {
    struct fixture x;
    begin(&x);
    fake_daemon_hang_up(&x.d);
    cr_expect_eq(jobd_executor_shutdown(x.ex, 0, JOBD_FOREVER), 1);
    cr_expect_eq(x.n_done, FUTURES);
    jobd_executor_free(x.ex);
    end(&x);
}

Test(client_shutdown, a_callback_may_free_the_executor) {
    struct fixture x;
    begin(&x);
    x.frees_executor = true;
    for (uint64_t handle = 0; handle < FUTURES; handle++)
        fake_daemon_done(&x.d, handle, "");
    cr_expect_eq(jobd_executor_shutdown(x.ex, 0, JOBD_FOREVER), 1);
    cr_expect_eq(x.n_done, FUTURES);
    end(&x);
}

Test(client_shutdown, bad_arguments) {
    struct fixture x;
    begin(&x);
    cr_expect_eq(jobd_executor_shutdown(NULL, 0, 0), JOBD_E_INVAL);
    cr_expect_eq(jobd_executor_shutdown(x.ex, 4, 0), JOBD_E_INVAL);
    jobd_executor_free(x.ex);
    end(&x);
}
