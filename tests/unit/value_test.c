// The builder and the reader, against each other and against broken input.
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "guard.h"
#include "random_value.h"

static jobd_bytes finished(jobd_args *a) {
    jobd_bytes v = {NULL, 0};
    cr_assert_eq(jobd_args_finish(a, &v), 0);
    cr_assert_eq(jd_check(v, NULL), 0);
    return v;
}

static const int64_t signed_edges[] = {INT64_MIN,
                                       INT64_MIN + 1,
                                       INT32_MIN - 1LL,
                                       INT32_MIN,
                                       -32769,
                                       -32768,
                                       -129,
                                       -128,
                                       -33,
                                       -32,
                                       -1,
                                       0,
                                       1,
                                       127,
                                       128,
                                       255,
                                       256,
                                       32767,
                                       32768,
                                       65535,
                                       65536,
                                       INT32_MAX,
                                       INT32_MAX + 1LL,
                                       UINT32_MAX,
                                       UINT32_MAX + 1LL,
                                       INT64_MAX - 1,
                                       INT64_MAX};

Test(value, integers_at_every_boundary) {
    jobd_args *a = jobd_args_new();
    for (size_t i = 0; i < JD_LEN(signed_edges); i++) {
        int64_t v = signed_edges[i], got = ~v;
        uint64_t unsigned_got = 77;
        jobd_args_reset(a);
        cr_assert_eq(jobd_args_i64(a, v), 0);
        jobd_reader r = jobd_reader_of(finished(a)), again = r;
        cr_expect_eq(jobd_read_type(&r), JOBD_T_INT);
        cr_expect_eq(jobd_read_i64(&r, &got), 0);
        cr_expect_eq(got, v);
        cr_expect_eq(r.pos, r.end);
        cr_expect_eq(jobd_read_u64(&again, &unsigned_got), v < 0 ? JOBD_E_PROTO : 0);
        cr_expect_eq(unsigned_got, v < 0 ? 77 : (uint64_t)v, "written only on success");
    }
    const uint64_t large[] = {INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    for (size_t i = 0; i < JD_LEN(large); i++) {
        uint64_t got = 0;
        int64_t signed_got = 77;
        jobd_args_reset(a);
        cr_assert_eq(jobd_args_u64(a, large[i]), 0);
        jobd_reader r = jobd_reader_of(finished(a)), again = r;
        cr_expect_eq(jobd_read_u64(&r, &got), 0);
        cr_expect_eq(got, large[i]);
        cr_expect_eq(jobd_read_i64(&again, &signed_got), large[i] > INT64_MAX ? JOBD_E_PROTO : 0);
        cr_expect_eq(signed_got, large[i] > INT64_MAX ? 77 : INT64_MAX);
    }
    jobd_args_free(a);
}

Test(value, every_bit_of_a_double_arrives) {
    static const uint64_t bits[] = {0,
                                    0x8000000000000000,
                                    0x3ff0000000000000,
                                    1,
                                    0x000fffffffffffff,
                                    0x7fefffffffffffff,
                                    0x7ff0000000000000, // infinity
                                    0xfff0000000000000,
                                    0x7ff8000000000000,
                                    0x7ff0000000000001, // NaNs
                                    0xfff8dead0000beef,
                                    0xffffffffffffffff,
                                    0x7ff4000000000000};
    jobd_args *a = jobd_args_new();
    for (size_t i = 0; i < JD_LEN(bits); i++) {
        double v, got = 0;
        memcpy(&v, &bits[i], sizeof v);
        jobd_args_reset(a);
        cr_assert_eq(jobd_args_f64(a, v), 0);
        jobd_reader r = jobd_reader_of(finished(a));
        cr_expect_eq(jobd_read_type(&r), JOBD_T_FLOAT);
        cr_expect_eq(jobd_read_f64(&r, &got), 0);
        cr_expect_eq(memcmp(&got, &bits[i], sizeof got), 0, "%016lx", (unsigned long)bits[i]);
    }
    jobd_args_free(a);
}

static double read_f64_of(const char *bytes, size_t n) {
    jobd_reader r = jobd_reader_of((jobd_bytes){bytes, n});
    double v = NAN;
    cr_expect_eq(jobd_read_f64(&r, &v), 0);
    cr_expect_eq(r.pos, r.end);
    return v;
}

Test(value, a_double_is_read_from_any_number) {
    cr_expect_eq(read_f64_of("\xca\x3f\xc0\x00\x00", 5), 1.5);
    cr_expect_eq(read_f64_of("\x07", 1), 7.0);
    cr_expect_eq(read_f64_of("\xff", 1), -1.0);
    cr_expect_eq(read_f64_of("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9), -9223372036854775808.0);
    cr_expect_eq(read_f64_of("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9), 18446744073709551616.0);
}

Test(value, text_bytes_and_containers) {
    static char big[70000];
    memset(big, 'x', sizeof big - 1);
    jobd_args *a = jobd_args_new();
    jobd_args_map(a, 2);
    jobd_args_str(a, "k");
    jobd_args_array(a, 4);
    jobd_args_nil(a);
    jobd_args_bool(a, true);
    jobd_args_bool(a, false);
    jobd_args_array(a, 0);
    jobd_args_str(a, "");
    jobd_args_array(a, 2);
    jobd_args_bin(a, (jobd_bytes){"\0\1", 2});
    jobd_args_str(a, big);
    jobd_reader r = jobd_reader_of(finished(a));
    uint32_t n = 0;
    bool yes = false, no = true;
    jobd_bytes key, empty, bin, text;
    cr_expect(jobd_read_map(&r, &n) == 0 && n == 2);
    cr_expect(jobd_read_str(&r, &key) == 0 && key.len == 1 && *(const char *)key.data == 'k');
    cr_expect(jobd_read_array(&r, &n) == 0 && n == 4);
    cr_expect_eq(jobd_read_nil(&r), 0);
    cr_expect(jobd_read_bool(&r, &yes) == 0 && yes);
    cr_expect(jobd_read_bool(&r, &no) == 0 && !no);
    cr_expect(jobd_read_array(&r, &n) == 0 && n == 0);
    cr_expect(jobd_read_str(&r, &empty) == 0 && empty.len == 0);
    cr_expect(jobd_read_array(&r, &n) == 0 && n == 2);
    cr_expect(jobd_read_bin(&r, &bin) == 0 && bin.len == 2 && memcmp(bin.data, "\0\1", 2) == 0);
    cr_expect(jobd_read_str(&r, &text) == 0 && text.len == sizeof big - 1);
    cr_expect_eq(jobd_read_type(&r), JOBD_T_END);
    jobd_args_free(a);
}

// ---- the builder's promises ----

Test(value, finish_never_hands_out_half_a_value) {
    jobd_args *a = jobd_args_new();
    jobd_bytes v = {NULL, 99};
    jobd_args_array(a, 2);
    cr_expect_eq(jobd_args_finish(a, &v), JOBD_E_STATE);
    jobd_args_map(a, 1);
    jobd_args_nil(a);
    cr_expect_eq(jobd_args_finish(a, &v), JOBD_E_STATE);
    jobd_args_nil(a);
    cr_expect_eq(jobd_args_finish(a, &v), JOBD_E_STATE);
    cr_expect_eq(v.len, 99u, "written only on success");
    jobd_args_nil(a);
    cr_expect_eq(jobd_args_finish(a, &v), 0, "STATE does not stick");
    cr_expect_eq(v.len, 5u);
    jobd_args_free(a);
    jobd_args_free(NULL);
}

Test(value, errors_stick_until_reset) {
    jobd_args *a = jobd_args_new();
    jobd_bytes v;
    cr_expect_eq(jobd_args_str(a, NULL), JOBD_E_INVAL);
    cr_expect_eq(jobd_args_i64(a, 1), JOBD_E_INVAL);
    cr_expect_eq(jobd_args_array(a, 1), JOBD_E_INVAL);
    cr_expect_eq(jobd_args_finish(a, &v), JOBD_E_INVAL);
    jobd_args_reset(a);
    cr_expect_eq(jobd_args_bin(a, (jobd_bytes){"x", (size_t)1 << 32}), JOBD_E_MSGSIZE);
    cr_expect_eq(jobd_args_str(a, NULL), JOBD_E_MSGSIZE, "the first one");
    jobd_args_reset(a);
    cr_expect_eq(jobd_args_bin(a, (jobd_bytes){"x", SIZE_MAX}), JOBD_E_MSGSIZE);
    jobd_args_reset(a);
    cr_expect_eq(jobd_args_nil(a), 0);
    cr_expect_eq(finished(a).len, 1u);
    jobd_args_free(a);
}

Test(value, nesting_ends_at_thirty_two) {
    jobd_args *a = jobd_args_new();
    jobd_bytes v;
    for (int i = 0; i < 32; i++)
        cr_expect_eq(i % 2 ? jobd_args_map(a, 1) : jobd_args_array(a, 1), 0);
    cr_expect_eq(jobd_args_array(a, 0), 0, "an empty one opens nothing");
    jobd_args_reset(a);
    for (int i = 0; i < 32; i++)
        jobd_args_array(a, 1);
    cr_expect_eq(jobd_args_array(a, 1), JOBD_E_LIMIT);
    cr_expect_eq(jobd_args_finish(a, &v), JOBD_E_LIMIT);
    jobd_args_free(a);
}

Test(value, reset_keeps_the_memory) {
    jobd_args *a = jobd_args_new();
    const void *data = NULL;
    for (int i = 0; i < 100; i++) {
        jobd_args_reset(a);
        jobd_args_str(a, "the same bytes, again and again");
        jobd_bytes v = finished(a);
        cr_expect(!data || v.data == data);
        data = v.data;
    }
    jobd_args_free(a);
}

// ---- the reader's promises ----

// Every reading function, called on a cursor; what it may write to is poisoned before.
static int read_as(jobd_reader *r, int which) {
    bool flag;
    int64_t i = 7;
    uint64_t u = 7;
    double d = 7;
    uint32_t n = 7;
    jobd_bytes b = {"", 7};
    const jobd_reader before = *r;
    int err = 0;
    switch (which) {
    case 0:
        err = jobd_read_nil(r);
        break;
    case 1:
        err = jobd_read_bool(r, &flag);
        break;
    case 2:
        err = jobd_read_i64(r, &i);
        break;
    case 3:
        err = jobd_read_u64(r, &u);
        break;
    case 4:
        err = jobd_read_f64(r, &d);
        break;
    case 5:
        err = jobd_read_str(r, &b);
        break;
    case 6:
        err = jobd_read_bin(r, &b);
        break;
    case 7:
        err = jobd_read_array(r, &n);
        break;
    case 8:
        err = jobd_read_map(r, &n);
        break;
    case 9:
        err = jobd_read_skip(r);
        break;
    default:
        err = jobd_read_raw(r, &b);
    }
    cr_assert_eq(err, r->err);
    cr_assert(err == 0 || err == JOBD_E_PROTO);
    cr_assert_eq(r->end, before.end);
    if (err) {
        cr_assert(i == 7 && u == 7 && d == 7 && n == 7 && b.len == 7, "written on failure");
        cr_assert_eq(r->pos, r->end, "a failed cursor is empty");
    } else {
        cr_assert(r->pos > before.pos && r->pos <= r->end);
    }
    return err;
}
enum { N_READS = 11 };

Test(value, another_type_fails_and_the_failure_sticks) {
    static const struct {
        const char *bytes;
        size_t n;
        unsigned may; // bit i: read_as(i) reads it
        jobd_type type;
    } values[] = {
        {"\xc0", 1, 1u << 0, JOBD_T_NIL},
        {"\xc3", 1, 1u << 1, JOBD_T_BOOL},
        {"\x05", 1, 1u << 2 | 1u << 3 | 1u << 4, JOBD_T_INT},
        {"\xfb", 1, 1u << 2 | 1u << 4, JOBD_T_INT},
        {"\xcb\0\0\0\0\0\0\0\0", 9, 1u << 4, JOBD_T_FLOAT},
        {"\xca\0\0\0\0", 5, 1u << 4, JOBD_T_FLOAT},
        {"\xa1x", 2, 1u << 5, JOBD_T_STR},
        {"\xc4\1x", 3, 1u << 6, JOBD_T_BIN},
        {"\x91\xc0", 2, 1u << 7, JOBD_T_ARRAY},
        {"\x81\xc0\xc0", 3, 1u << 8, JOBD_T_MAP},
    };
    for (size_t v = 0; v < JD_LEN(values); v++)
        for (int which = 0; which < N_READS; which++) {
            jobd_reader r = jobd_reader_of((jobd_bytes){values[v].bytes, values[v].n});
            cr_assert_eq(jobd_read_type(&r), values[v].type);
            bool may = which >= 9 || values[v].may >> which & 1;
            cr_assert_eq(read_as(&r, which) == 0, may, "value %zu, read %d", v, which);
            if (may)
                continue;
            cr_assert_eq(jobd_read_type(&r), JOBD_T_END);
            for (int i = 0; i < N_READS; i++)
                cr_assert_eq(read_as(&r, i), JOBD_E_PROTO);
        }
}

Test(value, extensions_and_the_unused_byte_are_refused) {
    static const uint8_t heads[] = {0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8};
    for (size_t h = 0; h < sizeof heads; h++)
        for (int which = 0; which < N_READS; which++) {
            const uint8_t bytes[20] = {heads[h]};
            jobd_reader r = jobd_reader_of((jobd_bytes){bytes, sizeof bytes});
            cr_expect_eq(jobd_read_type(&r), JOBD_T_OTHER);
            cr_expect_eq(read_as(&r, which), JOBD_E_PROTO);
        }
}

Test(value, an_empty_cursor_has_nothing) {
    for (int which = 0; which < N_READS; which++) {
        jobd_reader r = jobd_reader_of((jobd_bytes){NULL, 0});
        cr_expect_eq(jobd_read_type(&r), JOBD_T_END);
        cr_expect_eq(read_as(&r, which), JOBD_E_PROTO);
    }
}

// Each truncation in a block of exactly its size, so that the sanitizer sees one byte too far.
Test(value, every_truncation_is_refused) {
    struct rng g = rng_begin("value");
    struct jd_buf b;
    jd_buf_init(&b, 1u << 26);
    for (int round = 0; round < 300; round++) {
        jd_buf_consume(&b, jd_buf_used(&b));
        random_value(&g, &b, 3);
        jobd_bytes v = jd_buf_view(&b);
        for (size_t n = 0; n < JD_MIN(v.len, (size_t)200); n++) {
            uint8_t *cut = malloc(n ? n : 1);
            memcpy(cut, v.data, n);
            for (int which = 0; which < N_READS; which++) {
                jobd_reader r = jobd_reader_of((jobd_bytes){cut, n});
                int err = read_as(&r, which); // the head of a container may still be whole
                cr_assert(err || which == 7 || which == 8, "read %d", which);
            }
            free(cut);
        }
    }
    jd_buf_free(&b);
}

Test(value, counts_above_the_bytes_left_are_refused) {
    uint32_t n = 0;
    jobd_reader r = jobd_reader_of((jobd_bytes){"\x93\xc0\xc0", 3});
    cr_expect_eq(jobd_read_array(&r, &n), JOBD_E_PROTO);
    r = jobd_reader_of((jobd_bytes){"\x82\xc0\xc0\xc0", 4});
    cr_expect_eq(jobd_read_map(&r, &n), JOBD_E_PROTO, "two pairs are four values");
    r = jobd_reader_of((jobd_bytes){"\xdf\x80\x00\x00\x00", 5});
    cr_expect_eq(jobd_read_map(&r, &n), JOBD_E_PROTO);
    r = jobd_reader_of((jobd_bytes){"\xdd\x10\x00\x00\x00", 5});
    cr_expect_eq(jobd_read_array(&r, &n), JOBD_E_PROTO);
    cr_expect_eq(n, 0u);
}

Test(value, skip_and_raw_take_one_whole_value) {
    const char *bytes = "\x92\x01\x81\xa1k\x90\x05";
    jobd_reader r = jobd_reader_of((jobd_bytes){bytes, 7});
    jobd_bytes raw;
    cr_expect_eq(jobd_read_raw(&r, &raw), 0);
    cr_expect(raw.data == bytes && raw.len == 6);
    cr_expect_eq(jobd_read_skip(&r), 0);
    cr_expect_eq(r.pos, r.end);
}

Test(value, skip_does_not_recurse) {
    enum { DEEP = 5000000 };
    uint8_t *bytes = malloc(DEEP + 1);
    memset(bytes, 0x91, DEEP);
    bytes[DEEP] = 0xc0;
    jobd_reader r = jobd_reader_of((jobd_bytes){bytes, DEEP + 1});
    cr_expect_eq(jobd_read_skip(&r), 0);
    cr_expect_eq(r.pos, r.end);
    free(bytes);
}
