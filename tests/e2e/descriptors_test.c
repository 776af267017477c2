// Descriptors that clients send along: they get to the process they are meant for, and whatever else
// is done with them, the daemon does not keep one.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pack.h"
#include "support/siege.h"

TestSuite(descriptors, .timeout = 120);

enum { PIPES_MAX = JD_PIPES_MAX };

static jobd_bytes ping(struct raw_peer *p) {
    struct jd_msg msg = raw_request(p, JD_OP_PING);
    jd_buf_consume(&p->out, jd_buf_used(&p->out));
    raw_pack(p, &msg);
    return jd_buf_view(&p->out);
}

// Sends a ping with n descriptors, and forgets the bytes.
static bool ping_with(struct raw_peer *p, size_t n) {
    int fds[PIPES_MAX + 2];
    for (size_t i = 0; i < n; i++)
        fds[i] = STDERR_FILENO;
    bool sent = raw_send_with_fds(p, ping(p), fds, n);
    jd_buf_consume(&p->out, jd_buf_used(&p->out));
    return sent;
}

static void expect_pong(struct raw_peer *p) {
    struct jd_msg reply;
    cr_assert(raw_next(p, &reply));
    cr_assert_eq(reply.shape, JD_REPLY);
    cr_assert_eq(reply.error, 0);
}

Test(descriptors, those_nobody_takes_end_with_their_client) {
    struct siege s;
    struct raw_peer p;
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    raw_open(&p, s.d.socket);
    for (int i = 0; i < PIPES_MAX; i++) {
        cr_assert(ping_with(&p, 1));
        expect_pong(&p);
    }
    raw_close(&p);
    siege_alone(&s);
    siege_end(&s);
}

Test(descriptors, more_than_may_wait_are_cut_off) {
    static const size_t sent[][2] = {{PIPES_MAX + 1, 0}, {PIPES_MAX, 1}, {5, 4}};
    struct siege s;
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    for (size_t i = 0; i < JD_LEN(sent); i++) {
        struct raw_peer p;
        raw_open(&p, s.d.socket);
        ping_with(&p, sent[i][0]);
        if (sent[i][1] > 0) {
            expect_pong(&p);
            ping_with(&p, sent[i][1]);
        }
        raw_expect_bye(&p, JOBD_E_LIMIT);
        raw_close(&p);
        siege_alone(&s);
    }
    siege_end(&s);
}

Test(descriptors, with_garbage_they_are_closed) {
    static const char *const garbage[] = {"\xc1", "GET / HTTP/1.1\r\n\r\n", "\0\0\0\0"};
    struct siege s;
    int fds[PIPES_MAX] = {0};
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    for (size_t i = 0; i < JD_LEN(garbage); i++) {
        struct raw_peer p;
        raw_open(&p, s.d.socket);
        jobd_bytes bytes = {garbage[i], i == 2 ? 4 : strlen(garbage[i])};
        raw_send_with_fds(&p, bytes, fds, PIPES_MAX);
        raw_close(&p); // the first one is the beginning of a frame that never ends
        siege_alone(&s);
    }
    siege_end(&s);
}

Test(descriptors, before_hello_they_wait_no_longer_than_their_client) {
    struct siege s;
    struct raw_peer p;
    int fds[PIPES_MAX] = {0};
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    raw_connect(&p, s.d.socket);
    raw_send_with_fds(&p, (jobd_bytes){"\0", 1}, fds, PIPES_MAX);
    raw_close(&p);
    siege_alone(&s);
    siege_end(&s);
}

// As many as it takes to have all that the daemon may open, were they kept.
Test(descriptors, a_flood_of_them_leaves_others_alone) {
    enum { ROUNDS = 64, PEERS = 16 };
    struct siege s;
    struct raw_peer peers[PEERS];
    siege_begin(&s, (struct test_daemon_options){.workers = 1, .n_files = 160});
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PEERS; i++) {
            raw_open(&peers[i], s.d.socket);
            ping_with(&peers[i], PIPES_MAX);
        }
        siege_round_trips(&s);
        for (int i = 0; i < PEERS; i++)
            raw_close(&peers[i]);
        siege_alone(&s);
    }
    siege_end(&s);
}

// ---- to a process ----

// A process.start of a shell script; n_pipes are announced.
static struct jd_msg start_shell(struct raw_peer *p, struct jd_buf *args, const char *script,
                                 uint64_t n_pipes) {
    jd_buf_init(args, 4096);
    msgpack_packer pk = jd_packer_of(args);
    msgpack_pack_array(&pk, 3);
    msgpack_pack_array(&pk, 3);
    jd_pack_str(&pk, jd_text("/bin/sh"));
    jd_pack_str(&pk, jd_text("-c"));
    jd_pack_str(&pk, jd_text(script));
    msgpack_pack_array(&pk, 0);
    jd_pack_str(&pk, jd_text(""));
    struct jd_msg msg = raw_request(p, JD_OP_PROCESS);
    msg.u.process = (struct jd_process){
        .task = jd_text("exec"), .args = jd_buf_view(args), .n_pipes = n_pipes, .output = true};
    return msg;
}

static void send_with(struct raw_peer *p, const struct jd_msg *msg, const int *fds, size_t n) {
    raw_pack(p, msg);
    jobd_bytes bytes = jd_buf_view(&p->out);
    cr_assert(n > 0 ? raw_send_with_fds(p, bytes, fds, n)
                    : raw_send_bytes(p, bytes.data, bytes.len));
    jd_buf_consume(&p->out, bytes.len);
}

// Waits for job.done with that status. What was written before goes to out, of `size` bytes. Returns
// how much it was.
static size_t await_done(struct raw_peer *p, int64_t status, char *out, size_t size) {
    struct jd_msg msg;
    size_t n = 0;
    for (;;) {
        cr_assert(raw_next(p, &msg), "the daemon has hung up");
        cr_assert(msg.shape != JD_REPLY || msg.error == 0, "refused: %.*s", (int)msg.text.len,
                  (const char *)msg.text.data);
        if (msg.op == JD_OP_JOB_OUTPUT) {
            jobd_bytes data = msg.u.job_output.data;
            cr_assert_leq(data.len, 4096);
            cr_assert_leq(n + data.len, size);
            memcpy(out + n, data.data, data.len);
            n += data.len;
        } else if (msg.op == JD_OP_JOB_DONE) {
            cr_assert_eq(msg.u.job_done.status, status, "it %.*s", (int)msg.u.job_done.text.len,
                         (const char *)msg.u.job_done.text.data);
            return n;
        }
    }
}

Test(descriptors, a_program_gets_its_pipes_in_order) {
    struct siege s;
    struct raw_peer p;
    struct jd_buf args;
    int ends[PIPES_MAX], ours[PIPES_MAX];
    char out[256], came[8];
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    raw_open(&p, s.d.socket);
    for (int i = 0; i < PIPES_MAX; i++) {
        int pair[2];
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        ours[i] = pair[0];
        ends[i] = pair[1];
    }
    struct jd_msg msg =
        start_shell(&p, &args,
                    "for i in 3 4 5 6 7 8 9; do echo $i >&$i; done; echo ten >/dev/fd/10;"
                    " ls /proc/self/fd | wc -l; exit 7",
                    PIPES_MAX);
    send_with(&p, &msg, ends, PIPES_MAX);
    for (int i = 0; i < PIPES_MAX; i++)
        close(ends[i]);
    await_done(&p, 7, out, sizeof out);
    for (int i = 0; i < PIPES_MAX - 1; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%d\n", i + 3);
        cr_assert_eq(read(ours[i], came, sizeof came), 2, "pipe %d", i);
        cr_assert_eq(memcmp(came, expected, 2), 0, "pipe %d", i);
        cr_assert_eq(read(ours[i], came, sizeof came), 0, "somebody still holds pipe %d", i);
        close(ours[i]);
    }
    cr_assert_eq(read(ours[PIPES_MAX - 1], came, sizeof came), 0);
    close(ours[PIPES_MAX - 1]);
    jd_buf_free(&args);
    raw_close(&p);
    siege_alone(&s);
    siege_end(&s);
}

Test(descriptors, a_refused_process_takes_none_away_from_the_next) {
    struct siege s;
    struct raw_peer p;
    struct jd_buf args;
    int wrong[2], right[2];
    char out[256], came[8];
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    raw_open(&p, s.d.socket);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wrong), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, right), 0);
    struct jd_msg msg = start_shell(&p, &args, "echo hello >&3", 1);
    msg.u.process.task = jd_text("no.such.task");
    send_with(&p, &msg, &wrong[1], 1);
    close(wrong[1]);
    raw_expect_reply(&p, &msg, JOBD_E_NOTASK);
    cr_assert_eq(read(wrong[0], came, sizeof came), 0, "the daemon keeps what it has refused");
    msg.id = ++p.last_id;
    msg.u.process.task = jd_text("exec");
    send_with(&p, &msg, &right[1], 1);
    close(right[1]);
    await_done(&p, 0, out, sizeof out);
    cr_assert_eq(read(right[0], came, sizeof came), 6);
    cr_assert_eq(memcmp(came, "hello\n", 6), 0);
    close(wrong[0]);
    close(right[0]);
    jd_buf_free(&args);
    raw_close(&p);
    siege_alone(&s);
    siege_end(&s);
}

Test(descriptors, fewer_than_announced_are_refused) {
    struct siege s;
    struct raw_peer p;
    struct jd_buf args;
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    raw_open(&p, s.d.socket);
    struct jd_msg msg = start_shell(&p, &args, "true", 2);
    int fd = STDERR_FILENO;
    send_with(&p, &msg, &fd, 1);
    raw_expect_reply(&p, &msg, JOBD_E_INVAL);
    siege_remember(&s);
    raw_ping(&p);
    jd_buf_free(&args);
    raw_close(&p);
    siege_end(&s);
}

// ---- what a process writes ----

Test(descriptors, all_output_comes_before_the_end) {
    enum { LINES = 30000, OUT_BYTES = 6 * LINES };
    struct siege s;
    struct raw_peer p;
    struct jd_buf args;
    char *out = malloc(OUT_BYTES), *at = out;
    siege_begin(&s, (struct test_daemon_options){.workers = 1});
    raw_open(&p, s.d.socket);
    struct jd_msg msg = start_shell(&p, &args, "exec seq 10000 39999", 0);
    send_with(&p, &msg, NULL, 0);
    size_t n = await_done(&p, 0, out, OUT_BYTES);
    cr_assert_eq(n, (size_t)OUT_BYTES, "%zu bytes came", n);
    for (int i = 0; i < LINES; i++, at += 6)
        cr_assert_eq(strtol(at, NULL, 10), 10000 + i);
    free(out);
    jd_buf_free(&args);
    raw_close(&p);
    siege_end(&s);
}
