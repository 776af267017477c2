// Tables over the operations, generated from the one map in proto.h.
#include "msg.h"

#include <string.h>

struct op_info {
    const char *name;
    uint8_t shape, body, reply;
};

static const struct op_info ops[JD_OP_END] = {
#define X(NAME, number, wire_name, shape_, body_, reply_)                                          \
    [number] = {wire_name, JD_##shape_, JD_BODY_##body_, JD_BODY_##reply_},
    JD_OP_MAP(X)
#undef X
};

bool jd_op_known(unsigned op) {
    return op < JD_OP_END && ops[op].name;
}

const char *jd_op_name(unsigned op) {
    return jd_op_known(op) ? ops[op].name : "?";
}

enum jd_shape jd_op_shape(unsigned op) {
    return (enum jd_shape)ops[op].shape;
}

enum jd_body jd_op_body(unsigned op) {
    return (enum jd_body)ops[op].body;
}

enum jd_body jd_op_reply(unsigned op) {
    return (enum jd_body)ops[op].reply;
}

jobd_bytes jd_text(const char *s) {
    return (jobd_bytes){s, strlen(s)};
}

bool jd_name_ok(jobd_bytes name, size_t max) {
    const unsigned char *p = name.data;
    if (name.len < 1 || name.len > max)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = p[i];
        bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        bool digit_or_dot = c >= '-' && c <= ':'; // - . / 0..9 :
        if (!letter && !digit_or_dot && c != '_')
            return false;
    }
    return true;
}
