// The arguments builder: msgpack-c packs, this file keeps count of what the open arrays and maps
// still want, so that finish() never hands out half a value.
#include <string.h>

#include "mem.h"
#include "pack.h"

enum { VALUE_DEPTH_MAX = 32 };

struct jobd_args {
    struct jd_buf buf;
    int err;
    unsigned depth;
    uint64_t owed[VALUE_DEPTH_MAX]; // values each open array or map still wants
};

jobd_args *jobd_args_new(void) {
    jobd_args *a = jd_zalloc(sizeof *a);
    if (a)
        jd_buf_init(&a->buf, UINT32_MAX);
    return a;
}

void jobd_args_free(jobd_args *a) {
    if (!a)
        return;
    jd_buf_free(&a->buf);
    jd_free(a);
}

void jobd_args_reset(jobd_args *a) {
    a->buf.pos = a->buf.len = 0;
    a->err = 0;
    a->depth = 0;
}

// Makes room for a scalar or a head, and n bytes after it. False = the builder has failed.
static bool make_room(jobd_args *a, size_t n, struct jd_out *out) {
    if (!a->err && n > UINT32_MAX - JD_PUT_MAX)
        a->err = JOBD_E_MSGSIZE;
    if (!a->err && !(out->at = jd_buf_reserve(&a->buf, JD_PUT_MAX + n)))
        a->err = JOBD_E_NOMEM;
    return !a->err;
}

// What was put there is one value more.
static int appended(jobd_args *a, const struct jd_out *out) {
    a->buf.len = (size_t)(out->at - a->buf.data);
    if (a->depth > 0)
        a->owed[a->depth - 1]--;
    while (a->depth > 0 && a->owed[a->depth - 1] == 0)
        a->depth--;
    return 0;
}

#define APPEND(a, n_bytes, put)                                                                    \
    do {                                                                                           \
        struct jd_out out;                                                                         \
        if (!make_room((a), (n_bytes), &out))                                                      \
            return (a)->err;                                                                       \
        put;                                                                                       \
        return appended((a), &out);                                                                \
    } while (0)

int jobd_args_nil(jobd_args *a) {
    APPEND(a, 0, jd_put_nil(&out));
}

int jobd_args_bool(jobd_args *a, bool v) {
    APPEND(a, 0, v ? jd_put_true(&out) : jd_put_false(&out));
}

int jobd_args_i64(jobd_args *a, int64_t v) {
    APPEND(a, 0, jd_put_int64(&out, v));
}

int jobd_args_u64(jobd_args *a, uint64_t v) {
    APPEND(a, 0, jd_put_uint64(&out, v));
}

int jobd_args_f64(jobd_args *a, double v) {
    APPEND(a, 0, jd_put_double(&out, v));
}

int jobd_args_str(jobd_args *a, const char *s) {
    if (!s)
        return a->err = a->err ? a->err : JOBD_E_INVAL;
    jobd_bytes v = {s, strlen(s)};
    APPEND(a, v.len, (jd_put_str(&out, v.len), jd_put_bytes(&out, v)));
}

int jobd_args_bin(jobd_args *a, jobd_bytes b) {
    APPEND(a, b.len, (jd_put_bin(&out, b.len), jd_put_bytes(&out, b)));
}

// Opens a container of n values, whose head is in out already.
static int opened(jobd_args *a, const struct jd_out *out, uint64_t n) {
    if (n == 0)
        return appended(a, out);
    if (a->depth == VALUE_DEPTH_MAX)
        return a->err = JOBD_E_LIMIT;
    a->buf.len = (size_t)(out->at - a->buf.data);
    if (a->depth > 0)
        a->owed[a->depth - 1]--;
    a->owed[a->depth++] = n;
    return 0;
}

int jobd_args_array(jobd_args *a, uint32_t n) {
    struct jd_out out;
    if (!make_room(a, 0, &out))
        return a->err;
    jd_put_array(&out, n);
    return opened(a, &out, n);
}

int jobd_args_map(jobd_args *a, uint32_t n) {
    struct jd_out out;
    if (!make_room(a, 0, &out))
        return a->err;
    jd_put_map(&out, n);
    return opened(a, &out, (uint64_t)n * 2);
}

int jobd_args_finish(jobd_args *a, jobd_bytes *ret) {
    if (a->err)
        return a->err;
    if (a->depth > 0)
        return JOBD_E_STATE;
    *ret = jd_buf_view(&a->buf);
    return 0;
}
