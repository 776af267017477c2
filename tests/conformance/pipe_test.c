// CPython's tests of multiprocessing's connections, asked of jobd's pipes: each test here has the
// name of the one whose question it puts. README.md says where every name is.
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <jobd/jobd.h>

#include "support/fdcount.h"
#include "support/proc.h"

enum { MIB = 1 << 20, SHORT_MS = 20 };

TestSuite(connection, .timeout = 120);
TestSuite(poll, .timeout = 120);

static jobd_bytes text(const char *s) {
    return (jobd_bytes){s, strlen(s)};
}

static void send_text(jobd_pipe *p, const char *s) {
    cr_assert_eq(jobd_pipe_send(p, text(s), TEST_PATIENCE_MS), 0);
}

static void expect(jobd_pipe *p, const char *s) {
    jobd_bytes got = {0};
    cr_assert_eq(jobd_pipe_recv(p, TEST_PATIENCE_MS, &got), 0);
    cr_assert_eq(got.len, strlen(s));
    cr_assert(got.len == 0 || memcmp(got.data, s, got.len) == 0);
}

static void free_both(jobd_pipe *a, jobd_pipe *b) {
    jobd_pipe_free(a);
    jobd_pipe_free(b);
}

// Gives every message back, until the other end closes.
static _Noreturn void echo(jobd_pipe *p) {
    jobd_bytes message;
    int r;
    while ((r = jobd_pipe_recv(p, JOBD_FOREVER, &message)) == 0) {
        if (jobd_pipe_send(p, message, JOBD_FOREVER) < 0)
            _exit(2);
    }
    _exit(r == JOBD_E_QCLOSED ? 0 : 1);
}

static pid_t start_echo(jobd_pipe *mine, jobd_pipe *its) {
    pid_t pid = proc_fork(true);
    if (pid == 0) {
        jobd_pipe_close(mine); // else it would hold open the very end it waits for to close
        echo(its);
    }
    jobd_pipe_close(its);
    return pid;
}

// ---- connection ----

Test(connection, connection) {
    static char big[MIB];
    jobd_pipe *here, *there;
    jobd_bytes got;
    cr_assert_eq(jobd_pipe_new(true, &here, &there), 0);
    pid_t pid = start_echo(here, there);
    send_text(here, "hello");
    expect(here, "hello");
    send_text(here, "");
    expect(here, "");
    cr_assert_eq(jobd_pipe_recv(here, 0, &got), JOBD_E_TIMEOUT, "nothing is there");
    cr_assert_eq(jobd_pipe_recv(here, SHORT_MS, &got), JOBD_E_TIMEOUT);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 >> 3);
    cr_assert_eq(jobd_pipe_send(here, (jobd_bytes){big, sizeof big}, TEST_PATIENCE_MS), 0);
    cr_assert_eq(jobd_pipe_recv(here, TEST_PATIENCE_MS, &got), 0);
    cr_assert_eq(got.len, sizeof big);
    cr_assert_eq(memcmp(got.data, big, sizeof big), 0);
    cr_assert_eq(jobd_pipe_close(here), 0);
    cr_assert_eq(proc_wait(pid), 0, "the other side sees the end of it");
    free_both(here, there);
}

Test(connection, duplex_false) {
    jobd_pipe *reader, *writer;
    cr_assert_eq(jobd_pipe_new(false, &reader, &writer), 0);
    send_text(writer, "1");
    expect(reader, "1");
    cr_assert_eq(jobd_pipe_send(reader, text("2"), 0), JOBD_E_PERM);
    cr_assert_eq(jobd_pipe_recv(writer, 0, &(jobd_bytes){0}), JOBD_E_PERM);
    cr_assert_eq(jobd_pipe_poll(writer, 0), JOBD_E_PERM);
    free_both(reader, writer);
}

// The end comes when the last copy of the other end is closed, wherever it is.
Test(connection, spawn_close) {
    jobd_pipe *here, *there;
    cr_assert_eq(jobd_pipe_new(true, &here, &there), 0);
    pid_t pid = start_echo(here, there);
    cr_assert_eq(jobd_pipe_close(there), JOBD_E_STATE, "closed here already, open there");
    send_text(here, "still there");
    expect(here, "still there");
    kill(pid, SIGKILL);
    cr_assert_eq(jobd_pipe_recv(here, TEST_PATIENCE_MS, &(jobd_bytes){0}), JOBD_E_QCLOSED);
    cr_assert_eq(jobd_pipe_send(here, text("x"), TEST_PATIENCE_MS), JOBD_E_QCLOSED);
    proc_wait(pid);
    free_both(here, there);
}

// Any part of any bytes, up to the limit and not over it.
Test(connection, sendbytes) {
    static char over[MIB + 1];
    const char *all = "abcdefghijklmnopqrstuvwxyz";
    jobd_pipe *a, *b;
    jobd_bytes got;
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    for (size_t at = 0; at < 26; at += 5) {
        cr_assert_eq(jobd_pipe_send(a, (jobd_bytes){all + at, 26 - at}, 0), 0);
        expect(b, all + at);
    }
    cr_assert_eq(jobd_pipe_send(a, (jobd_bytes){over, sizeof over}, 0), JOBD_E_MSGSIZE);
    cr_assert_eq(jobd_pipe_recv(b, 0, &got), JOBD_E_TIMEOUT, "nothing of it was sent");
    send_text(a, "after it");
    expect(b, "after it");
    free_both(a, b);
}

// A message that cannot even begin is not sent; the pipe stays what it is.
Test(connection, a_full_pipe) {
    static char part[MIB / 64];
    jobd_pipe *a, *b;
    jobd_bytes got;
    int n_sent = 0, n_got = 0, r;
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    while (jobd_pipe_send(a, (jobd_bytes){NULL, 0}, 0) == 0)
        n_sent++;
    cr_assert_gt(n_sent, 0);
    cr_assert_eq(jobd_pipe_send(a, (jobd_bytes){part, sizeof part}, 0), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_pipe_send(a, (jobd_bytes){part, sizeof part}, SHORT_MS), JOBD_E_TIMEOUT);
    while ((r = jobd_pipe_recv(b, 0, &got)) == 0) {
        cr_assert_eq(got.len, 0);
        n_got++;
    }
    cr_assert_eq(r, JOBD_E_TIMEOUT);
    cr_assert_eq(n_got, n_sent);
    free_both(a, b);
}

// A closed handle says so, and leaves nothing behind.
Test(connection, context) {
    jobd_pipe *a, *b;
    size_t n_fds = fd_count(getpid());
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    cr_assert_eq(jobd_pipe_close(a), 0);
    cr_assert_eq(jobd_pipe_send(a, text("x"), 0), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_recv(a, 0, &(jobd_bytes){0}), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_poll(a, 0), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_fd(a), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_close(a), JOBD_E_STATE);
    cr_assert_eq(jobd_pipe_recv(b, 0, &(jobd_bytes){0}), JOBD_E_QCLOSED);
    free_both(a, b);
    cr_assert_eq(fd_count(getpid()), n_fds);
}

// ---- poll ----

Test(poll, empty_string) {
    jobd_pipe *a, *b;
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    cr_assert_eq(jobd_pipe_poll(a, 0), 0);
    send_text(b, "");
    cr_assert_eq(jobd_pipe_poll(a, 0), 1);
    cr_assert_eq(jobd_pipe_poll(a, TEST_PATIENCE_MS), 1, "polling takes nothing");
    expect(a, "");
    cr_assert_eq(jobd_pipe_poll(a, SHORT_MS), 0);
    jobd_pipe_close(b);
    cr_assert_eq(jobd_pipe_poll(a, JOBD_FOREVER), 1, "the end counts");
    free_both(a, b);
}

Test(poll, strings) {
    static const char *const words[] = {"hello", "", "a", "b", "", "bye", "", "lop"};
    jobd_pipe *here, *there;
    cr_assert_eq(jobd_pipe_new(true, &here, &there), 0);
    pid_t pid = start_echo(here, there);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        send_text(here, words[i]);
        cr_assert_eq(jobd_pipe_poll(here, TEST_PATIENCE_MS), 1);
        expect(here, words[i]);
        cr_assert_eq(jobd_pipe_poll(here, 0), 0);
    }
    jobd_pipe_close(here);
    cr_assert_eq(proc_wait(pid), 0);
    free_both(here, there);
}

// Two sends are two messages, though they are one read for the system.
Test(poll, boundaries) {
    jobd_pipe *here, *there;
    cr_assert_eq(jobd_pipe_new(true, &here, &there), 0);
    send_text(there, "one");
    send_text(there, "two words");
    cr_assert_eq(jobd_pipe_poll(here, 0), 1);
    expect(here, "one");
    cr_assert_eq(jobd_pipe_poll(here, 0), 1);
    expect(here, "two words");
    cr_assert_eq(jobd_pipe_poll(here, 0), 0);
    free_both(here, there);
}

Test(poll, dont_merge) {
    jobd_pipe *a, *b;
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    cr_assert_eq(jobd_pipe_poll(a, 0), 0);
    send_text(b, "a");
    send_text(b, "b");
    cr_assert_eq(jobd_pipe_poll(a, 0), 1);
    cr_assert_eq(jobd_pipe_poll(a, 0), 1);
    expect(a, "a");
    cr_assert_eq(jobd_pipe_poll(a, 0), 1);
    expect(a, "b");
    cr_assert_eq(jobd_pipe_poll(a, 0), 0);
    free_both(a, b);
}

// ---- signals ----

enum { TICK_US = 1000, TICKS = 20 };
static volatile sig_atomic_t ticks;
static int answer_to;

// After some interruptions comes what is waited for.
static void on_tick(int sig) {
    (void)sig;
    if (++ticks == TICKS && write(answer_to, "\0\0\0\2ok", 6) != 6)
        _exit(1);
}

static void set_ticking(bool on) {
    struct sigaction action = {.sa_handler = on ? on_tick : SIG_IGN}; // without SA_RESTART
    struct itimerval every = {{0, on ? TICK_US : 0}, {0, on ? TICK_US : 0}};
    ticks = 0;
    cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
    cr_assert_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
}

Test(poll, poll_eintr) {
    jobd_pipe *a, *b;
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    answer_to = jobd_pipe_fd(b);
    set_ticking(true);
    cr_assert_eq(jobd_pipe_poll(a, JOBD_FOREVER), 1);
    expect(a, "ok");
    set_ticking(true);
    expect(a, "ok");
    set_ticking(true);
    cr_assert_eq(jobd_pipe_poll(a, TEST_PATIENCE_MS), 1);
    set_ticking(false);
    expect(a, "ok");
    free_both(a, b);
}
