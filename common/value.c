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

// After a value was appended: r is the packer's answer.
static int appended(jobd_args *a, int r) {
    if (r && !a->err)
        a->err = r < 0 && r >= JOBD_E_QCLOSED ? r : JOBD_E_NOMEM;
    if (a->err)
        return a->err;
    if (a->depth > 0)
        a->owed[a->depth - 1]--;
    while (a->depth > 0 && a->owed[a->depth - 1] == 0)
        a->depth--;
    return 0;
}

#define APPEND(a, call)                                                                            \
    do {                                                                                           \
        if ((a)->err)                                                                              \
            return (a)->err;                                                                       \
        msgpack_packer pk = jd_packer_of(&(a)->buf);                                               \
        return appended((a), (call));                                                              \
    } while (0)

int jobd_args_nil(jobd_args *a) {
    APPEND(a, msgpack_pack_nil(&pk));
}

int jobd_args_bool(jobd_args *a, bool v) {
    APPEND(a, v ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk));
}

int jobd_args_i64(jobd_args *a, int64_t v) {
    APPEND(a, msgpack_pack_int64(&pk, v));
}

int jobd_args_u64(jobd_args *a, uint64_t v) {
    APPEND(a, msgpack_pack_uint64(&pk, v));
}

int jobd_args_f64(jobd_args *a, double v) {
    APPEND(a, msgpack_pack_double(&pk, v));
}

int jobd_args_str(jobd_args *a, const char *s) {
    if (!s)
        return a->err = a->err ? a->err : JOBD_E_INVAL;
    APPEND(a, jd_pack_str(&pk, (jobd_bytes){s, strlen(s)}));
}

int jobd_args_bin(jobd_args *a, jobd_bytes b) {
    APPEND(a, jd_pack_bin(&pk, b));
}

// Opens a container of n values, whose head the packer has just written.
static int opened(jobd_args *a, int r, uint64_t n) {
    if (r && !a->err)
        a->err = JOBD_E_NOMEM;
    if (!a->err && n > 0 && a->depth == VALUE_DEPTH_MAX)
        a->err = JOBD_E_LIMIT;
    if (a->err)
        return a->err;
    if (n == 0)
        return appended(a, 0);
    if (a->depth > 0)
        a->owed[a->depth - 1]--;
    a->owed[a->depth++] = n;
    return 0;
}

int jobd_args_array(jobd_args *a, uint32_t n) {
    if (a->err)
        return a->err;
    msgpack_packer pk = jd_packer_of(&a->buf);
    return opened(a, msgpack_pack_array(&pk, n), n);
}

int jobd_args_map(jobd_args *a, uint32_t n) {
    if (a->err)
        return a->err;
    msgpack_packer pk = jd_packer_of(&a->buf);
    return opened(a, msgpack_pack_map(&pk, n), (uint64_t)n * 2);
}

int jobd_args_finish(jobd_args *a, jobd_bytes *ret) {
    if (a->err)
        return a->err;
    if (a->depth > 0)
        return JOBD_E_STATE;
    *ret = jd_buf_view(&a->buf);
    return 0;
}
