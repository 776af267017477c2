// Any reads in any order over any bytes: the cursor stays inside, moves forward, fails for good,
// and writes nothing when it fails. Input: one byte = how many reads, that many bytes = which, then
// the bytes to read.
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include <jobd/types.h>

struct got {
    bool flag;
    int64_t i;
    uint64_t u;
    double d;
    jobd_bytes b;
    uint32_t n;
};

static int read_one(jobd_reader *r, unsigned which, struct got *got) {
    switch (which % 11) {
    case 0:
        return jobd_read_nil(r);
    case 1:
        return jobd_read_bool(r, &got->flag);
    case 2:
        return jobd_read_i64(r, &got->i);
    case 3:
        return jobd_read_u64(r, &got->u);
    case 4:
        return jobd_read_f64(r, &got->d);
    case 5:
        return jobd_read_str(r, &got->b);
    case 6:
        return jobd_read_bin(r, &got->b);
    case 7:
        return jobd_read_array(r, &got->n);
    case 8:
        return jobd_read_map(r, &got->n);
    case 9:
        return jobd_read_raw(r, &got->b);
    default:
        return jobd_read_skip(r);
    }
}

// Reads what is there, of whatever type it is; every view must lie inside the input.
static void read_checked(jobd_reader *r, unsigned which) {
    static struct got poison; // zero, padding included
    struct got got;
    memcpy(&got, &poison, sizeof got);
    jobd_reader before = *r;
    jobd_type type = jobd_read_type(r);
    int err = read_one(r, which, &got);
    JD_ASSERT(err == r->err && (err == 0 || err == JOBD_E_PROTO));
    JD_ASSERT(r->end == before.end && r->pos >= before.pos && r->pos <= r->end);
    if (err) {
        JD_ASSERT(r->pos == r->end && memcmp(&got, &poison, sizeof got) == 0);
        JD_ASSERT(jobd_read_type(r) == JOBD_T_END);
        return;
    }
    JD_ASSERT(before.err == 0 && type != JOBD_T_END && type != JOBD_T_OTHER);
    JD_ASSERT(r->pos > before.pos);
    if (got.b.data) {
        const unsigned char *p = got.b.data;
        JD_ASSERT(p >= before.pos && got.b.len <= (size_t)(r->pos - p));
    }
    JD_ASSERT(got.n <= (size_t)(r->end - r->pos));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    size_t n_reads = JD_MIN((size_t)data[0], size - 1), n = size - 1 - n_reads;
    uint8_t *bytes = malloc(n ? n : 1); // a block of its own: one byte too far is seen
    JD_ASSERT(bytes);
    memcpy(bytes, data + 1 + n_reads, n);
    jobd_reader r = jobd_reader_of((jobd_bytes){bytes, n});
    for (size_t i = 0; i < n_reads; i++)
        read_checked(&r, data[1 + i]);
    free(bytes);
    return 0;
}
