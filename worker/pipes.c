// The sockets are used without blocking; what waits is poll(), in slices, so that a job that is to
// stop does so.
#include "pipes.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"
#include "fault.h"

enum { HEAD_BYTES = 4, READ_BYTES = 65536, SLICE_MS = 10 };

int pipes_open(struct pipes *p, uint32_t n, jobd_error *reterr) {
    *p = (struct pipes){.n = n};
    for (uint32_t i = 0; i < n; i++) {
        p->end[i].fd = PIPES_FIRST_FD + (int)i;
        jd_buf_init(&p->end[i].in, HEAD_BYTES + PIPES_MESSAGE_MAX_BYTES + READ_BYTES);
        if (fcntl(p->end[i].fd, F_SETFD, FD_CLOEXEC) < 0)
            return fault_sys(reterr, "cannot use a pipe that it should have been given");
    }
    return 0;
}

static void close_end(struct pipe_end *e) {
    if (e->fd >= 0)
        close(e->fd);
    e->fd = -1;
    e->handed_out = 0;
    jd_buf_free(&e->in);
}

void pipes_close(struct pipes *p) {
    for (uint32_t i = 0; i < p->n; i++)
        close_end(&p->end[i]);
}

uint32_t pipes_count(const jobd_task_ctx *ctx) {
    return ctx->post->pipes ? ctx->post->pipes->n : 0;
}

static int find(const jobd_task_ctx *ctx, uint32_t pipe, struct pipe_end **ret) {
    if (pipe >= pipes_count(ctx))
        return JOBD_E_NOENT;
    *ret = &ctx->post->pipes->end[pipe];
    return (*ret)->fd < 0 ? JOBD_E_STATE : 0;
}

int pipes_close_one(jobd_task_ctx *ctx, uint32_t pipe) {
    struct pipe_end *e;
    int r = find(ctx, pipe, &e);
    if (r == 0)
        close_end(e);
    return r;
}

// until_ns: 0 = never.
static int wait_for(const jobd_task_ctx *ctx, int fd, short events, uint64_t until_ns) {
    struct pollfd pfd = {.fd = fd, .events = events};
    for (;;) {
        uint64_t now_ns = clock_now_ns();
        bool over = until_ns && now_ns >= until_ns;
        uint64_t left_ms = over ? 0 : SLICE_MS;
        if (until_ns && !over)
            left_ms = JD_MIN((until_ns - now_ns) / CLOCK_NS_PER_MS + 1, left_ms);
        if (ctx_cancelled(ctx))
            return JOBD_E_CANCELLED;
        if (poll(&pfd, 1, (int)left_ms) == 1)
            return 0;
        if (over)
            return JOBD_E_TIMEOUT;
    }
}

// The socket takes no more, or has no more: because the other end is gone, or because this
// direction was never open.
static int ended(int fd) {
    struct pollfd pfd = {.fd = fd};
    bool gone = poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP);
    return gone ? JOBD_E_QCLOSED : JOBD_E_PERM;
}

static bool is_gone(int err) {
    return err == EPIPE || err == ECONNRESET;
}

// Sends what follows the first `done` bytes of head and message. Returns bytes | 0 not now | an
// error.
static ssize_t send_some(int fd, uint32_t head, jobd_bytes message, size_t done) {
    size_t of_head = JD_MIN(done, (size_t)HEAD_BYTES), of_message = done - of_head;
    struct iovec iov[] = {
        {(char *)&head + of_head, HEAD_BYTES - of_head},
        {(char *)(uintptr_t)message.data + of_message, message.len - of_message},
    };
    const struct msghdr msg = {.msg_iov = iov, .msg_iovlen = JD_LEN(iov)};
    ssize_t n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    return is_gone(errno) ? ended(fd) : JOBD_E_SYS;
}

int pipes_send(jobd_task_ctx *ctx, uint32_t pipe, jobd_bytes message, int64_t timeout_ms) {
    struct pipe_end *e;
    int r = find(ctx, pipe, &e);
    if (r < 0)
        return r;
    if (message.len > PIPES_MESSAGE_MAX_BYTES)
        return JOBD_E_MSGSIZE;
    uint64_t until_ns = clock_limit_ns(timeout_ms);
    uint32_t head = htobe32((uint32_t)message.len);
    for (size_t done = 0; done < HEAD_BYTES + message.len;) {
        ssize_t n = send_some(e->fd, head, message, done);
        if (n < 0)
            return (int)n;
        done += (size_t)n;
        if (n > 0)
            continue;
        // What has begun is sent whole, whatever the time.
        r = wait_for(ctx, e->fd, POLLOUT, done ? 0 : until_ns);
        if (r < 0 && done > 0)
            close_end(e); // half a message: the other side must not wait for the rest
        if (r < 0)
            return r;
    }
    return 0;
}

// 1 = the next message is there whole | 0 = it is not yet.
static int next_message(const struct pipe_end *e, jobd_bytes *ret, size_t *ret_want) {
    jobd_bytes in = jd_buf_view(&e->in);
    uint32_t head;
    *ret_want = HEAD_BYTES;
    if (in.len < HEAD_BYTES)
        return 0;
    memcpy(&head, in.data, sizeof head);
    size_t len = be32toh(head);
    if (len > PIPES_MESSAGE_MAX_BYTES)
        return JOBD_E_PROTO;
    *ret_want = HEAD_BYTES + len;
    *ret = (jobd_bytes){(const char *)in.data + HEAD_BYTES, len};
    return in.len >= *ret_want;
}

// Reads until a message is there whole: 0 | an error.
static int receive(jobd_task_ctx *ctx, struct pipe_end *e, uint64_t until_ns, jobd_bytes *ret) {
    size_t want;
    jd_buf_consume(&e->in, e->handed_out);
    e->handed_out = 0;
    for (int r; (r = next_message(e, ret, &want)) != 1;) {
        if (r < 0)
            return r;
        size_t room = JD_MAX(want - jd_buf_used(&e->in), (size_t)READ_BYTES);
        uint8_t *at = jd_buf_reserve(&e->in, room);
        if (!at)
            return JOBD_E_NOMEM;
        ssize_t n = recv(e->fd, at, room, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && is_gone(errno)))
            return ended(e->fd);
        if (n > 0)
            jd_buf_commit(&e->in, (size_t)n);
        else if (errno != EAGAIN && errno != EINTR)
            return JOBD_E_SYS;
        else if ((r = wait_for(ctx, e->fd, POLLIN, until_ns)) < 0)
            return r;
    }
    return 0;
}

int pipes_recv(jobd_task_ctx *ctx, uint32_t pipe, int64_t timeout_ms, jobd_bytes *ret) {
    struct pipe_end *e;
    int r = find(ctx, pipe, &e);
    r = r < 0 ? r : receive(ctx, e, clock_limit_ns(timeout_ms), ret);
    if (r == 0)
        e->handed_out = HEAD_BYTES + ret->len;
    return r;
}

int pipes_poll(jobd_task_ctx *ctx, uint32_t pipe, int64_t timeout_ms) {
    struct pipe_end *e;
    jobd_bytes message;
    int r = find(ctx, pipe, &e);
    r = r < 0 ? r : receive(ctx, e, clock_limit_ns(timeout_ms), &message);
    if (r == JOBD_E_TIMEOUT)
        return 0;
    return r == 0 || r == JOBD_E_QCLOSED ? 1 : r;
}
