// Peers that send what no client would. Each is answered or cut off, and an honest client of the
// same daemon notices nothing.
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "support/siege.h"

TestSuite(hostile, .timeout = 120);

enum { HELLO_MS = 5000, FRAME_MS = 30000 };

// ---- before HELLO ----

Test(hostile, garbage_instead_of_hello_is_cut_off) {
    struct siege s;
    struct raw_peer p;
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    raw_connect(&p, s.d.socket);
    raw_send_bytes(&p, http, sizeof http - 1);
    raw_expect_bye(&p, JOBD_E_MSGSIZE); // "GET " is a length too
    raw_close(&p);
    siege_cut_off(&s, false, "garbage", 7, JOBD_E_PROTO);
    siege_cut_off(&s, false, "\x93\x02\x03\x90", 4, JOBD_E_PROTO); // bye, without its fields
    siege_end(&s);
}

Test(hostile, C15_a_request_before_hello_is_cut_off) {
    static const enum jd_op ops[] = {JD_OP_PING, JD_OP_STATUS, JD_OP_SHUTDOWN, JD_OP_SUBMIT};
    struct siege s;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    for (size_t i = 0; i < JD_LEN(ops); i++) {
        struct raw_peer p;
        raw_connect(&p, s.d.socket);
        struct jd_msg msg = raw_request(&p, ops[i]);
        raw_send(&p, &msg);
        raw_expect_bye(&p, JOBD_E_PROTO);
        raw_close(&p);
    }
    siege_end(&s);
}

static void hello_cut_off(struct siege *s, struct jd_hello hello, int error) {
    struct raw_peer p;
    struct jd_msg msg = raw_hello();
    msg.u.hello = hello;
    raw_connect(&p, s->d.socket);
    raw_send(&p, &msg);
    raw_expect_bye(&p, error);
    raw_close(&p);
}

Test(hostile, C15_a_hello_that_is_none_is_cut_off) {
    struct siege s;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    struct jd_hello good = raw_hello().u.hello, bad;
    for (unsigned role = JD_ROLE_WORKER; role < 256; role += 127) { // a worker comes by its own way
        bad = good;
        bad.role = role;
        hello_cut_off(&s, bad, JOBD_E_PROTO);
    }
    static const char *const names[] = {"", "two words", "bell\a", "\xff\xfe", "a\nb"};
    for (size_t i = 0; i < JD_LEN(names); i++) { // I7
        bad = good;
        bad.name = jd_text(names[i]);
        hello_cut_off(&s, bad, JOBD_E_PROTO);
    }
    siege_end(&s);
}

Test(hostile, C15_another_version_is_told_so) {
    struct siege s;
    struct raw_peer p;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_end(&s);
}

Test(hostile, C15_a_second_hello_is_cut_off) {
    struct siege s;
    struct raw_peer p;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    struct jd_msg hello = raw_hello();
    raw_open(&p, s.d.socket);
    raw_send(&p, &hello);
    raw_expect_bye(&p, JOBD_E_PROTO);
    raw_close(&p);
    siege_end(&s);
}

Test(hostile, C5_no_hello_within_5_s_is_cut_off) {
    struct siege s;
    struct raw_peer silent, slow;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_end(&s);
}

Test(hostile, C5_a_frame_not_complete_within_30_s_is_cut_off) {
    if (!getenv("JOBD_TEST_SLOW"))
        cr_skip_test("SKIPPED: takes half a minute; set JOBD_TEST_SLOW=1");
    struct siege s;
    struct raw_peer p;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    int64_t since_ms = test_now_ms();
    raw_open(&p, s.d.socket);
    cr_assert(raw_send_head(&p, 100));
    raw_expect_bye(&p, JOBD_E_TIMEOUT);
    cr_assert_geq(test_now_ms() - since_ms, FRAME_MS - 100);
    raw_close(&p);
    siege_end(&s);
}

// ---- frames ----

Test(hostile, I1_a_length_over_the_limit_is_refused_before_the_body_comes) {
    struct siege s;
    struct raw_peer p;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_end(&s);
}

Test(hostile, I1_frames_of_exactly_the_limit_are_taken) {
    enum { STR16_HEAD_BYTES = 3 };
    struct siege s;
    struct raw_peer p;
    static const char blank[JD_FRAME_DEFAULT_BYTES];
    uint8_t caps[JD_HELLO_MAX_BYTES];
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_end(&s);
}

Test(hostile, I2_an_empty_frame_is_cut_off) {
    struct siege s;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    siege_cut_off(&s, false, "", 0, JOBD_E_PROTO);
    siege_cut_off(&s, true, "", 0, JOBD_E_PROTO);
    siege_end(&s);
}

Test(hostile, I2_a_conversation_split_at_every_byte_is_the_same) {
    struct siege s;
    struct raw_peer p;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_end(&s);
}

Test(hostile, I2_a_conversation_cut_at_every_byte_is_no_harm) {
    struct siege s;
    struct raw_peer p;
    size_t n = 1;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    struct jd_msg hello = raw_hello(), submit;
    for (size_t i = 0; i < n; i++) {
        raw_connect(&p, s.d.socket);
        raw_pack(&p, &hello);
        raw_pack_executor(&p);
        submit = raw_submit(&p, 0, "demo.square", (jobd_bytes){"\x91\x07", 2});
        raw_pack(&p, &submit);
        n = jd_buf_used(&p.out);
        cr_assert(raw_send_bytes(&p, jd_buf_view(&p.out).data, i));
        raw_close(&p);
    }
    siege_alone(&s);
    siege_end(&s);
}

Test(hostile, I13_the_body_of_an_oversize_frame_is_never_obeyed) {
    struct siege s;
    struct raw_peer p;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_end(&s);
}

// ---- the end of a connection ----

Test(hostile, C6_what_was_answered_is_delivered_after_a_half_close) {
    enum { PINGS = 100 };
    struct siege s;
    struct raw_peer p;
    struct jd_msg pings[PINGS];
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_end(&s);
}

Test(hostile, C1_jobs_of_a_client_that_vanishes_are_stopped) {
    struct siege s;
    struct test_client c;
    char gate[96];
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_end(&s);
}
