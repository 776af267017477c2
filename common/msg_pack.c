// Message -> frame. The code per body is generated from the field tables in proto.h: its largest
// size first, so that room is made once, then the fields.
#include <string.h>

#include "frame.h"
#include "msg.h"
#include "pack.h"

static inline bool set_U64(uint64_t v) {
    return v != 0;
}
static inline bool set_I64(int64_t v) {
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

static inline size_t size_U64(uint64_t v) {
    (void)v;
    return JD_PUT_MAX;
}
static inline size_t size_I64(int64_t v) {
    (void)v;
    return JD_PUT_MAX;
}
static inline size_t size_BOOL(bool v) {
    return 1u + (v & 0);
}
static inline size_t size_F64(double v) {
    (void)v;
    return JD_PUT_MAX;
}
static inline size_t size_STR(jobd_bytes v) {
    return JD_PUT_MAX + v.len;
}
#define size_BIN size_STR
#define size_RAW size_STR

#define put_U64 jd_put_uint64
#define put_I64 jd_put_int64
#define put_F64 jd_put_double
static inline void put_BOOL(struct jd_out *out, bool v) {
    if (v)
        jd_put_true(out);
    else
        jd_put_false(out);
}
static inline void put_STR(struct jd_out *out, jobd_bytes v) {
    jd_put_str(out, v.len);
    jd_put_bytes(out, v);
}
static inline void put_BIN(struct jd_out *out, jobd_bytes v) {
    jd_put_bin(out, v.len);
    jd_put_bytes(out, v);
}
static inline void put_RAW(struct jd_out *out, jobd_bytes v) {
    if (v.len)
        jd_put_bytes(out, v);
    else
        jd_put_array(out, 0);
}

// How many fields to write: the needed ones, and up to the last that is not at its default.
#define COUNT(KIND, name, limit)                                                                   \
    i++;                                                                                           \
    if (i > n && set_##KIND(v->name))                                                              \
        n = i;
#define SIZE(KIND, name, limit) +size_##KIND(v->name)
#define PUT(KIND, name, limit)                                                                     \
    if (i++ < n)                                                                                   \
        put_##KIND(out, v->name);
#define X(NAME, name, need)                                                                        \
    static size_t size_of_##name(const struct jd_##name *v) {                                      \
        return JD_PUT_MAX JD_FIELDS_##NAME(SIZE);                                                  \
    }                                                                                              \
    static void put_body_##name(struct jd_out *out, const struct jd_##name *v) {                   \
        unsigned i = 0, n = need;                                                                  \
        JD_FIELDS_##NAME(COUNT) jd_put_array(out, n);                                              \
        i = 0;                                                                                     \
        JD_FIELDS_##NAME(PUT)                                                                      \
    }
JD_BODY_MAP(X)
#undef X

static size_t size_of_body(enum jd_body body, const struct jd_msg *msg) {
    switch (body) {
    case JD_BODY_NONE:
        return 1;
#define X(NAME, name, need)                                                                        \
    case JD_BODY_##NAME:                                                                           \
        return size_of_##name(&msg->u.name);
        JD_BODY_MAP(X)
#undef X
    }
    JD_UNREACHABLE();
}

static void put_body(struct jd_out *out, enum jd_body body, const struct jd_msg *msg) {
    switch (body) {
    case JD_BODY_NONE:
        if (msg->shape == JD_REPLY)
            jd_put_nil(out);
        else
            jd_put_array(out, 0);
        return;
#define X(NAME, name, need)                                                                        \
    case JD_BODY_##NAME:                                                                           \
        put_body_##name(out, &msg->u.name);                                                        \
        return;
        JD_BODY_MAP(X)
#undef X
    }
    JD_UNREACHABLE();
}

static jobd_bytes error_text(const struct jd_msg *msg) {
    return (jobd_bytes){msg->text.data, JD_MIN(msg->text.len, (size_t)JD_TEXT_MAX)};
}

static void put_message(struct jd_out *out, enum jd_body body, const struct jd_msg *msg) {
    jd_put_array(out, msg->shape == JD_EVENT ? 3 : 4);
    jd_put_uint8(out, msg->shape);
    if (msg->shape != JD_EVENT)
        jd_put_uint32(out, msg->id);
    if (msg->shape != JD_REPLY)
        jd_put_uint16(out, msg->op);
    if (msg->shape == JD_REPLY && msg->error) {
        jd_put_array(out, 2);
        jd_put_int32(out, msg->error);
        put_STR(out, error_text(msg));
        jd_put_nil(out);
        return;
    }
    if (msg->shape == JD_REPLY)
        jd_put_nil(out);
    put_body(out, body, msg);
}

int jd_msg_pack(struct jd_buf *b, size_t max_payload, const struct jd_msg *msg) {
    enum { ENVELOPE_MAX = 1 + 1 + 5 + 3 + 1 };
    bool reply = msg->shape == JD_REPLY;
    enum jd_body body = reply ? jd_op_reply(msg->op) : jd_op_body(msg->op);
    size_t bound = JD_FRAME_HEAD_BYTES + ENVELOPE_MAX;
    if (reply && msg->error)
        bound += 2 * JD_PUT_MAX + size_STR(error_text(msg));
    else
        bound += size_of_body(body, msg);
    uint8_t *at = jd_buf_reserve(b, bound);
    if (!at)
        return bound > b->max || jd_buf_used(b) > b->max - bound ? JOBD_E_MSGSIZE : JOBD_E_NOMEM;
    struct jd_out out = {at + JD_FRAME_HEAD_BYTES};
    put_message(&out, body, msg);
    size_t payload = (size_t)(out.at - at) - JD_FRAME_HEAD_BYTES;
    if (payload > max_payload)
        return JOBD_E_MSGSIZE;
    jd_frame_head(at, (uint32_t)payload);
    jd_buf_commit(b, JD_FRAME_HEAD_BYTES + payload);
    return 0;
}
