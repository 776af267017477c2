// Every limit that a daemon can be configured to, and those of the system below it: what is over
// the limit is refused with its name, what is within it goes on.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/fdcount.h"
#include "support/raw_peer.h"

TestSuite(limits, .timeout = 120);

// ---- connections ----

// Connects n peers; each is served or told to try again. Returns how many are served: the first
// ones of the array.
static size_t crowd(struct test_daemon *d, struct raw_peer *peers, size_t n) {
    size_t served = 0;
    for (size_t i = 0; i < n; i++) {
        struct jd_msg hello = raw_hello(), msg;
        struct raw_peer *p = &peers[served];
        raw_connect(p, d->socket);
        raw_send(p, &hello);
        cr_assert(raw_next(p, &msg), "neither served nor told why not");
        if (msg.shape == JD_REPLY) {
            served++;
            continue;
        }
        cr_assert_eq(msg.op, JD_OP_BYE);
        cr_assert_eq(msg.u.bye.code, -JOBD_E_AGAIN);
        cr_assert(memmem(msg.u.bye.text.data, msg.u.bye.text.len, "too many connections", 20));
        raw_expect_end(p);
        raw_close(p);
    }
    return served;
}

static void disperse(struct raw_peer *peers, size_t n) {
    for (size_t i = 0; i < n; i++)
        raw_close(&peers[i]);
}

static bool is_served(struct test_daemon *d) {
    jobd_conn *conn;
    if (jobd_connect(d->socket, NULL, &conn, NULL) < 0)
        return false;
    jobd_close(conn);
    return true;
}

Test(limits, connections_over_max_clients_are_told_to_try_again) {
    enum { MOST = 10, MORE = 15 };
    struct test_daemon d;
    struct raw_peer peers[MORE];
    test_daemon_start(&d, &(struct test_daemon_options){.config = "max_clients = 10"});
    // The one that looked whether the daemon is up may not be gone yet.
    TEST_UNTIL(crowd(&d, peers, 1) == 1 && (disperse(peers, 1), true));
    size_t n = 0;
    TEST_UNTIL((n += crowd(&d, peers + n, MOST - n)) == MOST);
    cr_assert_eq(crowd(&d, peers + n, MORE - MOST), 0);
    for (size_t i = 0; i < n; i++)
        raw_ping(&peers[i]);
    disperse(peers, 1);
    TEST_UNTIL(is_served(&d));
    disperse(peers + 1, n - 1);
    test_daemon_wait_log(&d, "event=client.refused", 1);
    test_daemon_end(&d);
}

Test(limits, R1_no_descriptors_left_means_refusals_and_no_spinning) {
    enum { FILES = 128, CLIENTS = 200, ROUNDS = 5, CPU_MS = 3000 };
    struct test_daemon d;
    static struct raw_peer peers[CLIENTS];
    test_daemon_start(&d, &(struct test_daemon_options){.n_files = FILES, .plugin = "evil"});
    struct test_client c;
    test_client_open(&c, &d);
    test_client_round_trip(&c);
    uint64_t cpu_ms = proc_cpu_ms(d.pid);
    for (int round = 0; round < ROUNDS; round++) {
        size_t served = crowd(&d, peers, CLIENTS);
        cr_assert(served > 0 && served < FILES);
        cr_assert_leq(fd_count(d.pid), FILES);
        test_client_round_trip(&c); // who is in, is served
        disperse(peers, served);
        TEST_UNTIL(test_daemon_status(c.conn, "clients") == 1);
    }
    cr_assert_lt(proc_cpu_ms(d.pid) - cpu_ms, CPU_MS);
    cr_assert(is_served(&d));
    test_client_close(&c);
    test_daemon_end(&d);
}

Test(limits, M15_workers_that_cannot_be_started_are_tried_again_at_leisure) {
    enum { FILES = 48, WORKERS = 20, SPAWNS_FAILED = 5, CPU_MS = 5000 };
    struct test_daemon d;
    test_daemon_start(&d, &(struct test_daemon_options){.n_files = FILES, .workers = WORKERS});
    test_daemon_wait_log(&d, "event=worker.spawn_failed", SPAWNS_FAILED);
    cr_assert_lt(proc_cpu_ms(d.pid), CPU_MS);
    test_daemon_end(&d);
}

// ---- jobs ----

Test(limits, jobs_over_max_jobs_are_refused) {
    enum { MOST = 5 };
    struct test_daemon d;
    struct test_client c;
    jobd_future *held[MOST];
    char gate[96];
    test_daemon_start(&d, &(struct test_daemon_options){
                              .workers = 1, .plugin = "evil", .config = "max_jobs = 5"});
    test_client_open(&c, &d);
    tmpdir_join(&d.dir, "gate", gate, sizeof gate);
    for (int i = 0; i < MOST; i++)
        held[i] = test_client_submit(&c, "demo.until", "s", gate);
    test_client_take_error(test_client_submit(&c, "demo.square", "i", (int64_t)2), JOBD_E_LIMIT);
    tmpdir_write(gate, "", 0600);
    for (int i = 0; i < MOST; i++)
        test_client_take_done(held[i]);
    test_client_round_trip(&c);
    test_client_close(&c);
    test_daemon_end(&d);
}

Test(limits, arguments_over_max_queued_bytes_are_refused) {
    enum { PIECE = 300000 };
    static char text[PIECE + 1];
    struct test_daemon d;
    struct test_client c;
    jobd_future *first, *held[3];
    char gate[96];
    test_daemon_start(&d, &(struct test_daemon_options){
                              .workers = 1, .plugin = "evil", .config = "max_queued_bytes = 1M"});
    test_client_open(&c, &d);
    tmpdir_join(&d.dir, "gate", gate, sizeof gate);
    first = test_client_submit(&c, "demo.until", "s", gate);
    test_client_wait_running(&c, first);
    memset(text, 'x', PIECE);
    for (int i = 0; i < 3; i++)
        held[i] = test_client_submit(&c, "ping", "s", text);
    test_client_take_error(test_client_submit(&c, "ping", "s", text), JOBD_E_LIMIT);
    jobd_future *small = test_client_submit(&c, "demo.square", "i", (int64_t)3);
    tmpdir_write(gate, "", 0600);
    test_client_take_done(first);
    for (int i = 0; i < 3; i++)
        test_client_take_done(held[i]);
    cr_assert_eq(test_client_take_i64(small), 9);
    test_client_take_done(test_client_submit(&c, "ping", "s", text));
    test_client_close(&c);
    test_daemon_end(&d);
}

// ---- sizes ----

// One bin of n bytes of value, as arguments of ping.
static jobd_bytes bin_args(jobd_args *a, size_t n) {
    static const char zeros[JD_FRAME_DEFAULT_BYTES];
    jobd_bytes args;
    jobd_args_reset(a);
    jobd_args_array(a, 1);
    jobd_args_bin(a, (jobd_bytes){zeros, n});
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    return args;
}

Test(limits, max_frame_is_agreed_and_kept) {
    enum { MAX_FRAME = 65536, MOST = MAX_FRAME - JD_ENVELOPE_BYTES, HEADS = 4 };
    struct test_daemon d;
    struct test_client c;
    struct raw_peer p;
    jobd_args *a = jobd_args_new();
    jobd_future *f;
    test_daemon_start(&d, &(struct test_daemon_options){.config = "max_frame = 64K"});
    test_client_open(&c, &d);
    cr_assert_eq(jobd_conn_max_payload(c.conn), MOST);
    // The longest argument that fits; the answer has two timestamps more and does not.
    jobd_bytes args = bin_args(a, MOST - HEADS);
    cr_assert_eq(args.len, MOST);
    cr_assert_eq(jobd_submit(c.ex, "ping", args, NULL, &f), 0);
    test_client_take_error(f, JOBD_E_RESULT_TOO_BIG);
    cr_assert_eq(jobd_submit(c.ex, "ping", bin_args(a, MOST - HEADS + 1), NULL, &f),
                 JOBD_E_MSGSIZE);
    cr_assert_eq(jobd_submit(c.ex, "ping", bin_args(a, MOST - 100), NULL, &f), 0);
    test_client_take_done(f);

    // A client that does not count: within the frame, over the arguments' share of it.
    raw_open(&p, d.socket);
    cr_assert(raw_open_executor(&p));
    struct jd_msg submit = raw_submit(&p, 1, "ping", bin_args(a, MOST - HEADS + 1));
    cr_assert(raw_send(&p, &submit));
    raw_expect_reply(&p, &submit, JOBD_E_MSGSIZE);
    cr_assert(raw_send_head(&p, MAX_FRAME + 1));
    raw_expect_bye(&p, JOBD_E_MSGSIZE);
    raw_close(&p);
    jobd_args_free(a);
    test_client_close(&c);
    test_daemon_end(&d);
}

Test(limits, a_result_that_is_too_big_says_how_big) {
    struct test_daemon d;
    struct test_client c;
    int error;
    jobd_error why;
    test_daemon_start(&d, &(struct test_daemon_options){.plugin = "evil"});
    test_client_open(&c, &d);
    test_client_take(test_client_submit(&c, "evil.big_result", "i", (int64_t)2000000), &error,
                     &why);
    cr_assert_eq(error, JOBD_E_RESULT_TOO_BIG);
    cr_assert(strstr(why.message, "20000"), "%s", why.message);
    test_client_round_trip(&c);
    test_client_close(&c);
    test_daemon_end(&d);
}

// ---- numbers and names ----

// A request that is answered with this error, on a connection that lives on.
static void answered(struct raw_peer *p, const struct jd_msg *request, int error) {
    cr_assert(raw_send(p, request));
    struct jd_msg reply = raw_expect_reply(p, request, error);
    cr_assert(!error || reply.text.len > 0, "%s without a sentence", jobd_errname(error));
}

static void opened(struct raw_peer *p, uint64_t number, jobd_bytes pool, int error) {
    struct jd_msg msg = raw_request(p, JD_OP_EXECUTOR_OPEN);
    msg.u.executor_open = (struct jd_executor_open){.executor = number, .pool = pool};
    answered(p, &msg, error);
}

static void closed(struct raw_peer *p, uint64_t number, int error) {
    struct jd_msg msg = raw_request(p, JD_OP_EXECUTOR_CLOSE);
    msg.u.executor_close.executor = number;
    answered(p, &msg, error);
}

Test(limits, executors_have_numbers_up_to_1024) {
    struct test_daemon d;
    struct raw_peer p;
    jobd_bytes pool = jd_text("default");
    test_daemon_start(&d, NULL);
    raw_open(&p, d.socket);
    opened(&p, 0, pool, 0);
    opened(&p, JD_EXECUTORS_MAX, pool, 0);
    opened(&p, JD_EXECUTORS_MAX, pool, JOBD_E_STATE);
    closed(&p, JD_EXECUTORS_MAX, 0);
    closed(&p, JD_EXECUTORS_MAX, JOBD_E_NOENT);
    closed(&p, 5, JOBD_E_NOENT);
    opened(&p, 1, jd_text("nowhere"), JOBD_E_NOENT);
    opened(&p, 1, jd_text(""), JOBD_E_NOENT);
    opened(&p, 1, jd_text("\xff\n../\x1b[31m"), JOBD_E_NOENT); // I7
    struct jd_msg msg = raw_request(&p, JD_OP_EXECUTOR_OPEN);
    msg.u.executor_open = (struct jd_executor_open){.executor = JD_EXECUTORS_MAX + 1, .pool = pool};
    raw_send(&p, &msg);
    raw_expect_bye(&p, JOBD_E_PROTO);
    raw_close(&p);
    test_daemon_end(&d);
}

Test(limits, I7_names_are_what_they_should_be_or_refused) {
    static const char *const bad[] = {
        "",
        "no such task",
        "\xff\xfe",
        "a\x01",
        "../../etc/passwd",
        "a2345678901234567890123456789012345678901234567890123456789012345"};
    static char longest[JD_NAME_MAX + 2];
    struct test_daemon d;
    struct raw_peer p;
    jobd_bytes args = {"\x90", 1};
    test_daemon_start(&d, &(struct test_daemon_options){.plugin = "evil"});
    struct test_client c; // the tasks are known once a worker has answered
    test_client_open(&c, &d);
    test_client_round_trip(&c);
    raw_open(&p, d.socket);
    opened(&p, 0, jd_text("default"), 0);
    for (size_t i = 0; i < JD_LEN(bad); i++) {
        struct jd_msg msg = raw_submit(&p, 1, bad[i], args);
        answered(&p, &msg, JOBD_E_NOTASK);
    }
    memset(longest, 'n', JD_NAME_MAX);
    struct jd_msg msg = raw_submit(&p, 1, longest, args);
    answered(&p, &msg, JOBD_E_NOTASK);
    longest[JD_NAME_MAX] = 'n';
    msg = raw_submit(&p, 1, longest, args);
    raw_send(&p, &msg);
    raw_expect_bye(&p, JOBD_E_PROTO);
    raw_close(&p);
    test_client_close(&c);
    test_daemon_end(&d);
}

Test(limits, handles_are_unique_among_unfinished_jobs) {
    struct test_daemon d;
    struct raw_peer p;
    char gate[96];
    jobd_bytes args;
    jobd_args *a = jobd_args_new();
    test_daemon_start(&d, &(struct test_daemon_options){.plugin = "evil"});
    raw_open(&p, d.socket);
    opened(&p, 0, jd_text("default"), 0);
    jobd_args_array(a, 1);
    jobd_args_str(a, tmpdir_join(&d.dir, "gate", gate, sizeof gate));
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    struct jd_msg msg = raw_submit(&p, JD_HANDLE_MAX, "demo.until", args);
    answered(&p, &msg, 0);
    msg = raw_submit(&p, JD_HANDLE_MAX, "demo.square", (jobd_bytes){"\x91\x07", 2});
    cr_assert(raw_send(&p, &msg));
    struct jd_msg got;
    do // the first one may be seen running meanwhile
        cr_assert(raw_next(&p, &got));
    while (got.shape == JD_EVENT);
    cr_assert_eq(got.error, JOBD_E_STATE);
    tmpdir_write(gate, "", 0600);
    do
        cr_assert(raw_next(&p, &got));
    while (got.op != JD_OP_JOB_DONE || got.shape != JD_EVENT);
    msg = raw_submit(&p, JD_HANDLE_MAX, "demo.square", (jobd_bytes){"\x91\x07", 2});
    answered(&p, &msg, 0); // free again
    raw_expect_event(&p, JD_OP_JOB_DONE);
    msg = raw_submit(&p, JD_HANDLE_MAX + 1, "demo.square", (jobd_bytes){"\x91\x07", 2});
    raw_send(&p, &msg);
    raw_expect_bye(&p, JOBD_E_PROTO);
    raw_close(&p);
    jobd_args_free(a);
    test_daemon_end(&d);
}

Test(limits, arguments_are_the_tasks_business) {
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {{"", 0}, {"\xc1", 1}, {"\xdd\xff\xff\xff\xff", 5}, {"\x91\xa1x", 3}, {"\x80", 1}};
    struct test_daemon d;
    struct test_client c;
    jobd_future *f;
    test_daemon_start(&d, &(struct test_daemon_options){.plugin = "evil"});
    test_client_open(&c, &d);
    for (size_t i = 0; i < JD_LEN(bad); i++) {
        cr_assert_eq(
            jobd_submit(c.ex, "demo.square", (jobd_bytes){bad[i].bytes, bad[i].n}, NULL, &f), 0);
        test_client_take_error(f, JOBD_E_TASK);
    }
    cr_assert_eq(test_daemon_status(c.conn, "worker_deaths"), 0);
    test_client_close(&c);
    test_daemon_end(&d);
}
