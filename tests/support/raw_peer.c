#include "support/raw_peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "support/proc.h"

enum { RAW_BUFFER_BYTES = 128 << 20, RAW_FDS_MAX = 64 };

int raw_try_connect(struct raw_peer *p, const char *socket_path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    cr_assert_lt(strlen(socket_path), sizeof to.sun_path);
    memcpy(to.sun_path, socket_path, strlen(socket_path));
    *p = (struct raw_peer){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    cr_assert_geq(p->fd, 0, "socket: %s", strerror(errno));
    jd_buf_init(&p->in, RAW_BUFFER_BYTES);
    jd_buf_init(&p->out, RAW_BUFFER_BYTES);
    if (connect(p->fd, (struct sockaddr *)&to, sizeof to) == 0)
        return 0;
    int err = errno;
    raw_close(p);
    return err;
}

void raw_connect(struct raw_peer *p, const char *socket_path) {
    int err = raw_try_connect(p, socket_path);
    cr_assert_eq(err, 0, "connect to %s: %s", socket_path, strerror(err));
}

void raw_open(struct raw_peer *p, const char *socket_path) {
    struct jd_msg hello = raw_hello();
    raw_connect(p, socket_path);
    cr_assert(raw_send(p, &hello));
    struct jd_msg reply = raw_expect_reply(p, &hello, 0);
    cr_assert_eq(reply.u.hello_ok.major, JD_PROTO_MAJOR);
}

void raw_close(struct raw_peer *p) {
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    jd_buf_free(&p->in);
    jd_buf_free(&p->out);
}

// ---- out ----

static bool hung_up(void) {
    return errno == EPIPE || errno == ECONNRESET;
}

bool raw_send_bytes(struct raw_peer *p, const void *data, size_t n) {
    struct pollfd pfd = {.fd = p->fd, .events = POLLOUT};
    for (size_t sent = 0; sent < n;) {
        ssize_t r = raw_try_send(p, (const char *)data + sent, n - sent);
        if (r < 0)
            return false;
        sent += (size_t)r;
        if (r == 0)
            cr_assert_eq(poll(&pfd, 1, TEST_PATIENCE_MS), 1, "the daemon does not read");
    }
    return true;
}

ssize_t raw_try_send(struct raw_peer *p, const void *data, size_t n) {
    ssize_t r = send(p->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (r >= 0)
        return r;
    if (errno == EAGAIN)
        return 0;
    cr_assert(hung_up(), "send: %s", strerror(errno));
    return -1;
}

bool raw_send_head(struct raw_peer *p, uint32_t length) {
    const uint8_t head[] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16),
                            (uint8_t)(length >> 8), (uint8_t)length};
    return raw_send_bytes(p, head, sizeof head);
}

bool raw_send_payload(struct raw_peer *p, const void *payload, size_t n) {
    return raw_send_head(p, (uint32_t)n) && raw_send_bytes(p, payload, n);
}

void raw_pack(struct raw_peer *p, const struct jd_msg *msg) {
    cr_assert_eq(jd_msg_pack(&p->out, JD_FRAME_MAX_BYTES, msg), 0);
}

bool raw_flush(struct raw_peer *p) {
    jobd_bytes bytes = jd_buf_view(&p->out);
    bool sent = raw_send_bytes(p, bytes.data, bytes.len);
    jd_buf_consume(&p->out, bytes.len);
    return sent;
}

bool raw_send(struct raw_peer *p, const struct jd_msg *msg) {
    raw_pack(p, msg);
    return raw_flush(p);
}

bool raw_send_with_fds(struct raw_peer *p, jobd_bytes bytes, const int *fds, size_t n_fds) {
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int[RAW_FDS_MAX]))];
    } room = {.bytes = {0}};
    struct iovec iov = {(void *)(uintptr_t)bytes.data, bytes.len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &room,
                         .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    cr_assert_leq(n_fds, RAW_FDS_MAX);
    *head = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
                             .cmsg_level = SOL_SOCKET,
                             .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(head), fds, n_fds * sizeof(int));
    ssize_t n = sendmsg(p->fd, &msg, MSG_NOSIGNAL);
    cr_assert(n >= 0 || hung_up(), "sendmsg: %s", strerror(errno));
    return n >= 0 && raw_send_bytes(p, (const char *)bytes.data + n, bytes.len - (size_t)n);
}

struct jd_msg raw_hello(void) {
    struct jd_msg hello = {.shape = JD_REQUEST, .op = JD_OP_HELLO};
    hello.u.hello = (struct jd_hello){.major = JD_PROTO_MAJOR,
                                      .minor = JD_PROTO_MINOR,
                                      .role = JD_ROLE_CLIENT,
                                      .name = jd_text("raw"),
                                      .pid = (uint64_t)getpid(),
                                      .max_frame = JD_FRAME_MAX_BYTES};
    return hello;
}

struct jd_msg raw_request(struct raw_peer *p, enum jd_op op) {
    return (struct jd_msg){.shape = JD_REQUEST, .op = (uint16_t)op, .id = ++p->last_id};
}

struct jd_msg raw_submit(struct raw_peer *p, uint64_t handle, const char *task, jobd_bytes args) {
    struct jd_msg msg = raw_request(p, JD_OP_SUBMIT);
    msg.u.submit = (struct jd_submit){.handle = handle, .task = jd_text(task), .args = args};
    return msg;
}

void raw_pack_executor(struct raw_peer *p) {
    struct jd_msg msg = raw_request(p, JD_OP_EXECUTOR_OPEN);
    msg.u.executor_open.pool = jd_text("default");
    raw_pack(p, &msg);
}

bool raw_open_executor(struct raw_peer *p) {
    struct jd_msg reply;
    raw_pack_executor(p);
    return raw_flush(p) && raw_next(p, &reply) && reply.shape == JD_REPLY && !reply.error;
}

// ---- in ----

// False: end of stream.
static bool fill(struct raw_peer *p) {
    struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
    uint8_t *at = jd_buf_reserve(&p->in, 65536);
    cr_assert(at);
    cr_assert_eq(poll(&pfd, 1, TEST_PATIENCE_MS), 1, "the daemon says nothing");
    ssize_t n = recv(p->fd, at, 65536, 0);
    cr_assert(n >= 0 || hung_up(), "recv: %s", strerror(errno));
    if (n > 0)
        jd_buf_commit(&p->in, (size_t)n);
    return n > 0;
}

bool raw_next(struct raw_peer *p, struct jd_msg *ret) {
    jobd_bytes payload;
    size_t need;
    int64_t size;
    jd_buf_consume(&p->in, p->handed_out);
    p->handed_out = 0;
    for (;;) {
        jobd_bytes in = jd_buf_view(&p->in);
        size = jd_frame_next(in.data, in.len, JD_FRAME_MAX_BYTES, &payload, &need);
        cr_assert_geq(size, 0, "the daemon has sent a bad frame");
        if (size > 0)
            break;
        if (!fill(p)) {
            cr_assert_eq(jd_buf_used(&p->in), 0, "the daemon has hung up within a frame");
            return false;
        }
    }
    cr_assert_eq(jd_check(payload, NULL), 0);
    cr_assert_eq(jd_msg_unpack(payload, ret), 0);
    p->handed_out = (size_t)size;
    return true;
}

struct jd_msg raw_expect_reply(struct raw_peer *p, const struct jd_msg *request, int error) {
    struct jd_msg msg;
    cr_assert(raw_next(p, &msg), "the daemon has hung up, a reply to %s was expected",
              jd_op_name(request->op));
    cr_assert_eq(msg.shape, JD_REPLY, "%s came, a reply was expected", jd_op_name(msg.op));
    cr_assert_eq(msg.id, request->id);
    cr_assert_eq(msg.error, error, "%s came: %.*s", jobd_errname(msg.error), (int)msg.text.len,
                 (const char *)msg.text.data);
    msg.op = request->op;
    if (!error)
        cr_assert_eq(jd_msg_unpack_reply(&msg), 0);
    return msg;
}

struct jd_msg raw_expect_event(struct raw_peer *p, enum jd_op op) {
    struct jd_msg msg;
    cr_assert(raw_next(p, &msg), "the daemon has hung up, %s was expected", jd_op_name(op));
    cr_assert(msg.shape == JD_EVENT && msg.op == op, "%s was expected", jd_op_name(op));
    return msg;
}

void raw_expect_end(struct raw_peer *p) {
    struct jd_msg msg;
    cr_assert(!raw_next(p, &msg), "the daemon has more to say");
}

void raw_expect_bye(struct raw_peer *p, int error) {
    struct jd_msg msg;
    do
        cr_assert(raw_next(p, &msg), "the daemon has hung up without a bye");
    while (msg.shape != JD_EVENT || msg.op != JD_OP_BYE);
    int code = -(int)msg.u.bye.code;
    cr_assert_eq(code, error, "bye says %s (%.*s), %s was expected", jobd_errname(code),
                 (int)msg.u.bye.text.len, (const char *)msg.u.bye.text.data, jobd_errname(error));
    cr_assert_gt(msg.u.bye.text.len, 0, "bye gives no reason");
    raw_expect_end(p);
}

void raw_ping(struct raw_peer *p) {
    struct jd_msg ping = raw_request(p, JD_OP_PING);
    cr_assert(raw_send(p, &ping));
    cr_assert_gt(raw_expect_reply(p, &ping, 0).u.pong.now_ns, 0);
}
