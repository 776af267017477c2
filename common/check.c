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

struct scan {
    const uint8_t *p;
    size_t left;                           // bytes not looked at
    size_t need;                           // values owed by all open containers together
    unsigned depth;                        // open containers
    uint64_t owed[JD_CHECK_DEPTH_MAX + 1]; // values each open container still wants
};

// One value's head and, for scalars and bytes, its body. False = refused.
static bool scan_value(struct scan *s) {
    struct head h = head_of(*s->p);
    if (h.shape == BAD || h.n_len >= s->left)
        return false;
    uint64_t n = h.fixed;
    for (unsigned i = 0; i < h.n_len; i++)
        n = n << 8 | s->p[1 + i];
    s->p += 1 + h.n_len;
    s->left -= 1u + h.n_len;
    s->need--;
    s->owed[s->depth]--;
    if (h.shape == SCALAR)
        return true;
    if (n > s->left)
        return false;
    if (h.shape == BYTES) {
        s->p += n;
        s->left -= n;
        return s->need <= s->left;
    }
    uint64_t values = h.shape == MAP ? n * 2 : n;
    if (values == 0)
        return true;
    if (s->depth == JD_CHECK_DEPTH_MAX)
        return false;
    s->owed[++s->depth] = values;
    s->need += values;
    return s->need <= s->left;
}

int jd_check(jobd_bytes payload, size_t *ret_at) {
    struct scan s = {.p = payload.data, .left = payload.len, .need = 1, .owed = {1}};
    const uint8_t *at = s.p;
    for (unsigned nodes = 0; s.need > 0; nodes++) {
        at = s.p;
        if (s.left == 0 || nodes == JD_CHECK_NODES_MAX || !scan_value(&s))
            goto refuse;
        while (s.depth > 0 && s.owed[s.depth] == 0)
            s.depth--;
    }
    at = s.p;
    if (s.left == 0)
        return 0;
refuse:
    if (ret_at)
        *ret_at = (size_t)(at - (const uint8_t *)payload.data);
    return JOBD_E_PROTO;
}
