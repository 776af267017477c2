// The cursor reader's common cases, in line: small numbers, short text, short arrays. Everything
// else, and every error, is the business of the reader in jobd/types.h.
#ifndef JD_READ_H
#define JD_READ_H

#include <endian.h>
#include <string.h>

#include <jobd/types.h>

static inline int jd_read_u64(jobd_reader *r, uint64_t *ret) {
    const unsigned char *p = r->pos;
    ptrdiff_t left = r->end - p;
    if (left > 0 && p[0] < 0x80) {
        *ret = p[0];
        r->pos = p + 1;
        return 0;
    }
    if (left < 9 || p[0] < 0xcc || p[0] > 0xcf)
        return jobd_read_u64(r, ret);
    uint64_t v;
    unsigned n = 1u << (p[0] & 3);
    memcpy(&v, p + 1, sizeof v);
    *ret = be64toh(v) >> (64 - 8 * n);
    r->pos = p + 1 + n;
    return 0;
}

static inline int jd_read_array(jobd_reader *r, uint32_t *ret_n) {
    if (r->pos == r->end || (*r->pos & 0xf0) != 0x90 || (*r->pos & 0x0f) >= r->end - r->pos)
        return jobd_read_array(r, ret_n);
    *ret_n = *r->pos++ & 0x0f;
    return 0;
}

static inline int jd_read_str(jobd_reader *r, jobd_bytes *ret) {
    if (r->pos == r->end || (*r->pos & 0xe0) != 0xa0 || (*r->pos & 0x1f) >= r->end - r->pos)
        return jobd_read_str(r, ret);
    *ret = (jobd_bytes){r->pos + 1, *r->pos & 0x1f};
    r->pos += 1 + ret->len;
    return 0;
}

static inline int jd_read_bin(jobd_reader *r, jobd_bytes *ret) {
    if (r->end - r->pos < 2 || r->pos[0] != 0xc4 || r->pos[1] > r->end - r->pos - 2)
        return jobd_read_bin(r, ret);
    *ret = (jobd_bytes){r->pos + 2, r->pos[1]};
    r->pos += 2 + ret->len;
    return 0;
}

// Bytes of a number, nil, boolean or short text that begins with this byte; 0 = of anything else.
static inline unsigned jd_scalar_bytes(unsigned char head) {
    if (head < 0x80 || head >= 0xe0)
        return 1;
    if (head >= 0xcc && head <= 0xd3)
        return 1 + (1u << (head & 3));
    if ((head & 0xe0) == 0xa0)
        return 1 + (head & 0x1fu);
    if (head == 0xca || head == 0xcb)
        return head == 0xca ? 5 : 9;
    return head == 0xc0 || head == 0xc2 || head == 0xc3;
}

// The bytes of a value that is one of those, or a short array of them; 0 = of anything else, or it is
// cut short.
static inline size_t jd_flat_bytes(const unsigned char *p, size_t left) {
    unsigned n_items = 0;
    size_t at = 0;
    if (left > 0 && (p[0] & 0xf0) == 0x90) {
        n_items = p[0] & 0x0f;
        at = 1;
        if (n_items == 0)
            return at;
        n_items--;
    }
    do {
        unsigned n = at < left ? jd_scalar_bytes(p[at]) : 0;
        if (n == 0)
            return 0;
        at += n;
    } while (n_items-- > 0);
    return at <= left ? at : 0;
}

static inline int jd_read_skip(jobd_reader *r) {
    size_t n = jd_flat_bytes(r->pos, (size_t)(r->end - r->pos));
    if (n == 0)
        return jobd_read_skip(r);
    r->pos += n;
    return 0;
}

static inline int jd_read_raw(jobd_reader *r, jobd_bytes *ret) {
    const unsigned char *start = r->pos;
    if (jd_read_skip(r) < 0)
        return r->err;
    *ret = (jobd_bytes){start, (size_t)(r->pos - start)};
    return 0;
}

#endif
