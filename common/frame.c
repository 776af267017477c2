#include "frame.h"

static uint32_t load_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

void jd_frame_head(uint8_t *at, uint32_t payload_bytes) {
    store_be32(at, payload_bytes);
}

int64_t jd_frame_next(const void *data, size_t n, size_t max_payload, jobd_bytes *ret_payload,
                      size_t *ret_need) {
    const uint8_t *p = data;
    if (n < JD_FRAME_HEAD_BYTES) {
        *ret_need = JD_FRAME_HEAD_BYTES;
        return 0;
    }
    uint32_t len = load_be32(p);
    if (len == 0)
        return JOBD_E_PROTO;
    if (len > max_payload)
        return JOBD_E_MSGSIZE;
    if (n - JD_FRAME_HEAD_BYTES < len) {
        *ret_need = JD_FRAME_HEAD_BYTES + (size_t)len;
        return 0;
    }
    *ret_payload = (jobd_bytes){p + JD_FRAME_HEAD_BYTES, len};
    return JD_FRAME_HEAD_BYTES + (int64_t)len;
}

int64_t jd_frame_begin(struct jd_buf *b) {
    static const uint8_t head[JD_FRAME_HEAD_BYTES];
    size_t at = jd_buf_used(b);
    int r = jd_buf_append(b, head, sizeof head);
    return r < 0 ? r : (int64_t)at;
}

int jd_frame_finish(struct jd_buf *b, int64_t begin, size_t max_payload, int err) {
    if (begin < 0)
        return (int)begin;
    size_t head = b->pos + (size_t)begin;
    size_t payload = b->len - head - JD_FRAME_HEAD_BYTES;
    if (!err && payload > max_payload)
        err = JOBD_E_MSGSIZE;
    if (err) {
        b->len = head;
        return err;
    }
    JD_ASSERT(payload > 0);
    store_be32(b->data + head, (uint32_t)payload);
    return 0;
}
