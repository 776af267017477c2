#include "frame.h"

static uint32_t load_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void jd_frame_head(uint8_t *at, uint32_t payload_bytes) {
    at[0] = (uint8_t)(payload_bytes >> 24);
    at[1] = (uint8_t)(payload_bytes >> 16);
    at[2] = (uint8_t)(payload_bytes >> 8);
    at[3] = (uint8_t)payload_bytes;
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
