// CPython's tests of multiprocessing.connection.wait, asked of poll() on the descriptors that jobd's
// pipes and connections give: each test has the name of the one whose question it puts.
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/scene.h"

enum { PIPES = 4, SHORT_MS = 20 };

TestSuite(connection_wait, .timeout = 120);

struct ends {
    jobd_pipe *reads[PIPES], *writes[PIPES];
    pid_t writers[PIPES];
};

static void send_text(jobd_pipe *p, const char *s) {
    cr_assert_eq(jobd_pipe_send(p, (jobd_bytes){s, strlen(s)}, TEST_PATIENCE_MS), 0);
}

// Each writer sends its number ten times, one byte after a while if it is slow, and is gone.
static _Noreturn void write_all(jobd_pipe *p, int number, bool slow) {
    for (int i = 0; i < 10; i++) {
        char byte = (char)number;
        if (slow)
            poll(NULL, 0, number); // a slow peer
        if (jobd_pipe_send(p, (jobd_bytes){&byte, 1}, JOBD_FOREVER) < 0)
            _exit(1);
    }
    _exit(0);
}

static void start_writers(struct ends *e, bool slow) {
    for (int i = 0; i < PIPES; i++) {
        cr_assert_eq(jobd_pipe_new(false, &e->reads[i], &e->writes[i]), 0);
        if ((e->writers[i] = proc_fork(true)) == 0)
            write_all(e->writes[i], i, slow);
        jobd_pipe_free(e->writes[i]);
    }
}

// Whoever is ready is read, until all are at their end: every message once, from the right pipe.
static void wait_for_all(bool slow) {
    struct ends e;
    struct pollfd ready[PIPES];
    unsigned counts[PIPES] = {0}, n_open = PIPES;
    start_writers(&e, slow);
    for (int i = 0; i < PIPES; i++)
        ready[i] = (struct pollfd){.fd = jobd_pipe_fd(e.reads[i]), .events = POLLIN};
    while (n_open > 0) {
        cr_assert_gt(poll(ready, PIPES, TEST_PATIENCE_MS), 0);
        for (int i = 0; i < PIPES; i++) {
            jobd_bytes got;
            if (!ready[i].revents)
                continue;
            int r = jobd_pipe_recv(e.reads[i], TEST_PATIENCE_MS, &got);
            if (r == JOBD_E_QCLOSED) {
                ready[i].fd = -1;
                ready[i].revents = 0;
                n_open--;
                continue;
            }
            cr_assert(r == 0 && got.len == 1 && *(const char *)got.data == i);
            counts[i]++;
        }
    }
    for (int i = 0; i < PIPES; i++) {
        cr_assert_eq(counts[i], 10);
        cr_assert_eq(proc_wait(e.writers[i]), 0);
        jobd_pipe_free(e.reads[i]);
    }
}

Test(connection_wait, wait) {
    wait_for_all(false);
}

Test(connection_wait, wait_slow) {
    wait_for_all(true);
}

Test(connection_wait, wait_timeout) {
    jobd_pipe *a, *b;
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    struct pollfd ready[2] = {{.fd = jobd_pipe_fd(a), .events = POLLIN},
                              {.fd = jobd_pipe_fd(b), .events = POLLIN}};
    int64_t since_ms = test_now_ms();
    cr_assert_eq(poll(ready, 2, SHORT_MS), 0);
    cr_assert_geq(test_now_ms() - since_ms, SHORT_MS - 1);
    send_text(b, "");
    cr_assert_eq(poll(ready, 2, TEST_PATIENCE_MS), 1);
    cr_assert(ready[0].revents & POLLIN && !ready[1].revents);
    jobd_pipe_free(a);
    jobd_pipe_free(b);
}

// There it is no time at all; here -1 is JOBD_FOREVER, and no other is less than nothing.
Test(connection_wait, neg_timeout) {
    jobd_pipe *a, *b;
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    send_text(b, "x");
    cr_assert_eq(jobd_pipe_poll(a, JOBD_FOREVER), 1);
    cr_assert_eq(jobd_pipe_poll(b, 0), 0);
    jobd_pipe_free(a);
    jobd_pipe_free(b);
}

// Pipes, sockets and the end of a process in one wait: a sentinel is a future, and its connection has
// a descriptor like the others.
Test(connection_wait, wait_integer) {
    static const char *const argv[] = {"sh", "-c", "exit 3", NULL};
    const jobd_process_options o = {JOBD_OPTIONS(jobd_process_options), .argv = argv};
    struct scene s;
    jobd_process *p;
    jobd_pipe *a, *b;
    int pair[2], code = 0;
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    cr_assert_eq(jobd_process_new(s.c.conn, &o, &p), 0);
    cr_assert_eq(jobd_process_start(p), 0);
    while (jobd_process_is_alive(p)) {
        struct pollfd ready[3] = {{.fd = jobd_pipe_fd(a), .events = POLLIN},
                                  {.fd = pair[0], .events = POLLIN},
                                  {.fd = jobd_conn_fd(s.c.conn)}};
        int64_t ms = 0;
        while (jobd_conn_process(s.c.conn) > 0)
            continue;
        if (!jobd_process_is_alive(p))
            break;
        ready[2].events = (short)jobd_conn_events(s.c.conn);
        cr_assert_eq(jobd_conn_timeout(s.c.conn, &ms), 0);
        cr_assert_geq(poll(ready, 3, ms < 0 ? TEST_PATIENCE_MS : (int)ms), 0);
        cr_assert(!ready[0].revents && !ready[1].revents, "nothing was sent there");
    }
    cr_assert_eq(jobd_process_exitcode(p, &code), 1);
    cr_assert_eq(code, 3);
    close(pair[0]);
    close(pair[1]);
    jobd_pipe_free(a);
    jobd_pipe_free(b);
    jobd_process_free(p);
    scene_end(&s);
}

// The other end of a pipe is any socket: messages come over it as they were written, in any pieces.
static void wait_socket_in_pieces(size_t piece) {
    enum { MESSAGES = 20 };
    static const char frame[] = {0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'};
    jobd_pipe *a, *b;
    jobd_bytes got = {0};
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    for (int i = 0; i < MESSAGES; i++) {
        for (size_t at = 0; at < sizeof frame; at += piece) {
            size_t n = sizeof frame - at < piece ? sizeof frame - at : piece;
            cr_assert_eq(write(jobd_pipe_fd(b), frame + at, n), (ssize_t)n);
        }
        cr_assert_eq(jobd_pipe_recv(a, TEST_PATIENCE_MS, &got), 0);
        cr_assert(got.len == 5 && memcmp(got.data, "hello", 5) == 0);
    }
    cr_assert_eq(jobd_pipe_poll(a, 0), 0);
    jobd_pipe_free(a);
    jobd_pipe_free(b);
}

Test(connection_wait, wait_socket) {
    wait_socket_in_pieces(100);
}

Test(connection_wait, wait_socket_slow) {
    wait_socket_in_pieces(1);
}
