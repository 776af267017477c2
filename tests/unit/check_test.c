// The structure check, with msgpack-c as the witness of what is well-formed.
#include <criterion/criterion.h>
#include <msgpack.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "proto.h"
#include "random_value.h"

static bool accepted(const void *data, size_t n) {
    return jd_check((jobd_bytes){data, n}, NULL) == 0;
}

// Only for what jd_check has accepted: msgpack-c trusts lengths.
static msgpack_unpack_return oracle(jobd_bytes v) {
    msgpack_zone zone;
    msgpack_object object;
    size_t off = 0;
    cr_assert(msgpack_zone_init(&zone, 2048));
    msgpack_unpack_return r = msgpack_unpack(v.data, v.len, &off, &zone, &object);
    msgpack_zone_destroy(&zone);
    return r;
}

static size_t refused_at(const void *data, size_t n) {
    size_t at = SIZE_MAX;
    cr_assert_eq(jd_check((jobd_bytes){data, n}, &at), JOBD_E_PROTO);
    return at;
}

Test(check, every_head_byte) {
    // The shortest body that makes each head a whole value; -1 = no body does.
    static const int body[32] = {0, -1, 0, 0, 1,  2,  4,  -1, -1, -1, 4, 8, 1, 2, 4, 8,
                                 1, 2,  4, 8, -1, -1, -1, -1, -1, 1,  2, 4, 2, 4, 2, 4};
    for (int c = 0; c < 256; c++) {
        uint8_t bytes[40] = {(uint8_t)c}; // lengths of zero, items of positive fixint 0
        int n = c < 0x80 || c >= 0xe0 ? 0
                : c < 0x90            ? 2 * (c & 15)
                : c < 0xa0            ? c & 15
                : c < 0xc0            ? c & 31
                                      : body[c - 0xc0];
        if (n < 0) {
            for (size_t len = 1; len <= sizeof bytes; len++)
                cr_expect_not(accepted(bytes, len), "%02x", c);
            cr_expect_eq(refused_at(bytes, sizeof bytes), 0u);
            continue;
        }
        size_t whole = 1 + (size_t)n;
        cr_expect(accepted(bytes, whole), "%02x", c);
        cr_expect_eq(oracle((jobd_bytes){bytes, whole}), MSGPACK_UNPACK_SUCCESS, "%02x", c);
        for (size_t len = 0; len < whole; len++)
            cr_expect_not(accepted(bytes, len), "%02x cut to %zu", c, len);
        cr_expect_not(accepted(bytes, whole + 1), "%02x with a byte after it", c);
    }
}

Test(check, random_values_are_accepted_and_the_witness_agrees) {
    struct rng g = rng_begin("check");
    struct jd_buf b;
    jd_buf_init(&b, 1u << 26);
    for (int round = 0; round < 3000; round++) {
        random_value(&g, &b, (unsigned)rng_below(&g, 8));
        jobd_bytes v = jd_buf_view(&b);
        size_t at = 12345;
        cr_assert_eq(jd_check(v, &at), 0);
        cr_assert_eq(at, 12345u, "written only on refusal");
        cr_assert_eq(oracle(v), MSGPACK_UNPACK_SUCCESS);
        jobd_reader r = jobd_reader_of(v);
        cr_assert_eq(jobd_read_skip(&r), 0);
        cr_assert_eq(r.pos, r.end);
        for (int i = 0; i < 20; i++)
            cr_assert_not(accepted(v.data, rng_below(&g, v.len)), "cut short");
        random_put(&b, "", 1);
        v = jd_buf_view(&b);
        cr_assert_eq(refused_at(v.data, v.len), v.len - 1);
        jd_buf_consume(&b, jd_buf_used(&b));
    }
    jd_buf_free(&b);
}

Test(check, damaged_values_are_refused_or_still_well_formed) {
    struct rng g = rng_begin("check, damage");
    struct jd_buf b;
    jd_buf_init(&b, 1u << 26);
    unsigned n_accepted = 0;
    for (int round = 0; round < 20000; round++) {
        random_value(&g, &b, 4);
        for (uint64_t i = 1 + rng_below(&g, 3); i > 0; i--)
            b.data[b.pos + rng_below(&g, jd_buf_used(&b))] = (uint8_t)rng_u64(&g);
        jobd_bytes v = jd_buf_view(&b);
        size_t at = 0;
        if (jd_check(v, &at) == 0) {
            n_accepted++;
            cr_assert_eq(oracle(v), MSGPACK_UNPACK_SUCCESS);
        } else {
            cr_assert_leq(at, v.len);
        }
        jd_buf_consume(&b, jd_buf_used(&b));
    }
    cr_expect_gt(n_accepted, 100u, "the test reaches both answers");
    jd_buf_free(&b);
}

// ---- limits and bombs ----

Test(check, nesting_ends_at_its_limit) {
    uint8_t bytes[64];
    memset(bytes, 0x91, sizeof bytes); // arrays of one item
    bytes[JD_CHECK_DEPTH_MAX] = 0xc0;
    cr_expect(accepted(bytes, JD_CHECK_DEPTH_MAX + 1));
    bytes[JD_CHECK_DEPTH_MAX] = 0x91;
    bytes[JD_CHECK_DEPTH_MAX + 1] = 0xc0;
    cr_expect_eq(refused_at(bytes, JD_CHECK_DEPTH_MAX + 2), (size_t)JD_CHECK_DEPTH_MAX);
    uint8_t maps[64] = {0};
    for (size_t i = 0; i < JD_CHECK_DEPTH_MAX + 1; i++)
        maps[2 * i] = 0x81; // {0: {0: ...
    maps[2 * JD_CHECK_DEPTH_MAX + 2] = 0xc0;
    cr_expect_not(accepted(maps, 2 * JD_CHECK_DEPTH_MAX + 3));
    cr_expect(accepted(maps + 2, 2 * JD_CHECK_DEPTH_MAX + 1));
}

// Closed containers give their depth back, however many there are.
Test(check, depth_counts_open_containers_only) {
    uint8_t bytes[2 + 2 * 15 + 1] = {0x9f};
    size_t n = 1;
    for (int i = 0; i < 15; i++) {
        bytes[n++] = 0x91;
        bytes[n++] = 0x90;
    }
    cr_expect(accepted(bytes, n));
}

Test(check, nodes_end_at_their_limit) {
    static uint8_t bytes[5 + JD_CHECK_NODES_MAX] = {0xdd, 0, 0, 0xff, 0xff};
    memset(bytes + 5, 0xc0, JD_CHECK_NODES_MAX);
    cr_expect(accepted(bytes, 5 + 65535), "the array and 65535 items");
    memcpy(bytes, (uint8_t[]){0xdd, 0, 1, 0, 0}, 5);
    cr_expect_not(accepted(bytes, 5 + 65536));
}

Test(check, bombs_are_refused_at_their_first_claim) {
    static const struct {
        const char *bytes;
        size_t n;
    } bombs[] = {
        {"\xdd\xff\xff\xff\xff", 5},
        {"\xdd\x10\x00\x00\x00", 5}, // 4 G items; 8 GiB if believed
        {"\xdf\xff\xff\xff\xff", 5},
        {"\xdf\x80\x00\x00\x00", 5}, // twice as many, wrapping in 32 bits
        {"\xdb\xff\xff\xff\xff", 5},
        {"\xc6\xff\xff\xff\xff", 5}, // 4 GiB of text, of bytes
        {"\xc9\xff\xff\xff\xff\x00", 6},
        {"\xc7\x00\x00", 3}, // extensions
        {"\xd4\x00\x00", 3},
        {"\xc1", 1}, // a fixed one; the unused byte
        {"\xdc\xff\xff", 3},
        {"\xde\xff\xff", 3},
        {"", 0},
    };
    for (size_t i = 0; i < JD_LEN(bombs); i++)
        cr_expect_eq(refused_at(bombs[i].bytes, bombs[i].n), 0u, "bomb %zu", i);
}

Test(check, nested_bombs_are_refused_at_their_first_claim) {
    uint8_t nested[31 * 5]; // 62 GiB if believed
    for (size_t i = 0; i < sizeof nested; i += 5)
        memcpy(nested + i, (uint8_t[]){0xdd, 0x04, 0, 0, 0}, 5);
    cr_expect_eq(refused_at(nested, sizeof nested), 0u);
    // Each head alone would fit what is left; together they do not.
    uint8_t shared[3 * 3 + 100] = {0xdc, 0, 90, 0xdc, 0, 90, 0xdc, 0, 90};
    cr_expect_eq(refused_at(shared, sizeof shared), 3u);
    // Nor do they when the one that claims the most is not the innermost but one.
    uint8_t around[3 * 3 + 30] = {0xdc, 0, 20, 0xdc, 0, 1, 0xdc, 0, 20};
    cr_expect_eq(refused_at(around, sizeof around), 6u);
}

Test(check, an_item_may_not_eat_what_its_siblings_need) {
    // [bin of 3, nil, nil] cut so that the bytes are there and the nils are not.
    const uint8_t bytes[] = {0x93, 0xc4, 3, 1, 2, 3, 0xc0};
    cr_expect_eq(refused_at(bytes, sizeof bytes), sizeof bytes);
}

Test(check, one_value_is_measured_and_what_follows_left_alone) {
    struct rng g = rng_begin("check, one");
    struct jd_buf b;
    jd_buf_init(&b, 1u << 26);
    cr_expect_eq(jd_check_one(NULL, 0), 0u);
    for (int round = 0; round < 2000; round++) {
        jd_buf_consume(&b, jd_buf_used(&b));
        random_value(&g, &b, (unsigned)rng_below(&g, 6));
        size_t n = jd_buf_used(&b);
        random_put(&b, "\xc1\xdd\xff\xff\xff\xff", 6); // whatever it is
        const void *data = jd_buf_view(&b).data;
        for (size_t after = 0; after <= 6; after++)
            cr_assert_eq(jd_check_one(data, n + after), n);
        cr_assert_eq(jd_check_one(data, rng_below(&g, n)), 0u, "cut short");
    }
    jd_buf_free(&b);
}
