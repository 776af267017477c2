#include "fds.h"

#include <string.h>
#include <sys/socket.h>

#include "mem.h"

struct jd_fd_lot *jd_fds_new(const jobd_conn *c, const int *fds, unsigned n) {
    JD_ASSERT(n <= JD_PIPES_MAX);
    struct jd_fd_lot *lot = jd_alloc(sizeof *lot);
    if (!lot)
        return NULL;
    *lot = (struct jd_fd_lot){.at = c->n_sent_bytes + jd_buf_used(&c->out), .n = n};
    if (n)
        memcpy(lot->fds, fds, n * sizeof *fds);
    return lot;
}

void jd_fds_push(jobd_conn *c, struct jd_fd_lot *lot) {
    if (c->fd_lots)
        c->fd_lots_end->next = lot;
    else
        c->fd_lots = lot;
    c->fd_lots_end = lot;
}

static void pop(jobd_conn *c) {
    struct jd_fd_lot *lot = c->fd_lots;
    c->fd_lots = lot->next;
    for (unsigned i = 0; i < lot->n; i++)
        close(lot->fds[i]);
    jd_free(lot);
}

void jd_fds_drop(jobd_conn *c) {
    while (c->fd_lots)
        pop(c);
}

static ssize_t send_with(int fd, jobd_bytes bytes, const struct jd_fd_lot *lot) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(JD_PIPES_MAX * sizeof(int))];
    } control = {0};
    size_t fds_bytes = lot->n * sizeof lot->fds[0];
    struct iovec data = {.iov_base = (void *)(uintptr_t)bytes.data, .iov_len = bytes.len};
    struct msghdr msg = {.msg_iov = &data,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = CMSG_SPACE(fds_bytes)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(fds_bytes);
    memcpy(CMSG_DATA(head), lot->fds, fds_bytes);
    return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Each call stops short of the next lot's first byte, so that a lot always leads.
ssize_t jd_fds_send(jobd_conn *c, size_t *ret_tried) {
    jobd_bytes bytes = jd_buf_view(&c->out);
    const struct jd_fd_lot *lot = c->fd_lots;
    bool due = lot && lot->at == c->n_sent_bytes;
    const struct jd_fd_lot *next = due ? lot->next : lot;
    if (next)
        bytes.len = JD_MIN(bytes.len, (size_t)(next->at - c->n_sent_bytes));
    *ret_tried = bytes.len;
    if (!due)
        return send(c->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    ssize_t n = send_with(c->fd, bytes, lot);
    if (n > 0)
        pop(c);
    return n;
}
