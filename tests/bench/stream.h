// A blocking socket that carries frames (u32 length, payload) with a buffer on each side: one read
// takes what is there, one write sends what was gathered. The floors are built from this alone.
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "guard.h"

// Far more than a floor has under way: OUTSTANDING frames of less than 32 bytes.
enum { STREAM_BYTES = 65536, STREAM_HEAD_BYTES = 4 };

struct stream {
    int fd;
    size_t in_pos, in_len, out_len;
    uint8_t in[STREAM_BYTES];
    uint8_t out[STREAM_BYTES];
};

// Makes room to read into.
static inline void stream_compact(struct stream *s) {
    if (s->in_pos == s->in_len) {
        s->in_pos = s->in_len = 0;
    } else if (s->in_len > STREAM_BYTES / 2) {
        memmove(s->in, s->in + s->in_pos, s->in_len - s->in_pos);
        s->in_len -= s->in_pos;
        s->in_pos = 0;
    }
}

// One read. False: the other side is gone.
static inline bool stream_fill(struct stream *s) {
    stream_compact(s);
    ssize_t n;
    do
        n = read(s->fd, s->in + s->in_len, STREAM_BYTES - s->in_len);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    s->in_len += (size_t)n;
    return true;
}

// The next whole frame, a view until the next fill; NULL = none.
static inline const uint8_t *stream_next(struct stream *s, uint32_t *ret_len) {
    size_t left = s->in_len - s->in_pos;
    if (left < STREAM_HEAD_BYTES)
        return NULL;
    uint32_t len;
    memcpy(&len, s->in + s->in_pos, sizeof len);
    if (left - STREAM_HEAD_BYTES < len)
        return NULL;
    const uint8_t *payload = s->in + s->in_pos + STREAM_HEAD_BYTES;
    s->in_pos += STREAM_HEAD_BYTES + len;
    *ret_len = len;
    return payload;
}

static inline void stream_put(struct stream *s, const uint8_t *payload, uint32_t len) {
    JD_ASSERT(STREAM_BYTES - s->out_len >= STREAM_HEAD_BYTES + len);
    memcpy(s->out + s->out_len, &len, sizeof len);
    memcpy(s->out + s->out_len + STREAM_HEAD_BYTES, payload, len);
    s->out_len += STREAM_HEAD_BYTES + len;
}

// One write of everything gathered. False: the other side is gone.
static inline bool stream_flush(struct stream *s) {
    for (size_t done = 0; done < s->out_len;) {
        ssize_t n = send(s->fd, s->out + done, s->out_len - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    s->out_len = 0;
    return true;
}

#endif
