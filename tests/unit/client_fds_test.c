// Descriptors on their way to the daemon.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "submit.h"
#include "support/fake_daemon.h"

struct fixture {
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_executor *ex;
};

static void begin(struct fixture *x) {
    x->conn = fake_daemon_connect(&x->d, NULL);
    cr_assert_eq(jobd_executor_open(x->conn, NULL, &x->ex), 0);
    fake_daemon_pump(x->conn);
    fake_daemon_serve(&x->d);
    fake_daemon_pump(x->conn);
}

static void end(struct fixture *x) {
    jobd_executor_free(x->ex);
    jobd_close(x->conn);
    fake_daemon_free(&x->d);
}

// Reads what came and the descriptors with it. Returns the bytes of this one read.
static size_t receive(const struct fixture *x, int *fds, size_t *n_fds) {
    char bytes[4096], control[512];
    struct iovec data = {bytes, sizeof bytes};
    struct msghdr msg = {.msg_iov = &data,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    ssize_t n = recvmsg(x->d.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    *n_fds = 0;
    struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (head) {
        *n_fds = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), *n_fds * sizeof(int));
    }
    return n > 0 ? (size_t)n : 0;
}

static bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

Test(client_fds, descriptors_go_with_the_first_byte_of_their_request) {
    struct fixture x;
    jobd_future *fs[3];
    int pipes[3][2], got[JD_PIPES_MAX];
    size_t n_fds, n_with_fds = 0;
    begin(&x);
    struct jd_process process = {.task = jd_text("exec"), .args = jd_text("\x90"), .n_pipes = 2};
    cr_assert_eq(jobd_submit(x.ex, "before", (jobd_bytes){0}, NULL, &fs[0]), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pipe(pipes[i]), 0);
        cr_assert_eq(jd_submit_process(x.conn, &process, pipes[i], &fs[1 + i]), 0);
        cr_assert(is_open(pipes[i][0]), "not sent yet");
    }
    cr_assert_eq(jobd_conn_flush(x.conn, 0), 0);
    for (int i = 0; i < 2; i++)
        cr_expect(!is_open(pipes[i][0]) && !is_open(pipes[i][1]), "closed when sent");
    while (receive(&x, got, &n_fds) > 0) {
        cr_expect_eq(n_fds, 2u);
        cr_expect_eq(write(got[1], "x", 1), 1);
        close(got[0]);
        close(got[1]);
        n_with_fds++;
    }
    cr_expect_eq(n_with_fds, 2u);
    for (int i = 0; i < 3; i++)
        jobd_future_unref(fs[i]);
    end(&x);
}

Test(client_fds, descriptors_that_were_not_sent_are_closed) {
    struct fixture x;
    jobd_future *f;
    int ends[2];
    begin(&x);
    struct jd_process process = {.task = jd_text("exec"), .args = jd_text("\x90"), .n_pipes = 2};
    cr_assert_eq(pipe(ends), 0);
    for (unsigned long n = 1; n <= 2; n++) {
        jd_mem_fail_nth(n);
        cr_expect_eq(jd_submit_process(x.conn, &process, ends, &f), JOBD_E_NOMEM, "%lu", n);
        jd_mem_fail_nth(0);
        cr_expect(is_open(ends[0]) && is_open(ends[1]), "not taken");
    }
    cr_assert_eq(jd_submit_process(x.conn, &process, ends, &f), 0);
    fake_daemon_hang_up(&x.d);
    fake_daemon_pump(x.conn);
    cr_expect(!is_open(ends[0]) && !is_open(ends[1]));
    cr_expect_eq(jobd_future_result(f, 0, NULL), JOBD_E_CLOSED);
    jobd_future_unref(f);
    end(&x);
}
