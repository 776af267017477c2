// Values between msgpack and JSON.
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "mem.h"
#include "random_value.h"

static const char *text_of(const json_t *v) {
    static char text[4096];
    FILE *out = fmemopen(text, sizeof(text), "w");
    ctl_json_write(out, v);
    fclose(out);
    return text;
}

static json_t *json_from(const char *text) {
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    cr_assert_not_null(v, "%s", text);
    return v;
}

// JSON to msgpack and back.
static void expect_there_and_back(const char *text, const char *expected) {
    jobd_args *a = jobd_args_new();
    jobd_bytes bytes;
    json_t *v = json_from(text), *back;
    cr_assert_eq(ctl_json_build(v, a), 0, "%s", text);
    cr_assert_eq(jobd_args_finish(a, &bytes), 0, "%s", text);
    cr_assert_eq(ctl_json_of(bytes, &back), 0, "%s", text);
    cr_expect_str_eq(text_of(back), expected);
    json_decref(back);
    json_decref(v);
    jobd_args_free(a);
}

Test(json, there_and_back) {
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "0.5",
        "-0.0",
        "1.0",
        "0.10000000000000001",
        "1.0007851925466296",
        "4.9406564584124654e-324",
        "\"\"",
        "\"text\"",
        "\"gr\xc3\xbc\xc3\x9f\"",
        "\"\\\"\\\\\\n\\u0001\"",
        "[]",
        "{}",
        "[1,[2,[3]]]",
        "{\"a\":1,\"b\":{\"c\":[null,true]}}",
        "{\"$bin\":\"AAEC\"}",
        "{\"$bin\":\"\"}",
        "{\"$u64\":\"18446744073709551615\"}",
        "{\"$bin\":1}",
        "{\"$bin\":\"AAEC\",\"x\":1}",
    };
    for (size_t i = 0; i < JD_LEN(same); i++)
        expect_there_and_back(same[i], same[i]);
    expect_there_and_back("1e2", "100.0");
    expect_there_and_back("{\"$u64\":\"5\"}", "5");
}

static int build_error(const char *text) {
    jobd_args *a = jobd_args_new();
    json_t *v = json_from(text);
    int r = ctl_json_build(v, a);
    json_decref(v);
    jobd_args_free(a);
    return r;
}

Test(json, bad_forms_are_refused) {
    cr_expect_eq(build_error("{\"$bin\":\"A\"}"), JOBD_E_INVAL);
    cr_expect_eq(build_error("{\"$bin\":\"AA==AA==\"}"), JOBD_E_INVAL);
    cr_expect_eq(build_error("{\"$u64\":\"\"}"), JOBD_E_INVAL);
    cr_expect_eq(build_error("{\"$u64\":\"-1\"}"), JOBD_E_INVAL);
    cr_expect_eq(build_error("{\"$u64\":\"18446744073709551616\"}"), JOBD_E_INVAL);
    cr_expect_eq(build_error("[1,{\"$u64\":\"x\"}]"), JOBD_E_INVAL);
}

Test(json, deep_arguments_meet_the_limit) {
    char text[256] = "";
    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    cr_expect_eq(build_error(text), JOBD_E_LIMIT);
}

static int read_bytes(const void *data, size_t n, json_t **ret) {
    return ctl_json_of((jobd_bytes){data, n}, ret);
}

static void expect_read(const void *data, size_t n, const char *expected) {
    json_t *v;
    cr_assert_eq(read_bytes(data, n, &v), 0, "%s", expected);
    cr_expect_str_eq(text_of(v), expected);
    json_decref(v);
}

Test(json, what_msgpack_has_and_json_has_not) {
    expect_read("", 0, "null");
    expect_read("\xcb\x7f\xf0\0\0\0\0\0\0", 9, "null"); // infinity
    expect_read("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "{\"$u64\":\"18446744073709551615\"}");
    expect_read("\xa2\xff\xfe", 3, "{\"$bin\":\"//4=\"}"); // str that is no UTF-8
    expect_read("\x81\x01\x02", 3, "{\"1\":2}");           // a key that is no text
    expect_read("\x81\xc4\x01\x00\x02", 5, "{\"{\\\"$bin\\\":\\\"AA==\\\"}\":2}");
    expect_read("\xa3"
                "a\0b",
                4, "\"a\\u0000b\"");
}

Test(json, broken_values_are_refused) {
    json_t *v = NULL;
    cr_expect_eq(read_bytes("\x92\x01", 2, &v), JOBD_E_PROTO);     // one item is missing
    cr_expect_eq(read_bytes("\x01\x02", 2, &v), JOBD_E_PROTO);     // two values
    cr_expect_eq(read_bytes("\xc1", 1, &v), JOBD_E_PROTO);         // never used
    cr_expect_eq(read_bytes("\xd4\x01\x01", 3, &v), JOBD_E_PROTO); // an extension
    cr_expect_eq(read_bytes("\xdd\xff\xff\xff\xff", 5, &v), JOBD_E_PROTO);
    cr_expect_eq(read_bytes("\x82\x01\x02\xa5x", 5, &v), JOBD_E_PROTO);
    char deep[CTL_JSON_DEPTH_MAX + 2];
    memset(deep, '\x91', sizeof(deep));
    deep[sizeof(deep) - 1] = 1;
    cr_expect_eq(read_bytes(deep, sizeof(deep), &v), JOBD_E_PROTO);
    cr_expect_eq(read_bytes(deep + 1, sizeof(deep) - 1, &v), 0, "the deepest that is allowed");
    json_decref(v);
}

static void expect_stable(jobd_bytes bytes) {
    json_t *v, *again;
    jobd_args *a = jobd_args_new();
    cr_assert_eq(ctl_json_of(bytes, &v), 0);
    int r = ctl_json_build(v, a); // text with a NUL cannot be passed on
    cr_assert(r == 0 || r == JOBD_E_INVAL);
    if (r == 0) {
        jobd_bytes built;
        cr_assert_eq(jobd_args_finish(a, &built), 0);
        cr_assert_eq(ctl_json_of(built, &again), 0);
        cr_expect(json_equal(v, again));
        json_decref(again);
    }
    json_decref(v);
    jobd_args_free(a);
}

Test(json, random_values_are_stable) {
    struct rng g = rng_begin("json");
    struct jd_buf b;
    jd_buf_init(&b, 64u << 20);
    for (int i = 0; i < 2000; i++) {
        random_value(&g, &b, 4);
        expect_stable(jd_buf_view(&b));
        jd_buf_consume(&b, jd_buf_used(&b));
    }
    jd_buf_free(&b);
}

Test(json, random_bytes_never_harm) {
    struct rng g = rng_begin("json bytes");
    for (int i = 0; i < 20000; i++) {
        unsigned char bytes[24];
        size_t n = rng_below(&g, sizeof(bytes));
        for (size_t k = 0; k < n; k++)
            bytes[k] = (unsigned char)rng_u64(&g);
        json_t *v;
        if (read_bytes(bytes, n, &v) == 0)
            json_decref(v);
    }
}

Test(json, values_that_are_no_numbers_have_a_text) {
    json_t *o = json_object();
    cr_assert_eq(ctl_json_set_double(o, 0.5), 0);
    cr_expect_str_eq(text_of(o), "{\"value\":0.5}");
    cr_assert_eq(ctl_json_set_double(o, -INFINITY), 0);
    cr_expect_str_eq(text_of(o), "{\"value\":null,\"value_text\":\"-inf\"}");
    json_decref(o);
}

// ---- base 64 ----

Test(base64, known_texts) {
    static const char *const texts[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t n = 0; n < JD_LEN(texts); n++) {
        char *text = base64_encode((jobd_bytes){"foobar", n});
        cr_expect_str_eq(text, texts[n]);
        unsigned char *bytes;
        size_t n_bytes;
        cr_assert_eq(base64_decode((jobd_bytes){text, strlen(text)}, &bytes, &n_bytes), 0);
        cr_expect_eq(n_bytes, n);
        cr_expect_eq(memcmp(bytes, "foobar", n), 0);
        jd_free(bytes);
        jd_free(text);
    }
}

Test(base64, what_is_no_base64) {
    static const char *const texts[] = {"Z",    "Zg",   "Zg=",     "Z===", "====", "Zg==Zg==",
                                        "Zm=v", "Z@==", "Zm9\xff", "Zh==", "Zm9=", " Zg="};
    unsigned char *bytes;
    size_t n;
    for (size_t i = 0; i < JD_LEN(texts); i++)
        cr_expect_eq(base64_decode((jobd_bytes){texts[i], strlen(texts[i])}, &bytes, &n),
                     JOBD_E_INVAL, "%s", texts[i]);
}

Test(base64, random_bytes_come_back) {
    struct rng g = rng_begin("base64");
    for (int i = 0; i < 1000; i++) {
        unsigned char bytes[64], *back;
        size_t n = rng_below(&g, sizeof(bytes)), n_back;
        for (size_t k = 0; k < n; k++)
            bytes[k] = (unsigned char)rng_u64(&g);
        char *text = base64_encode((jobd_bytes){bytes, n});
        cr_assert_eq(base64_decode((jobd_bytes){text, strlen(text)}, &back, &n_back), 0);
        cr_assert_eq(n_back, n);
        cr_assert_eq(memcmp(back, bytes, n), 0);
        jd_free(back);
        jd_free(text);
    }
}
