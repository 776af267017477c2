// Payload -> message. The code per body is generated from the field tables in proto.h; every
// field's type and range is checked here and nowhere later.
#include <string.h>

#include "check.h"
#include "msg.h"
#include "read.h"

static inline bool get_U64(jobd_reader *r, uint64_t limit, uint64_t *ret) {
    return jd_read_u64(r, ret) == 0 && (limit == 0 || *ret <= limit);
}
static inline bool get_I64(jobd_reader *r, uint64_t limit, int64_t *ret) {
    if (jobd_read_i64(r, ret) < 0)
        return false;
    uint64_t distance = *ret < 0 ? -(uint64_t)*ret : (uint64_t)*ret;
    return limit == 0 || distance <= limit;
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
    return jd_read_str(r, ret) == 0 && (limit == 0 || ret->len <= limit);
}
static inline bool get_BIN(jobd_reader *r, uint64_t limit, jobd_bytes *ret) {
    return jd_read_bin(r, ret) == 0 && (limit == 0 || ret->len <= limit);
}
static inline bool get_RAW(jobd_reader *r, uint64_t limit, jobd_bytes *ret) {
    (void)limit;
    size_t size = jd_check_one(r->pos, (size_t)(r->end - r->pos));
    *ret = (jobd_bytes){r->pos, size};
    r->pos += size;
    return size > 0;
}

// A value nobody here knows: a later version's.
static bool skip(jobd_reader *r) {
    jobd_bytes unknown;
    return get_RAW(r, 0, &unknown);
}

#define ONE(KIND, name, limit) +1
#define GET(KIND, name, limit)                                                                     \
    if (i++ < n && !get_##KIND(r, limit, &v->name))                                                \
        return false;
#define X(NAME, name, need)                                                                        \
    static bool get_##name(jobd_reader *r, struct jd_##name *v) {                                  \
        uint32_t n, i = 0;                                                                         \
        if (jd_read_array(r, &n) < 0 || n < (need))                                                \
            return false;                                                                          \
        if (n < 0 JD_FIELDS_##NAME(ONE))                                                           \
            memset(v, 0, sizeof *v);                                                               \
        JD_FIELDS_##NAME(GET) for (; i < n; i++) if (!skip(r)) return false;                       \
        return true;                                                                               \
    }
JD_BODY_MAP(X)
#undef X

static bool get_body(jobd_reader *r, enum jd_body body, struct jd_msg *msg) {
    switch (body) {
    case JD_BODY_NONE:
        return skip(r);
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
    if (jd_read_u64(r, &op) < 0 || op > UINT16_MAX)
        return JOBD_E_PROTO;
    msg->op = (uint16_t)op;
    if (!jd_op_known(msg->op) || jd_op_shape(msg->op) != (enum jd_shape)msg->shape)
        return JOBD_E_NOTSUP;
    enum jd_body body = jd_op_body(msg->op);
    if (body == JD_BODY_NONE && jobd_read_type(r) != JOBD_T_ARRAY)
        return JOBD_E_PROTO;
    return get_body(r, body, msg) ? 0 : JOBD_E_PROTO;
}

static int unpack_reply(jobd_reader *r, struct jd_msg *msg) {
    if (jobd_read_type(r) == JOBD_T_NIL) {
        jobd_read_nil(r);
        return get_RAW(r, 0, &msg->raw) ? 0 : JOBD_E_PROTO;
    }
    uint32_t n;
    int64_t error = 0;
    if (jobd_read_array(r, &n) < 0 || n < 2 || jobd_read_i64(r, &error) < 0)
        return JOBD_E_PROTO;
    if (error >= 0 || error < INT32_MIN || jobd_read_str(r, &msg->text) < 0)
        return JOBD_E_PROTO;
    for (uint32_t i = 2; i < n; i++)
        if (!skip(r))
            return JOBD_E_PROTO;
    msg->error = (int)error;
    return skip(r) ? 0 : JOBD_E_PROTO; // the result: nil
}

int jd_msg_unpack(jobd_bytes payload, struct jd_msg *ret) {
    jobd_reader r = {payload.data, (const unsigned char *)payload.data + payload.len, 0};
    uint32_t n, known;
    uint64_t shape, id = 0;
    ret->error = 0;
    ret->op = 0;
    if (jd_read_array(&r, &n) < 0 || jd_read_u64(&r, &shape) < 0 || shape > JD_EVENT)
        return JOBD_E_PROTO;
    ret->shape = (uint8_t)shape;
    known = shape == JD_EVENT ? 3 : 4;
    if (n < known)
        return JOBD_E_PROTO;
    if (shape != JD_EVENT && (jd_read_u64(&r, &id) < 0 || id > UINT32_MAX))
        return JOBD_E_PROTO;
    ret->id = (uint32_t)id;
    int err = shape == JD_REPLY ? unpack_reply(&r, ret) : unpack_op(&r, ret);
    if (err == JOBD_E_NOTSUP && !skip(&r))
        return JOBD_E_PROTO;
    if (err == JOBD_E_PROTO)
        return err;
    for (; known < n; known++)
        if (!skip(&r))
            return JOBD_E_PROTO;
    return r.pos == r.end ? err : JOBD_E_PROTO;
}

int jd_msg_unpack_reply(struct jd_msg *msg) {
    jobd_reader r = jobd_reader_of(msg->raw);
    return get_body(&r, jd_op_reply(msg->op), msg) ? 0 : JOBD_E_PROTO;
}
