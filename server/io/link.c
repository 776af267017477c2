#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/board.h"
#include "io/link_inner.h"
#include "io/loop.h"
#include "io/usage.h"
#include "mem.h"

#define ENDING_NS                                                                                  \
    (1 * NS_PER_S) // from the end of a worker's output, if it was asked for, to its own

enum { LINK_OUT_MAX_BYTES = 64 * 1024 * 1024 }; // far above what a window lets wait

static void on_exit_of(uv_poll_t *handle, int status, int events);

int links_init(struct links *ls, struct loop *loop, uint32_t max_workers, uint32_t max_frame) {
    ls->loop = loop;
    ls->max = max_workers;
    ls->max_frame = max_frame;
    ls->at = jd_zalloc(max_workers * sizeof *ls->at);
    ls->adopted = jd_zalloc(max_workers * sizeof *ls->adopted);
    list_init(&ls->dirty);
    list_init(&ls->samples);
    list_init(&ls->ending);
    for (size_t i = 0; i < JD_LEN(ls->by_pid); i++)
        list_init(&ls->by_pid[i]);
    oom_open(&ls->oom, NULL);
    return ls->at && ls->adopted ? 0 : JOBD_E_NOMEM;
}

void links_free(struct links *ls) {
    for (uint32_t i = 0; ls->adopted && i < ls->max; i++)
        fds_queue_drop(&ls->adopted[i]);
    if (ls->max > 0)
        oom_close(&ls->oom);
    jd_free(ls->adopted);
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
    ls->n_live--;
    list_take_out(&l->pid_node);
    list_take_out(&l->dirty_node);
    list_take_out(&l->sample_node);
    list_take_out(&l->ending_node);
    close_all(l);
}

// ---- death ----

void link_kill(struct link *l) {
    l->killed = true;
    spawn_signal(l->pid, l->pidfd, SIGKILL);
}

// Until it is reaped the process id is its own, and so is the group.
void links_signal(struct links *ls, uint32_t worker, int sig) {
    struct link *l = ls->at[worker];
    if (!l)
        return;
    l->killed |= sig == SIGKILL;
    spawn_signal(l->pid, l->pidfd, sig);
}

void link_end_of_output(struct link *l) {
    struct links *ls = &l->loop->links;
    l->ended = true;
    link_watch(l);
    // One that was asked to end may have something to put away first. This does not count as a kill
    // by us: most likely it is dying already.
    if (!l->hung_up)
        spawn_signal(l->pid, l->pidfd, SIGKILL);
    l->due_ns = l->loop->now_ns + ENDING_NS;
    list_append(&ls->ending, &l->ending_node);
}

static struct worker_usage usage_of(struct link *l, int status, const struct rusage *used) {
    uint64_t peak = usage_peak_bytes(used);
    bool puzzling = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !l->killed;
    return (struct worker_usage){
        .cpu_ns = usage_cpu_ns(used),
        .max_rss_bytes = peak > l->start_peak_bytes ? peak : l->seen_peak_bytes,
        .out_of_memory = puzzling && oom_explains(&l->loop->links.oom),
    };
}

static void bury(struct link *l) {
    struct loop *loop = l->loop;
    struct links *ls = &loop->links;
    struct rusage used;
    // Whoever is left of its group, while the id is still its own.
    spawn_signal(l->pid, l->pidfd, SIGKILL);
    int status = spawn_reap(l->pidfd, &used);
    link_drain(l);
    board_copy(l->board, &ls->view);
    pump_feed(&loop->pump, &(struct event){.kind = EVENT_WORKER_DIED,
                                           .worker = l->worker,
                                           .board = &ls->view,
                                           .status = status,
                                           .text = output_last_words(&l->output),
                                           .usage = usage_of(l, status, &used)});
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
        link_kill(l);
    }
}

uint64_t links_deadline(const struct links *ls) {
    if (list_empty(&ls->ending))
        return UINT64_MAX;
    return JD_CONTAINER(ls->ending.next, struct link, ending_node)->due_ns;
}

static struct list *bucket_of(struct links *ls, pid_t pid) {
    return &ls->by_pid[(unsigned)pid % LINK_BUCKETS];
}

bool links_own(struct links *ls, pid_t pid) {
    const struct list *bucket = bucket_of(ls, pid);
    for (const struct list *node = bucket->next; node != bucket; node = node->next)
        if (JD_CONTAINER(node, struct link, pid_node)->pid == pid)
            return true;
    return false;
}

void links_close_all(struct links *ls) {
    for (size_t i = 0; i < JD_LEN(ls->by_pid); i++) {
        while (!list_empty(&ls->by_pid[i])) {
            struct link *l = JD_CONTAINER(ls->by_pid[i].next, struct link, pid_node);
            spawn_signal(l->pid, l->pidfd, SIGKILL);
            spawn_reap(l->pidfd, NULL);
            forget(l);
        }
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

static struct link *link_new(struct links *ls, uint32_t worker) {
    struct link *l = jd_zalloc(sizeof *l);
    if (!l)
        return NULL;
    l->loop = ls->loop;
    l->worker = worker;
    l->sock = -1;
    jd_buf_init(&l->out, LINK_OUT_MAX_BYTES);
    list_init(&l->pid_node);
    list_init(&l->dirty_node);
    list_init(&l->sample_node);
    list_init(&l->ending_node);
    return l;
}

// Takes the child and the link, also on error: then the child is dead and reaped.
static int adopt(struct link *l, const struct child *child, bool tell_output) {
    struct links *ls = &l->loop->links;
    l->pid = child->pid;
    l->pidfd = child->pidfd;
    output_init(&l->output, l->loop, child->output, l->worker, (uint32_t)child->pid);
    l->output.tell = tell_output;
    int r = open_handles(l);
    if (r < 0) {
        spawn_signal(l->pid, l->pidfd, SIGKILL);
        spawn_reap(l->pidfd, NULL);
        close_all(l);
        return r;
    }
    ls->at[l->worker] = l;
    ls->n_live++;
    list_append(bucket_of(ls, l->pid), &l->pid_node);
    link_listen(l);
    return 0;
}

// The board and the socket: our ends go to the link, the worker's to *ret.
static int make_ends(struct link *l, struct spawn_fds *ret) {
    int socks[2];
    int r = board_create(&l->board, &ret->board);
    if (r < 0)
        return r;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
        return -errno;
    l->sock = socks[0];
    ret->sock = socks[1];
    return 0;
}

static int start(struct link *l, const struct effect *fx, struct child *ret) {
    struct links *ls = &l->loop->links;
    const struct fds *pipes = ls->adopted[l->worker];
    struct spawn_fds ends = {.sock = -1, .board = -1, .pipes = pipes};
    // Every slot of it may have to be taken back at once.
    if (pump_expect(&l->loop->pump, (ls->n_live + 1) * JD_BOARD_SLOTS) < 0)
        return -ENOMEM;
    int r = make_ends(l, &ends);
    l->start_peak_bytes = usage_own_peak_bytes();
    if (r == 0)
        r = spawn_child(
            ls->spawner,
            spawner_argv(ls->spawner, fx->spawn.threads, fx->spawn.process, pipes ? pipes->n : 0),
            &ends, ret);
    if (ends.board >= 0)
        close(ends.board);
    if (ends.sock >= 0)
        close(ends.sock);
    return r;
}

static int spawn(struct links *ls, const struct effect *fx) {
    struct child child;
    struct link *l = link_new(ls, fx->worker);
    int r = l ? start(l, fx, &child) : -ENOMEM;
    if (r == 0)
        return adopt(l, &child, fx->spawn.output);
    if (l && l->sock >= 0)
        close(l->sock);
    if (l)
        link_free(l);
    return r;
}

void links_spawn(struct links *ls, const struct effect *fx) {
    uint32_t worker = fx->worker;
    JD_ASSERT(worker < ls->max && !ls->at[worker]);
    struct event answer = {.kind = EVENT_SPAWNED, .worker = worker};
    int r = spawn(ls, fx);
    fds_queue_drop(&ls->adopted[worker]);
    if (r == 0) {
        answer.pid = (uint32_t)ls->at[worker]->pid;
    } else {
        answer.kind = EVENT_SPAWN_FAILED;
        answer.error = -r;
    }
    pump_post(&ls->loop->pump, &answer);
}

void links_adopt(struct links *ls, uint32_t worker, struct fds *fds) {
    fds_queue_drop(&ls->adopted[worker]);
    if (fds_queue_add(&ls->adopted[worker], fds) < 0)
        fds_close(fds);
}
