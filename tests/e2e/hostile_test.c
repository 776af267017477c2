// Peers that send what no client would. Each is answered or cut off, and an honest client of the
// same daemon notices nothing.
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "support/client.h"
#include "support/daemon.h"
#include "support/raw_peer.h"
#include "unit/rng.h"

TestSuite(hostile, .timeout = 120);

enum { HELLO_MS = 5000, FRAME_MS = 30000 };

struct scene {
    struct test_daemon d;
    struct test_client honest;
};

static void set_scene(struct scene *s) {
    test_daemon_start(&s->d, &(struct test_daemon_options){
                                 .plugin = "evil", .env = (const char *[]){test_asan_env(), NULL}});
    test_client_open(&s->honest, &s->d);
    test_client_round_trip(&s->honest);
}

static void end_scene(struct scene *s) {
    test_client_round_trip(&s->honest);
    cr_assert_eq(test_daemon_status(s->honest.conn, "worker_deaths"), 0);
    test_client_close(&s->honest);
    test_daemon_end(&s->d);
}

// A peer that is `open` or has said nothing, sends one payload and is cut off.
static void cut_off(struct scene *s, bool open, const void *payload, size_t n, int error) {
    struct raw_peer p;
    if (open)
        raw_open(&p, s->d.socket);
    else
        raw_connect(&p, s->d.socket);
    raw_send_payload(&p, payload, n);
    raw_expect_bye(&p, error);
    raw_close(&p);
}

// ---- before HELLO ----

Test(hostile, garbage_instead_of_hello_is_cut_off) {
    struct scene s;
    struct raw_peer p;
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    set_scene(&s);
    raw_connect(&p, s.d.socket);
    raw_send_bytes(&p, http, sizeof http - 1);
    raw_expect_bye(&p, JOBD_E_MSGSIZE); // "GET " is a length too
    raw_close(&p);
    cut_off(&s, false, "garbage", 7, JOBD_E_PROTO);
    cut_off(&s, false, "\x93\x02\x03\x90", 4, JOBD_E_PROTO); // bye, without its fields
    end_scene(&s);
}

Test(hostile, C15_a_request_before_hello_is_cut_off) {
    static const enum jd_op ops[] = {JD_OP_PING, JD_OP_STATUS, JD_OP_SHUTDOWN, JD_OP_SUBMIT};
    struct scene s;
    set_scene(&s);
    for (size_t i = 0; i < JD_LEN(ops); i++) {
        struct raw_peer p;
        raw_connect(&p, s.d.socket);
        struct jd_msg msg = raw_request(&p, ops[i]);
        raw_send(&p, &msg);
        raw_expect_bye(&p, JOBD_E_PROTO);
        raw_close(&p);
    }
    end_scene(&s);
}

static void hello_cut_off(struct scene *s, struct jd_hello hello, int error) {
    struct raw_peer p;
    struct jd_msg msg = raw_hello();
    msg.u.hello = hello;
    raw_connect(&p, s->d.socket);
    raw_send(&p, &msg);
    raw_expect_bye(&p, error);
    raw_close(&p);
}

Test(hostile, C15_a_hello_that_is_none_is_cut_off) {
    struct scene s;
    set_scene(&s);
    struct jd_hello good = raw_hello().u.hello, bad;
    for (unsigned role = JD_ROLE_WORKER; role < 256; role += 127) { // a worker comes by its own way
        bad = good;
        bad.role = role;
        hello_cut_off(&s, bad, JOBD_E_PROTO);
    }
    static const char *const names[] = {"", "two words", "nul\x01", "\xff\xfe", "../..", "a\nb"};
    for (size_t i = 0; i < JD_LEN(names); i++) { // I7
        bad = good;
        bad.name = jd_text(names[i]);
        if (strcmp(names[i], "../..") != 0) // dots and slashes are for people to read
            hello_cut_off(&s, bad, JOBD_E_PROTO);
    }
    end_scene(&s);
}

Test(hostile, C15_another_version_is_told_so) {
    struct scene s;
    struct raw_peer p;
    set_scene(&s);
    struct jd_msg hello = raw_hello();
    hello.u.hello.major = JD_PROTO_MAJOR + 1;
    raw_connect(&p, s.d.socket);
    cr_assert(raw_send(&p, &hello));
    raw_expect_reply(&p, &hello, JOBD_E_VERSION);
    raw_expect_bye(&p, JOBD_E_VERSION);
    raw_close(&p);
    hello.u.hello.major = JD_PROTO_MAJOR;
    hello.u.hello.minor = 65535; // later ones of the same major are welcome
    raw_connect(&p, s.d.socket);
    cr_assert(raw_send(&p, &hello));
    cr_assert_eq(raw_expect_reply(&p, &hello, 0).u.hello_ok.minor, JD_PROTO_MINOR);
    raw_close(&p);
    end_scene(&s);
}

Test(hostile, C15_a_second_hello_is_cut_off) {
    struct scene s;
    struct raw_peer p;
    set_scene(&s);
    struct jd_msg hello = raw_hello();
    raw_open(&p, s.d.socket);
    raw_send(&p, &hello);
    raw_expect_bye(&p, JOBD_E_PROTO);
    raw_close(&p);
    end_scene(&s);
}

Test(hostile, C5_no_hello_within_5_s_is_cut_off) {
    struct scene s;
    struct raw_peer silent, slow;
    set_scene(&s);
    int64_t since_ms = test_now_ms();
    raw_connect(&silent, s.d.socket);
    raw_connect(&slow, s.d.socket);
    struct jd_msg hello = raw_hello();
    raw_pack(&slow, &hello);
    jobd_bytes bytes = jd_buf_view(&slow.out);
    cr_assert(raw_send_bytes(&slow, bytes.data, bytes.len - 1));
    raw_expect_bye(&silent, JOBD_E_TIMEOUT);
    raw_expect_bye(&slow, JOBD_E_TIMEOUT);
    cr_assert_geq(test_now_ms() - since_ms, HELLO_MS - 100);
    raw_close(&silent);
    raw_close(&slow);
    end_scene(&s);
}

Test(hostile, C5_a_frame_not_complete_within_30_s_is_cut_off) {
    if (!getenv("JOBD_TEST_SLOW"))
        cr_skip_test("SKIPPED: takes half a minute; set JOBD_TEST_SLOW=1");
    struct scene s;
    struct raw_peer p;
    set_scene(&s);
    int64_t since_ms = test_now_ms();
    raw_open(&p, s.d.socket);
    cr_assert(raw_send_head(&p, 100));
    raw_expect_bye(&p, JOBD_E_TIMEOUT);
    cr_assert_geq(test_now_ms() - since_ms, FRAME_MS - 100);
    raw_close(&p);
    end_scene(&s);
}

// ---- frames ----

Test(hostile, I1_a_length_over_the_limit_is_refused_before_the_body_comes) {
    struct scene s;
    struct raw_peer p;
    set_scene(&s);
    raw_connect(&p, s.d.socket);
    cr_assert(raw_send_head(&p, JD_HELLO_MAX_BYTES + 1));
    raw_expect_bye(&p, JOBD_E_MSGSIZE);
    raw_close(&p);
    static const uint32_t lengths[] = {JD_FRAME_DEFAULT_BYTES + 1, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < JD_LEN(lengths); i++) {
        raw_open(&p, s.d.socket);
        cr_assert(raw_send_head(&p, lengths[i]));
        raw_expect_bye(&p, JOBD_E_MSGSIZE);
        raw_close(&p);
    }
    end_scene(&s);
}

Test(hostile, I1_frames_of_exactly_the_limit_are_taken) {
    enum { STR16_HEAD_BYTES = 3 };
    struct scene s;
    struct raw_peer p;
    static const char blank[JD_FRAME_DEFAULT_BYTES];
    uint8_t caps[JD_HELLO_MAX_BYTES];
    set_scene(&s);
    struct jd_msg hello = raw_hello();
    raw_connect(&p, s.d.socket);
    raw_pack(&p, &hello);
    // An array of one long string takes the place of the empty one.
    size_t n = JD_HELLO_MAX_BYTES + JD_FRAME_HEAD_BYTES - jd_buf_used(&p.out) - STR16_HEAD_BYTES;
    jd_buf_consume(&p.out, jd_buf_used(&p.out));
    memset(caps, 'x', sizeof caps);
    memcpy(caps, (const uint8_t[]){0x91, 0xda, (uint8_t)(n >> 8), (uint8_t)n}, 4);
    hello.u.hello.caps = (jobd_bytes){caps, n + 4};
    raw_pack(&p, &hello);
    cr_assert_eq(jd_buf_used(&p.out) - JD_FRAME_HEAD_BYTES, JD_HELLO_MAX_BYTES);
    cr_assert(raw_flush(&p));
    raw_expect_reply(&p, &hello, 0);

    uint8_t ping[] = {0x94, 0, 7, JD_OP_PING, 0x91, 0xc6, 0, 0, 0, 0};
    uint32_t rest = JD_FRAME_DEFAULT_BYTES - sizeof ping;
    ping[6] = (uint8_t)(rest >> 24);
    ping[7] = (uint8_t)(rest >> 16);
    ping[8] = (uint8_t)(rest >> 8);
    ping[9] = (uint8_t)rest;
    cr_assert(raw_send_head(&p, JD_FRAME_DEFAULT_BYTES));
    cr_assert(raw_send_bytes(&p, ping, sizeof ping) && raw_send_bytes(&p, blank, rest));
    struct jd_msg request = {.op = JD_OP_PING, .id = 7};
    raw_expect_reply(&p, &request, 0);
    raw_close(&p);
    end_scene(&s);
}

Test(hostile, I2_an_empty_frame_is_cut_off) {
    struct scene s;
    set_scene(&s);
    cut_off(&s, false, "", 0, JOBD_E_PROTO);
    cut_off(&s, true, "", 0, JOBD_E_PROTO);
    end_scene(&s);
}

Test(hostile, I2_a_conversation_split_at_every_byte_is_the_same) {
    struct scene s;
    struct raw_peer p;
    set_scene(&s);
    struct jd_msg hello = raw_hello(), ping;
    raw_connect(&p, s.d.socket);
    raw_pack(&p, &hello);
    ping = raw_request(&p, JD_OP_PING);
    raw_pack(&p, &ping);
    while (jd_buf_used(&p.out) > 0) {
        cr_assert(raw_send_bytes(&p, jd_buf_view(&p.out).data, 1));
        jd_buf_consume(&p.out, 1);
        // When this is answered the byte has been read.
        cr_assert_eq(jobd_conn_ping(s.honest.conn, TEST_PATIENCE_MS, &(int64_t){0}), 0);
    }
    raw_expect_reply(&p, &hello, 0);
    raw_expect_reply(&p, &ping, 0);
    raw_close(&p);
    end_scene(&s);
}

Test(hostile, I2_a_conversation_cut_at_every_byte_is_no_harm) {
    struct scene s;
    struct raw_peer p;
    size_t n = 1;
    set_scene(&s);
    struct jd_msg hello = raw_hello(), submit;
    for (size_t i = 0; i < n; i++) {
        raw_connect(&p, s.d.socket);
        raw_pack(&p, &hello);
        submit = raw_request(&p, JD_OP_EXECUTOR_OPEN);
        submit.u.executor_open.pool = jd_text("default");
        raw_pack(&p, &submit);
        submit = raw_submit(&p, 0, "demo.square", (jobd_bytes){"\x91\x07", 2});
        raw_pack(&p, &submit);
        n = jd_buf_used(&p.out);
        cr_assert(raw_send_bytes(&p, jd_buf_view(&p.out).data, i));
        raw_close(&p);
    }
    TEST_UNTIL(test_daemon_status(s.honest.conn, "clients") == 1);
    end_scene(&s);
}

Test(hostile, I13_the_body_of_an_oversize_frame_is_never_obeyed) {
    struct scene s;
    struct raw_peer p;
    set_scene(&s);
    uint64_t before = test_daemon_status(s.honest.conn, "submitted");
    raw_open(&p, s.d.socket);
    cr_assert(raw_open_executor(&p));
    cr_assert(raw_send_head(&p, JD_FRAME_DEFAULT_BYTES + 1));
    for (uint64_t i = 0; i < 100; i++) {
        struct jd_msg submit = raw_submit(&p, i, "demo.square", (jobd_bytes){"\x91\x07", 2});
        raw_pack(&p, &submit);
    }
    raw_flush(&p);
    raw_expect_bye(&p, JOBD_E_MSGSIZE);
    raw_close(&p);
    cr_assert_eq(test_daemon_status(s.honest.conn, "submitted"), before);
    end_scene(&s);
}

// ---- payloads ----

struct bomb {
    const char *name;
    const char *bytes;
    size_t n;
};
#define BOMB(name, bytes)                                                                          \
    { name, bytes, sizeof bytes - 1 }

Test(hostile, I3_I8_I9_bombs_are_refused_at_once) {
    static const struct bomb bombs[] = {
        BOMB("array of 4 G", "\xdd\xff\xff\xff\xff"),
        BOMB("array of 256 M", "\xdd\x10\x00\x00\x00"),
        BOMB("map of 4 G", "\xdf\xff\xff\xff\xff"),
        BOMB("str of 4 G", "\xdb\xff\xff\xff\xff"),
        BOMB("bin of 4 G", "\xc6\xff\xff\xff\xff"),
        BOMB("ext of 4 G", "\xc9\xff\xff\xff\xff\x01"),
        BOMB("ext", "\xd4\x01\x00"),
        BOMB("c1", "\xc1"),
        BOMB("two values", "\x90\x90"),
        BOMB("no array", "\xc0"),
        BOMB("an empty array", "\x90"),
        BOMB("a map", "\x80"),
        BOMB("a shape that is none", "\x93\x03\x01\xc0"),
        BOMB("a negative op", "\x94\x00\x01\xff\x90"),
        BOMB("an id over 32 bits", "\x94\x00\xcf\x00\x00\x00\x01\x00\x00\x00\x00\x02\x90"),
        BOMB("no body", "\x93\x00\x01\x02"),
        BOMB("a body that is no array", "\x94\x00\x01\x02\x80"),
        BOMB("a reply to nothing", "\x94\x01\x01\xc0\xc0"),
        BOMB("a submit with args as str", "\x94\x00\x01\x12\x94\x00\x00\xa4ping\xa2\x91\x01"),
        BOMB("a submit with a handle as str", "\x94\x00\x01\x12\x94\xa1x\x00\xa4ping\xc4\x01\x90"),
        BOMB("a body within a bomb", "\x94\x00\x01\x12\xdd\x10\x00\x00\x00"),
    };
    struct scene s;
    set_scene(&s);
    uint64_t rss = proc_rss_bytes(s.d.pid);
    for (size_t i = 0; i < JD_LEN(bombs); i++) {
        fprintf(stderr, "%s\n", bombs[i].name);
        cut_off(&s, false, bombs[i].bytes, bombs[i].n, JOBD_E_PROTO);
        cut_off(&s, true, bombs[i].bytes, bombs[i].n, JOBD_E_PROTO);
    }
    cr_assert_lt(proc_rss_bytes(s.d.pid), rss + (8 << 20));
    end_scene(&s);
}

Test(hostile, I3_nested_claims_are_refused_at_once) {
    enum { LEVELS = 31 };
    struct scene s;
    uint8_t bomb[LEVELS * 5];
    set_scene(&s);
    for (size_t i = 0; i < LEVELS; i++) // each claims 64 M items
        memcpy(bomb + 5 * i, "\xdd\x04\x00\x00\x00", 5);
    cut_off(&s, false, bomb, sizeof bomb, JOBD_E_PROTO);
    cut_off(&s, true, bomb, sizeof bomb, JOBD_E_PROTO);
    end_scene(&s);
}

// A ping whose body has one item too many, which is ignored: n bytes of it come from `item`.
static size_t ping_with(uint8_t *out, const uint8_t *item, size_t n) {
    static const uint8_t head[] = {0x94, 0, 7, JD_OP_PING, 0x91};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, item, n);
    return sizeof head + n;
}

static void ping_passes(struct scene *s, const uint8_t *item, size_t n) {
    static uint8_t payload[JD_FRAME_DEFAULT_BYTES];
    struct raw_peer p;
    struct jd_msg request = {.op = JD_OP_PING, .id = 7};
    raw_open(&p, s->d.socket);
    cr_assert(raw_send_payload(&p, payload, ping_with(payload, item, n)));
    raw_expect_reply(&p, &request, 0);
    raw_close(&p);
}

static void ping_is_cut_off(struct scene *s, const uint8_t *item, size_t n) {
    static uint8_t payload[JD_FRAME_DEFAULT_BYTES];
    cut_off(s, true, payload, ping_with(payload, item, n), JOBD_E_PROTO);
}

Test(hostile, I4_nesting_is_limited_without_recursion) {
    enum { AROUND = 2 }; // the message and its body
    static uint8_t deep[100000];
    struct scene s;
    set_scene(&s);
    memset(deep, 0x91, sizeof deep);
    deep[sizeof deep - 1] = 0xc0;
    size_t most = JD_CHECK_DEPTH_MAX - AROUND + 1; // with the nil at the end
    ping_passes(&s, deep + sizeof deep - most, most);
    ping_is_cut_off(&s, deep + sizeof deep - 2 * most, 2 * most);
    ping_is_cut_off(&s, deep + sizeof deep - 34, 34);
    ping_is_cut_off(&s, deep, sizeof deep);
    end_scene(&s);
}

// An array32 of n items of one byte.
static size_t many(uint8_t *out, uint8_t item, uint32_t n) {
    memcpy(out,
           (const uint8_t[]){0xdd, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                             (uint8_t)n},
           5);
    memset(out + 5, item, n);
    return 5 + n;
}

Test(hostile, I5_the_number_of_values_is_limited) {
    enum { AROUND = 6 }; // the message, its items, and the array
    static uint8_t list[JD_FRAME_DEFAULT_BYTES];
    static const uint8_t items[] = {0xc0, 0x90, 0x80, 0xa0};
    struct scene s;
    set_scene(&s);
    uint64_t rss = proc_rss_bytes(s.d.pid);
    for (size_t i = 0; i < JD_LEN(items); i++) {
        ping_passes(&s, list, many(list, items[i], JD_CHECK_NODES_MAX - AROUND));
        ping_is_cut_off(&s, list, many(list, items[i], JD_CHECK_NODES_MAX + 1));
        ping_is_cut_off(&s, list, many(list, items[i], JD_FRAME_DEFAULT_BYTES - 10));
    }
    cr_assert_lt(proc_rss_bytes(s.d.pid), rss + (16 << 20));
    end_scene(&s);
}

// ---- messages ----

Test(hostile, C15_an_unknown_request_is_answered_and_an_unknown_event_ignored) {
    static const char unknown[] = "\x94\x00\x09\x7f\x91\xc0", event[] = "\x93\x02\x7f\x91\xc0",
                      beyond[] = "\x94\x00\x0a\xcd\x01\x00\x90", // an op that can never be
        workers_event[] = "\x93\x02\x21\x94\x00\x01\xcd\x05\xdc\xc4\x01\xc0",
                      clients_event[] = "\x93\x02\x19\x95\x00\x05\x00\x00\xc4\x00";
    struct scene s;
    struct raw_peer p;
    set_scene(&s);
    raw_open(&p, s.d.socket);
    cr_assert(raw_send_payload(&p, unknown, sizeof unknown - 1));
    struct jd_msg request = {.op = JD_OP_PING, .id = 9};
    cr_assert_gt(raw_expect_reply(&p, &request, JOBD_E_NOTSUP).text.len, 0);
    cr_assert(raw_send_payload(&p, beyond, sizeof beyond - 1));
    request.id = 10;
    raw_expect_reply(&p, &request, JOBD_E_NOTSUP);
    cr_assert(raw_send_payload(&p, event, sizeof event - 1));
    cr_assert(raw_send_payload(&p, workers_event, sizeof workers_event - 1));
    cr_assert(raw_send_payload(&p, clients_event, sizeof clients_event - 1));
    raw_ping(&p);
    raw_close(&p);
    end_scene(&s);
}

// ---- the end of a connection ----

Test(hostile, C6_what_was_answered_is_delivered_after_a_half_close) {
    enum { PINGS = 100 };
    struct scene s;
    struct raw_peer p;
    struct jd_msg pings[PINGS];
    set_scene(&s);
    raw_open(&p, s.d.socket);
    for (int i = 0; i < PINGS; i++) {
        pings[i] = raw_request(&p, JD_OP_PING);
        raw_pack(&p, &pings[i]);
    }
    cr_assert(raw_flush(&p));
    cr_assert_eq(shutdown(p.fd, SHUT_WR), 0);
    for (int i = 0; i < PINGS; i++)
        raw_expect_reply(&p, &pings[i], 0);
    raw_expect_end(&p);
    raw_close(&p);
    end_scene(&s);
}

Test(hostile, C1_jobs_of_a_client_that_vanishes_are_stopped) {
    struct scene s;
    struct test_client c;
    char gate[96];
    set_scene(&s);
    test_client_open(&c, &s.d);
    tmpdir_join(&s.d.dir, "gate", gate, sizeof gate);
    jobd_future *running = test_client_submit(&c, "demo.until", "s", gate);
    test_client_wait_running(&c, running);
    jobd_future *other = test_client_submit(&c, "demo.until", "s", gate);
    test_client_wait_running(&c, other);
    jobd_future *queued = test_client_submit(&c, "demo.until", "s", gate);
    cr_assert_eq(jobd_conn_ping(c.conn, TEST_PATIENCE_MS, &(int64_t){0}), 0);
    jobd_future_unref(running);
    jobd_future_unref(other);
    jobd_future_unref(queued);
    test_client_close(&c);
    TEST_UNTIL(test_daemon_status(s.honest.conn, "jobs_running") == 0);
    cr_assert_eq(test_daemon_status(s.honest.conn, "jobs_queued"), 0);
    cr_assert_eq(test_daemon_status(s.honest.conn, "cancelled"), 1);
    end_scene(&s);
}

// ---- anything at all ----

static void pack_conversation(struct raw_peer *p) {
    struct jd_msg hello = raw_hello(), msg;
    raw_pack(p, &hello);
    msg = raw_request(p, JD_OP_EXECUTOR_OPEN);
    msg.u.executor_open.pool = jd_text("default");
    raw_pack(p, &msg);
    msg = raw_submit(p, 1, "demo.square", (jobd_bytes){"\x91\x07", 2});
    raw_pack(p, &msg);
    msg = raw_request(p, JD_OP_CANCEL);
    msg.u.cancel.handle = 1;
    raw_pack(p, &msg);
    static const enum jd_op ops[] = {JD_OP_PING, JD_OP_STATUS, JD_OP_WORKERS, JD_OP_TASKS,
                                     JD_OP_EXECUTOR_CLOSE};
    for (size_t i = 0; i < JD_LEN(ops); i++) {
        msg = raw_request(p, ops[i]);
        raw_pack(p, &msg);
    }
}

// A changed byte may make a wish to stop of another message, and that would be obeyed.
static bool asks_to_stop(jobd_bytes bytes) {
    struct jd_msg msg;
    jobd_bytes payload;
    size_t need;
    int64_t n;
    while ((n = jd_frame_next(bytes.data, bytes.len, JD_FRAME_DEFAULT_BYTES, &payload, &need)) >
           0) {
        if (jd_check(payload, NULL) == 0 && jd_msg_unpack(payload, &msg) == 0 &&
            msg.op == JD_OP_SHUTDOWN)
            return true;
        bytes = (jobd_bytes){(const uint8_t *)bytes.data + n, bytes.len - (size_t)n};
    }
    return false;
}

Test(hostile, conversations_with_wrong_bytes_in_them_harm_nobody) {
    struct scene s;
    struct rng g = rng_begin("hostile");
    unsigned n = test_storm(10000);
    set_scene(&s);
    for (unsigned i = 0; i < n; i++) {
        struct raw_peer p;
        raw_connect(&p, s.d.socket);
        pack_conversation(&p);
        jobd_bytes bytes = jd_buf_view(&p.out);
        for (uint64_t wrong = 1 + rng_below(&g, 3); wrong > 0; wrong--)
            p.out.data[p.out.pos + rng_below(&g, bytes.len)] = (uint8_t)rng_u64(&g);
        if (!asks_to_stop(bytes))
            raw_send_bytes(&p, bytes.data, rng_below(&g, 2) ? bytes.len : rng_below(&g, bytes.len));
        raw_close(&p);
        if (i % 50 == 0)
            test_client_round_trip(&s.honest);
    }
    TEST_UNTIL(test_daemon_status(s.honest.conn, "clients") == 1);
    end_scene(&s);
}
