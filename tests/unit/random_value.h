// Random well-formed msgpack values, in every encoding the format allows and not only the shortest.
// The bytes are written by hand here, so that neither our code nor msgpack-c is its own witness.
#ifndef TEST_RANDOM_VALUE_H
#define TEST_RANDOM_VALUE_H

#include "buf.h"
#include "rng.h"

static inline void random_put(struct jd_buf *b, const void *data, size_t n) {
    JD_ASSERT(jd_buf_append(b, data, n) == 0);
}

static inline void random_put_be(struct jd_buf *b, uint8_t head, uint64_t v, unsigned n) {
    uint8_t bytes[9] = {head};
    for (unsigned i = 0; i < n; i++)
        bytes[1 + i] = (uint8_t)(v >> 8 * (n - 1 - i));
    random_put(b, bytes, 1 + n);
}

// One way to write a length: up to `fixed_max` in the head byte itself (`fixed`), else in `n_len`
// bytes after the head byte `wide`, or in more, up to 4, after the head bytes that follow it.
struct random_heads {
    uint8_t fixed, fixed_max, wide, n_len;
};

static inline void random_head(struct rng *g, struct jd_buf *b, struct random_heads h, uint64_t n) {
    if (h.fixed && n <= h.fixed_max && rng_below(g, 2)) {
        random_put_be(b, (uint8_t)(h.fixed | n), 0, 0);
        return;
    }
    uint8_t head = h.wide;
    unsigned n_len = h.n_len;
    while (n_len < 4 && (n >> 8 * n_len || rng_below(g, 4) == 0)) {
        head++;
        n_len *= 2;
    }
    random_put_be(b, head, n, n_len);
}

static inline void random_scalar(struct rng *g, struct jd_buf *b) {
    static const uint8_t numbers[] = {0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3};
    static const uint8_t plain[] = {0xc0, 0xc2, 0xc3, 0x00, 0x7f, 0xe0, 0xff};
    uint64_t pick = rng_below(g, 4);
    if (pick == 0) {
        random_put(b, &plain[rng_below(g, sizeof plain)], 1);
    } else if (pick == 1) {
        bool wide = rng_below(g, 2);
        random_put_be(b, wide ? 0xcb : 0xca, rng_u64(g), wide ? 8 : 4);
    } else {
        uint8_t head = numbers[rng_below(g, sizeof numbers)];
        random_put_be(b, head, rng_edge(g), 1u << (head & 3));
    }
}

static inline void random_bytes(struct rng *g, struct jd_buf *b) {
    static const struct random_heads str = {0xa0, 31, 0xd9, 1}, bin = {0, 0, 0xc4, 1};
    uint64_t n = rng_below(g, 64) ? rng_below(g, 40) : rng_below(g, 70000);
    random_head(g, b, rng_below(g, 2) ? str : bin, n);
    for (uint64_t i = 0; i < n; i += 8) {
        uint64_t word = rng_u64(g);
        random_put(b, &word, JD_MIN(n - i, (uint64_t)8));
    }
}

// Appends one value, nested at most `depth` containers deep.
static inline void random_value(struct rng *g, struct jd_buf *b, unsigned depth) {
    static const struct random_heads array = {0x90, 15, 0xdc, 2}, map = {0x80, 15, 0xde, 2};
    uint64_t pick = rng_below(g, depth > 0 ? 4 : 2);
    if (pick == 0) {
        random_scalar(g, b);
    } else if (pick == 1) {
        random_bytes(g, b);
    } else {
        uint64_t n = rng_below(g, 5);
        random_head(g, b, pick == 2 ? array : map, n);
        for (uint64_t i = 0; i < (pick == 2 ? n : 2 * n); i++)
            random_value(g, b, depth - 1);
    }
}

#endif
