#include "support/fake_master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "mem.h"

extern char **environ;

enum { MAX_ARGS = 16, FIRST_FREE_FD = 20, FIRST_PIPE_FD = 5 };

// Out of the way of the numbers that the worker is given.
static int high(int fd) {
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    JD_ASSERT(moved >= 0);
    close(fd);
    return moved;
}

static int make_board(struct fake_master *m) {
    int fd = high(memfd_create("board", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    JD_ASSERT(ftruncate(fd, sizeof *m->board) == 0);
    m->board = mmap(NULL, sizeof *m->board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    JD_ASSERT(m->board != MAP_FAILED);
    JD_ASSERT(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
    jd_board_init(m->board);
    return fd;
}

static void spawn(struct fake_master *m, const char *const *args, const int fds[3],
                  const struct fake_options *o) {
    const char *argv[MAX_ARGS + 2] = {JOBD_WORKER_PATH};
    for (size_t i = 0; args[i]; i++) {
        JD_ASSERT(i < MAX_ARGS);
        argv[i + 1] = args[i];
    }
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, fds[2], 1);
    posix_spawn_file_actions_adddup2(&fa, fds[2], 2);
    posix_spawn_file_actions_adddup2(&fa, fds[0], 3);
    posix_spawn_file_actions_adddup2(&fa, fds[1], 4);
    for (unsigned i = 0; i < o->n_pipes; i++)
        posix_spawn_file_actions_adddup2(&fa, o->pipes[i], FIRST_PIPE_FD + (int)i);
    posix_spawn_file_actions_addclosefrom_np(&fa, FIRST_PIPE_FD + (int)o->n_pipes);
    int err = posix_spawn(&m->pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv, environ);
    JD_ASSERT(err == 0);
    posix_spawn_file_actions_destroy(&fa);
}

static void spawn_as(struct fake_master *m, const char *const *args, const struct fake_options *o) {
    int sockets[2], pipes[2];
    *m = (struct fake_master){.max_frame = JD_FRAME_DEFAULT_BYTES};
    jd_buf_init(&m->in, 2 * m->max_frame);
    jd_buf_init(&m->out, 2 * m->max_frame);
    jd_buf_init(&m->hello, m->max_frame);
    JD_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    JD_ASSERT(pipe2(pipes, O_CLOEXEC) == 0);
    m->socket = high(sockets[0]);
    m->log = high(pipes[0]);
    const int fds[] = {high(sockets[1]), make_board(m), high(pipes[1])};
    spawn(m, args, fds, o);
    for (size_t i = 0; i < JD_LEN(fds); i++)
        close(fds[i]);
}

void fake_spawn(struct fake_master *m, const char *const *args) {
    spawn_as(m, args, &(struct fake_options){0});
}

// ---- out ----

void fake_send_bytes(struct fake_master *m, const void *data, size_t n) {
    const char *p = data;
    while (n > 0) {
        ssize_t sent = send(m->socket, p, n, MSG_NOSIGNAL);
        JD_ASSERT(sent > 0);
        p += sent;
        n -= (size_t)sent;
    }
}

void fake_send(struct fake_master *m) {
    jobd_bytes b = jd_buf_view(&m->out);
    fake_send_bytes(m, b.data, b.len);
    jd_buf_consume(&m->out, b.len);
}

void fake_pack(struct fake_master *m, const struct jd_msg *msg) {
    int r = jd_msg_pack(&m->out, m->max_frame, msg);
    JD_ASSERT(r == 0);
}

uint64_t fake_run_chunk(struct fake_master *m, unsigned slot, const char *task, jobd_bytes args,
                        uint32_t n_items) {
    uint64_t seq = ++m->seq;
    const struct jd_msg msg = {
        .shape = JD_EVENT,
        .op = JD_OP_RUN,
        .u.run = {.slot = slot,
                  .seq = seq,
                  .job = 1000 + seq,
                  .attempt = 1,
                  .task = fake_task(m, task),
                  .args = args,
                  .chunk = n_items},
    };
    jd_board_publish(m->board, slot, seq);
    fake_pack(m, &msg);
    return seq;
}

uint64_t fake_run(struct fake_master *m, unsigned slot, const char *task, jobd_bytes args) {
    return fake_run_chunk(m, slot, task, args, 0);
}

void fake_reply(struct fake_master *m, uint32_t id, uint16_t op, int error, const char *text) {
    const struct jd_msg msg = {
        .shape = JD_REPLY, .op = op, .id = id, .error = error, .text = jd_text(text)};
    fake_pack(m, &msg);
    fake_send(m);
}

// ---- in ----

// False: end of stream.
static bool fill(struct fake_master *m) {
    struct pollfd pfd = {.fd = m->socket, .events = POLLIN};
    uint8_t *at = jd_buf_reserve(&m->in, 65536);
    JD_ASSERT(at);
    JD_ASSERT(poll(&pfd, 1, FAKE_WAIT_MS) == 1);
    ssize_t n = recv(m->socket, at, 65536, 0);
    if (n <= 0)
        return false;
    jd_buf_commit(&m->in, (size_t)n);
    m->received += (uint64_t)n;
    return true;
}

// The next message that is there: its frame stays until the next call.
static bool next(struct fake_master *m, struct jd_msg *ret) {
    jd_buf_consume(&m->in, m->handed_out);
    m->handed_out = 0;
    jobd_bytes in = jd_buf_view(&m->in), payload;
    size_t need;
    int64_t size = jd_frame_next(in.data, in.len, m->max_frame, &payload, &need);
    JD_ASSERT(size >= 0);
    if (size == 0)
        return false;
    JD_ASSERT(jd_check(payload, NULL) == 0);
    JD_ASSERT(jd_msg_unpack(payload, ret) == 0);
    m->handed_out = (size_t)size;
    return true;
}

struct jd_msg fake_next(struct fake_master *m) {
    struct jd_msg msg;
    while (!next(m, &msg))
        JD_ASSERT(fill(m));
    return msg;
}

struct jd_result fake_result(struct fake_master *m) {
    struct jd_msg msg = fake_next(m);
    JD_ASSERT(msg.shape == JD_EVENT && msg.op == JD_OP_RESULT);
    return msg.u.result;
}

bool fake_result_left(struct fake_master *m, struct jd_result *ret) {
    struct jd_msg msg;
    while (fill(m))
        ;
    uint64_t tail = jd_board_out_tail(m->board);
    if (m->received < tail) {
        uint8_t *at = jd_buf_reserve(&m->in, (size_t)(tail - m->received));
        JD_ASSERT(at);
        JD_ASSERT(jd_board_ring_read(m->board, m->received, tail, false, at));
        jd_buf_commit(&m->in, (size_t)(tail - m->received));
        m->received = tail;
    }
    if (!next(m, &msg))
        return false;
    JD_ASSERT(msg.shape == JD_EVENT && msg.op == JD_OP_RESULT);
    *ret = msg.u.result;
    return true;
}

// ---- HELLO ----

static void read_hello(struct fake_master *m) {
    struct jd_msg msg = fake_next(m);
    JD_ASSERT(msg.shape == JD_REQUEST && msg.op == JD_OP_HELLO && msg.id == 0);
    JD_ASSERT(jd_buf_append(&m->hello, m->in.data + m->in.pos, m->handed_out) == 0);
    jobd_bytes payload = {m->hello.data + JD_FRAME_HEAD_BYTES, m->handed_out - JD_FRAME_HEAD_BYTES};
    JD_ASSERT(jd_msg_unpack(payload, &msg) == 0);
    m->said = msg.u.hello;
}

static size_t add_arg(const char **args, size_t n, const char *arg) {
    JD_ASSERT(n + 1 < MAX_ARGS);
    args[n] = arg;
    return n + 1;
}

void fake_start(struct fake_master *m, const char *const *plugins) {
    fake_start_as(m, &(struct fake_options){.plugins = plugins});
}

void fake_start_as(struct fake_master *m, const struct fake_options *o) {
    char parent[16], n_pipes[16];
    const char *args[MAX_ARGS] = {"--parent", parent, "--max-frame", "1048576"};
    size_t n = 4;
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    snprintf(n_pipes, sizeof n_pipes, "%u", o->n_pipes);
    for (size_t i = 0; o->plugins && o->plugins[i]; i++)
        n = add_arg(args, add_arg(args, n, "--plugin"), o->plugins[i]);
    if (o->threads)
        n = add_arg(args, add_arg(args, n, "--threads"), o->threads);
    if (o->process)
        n = add_arg(args, n, "--process");
    if (o->n_pipes)
        add_arg(args, add_arg(args, n, "--pipes"), n_pipes);
    spawn_as(m, args, o);
    for (unsigned i = 0; i < o->n_pipes; i++)
        close(o->pipes[i]);
    read_hello(m);
    const struct jd_msg ok = {
        .shape = JD_REPLY,
        .op = JD_OP_HELLO,
        .u.hello_ok = {.major = JD_PROTO_MAJOR,
                       .name = jd_text("fake"),
                       .pid = (uint64_t)getpid(),
                       .max_frame = m->max_frame},
    };
    fake_pack(m, &ok);
    fake_send(m);
}

uint64_t fake_task(const struct fake_master *m, const char *name) {
    jobd_reader r = jobd_reader_of(m->said.tasks);
    jobd_bytes known;
    uint32_t n, n_fields;
    JD_ASSERT(jobd_read_array(&r, &n) == 0);
    for (uint32_t i = 0; i < n; i++) {
        jobd_read_array(&r, &n_fields);
        JD_ASSERT(n_fields == 3 && jobd_read_str(&r, &known) == 0);
        if (known.len == strlen(name) && memcmp(known.data, name, known.len) == 0)
            return i;
        jobd_read_skip(&r);
        jobd_read_skip(&r);
    }
    return JD_TASKS_MAX; // there is no such task
}

// ---- the board, and the end ----

void fake_wait_started(struct fake_master *m, unsigned slot, uint64_t seq) {
    for (int ms = 0; jd_board_word(m->board, slot) != jd_slot_word(seq, JD_SLOT_STARTED); ms++) {
        JD_ASSERT(ms < FAKE_WAIT_MS);
        poll(NULL, 0, 1);
    }
}

void fake_wait_taken(struct fake_master *m, uint64_t seq) {
    for (int ms = 0; jd_board_taken(m->board) < seq; ms++) {
        JD_ASSERT(ms < FAKE_WAIT_MS);
        poll(NULL, 0, 1);
    }
}

int fake_join(struct fake_master *m) {
    int status;
    pid_t pid;
    do
        pid = waitpid(m->pid, &status, 0);
    while (pid < 0 && errno == EINTR);
    JD_ASSERT(pid == m->pid);
    return status;
}

void fake_log(struct fake_master *m, char *text, size_t size) {
    size_t n = 0;
    for (ssize_t got; n < size - 1 && (got = read(m->log, text + n, size - 1 - n)) > 0;)
        n += (size_t)got;
    text[n] = '\0';
}

void fake_wait_gone(int pidfd) {
    struct pollfd pfd = {.fd = pidfd, .events = POLLIN};
    JD_ASSERT(poll(&pfd, 1, FAKE_WAIT_MS) == 1);
}

void fake_free(struct fake_master *m) {
    if (m->socket >= 0)
        close(m->socket);
    close(m->log);
    munmap(m->board, sizeof *m->board);
    jd_buf_free(&m->in);
    jd_buf_free(&m->out);
    jd_buf_free(&m->hello);
}

void fake_hang_up(struct fake_master *m) {
    JD_ASSERT(shutdown(m->socket, SHUT_WR) == 0);
}

void fake_stop(struct fake_master *m) {
    fake_hang_up(m);
    int status = fake_join(m);
    JD_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fake_free(m);
}
