#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "io/wire.h"
#include "rng.h"

enum { MAX_PAYLOAD = 100000 };

struct seen {
    uint32_t last_id;
    unsigned n, n_unknown;
    size_t value_bytes;
    unsigned stop_after; // 0 = never
};

static struct wire wire;
static struct jd_buf stream;
static struct seen seen;
static char why[WIRE_WHY_MAX];

static bool take(void *owner, const struct jd_msg *msg, int r) {
    struct seen *s = owner;
    cr_assert(r == 0 || r == JOBD_E_NOTSUP);
    if (r == JOBD_E_NOTSUP) {
        s->n_unknown++;
        return true;
    }
    if (msg->op == JD_OP_SUBMIT) {
        const uint8_t *p = msg->u.submit.args.data;
        s->value_bytes += msg->u.submit.args.len;
        for (size_t i = 0; i < msg->u.submit.args.len; i++)
            cr_assert_eq(p[i], (uint8_t)(msg->id + i));
        cr_assert_eq(msg->id, s->last_id + 1);
        s->last_id = msg->id;
    }
    return ++s->n != s->stop_after;
}

static void set_up(void) {
    wire_init(&wire, MAX_PAYLOAD, take, &seen);
    jd_buf_init(&stream, 64 * 1024 * 1024);
}

static void tear_down(void) {
    wire_free(&wire);
    jd_buf_free(&stream);
}

static void add_submit(uint32_t id, size_t n_args) {
    uint8_t *args = malloc(n_args + 1);
    for (size_t i = 0; i < n_args; i++)
        args[i] = (uint8_t)(id + i);
    struct jd_msg msg = {.shape = JD_REQUEST, .op = JD_OP_SUBMIT, .id = id};
    msg.u.submit = (struct jd_submit){
        .handle = 1, .executor = 1, .task = jd_text("x"), .args = {args, n_args}};
    cr_assert_eq(jd_msg_pack(&stream, MAX_PAYLOAD, &msg), 0);
    free(args);
}

static int feed(const void *data, size_t n) {
    return wire_feed(&wire, data, n, why);
}

TestSuite(wire, .init = set_up, .fini = tear_down);

// However a stream is cut into reads, the same messages come out.
Test(wire, cuts_do_not_matter) {
    struct rng rng = rng_begin("wire");
    size_t total = 0;
    for (uint32_t id = 1; id <= 2000; id++) {
        size_t n = rng_below(&rng, 20) == 0 ? rng_below(&rng, 90000) : rng_below(&rng, 40);
        total += n;
        add_submit(id, n);
    }
    jobd_bytes all = jd_buf_view(&stream);
    for (size_t at = 0; at < all.len;) {
        size_t most = rng_below(&rng, 2) ? 7 : 65536, n = 1 + rng_below(&rng, most);
        n = JD_MIN(n, all.len - at);
        cr_assert_eq(feed((const uint8_t *)all.data + at, n), 0, "%s", why);
        at += n;
    }
    cr_assert_eq(seen.n, 2000);
    cr_assert_eq(wire.n_frames, 2000);
    cr_assert_eq(seen.value_bytes, total);
    cr_assert_null(wire.partial.data, "nothing is kept between frames");
}

Test(wire, byte_by_byte) {
    add_submit(1, 10);
    add_submit(2, 0);
    jobd_bytes all = jd_buf_view(&stream);
    for (size_t i = 0; i < all.len; i++)
        cr_assert_eq(feed((const uint8_t *)all.data + i, 1), 0);
    cr_assert_eq(seen.n, 2);
}

Test(wire, a_frame_over_the_limit_is_refused_by_its_head) {
    static const uint8_t head[] = {0x00, 0x01, 0x86, 0xa1}; // 100001
    cr_assert_eq(feed(head, sizeof head), JOBD_E_MSGSIZE);
    cr_assert_str_eq(why, "the frame is larger than the agreed limit of 100000 bytes");
}

Test(wire, and_also_when_the_head_comes_in_two) {
    static const uint8_t head[] = {0xff, 0xff, 0xff, 0xff};
    cr_assert_eq(feed(head, 1), 0);
    cr_assert_eq(feed(head, 3), JOBD_E_MSGSIZE);
}

Test(wire, an_empty_frame_is_refused) {
    static const uint8_t head[] = {0, 0, 0, 0};
    cr_assert_eq(feed(head, sizeof head), JOBD_E_PROTO);
}

Test(wire, malformed_bytes_are_refused) {
    static const uint8_t bad[] = {0, 0, 0, 3, 0x92, 0xc1, 0x00};
    cr_assert_eq(feed(bad, sizeof bad), JOBD_E_PROTO);
    cr_assert_str_eq(why, "the message is malformed at byte 1 of 3");
    static const uint8_t wrong[] = {0, 0, 0, 4, 0x93, 0x02, 0x03, 0x90}; // bye without its fields
    cr_assert_eq(feed(wrong, sizeof wrong), JOBD_E_PROTO);
    cr_assert_eq(seen.n, 0);
}

Test(wire, an_unknown_op_is_handed_on) {
    static const uint8_t unknown[] = {0, 0, 0, 5, 0x94, 0x00, 0x07, 0x7e, 0x90};
    cr_assert_eq(feed(unknown, sizeof unknown), 0);
    cr_assert_eq(seen.n_unknown, 1);
}

Test(wire, a_taker_that_has_enough_gets_no_more) {
    for (uint32_t id = 1; id <= 5; id++)
        add_submit(id, 3);
    seen.stop_after = 2;
    jobd_bytes all = jd_buf_view(&stream);
    cr_assert_eq(feed(all.data, all.len), 0);
    cr_assert_eq(seen.n, 2);
}

Test(wire, the_limit_may_change_between_frames) {
    add_submit(1, 5000);
    jobd_bytes all = jd_buf_view(&stream);
    wire.max_payload = 4096;
    cr_assert_eq(feed(all.data, all.len), JOBD_E_MSGSIZE);
    wire.max_payload = MAX_PAYLOAD;
    cr_assert_eq(feed(all.data, all.len), 0);
    cr_assert_eq(seen.n, 1);
}

Test(wire, flush_writes_what_the_socket_takes) {
    int fds[2];
    char sink[65536];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; i < 64; i++)
        cr_assert_eq(jd_buf_append(&stream, sink, sizeof sink), 0);
    size_t read_bytes = 0;
    int r;
    while ((r = wire_flush(fds[0], &stream)) == 1) {
        ssize_t n;
        while ((n = read(fds[1], sink, sizeof sink)) > 0)
            read_bytes += (size_t)n;
    }
    cr_assert_eq(r, 0);
    for (ssize_t n; (n = read(fds[1], sink, sizeof sink)) > 0;)
        read_bytes += (size_t)n;
    cr_assert_eq(read_bytes, 64 * sizeof sink);
    close(fds[1]);
    cr_assert_eq(jd_buf_append(&stream, sink, 1), 0);
    cr_assert_lt(wire_flush(fds[0], &stream), 0, "the other end is gone, and nobody was killed");
    close(fds[0]);
}
