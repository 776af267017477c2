// Message -> frame. The code per body is generated from the field tables in proto.h.
#include <string.h>

#include "frame.h"
#include "msg.h"
#include "pack.h"

static inline bool set_U64(uint64_t v) {
    return v != 0;
}
static inline bool set_BOOL(bool v) {
    return v;
}
static inline bool set_F64(double v) {
    return v != 0.0;
}
static inline bool set_STR(jobd_bytes v) {
    return v.len != 0;
}
#define set_BIN set_STR
#define set_RAW set_STR

static inline int put_U64(msgpack_packer *pk, uint64_t v) {
    return msgpack_pack_uint64(pk, v);
}
static inline int put_BOOL(msgpack_packer *pk, bool v) {
    return v ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
}
static inline int put_F64(msgpack_packer *pk, double v) {
    return msgpack_pack_double(pk, v);
}
#define put_STR jd_pack_str
#define put_BIN jd_pack_bin
static inline int put_RAW(msgpack_packer *pk, jobd_bytes v) {
    return v.len ? jd_pack_write_long((struct jd_buf *)pk->data, v) : msgpack_pack_array(pk, 0);
}

// How many fields to write: the needed ones, and up to the last that is not at its default.
#define COUNT(KIND, name, limit)                                                                   \
    i++;                                                                                           \
    if (i > n && set_##KIND(v->name))                                                              \
        n = i;
#define PUT(KIND, name, limit)                                                                     \
    if (i++ < n && (r = put_##KIND(pk, v->name)) != 0)                                             \
        return r;
#define X(NAME, name, need)                                                                        \
    static int pack_##name(msgpack_packer *pk, const struct jd_##name *v) {                        \
        unsigned i = 0, n = need;                                                                  \
        JD_FIELDS_##NAME(COUNT) int r = msgpack_pack_array(pk, n);                                 \
        if (r)                                                                                     \
            return r;                                                                              \
        i = 0;                                                                                     \
        JD_FIELDS_##NAME(PUT) return 0;                                                            \
    }
JD_BODY_MAP(X)
#undef X

static int pack_body(msgpack_packer *pk, enum jd_body body, const struct jd_msg *msg) {
    switch (body) {
    case JD_BODY_NONE:
        return msg->shape == JD_REPLY ? msgpack_pack_nil(pk) : msgpack_pack_array(pk, 0);
#define X(NAME, name, need)                                                                        \
    case JD_BODY_##NAME:                                                                           \
        return pack_##name(pk, &msg->u.name);
        JD_BODY_MAP(X)
#undef X
    }
    JD_UNREACHABLE();
}

static int pack_error(msgpack_packer *pk, const struct jd_msg *msg) {
    jobd_bytes text = {msg->text.data, JD_MIN(msg->text.len, (size_t)JD_TEXT_MAX)};
    int r = msgpack_pack_array(pk, 2);
    r = r ? r : msgpack_pack_int(pk, msg->error);
    r = r ? r : jd_pack_str(pk, text);
    return r ? r : msgpack_pack_nil(pk);
}

static int pack_message(msgpack_packer *pk, const struct jd_msg *msg) {
    int r = msgpack_pack_array(pk, msg->shape == JD_EVENT ? 3 : 4);
    r = r ? r : msgpack_pack_uint8(pk, msg->shape);
    if (!r && msg->shape != JD_EVENT)
        r = msgpack_pack_uint32(pk, msg->id);
    if (!r && msg->shape != JD_REPLY)
        r = msgpack_pack_uint16(pk, msg->op);
    if (r)
        return r;
    if (msg->shape != JD_REPLY)
        return pack_body(pk, jd_op_body(msg->op), msg);
    if (msg->error)
        return pack_error(pk, msg);
    r = msgpack_pack_nil(pk);
    return r ? r : pack_body(pk, jd_op_reply(msg->op), msg);
}

int jd_msg_pack(struct jd_buf *b, size_t max_payload, const struct jd_msg *msg) {
    int64_t begin = jd_frame_begin(b);
    if (begin < 0)
        return (int)begin;
    msgpack_packer pk = jd_packer_of(b);
    return jd_frame_finish(b, begin, max_payload, pack_message(&pk, msg));
}
