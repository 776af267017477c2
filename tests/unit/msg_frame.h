// How the tests of messages pack and unpack: as the two ends of a connection do.
#ifndef TEST_MSG_FRAME_H
#define TEST_MSG_FRAME_H

#include <criterion/criterion.h>
#include <string.h>

#include "check.h"
#include "frame.h"
#include "msg.h"

enum { MAX_PAYLOAD = JD_FRAME_DEFAULT_BYTES };

// The one frame in b.
static inline jobd_bytes payload_of(const struct jd_buf *b) {
    jobd_bytes v = jd_buf_view(b), payload = {NULL, 0};
    size_t need;
    cr_assert_eq(jd_frame_next(v.data, v.len, UINT32_MAX, &payload, &need), (int64_t)v.len);
    cr_assert_eq(jd_check(payload, NULL), 0);
    return payload;
}

static inline jobd_bytes packed(struct jd_buf *b, const struct jd_msg *m) {
    jd_buf_consume(b, jd_buf_used(b));
    cr_assert_eq(jd_msg_pack(b, MAX_PAYLOAD, m), 0);
    return payload_of(b);
}

// As a receiver does it: the op of a reply comes from the request it answers.
static inline int unpacked(jobd_bytes payload, unsigned op, struct jd_msg *ret) {
    memset(ret, 0xee, sizeof *ret);
    int r = jd_msg_unpack(payload, ret);
    if (r < 0 || ret->shape != JD_REPLY || ret->error)
        return r;
    ret->op = (uint16_t)op;
    return jd_msg_unpack_reply(ret);
}

#endif
