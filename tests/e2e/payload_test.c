// Frames in good order whose payload is none: bombs, nonsense, and messages with wrong bytes in them.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "frame.h"
#include "support/siege.h"
#include "unit/rng.h"

TestSuite(payload, .timeout = 120);

enum { MIB = 1 << 20 };

// ---- bombs ----

struct bomb {
    const char *name;
    const char *bytes;
    size_t n;
};
#define BOMB(name, bytes)                                                                          \
    { name, bytes, sizeof bytes - 1 }

Test(payload, I3_I8_I9_bombs_are_refused_at_once) {
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
    struct siege s;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    for (size_t i = 0; i < JD_LEN(bombs); i++) {
        fprintf(stderr, "%s\n", bombs[i].name);
        siege_cut_off(&s, false, bombs[i].bytes, bombs[i].n, JOBD_E_PROTO);
        siege_cut_off(&s, true, bombs[i].bytes, bombs[i].n, JOBD_E_PROTO);
    }
    siege_not_grown(&s, 4 * MIB);
    siege_end(&s);
}

Test(payload, I3_nested_claims_are_refused_at_once) {
    enum { LEVELS = 31 };
    struct siege s;
    uint8_t bomb[LEVELS * 5];
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    for (size_t i = 0; i < LEVELS; i++) // each claims 64 M items
        memcpy(bomb + 5 * i, "\xdd\x04\x00\x00\x00", 5);
    siege_cut_off(&s, false, bomb, sizeof bomb, JOBD_E_PROTO);
    siege_cut_off(&s, true, bomb, sizeof bomb, JOBD_E_PROTO);
    siege_end(&s);
}

// A ping whose body has one item too many, which is ignored: n bytes of it come from `item`.
static size_t ping_with(uint8_t *out, const uint8_t *item, size_t n) {
    static const uint8_t head[] = {0x94, 0, 7, JD_OP_PING, 0x91};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, item, n);
    return sizeof head + n;
}

static void ping_passes(struct siege *s, const uint8_t *item, size_t n) {
    static uint8_t payload[JD_FRAME_DEFAULT_BYTES];
    struct raw_peer p;
    struct jd_msg request = {.op = JD_OP_PING, .id = 7};
    raw_open(&p, s->d.socket);
    cr_assert(raw_send_payload(&p, payload, ping_with(payload, item, n)));
    raw_expect_reply(&p, &request, 0);
    raw_close(&p);
}

static void ping_is_cut_off(struct siege *s, const uint8_t *item, size_t n) {
    static uint8_t payload[JD_FRAME_DEFAULT_BYTES];
    siege_cut_off(s, true, payload, ping_with(payload, item, n), JOBD_E_PROTO);
}

Test(payload, I4_nesting_is_limited_without_recursion) {
    enum { AROUND = 2 }; // the message and its body
    static uint8_t deep[100000];
    struct siege s;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    memset(deep, 0x91, sizeof deep);
    deep[sizeof deep - 1] = 0xc0;
    size_t most = JD_CHECK_DEPTH_MAX - AROUND + 1; // with the nil at the end
    ping_passes(&s, deep + sizeof deep - most, most);
    ping_is_cut_off(&s, deep + sizeof deep - 2 * most, 2 * most);
    ping_is_cut_off(&s, deep + sizeof deep - 34, 34);
    ping_is_cut_off(&s, deep, sizeof deep);
    siege_end(&s);
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

Test(payload, I5_the_number_of_values_is_limited) {
    enum { AROUND = 6 }; // the message, its items, and the array
    static uint8_t list[JD_FRAME_DEFAULT_BYTES];
    static const uint8_t items[] = {0xc0, 0x90, 0x80, 0xa0};
    struct siege s;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
    for (size_t i = 0; i < JD_LEN(items); i++) {
        ping_passes(&s, list, many(list, items[i], JD_CHECK_NODES_MAX - AROUND));
        ping_is_cut_off(&s, list, many(list, items[i], JD_CHECK_NODES_MAX + 1));
        ping_is_cut_off(&s, list, many(list, items[i], JD_FRAME_DEFAULT_BYTES - 10));
    }
    siege_not_grown(&s, 4 * MIB);
    siege_end(&s);
}

// ---- messages ----

Test(payload, C15_an_unknown_request_is_answered_and_an_unknown_event_ignored) {
    static const char unknown[] = "\x94\x00\x09\x7f\x91\xc0", event[] = "\x93\x02\x7f\x91\xc0",
                      beyond[] = "\x94\x00\x0a\xcd\x01\x00\x90", // an op that can never be
        workers_event[] = "\x93\x02\x21\x94\x00\x01\xcd\x05\xdc\xc4\x01\xc0",
                      clients_event[] = "\x93\x02\x19\x95\x00\x05\x00\x00\xc4\x00";
    struct siege s;
    struct raw_peer p;
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_end(&s);
}

// ---- anything at all ----

static void pack_conversation(struct raw_peer *p) {
    struct jd_msg hello = raw_hello(), msg;
    raw_pack(p, &hello);
    raw_pack_executor(p);
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

Test(payload, conversations_with_wrong_bytes_in_them_harm_nobody) {
    struct siege s;
    struct rng g = rng_begin("payload");
    unsigned n = test_storm(10000);
    siege_begin(&s, (struct test_daemon_options){.workers = 2});
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
    siege_alone(&s);
    siege_end(&s);
}
