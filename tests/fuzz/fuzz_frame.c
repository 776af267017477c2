// However a stream is cut into pieces, the same frames come out of it, and the same error ends it.
// Input: one byte for the largest payload, one to seed the cuts, then the stream.
#include "buf.h"
#include "frame.h"
#include "fuzz.h"

struct trace {
    struct jd_buf frames; // each with its length before it, and the error at the end
    int err;
};

static void record(struct trace *t, const void *data, size_t n) {
    JD_ASSERT(jd_buf_append(&t->frames, &n, sizeof n) == 0);
    JD_ASSERT(jd_buf_append(&t->frames, data, n) == 0);
}

static void drain(struct trace *t, struct jd_buf *in, size_t max_payload) {
    while (!t->err) {
        jobd_bytes v = jd_buf_view(in), payload = {NULL, 0};
        size_t need = 0;
        int64_t size = jd_frame_next(v.data, v.len, max_payload, &payload, &need);
        if (size < 0)
            t->err = (int)size;
        if (size == 0)
            JD_ASSERT(need > v.len && need <= JD_FRAME_HEAD_BYTES + max_payload);
        if (size <= 0)
            return;
        JD_ASSERT(payload.len > 0 && payload.len <= max_payload);
        JD_ASSERT((const uint8_t *)payload.data == (const uint8_t *)v.data + JD_FRAME_HEAD_BYTES);
        JD_ASSERT((size_t)size == JD_FRAME_HEAD_BYTES + payload.len && (size_t)size <= v.len);
        record(t, payload.data, payload.len);
        jd_buf_consume(in, (size_t)size);
    }
}

// seed 0: in one piece; else in pieces of 1..16 bytes.
static struct trace feed(jobd_bytes stream, size_t max_payload, uint32_t seed) {
    struct trace t = {.err = 0};
    struct jd_buf in;
    jd_buf_init(&t.frames, 1u << 20);
    jd_buf_init(&in, 1u << 20);
    const uint8_t *p = stream.data;
    for (size_t n, left = stream.len; left > 0 && !t.err; p += n, left -= n) {
        seed = seed * 1664525u + (seed ? 1013904223u : 0);
        n = seed ? JD_MIN(left, (size_t)(seed >> 28) + 1) : left;
        JD_ASSERT(jd_buf_append(&in, p, n) == 0);
        drain(&t, &in, max_payload);
    }
    if (!t.err)
        record(&t, jd_buf_view(&in).data, jd_buf_used(&in)); // what still waits for more
    jd_buf_free(&in);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    size_t max_payload = data[0] < 128 ? data[0] + 1u : (size_t)1 << (data[0] & 15);
    jobd_bytes stream = {data + 2, size - 2};
    struct trace whole = feed(stream, max_payload, 0);
    struct trace pieces = feed(stream, max_payload, data[1] + 1u);
    JD_ASSERT(whole.err == pieces.err);
    jobd_bytes a = jd_buf_view(&whole.frames), b = jd_buf_view(&pieces.frames);
    JD_ASSERT(a.len == b.len);
    for (size_t i = 0; i < a.len; i++)
        JD_ASSERT(((const uint8_t *)a.data)[i] == ((const uint8_t *)b.data)[i]);
    jd_buf_free(&whole.frames);
    jd_buf_free(&pieces.frames);
    return 0;
}
