#include "buf.h"

#include <string.h>

#include "mem.h"

enum { BUF_FIRST_BYTES = 256, BUF_KEEP_BYTES = 64 * 1024 };

void jd_buf_init(struct jd_buf *b, size_t max_bytes) {
    *b = (struct jd_buf){.max = max_bytes};
}

void jd_buf_free(struct jd_buf *b) {
    jd_free(b->data);
    jd_buf_init(b, b->max);
}

static size_t next_cap(const struct jd_buf *b, size_t need) {
    size_t cap = b->cap ? b->cap : BUF_FIRST_BYTES;
    while (cap < need)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    return JD_MIN(cap, b->max);
}

uint8_t *jd_buf_reserve(struct jd_buf *b, size_t n) {
    if (b->cap - b->len >= n && b->data)
        return b->data + b->len;
    size_t used = b->len - b->pos;
    if (n > b->max || used > b->max - n)
        return NULL;
    // Moving is paid for by the bytes consumed before it: only when at least half was read, or when
    // growing instead would move them anyway or pass the maximum.
    if (b->pos > 0 && (b->pos >= used || used + n > b->cap || n > b->max - b->len)) {
        memmove(b->data, b->data + b->pos, used);
        b->pos = 0;
        b->len = used;
    }
    if (b->len + n > b->cap || !b->data) {
        size_t cap = next_cap(b, b->len + n);
        uint8_t *data = jd_realloc(b->data, cap);
        if (!data)
            return NULL;
        b->data = data;
        b->cap = cap;
    }
    return b->data + b->len;
}

int jd_buf_append(struct jd_buf *b, const void *data, size_t n) {
    uint8_t *at = jd_buf_reserve(b, n);
    if (!at)
        return n > b->max || jd_buf_used(b) > b->max - n ? JOBD_E_MSGSIZE : JOBD_E_NOMEM;
    if (n)
        memcpy(at, data, n);
    b->len += n;
    return 0;
}

void jd_buf_consume(struct jd_buf *b, size_t n) {
    JD_ASSERT(n <= b->len - b->pos);
    b->peak = JD_MAX(b->peak, b->len);
    b->pos += n;
    if (b->pos < b->len)
        return;
    b->pos = b->len = 0;
    // A burst leaves its memory behind only while bursts go on.
    if (b->cap > BUF_KEEP_BYTES && b->peak < b->cap / 4)
        jd_buf_free(b);
    b->peak = 0;
}
