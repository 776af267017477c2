// Growable bytes with a read position: data[pos..len) is what is in it. A buffer cannot be made
// without its maximum. It compacts before it grows, and keeps its memory while it is in use.
#ifndef JD_BUF_H
#define JD_BUF_H

#include <jobd/types.h>

#include "guard.h"

struct jd_buf {
    uint8_t *data;
    size_t pos;  // first unread byte
    size_t len;  // end of the bytes
    size_t cap;  // bytes allocated
    size_t max;  // cap never passes this
    size_t peak; // most bytes held since it was last empty
};

void jd_buf_init(struct jd_buf *b, size_t max_bytes);
void jd_buf_free(struct jd_buf *b); // may be used again, empty

// Room for n bytes at the end; a view until the next call on b.
// Returns the place to write, or NULL (over max, or out of memory: b is unchanged).
JD_MUST_USE uint8_t *jd_buf_reserve(struct jd_buf *b, size_t n);
// 0 | JOBD_E_NOMEM | JOBD_E_MSGSIZE (over max).
JD_MUST_USE int jd_buf_append(struct jd_buf *b, const void *data, size_t n);
void jd_buf_consume(struct jd_buf *b, size_t n);

static inline void jd_buf_commit(struct jd_buf *b, size_t n) { // n bytes were written in place
    b->len += n;
}

// Of the unread bytes, only the first n stay.
static inline void jd_buf_cut(struct jd_buf *b, size_t n) {
    JD_ASSERT(n <= b->len - b->pos);
    b->len = b->pos + n;
}

static inline size_t jd_buf_used(const struct jd_buf *b) {
    return b->len - b->pos;
}

static inline jobd_bytes jd_buf_view(const struct jd_buf *b) {
    return (jobd_bytes){b->data ? b->data + b->pos : NULL, b->len - b->pos};
}

#endif
