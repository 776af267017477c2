// The compute threads of a worker under all the traffic there is: jobs, jobs that log, and jobs
// that map, whose slots are lent or not, while one thread plays the master. Every job has one
// result, and it is the right one.
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crew.h"
#include "frame.h"
#include "unit/rng.h"

enum { N_JOBS = 20000, N_THREADS = 4, N_SLOTS = 24, N_ITEMS = 3, MAX_FRAME = 65536 };
enum { SQUARE, CHATTER, FAN, N_TASKS };

// ---- tasks: each gives the job's number in the end ----

static int give(const jobd_host *host, jobd_task_ctx *ctx, uint64_t v) {
    jobd_bytes value;
    jobd_args *a = jobd_args_new();
    jobd_args_u64(a, v);
    int r = jobd_args_finish(a, &value);
    r = r ? r : host->result(ctx, value);
    jobd_args_free(a);
    return r;
}

static int square(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n;
    uint64_t v = 0;
    jobd_read_array(&r, &n);
    jobd_read_u64(&r, &v);
    return r.err ? r.err : give(host, ctx, v * v);
}

static int chatter(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    for (int i = 0; i < 3; i++)
        host->log(ctx, 2, "line %d of job %d", i, (int)host->job_id(ctx));
    host->progress(ctx, 0.5, "half");
    return square(host, ctx, args);
}

static int fan(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    static const char params[] = "\x92\xa6square\x93\x91\x01\x91\x02\x91\x03";
    jobd_bytes ret = {NULL, 0};
    int r = host->call(ctx, "map", (jobd_bytes){params, sizeof params - 1}, JOBD_FOREVER, &ret);
    if (r < 0)
        return r;
    const unsigned char *last = ret.data;
    return last[ret.len - 1] == 9 ? square(host, ctx, args) : JOBD_E_PROTO;
}

static const jobd_task_def tasks[N_TASKS] = {
    {"square", square, 0, ""}, {"chatter", chatter, 0, ""}, {"fan", fan, 0, ""}};
static const jobd_task_module module = JOBD_TASK_MODULE("crew", "1", tasks);

// ---- the master ----

struct master {
    int fd;
    struct jd_board *board;
    struct jd_buf in, out;
    struct rng g;
    uint64_t seq, n_done;
    uint64_t in_slot[N_SLOTS]; // sequence; 0 = free
    uint32_t n_children[N_SLOTS];
    uint64_t n_logged, n_lent;
};

static void pack(struct master *m, const struct jd_msg *msg) {
    int r = jd_msg_pack(&m->out, MAX_FRAME, msg);
    JD_ASSERT(r == 0);
}

static void run(struct master *m, unsigned slot) {
    const unsigned char args[] = {0x91, (unsigned char)(slot & 7)};
    uint64_t kind = rng_below(&m->g, 8);
    const struct jd_msg msg = {
        .shape = JD_EVENT,
        .op = JD_OP_RUN,
        .u.run = {.slot = slot,
                  .seq = ++m->seq,
                  .job = m->seq,
                  .attempt = 1,
                  .task = kind == 0   ? FAN
                          : kind == 1 ? CHATTER
                                      : SQUARE,
                  .args = {args, sizeof args}},
    };
    m->in_slot[slot] = m->seq;
    jd_board_publish(m->board, slot, m->seq);
    pack(m, &msg);
}

static void reply(struct master *m, const struct jd_msg *request, int error) {
    const struct jd_msg msg = {
        .shape = JD_REPLY, .op = request->op, .id = request->id, .error = error};
    pack(m, &msg);
}

static void end_children(struct master *m, uint64_t slot) {
    for (uint32_t k = 0; k < m->n_children[slot]; k++) {
        const unsigned char value[] = {0x91, (unsigned char)((k + 1) * (k + 1))};
        const struct jd_msg msg = {.shape = JD_EVENT,
                                   .op = JD_OP_JOB_DONE,
                                   .u.job_done = {.handle = slot * JD_CHILDREN_MAX + k,
                                                  .state = JOBD_JOB_DONE,
                                                  .value = {value, sizeof value}}};
        pack(m, &msg);
    }
    m->n_children[slot] = 0;
}

static void on_result(struct master *m, const struct jd_result *r) {
    uint64_t want = (r->slot & 7) * (r->slot & 7);
    JD_ASSERT(r->slot < N_SLOTS && m->in_slot[r->slot] == r->seq);
    JD_ASSERT(r->error == 0 && r->value.len == 1 && *(const uint8_t *)r->value.data == want);
    m->in_slot[r->slot] = 0;
    m->n_done++;
}

static void on_message(struct master *m, const struct jd_msg *msg) {
    switch (msg->op) {
    case JD_OP_RESULT:
        on_result(m, &msg->u.result);
        return;
    case JD_OP_TASK_LOG:
        m->n_logged++;
        return;
    case JD_OP_LEND: {
        bool lent = rng_below(&m->g, 4) > 0;
        m->n_lent += lent;
        reply(m, msg, lent ? 0 : JOBD_E_AGAIN);
        return;
    }
    case JD_OP_SUBMIT:
        JD_ASSERT(msg->u.submit.chunk == 1);
        m->n_children[msg->u.submit.handle / JD_CHILDREN_MAX]++;
        reply(m, msg, 0);
        return;
    default:
        JD_ASSERT(msg->op == JD_OP_RESUME && m->n_children[msg->u.lend.slot] == N_ITEMS);
        end_children(m, msg->u.lend.slot);
        reply(m, msg, 0);
    }
}

static void receive(struct master *m) {
    uint8_t *at = jd_buf_reserve(&m->in, MAX_FRAME);
    JD_ASSERT(at);
    ssize_t n = recv(m->fd, at, MAX_FRAME, 0);
    JD_ASSERT(n > 0);
    jd_buf_commit(&m->in, (size_t)n);
    for (;;) {
        jobd_bytes in = jd_buf_view(&m->in), payload;
        struct jd_msg msg;
        size_t need;
        int64_t size = jd_frame_next(in.data, in.len, MAX_FRAME, &payload, &need);
        JD_ASSERT(size >= 0);
        if (size == 0)
            return;
        JD_ASSERT(jd_msg_unpack(payload, &msg) == 0);
        on_message(m, &msg);
        jd_buf_consume(&m->in, (size_t)size);
    }
}

static void *play_master(void *arg) {
    struct master *m = arg;
    while (m->n_done < N_JOBS) {
        for (unsigned slot = 0; slot < N_SLOTS && m->seq < N_JOBS; slot++)
            if (!m->in_slot[slot] && rng_below(&m->g, 3))
                run(m, slot);
        jobd_bytes out = jd_buf_view(&m->out);
        JD_ASSERT(send(m->fd, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len);
        jd_buf_consume(&m->out, out.len);
        if (m->n_done < m->seq)
            receive(m);
    }
    JD_ASSERT(shutdown(m->fd, SHUT_WR) == 0);
    return NULL;
}

int main(void) {
    static struct post post;
    static struct link l;
    struct registry registry = {0};
    struct master m = {.g = rng_begin("crew")};
    int fds[2], board_fd = memfd_create("board", MFD_CLOEXEC);
    pthread_t thread;
    JD_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    JD_ASSERT(board_fd >= 0 && ftruncate(board_fd, sizeof *m.board) == 0);
    m.fd = fds[1];
    m.board = mmap(NULL, sizeof *m.board, PROT_READ | PROT_WRITE, MAP_SHARED, board_fd, 0);
    JD_ASSERT(m.board != MAP_FAILED);
    jd_board_init(m.board);
    jd_buf_init(&m.in, 4 * MAX_FRAME);
    jd_buf_init(&m.out, 4 * MAX_FRAME);
    JD_ASSERT(registry_add(&registry, &module, NULL) == 0);
    JD_ASSERT(link_open(&l, fds[0], board_fd, MAX_FRAME, NULL) == 0);
    post_init(&post, &l, &registry);
    JD_ASSERT(pthread_create(&thread, NULL, play_master, &m) == 0);
    JD_ASSERT(crew_run(&post, N_THREADS) == JOBD_E_CLOSED);
    pthread_join(thread, NULL);
    JD_ASSERT(m.n_logged > 0 && m.n_lent > 0);
    printf("crew: %d jobs, %llu lines of log, %llu slots lent\n", N_JOBS,
           (unsigned long long)m.n_logged, (unsigned long long)m.n_lent);
    post_free(&post);
    link_close(&l);
    registry_free(&registry);
    jd_buf_free(&m.in);
    jd_buf_free(&m.out);
    munmap(m.board, sizeof *m.board);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
