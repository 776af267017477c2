#include "io/link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "io/board.h"
#include "io/loop.h"
#include "io/output.h"
#include "io/wire.h"
#include "log.h"
#include "mem.h"

#define ENDING_NS                                                                                  \
    (1 * NS_PER_S) // from the end of a worker's output, if it was asked for, to its own

enum {
    LINK_OUT_MAX_BYTES = 64 * 1024 * 1024, // far above what a window lets wait
    LINK_READS_MAX = 8,                    // of one worker before a sample
    LINK_LAST_BYTES = 1024 * 1024,         // read after the death: more than a socket holds
};

struct link {
    uv_poll_t sock_poll, pid_poll;
    struct output output;
    struct loop *loop;
    struct jd_board *board;
    struct wire wire;
    struct jd_buf out;
    struct list dirty_node, sample_node, ending_node;
    uint64_t due_ns;
    uint64_t received, parsed;
    uint32_t worker;
    pid_t pid;
    int sock, pidfd;
    int n_handles; // open at the loop
    uint8_t events;
    bool broken;  // what it sends cannot be understood any more
    bool ended;   // its output has
    bool hang_up; // asked for, and done once everything was sent
    bool hung_up;
};

static void on_socket(uv_poll_t *handle, int status, int events);
static void on_exit_of(uv_poll_t *handle, int status, int events);

int links_init(struct links *ls, struct loop *loop, uint32_t n, uint32_t max_frame) {
    ls->loop = loop;
    ls->n = n;
    ls->max_frame = max_frame;
    ls->at = jd_zalloc(n * sizeof(struct link *));
    list_init(&ls->dirty);
    list_init(&ls->samples);
    list_init(&ls->ending);
    return ls->at ? 0 : JOBD_E_NOMEM;
}

void links_free(struct links *ls) {
    jd_free(ls->at);
}

// ---- the end of a link ----

static void link_free(struct link *l) {
    wire_free(&l->wire);
    jd_buf_free(&l->out);
    board_unmap(l->board);
    jd_free(l);
}

static void on_closed(uv_handle_t *handle) {
    struct link *l = handle->data;
    if (--l->n_handles == 0)
        link_free(l);
}

// The memory goes with the last handle.
static void close_all(struct link *l) {
    uv_poll_t *handles[] = {&l->sock_poll, &l->pid_poll, &l->output.poll};
    for (int i = 0; i < l->n_handles; i++)
        uv_close((uv_handle_t *)handles[i], on_closed);
    close(l->sock);
    close(l->pidfd);
    close(l->output.fd);
    if (l->n_handles == 0)
        link_free(l);
}

static void forget(struct link *l) {
    struct links *ls = &l->loop->links;
    JD_ASSERT(ls->at[l->worker] == l);
    ls->at[l->worker] = NULL;
    list_take_out(&l->dirty_node);
    list_take_out(&l->sample_node);
    list_take_out(&l->ending_node);
    close_all(l);
}

// ---- writing ----

static void watch(struct link *l) {
    int events = (l->ended ? 0 : UV_READABLE) | (jd_buf_used(&l->out) > 0 ? UV_WRITABLE : 0);
    if (events == l->events)
        return;
    l->events = (uint8_t)events;
    int r = events ? uv_poll_start(&l->sock_poll, events, on_socket) : uv_poll_stop(&l->sock_poll);
    JD_ASSERT(r == 0);
}

static void flush(struct link *l) {
    list_take_out(&l->dirty_node);
    // Nobody reads what a dying worker is sent; its death settles it.
    if (l->ended || wire_flush(l->sock, &l->out) < 0)
        jd_buf_free(&l->out);
    if (l->hang_up && !l->hung_up && jd_buf_used(&l->out) == 0) {
        l->hung_up = true;
        shutdown(l->sock, SHUT_WR);
    }
    watch(l);
}

static void append(struct link *l, const struct jd_msg *msg) {
    struct links *ls = &l->loop->links;
    int r = jd_msg_pack(&l->out, JD_FRAME_MAX_BYTES, msg);
    if (r < 0) {
        // The core counts on this message: only an end of the worker settles what it was about.
        jd_log(JD_LOG_ERROR, "worker.unsendable", "worker=%u pid=%d error=%s", l->worker,
               (int)l->pid, jobd_errname(r));
        spawn_signal(l->pid, l->pidfd, SIGKILL);
    }
    list_append(&ls->dirty, &l->dirty_node);
}

void links_send(struct links *ls, uint32_t worker, const struct jd_msg *msg) {
    if (ls->at[worker])
        append(ls->at[worker], msg);
}

void links_dispatch(struct links *ls, uint32_t worker, const struct jd_msg *run) {
    struct link *l = ls->at[worker];
    if (!l)
        return;
    jd_board_publish(l->board, (unsigned)run->u.run.slot, run->u.run.seq);
    append(l, run);
}

bool links_revoke(struct links *ls, uint32_t worker, uint8_t slot, uint64_t seq) {
    struct link *l = ls->at[worker];
    return l && jd_board_revoke(l->board, slot, seq);
}

void links_ask_stop(struct links *ls, uint32_t worker, uint8_t slot, uint64_t seq) {
    if (ls->at[worker])
        jd_board_ask_stop(ls->at[worker]->board, slot, seq);
}

void links_hang_up(struct links *ls, uint32_t worker) {
    struct link *l = ls->at[worker];
    if (!l)
        return;
    l->hang_up = true;
    list_append(&ls->dirty, &l->dirty_node);
}

// Until it is reaped the process id is its own, and so is the group.
void links_signal(struct links *ls, uint32_t worker, int sig) {
    if (ls->at[worker])
        spawn_signal(ls->at[worker]->pid, ls->at[worker]->pidfd, sig);
}

void links_flush(struct links *ls) {
    while (!list_empty(&ls->dirty))
        flush(JD_CONTAINER(ls->dirty.next, struct link, dirty_node));
}

// ---- reading ----

static bool take_message(void *owner, const struct jd_msg *msg, int r) {
    struct link *l = owner;
    if (r == JOBD_E_NOTSUP)
        jd_log(JD_LOG_DEBUG, "worker.message.ignored", "worker=%u op=%u", l->worker, msg->op);
    else
        pump_feed(&l->loop->pump,
                  &(struct event){.kind = EVENT_WORKER_MESSAGE, .worker = l->worker, .msg = msg});
    return true;
}

static void parse(struct link *l, const uint8_t *data, size_t n) {
    char why[WIRE_WHY_MAX];
    l->parsed += n;
    if (l->broken || wire_feed(&l->wire, data, n, why) == 0)
        return;
    l->broken = true;
    pump_feed(
        &l->loop->pump,
        &(struct event){.kind = EVENT_WORKER_BROKEN, .worker = l->worker, .text = jd_text(why)});
}

static void end_of_output(struct link *l) {
    struct links *ls = &l->loop->links;
    l->ended = true;
    watch(l);
    // One that was asked to end may have something to put away first.
    if (!l->hung_up)
        spawn_signal(l->pid, l->pidfd, SIGKILL);
    l->due_ns = l->loop->now_ns + ENDING_NS;
    list_append(&ls->ending, &l->ending_node);
}

// Bytes read; 0 = nothing there, or nothing ever again.
static size_t read_some(struct link *l) {
    struct loop *loop = l->loop;
    ssize_t n = recv(l->sock, loop->read_buf, sizeof loop->read_buf, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        if (!l->ended)
            end_of_output(l);
        return 0;
    }
    size_t skip = (size_t)JD_MIN(l->parsed - l->received, (uint64_t)n);
    l->received += (uint64_t)n;
    if (skip < (size_t)n)
        parse(l, loop->read_buf + skip, (size_t)n - skip);
    return (size_t)n;
}

static void on_socket(uv_poll_t *handle, int status, int events) {
    struct link *l = handle->data;
    loop_now(l->loop);
    if (status < 0) {
        l->events = 0; // an error stops the watching
        while (read_some(l) > 0)
            continue;
        if (!l->ended)
            end_of_output(l);
        return;
    }
    if (events & UV_READABLE)
        read_some(l);
    if (events & UV_WRITABLE)
        flush(l);
}

// ---- looking at the board ----

// The stream up to tail, which was looked at before the socket was read empty: frames that do not
// go through the ring are counted in it only once the socket has them, so the rest is in the ring.
// False: it cannot be had this time.
static bool take_from_ring(struct link *l, uint64_t tail, bool live) {
    uint8_t *copy = l->loop->read_buf;
    if (tail <= l->parsed)
        return true;
    if (!jd_board_ring_read(l->board, l->parsed, tail, live, copy))
        return false;
    parse(l, copy, (size_t)(tail - l->parsed));
    return true;
}

static void sample(struct link *l) {
    struct links *ls = &l->loop->links;
    uint64_t tail = jd_board_out_tail(l->board);
    int reads = 0;
    list_take_out(&l->sample_node);
    while (reads < LINK_READS_MAX && read_some(l) > 0)
        reads++;
    if (reads < LINK_READS_MAX)
        take_from_ring(l, tail, true);
    board_copy(l->board, &ls->view);
    pump_feed(&l->loop->pump,
              &(struct event){.kind = EVENT_BOARD, .worker = l->worker, .board = &ls->view});
}

void links_sample_later(struct links *ls, uint32_t worker) {
    if (ls->at[worker])
        list_append(&ls->samples, &ls->at[worker]->sample_node);
}

void links_sample(struct links *ls) {
    while (!list_empty(&ls->samples))
        sample(JD_CONTAINER(ls->samples.next, struct link, sample_node));
}

// ---- death ----

static void bury(struct link *l) {
    struct loop *loop = l->loop;
    struct links *ls = &loop->links;
    size_t n, total = 0;
    spawn_signal(l->pid, l->pidfd,
                 SIGKILL); // whoever is left of its group, while the id is still its own
    int status = spawn_reap(l->pidfd);
    while (total < LINK_LAST_BYTES && (n = read_some(l)) > 0)
        total += n;
    if (!take_from_ring(l, jd_board_out_tail(l->board), false))
        jd_log(JD_LOG_WARN, "worker.ring.lost", "worker=%u pid=%d", l->worker, (int)l->pid);
    output_drain(&l->output);
    board_copy(l->board, &ls->view);
    pump_feed(&loop->pump, &(struct event){.kind = EVENT_WORKER_DIED,
                                           .worker = l->worker,
                                           .board = &ls->view,
                                           .status = status,
                                           .text = output_last_words(&l->output)});
    uint32_t worker = l->worker;
    forget(l);
    orphans_after(&loop->orphans, worker);
}

static void on_exit_of(uv_poll_t *handle, int status, int events) {
    struct link *l = handle->data;
    (void)status;
    (void)events;
    loop_now(l->loop);
    bury(l);
}

void links_tick(struct links *ls) {
    while (!list_empty(&ls->ending)) {
        struct link *l = JD_CONTAINER(ls->ending.next, struct link, ending_node);
        if (l->due_ns > ls->loop->now_ns)
            return;
        list_take_out(&l->ending_node);
        spawn_signal(l->pid, l->pidfd, SIGKILL);
    }
}

uint64_t links_deadline(const struct links *ls) {
    if (list_empty(&ls->ending))
        return UINT64_MAX;
    return JD_CONTAINER(ls->ending.next, struct link, ending_node)->due_ns;
}

bool links_own(const struct links *ls, pid_t pid) {
    for (uint32_t i = 0; i < ls->n; i++)
        if (ls->at[i] && ls->at[i]->pid == pid)
            return true;
    return false;
}

void links_close_all(struct links *ls) {
    for (uint32_t i = 0; i < ls->n; i++) {
        struct link *l = ls->at[i];
        if (!l)
            continue;
        spawn_signal(l->pid, l->pidfd, SIGKILL);
        spawn_reap(l->pidfd);
        forget(l);
    }
}

// ---- birth ----

static int open_handles(struct link *l) {
    uv_poll_t *handles[] = {&l->sock_poll, &l->pid_poll, &l->output.poll};
    const int fds[] = {l->sock, l->pidfd, l->output.fd};
    for (int i = 0; i < 3; i++) {
        int r = uv_poll_init(&l->loop->uv, handles[i], fds[i]);
        if (r < 0)
            return r;
        handles[i]->data = l;
        l->n_handles++;
    }
    uv_poll_start(&l->pid_poll, UV_READABLE, on_exit_of);
    output_start(&l->output);
    return 0;
}

static struct link *link_new(struct links *ls, uint32_t worker, struct jd_board *board, int sock) {
    struct link *l = jd_zalloc(sizeof *l);
    if (!l)
        return NULL;
    l->loop = ls->loop;
    l->worker = worker;
    l->board = board;
    l->sock = sock;
    wire_init(&l->wire, ls->max_frame, take_message, l);
    jd_buf_init(&l->out, LINK_OUT_MAX_BYTES);
    list_init(&l->dirty_node);
    list_init(&l->sample_node);
    list_init(&l->ending_node);
    return l;
}

// Takes the child and the link, also on error: then the child is dead and reaped.
static int adopt(struct link *l, const struct child *child) {
    l->pid = child->pid;
    l->pidfd = child->pidfd;
    output_init(&l->output, l->loop, child->output, l->worker, (uint32_t)child->pid);
    int r = open_handles(l);
    if (r < 0) {
        spawn_signal(l->pid, l->pidfd, SIGKILL);
        spawn_reap(l->pidfd);
        close_all(l);
        return r;
    }
    l->loop->links.at[l->worker] = l;
    watch(l);
    return 0;
}

// Takes socks[0] and the board. socks[1] and board_fd stay the caller's.
static int start(struct links *ls, uint32_t worker, struct jd_board *board, const int socks[2],
                 int board_fd) {
    struct child child;
    struct link *l = link_new(ls, worker, board, socks[0]);
    int r = l ? spawn_child(ls->spawner, ls->spawner->argv, socks[1], board_fd, &child) : -ENOMEM;
    if (r == 0)
        return adopt(l, &child);
    close(socks[0]);
    board_unmap(board);
    jd_free(l);
    return r;
}

static int spawn(struct links *ls, uint32_t worker) {
    struct jd_board *board;
    int board_fd, socks[2];
    int r = board_create(&board, &board_fd);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0) {
        r = -errno;
        board_unmap(board);
    } else {
        r = start(ls, worker, board, socks, board_fd);
        close(socks[1]);
    }
    close(board_fd);
    return r;
}

void links_spawn(struct links *ls, uint32_t worker) {
    JD_ASSERT(worker < ls->n && !ls->at[worker]);
    struct event answer = {.kind = EVENT_SPAWNED, .worker = worker};
    int r = spawn(ls, worker);
    if (r == 0) {
        answer.pid = (uint32_t)ls->at[worker]->pid;
    } else {
        answer.kind = EVENT_SPAWN_FAILED;
        answer.error = -r;
    }
    pump_post(&ls->loop->pump, &answer);
}
