// Messages, driven by the tables of proto.h: a new op or field is covered the day it is added.
#include <criterion/criterion.h>
#include <string.h>

#include "msg_frame.h"
#include "pack.h"
#include "rng.h"

enum { FIELDS_MAX = 20 };

// ---- the tables, once more, as data ----

enum kind { K_U64, K_I64, K_BOOL, K_F64, K_STR, K_BIN, K_RAW };

struct field {
    enum kind kind;
    const char *name;
    uint64_t limit;
    size_t offset; // in the body
};

struct body {
    const struct field *fields;
    unsigned n, need;
};

#define F(KIND, name_, limit_) {K_##KIND, #name_, limit_, offsetof(here, name_)},
#define X(NAME, name, need_)                                                                       \
    static struct body body_##name(void) {                                                         \
        typedef struct jd_##name here;                                                             \
        static const struct field fields[] = {JD_FIELDS_##NAME(F)};                                \
        return (struct body){fields, JD_LEN(fields), need_};                                       \
    }
JD_BODY_MAP(X)
#undef X
#undef F

static struct body body_of(enum jd_body body) {
    switch (body) {
    case JD_BODY_NONE:
        break;
#define X(NAME, name, need)                                                                        \
    case JD_BODY_##NAME:                                                                           \
        return body_##name();
        JD_BODY_MAP(X)
#undef X
    }
    return (struct body){NULL, 0, 0};
}

// Every message there is: each op as it is sent, and as it is answered.
struct wire {
    unsigned op;
    const char *name;
    enum jd_shape shape;
    enum jd_body body;
};

static const struct wire wires[] = {
#define X(NAME, number, name, shape, body, reply) {number, name, JD_##shape, JD_BODY_##body},
    JD_OP_MAP(X)
#undef X
#define X(NAME, number, name, shape, body, reply) {number, name, JD_REPLY, JD_BODY_##reply},
        JD_OP_MAP(X)
#undef X
};

// ---- bodies field by field ----

static void *field_at(struct jd_msg *m, const struct field *f) {
    return (char *)&m->u + f->offset;
}

static void random_field(struct rng *g, const struct field *f, void *at) {
    static const char text[] = "any text will do, and the more of it the better; ";
    static const jobd_bytes raws[] = {
        {"\xc0", 1}, {"\x90", 1}, {"\x81\xa1k\x01", 4}, {"\x93\x01\xa2xy\xcb\0\0\0\0\0\0\0\0", 14}};
    uint64_t u = rng_edge(g);
    int64_t i;
    jobd_bytes b = {text, rng_below(g, sizeof text)};
    switch (f->kind) {
    case K_U64:
        u = f->limit && u > f->limit ? u % (f->limit + 1) : u;
        memcpy(at, &u, sizeof u);
        break;
    case K_I64:
        i = (int64_t)u;
        i = f->limit ? i % ((int64_t)f->limit + 1) : i;
        memcpy(at, &i, sizeof i);
        break;
    case K_BOOL:
        *(bool *)at = u & 1;
        break;
    case K_F64:
        memcpy(at, &u, sizeof u);
        break;
    case K_STR:
    case K_BIN:
        b.len = f->limit ? JD_MIN(b.len, f->limit) : b.len;
        memcpy(at, &b, sizeof b);
        break;
    case K_RAW:
        memcpy(at, &raws[u % JD_LEN(raws)], sizeof b);
    }
}

static bool same_field(const struct field *f, const void *a, const void *b) {
    jobd_bytes x, y;
    switch (f->kind) {
    case K_U64:
    case K_I64:
    case K_F64: // every bit, NaN included
        return memcmp(a, b, sizeof(uint64_t)) == 0;
    case K_BOOL:
        return *(const bool *)a == *(const bool *)b;
    default:
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
    }
}

static size_t field_bytes(const struct field *f) {
    static const size_t bytes[] = {
        [K_U64] = sizeof(uint64_t),  [K_I64] = sizeof(int64_t),    [K_BOOL] = sizeof(bool),
        [K_F64] = sizeof(double),    [K_STR] = sizeof(jobd_bytes), [K_BIN] = sizeof(jobd_bytes),
        [K_RAW] = sizeof(jobd_bytes)};
    return bytes[f->kind];
}

static bool is_default(const struct field *f, const void *at) {
    static const struct jd_msg zero;
    jobd_bytes b;
    if (f->kind == K_BOOL)
        return !*(const bool *)at;
    if (f->kind == K_U64 || f->kind == K_I64 || f->kind == K_F64)
        return same_field(f, at, &zero.u);
    memcpy(&b, at, sizeof b);
    return b.len == 0;
}

static struct jd_msg random_msg(struct rng *g, const struct wire *w) {
    struct jd_msg m = {.shape = (uint8_t)w->shape, .op = (uint16_t)w->op};
    struct body body = body_of(w->body);
    m.id = w->shape == JD_EVENT ? 0 : (uint32_t)rng_edge(g);
    for (unsigned i = 0; i < body.n; i++)
        random_field(g, &body.fields[i], field_at(&m, &body.fields[i]));
    return m;
}

// ---- messages taken apart ----

static void expect_same(const struct wire *w, struct jd_msg *got, struct jd_msg *want) {
    struct body body = body_of(w->body);
    cr_assert(got->shape == want->shape && got->op == want->op && got->id == want->id, "%s",
              w->name);
    cr_assert_eq(got->error, 0);
    for (unsigned i = 0; i < body.n; i++) {
        const struct field *f = &body.fields[i];
        cr_assert(same_field(f, field_at(got, f), field_at(want, f)), "%s.%s", w->name, f->name);
    }
}

// A payload taken apart: what comes before the body, and the fields of the body.
struct parts {
    jobd_bytes head;
    jobd_bytes field[FIELDS_MAX];
    uint32_t n;
};

static struct parts parts_of(jobd_bytes payload) {
    struct parts p;
    uint32_t n;
    jobd_reader r = jobd_reader_of(payload);
    cr_assert_eq(jobd_read_array(&r, &n), 0);
    for (uint32_t i = 0; i + 1 < n; i++)
        cr_assert_eq(jobd_read_skip(&r), 0);
    p.head = (jobd_bytes){payload.data, (size_t)(r.pos - (const unsigned char *)payload.data)};
    cr_assert_eq(jobd_read_array(&r, &p.n), 0);
    cr_assert_leq(p.n, (uint32_t)FIELDS_MAX);
    for (uint32_t i = 0; i < p.n; i++)
        cr_assert_eq(jobd_read_raw(&r, &p.field[i]), 0);
    cr_assert_eq(r.pos, r.end);
    return p;
}

// Puts the parts together in b and unpacks that.
static int rejoined(struct jd_buf *b, const struct parts *p, unsigned op, struct jd_msg *ret) {
    jd_buf_consume(b, jd_buf_used(b));
    msgpack_packer pk = jd_packer_of(b);
    cr_assert_eq(jd_buf_append(b, p->head.data, p->head.len), 0);
    cr_assert_eq(msgpack_pack_array(&pk, p->n), 0);
    for (uint32_t i = 0; i < p->n; i++)
        cr_assert_eq(jd_buf_append(b, p->field[i].data, p->field[i].len), 0);
    cr_assert_eq(jd_check(jd_buf_view(b), NULL), 0);
    return unpacked(jd_buf_view(b), op, ret);
}

// Two buffers, and one message with every field written, so that nothing is left out of the frame.
struct fixture {
    struct jd_buf first, second;
    struct jd_msg msg, got;
    struct body body;
    struct parts parts;
};

static void fixture_begin(struct fixture *x, const struct wire *w, struct rng *g) {
    jd_buf_init(&x->first, 1u << 24);
    jd_buf_init(&x->second, 1u << 24);
    x->body = body_of(w->body);
    bool last_is_default;
    do {
        x->msg = random_msg(g, w);
        const struct field *last = &x->body.fields[x->body.n - 1];
        last_is_default = is_default(last, field_at(&x->msg, last));
    } while (last_is_default && x->body.n > x->body.need);
    x->parts = parts_of(packed(&x->first, &x->msg));
    cr_assert_eq(x->parts.n, x->body.n);
}

static void fixture_end(struct fixture *x) {
    jd_buf_free(&x->first);
    jd_buf_free(&x->second);
}

#define FOR_EACH_BODY(w)                                                                           \
    for (const struct wire *w = wires; w < wires + JD_LEN(wires); w++)                             \
        if (w->body != JD_BODY_NONE)

// ---- tests ----

Test(msg_fields, every_message_arrives_as_it_left) {
    struct rng g = rng_begin("msg");
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    for (int round = 0; round < 500; round++)
        for (size_t i = 0; i < JD_LEN(wires); i++) {
            struct jd_msg m = random_msg(&g, &wires[i]), got;
            cr_assert_eq(unpacked(packed(&b, &m), m.op, &got), 0, "%s", wires[i].name);
            expect_same(&wires[i], &got, &m);
        }
    jd_buf_free(&b);
}

Test(msg_fields, optional_fields_at_their_default_are_left_out) {
    struct rng g = rng_begin("msg, optional");
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    FOR_EACH_BODY(w) {
        struct body body = body_of(w->body);
        for (unsigned n = body.need; n <= body.n; n++) {
            struct jd_msg m = random_msg(&g, w), got;
            unsigned sent = body.need;
            for (unsigned i = body.need; i < body.n; i++) {
                const struct field *f = &body.fields[i];
                if (i >= n)
                    memset(field_at(&m, f), 0, field_bytes(f));
                if (!is_default(f, field_at(&m, f)))
                    sent = i + 1;
            }
            jobd_bytes payload = packed(&b, &m);
            cr_assert_eq(parts_of(payload).n, sent, "%s", w->name);
            cr_assert_eq(unpacked(payload, m.op, &got), 0);
            expect_same(w, &got, &m);
        }
    }
    jd_buf_free(&b);
}

Test(msg_fields, a_missing_field_is_refused) {
    struct rng g = rng_begin("msg, missing");
    FOR_EACH_BODY(w) {
        struct fixture x;
        fixture_begin(&x, w, &g);
        for (uint32_t n = 0; n <= x.body.n; n++) {
            struct parts p = x.parts;
            p.n = n;
            int r = rejoined(&x.second, &p, w->op, &x.got);
            cr_expect_eq(r, n < x.body.need ? JOBD_E_PROTO : 0, "%s with %u fields", w->name, n);
            for (uint32_t i = n; r == 0 && i < x.body.n; i++)
                cr_expect(is_default(&x.body.fields[i], field_at(&x.got, &x.body.fields[i])));
        }
        fixture_end(&x);
    }
}

Test(msg_fields, fields_of_a_later_version_are_ignored) {
    struct rng g = rng_begin("msg, extra");
    FOR_EACH_BODY(w) {
        struct fixture x;
        fixture_begin(&x, w, &g);
        x.parts.field[x.parts.n++] = (jobd_bytes){"\xa3new", 4};
        x.parts.field[x.parts.n++] = (jobd_bytes){"\x92\xc0\x81\x01\x02", 5};
        cr_expect_eq(rejoined(&x.second, &x.parts, w->op, &x.got), 0, "%s", w->name);
        expect_same(w, &x.got, &x.msg);
        fixture_end(&x);
    }
}

Test(msg_fields, a_field_of_another_type_is_refused) {
    static const struct {
        jobd_bytes bytes;
        unsigned kinds; // bit k: good for kind k
    } values[] = {
        {{"\xc0", 1}, 0},
        {{"\xc3", 1}, 1u << K_BOOL},
        {{"\x01", 1}, 1u << K_U64 | 1u << K_I64 | 1u << K_F64},
        {{"\xff", 1}, 1u << K_I64 | 1u << K_F64}, // -1
        {{"\xcb\x3f\xf0\0\0\0\0\0\0", 9}, 1u << K_F64},
        {{"\xa1x", 2}, 1u << K_STR},
        {{"\xc4\1x", 3}, 1u << K_BIN},
        {{"\x91\x01", 2}, 0},
        {{"\x81\x01\x01", 3}, 0},
    };
    struct rng g = rng_begin("msg, types");
    FOR_EACH_BODY(w) {
        struct fixture x;
        fixture_begin(&x, w, &g);
        for (unsigned i = 0; i < x.body.n; i++)
            for (size_t v = 0; v < JD_LEN(values); v++) {
                const struct field *f = &x.body.fields[i];
                struct parts p = x.parts;
                p.field[i] = values[v].bytes;
                bool good = f->kind == K_RAW || values[v].kinds >> f->kind & 1;
                cr_expect_eq(rejoined(&x.second, &p, w->op, &x.got), good ? 0 : JOBD_E_PROTO,
                             "%s.%s, value %zu", w->name, f->name, v);
            }
        fixture_end(&x);
    }
}

// A value of n where n is what the field's limit speaks of: the number, or the length.
static jobd_bytes value_of_size(struct jd_buf *b, enum kind kind, uint64_t n) {
    static char bytes[JD_TEXT_MAX + 1];
    jd_buf_consume(b, jd_buf_used(b));
    msgpack_packer pk = jd_packer_of(b);
    int r = kind == K_U64 ? msgpack_pack_uint64(&pk, n) : 0;
    r = kind == K_I64 ? msgpack_pack_int64(&pk, -(int64_t)n) : r; // its distance from 0
    cr_assert(kind == K_U64 || kind == K_I64 || n <= sizeof bytes);
    r = kind == K_STR ? jd_pack_str(&pk, (jobd_bytes){bytes, n}) : r;
    r = kind == K_BIN ? jd_pack_bin(&pk, (jobd_bytes){bytes, n}) : r;
    cr_assert_eq(r, 0);
    return jd_buf_view(b);
}

Test(msg_fields, every_limit_of_a_field_holds) {
    struct rng g = rng_begin("msg, limits");
    struct jd_buf value;
    jd_buf_init(&value, 1u << 16);
    unsigned n_limits = 0;
    FOR_EACH_BODY(w) {
        struct fixture x;
        fixture_begin(&x, w, &g);
        for (unsigned i = 0; i < x.body.n; i++) {
            const struct field *f = &x.body.fields[i];
            if (!f->limit)
                continue;
            for (uint64_t over = 0; over <= 1; over++) {
                struct parts p = x.parts;
                p.field[i] = value_of_size(&value, f->kind, f->limit + over);
                cr_expect_eq(rejoined(&x.second, &p, w->op, &x.got), over ? JOBD_E_PROTO : 0,
                             "%s.%s of %" PRIu64, w->name, f->name, f->limit + over);
            }
            n_limits++;
        }
        fixture_end(&x);
    }
    cr_expect_gt(n_limits, 90u);
    jd_buf_free(&value);
}

// ---- damage ----

// The payload is untrusted: what is not one whole value, and nothing after it, is refused.
Test(msg_fields, damaged_payloads_are_refused) {
    struct rng g = rng_begin("msg, damage");
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    for (size_t i = 0; i < JD_LEN(wires); i++) {
        struct jd_msg m = random_msg(&g, &wires[i]), got;
        jobd_bytes payload = packed(&b, &m);
        for (size_t n = 0; n < payload.len; n++) {
            uint8_t *cut = malloc(n ? n : 1); // exactly its size: one byte too far is seen
            memcpy(cut, payload.data, n);
            cr_assert_eq(unpacked((jobd_bytes){cut, n}, m.op, &got), JOBD_E_PROTO);
            free(cut);
        }
        cr_assert_eq(jd_buf_append(&b, "\xc0", 1), 0);
        payload.len++;
        cr_assert_eq(unpacked(payload, m.op, &got), JOBD_E_PROTO, "a byte after it");
    }
    jd_buf_free(&b);
}
// Whatever room a buffer has left, a frame is not written past it: the sanitizer watches the end.
Test(msg_fields, a_frame_stays_inside_the_buffer) {
    static const char before[256] = "";
    struct rng g = rng_begin("msg, room");
    for (size_t i = 0; i < 2 * JD_LEN(wires); i++)
        for (size_t used = 0; used <= sizeof before; used++) {
            struct jd_msg got, m = random_msg(&g, &wires[i / 2]);
            m.error = i % 2 && m.shape == JD_REPLY ? INT32_MIN : 0;
            m.text = (jobd_bytes){before, rng_below(&g, 64)};
            struct jd_buf b;
            jd_buf_init(&b, 1u << 16);
            cr_assert_eq(jd_buf_append(&b, before, used), 0);
            cr_assert_eq(jd_msg_pack(&b, MAX_PAYLOAD, &m), 0);
            jd_buf_consume(&b, used);
            cr_assert_eq(unpacked(payload_of(&b), m.op, &got), 0);
            jd_buf_free(&b);
        }
}

Test(msg_fields, ops_have_distinct_names_and_only_requests_are_answered) {
    unsigned n_known = 0;
    for (unsigned op = 0; op < 2 * JD_OP_END; op++) {
        if (!jd_op_known(op)) {
            cr_expect_str_eq(jd_op_name(op), "?");
            continue;
        }
        n_known++;
        cr_expect(jd_op_shape(op) == JD_REQUEST || jd_op_reply(op) == JD_BODY_NONE);
        for (unsigned other = 0; other < op; other++)
            cr_expect(!jd_op_known(other) || strcmp(jd_op_name(op), jd_op_name(other)) != 0);
    }
    cr_expect_eq(n_known, JD_LEN(wires) / 2);
}
