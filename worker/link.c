#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fault.h"
#include "frame.h"

// ---- opening ----

static int map_board(struct link *l, int board_fd, jobd_error *reterr) {
    struct stat st;
    if (fstat(board_fd, &st) < 0)
        return fault_sys(reterr, "cannot use the board on descriptor 4");
    if (st.st_size != (off_t)sizeof(struct jd_board))
        return fault_set(
            reterr, JOBD_E_VERSION,
            "the board has %lld bytes, this worker's has %zu: jobd and jobd-worker are "
            "of different versions",
            (long long)st.st_size, sizeof(struct jd_board));
    void *page =
        mmap(NULL, sizeof(struct jd_board), PROT_READ | PROT_WRITE, MAP_SHARED, board_fd, 0);
    if (page == MAP_FAILED)
        return fault_sys(reterr, "cannot map the board on descriptor 4");
    close(board_fd);
    l->board = page;
    uint64_t layout = atomic_load_explicit(&l->board->layout, memory_order_acquire);
    if (layout != JD_BOARD_LAYOUT)
        return fault_set(
            reterr, JOBD_E_VERSION,
            "the board has layout %llu, this worker's has %d: jobd and jobd-worker are "
            "of different versions",
            (unsigned long long)layout, JD_BOARD_LAYOUT);
    return 0;
}

// Blocking, and not for the programs that tasks start.
static int take_socket(int fd, jobd_error *reterr) {
    int type;
    socklen_t len = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return fault_sys(reterr, "cannot use the socket on descriptor 3");
    int flags = fcntl(fd, F_GETFL);
    if (fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return fault_sys(reterr, "cannot set up the socket on descriptor 3");
    return 0;
}

int link_open(struct link *l, int fd, int board_fd, size_t max_frame, jobd_error *reterr) {
    *l = (struct link){.fd = fd, .max_frame = max_frame};
    jd_buf_init(&l->in, JD_FRAME_HEAD_BYTES + max_frame + LINK_IN_BYTES);
    jd_buf_init(&l->out, JD_FRAME_HEAD_BYTES + max_frame);
    int r = take_socket(fd, reterr);
    return r < 0 ? r : map_board(l, board_fd, reterr);
}

void link_close(struct link *l) {
    if (l->board)
        munmap(l->board, sizeof *l->board);
    jd_buf_free(&l->in);
    jd_buf_free(&l->out);
    *l = (struct link){.fd = -1};
}

int link_explain(const struct link *l, int r, jobd_error *reterr) {
    switch (r) {
    case JOBD_E_SYS:
        errno = l->sys_errno;
        return fault_sys(reterr, "lost the master, the socket on descriptor 3 failed");
    case JOBD_E_PROTO:
        return fault_set(reterr, r, "the master sent what is no message to a worker");
    case JOBD_E_MSGSIZE:
        return fault_set(reterr, r, "a frame is over the limit of %zu bytes", l->max_frame);
    default:
        return fault_set(reterr, r, "lost the master: %s", jobd_strerror(r));
    }
}

// ---- in ----

// The next frame that was received whole: 1, with its message | 0 | an error.
static int next_frame(struct link *l, struct jd_msg *ret) {
    jobd_bytes in = jd_buf_view(&l->in), payload;
    size_t n_rest = in.len - l->handed_out;
    l->want = 0;
    if (n_rest == 0)
        return 0;
    const unsigned char *rest = (const unsigned char *)in.data + l->handed_out;
    int64_t size = jd_frame_next(rest, n_rest, l->max_frame, &payload, &l->want);
    if (size <= 0)
        return (int)size;
    l->handed_out += (size_t)size;
    int r = jd_msg_unpack(payload, ret);
    return r ? r : 1;
}

int link_next(struct link *l, struct jd_msg *ret) {
    int r;
    do // a newer master may tell what this worker need not know
        r = next_frame(l, ret);
    while (r == JOBD_E_NOTSUP && ret->shape == JD_EVENT);
    return r == JOBD_E_NOTSUP ? JOBD_E_PROTO : r;
}

void link_release(struct link *l) {
    jd_buf_consume(&l->in, l->handed_out);
    l->handed_out = 0;
}

static int failed_call(struct link *l) {
    l->sys_errno = errno;
    return errno == EPIPE || errno == ECONNRESET ? JOBD_E_CLOSED : JOBD_E_SYS;
}

int link_hold(struct link *l, struct jd_buf *held) {
    struct jd_buf next;
    jobd_bytes all = jd_buf_view(&l->in);
    JD_ASSERT(!held->data);
    jd_buf_init(&next, l->in.max);
    int r = jd_buf_append(&next, (const char *)all.data + l->handed_out, all.len - l->handed_out);
    if (r < 0)
        return r;
    *held = l->in;
    l->in = next;
    l->handed_out = 0;
    return 0;
}

int link_wait(struct link *l, int bell_fd, int timeout_ms) {
    struct pollfd fds[] = {{.fd = l->fd, .events = POLLIN}, {.fd = bell_fd, .events = POLLIN}};
    int r = poll(fds, JD_LEN(fds), timeout_ms);
    if (r >= 0)
        return r > 0;
    return errno == EINTR ? 0 : failed_call(l);
}

// 1 = some bytes came | 0 = there are none, and flags say not to wait | an error.
static int receive(struct link *l, int flags) {
    JD_ASSERT(l->handed_out == 0);
    size_t used = jd_buf_used(&l->in);
    size_t room = JD_MAX(l->want, (size_t)LINK_IN_BYTES) - used;
    uint8_t *at = jd_buf_reserve(&l->in, room);
    if (!at)
        return JOBD_E_NOMEM;
    ssize_t n;
    do
        n = recv(l->fd, at, room, flags);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : failed_call(l);
    jd_buf_commit(&l->in, (size_t)n);
    return n > 0 ? 1 : JOBD_E_CLOSED;
}

int link_fill(struct link *l) {
    int r = receive(l, 0);
    return r < 0 ? r : 0;
}

int link_fill_now(struct link *l) {
    return receive(l, MSG_DONTWAIT);
}

// ---- out ----

// Writes all of it; iov is used up.
static int write_all(struct link *l, struct iovec *iov, int n_iov) {
    while (n_iov > 0) {
        ssize_t n = writev(l->fd, iov, n_iov);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed_call(l);
        l->sent += (size_t)n;
        for (; n_iov > 0 && (size_t)n >= iov->iov_len; iov++, n_iov--)
            n -= (ssize_t)iov->iov_len;
        if (n_iov > 0) {
            iov->iov_base = (char *)iov->iov_base + n;
            iov->iov_len -= (size_t)n;
        }
    }
    return 0;
}

// Only this thread writes the ring, so it may read it as plain memory.
static void *ring_at(struct link *l, uint64_t offset) {
    return (void *)&l->board->ring[offset % JD_BOARD_RING_BYTES];
}

int link_flush(struct link *l) {
    if (l->sent == l->tail)
        return 0;
    size_t n = (size_t)(l->tail - l->sent);
    size_t to_edge = JD_BOARD_RING_BYTES - (size_t)(l->sent % JD_BOARD_RING_BYTES);
    struct iovec iov[2] = {{ring_at(l, l->sent), JD_MIN(n, to_edge)}};
    if (n > to_edge)
        iov[1] = (struct iovec){ring_at(l, 0), n - to_edge};
    return write_all(l, iov, n > to_edge ? 2 : 1);
}

static int send_direct(struct link *l, jobd_bytes frame) {
    int r = link_flush(l);
    if (r < 0)
        return r;
    struct iovec iov = {(void *)(uintptr_t)frame.data, frame.len};
    if ((r = write_all(l, &iov, 1)) < 0)
        return r;
    l->tail = l->sent;
    jd_board_set_out_tail(l->board, l->tail);
    return 0;
}

static int put_in_ring(struct link *l, jobd_bytes frame, uint64_t now_ns) {
    _Static_assert(LINK_FLUSH_BYTES + JD_DIRECT_BYTES <= JD_BOARD_RING_BYTES,
                   "a frame that goes through the ring always has room");
    if (l->sent == l->tail)
        l->oldest_ns = now_ns;
    jd_board_ring_write(l->board, l->tail, frame.data, frame.len);
    l->tail += frame.len;
    jd_board_set_out_tail(l->board, l->tail);
    return l->tail - l->sent >= LINK_FLUSH_BYTES ? link_flush(l) : 0;
}

int link_send(struct link *l, const struct jd_msg *msg, uint64_t now_ns) {
    int r = jd_msg_pack(&l->out, l->max_frame, msg);
    if (r < 0)
        return r;
    jobd_bytes frame = jd_buf_view(&l->out);
    r = frame.len > JD_DIRECT_BYTES ? send_direct(l, frame) : put_in_ring(l, frame, now_ns);
    jd_buf_consume(&l->out, frame.len);
    return r;
}
