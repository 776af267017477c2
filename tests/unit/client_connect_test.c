#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mem.h"
#include "rng.h"
#include "support/fake_daemon.h"

// What on_close said.
struct closing {
    int n;
    jobd_error why;
};

static void on_close(jobd_conn *conn, const jobd_error *why, void *arg) {
    struct closing *closing = arg;
    jobd_error same;
    cr_assert_eq(jobd_conn_error(conn, &same), 1);
    closing->n++;
    closing->why = *why;
}

static jobd_conn *begin(struct fake_daemon *d, struct closing *closing) {
    jobd_conn *conn;
    jobd_conn_options opts = {JOBD_OPTIONS(jobd_conn_options), .on_close = on_close,
                              .on_close_arg = closing};
    *closing = (struct closing){0};
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(d), &opts, &conn, NULL), 0);
    return conn;
}

static void reply_error(struct fake_daemon *d, uint32_t id, int error, const char *text) {
    fake_daemon_expect(d, JD_OP_HELLO);
    fake_daemon_refuse(d, id, error, text);
}

Test(client_connect, hello) {
    struct fake_daemon d;
    jobd_conn *conn = fake_daemon_connect(&d, NULL);
    jobd_error why = {.code = 1};
    int64_t ms = 5;
    cr_assert_eq(jobd_conn_daemon_pid(conn), FAKE_DAEMON_PID);
    cr_assert_eq(jobd_conn_max_payload(conn), JD_FRAME_DEFAULT_BYTES - JD_ENVELOPE_BYTES);
    cr_assert_eq(jobd_conn_error(conn, &why), 0);
    cr_assert_eq(why.code, 1, "not written on success");
    cr_assert_geq(jobd_conn_fd(conn), 0);
    cr_assert_eq(jobd_conn_events(conn), POLLIN);
    cr_assert_eq(jobd_conn_timeout(conn, &ms), 0);
    cr_assert_eq(ms, -1);
    cr_assert_null(jobd_conn_userdata(conn));
    jobd_conn_set_userdata(conn, &d);
    cr_assert_eq(jobd_conn_userdata(conn), &d);
    jobd_close(conn);
    fake_daemon_expect(&d, JD_OP_BYE);
    fake_daemon_free(&d);
}

Test(client_connect, asks_before_ready) {
    struct fake_daemon d;
    struct closing closing;
    jobd_conn *conn = begin(&d, &closing);
    int64_t ms;
    cr_assert_eq(jobd_conn_ready(conn), 0);
    cr_assert_eq(jobd_conn_daemon_pid(conn), 0);
    cr_assert_eq(jobd_conn_max_payload(conn), JD_FRAME_MIN_BYTES - JD_ENVELOPE_BYTES);
    cr_assert_eq(jobd_conn_timeout(conn, &ms), 0);
    cr_assert(ms > 0 && ms <= 5000);
    jobd_close(conn);
    cr_assert_eq(closing.n, 1);
    cr_assert_eq(closing.why.code, JOBD_E_CLOSED);
    fake_daemon_free(&d);
}

Test(client_connect, the_smaller_frame_counts) {
    struct fake_daemon d;
    jobd_conn *conn;
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), NULL, &conn, NULL), 0);
    d.max_frame = 100000;
    fake_daemon_hello(&d);
    fake_daemon_pump(conn);
    cr_assert_eq(jobd_conn_max_payload(conn), 100000 - JD_ENVELOPE_BYTES);
    jobd_close(conn);
    fake_daemon_free(&d);
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), NULL, &conn, NULL), 0);
    d.max_frame = 1000;
    fake_daemon_hello(&d);
    cr_assert_eq(fake_daemon_pump(conn), JOBD_E_PROTO);
    jobd_close(conn);
    fake_daemon_free(&d);
}

Test(client_connect, hello_split_at_every_byte) {
    struct fake_daemon d;
    jobd_conn *conn;
    size_t len = 1;
    for (size_t at = 0; at < len; at++) {
        cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), NULL, &conn, NULL), 0);
        fake_daemon_expect(&d, JD_OP_HELLO);
        jobd_bytes hello = fake_daemon_hello_bytes(&d);
        len = hello.len;
        fake_daemon_send_bytes(&d, hello.data, at);
        cr_assert_eq(fake_daemon_pump(conn), 0);
        cr_assert_eq(jobd_conn_ready(conn), 0);
        fake_daemon_send_bytes(&d, (const char *)hello.data + at, len - at);
        cr_assert_eq(fake_daemon_pump(conn), 0);
        cr_assert_eq(jobd_conn_ready(conn), 1);
        jobd_close(conn);
        fake_daemon_free(&d);
    }
}

Test(client_connect, refused_hello) {
    struct fake_daemon d;
    struct closing closing;
    jobd_conn *conn = begin(&d, &closing);
    jobd_error why;
    reply_error(&d, 0, JOBD_E_AGAIN, "64 connections are open; the limit is max_clients");
    cr_assert_eq(fake_daemon_pump(conn), JOBD_E_AGAIN);
    cr_assert_eq(jobd_conn_ready(conn), JOBD_E_AGAIN);
    cr_assert_eq(jobd_conn_error(conn, &why), 1);
    cr_assert_str_eq(why.message, "64 connections are open; the limit is max_clients");
    cr_assert_eq(closing.n, 1);
    cr_assert_eq(jobd_conn_fd(conn), JOBD_E_CLOSED);
    cr_assert_eq(jobd_conn_events(conn), 0);
    cr_assert_eq(jobd_conn_process(conn), JOBD_E_AGAIN, "the first error is remembered");
    jobd_close(conn);
    cr_assert_eq(closing.n, 1);
    fake_daemon_free(&d);
}

Test(client_connect, bye_instead_of_hello) {
    struct fake_daemon d;
    struct closing closing;
    jobd_conn *conn = begin(&d, &closing);
    struct jd_msg bye = {.shape = JD_EVENT, .op = JD_OP_BYE};
    bye.u.bye = (struct jd_bye){.code = -JOBD_E_PERM, .text = jd_text("uid 7 may not connect")};
    fake_daemon_send(&d, &bye);
    fake_daemon_hang_up(&d);
    cr_assert_eq(fake_daemon_pump(conn), JOBD_E_PERM);
    cr_assert_str_eq(closing.why.message, "uid 7 may not connect");
    jobd_close(conn);
    fake_daemon_free(&d);
}

// What the daemon said last wins over the broken pipe it left behind.
Test(client_connect, bye_is_read_after_a_failed_send) {
    struct fake_daemon d;
    jobd_conn *conn = fake_daemon_connect(&d, NULL);
    jobd_executor *ex;
    jobd_error why;
    struct jd_msg bye = {.shape = JD_EVENT, .op = JD_OP_BYE};
    bye.u.bye = (struct jd_bye){.code = -JOBD_E_STOPPING, .text = jd_text("going\ndown")};
    fake_daemon_send(&d, &bye);
    fake_daemon_hang_up(&d);
    cr_assert_eq(jobd_executor_open(conn, NULL, &ex), 0);
    cr_assert_eq(jobd_conn_flush(conn, JOBD_FOREVER), JOBD_E_STOPPING);
    cr_assert_eq(jobd_conn_error(conn, &why), 1);
    cr_assert_str_eq(why.message, "going down", "fit to print");
    cr_assert_eq(jobd_executor_open(conn, NULL, &ex), JOBD_E_CLOSED);
    jobd_executor_free(ex);
    jobd_close(conn);
    fake_daemon_free(&d);
}

Test(client_connect, other_major_version) {
    struct fake_daemon d;
    struct closing closing;
    jobd_conn *conn = begin(&d, &closing);
    struct jd_msg reply = {.shape = JD_REPLY, .op = JD_OP_HELLO};
    reply.u.hello_ok = (struct jd_hello_ok){
        .major = JD_PROTO_MAJOR + 1, .name = jd_text("jobd"), .max_frame = JD_FRAME_MIN_BYTES};
    fake_daemon_send(&d, &reply);
    cr_assert_eq(fake_daemon_pump(conn), JOBD_E_VERSION);
    jobd_close(conn);
    fake_daemon_free(&d);
}

Test(client_connect, end_before_hello) {
    struct fake_daemon d;
    struct closing closing;
    jobd_conn *conn = begin(&d, &closing);
    fake_daemon_hang_up(&d);
    cr_assert_eq(fake_daemon_pump(conn), JOBD_E_CLOSED);
    cr_assert_eq(closing.n, 1);
    jobd_close(conn);
    fake_daemon_free(&d);
}

Test(client_connect, hello_that_does_not_come) {
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_conn_options opts = {JOBD_OPTIONS(jobd_conn_options), .connect_timeout_ms = 1};
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), &opts, &conn, NULL), 0);
    cr_assert_eq(jobd_conn_wait(conn, JOBD_FOREVER), JOBD_E_TIMEOUT);
    jobd_close(conn);
    fake_daemon_free(&d);
}

// Nothing but its HELLO may come first; whatever comes, the connection answers or dies.
Test(client_connect, garbage) {
    struct rng rng = rng_begin("client_connect.garbage");
    struct fake_daemon d;
    jobd_conn *conn;
    for (int round = 0; round < 2000; round++) {
        unsigned char bytes[256];
        cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), NULL, &conn, NULL), 0);
        jobd_bytes hello = fake_daemon_hello_bytes(&d);
        size_t n = JD_MIN(hello.len, sizeof bytes);
        memcpy(bytes, hello.data, n);
        for (uint64_t flips = 1 + rng_below(&rng, 3); flips > 0; flips--)
            bytes[rng_below(&rng, n)] = (unsigned char)rng_u64(&rng);
        fake_daemon_send_bytes(&d, bytes, n);
        int r = fake_daemon_pump(conn);
        if (r < 0)
            cr_assert_eq(jobd_conn_ready(conn), r);
        jobd_close(conn);
        fake_daemon_free(&d);
    }
}

Test(client_connect, bytes_that_break_the_protocol) {
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        {"\0\0\0\0", 4},                                // an empty frame
        {"\0\x10\0\1", 4},                              // longer than agreed
        {"\0\0\0\1\xc1", 5},                            // no msgpack
        {"\0\0\0\1\x90", 5},                            // no message
        {"\0\0\0\5\xdd\1\0\0\0", 9},                    // 16 million values, none there
        {"\0\0\0\5\x94\1\x63\xc0\xc0", 9},              // a reply to request 99
        {"\0\0\0\5\x94\1\0\xc0\xc0", 9},                // HELLO a second time
        {"\0\0\0\5\x93\2\x19\x91\0", 9},                // job.done without its fields
        {"\0\0\0\x0a\x93\2\x19\x95\0\5\1\0\xc4\0", 14}, // job.done for a handle nobody has
    };
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct fake_daemon d;
        jobd_conn *conn = fake_daemon_connect(&d, NULL);
        fake_daemon_send_bytes(&d, cases[i].bytes, cases[i].n);
        cr_assert_eq(fake_daemon_pump(conn), JOBD_E_PROTO, "case %zu", i);
        jobd_close(conn);
        fake_daemon_free(&d);
    }
}

Test(client_connect, what_it_does_not_know_is_no_reason_to_die) {
    struct fake_daemon d;
    jobd_conn *conn = fake_daemon_connect(&d, NULL);
    fake_daemon_send_bytes(&d, "\0\0\0\4\x93\2\x7f\x90", 8);   // an unknown event
    fake_daemon_send_bytes(&d, "\0\0\0\5\x94\0\7\x7f\x90", 9); // an unknown request
    fake_daemon_send_bytes(&d, "\0\0\0\5\x94\0\x8\2\x90", 9);  // one that clients do not answer
    cr_assert_eq(fake_daemon_pump(conn), 0);
    for (uint32_t id = 7; id <= 8; id++) {
        struct jd_msg reply;
        cr_assert(fake_daemon_next(&d, &reply));
        cr_assert_eq(reply.shape, JD_REPLY);
        cr_assert_eq(reply.id, id);
        cr_assert_eq(reply.error, JOBD_E_NOTSUP);
    }
    jobd_close(conn);
    fake_daemon_free(&d);
}

Test(client_connect, options) {
    struct newer {
        jobd_conn_options known;
        uint64_t later;
    } newer = {.known = {.struct_size = sizeof newer}};
    jobd_error error;
    jobd_conn *conn;
    struct fake_daemon d;
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), (jobd_conn_options *)&newer, &conn, NULL),
                 0);
    jobd_close(conn);
    fake_daemon_free(&d);
    newer.later = 1;
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), (jobd_conn_options *)&newer, &conn, &error),
                 JOBD_E_VERSION);
    cr_assert_eq(error.code, JOBD_E_VERSION);
    fake_daemon_free(&d);
    const jobd_conn_options bad[] = {
        {.max_frame = 1},
        {JOBD_OPTIONS(jobd_conn_options), .max_frame = 1000},
        {JOBD_OPTIONS(jobd_conn_options), .max_frame = (size_t)JD_FRAME_MAX_BYTES + 1},
        {JOBD_OPTIONS(jobd_conn_options), .client_name = "two words"},
        {JOBD_OPTIONS(jobd_conn_options), .client_name = ""},
    };
    for (size_t i = 0; i < JD_LEN(bad); i++) {
        cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), &bad[i], &conn, &error), JOBD_E_INVAL);
        cr_assert_gt(strlen(error.message), 0);
        fake_daemon_free(&d);
    }
    cr_assert_eq(jobd_connect_fd(-1, NULL, &conn, NULL), JOBD_E_INVAL);
    cr_assert_eq(jobd_connect_fd(dup(2), NULL, &conn, NULL), JOBD_E_INVAL);
}

Test(client_connect, default_address) {
    char path[108], small[8];
    cr_assert_eq(setenv("JOBD_SOCKET", "/tmp/my.sock", 1), 0);
    cr_assert_eq(jobd_default_address(path, sizeof path), 0);
    cr_assert_str_eq(path, "/tmp/my.sock");
    cr_assert_eq(jobd_default_address(small, sizeof small), JOBD_E_INVAL);
    setenv("JOBD_SOCKET", "", 1);
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    cr_assert_eq(jobd_default_address(path, sizeof path), 0);
    cr_assert_str_eq(path, "/run/user/7/jobd/sock");
    unsetenv("XDG_RUNTIME_DIR");
    cr_assert_eq(jobd_default_address(path, sizeof path), 0);
    cr_assert_str_eq(path, "/run/jobd/sock");
    char longest[110];
    memset(longest, 'x', sizeof longest);
    longest[107] = '\0';
    setenv("JOBD_SOCKET", longest, 1);
    cr_assert_eq(jobd_default_address(path, sizeof path), 0);
    longest[107] = 'x';
    longest[108] = '\0';
    setenv("JOBD_SOCKET", longest, 1);
    cr_assert_eq(jobd_default_address(path, sizeof path), JOBD_E_INVAL);
}

// A directory of the test's own, with a path for a socket in it.
static void make_dir(char *dir, char *path, size_t size) {
    snprintf(dir, 32, "%s", "/tmp/jobd-test-XXXXXX");
    cr_assert(mkdtemp(dir));
    snprintf(path, size, "%s/sock", dir);
}

static int listen_at(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(fd, 1), 0);
    return fd;
}

Test(client_connect, nobody_there) {
    char dir[32], path[64], too_long[200];
    jobd_conn *conn = NULL;
    jobd_error error;
    make_dir(dir, path, sizeof path);
    cr_assert_eq(jobd_connect(path, NULL, &conn, &error), JOBD_E_REFUSED);
    cr_assert(strstr(error.message, path) && strstr(error.message, "start one with: jobd"));
    close(listen_at(path)); // a socket without a listener
    cr_assert_eq(jobd_connect_start(path, NULL, &conn, &error), JOBD_E_REFUSED);
    memset(too_long, 'x', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    cr_assert_eq(jobd_connect(too_long, NULL, &conn, &error), JOBD_E_INVAL);
    cr_assert_null(conn);
    if (geteuid() != 0) { // root may connect anywhere
        unlink(path);
        close(listen_at(path));
        chmod(path, 0);
        cr_assert_eq(jobd_connect(path, NULL, &conn, &error), JOBD_E_PERM);
    }
    unlink(path);
    rmdir(dir);
}

Test(client_connect, backlog_full) {
    char dir[32], path[64];
    jobd_conn *conns[8];
    jobd_error error;
    jobd_conn_options opts = {JOBD_OPTIONS(jobd_conn_options), .connect_timeout_ms = 20};
    make_dir(dir, path, sizeof path);
    int fd = listen_at(path), n = 0, r;
    while ((r = jobd_connect_start(path, NULL, &conns[n], &error)) == 0 && n < 7)
        n++;
    cr_assert_eq(r, JOBD_E_AGAIN);
    cr_assert_eq(jobd_connect(path, &opts, &conns[n], &error), JOBD_E_AGAIN);
    while (n > 0)
        jobd_close(conns[--n]);
    close(fd);
    unlink(path);
    rmdir(dir);
}

static void *serve_one(void *arg) {
    struct fake_daemon d;
    struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};
    close(fake_daemon_open(&d));
    close(d.fd);
    d.fd = accept(*(int *)arg, NULL, NULL);
    cr_assert_geq(d.fd, 0);
    p.fd = d.fd;
    cr_assert_eq(poll(&p, 1, -1), 1);
    fake_daemon_hello(&d);
    cr_assert_eq(poll(&p, 1, -1), 1);
    fake_daemon_expect(&d, JD_OP_BYE);
    fake_daemon_free(&d);
    return NULL;
}

Test(client_connect, over_a_path) {
    char dir[32], path[64];
    jobd_conn *conn;
    jobd_error error = {0};
    pthread_t thread;
    make_dir(dir, path, sizeof path);
    int fd = listen_at(path);
    cr_assert_eq(pthread_create(&thread, NULL, serve_one, &fd), 0);
    setenv("JOBD_SOCKET", path, 1);
    cr_assert_eq(jobd_connect(NULL, NULL, &conn, &error), 0, "%s", error.message);
    cr_assert_eq(jobd_conn_ready(conn), 1);
    jobd_close(conn);
    pthread_join(thread, NULL);
    close(fd);
    unlink(path);
    rmdir(dir);
}

Test(client_connect, refused_over_a_path_calls_nobody) {
    char dir[32], path[64];
    jobd_conn *conn = NULL;
    jobd_error error;
    struct closing closing = {0};
    jobd_conn_options opts = {JOBD_OPTIONS(jobd_conn_options), .connect_timeout_ms = 1,
                              .on_close = on_close, .on_close_arg = &closing};
    make_dir(dir, path, sizeof path);
    int fd = listen_at(path);
    cr_assert_eq(jobd_connect(path, &opts, &conn, &error), JOBD_E_TIMEOUT);
    cr_assert_eq(error.code, JOBD_E_TIMEOUT);
    cr_assert_null(conn);
    cr_assert_eq(closing.n, 0);
    close(fd);
    unlink(path);
    rmdir(dir);
}

Test(client_connect, out_of_memory) {
    struct fake_daemon d;
    jobd_conn *conn = NULL;
    int r = JOBD_E_NOMEM;
    for (unsigned long n = 1; r < 0; n++) {
        int fd = fake_daemon_open(&d);
        jd_mem_fail_nth(n);
        r = jobd_connect_fd(fd, NULL, &conn, NULL);
        jd_mem_fail_nth(0);
        cr_assert(r == 0 || r == JOBD_E_NOMEM);
        if (r == 0)
            jobd_close(conn);
        fake_daemon_free(&d);
        cr_assert_lt(n, 100ul);
    }
    // Memory that is out while reading is the connection's end.
    cr_assert_eq(jobd_connect_fd(fake_daemon_open(&d), NULL, &conn, NULL), 0);
    fake_daemon_hello(&d);
    jd_mem_fail_nth(1);
    cr_assert_eq(jobd_conn_process(conn), JOBD_E_NOMEM);
    jobd_close(conn);
    fake_daemon_free(&d);
}

Test(client_connect, versions) {
    cr_assert_eq(jobd_check_version(), 0);
    cr_assert_eq(jobd_check_version_of(jobd_version() + 1), JOBD_E_VERSION);
    cr_assert_eq(jobd_check_version_of(jobd_version() + (1 << 16)), JOBD_E_VERSION);
    cr_assert_str_eq(jobd_version_string(), "0.1.0");
    jobd_close(NULL);
    jobd_executor_free(NULL);
    jobd_future_unref(NULL);
    jobd_completion_free(NULL);
}
