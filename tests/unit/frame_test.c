#include <criterion/criterion.h>
#include <string.h>

#include "buf.h"
#include "frame.h"
#include "proto.h"
#include "rng.h"

static void add_frame(struct jd_buf *b, const void *payload, size_t n) {
    uint8_t *at = jd_buf_reserve(b, JD_FRAME_HEAD_BYTES + n);
    cr_assert_not_null(at);
    jd_frame_head(at, (uint32_t)n);
    memcpy(at + JD_FRAME_HEAD_BYTES, payload, n);
    jd_buf_commit(b, JD_FRAME_HEAD_BYTES + n);
}

Test(frame, the_head_is_four_bytes_big_endian) {
    struct jd_buf b;
    jd_buf_init(&b, 1000);
    add_frame(&b, "xyz", 3);
    cr_expect_eq(jd_buf_used(&b), 7u);
    cr_expect_arr_eq(jd_buf_view(&b).data, "\0\0\0\3xyz", 7);
    const uint8_t big[] = {0x01, 0x02, 0x03, 0x04};
    jobd_bytes payload;
    size_t need = 0;
    cr_expect_eq(jd_frame_next(big, sizeof big, UINT32_MAX, &payload, &need), 0);
    cr_expect_eq(need, 4u + 0x01020304);
    jd_buf_free(&b);
}

// What a peer does with its input: bytes arrive in pieces of any size, whole frames come out.
struct input {
    struct jd_buf b;
    size_t max_payload;
    char out[4096]; // the payloads, each after its length in one byte
    size_t n_out;
    int err;
};

static void input_feed(struct input *in, const void *data, size_t n) {
    cr_assert_eq(jd_buf_append(&in->b, data, n), 0);
    while (!in->err) {
        jobd_bytes v = jd_buf_view(&in->b), payload = {NULL, 0};
        size_t need = 0;
        int64_t size = jd_frame_next(v.data, v.len, in->max_payload, &payload, &need);
        if (size < 0)
            in->err = (int)size;
        if (size == 0)
            cr_assert_gt(need, v.len, "it asked for what it had");
        if (size <= 0)
            return;
        cr_assert_eq((size_t)size, payload.len + JD_FRAME_HEAD_BYTES);
        in->out[in->n_out++] = (char)payload.len;
        memcpy(in->out + in->n_out, payload.data, payload.len);
        in->n_out += payload.len;
        jd_buf_consume(&in->b, (size_t)size);
    }
}

static struct input input_new(size_t max_payload) {
    struct input in = {.max_payload = max_payload};
    jd_buf_init(&in.b, 100000);
    return in;
}

static struct jd_buf stream_of_frames(void) {
    struct jd_buf b;
    jd_buf_init(&b, 4096);
    add_frame(&b, "a", 1);
    add_frame(&b, "second", 6);
    add_frame(&b, "\0\0\0\1", 4);
    add_frame(&b, "the longest of these frames", 27);
    add_frame(&b, "z", 1);
    return b;
}

Test(frame, may_be_split_at_every_byte) {
    struct jd_buf stream = stream_of_frames();
    const uint8_t *p = jd_buf_view(&stream).data;
    size_t n = jd_buf_used(&stream);
    struct input whole = input_new(100);
    input_feed(&whole, p, n);
    cr_expect_eq(whole.n_out, 5u + 1 + 6 + 4 + 27 + 1);
    for (size_t cut = 0; cut <= n; cut++)
        for (size_t cut2 = cut; cut2 <= n; cut2++) {
            struct input in = input_new(100);
            input_feed(&in, p, cut);
            input_feed(&in, p + cut, cut2 - cut);
            input_feed(&in, p + cut2, n - cut2);
            cr_assert_eq(in.n_out, whole.n_out);
            cr_assert_arr_eq(in.out, whole.out, whole.n_out);
            cr_assert_eq(jd_buf_used(&in.b), 0u);
            jd_buf_free(&in.b);
        }
    struct input bytewise = input_new(100);
    for (size_t i = 0; i < n; i++)
        input_feed(&bytewise, p + i, 1);
    cr_expect_arr_eq(bytewise.out, whole.out, whole.n_out);
    jd_buf_free(&bytewise.b);
    jd_buf_free(&whole.b);
    jd_buf_free(&stream);
}

Test(frame, says_how_many_bytes_the_whole_frame_has) {
    static const uint8_t frame[4 + 300] = {0, 0, 1, 44};
    jobd_bytes payload = {NULL, 0};
    for (size_t n = 0; n < sizeof frame; n++) {
        size_t need = 0;
        cr_assert_eq(jd_frame_next(frame, n, 300, &payload, &need), 0);
        cr_assert_eq(need, n < 4 ? 4 : sizeof frame);
        cr_assert_null(payload.data);
    }
    size_t need;
    cr_expect_eq(jd_frame_next(frame, sizeof frame, 300, &payload, &need), (int64_t)sizeof frame);
    cr_expect_eq(payload.data, frame + 4);
    cr_expect_eq(payload.len, 300u);
}

static int64_t next_of_length(uint32_t len, size_t max_payload) {
    const uint8_t head[] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                            (uint8_t)len};
    jobd_bytes payload;
    size_t need;
    return jd_frame_next(head, sizeof head, max_payload, &payload, &need);
}

// The refusal needs the head alone: nobody waits for, or makes room for, what is too long.
Test(frame, lengths_are_held_to_every_limit) {
    const uint32_t limits[] = {JD_HELLO_MAX_BYTES, JD_FRAME_MIN_BYTES, JD_FRAME_DEFAULT_BYTES,
                               JD_FRAME_MAX_BYTES};
    for (size_t i = 0; i < JD_LEN(limits); i++) {
        cr_expect_eq(next_of_length(limits[i], limits[i]), 0);
        cr_expect_eq(next_of_length(limits[i] + 1, limits[i]), JOBD_E_MSGSIZE);
        cr_expect_eq(next_of_length(UINT32_MAX, limits[i]), JOBD_E_MSGSIZE);
        cr_expect_eq(next_of_length(0, limits[i]), JOBD_E_PROTO);
    }
}

Test(frame, random_streams_in_random_pieces) {
    struct rng g = rng_begin("frame");
    for (int round = 0; round < 300; round++) {
        struct jd_buf stream;
        jd_buf_init(&stream, 100000);
        struct input whole = input_new(120), pieces = input_new(120);
        for (uint64_t i = rng_below(&g, 20); i > 0; i--) {
            char payload[128];
            memset(payload, (int)rng_below(&g, 256), sizeof payload);
            add_frame(&stream, payload, 1 + rng_below(&g, sizeof payload)); // some are too long
        }
        jobd_bytes v = jd_buf_view(&stream);
        input_feed(&whole, v.data, v.len);
        for (size_t at = 0, n; at < v.len; at += n) {
            n = 1 + rng_below(&g, JD_MIN(v.len - at, (size_t)40));
            input_feed(&pieces, (const char *)v.data + at, n);
        }
        cr_assert_eq(pieces.err, whole.err);
        cr_assert_eq(pieces.n_out, whole.n_out);
        cr_assert_arr_eq(pieces.out, whole.out, whole.n_out);
        jd_buf_free(&whole.b);
        jd_buf_free(&pieces.b);
        jd_buf_free(&stream);
    }
}
