// Any payload: refused, or a well-formed value whose message packs to a frame that unpacks to the same
// message again.
// Input: one byte naming the op a reply answers, then the payload.
#include <string.h>

#include "frame.h"
#include "fuzz.h"
#include "msg.h"

enum { MAX_PAYLOAD = 1 << 20 };

// Well-formed, at any depth: jd_msg_unpack() holds each value it keeps or skips to the limits of
// jd_check(), not the payload around them.
static bool is_one_value(jobd_bytes payload) {
    jobd_reader r = jobd_reader_of(payload);
    return jobd_read_skip(&r) == 0 && r.pos == r.end;
}

static bool unpacks(jobd_bytes payload, uint8_t reply_to, struct jd_msg *ret) {
    memset(ret, 0, sizeof *ret);
    int r = jd_msg_unpack(payload, ret);
    JD_ASSERT(r == 0 || r == JOBD_E_PROTO || r == JOBD_E_NOTSUP);
    JD_ASSERT(r == JOBD_E_PROTO || is_one_value(payload));
    if (r == JOBD_E_NOTSUP)
        JD_ASSERT(!jd_op_known(ret->op) || jd_op_shape(ret->op) != (enum jd_shape)ret->shape);
    if (r < 0 || ret->shape != JD_REPLY)
        return r == 0;
    ret->op = reply_to;
    return ret->error != 0 || jd_msg_unpack_reply(ret) == 0;
}

// The frame of a message, appended to b; a view of its payload.
static jobd_bytes packed(struct jd_buf *b, const struct jd_msg *m) {
    size_t before = jd_buf_used(b), need;
    JD_ASSERT(jd_msg_pack(b, MAX_PAYLOAD, m) == 0);
    jobd_bytes v = jd_buf_view(b), payload = {NULL, 0};
    int64_t n = jd_frame_next((const uint8_t *)v.data + before, v.len - before, MAX_PAYLOAD,
                              &payload, &need);
    JD_ASSERT(n == (int64_t)(v.len - before));
    JD_ASSERT(is_one_value(payload));
    return payload;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    unsigned reply_to = data[0];
    jobd_bytes payload = {data + 1, size - 1};
    if (!jd_op_known(reply_to) || jd_op_shape(reply_to) != JD_REQUEST)
        reply_to = JD_OP_PING;
    struct jd_msg first, second;
    if (!unpacks(payload, (uint8_t)reply_to, &first))
        return 0;
    struct jd_buf a, b;
    jd_buf_init(&a, 2 * MAX_PAYLOAD);
    jd_buf_init(&b, 2 * MAX_PAYLOAD);
    jobd_bytes once = packed(&a, &first);
    JD_ASSERT(unpacks(once, (uint8_t)reply_to, &second));
    JD_ASSERT(first.shape == second.shape && first.op == second.op && first.id == second.id);
    JD_ASSERT(first.error == second.error);
    jobd_bytes twice = packed(&b, &second); // one encoding per message: equal bytes, equal fields
    JD_ASSERT(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    jd_buf_free(&a);
    jd_buf_free(&b);
    return 0;
}
