#include <jobd/uv.h>

#include <criterion/criterion.h>

#include "support/fake_daemon.h"

struct fixture {
    uv_loop_t loop;
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_executor *ex;
    jobd_uv *a;
    jobd_future *f;
    uv_idle_t idle;
    int n_done, n_dead, n_gone;
};

static void begin(struct fixture *x) {
    *x = (struct fixture){0};
    cr_assert_eq(uv_loop_init(&x->loop), 0);
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(&x->d), NULL, &x->conn, NULL), 0);
    cr_assert_eq(jobd_uv_attach(&x->loop, x->conn, &x->a), 0);
}

static void end(struct fixture *x) {
    jobd_future_unref(x->f);
    jobd_executor_free(x->ex);
    fake_daemon_free(&x->d);
    cr_assert_eq(uv_run(&x->loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(uv_loop_close(&x->loop), 0, "no handle is left");
}

static void on_gone(void *arg) {
    struct fixture *x = arg;
    x->n_gone++;
    jobd_close(x->conn);
}

static void on_done(jobd_future *f, void *arg) {
    struct fixture *x = arg;
    jobd_bytes value;
    cr_assert_eq(jobd_future_result(f, 0, &value), 0);
    cr_assert_arr_eq(value.data, "v", 1);
    x->n_done++;
    jobd_uv_detach(x->a, on_gone, x);
}

// The daemon's part, on the same loop.
static void serve(uv_idle_t *idle) {
    struct fixture *x = idle->data;
    struct jd_msg msg;
    if (!fake_daemon_next(&x->d, &msg))
        return;
    struct jd_msg reply = {.shape = JD_REPLY, .op = msg.op, .id = msg.id};
    switch (msg.op) {
    case JD_OP_HELLO:
        reply.u.hello_ok = (struct jd_hello_ok){
            .major = JD_PROTO_MAJOR, .name = jd_text("fake"), .max_frame = JD_FRAME_MIN_BYTES};
        fake_daemon_send(&x->d, &reply);
        break;
    case JD_OP_EXECUTOR_OPEN:
        fake_daemon_send(&x->d, &reply);
        break;
    case JD_OP_SUBMIT:
        fake_daemon_accept(&x->d, msg.id, 1);
        fake_daemon_done(&x->d, msg.u.submit.handle, "v");
        break;
    default:
        uv_close((uv_handle_t *)idle, NULL);
    }
}

static void begin_to_serve(struct fixture *x) {
    uv_idle_init(&x->loop, &x->idle);
    x->idle.data = x;
    uv_idle_start(&x->idle, serve);
}

Test(client_uv, from_submit_to_detach) {
    struct fixture x;
    begin(&x);
    begin_to_serve(&x);
    cr_assert_eq(jobd_executor_open(x.conn, NULL, &x.ex), 0);
    cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, NULL, &x.f), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.f, on_done, &x), 0);
    cr_assert_eq(uv_run(&x.loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(x.n_done, 1);
    cr_assert_eq(x.n_gone, 1);
    end(&x);
}

static void on_dead(jobd_uv *a, const jobd_error *why, void *arg) {
    struct fixture *x = arg;
    cr_assert_eq(a, x->a);
    cr_assert_eq(why->code, JOBD_E_CLOSED);
    x->n_dead++;
}

Test(client_uv, death_stops_it) {
    struct fixture x;
    begin(&x);
    jobd_uv_on_dead(x.a, on_dead, &x);
    fake_daemon_hang_up(&x.d);
    cr_assert_eq(uv_run(&x.loop, UV_RUN_DEFAULT), 0, "nothing keeps the loop alive");
    cr_assert_eq(x.n_dead, 1);
    jobd_uv_detach(x.a, on_gone, &x);
    cr_assert_eq(x.n_gone, 0, "only from the loop");
    cr_assert_eq(uv_run(&x.loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(x.n_gone, 1);
    end(&x);
}

Test(client_uv, the_connection_keeps_its_own_time) {
    struct fixture x = {0};
    jobd_conn_options opts = {JOBD_OPTIONS(jobd_conn_options), .connect_timeout_ms = 1};
    jobd_error why;
    cr_assert_eq(uv_loop_init(&x.loop), 0);
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(&x.d), &opts, &x.conn, NULL), 0);
    cr_assert_eq(jobd_uv_attach(&x.loop, x.conn, &x.a), 0);
    cr_assert_eq(uv_run(&x.loop, UV_RUN_DEFAULT), 0);
    cr_assert_eq(jobd_conn_error(x.conn, &why), 1);
    cr_assert_eq(why.code, JOBD_E_TIMEOUT);
    jobd_uv_detach(x.a, on_gone, &x);
    end(&x);
}

static void detach_at_once(jobd_uv *a, const jobd_error *why, void *arg) {
    (void)why;
    jobd_uv_detach(a, on_gone, arg);
}

Test(client_uv, dead_connections) {
    struct fixture x;
    begin(&x);
    jobd_uv_on_dead(x.a, detach_at_once, &x);
    fake_daemon_hang_up(&x.d);
    end(&x);
    cr_assert_eq(x.n_gone, 1);
    jobd_conn *conn;
    struct fake_daemon d;
    jobd_uv *a = NULL;
    cr_assert_eq(uv_loop_init(&x.loop), 0);
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), NULL, &conn, NULL), 0);
    fake_daemon_hang_up(&d);
    cr_assert_eq(fake_daemon_pump(conn), JOBD_E_CLOSED);
    cr_assert_eq(jobd_uv_attach(&x.loop, conn, &a), JOBD_E_CLOSED);
    cr_assert_null(a);
    jobd_uv_detach(NULL, on_gone, &x);
    jobd_close(conn);
    fake_daemon_free(&d);
    uv_loop_close(&x.loop);
}
