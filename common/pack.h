// msgpack-c packs; these are its two ways here. jd_put_* is its pack template made for memory that
// is known to suffice: each call comes down to a store or two. msgpack_pack_* with jd_packer_of()
// goes to a jd_buf that grows: for what is not on a hot path.
#ifndef JD_PACK_H
#define JD_PACK_H

#include <string.h>

#include <msgpack.h>

#include "buf.h"

// ---- to memory that suffices ----

struct jd_out {
    uint8_t *at; // where the next byte goes
};
enum { JD_PUT_MAX = 9 }; // bytes of any scalar, and of the head of any string, array or map

#define msgpack_pack_inline_func(name) static inline int jd_put##name
#define msgpack_pack_inline_func_cint(name) static inline int jd_put_c##name
#define msgpack_pack_inline_func_fixint(name) static inline int jd_put_fix##name
#define msgpack_pack_user struct jd_out *
#define msgpack_pack_append_buffer(user, buf, len)                                                 \
    do {                                                                                           \
        memcpy((user)->at, (buf), (len));                                                          \
        (user)->at += (len);                                                                       \
        return 0;                                                                                  \
    } while (0)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <msgpack/pack_template.h>
#pragma GCC diagnostic pop

static inline void jd_put_bytes(struct jd_out *out, jobd_bytes v) {
    if (v.len)
        memcpy(out->at, v.data, v.len);
    out->at += v.len;
}

// ---- to a buffer that grows ----

static inline int jd_pack_write(void *buf, const char *bytes, size_t n) {
    return jd_buf_append((struct jd_buf *)buf, bytes, n);
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
