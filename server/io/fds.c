#include "io/fds.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"

static void take_from(struct msghdr *msg, struct fds *ret) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        JD_ASSERT(ret->n + n <= FDS_MAX);
        memcpy(ret->at + ret->n, CMSG_DATA(c), n * sizeof(int));
        ret->n += (uint32_t)n;
    }
}

ssize_t fds_receive(int sock, void *buf, size_t size, struct fds *ret, bool *ret_lost) {
    union {
        struct cmsghdr head; // for its alignment
        char bytes[CMSG_SPACE(sizeof(int[FDS_MAX]))];
    } room;
    struct iovec iov = {buf, size};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
    ret->n = 0;
    *ret_lost = false;
    ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return n;
    *ret_lost = (msg.msg_flags & MSG_CTRUNC) != 0;
    if (msg.msg_controllen > 0)
        take_from(&msg, ret);
    return n;
}

bool fds_below(const struct fds *fds, int limit) {
    for (uint32_t i = 0; i < fds->n; i++)
        if (fds->at[i] >= limit)
            return false;
    return true;
}

void fds_close(struct fds *fds) {
    while (fds->n > 0)
        close(fds->at[--fds->n]);
}

int fds_queue_add(struct fds **queue, struct fds *more) {
    struct fds *q = *queue;
    if (more->n == 0)
        return 0;
    if (!q && !(q = jd_zalloc(sizeof *q)))
        return JOBD_E_NOMEM;
    if (q->n + more->n > FDS_MAX)
        return JOBD_E_LIMIT;
    memcpy(q->at + q->n, more->at, more->n * sizeof(int));
    q->n += more->n;
    more->n = 0;
    *queue = q;
    return 0;
}

struct fds fds_queue_take(struct fds **queue, uint32_t n) {
    struct fds *q = *queue, taken = {.n = 0};
    if (!q)
        return taken;
    taken.n = JD_MIN(n, q->n);
    memcpy(taken.at, q->at, taken.n * sizeof(int));
    q->n -= taken.n;
    memmove(q->at, q->at + taken.n, q->n * sizeof(int));
    if (q->n == 0)
        fds_queue_drop(queue);
    return taken;
}

void fds_queue_drop(struct fds **queue) {
    if (*queue)
        fds_close(*queue);
    jd_free(*queue);
    *queue = NULL;
}
