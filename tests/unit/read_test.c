// The reader's short cuts say the same as the reader itself, whatever the bytes.
#include "read.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "random_value.h"

static void expect_same(const uint8_t *data, size_t n) {
    jobd_bytes whole = {data, n}, a = {0}, b = {0};
    jobd_reader slow = jobd_reader_of(whole), fast = slow;
    cr_assert_eq(jobd_read_raw(&slow, &a), jd_read_raw(&fast, &b));
    cr_assert(slow.err == fast.err && slow.pos == fast.pos && slow.end == fast.end);
    cr_assert(a.data == b.data && a.len == b.len);
    slow = fast = jobd_reader_of(whole);
    cr_assert_eq(jobd_read_skip(&slow), jd_read_skip(&fast));
    cr_assert(slow.err == fast.err && slow.pos == fast.pos);
}

Test(read, values_and_what_is_left_of_them) {
    struct rng g = rng_begin("read");
    struct jd_buf b;
    jd_buf_init(&b, 1u << 24);
    for (int round = 0; round < 20000; round++) {
        jd_buf_consume(&b, jd_buf_used(&b));
        random_value(&g, &b, round % 3);
        size_t n = jd_buf_used(&b), cut = rng_below(&g, n + 1);
        uint8_t *exact = malloc(cut ? cut : 1); // one byte too far is seen
        if (cut)
            memcpy(exact, jd_buf_view(&b).data, cut);
        expect_same(jd_buf_view(&b).data, n);
        expect_same(exact, cut);
        free(exact);
    }
    jd_buf_free(&b);
}

Test(read, any_bytes) {
    struct rng g = rng_begin("read, any bytes");
    for (int round = 0; round < 200000; round++) {
        size_t n = rng_below(&g, 24);
        uint8_t *bytes = malloc(n ? n : 1);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)rng_u64(&g);
        if (n > 0 && rng_below(&g, 2))
            bytes[0] = (uint8_t)(0x90 | rng_below(&g, 16));
        expect_same(bytes, n);
        free(bytes);
    }
}

Test(read, a_cursor_that_has_failed_stays_so) {
    jobd_reader r = jobd_reader_of((jobd_bytes){"\xc1\x01", 2});
    jobd_bytes value;
    cr_expect_eq(jd_read_raw(&r, &value), JOBD_E_PROTO);
    cr_expect_eq(jd_read_skip(&r), JOBD_E_PROTO);
    cr_expect_eq(jd_read_raw(&r, &value), JOBD_E_PROTO);
}
