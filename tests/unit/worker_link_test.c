#include "link.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "mem.h"
#include "rng.h"

enum { MAX_FRAME = 1 << 20 };

static int board_fd(off_t size, uint64_t layout) {
    int fd = memfd_create("board", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(ftruncate(fd, size), 0);
    cr_assert_eq(pwrite(fd, &layout, sizeof layout, offsetof(struct jd_board, layout)),
                 (ssize_t)sizeof layout);
    return fd;
}

// Returns the master's end.
static int open_pair(struct link *l) {
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    int r =
        link_open(l, fds[0], board_fd(sizeof(struct jd_board), JD_BOARD_LAYOUT), MAX_FRAME, NULL);
    cr_assert_eq(r, 0);
    return fds[1];
}

static void close_pair(struct link *l, int fd) {
    close(l->fd);
    close(fd);
    link_close(l);
}

static int send_value(struct link *l, uint64_t seq, size_t n, uint64_t now_ns) {
    static unsigned char bytes[MAX_FRAME];
    memset(bytes, (int)(seq & 0xff), n);
    const struct jd_msg msg = {
        .shape = JD_EVENT, .op = JD_OP_RESULT, .u.result = {.seq = seq, .value = {bytes, n}}};
    return link_send(l, &msg, now_ns);
}

Test(link, refuses_another_board) {
    int fds[2];
    struct link l;
    jobd_error why;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    cr_expect_eq(link_open(&l, fds[0], board_fd(4096, 1), MAX_FRAME, &why), JOBD_E_VERSION);
    cr_expect(strstr(why.message, "4096 bytes"), "%s", why.message);
    int other = board_fd(sizeof(struct jd_board), 77);
    cr_expect_eq(link_open(&l, fds[0], other, MAX_FRAME, &why), JOBD_E_VERSION);
    cr_expect(strstr(why.message, "layout 77"), "%s", why.message);
    cr_expect_eq(link_open(&l, 999, other, MAX_FRAME, &why), JOBD_E_SYS);
    cr_expect_neq(why.sys_errno, 0);
}

Test(link, the_socket_blocks_and_stays_in_this_process) {
    struct link l;
    int fd = open_pair(&l);
    cr_expect(!(fcntl(l.fd, F_GETFL) & O_NONBLOCK));
    cr_expect(fcntl(l.fd, F_GETFD) & FD_CLOEXEC);
    close_pair(&l, fd);
}

Test(link, small_frames_wait_in_the_ring) {
    struct link l;
    char buf[256];
    int fd = open_pair(&l);
    cr_assert_eq(send_value(&l, 1, 10, 1000), 0);
    cr_expect_eq(recv(fd, buf, sizeof buf, MSG_DONTWAIT), -1);
    uint64_t tail = jd_board_out_tail(l.board);
    cr_expect_gt(tail, 0u);
    cr_expect_eq(link_flush_old(&l, 1000 + LINK_FLUSH_AGE_NS - 1), 0);
    cr_expect_eq(recv(fd, buf, sizeof buf, MSG_DONTWAIT), -1);
    cr_expect_eq(link_flush_old(&l, 1000 + LINK_FLUSH_AGE_NS), 0);
    cr_expect_eq(recv(fd, buf, sizeof buf, MSG_DONTWAIT), (ssize_t)tail);
    cr_expect_eq(l.sent, tail);
    close_pair(&l, fd);
}

Test(link, the_ring_is_written_at_half_full) {
    struct link l;
    char buf[65536];
    int fd = open_pair(&l);
    while (l.sent == 0)
        cr_assert_eq(send_value(&l, 1, 1000, 0), 0);
    cr_expect_geq(l.tail, (uint64_t)LINK_FLUSH_BYTES);
    cr_expect_lt(l.tail, (uint64_t)LINK_FLUSH_BYTES + 1100);
    cr_expect_eq(recv(fd, buf, sizeof buf, MSG_DONTWAIT), (ssize_t)l.tail);
    close_pair(&l, fd);
}

// The stream is whole and in order whatever the sizes, and at any moment what the socket has not
// got is in the ring.
Test(link, any_sizes_make_one_stream) {
    struct link l;
    struct rng g = rng_begin("link");
    struct jd_buf in;
    uint64_t received = 0, seen = 0;
    int fd = open_pair(&l);
    jd_buf_init(&in, 8 * MAX_FRAME);
    for (uint64_t seq = 1; seq <= 3000; seq++) {
        size_t n = rng_below(&g, rng_below(&g, 50) ? 300 : 100000);
        cr_assert_eq(send_value(&l, seq, n, 0), 0);
        cr_assert_eq(jd_board_out_tail(l.board), l.tail);
        uint8_t *at = jd_buf_reserve(&in, 1 << 18);
        cr_assert(at);
        ssize_t got = recv(fd, at, 1 << 18, MSG_DONTWAIT);
        received += got > 0 ? (uint64_t)got : 0;
        jd_buf_commit(&in, got > 0 ? (size_t)got : 0);
        cr_assert_eq(received, l.sent);
        if (rng_below(&g, 100) == 0) { // the master takes what it can from the board
            size_t held = (size_t)(l.tail - received);
            cr_assert((at = jd_buf_reserve(&in, held)) != NULL);
            cr_assert(jd_board_ring_read(l.board, received, l.tail, false, at));
            jd_buf_commit(&in, held);
            cr_assert_eq(link_flush(&l), 0);
            static char again[JD_BOARD_RING_BYTES];
            cr_assert_eq(recv(fd, again, sizeof again, MSG_DONTWAIT), held ? (ssize_t)held : -1);
            cr_assert_eq(memcmp(again, at, held), 0);
            received += held;
        }
        for (;;) {
            jobd_bytes v = jd_buf_view(&in), payload;
            struct jd_msg msg;
            size_t need;
            int64_t size = jd_frame_next(v.data, v.len, MAX_FRAME, &payload, &need);
            cr_assert_geq(size, 0);
            if (size == 0)
                break;
            cr_assert_eq(jd_msg_unpack(payload, &msg), 0);
            cr_assert_eq(msg.u.result.seq, ++seen);
            const unsigned char *bytes = msg.u.result.value.data;
            for (size_t i = 0; i < msg.u.result.value.len; i++)
                cr_assert_eq(bytes[i], (unsigned char)seen);
            jd_buf_consume(&in, (size_t)size);
        }
    }
    cr_expect_geq(seen, 2000u);
    jd_buf_free(&in);
    close_pair(&l, fd);
}

Test(link, reads_frames_of_any_size_to_the_limit) {
    struct link l;
    struct jd_buf out;
    struct jd_msg msg;
    int fd = open_pair(&l);
    jd_buf_init(&out, 3 * MAX_FRAME);
    static const size_t sizes[] = {10, 70000, MAX_FRAME - JD_ENVELOPE_BYTES, 1, 65536, 40000};
    void *bytes = jd_zalloc(MAX_FRAME);
    for (size_t i = 0; i < JD_LEN(sizes); i++) {
        const struct jd_msg run = {
            .shape = JD_EVENT, .op = JD_OP_RUN, .u.run = {.seq = i, .args = {bytes, sizes[i]}}};
        cr_assert_eq(jd_msg_pack(&out, MAX_FRAME, &run), 0);
    }
    cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (size_t i = 0; i < JD_LEN(sizes);) {
        ssize_t n = send(fd, out.data + out.pos, jd_buf_used(&out), MSG_NOSIGNAL);
        if (n > 0)
            jd_buf_consume(&out, (size_t)n);
        cr_assert_eq(link_fill(&l), 0);
        int r;
        for (; (r = link_next(&l, &msg)) > 0; i++) {
            cr_assert_eq(msg.u.run.seq, i);
            cr_assert_eq(msg.u.run.args.len, sizes[i]);
        }
        cr_assert_eq(r, 0);
        link_release(&l);
    }
    jd_free(bytes);
    jd_buf_free(&out);
    close_pair(&l, fd);
}

Test(link, messages_that_are_held_outlive_what_comes_after_them) {
    struct link l;
    struct jd_buf out, held = {0};
    struct jd_msg first, msg;
    int fd = open_pair(&l);
    jd_buf_init(&out, 1000);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        const struct jd_msg run = {.shape = JD_EVENT,
                                   .op = JD_OP_RUN,
                                   .u.run = {.seq = seq, .args = jd_text(seq == 1 ? "a" : "b")}};
        cr_assert_eq(jd_msg_pack(&out, MAX_FRAME, &run), 0);
    }
    size_t n = jd_buf_used(&out), n_most = n - 3; // the second is not whole yet
    cr_assert_eq(send(fd, out.data, n_most, 0), (ssize_t)n_most);
    cr_assert_eq(link_wait(&l, -1, -1), 1);
    cr_assert_eq(link_fill(&l), 0);
    cr_assert_eq(link_next(&l, &first), 1);
    cr_assert_eq(link_next(&l, &msg), 0);
    cr_assert_eq(link_hold(&l, &held), 0);
    cr_expect_eq(link_wait(&l, -1, 0), 0);
    cr_assert_eq(send(fd, out.data + n_most, n - n_most, 0), (ssize_t)(n - n_most));
    cr_assert_eq(link_fill(&l), 0);
    cr_assert_eq(link_next(&l, &msg), 1);
    cr_expect(msg.u.run.seq == 2 && *(const char *)msg.u.run.args.data == 'b');
    cr_expect(first.u.run.seq == 1 && *(const char *)first.u.run.args.data == 'a');
    link_put_back(&l);
    cr_assert_eq(link_next(&l, &msg), 1);
    cr_expect_eq(msg.u.run.seq, 2u);
    jd_buf_free(&held);
    jd_buf_free(&out);
    close_pair(&l, fd);
}

Test(link, the_end_of_the_stream_is_closed) {
    struct link l;
    jobd_error why;
    int fd = open_pair(&l);
    close(fd);
    cr_expect_eq(link_fill(&l), JOBD_E_CLOSED);
    signal(SIGPIPE, SIG_IGN);
    cr_assert_eq(send_value(&l, 1, 10, 0), 0);
    cr_expect_eq(link_flush(&l), JOBD_E_CLOSED);
    cr_expect_eq(link_explain(&l, JOBD_E_CLOSED, &why), JOBD_E_CLOSED);
    close(l.fd);
    link_close(&l);
}
