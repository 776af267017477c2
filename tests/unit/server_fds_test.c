#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/fds.h"
#include "mem.h"

enum { SENT_MAX = 16 };

static int socks[2];
static struct fds got, *queue;
static bool lost;
static char buf[64];

static void set_up(void) {
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks), 0);
    queue = NULL;
}

static void tear_down(void) {
    fds_close(&got);
    fds_queue_drop(&queue);
    close(socks[0]);
    close(socks[1]);
}

TestSuite(fds, .init = set_up, .fini = tear_down, .timeout = 60);

static bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

// n times the same descriptor.
static void send_fds(const char *text, int fd, size_t n) {
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int[SENT_MAX]))];
    } room = {.bytes = {0}};
    struct iovec iov = {(char *)(uintptr_t)text, strlen(text)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (n > 0) {
        msg.msg_control = &room;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
        *head = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)),
                                 .cmsg_level = SOL_SOCKET,
                                 .cmsg_type = SCM_RIGHTS};
        for (size_t i = 0; i < n; i++)
            memcpy(CMSG_DATA(head) + i * sizeof fd, &fd, sizeof fd);
    }
    cr_assert_eq(sendmsg(socks[0], &msg, 0), (ssize_t)strlen(text));
}

static ssize_t receive(void) {
    return fds_receive(socks[1], buf, sizeof buf, &got, &lost);
}

Test(fds, bytes_alone_bring_none) {
    cr_assert_eq(receive(), -1);
    cr_assert_eq(errno, EAGAIN);
    send_fds("abc", 0, 0);
    cr_assert_eq(receive(), 3);
    cr_assert_eq(got.n, 0);
    cr_assert_not(lost);
    close(socks[0]);
    cr_assert_eq(receive(), 0);
    socks[0] = -1;
}

Test(fds, come_with_their_bytes_and_close_on_exec) {
    struct stat sent, came;
    int pipe_fds[2];
    cr_assert_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    send_fds("before", 0, 0);
    send_fds("with", pipe_fds[0], 1);
    send_fds("after", 0, 0);
    cr_assert_eq(receive(), 10); // the bytes before may come along, those after never
    cr_assert_eq(got.n, 1);
    cr_assert_eq(fcntl(got.at[0], F_GETFD), FD_CLOEXEC);
    cr_assert_eq(fstat(pipe_fds[0], &sent), 0);
    cr_assert_eq(fstat(got.at[0], &came), 0);
    cr_assert_eq(sent.st_ino, came.st_ino);
    fds_close(&got);
    cr_assert_eq(receive(), 5);
    cr_assert_eq(got.n, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

Test(fds, as_many_as_there_is_room_for_are_not_too_many) {
    send_fds("x", socks[0], FDS_MAX);
    cr_assert_eq(receive(), 1);
    cr_assert_eq(got.n, FDS_MAX);
    cr_assert_not(lost);
}

Test(fds, more_than_there_is_room_for_are_lost) {
    int before = dup(0);
    close(before);
    send_fds("x", socks[0], FDS_MAX + 1);
    cr_assert_eq(receive(), 1);
    cr_assert_eq(got.n, FDS_MAX);
    cr_assert(lost);
    fds_close(&got);
    int after = dup(0);
    close(after);
    cr_assert_eq(after, before, "a descriptor was left open");
}

Test(fds, those_that_the_process_may_not_have_are_lost) {
    struct rlimit limit = {0};
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int first_free = dup(0);
    close(first_free);
    limit.rlim_cur = (rlim_t)first_free + 2;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    send_fds("x", socks[0], 5);
    cr_assert_eq(receive(), 1);
    cr_assert_eq(got.n, 2);
    cr_assert(lost);
}

Test(fds, are_below_a_limit_all_of_them) {
    struct fds fds = {.n = 3, .at = {3, 9, 4}};
    cr_assert(fds_below(&fds, 10));
    cr_assert_not(fds_below(&fds, 9));
    fds.n = 0;
    cr_assert(fds_below(&fds, 0));
}

static struct fds some(uint32_t n) {
    struct fds fds = {.n = n};
    for (uint32_t i = 0; i < n; i++)
        fds.at[i] = dup(socks[0]);
    return fds;
}

Test(fds, a_queue_gives_the_oldest_first) {
    struct fds a = some(2), b = some(3);
    int first = a.at[0], second = a.at[1], third = b.at[0], last = b.at[2];
    cr_assert_eq(fds_queue_add(&queue, &a), 0);
    cr_assert_eq(fds_queue_add(&queue, &b), 0);
    cr_assert_eq(a.n, 0);
    struct fds taken = fds_queue_take(&queue, 3);
    cr_assert_eq(taken.n, 3);
    cr_assert_eq(taken.at[0], first);
    cr_assert_eq(taken.at[1], second);
    cr_assert_eq(taken.at[2], third);
    fds_close(&taken);
    cr_assert_not(is_open(third));
    taken = fds_queue_take(&queue, 100);
    cr_assert_eq(taken.n, 2);
    cr_assert_eq(taken.at[1], last);
    cr_assert_null(queue, "an empty queue owns memory");
    fds_close(&taken);
    cr_assert_eq(fds_queue_take(&queue, 1).n, 0);
}

Test(fds, a_queue_that_is_full_takes_none_of_them) {
    struct fds full = some(FDS_MAX - 1), two = some(2);
    cr_assert_eq(fds_queue_add(&queue, &full), 0);
    cr_assert_eq(fds_queue_add(&queue, &two), JOBD_E_LIMIT);
    cr_assert_eq(two.n, 2);
    cr_assert_eq(queue->n, FDS_MAX - 1);
    int last = queue->at[FDS_MAX - 2];
    fds_queue_drop(&queue);
    cr_assert_null(queue);
    cr_assert_not(is_open(last));
    fds_close(&two);
}

Test(fds, a_queue_without_memory_takes_none_of_them) {
    struct fds one = some(1);
    jd_mem_fail_nth(1);
    cr_assert_eq(fds_queue_add(&queue, &one), JOBD_E_NOMEM);
    cr_assert_null(queue);
    cr_assert(is_open(one.at[0]));
    fds_close(&one);
}
