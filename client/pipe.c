// A pipe is a stream socket: a message is its length, four bytes with the highest first, and its
// bytes. Nothing is read ahead. What waits is in the socket, so that poll() on the descriptor tells
// the truth and an end can be handed over between two messages. A message that is here in part when
// the time is over stays, and the next receive goes on with it.
#include "pipe.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "frame.h"
#include "mem.h"

struct jobd_pipe {
    int fd;        // -1 = closed or handed over
    bool sends;    // this end may send
    bool receives; // this end may receive
    bool given;    // body is a message that was given out
    uint8_t head[JD_FRAME_HEAD_BYTES];
    uint32_t n_head;    // bytes of the head that are here
    struct jd_buf body; // what is here of the message
};

static jobd_pipe *new_end(bool receives, bool sends) {
    jobd_pipe *p = jd_alloc(sizeof *p);
    if (!p)
        return NULL;
    *p = (jobd_pipe){.fd = -1, .receives = receives, .sends = sends};
    jd_buf_init(&p->body, JD_PIPE_MESSAGE_MAX_BYTES);
    return p;
}

// Whoever an end is handed to knows its direction from the socket itself.
static int open_ends(jobd_pipe *a, jobd_pipe *b, bool duplex) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return JOBD_E_SYS;
    if (!duplex && (shutdown(fds[0], SHUT_WR) < 0 || shutdown(fds[1], SHUT_RD) < 0)) {
        close(fds[0]);
        close(fds[1]);
        return JOBD_E_SYS;
    }
    a->fd = fds[0];
    b->fd = fds[1];
    return 0;
}

int jobd_pipe_new(bool duplex, jobd_pipe **ret_a, jobd_pipe **ret_b) {
    if (!ret_a || !ret_b)
        return JOBD_E_INVAL;
    jobd_pipe *a = new_end(true, duplex), *b = new_end(duplex, true);
    int r = a && b ? open_ends(a, b, duplex) : JOBD_E_NOMEM;
    if (r < 0) {
        jobd_pipe_free(a);
        jobd_pipe_free(b);
        return r;
    }
    *ret_a = a;
    *ret_b = b;
    return 0;
}

int jobd_pipe_close(jobd_pipe *p) {
    if (!p || p->fd < 0)
        return JOBD_E_STATE;
    close(p->fd);
    jd_pipe_release(p);
    return 0;
}

void jobd_pipe_free(jobd_pipe *p) {
    if (!p)
        return;
    if (p->fd >= 0)
        close(p->fd);
    jd_buf_free(&p->body);
    jd_free(p);
}

int jobd_pipe_fd(const jobd_pipe *p) {
    return p && p->fd >= 0 ? p->fd : JOBD_E_STATE;
}

int jd_pipe_check(const jobd_pipe *p) {
    bool between = p->n_head == 0 || p->given;
    return p->fd >= 0 && between ? 0 : JOBD_E_STATE;
}

void jd_pipe_release(jobd_pipe *p) {
    p->fd = -1;
    jd_buf_free(&p->body);
}

// Looks at least once. 1 ready, or at its end | 0 the deadline has passed | JOBD_E_SYS.
static int wait_ready(const jobd_pipe *p, short events, uint64_t deadline_ns) {
    struct pollfd pfd = {.fd = p->fd, .events = events};
    int n;
    do {
        struct timespec left = {0};
        uint64_t now_ns = jd_clock_ns();
        if (deadline_ns > now_ns && deadline_ns != JD_NEVER_NS) {
            left.tv_sec = (time_t)((deadline_ns - now_ns) / 1000000000);
            left.tv_nsec = (long)((deadline_ns - now_ns) % 1000000000);
        }
        n = ppoll(&pfd, 1, deadline_ns == JD_NEVER_NS ? NULL : &left, NULL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? JOBD_E_SYS : n;
}

// ---- sending ----

// Returns the bytes that went | 0 the socket takes no more now | JOBD_E_QCLOSED | JOBD_E_SYS.
static ssize_t send_part(const jobd_pipe *p, const uint8_t *head, jobd_bytes message, size_t sent) {
    size_t in_head = JD_MIN(sent, (size_t)JD_FRAME_HEAD_BYTES), in_body = sent - in_head;
    struct iovec parts[2] = {{(void *)(uintptr_t)(head + in_head), JD_FRAME_HEAD_BYTES - in_head}};
    struct msghdr all = {.msg_iov = parts, .msg_iovlen = 1};
    if (message.len > 0) {
        parts[1] = (struct iovec){(char *)(uintptr_t)message.data + in_body, message.len - in_body};
        all.msg_iovlen = 2;
    }
    ssize_t n;
    do {
        n = sendmsg(p->fd, &all, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0 || errno == EAGAIN)
        return JD_MAX(n, 0);
    return errno == EPIPE || errno == ECONNRESET ? JOBD_E_QCLOSED : JOBD_E_SYS;
}

int jobd_pipe_send(jobd_pipe *p, jobd_bytes message, int64_t timeout_ms) {
    uint8_t head[JD_FRAME_HEAD_BYTES];
    uint64_t deadline_ns = jd_clock_deadline_ns(timeout_ms);
    if (!p || p->fd < 0)
        return JOBD_E_STATE;
    if (!p->sends)
        return JOBD_E_PERM;
    if (message.len > JD_PIPE_MESSAGE_MAX_BYTES)
        return JOBD_E_MSGSIZE;
    if (!message.data && message.len > 0)
        return JOBD_E_INVAL;
    jd_frame_head(head, (uint32_t)message.len);
    for (size_t sent = 0; sent < sizeof head + message.len;) {
        ssize_t n = send_part(p, head, message, sent);
        if (n < 0)
            return (int)n;
        sent += (size_t)n;
        if (sent > 0) // half a message would be the end of the pipe
            deadline_ns = JD_NEVER_NS;
        int r = n > 0 ? 1 : wait_ready(p, POLLOUT, deadline_ns);
        if (r <= 0)
            return r < 0 ? r : JOBD_E_TIMEOUT;
    }
    return 0;
}

// ---- receiving ----

static size_t coming_bytes(const jobd_pipe *p) {
    return (size_t)p->head[0] << 24 | (size_t)p->head[1] << 16 | (size_t)p->head[2] << 8 |
           p->head[3];
}

static bool is_whole(const jobd_pipe *p) {
    return p->n_head == JD_FRAME_HEAD_BYTES && jd_buf_used(&p->body) == coming_bytes(p);
}

// Reads at most to the end of the message. Returns 1 something came | 0 nothing is there |
// JOBD_E_QCLOSED | JOBD_E_PROTO | JOBD_E_NOMEM | JOBD_E_SYS.
static int receive_part(jobd_pipe *p) {
    bool in_head = p->n_head < JD_FRAME_HEAD_BYTES;
    uint8_t *at = p->head + p->n_head;
    size_t room = JD_FRAME_HEAD_BYTES - p->n_head;
    if (!in_head) {
        if (coming_bytes(p) > JD_PIPE_MESSAGE_MAX_BYTES)
            return JOBD_E_PROTO;
        room = coming_bytes(p) - jd_buf_used(&p->body);
        at = jd_buf_reserve(&p->body, room);
        if (!at)
            return JOBD_E_NOMEM;
    }
    ssize_t n;
    do {
        n = recv(p->fd, at, room, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return p->n_head > 0 ? JOBD_E_PROTO : JOBD_E_QCLOSED;
    if (n < 0)
        return JOBD_E_SYS;
    if (in_head)
        p->n_head += (uint32_t)n;
    else
        jd_buf_commit(&p->body, (size_t)n);
    return 1;
}

// May this end receive? What was given out before is forgotten.
static int begin_receive(jobd_pipe *p) {
    if (!p || p->fd < 0)
        return JOBD_E_STATE;
    if (!p->receives)
        return JOBD_E_PERM;
    if (p->given) {
        jd_buf_consume(&p->body, jd_buf_used(&p->body));
        p->n_head = 0;
        p->given = false;
    }
    return 0;
}

int jobd_pipe_recv(jobd_pipe *p, int64_t timeout_ms, jobd_bytes *ret) {
    uint64_t deadline_ns = jd_clock_deadline_ns(timeout_ms);
    int r = begin_receive(p);
    if (r < 0 || !ret)
        return r < 0 ? r : JOBD_E_INVAL;
    while (!is_whole(p)) {
        r = receive_part(p);
        if (r < 0)
            return r;
        r = r > 0 ? 1 : wait_ready(p, POLLIN, deadline_ns);
        if (r <= 0)
            return r < 0 ? r : JOBD_E_TIMEOUT;
    }
    p->given = true;
    *ret = jd_buf_view(&p->body);
    return 0;
}

int jobd_pipe_poll(jobd_pipe *p, int64_t timeout_ms) {
    if (!p || p->fd < 0)
        return JOBD_E_STATE;
    if (!p->receives)
        return JOBD_E_PERM;
    return wait_ready(p, POLLIN, jd_clock_deadline_ns(timeout_ms));
}
