#include "fake_daemon.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"

enum { BUFFER_BYTES = 64 << 20 };

int fake_daemon_open(struct fake_daemon *d) {
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    *d = (struct fake_daemon){.fd = fds[0], .max_frame = JD_FRAME_DEFAULT_BYTES};
    jd_buf_init(&d->in, BUFFER_BYTES);
    jd_buf_init(&d->out, BUFFER_BYTES);
    return fds[1];
}

void fake_daemon_hang_up(struct fake_daemon *d) {
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

void fake_daemon_free(struct fake_daemon *d) {
    fake_daemon_hang_up(d);
    jd_buf_free(&d->in);
    jd_buf_free(&d->out);
}

static void read_all(struct fake_daemon *d) {
    ssize_t n;
    do {
        uint8_t *at = jd_buf_reserve(&d->in, 65536);
        cr_assert(at);
        n = recv(d->fd, at, 65536, MSG_DONTWAIT);
        if (n > 0)
            jd_buf_commit(&d->in, (size_t)n);
    } while (n > 0);
    cr_assert(n == 0 || errno == EAGAIN || errno == ECONNRESET, "fake daemon: %s", strerror(errno));
}

bool fake_daemon_next(struct fake_daemon *d, struct jd_msg *ret) {
    jobd_bytes payload;
    size_t need;
    jd_buf_consume(&d->in, d->handed_out);
    d->handed_out = 0;
    read_all(d);
    jobd_bytes view = jd_buf_view(&d->in);
    int64_t size = jd_frame_next(view.data, view.len, JD_FRAME_MAX_BYTES, &payload, &need);
    cr_assert_geq(size, 0, "the client sent a bad frame");
    if (size == 0)
        return false;
    cr_assert_eq(jd_check(payload, NULL), 0);
    cr_assert_eq(jd_msg_unpack(payload, ret), 0);
    d->handed_out = (size_t)size;
    return true;
}

struct jd_msg fake_daemon_expect(struct fake_daemon *d, enum jd_op op) {
    struct jd_msg msg;
    cr_assert(fake_daemon_next(d, &msg), "nothing came, %s was expected", jd_op_name(op));
    cr_assert_eq(msg.op, op, "%s came, %s was expected", jd_op_name(msg.op), jd_op_name(op));
    return msg;
}

void fake_daemon_send_bytes(struct fake_daemon *d, const void *data, size_t n) {
    const char *at = data;
    for (size_t sent = 0; sent < n;) {
        ssize_t r = send(d->fd, at + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        cr_assert_gt(r, 0, "fake daemon: the client's socket is full or gone");
        sent += (size_t)r;
    }
}

static void pack(struct fake_daemon *d, const struct jd_msg *msg) {
    cr_assert_eq(jd_msg_pack(&d->out, JD_FRAME_MAX_BYTES, msg), 0);
}

static void send_packed(struct fake_daemon *d) {
    jobd_bytes frames = jd_buf_view(&d->out);
    fake_daemon_send_bytes(d, frames.data, frames.len);
    jd_buf_consume(&d->out, frames.len);
}

void fake_daemon_send(struct fake_daemon *d, const struct jd_msg *msg) {
    pack(d, msg);
    send_packed(d);
}

static struct jd_msg hello_reply(const struct fake_daemon *d) {
    struct jd_msg reply = {.shape = JD_REPLY, .op = JD_OP_HELLO};
    reply.u.hello_ok = (struct jd_hello_ok){
        .major = JD_PROTO_MAJOR,
        .minor = JD_PROTO_MINOR,
        .session = 1,
        .name = jd_text("fake"),
        .pid = FAKE_DAEMON_PID,
        .max_frame = d->max_frame,
    };
    return reply;
}

jobd_bytes fake_daemon_hello_bytes(struct fake_daemon *d) {
    struct jd_msg reply = hello_reply(d);
    jd_buf_consume(&d->out, jd_buf_used(&d->out));
    cr_assert_eq(jd_msg_pack(&d->out, JD_FRAME_MAX_BYTES, &reply), 0);
    return jd_buf_view(&d->out);
}

void fake_daemon_hello(struct fake_daemon *d) {
    struct jd_msg hello = fake_daemon_expect(d, JD_OP_HELLO), reply = hello_reply(d);
    cr_assert_eq(hello.id, 0);
    cr_assert_eq(hello.u.hello.major, JD_PROTO_MAJOR);
    cr_assert_eq(hello.u.hello.role, JD_ROLE_CLIENT);
    cr_assert(jd_name_ok(hello.u.hello.name, JD_NAME_MAX));
    fake_daemon_send(d, &reply);
}

jobd_conn *fake_daemon_connect(struct fake_daemon *d, const jobd_conn_options *opts) {
    jobd_conn *conn;
    jobd_error error = {0};
    int fd = fake_daemon_open(d);
    int r = jobd_connect_fd(fd, opts, &conn, &error);
    cr_assert_eq(r, 0, "%s", error.message);
    fake_daemon_hello(d);
    cr_assert_eq(fake_daemon_pump(conn), 0);
    cr_assert_eq(jobd_conn_ready(conn), 1);
    d->conn = conn;
    return conn;
}

int fake_daemon_pump(jobd_conn *conn) {
    int r;
    do {
        r = jobd_conn_process(conn);
    } while (r > 0);
    return r;
}

void fake_daemon_accept(struct fake_daemon *d, uint32_t request, uint64_t job) {
    struct jd_msg msg = {.shape = JD_REPLY, .op = JD_OP_SUBMIT, .id = request};
    msg.u.submit_ok.job = job;
    fake_daemon_send(d, &msg);
}

void fake_daemon_refuse(struct fake_daemon *d, uint32_t request, int error, const char *text) {
    struct jd_msg msg = {.shape = JD_REPLY, .id = request, .error = error, .text = jd_text(text)};
    fake_daemon_send(d, &msg);
}

void fake_daemon_running(struct fake_daemon *d, uint64_t handle, uint64_t pid) {
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_STATE};
    msg.u.job_state = (struct jd_job_state){
        .handle = handle, .state = JOBD_JOB_RUNNING, .pid = pid, .attempt = 1};
    fake_daemon_send(d, &msg);
}

static void send_done(struct fake_daemon *d, struct jd_job_done done) {
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_DONE, .u.job_done = done};
    fake_daemon_send(d, &msg);
}

void fake_daemon_done(struct fake_daemon *d, uint64_t handle, const char *value) {
    send_done(d, (struct jd_job_done){.handle = handle,
                                      .state = JOBD_JOB_DONE,
                                      .pid = 71,
                                      .run_ns = 1000,
                                      .value = jd_text(value)});
}

void fake_daemon_failed(struct fake_daemon *d, uint64_t handle, const char *name,
                        const char *text) {
    send_done(d, (struct jd_job_done){.handle = handle,
                                      .state = JOBD_JOB_FAILED,
                                      .pid = 71,
                                      .error = -JOBD_E_TASK,
                                      .name = jd_text(name),
                                      .text = jd_text(text)});
}

void fake_daemon_cancelled(struct fake_daemon *d, uint64_t handle) {
    send_done(d, (struct jd_job_done){.handle = handle, .state = JOBD_JOB_CANCELLED});
}

void fake_daemon_cancel_reply(struct fake_daemon *d, uint32_t request, bool cancelled) {
    struct jd_msg msg = {.shape = JD_REPLY, .op = JD_OP_CANCEL, .id = request};
    msg.u.cancel_ok.cancelled = cancelled;
    fake_daemon_send(d, &msg);
}

void fake_daemon_serve(struct fake_daemon *d) {
    struct jd_msg msg;
    while (fake_daemon_next(d, &msg)) {
        struct jd_msg reply = {.shape = JD_REPLY, .op = msg.op, .id = msg.id};
        if (msg.op == JD_OP_SUBMIT)
            reply.u.submit_ok.job = ++d->n_jobs;
        else
            cr_assert(msg.op == JD_OP_EXECUTOR_OPEN || msg.op == JD_OP_EXECUTOR_CLOSE);
        pack(d, &reply);
    }
    send_packed(d); // at once: a socket holds few messages of their own
}

void fake_daemon_submit(struct fake_daemon *d, jobd_executor *ex, jobd_future **fs, size_t n) {
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(jobd_submit(ex, "task", (jobd_bytes){0}, NULL, &fs[i]), 0);
    fake_daemon_pump(d->conn);
    fake_daemon_serve(d);
    fake_daemon_pump(d->conn);
}
