// msgpack-c's packer, writing to a jd_buf. The only place that names msgpack-c outside the tests.
#ifndef JD_PACK_H
#define JD_PACK_H

#include <msgpack.h>

#include "buf.h"

static inline int jd_pack_write(void *buf, const char *bytes, size_t n) {
    struct jd_buf *b = (struct jd_buf *)buf;
    if (b->data && n <= b->cap - b->len) { // the common case: room, and a handful of bytes
        for (size_t i = 0; i < n; i++)
            b->data[b->len + i] = (uint8_t)bytes[i];
        b->len += n;
        return 0;
    }
    return jd_buf_append(b, bytes, n);
}

static inline int jd_pack_write_long(struct jd_buf *b, jobd_bytes v) {
    return jd_buf_append(b, v.data, v.len);
}

static inline msgpack_packer jd_packer_of(struct jd_buf *b) {
    msgpack_packer pk;
    msgpack_packer_init(&pk, b, jd_pack_write);
    return pk;
}

static inline int jd_pack_str(msgpack_packer *pk, jobd_bytes s) {
    int r = msgpack_pack_str(pk, s.len);
    return r ? r : jd_pack_write_long((struct jd_buf *)pk->data, s);
}

static inline int jd_pack_bin(msgpack_packer *pk, jobd_bytes s) {
    int r = msgpack_pack_bin(pk, s.len);
    return r ? r : jd_pack_write_long((struct jd_buf *)pk->data, s);
}

#endif
