// Whatever jd_check() accepts, msgpack-c must unpack, and our reader must read to the same content.
#include <msgpack.h>
#include <string.h>

#include "check.h"
#include "fuzz.h"

static void same_value(jobd_reader *r, const msgpack_object *o);

static void same_bytes(int err, jobd_bytes got, const char *want, uint32_t len) {
    JD_ASSERT(err == 0 && got.len == len && (len == 0 || memcmp(got.data, want, len) == 0));
}

static void same_number(jobd_reader *r, const msgpack_object *o) {
    uint64_t u = 0;
    int64_t i = 0;
    double d = 0;
    jobd_reader as_other = *r;
    switch (o->type) {
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        JD_ASSERT(jobd_read_u64(r, &u) == 0 && u == o->via.u64);
        JD_ASSERT((jobd_read_i64(&as_other, &i) == 0) == (u <= INT64_MAX));
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        JD_ASSERT(jobd_read_i64(r, &i) == 0 && i == o->via.i64);
        JD_ASSERT(jobd_read_u64(&as_other, &u) < 0);
        break;
    default:
        JD_ASSERT(jobd_read_f64(r, &d) == 0 && memcmp(&d, &o->via.f64, sizeof d) == 0);
    }
}

static void same_items(jobd_reader *r, const msgpack_object *o) {
    uint32_t n = 0;
    if (o->type == MSGPACK_OBJECT_ARRAY) {
        JD_ASSERT(jobd_read_array(r, &n) == 0 && n == o->via.array.size);
        for (uint32_t i = 0; i < n; i++)
            same_value(r, &o->via.array.ptr[i]);
    } else {
        JD_ASSERT(jobd_read_map(r, &n) == 0 && n == o->via.map.size);
        for (uint32_t i = 0; i < n; i++) {
            same_value(r, &o->via.map.ptr[i].key);
            same_value(r, &o->via.map.ptr[i].val);
        }
    }
}

// Recursion is fine here: jd_check() has limited the depth.
static void same_value(jobd_reader *r, const msgpack_object *o) {
    bool flag = false;
    jobd_bytes b = {NULL, 0};
    switch (o->type) {
    case MSGPACK_OBJECT_NIL:
        JD_ASSERT(jobd_read_nil(r) == 0);
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        JD_ASSERT(jobd_read_bool(r, &flag) == 0 && flag == o->via.boolean);
        break;
    case MSGPACK_OBJECT_STR:
        same_bytes(jobd_read_str(r, &b), b, o->via.str.ptr, o->via.str.size);
        break;
    case MSGPACK_OBJECT_BIN:
        same_bytes(jobd_read_bin(r, &b), b, o->via.bin.ptr, o->via.bin.size);
        break;
    case MSGPACK_OBJECT_ARRAY:
    case MSGPACK_OBJECT_MAP:
        same_items(r, o);
        break;
    default:
        same_number(r, o);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t at = SIZE_MAX;
    jobd_reader r = jobd_reader_of((jobd_bytes){data, size}), skipped = r;
    if (jd_check((jobd_bytes){data, size}, &at) < 0) {
        JD_ASSERT(at <= size);
        return 0;
    }
    msgpack_zone zone;
    msgpack_object o;
    size_t off = 0;
    JD_ASSERT(msgpack_zone_init(&zone, 2048));
    JD_ASSERT(msgpack_unpack((const char *)data, size, &off, &zone, &o) == MSGPACK_UNPACK_SUCCESS);
    JD_ASSERT(off == size);
    same_value(&r, &o);
    JD_ASSERT(r.err == 0 && r.pos == r.end);
    JD_ASSERT(jobd_read_skip(&skipped) == 0 && skipped.pos == skipped.end);
    msgpack_zone_destroy(&zone);
    return 0;
}
