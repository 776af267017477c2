#include "check.h"

#include "guard.h"

// What one head byte says: how many bytes of length or number follow, and what comes after them.
enum shape { SCALAR, BYTES, ARRAY, MAP, BAD };
struct head {
    uint8_t shape;
    uint8_t n_len; // bytes of number (SCALAR) or of big-endian length
    uint8_t fixed; // length held by the head byte itself, when n_len is 0
};

static struct head head_of(uint8_t c) {
    static const struct head table[32] = {
        [0x00] = {SCALAR, 0, 0}, [0x01] = {BAD, 0, 0},    [0x02] = {SCALAR, 0, 0},
        [0x03] = {SCALAR, 0, 0}, [0x04] = {BYTES, 1, 0},  [0x05] = {BYTES, 2, 0},
        [0x06] = {BYTES, 4, 0},  [0x07] = {BAD, 0, 0},    [0x08] = {BAD, 0, 0},
        [0x09] = {BAD, 0, 0},    [0x0a] = {SCALAR, 4, 0}, [0x0b] = {SCALAR, 8, 0},
        [0x0c] = {SCALAR, 1, 0}, [0x0d] = {SCALAR, 2, 0}, [0x0e] = {SCALAR, 4, 0},
        [0x0f] = {SCALAR, 8, 0}, [0x10] = {SCALAR, 1, 0}, [0x11] = {SCALAR, 2, 0},
        [0x12] = {SCALAR, 4, 0}, [0x13] = {SCALAR, 8, 0}, [0x14] = {BAD, 0, 0},
        [0x15] = {BAD, 0, 0},    [0x16] = {BAD, 0, 0},    [0x17] = {BAD, 0, 0},
        [0x18] = {BAD, 0, 0},    [0x19] = {BYTES, 1, 0},  [0x1a] = {BYTES, 2, 0},
        [0x1b] = {BYTES, 4, 0},  [0x1c] = {ARRAY, 2, 0},  [0x1d] = {ARRAY, 4, 0},
        [0x1e] = {MAP, 2, 0},    [0x1f] = {MAP, 4, 0},
    };
    if (c < 0x80 || c >= 0xe0)
        return (struct head){SCALAR, 0, 0};
    if (c < 0x90)
        return (struct head){MAP, 0, c & 0x0f};
    if (c < 0xa0)
        return (struct head){ARRAY, 0, c & 0x0f};
    if (c < 0xc0)
        return (struct head){BYTES, 0, c & 0x1f};
    return table[c - 0xc0];
}

// The size of a value that its head byte tells whole, and that has no items: most of any message.
// 0 = head_of() must look.
#define ROW(v) v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v
static const uint8_t whole_size[256] = {
    ROW(1), ROW(1), ROW(1), ROW(1), ROW(1), ROW(1), ROW(1), ROW(1), // 00 small integers
    ROW(0), ROW(0),                                                 // 80 maps, 90 arrays
    1,      2,      3,      4,      5,      6,      7,      8,
    9,      10,     11,     12,     13,     14,     15,     16, // a0 short strings
    17,     18,     19,     20,     21,     22,     23,     24,
    25,     26,     27,     28,     29,     30,     31,     32, // b0
    1,      0,      1,      1,      0,      0,      0,      0,
    0,      0,      5,      9,      2,      3,      5,      9, // c0 nil, bool, float, uint
    2,      3,      5,      9,      0,      0,      0,      0,
    0,      0,      0,      0,      0,      0,      0,      0, // d0 int
    ROW(1), ROW(1),                                            // e0 small negative integers
};

// The size of a value that is not told whole, without its items; *ret_items is how many it has.
// 0 = refused.
static size_t rest_size(const uint8_t *p, size_t left, uint64_t *ret_items) {
    if ((*p & 0xf0) == 0x90) {
        *ret_items = *p & 0x0f;
        return 1;
    }
    struct head h = head_of(*p);
    size_t size = 1u + h.n_len;
    if (h.shape == BAD || size > left)
        return 0;
    uint64_t n = h.fixed;
    for (unsigned i = 0; i < h.n_len; i++)
        n = n << 8 | p[1 + i];
    *ret_items = h.shape == ARRAY ? n : h.shape == MAP ? n * 2 : 0;
    if (h.shape != BYTES)
        return size;
    return n > left - size ? 0 : size + n;
}

// Where the scan ended: after one whole value (`whole`), or at what was refused.
struct end {
    const uint8_t *at;
    bool whole;
};

static struct end scan(const uint8_t *p, const uint8_t *end) {
    uint64_t open[JD_CHECK_DEPTH_MAX]; // values that each container around this one still wants
    uint64_t around = 0;               // their sum
    uint64_t owed = 1;                 // values this container still wants
    unsigned depth = 0;
    size_t nodes = 0;
    for (;;) {
        size_t left = (size_t)(end - p), size;
        for (; owed > 0 && left > 0 && nodes < JD_CHECK_NODES_MAX; nodes++) {
            size = whole_size[*p];
            if (size == 0 || size > left)
                break;
            p += size;
            left -= size;
            owed--;
        }
        if (owed == 0 && depth == 0)
            return (struct end){p, true};
        if (owed == 0) {
            around -= owed = open[--depth];
            continue;
        }
        uint64_t items = 0;
        if (left == 0 || whole_size[*p] || nodes++ == JD_CHECK_NODES_MAX)
            break;
        if ((size = rest_size(p, left, &items)) == 0)
            break;
        owed--;
        if (items > 0) {
            if (depth == JD_CHECK_DEPTH_MAX || items + around + owed > left - size)
                break;
            around += open[depth++] = owed;
            owed = items;
        }
        p += size;
    }
    return (struct end){p, false};
}

size_t jd_check_one(const void *data, size_t n) {
    const uint8_t *p = data;
    if (n == 0)
        return 0;
    struct end e = scan(p, p + n);
    return e.whole ? (size_t)(e.at - p) : 0;
}

int jd_check(jobd_bytes payload, size_t *ret_at) {
    const uint8_t *p = payload.data;
    struct end e = payload.len ? scan(p, p + payload.len) : (struct end){p, false};
    if (e.whole && (size_t)(e.at - p) == payload.len)
        return 0;
    if (ret_at)
        *ret_at = payload.len ? (size_t)(e.at - p) : 0;
    return JOBD_E_PROTO;
}
