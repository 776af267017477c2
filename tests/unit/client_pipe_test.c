// What a program sees of a pipe is in conformance/pipe_test.c; here is what only one looks at who
// writes the other end by hand, or takes the memory away.
#include "pipe.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "rng.h"
#include "support/fdcount.h"

static void open_pipe(bool duplex, jobd_pipe **a, jobd_pipe **b) {
    cr_assert_eq(jobd_pipe_new(duplex, a, b), 0);
}

static void free_both(jobd_pipe *a, jobd_pipe *b) {
    jobd_pipe_free(a);
    jobd_pipe_free(b);
}

static void write_raw(jobd_pipe *p, const void *data, size_t n) {
    cr_assert_eq(write(jobd_pipe_fd(p), data, n), (ssize_t)n);
}

static jobd_bytes text(const char *s) {
    return (jobd_bytes){s, strlen(s)};
}

static void expect(jobd_pipe *p, const char *message) {
    jobd_bytes got = {0};
    cr_assert_eq(jobd_pipe_recv(p, JOBD_FOREVER, &got), 0);
    cr_assert_eq(got.len, strlen(message));
    cr_assert_eq(memcmp(got.data, message, got.len), 0);
}

// A program that is handed an end without this library sees exactly this.
Test(client_pipe, a_message_is_its_length_and_its_bytes) {
    static const unsigned char wire[] = {0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'};
    unsigned char got[sizeof wire + 1];
    jobd_pipe *a, *b;
    open_pipe(true, &a, &b);
    cr_assert_eq(jobd_pipe_send(a, text("hello"), 0), 0);
    cr_assert_eq(read(jobd_pipe_fd(b), got, sizeof got), sizeof wire);
    cr_assert_eq(memcmp(got, wire, sizeof wire), 0);
    write_raw(b, wire, sizeof wire);
    expect(a, "hello");
    free_both(a, b);
}

Test(client_pipe, what_is_here_in_part_stays) {
    jobd_pipe *a, *b;
    jobd_bytes got = {NULL, 77};
    open_pipe(true, &a, &b);
    write_raw(b, "\0\0", 2);
    cr_assert_eq(jobd_pipe_recv(a, 0, &got), JOBD_E_TIMEOUT);
    cr_assert_eq(jd_pipe_check(a), JOBD_E_STATE, "in the midst of a message");
    write_raw(b, "\0\3a", 3);
    cr_assert_eq(jobd_pipe_recv(a, 1, &got), JOBD_E_TIMEOUT);
    cr_assert_eq(got.len, 77, "untouched");
    write_raw(b, "bc\0\0", 4);
    expect(a, "abc");
    cr_assert_eq(jd_pipe_check(a), 0, "nothing was read ahead");
    write_raw(b, "\0\1d", 3);
    expect(a, "d");
    free_both(a, b);
}

Test(client_pipe, what_is_no_message_is_said_to_be_none) {
    static const char *const bad[] = {"\0\0\0\3ab", "\0\0"};
    static const size_t n_bad[] = {6, 2};
    jobd_bytes got;
    jobd_pipe *a, *b;
    for (size_t i = 0; i < JD_LEN(bad); i++) {
        open_pipe(true, &a, &b);
        write_raw(b, bad[i], n_bad[i]);
        jobd_pipe_close(b);
        cr_assert_eq(jobd_pipe_recv(a, JOBD_FOREVER, &got), JOBD_E_PROTO, "cut short");
        cr_assert_eq(jobd_pipe_recv(a, JOBD_FOREVER, &got), JOBD_E_PROTO, "for ever");
        free_both(a, b);
    }
    open_pipe(true, &a, &b);
    write_raw(b, "\0\x10\0\1abc", 7);
    cr_assert_eq(jobd_pipe_recv(a, JOBD_FOREVER, &got), JOBD_E_PROTO, "one byte over 1 MiB");
    cr_assert_eq(jobd_pipe_recv(a, JOBD_FOREVER, &got), JOBD_E_PROTO, "for ever");
    free_both(a, b);
}

// A peer that goes away with something unread resets the socket: for a pipe that is its end, too,
// after everything that it has sent.
Test(client_pipe, an_end_with_unread_messages_is_an_end) {
    jobd_pipe *a, *b;
    jobd_bytes got;
    open_pipe(true, &a, &b);
    cr_assert_eq(jobd_pipe_send(a, text("never read"), 0), 0);
    cr_assert_eq(jobd_pipe_send(b, text("last words"), 0), 0);
    jobd_pipe_close(b);
    expect(a, "last words");
    cr_assert_eq(jobd_pipe_recv(a, JOBD_FOREVER, &got), JOBD_E_QCLOSED);
    cr_assert_eq(jobd_pipe_recv(a, JOBD_FOREVER, &got), JOBD_E_QCLOSED);
    cr_assert_eq(jobd_pipe_send(a, text("x"), 0), JOBD_E_QCLOSED);
    free_both(a, b);
}

Test(client_pipe, the_direction_is_the_sockets_own) {
    jobd_pipe *receiver, *sender;
    char byte = 'x';
    open_pipe(false, &receiver, &sender);
    cr_assert_eq(jobd_pipe_send(receiver, text("x"), 0), JOBD_E_PERM);
    cr_assert_eq(jobd_pipe_recv(sender, 0, &(jobd_bytes){0}), JOBD_E_PERM);
    cr_assert_eq(jobd_pipe_poll(sender, 0), JOBD_E_PERM);
    cr_assert_eq(read(jobd_pipe_fd(sender), &byte, 1), 0, "at its end from the start");
    cr_assert_eq(jobd_pipe_poll(receiver, 0), 0);
    cr_assert_eq(jobd_pipe_send(sender, text("there"), 0), 0);
    expect(receiver, "there");
    free_both(receiver, sender);
}

Test(client_pipe, bad_calls) {
    jobd_pipe *a, *b;
    jobd_bytes got;
    open_pipe(true, &a, &b);
    cr_assert_eq(jobd_pipe_new(true, NULL, &b), JOBD_E_INVAL);
    cr_assert_eq(jobd_pipe_new(true, &a, NULL), JOBD_E_INVAL);
    cr_assert_eq(jobd_pipe_send(a, (jobd_bytes){NULL, 1}, 0), JOBD_E_INVAL);
    cr_assert_eq(jobd_pipe_recv(a, 0, NULL), JOBD_E_INVAL);
    cr_assert_eq(jobd_pipe_send(NULL, text("x"), 0), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_recv(NULL, 0, &got), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_poll(NULL, 0), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_fd(NULL), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_close(NULL), JOBD_E_STATE);
    jobd_pipe_free(NULL);
    cr_assert_eq(jobd_pipe_poll(b, 0), 0, "nothing was sent");
    free_both(a, b);
}

Test(client_pipe, an_end_that_is_handed_over_is_closed_here) {
    jobd_pipe *a, *b;
    open_pipe(true, &a, &b);
    cr_assert_eq(jobd_pipe_send(a, text("first"), 0), 0);
    expect(b, "first");
    cr_assert_eq(jd_pipe_check(b), 0);
    int fd = jobd_pipe_fd(b);
    jd_pipe_release(b);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(jd_pipe_check(b), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_fd(b), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_send(b, text("x"), 0), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_close(b), JOBD_E_STATE);
    jobd_pipe_free(b);
    cr_assert_eq(write(fd, "\0\0\0\1x", 5), 5, "it lives on");
    expect(a, "x");
    close(fd);
    jobd_pipe_free(a);
}

Test(client_pipe, without_memory_nothing_is_lost) {
    size_t n_fds = fd_count(getpid());
    jobd_pipe *a, *b;
    jobd_bytes got;
    for (unsigned long nth = 1; nth <= 2; nth++) {
        jd_mem_fail_nth(nth);
        cr_assert_eq(jobd_pipe_new(true, &a, &b), JOBD_E_NOMEM);
    }
    jd_mem_fail_nth(0);
    cr_assert_eq(fd_count(getpid()), n_fds);
    open_pipe(true, &a, &b);
    write_raw(a, "\0\0\0\4four", 8);
    jd_mem_fail_nth(1);
    cr_assert_eq(jobd_pipe_recv(b, 0, &got), JOBD_E_NOMEM);
    jd_mem_fail_nth(0);
    expect(b, "four");
    free_both(a, b);
    cr_assert_eq(fd_count(getpid()), n_fds);
}

enum { MESSAGES = 300, SHORT_BYTES = 5000 };

// However the bytes come in, the messages that go out are those that went in.
Test(client_pipe, any_cut_of_the_stream_gives_the_same_messages) {
    static unsigned char wire[4 + SHORT_BYTES];
    struct rng g = rng_begin("any_cut_of_the_stream");
    jobd_pipe *a, *b;
    jobd_bytes got;
    open_pipe(true, &a, &b);
    for (int i = 0; i < MESSAGES; i++) {
        uint32_t len = (uint32_t)rng_below(&g, rng_below(&g, 2) ? 8 : SHORT_BYTES);
        wire[0] = wire[1] = 0;
        wire[2] = (unsigned char)(len >> 8);
        wire[3] = (unsigned char)len;
        for (uint32_t at = 0; at < len; at++)
            wire[4 + at] = (unsigned char)rng_u64(&g);
        for (size_t sent = 0; sent < 4 + len;) {
            size_t n = 1 + rng_below(&g, rng_below(&g, 2) ? 3 : 1 + len);
            n = JD_MIN(n, 4 + len - sent);
            write_raw(a, wire + sent, n);
            sent += n;
            int r = jobd_pipe_recv(b, 0, &got);
            cr_assert_eq(r, sent < 4 + len ? JOBD_E_TIMEOUT : 0);
        }
        cr_assert_eq(got.len, len);
        cr_assert(len == 0 || memcmp(got.data, wire + 4, len) == 0);
    }
    free_both(a, b);
}
