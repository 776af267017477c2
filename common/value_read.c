// The cursor reader: the one decoder of untrusted bytes. Every read is checked against the end; the
// first error sticks and empties the cursor.
#include <endian.h>
#include <string.h>

#include <jobd/types.h>

jobd_reader jobd_reader_of(jobd_bytes b) {
    const unsigned char *p = b.data;
    return (jobd_reader){p, b.len ? p + b.len : p, 0};
}

static int fail(jobd_reader *r) {
    r->err = JOBD_E_PROTO;
    r->pos = r->end;
    return JOBD_E_PROTO;
}

static size_t left(const jobd_reader *r) {
    return (size_t)(r->end - r->pos);
}

// n: 1, 2, 4 or 8.
static inline uint64_t load_be(const unsigned char *p, unsigned n) {
    uint16_t v2;
    uint32_t v4;
    uint64_t v8;
    switch (n) {
    case 1:
        return p[0];
    case 2:
        memcpy(&v2, p, sizeof v2);
        return be16toh(v2);
    case 4:
        memcpy(&v4, p, sizeof v4);
        return be32toh(v4);
    default:
        memcpy(&v8, p, sizeof v8);
        return be64toh(v8);
    }
}

jobd_type jobd_read_type(const jobd_reader *r) {
    if (r->err || r->pos == r->end)
        return JOBD_T_END;
    unsigned char c = *r->pos;
    if (c < 0x80 || c >= 0xe0 || (c >= 0xcc && c <= 0xd3))
        return JOBD_T_INT;
    if (c < 0x90 || c == 0xde || c == 0xdf)
        return JOBD_T_MAP;
    if (c < 0xa0 || c == 0xdc || c == 0xdd)
        return JOBD_T_ARRAY;
    if (c < 0xc0 || (c >= 0xd9 && c <= 0xdb))
        return JOBD_T_STR;
    switch (c) {
    case 0xc0:
        return JOBD_T_NIL;
    case 0xc2:
    case 0xc3:
        return JOBD_T_BOOL;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return JOBD_T_BIN;
    case 0xca:
    case 0xcb:
        return JOBD_T_FLOAT;
    default:
        return JOBD_T_OTHER;
    }
}

int jobd_read_nil(jobd_reader *r) {
    if (jobd_read_type(r) != JOBD_T_NIL)
        return fail(r);
    r->pos++;
    return 0;
}

int jobd_read_bool(jobd_reader *r, bool *ret) {
    if (jobd_read_type(r) != JOBD_T_BOOL)
        return fail(r);
    *ret = *r->pos++ == 0xc3;
    return 0;
}

// Reads any integer: its 64 bits, and whether it is below zero.
static int read_int(jobd_reader *r, uint64_t *ret, bool *ret_negative) {
    if (r->pos == r->end)
        return fail(r);
    unsigned char c = *r->pos;
    if (c < 0x80 || c >= 0xe0) {
        *ret_negative = c >= 0xe0;
        *ret = (uint64_t)(int64_t)(signed char)c;
        r->pos++;
        return 0;
    }
    if (c < 0xcc || c > 0xd3)
        return fail(r);
    unsigned n = 1u << (c & 3);
    if (left(r) - 1 < n)
        return fail(r);
    uint64_t v = load_be(r->pos + 1, n);
    *ret_negative = false;
    if (c >= 0xd0) { // signed: extend
        unsigned shift = 64 - 8 * n;
        int64_t s = (int64_t)(v << shift) >> shift;
        *ret_negative = s < 0;
        v = (uint64_t)s;
    }
    r->pos += 1 + n;
    *ret = v;
    return 0;
}

int jobd_read_i64(jobd_reader *r, int64_t *ret) {
    uint64_t v;
    bool negative;
    if (read_int(r, &v, &negative) < 0)
        return r->err;
    if (!negative && v > INT64_MAX)
        return fail(r);
    *ret = (int64_t)v;
    return 0;
}

int jobd_read_u64(jobd_reader *r, uint64_t *ret) {
    uint64_t v;
    bool negative;
    if (read_int(r, &v, &negative) < 0)
        return r->err;
    if (negative)
        return fail(r);
    *ret = v;
    return 0;
}

int jobd_read_f64(jobd_reader *r, double *ret) {
    if (jobd_read_type(r) == JOBD_T_INT) {
        uint64_t v;
        bool negative;
        if (read_int(r, &v, &negative) < 0)
            return r->err;
        *ret = negative ? (double)(int64_t)v : (double)v;
        return 0;
    }
    if (jobd_read_type(r) != JOBD_T_FLOAT)
        return fail(r);
    unsigned n = *r->pos == 0xca ? 4 : 8;
    if (left(r) - 1 < n)
        return fail(r);
    uint64_t bits = load_be(r->pos + 1, n);
    if (n == 4) {
        uint32_t bits32 = (uint32_t)bits;
        float f;
        memcpy(&f, &bits32, sizeof f);
        *ret = (double)f;
    } else {
        memcpy(ret, &bits, sizeof *ret);
    }
    r->pos += 1 + n;
    return 0;
}

// The head of a value with a length: the length is in the head byte itself, or in 1, 2 or 4 bytes
// after it.
static int read_head(jobd_reader *r, jobd_type type, uint64_t *ret_n) {
    if (jobd_read_type(r) != type)
        return fail(r);
    unsigned char c = *r->pos;
    unsigned n_len = 0;
    if (c >= 0xc4 && c <= 0xc6)
        n_len = 1u << (c - 0xc4);
    else if (c >= 0xd9 && c <= 0xdb)
        n_len = 1u << (c - 0xd9);
    else if (c >= 0xdc)
        n_len = c & 1 ? 4 : 2;
    if (left(r) - 1 < n_len)
        return fail(r);
    if (n_len)
        *ret_n = load_be(r->pos + 1, n_len);
    else
        *ret_n = type == JOBD_T_STR ? c & 0x1f : c & 0x0f;
    r->pos += 1 + n_len;
    return 0;
}

static int read_bytes(jobd_reader *r, jobd_type type, jobd_bytes *ret) {
    uint64_t n;
    if (read_head(r, type, &n) < 0)
        return r->err;
    if (n > left(r))
        return fail(r);
    *ret = (jobd_bytes){r->pos, (size_t)n};
    r->pos += n;
    return 0;
}

int jobd_read_str(jobd_reader *r, jobd_bytes *ret) {
    return read_bytes(r, JOBD_T_STR, ret);
}

int jobd_read_bin(jobd_reader *r, jobd_bytes *ret) {
    return read_bytes(r, JOBD_T_BIN, ret);
}

static int read_count(jobd_reader *r, jobd_type type, unsigned values_each, uint32_t *ret_n) {
    uint64_t n;
    if (read_head(r, type, &n) < 0)
        return r->err;
    if (n * values_each > left(r))
        return fail(r);
    *ret_n = (uint32_t)n;
    return 0;
}

int jobd_read_array(jobd_reader *r, uint32_t *ret_n) {
    return read_count(r, JOBD_T_ARRAY, 1, ret_n);
}

int jobd_read_map(jobd_reader *r, uint32_t *ret_n) {
    return read_count(r, JOBD_T_MAP, 2, ret_n);
}

// Skips a value without its items; returns how many items it opened, or an error.
static int64_t skip_head(jobd_reader *r) {
    uint32_t n;
    jobd_bytes b;
    uint64_t u;
    double d;
    bool flag;
    switch (jobd_read_type(r)) {
    case JOBD_T_NIL:
        return jobd_read_nil(r);
    case JOBD_T_BOOL:
        return jobd_read_bool(r, &flag);
    case JOBD_T_INT:
        return read_int(r, &u, &flag);
    case JOBD_T_FLOAT:
        return jobd_read_f64(r, &d);
    case JOBD_T_STR:
        return jobd_read_str(r, &b);
    case JOBD_T_BIN:
        return jobd_read_bin(r, &b);
    case JOBD_T_ARRAY:
        return jobd_read_array(r, &n) < 0 ? r->err : (int64_t)n;
    case JOBD_T_MAP:
        return jobd_read_map(r, &n) < 0 ? r->err : (int64_t)n * 2;
    default:
        return fail(r);
    }
}

int jobd_read_skip(jobd_reader *r) {
    if (r->err)
        return r->err;
    // The sum of values owed can never pass the bytes left, so a bomb ends at its first claim.
    for (uint64_t owed = 1; owed > 0;) {
        int64_t opened = skip_head(r);
        if (opened < 0)
            return r->err;
        owed += (uint64_t)opened - 1;
        if (owed > left(r))
            return fail(r);
    }
    return 0;
}

int jobd_read_raw(jobd_reader *r, jobd_bytes *ret) {
    const unsigned char *start = r->pos;
    if (jobd_read_skip(r) < 0)
        return r->err;
    *ret = (jobd_bytes){start, (size_t)(r->pos - start)};
    return 0;
}
