#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "rng.h"

Test(buf, starts_empty_and_can_be_used_again) {
    struct jd_buf b;
    jd_buf_init(&b, 1000);
    cr_expect_eq(jd_buf_used(&b), 0u);
    cr_expect_eq(jd_buf_view(&b).len, 0u);
    jd_buf_consume(&b, 0);
    cr_assert_eq(jd_buf_append(&b, NULL, 0), 0);
    cr_assert_eq(jd_buf_append(&b, "abc", 3), 0);
    jd_buf_free(&b);
    jd_buf_free(&b);
    cr_expect_eq(jd_buf_used(&b), 0u);
    cr_assert_eq(jd_buf_append(&b, "de", 2), 0);
    cr_expect_arr_eq(jd_buf_view(&b).data, "de", 2);
    jd_buf_free(&b);
}

Test(buf, the_maximum_holds_to_the_byte) {
    static const char bytes[1001];
    struct jd_buf b;
    jd_buf_init(&b, 1000);
    cr_expect_eq(jd_buf_append(&b, bytes, 1001), JOBD_E_MSGSIZE);
    cr_expect_eq(jd_buf_append(&b, bytes, SIZE_MAX), JOBD_E_MSGSIZE);
    cr_expect_eq(jd_buf_used(&b), 0u);
    cr_expect_eq(jd_buf_append(&b, bytes, 1000), 0);
    cr_expect_eq(jd_buf_append(&b, bytes, 1), JOBD_E_MSGSIZE);
    cr_expect_null(jd_buf_reserve(&b, 1));
    cr_expect_eq(jd_buf_used(&b), 1000u);
    jd_buf_consume(&b, 1);
    cr_expect_eq(jd_buf_append(&b, bytes, 1), 0, "what was read makes room");
    cr_expect_leq(b.cap, 1000u);
    jd_buf_free(&b);
}

// A little read, a lot left, and just enough room once the rest has moved.
Test(buf, moves_when_it_cannot_grow) {
    static const char bytes[1000];
    struct jd_buf b;
    jd_buf_init(&b, 1000);
    cr_assert_eq(jd_buf_append(&b, bytes, 900), 0);
    jd_buf_consume(&b, 100);
    cr_expect_eq(jd_buf_append(&b, bytes, 150), 0);
    cr_expect_eq(jd_buf_used(&b), 950u);
    jd_buf_free(&b);
}

Test(buf, compacts_before_it_grows) {
    static const char bytes[200];
    struct jd_buf b;
    jd_buf_init(&b, 100000);
    cr_assert_eq(jd_buf_append(&b, bytes, 200), 0);
    const size_t cap = b.cap;
    for (int i = 0; i < 100; i++) {
        jd_buf_consume(&b, 150);
        cr_assert_eq(jd_buf_append(&b, bytes, 150), 0);
        cr_assert_eq(b.cap, cap);
    }
    jd_buf_free(&b);
}

Test(buf, steady_use_keeps_its_memory) {
    static const char bytes[500];
    struct jd_buf b;
    jd_buf_init(&b, 100000);
    cr_assert_eq(jd_buf_append(&b, bytes, sizeof bytes), 0);
    jd_buf_consume(&b, sizeof bytes);
    const uint8_t *data = b.data;
    jd_mem_fail_nth(1);
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(jd_buf_append(&b, bytes, sizeof bytes), 0);
        jd_buf_consume(&b, sizeof bytes);
    }
    jd_mem_fail_nth(0);
    cr_expect_eq(b.data, data);
    jd_buf_free(&b);
}

Test(buf, a_burst_gives_its_memory_back) {
    struct jd_buf b;
    jd_buf_init(&b, 10u << 20);
    cr_assert(jd_buf_reserve(&b, 1u << 20));
    jd_buf_commit(&b, 1u << 20);
    jd_buf_consume(&b, 1u << 20);
    cr_expect_geq(b.cap, 1u << 20, "the next burst may come at once");
    cr_assert_eq(jd_buf_append(&b, "small", 5), 0);
    jd_buf_consume(&b, 5);
    cr_expect_eq(b.cap, 0u, "the bursts are over");
    jd_buf_free(&b);
}

Test(buf, a_cut_keeps_the_first_bytes) {
    struct jd_buf b;
    jd_buf_init(&b, 100);
    cr_assert_eq(jd_buf_append(&b, "abcdef", 6), 0);
    jd_buf_consume(&b, 2);
    jd_buf_cut(&b, 3);
    jobd_bytes v = jd_buf_view(&b);
    cr_expect(v.len == 3 && memcmp(v.data, "cde", 3) == 0);
    jd_buf_cut(&b, 0);
    cr_expect_eq(jd_buf_used(&b), 0u);
    jd_buf_free(&b);
}

Test(buf, consuming_more_than_is_there_is_a_bug, .signal = SIGABRT) {
    struct jd_buf b;
    jd_buf_init(&b, 100);
    cr_assert_eq(jd_buf_append(&b, "abc", 3), 0);
    jd_buf_consume(&b, 4);
}

// ---- against a model: the stream as plain offsets; byte i of it has one known value ----

static uint8_t byte_at(uint64_t i) {
    return (uint8_t)(i * 167 >> 3);
}

struct model {
    struct jd_buf b;
    uint64_t in, out; // stream offsets written and read
};

static void model_check(const struct model *m) {
    jobd_bytes v = jd_buf_view(&m->b);
    const uint8_t *p = v.data;
    cr_assert_eq(v.len, m->in - m->out);
    cr_assert_eq(v.len, jd_buf_used(&m->b));
    cr_assert_leq(m->b.cap, m->b.max);
    for (size_t i = 0; i < v.len; i++)
        cr_assert_eq(p[i], byte_at(m->out + i));
}

static void model_add(struct model *m, size_t n, bool in_place) {
    uint8_t bytes[600];
    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_at(m->in + i);
    bool fits = jd_buf_used(&m->b) + n <= m->b.max;
    if (in_place) {
        uint8_t *at = jd_buf_reserve(&m->b, n);
        cr_assert_eq(at != NULL, fits);
        if (at)
            memcpy(at, bytes, n);
        jd_buf_commit(&m->b, at ? n : 0);
    } else {
        cr_assert_eq(jd_buf_append(&m->b, bytes, n), fits ? 0 : JOBD_E_MSGSIZE);
    }
    m->in += fits ? n : 0;
}

Test(buf, behaves_as_its_model) {
    struct rng g = rng_begin("buf");
    for (int round = 0; round < 40; round++) {
        struct model m = {0};
        jd_buf_init(&m.b, 1 + rng_below(&g, 3000));
        for (int step = 0; step < 400; step++) {
            if (rng_below(&g, 2))
                model_add(&m, rng_below(&g, 600), rng_below(&g, 2));
            else {
                size_t n = rng_below(&g, jd_buf_used(&m.b) + 1);
                jd_buf_consume(&m.b, n);
                m.out += n;
            }
            model_check(&m);
        }
        jd_buf_free(&m.b);
    }
}
