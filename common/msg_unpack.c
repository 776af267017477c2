// Payload -> message. The code per body is generated from the field tables in proto.h; every
// field's type and range is checked here and nowhere later.
#include <string.h>

#include "msg.h"

static inline bool get_U64(jobd_reader *r, uint64_t limit, uint64_t *ret) {
    return jobd_read_u64(r, ret) == 0 && (limit == 0 || *ret <= limit);
}
static inline bool get_BOOL(jobd_reader *r, uint64_t limit, bool *ret) {
    (void)limit;
    return jobd_read_bool(r, ret) == 0;
}
static inline bool get_F64(jobd_reader *r, uint64_t limit, double *ret) {
    (void)limit;
    return jobd_read_f64(r, ret) == 0;
}
static inline bool get_STR(jobd_reader *r, uint64_t limit, jobd_bytes *ret) {
    return jobd_read_str(r, ret) == 0 && (limit == 0 || ret->len <= limit);
}
static inline bool get_BIN(jobd_reader *r, uint64_t limit, jobd_bytes *ret) {
    return jobd_read_bin(r, ret) == 0 && (limit == 0 || ret->len <= limit);
}
static inline bool get_RAW(jobd_reader *r, uint64_t limit, jobd_bytes *ret) {
    (void)limit;
    return jobd_read_raw(r, ret) == 0;
}

#define GET(KIND, name, limit)                                                                     \
    if (i++ < n && !get_##KIND(r, limit, &v->name))                                                \
        return false;
#define X(NAME, name, need)                                                                        \
    static bool get_##name(jobd_reader *r, struct jd_##name *v) {                                  \
        uint32_t n, i = 0;                                                                         \
        memset(v, 0, sizeof *v);                                                                   \
        if (jobd_read_array(r, &n) < 0 || n < (need))                                              \
            return false;                                                                          \
        JD_FIELDS_##NAME(GET) for (; i < n; i++) if (jobd_read_skip(r) < 0) return false;          \
        return true;                                                                               \
    }
JD_BODY_MAP(X)
#undef X

static bool get_body(jobd_reader *r, enum jd_body body, struct jd_msg *msg) {
    switch (body) {
    case JD_BODY_NONE:
        return jobd_read_skip(r) == 0;
#define X(NAME, name, need)                                                                        \
    case JD_BODY_##NAME:                                                                           \
        return get_##name(r, &msg->u.name);
        JD_BODY_MAP(X)
#undef X
    }
    JD_UNREACHABLE();
}

static int unpack_op(jobd_reader *r, struct jd_msg *msg) {
    uint64_t op;
    if (jobd_read_u64(r, &op) < 0 || op > UINT16_MAX)
        return JOBD_E_PROTO;
    msg->op = (uint16_t)op;
    if (!jd_op_known(msg->op) || jd_op_shape(msg->op) != (enum jd_shape)msg->shape)
        return JOBD_E_NOTSUP;
    return get_body(r, jd_op_body(msg->op), msg) ? 0 : JOBD_E_PROTO;
}

static int unpack_reply(jobd_reader *r, struct jd_msg *msg) {
    if (jobd_read_type(r) == JOBD_T_NIL) {
        jobd_read_nil(r);
        return jobd_read_raw(r, &msg->raw);
    }
    uint32_t n;
    int64_t error = 0;
    if (jobd_read_array(r, &n) < 0 || n < 2 || jobd_read_i64(r, &error) < 0)
        return JOBD_E_PROTO;
    if (error >= 0 || error < INT32_MIN || jobd_read_str(r, &msg->text) < 0)
        return JOBD_E_PROTO;
    msg->error = (int)error;
    return 0;
}

int jd_msg_unpack(jobd_bytes payload, struct jd_msg *ret) {
    jobd_reader r = jobd_reader_of(payload);
    uint32_t n;
    uint64_t shape, id = 0;
    ret->error = 0;
    ret->op = 0;
    if (jobd_read_array(&r, &n) < 0 || jobd_read_u64(&r, &shape) < 0 || shape > JD_EVENT)
        return JOBD_E_PROTO;
    ret->shape = (uint8_t)shape;
    if (n < (shape == JD_EVENT ? 3u : 4u))
        return JOBD_E_PROTO;
    if (shape != JD_EVENT && (jobd_read_u64(&r, &id) < 0 || id > UINT32_MAX))
        return JOBD_E_PROTO;
    ret->id = (uint32_t)id;
    return shape == JD_REPLY ? unpack_reply(&r, ret) : unpack_op(&r, ret);
}

int jd_msg_unpack_reply(struct jd_msg *msg) {
    jobd_reader r = jobd_reader_of(msg->raw);
    return get_body(&r, jd_op_reply(msg->op), msg) ? 0 : JOBD_E_PROTO;
}
