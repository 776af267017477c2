// Messages, driven by the tables of proto.h: a new op or field is covered the day it is added.
#include <criterion/criterion.h>
#include <string.h>

#include "check.h"
#include "frame.h"
#include "mem.h"
#include "msg.h"
#include "pack.h"
#include "rng.h"

enum { MAX_PAYLOAD = JD_FRAME_DEFAULT_BYTES, FIELDS_MAX = 16 };

// ---- the tables, once more, as data ----

enum kind { K_U64, K_BOOL, K_F64, K_STR, K_BIN, K_RAW };

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
    jobd_bytes b = {text, rng_below(g, sizeof text)};
    switch (f->kind) {
    case K_U64:
        u = f->limit && u > f->limit ? u % (f->limit + 1) : u;
        memcpy(at, &u, sizeof u);
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
        [K_U64] = sizeof(uint64_t),   [K_BOOL] = sizeof(bool),      [K_F64] = sizeof(double),
        [K_STR] = sizeof(jobd_bytes), [K_BIN] = sizeof(jobd_bytes), [K_RAW] = sizeof(jobd_bytes)};
    return bytes[f->kind];
}

static bool is_default(const struct field *f, const void *at) {
    static const struct jd_msg zero;
    jobd_bytes b;
    if (f->kind == K_BOOL)
        return !*(const bool *)at;
    if (f->kind == K_U64 || f->kind == K_F64)
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

// ---- frames ----

// The one frame in b.
static jobd_bytes payload_of(const struct jd_buf *b) {
    jobd_bytes v = jd_buf_view(b), payload = {NULL, 0};
    size_t need;
    cr_assert_eq(jd_frame_next(v.data, v.len, UINT32_MAX, &payload, &need), (int64_t)v.len);
    cr_assert_eq(jd_check(payload, NULL), 0);
    return payload;
}

static jobd_bytes packed(struct jd_buf *b, const struct jd_msg *m) {
    jd_buf_consume(b, jd_buf_used(b));
    cr_assert_eq(jd_msg_pack(b, MAX_PAYLOAD, m), 0);
    return payload_of(b);
}

// As a receiver does it: the op of a reply comes from the request it answers.
static int unpacked(jobd_bytes payload, unsigned op, struct jd_msg *ret) {
    memset(ret, 0xee, sizeof *ret);
    int r = jd_msg_unpack(payload, ret);
    if (r < 0 || ret->shape != JD_REPLY || ret->error)
        return r;
    ret->op = (uint16_t)op;
    return jd_msg_unpack_reply(ret);
}

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

Test(msg, every_message_arrives_as_it_left) {
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

Test(msg, optional_fields_at_their_default_are_left_out) {
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

Test(msg, a_missing_field_is_refused) {
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

Test(msg, fields_of_a_later_version_are_ignored) {
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

Test(msg, a_field_of_another_type_is_refused) {
    static const struct {
        jobd_bytes bytes;
        unsigned kinds; // bit k: good for kind k
    } values[] = {
        {{"\xc0", 1}, 0},
        {{"\xc3", 1}, 1u << K_BOOL},
        {{"\x01", 1}, 1u << K_U64 | 1u << K_F64},
        {{"\xff", 1}, 1u << K_F64}, // -1
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
    cr_assert(kind == K_U64 || n <= sizeof bytes);
    r = kind == K_STR ? jd_pack_str(&pk, (jobd_bytes){bytes, n}) : r;
    r = kind == K_BIN ? jd_pack_bin(&pk, (jobd_bytes){bytes, n}) : r;
    cr_assert_eq(r, 0);
    return jd_buf_view(b);
}

Test(msg, every_limit_of_a_field_holds) {
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
    cr_expect_gt(n_limits, 30u);
    jd_buf_free(&value);
}

// ---- envelopes ----

#define PAYLOAD(bytes) ((jobd_bytes){bytes, sizeof(bytes) - 1})

Test(msg, unknown_ops_can_be_answered) {
    struct jd_msg m;
    cr_expect_eq(unpacked(PAYLOAD("\x94\x00\x07\x7f\x90"), 0, &m), JOBD_E_NOTSUP);
    cr_expect(m.shape == JD_REQUEST && m.id == 7 && m.op == 0x7f);
    cr_expect_eq(unpacked(PAYLOAD("\x93\x02\xcd\xff\xff\xc0"), 0, &m), JOBD_E_NOTSUP);
    cr_expect(m.shape == JD_EVENT && m.id == 0 && m.op == 0xffff);
    for (unsigned op = 0; op < 0x80; op++) { // each op in the shape that is not its own
        char request[] = {(char)0x94, JD_REQUEST, 5, (char)op, (char)0x90};
        char event[] = {(char)0x93, JD_EVENT, (char)op, (char)0x90};
        bool is_request = jd_op_known(op) && jd_op_shape(op) == JD_REQUEST;
        bool is_event = jd_op_known(op) && jd_op_shape(op) == JD_EVENT;
        int r = unpacked((jobd_bytes){request, sizeof request}, 0, &m);
        cr_expect(is_request ? r != JOBD_E_NOTSUP : r == JOBD_E_NOTSUP && m.id == 5 && m.op == op);
        r = unpacked((jobd_bytes){event, sizeof event}, 0, &m);
        cr_expect(is_event ? r != JOBD_E_NOTSUP : r == JOBD_E_NOTSUP && m.op == op);
    }
}

Test(msg, broken_envelopes_are_refused) {
    const jobd_bytes broken[] = {
        PAYLOAD("\xc0"),                                 // not an array
        PAYLOAD("\x90"),                                 // empty
        PAYLOAD("\x94\x03\x01\x02\x90"),                 // no such shape
        PAYLOAD("\x94\xff\x01\x02\x90"),                 // a negative one
        PAYLOAD("\x94\xa1x\x01\x02\x90"),                // a text
        PAYLOAD("\x93\x00\x01\x02"),                     // a request without params
        PAYLOAD("\x92\x02\x18"),                         // an event without
        PAYLOAD("\x93\x01\x01\xc0"),                     // a reply without a result
        PAYLOAD("\x94\x00\xcf\0\0\0\1\0\0\0\0\x02\x90"), // id over 32 bits
        PAYLOAD("\x94\x00\xff\x02\x90"),                 // a negative id
        PAYLOAD("\x94\x00\x01\xce\0\1\0\0\x90"),         // op over 16 bits
        PAYLOAD("\x94\x00\x01\xa1x\x90"),                // a text for an op
        PAYLOAD("\x94\x01\x01\x90\xc0"),                 // an error without a code
        PAYLOAD("\x94\x01\x01\x91\xff\xc0"),             // without a text
        PAYLOAD("\x94\x01\x01\x92\x00\xa0\xc0"),         // code 0 is no error
        PAYLOAD("\x94\x01\x01\x92\x05\xa0\xc0"),         // nor a positive one
        PAYLOAD("\x94\x01\x01\x92\xd3\xff\xff\xff\xff\x7f\xff\xff\xff\xa0\xc0"), // under 32 bits
        PAYLOAD("\x94\x01\x01\x92\xff\xc4\0\xc0"),                               // bytes for a text
        PAYLOAD("\x94\x01\x01\xff\xc0"),                                         // a bare code
    };
    for (size_t i = 0; i < JD_LEN(broken); i++) {
        struct jd_msg m;
        cr_assert_eq(jd_check(broken[i], NULL), 0, "%zu", i);
        cr_expect_eq(unpacked(broken[i], JD_OP_PING, &m), JOBD_E_PROTO, "%zu", i);
    }
}

// The payload is untrusted: what is not one whole value, and nothing after it, is refused.
Test(msg, damaged_payloads_are_refused) {
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

Test(msg, what_is_kept_or_skipped_is_checked_too) {
    const jobd_bytes broken[] = {
        PAYLOAD("\x94\x00\x01\x02\x91\xdd\x10\0\0\0"),     // a bomb among the params
        PAYLOAD("\x94\x00\x01\x02\xc1"),                   // the unused byte
        PAYLOAD("\x93\x02\x7f\xd4\x00\x00"),               // an unknown event's extension
        PAYLOAD("\x94\x00\x01\x7f\x92\xc0"),               // an unknown request, cut
        PAYLOAD("\x95\x00\x01\x02\x90\xc1"),               // a later field
        PAYLOAD("\x94\x00\x01\x13\x92\x01\xdf\x80\0\0\0"), // a later param
        PAYLOAD("\x94\x01\x01\xc0\x93\x01"),               // a result, cut
        PAYLOAD("\x94\x01\x01\x93\xff\xa0\xc1\xc0"),       // more than is known of an error
        PAYLOAD("\xdd\xff\xff\xff\xff\x00\x01\x02\x90"),   // an envelope that claims 4 G
    };
    for (size_t i = 0; i < JD_LEN(broken); i++) {
        struct jd_msg m;
        cr_expect_eq(unpacked(broken[i], JD_OP_PING, &m), JOBD_E_PROTO, "%zu", i);
    }
}

Test(msg, a_later_version_may_add_to_the_envelope) {
    struct jd_msg m;
    cr_expect_eq(unpacked(PAYLOAD("\x95\x00\x09\x02\x90\xa5later"), 0, &m), 0);
    cr_expect(m.op == JD_OP_PING && m.id == 9);
    cr_expect_eq(unpacked(PAYLOAD("\x94\x00\x09\x02\x93\x01\x02\x03"), 0, &m), 0,
                 "fields for none");
    cr_expect_eq(unpacked(PAYLOAD("\x94\x01\x09\x93\xf0\xa2no\xc0\xc0"), 0, &m), 0);
    cr_expect(m.error == -16 && m.id == 9 && m.text.len == 2);
}

Test(msg, an_error_travels_with_its_sentence) {
    static char long_text[3000];
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    struct jd_msg got, m = {.shape = JD_REPLY, .op = JD_OP_SUBMIT, .id = UINT32_MAX};
    m.error = JOBD_E_STOPPING;
    m.text = jd_text("the daemon is stopping");
    cr_expect_eq(unpacked(packed(&b, &m), m.op, &got), 0);
    cr_expect(got.error == JOBD_E_STOPPING && got.id == UINT32_MAX);
    cr_expect_eq(got.text.len, m.text.len);
    cr_expect_arr_eq(got.text.data, m.text.data, m.text.len);
    m.text = (jobd_bytes){long_text, sizeof long_text};
    m.error = INT32_MIN;
    cr_expect_eq(unpacked(packed(&b, &m), m.op, &got), 0);
    cr_expect_eq(got.text.len, (size_t)JD_TEXT_MAX, "cut, not refused");
    cr_expect_eq(got.error, INT32_MIN);
    jd_buf_free(&b);
}

// ---- limits of frames ----

Test(msg, a_frame_over_the_limit_leaves_nothing_behind) {
    static char args[5000];
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    struct jd_msg m = {.shape = JD_REQUEST, .op = JD_OP_SUBMIT, .id = 1};
    m.u.submit = (struct jd_submit){.task = jd_text("ping"), .args = {args, sizeof args}};
    cr_assert_eq(jd_msg_pack(&b, MAX_PAYLOAD, &m), 0);
    size_t payload = jd_buf_used(&b) - JD_FRAME_HEAD_BYTES, whole = jd_buf_used(&b);
    cr_expect_eq(jd_msg_pack(&b, payload - 1, &m), JOBD_E_MSGSIZE);
    cr_expect_eq(jd_buf_used(&b), whole);
    cr_expect_eq(jd_msg_pack(&b, payload, &m), 0);
    cr_expect_eq(jd_buf_used(&b), 2 * whole);
    jd_buf_free(&b);
    jd_buf_init(&b, whole - 1);
    cr_expect_eq(jd_msg_pack(&b, MAX_PAYLOAD, &m), JOBD_E_MSGSIZE, "the buffer's own limit");
    cr_expect_eq(jd_buf_used(&b), 0u);
    jd_buf_free(&b);
}

// User data of max_frame - JD_ENVELOPE_BYTES fits a frame, however large the numbers beside it are.
Test(msg, the_envelope_has_room_for_everything_but_user_data) {
    static char data[JD_FRAME_MIN_BYTES - JD_ENVELOPE_BYTES], name[JD_NAME_MAX];
    const jobd_bytes user = {data, sizeof data};
    struct jd_msg m[4] = {{.shape = JD_REQUEST, .op = JD_OP_SUBMIT, .id = UINT32_MAX},
                          {.shape = JD_EVENT, .op = JD_OP_RUN},
                          {.shape = JD_EVENT, .op = JD_OP_RESULT},
                          {.shape = JD_EVENT, .op = JD_OP_JOB_DONE}};
    m[0].u.submit = (struct jd_submit){JD_HANDLE_MAX, JD_EXECUTORS_MAX,    {name, sizeof name},
                                       user,          INT64_MAX / 1000000, 2};
    m[1].u.run = (struct jd_run){255, UINT64_MAX, UINT64_MAX, 255, JD_TASKS_MAX, UINT64_MAX, user};
    m[2].u.result =
        (struct jd_result){.slot = 255, .seq = UINT64_MAX, .run_ns = UINT64_MAX, .value = user};
    m[3].u.job_done = (struct jd_job_done){.handle = JD_HANDLE_MAX,
                                           .state = 255,
                                           .pid = UINT32_MAX,
                                           .run_ns = UINT64_MAX,
                                           .value = user};
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    for (size_t i = 0; i < JD_LEN(m); i++)
        cr_expect_eq(jd_msg_pack(&b, JD_FRAME_MIN_BYTES, &m[i]), 0, "%s", jd_op_name(m[i].op));
    jd_buf_free(&b);
}

// ---- the bytes of the wire, written down ----

static void expect_frame(const struct jd_msg *m, const char *hex) {
    struct jd_buf b;
    char got[512] = "";
    jd_buf_init(&b, 1000);
    cr_assert_eq(jd_msg_pack(&b, MAX_PAYLOAD, m), 0);
    jobd_bytes v = jd_buf_view(&b);
    for (size_t i = 0; i < v.len; i++)
        snprintf(got + 2 * i, 3, "%02x", ((const uint8_t *)v.data)[i]);
    cr_expect_str_eq(got, hex, "%s: %s", jd_op_name(m->op), got);
    jd_buf_free(&b);
}

Test(msg, bytes_from_client_to_master) {
    struct jd_msg m = {.shape = JD_REQUEST, .op = JD_OP_HELLO};
    m.u.hello =
        (struct jd_hello){.major = 1, .name = jd_text("ctl"), .pid = 300, .max_frame = 1u << 20};
    expect_frame(&m, "00000016"
                     "94000001"
                     "98010000"
                     "a363746c"
                     "cd012c"
                     "ce00100000"
                     "90"
                     "90");
    m = (struct jd_msg){.shape = JD_REQUEST, .op = JD_OP_PING, .id = 1};
    expect_frame(&m, "00000005"
                     "94000102"
                     "90");
    m = (struct jd_msg){.shape = JD_REQUEST, .op = JD_OP_SUBMIT, .id = 2};
    m.u.submit = (struct jd_submit){
        .handle = 1, .executor = 3, .task = jd_text("ping"), .args = {"\x90", 1}};
    expect_frame(&m, "0000000f"
                     "94000212"
                     "940103"
                     "a470696e67"
                     "c40190");
    m.u.submit.max_lost = 1;
    expect_frame(&m, "00000011"
                     "94000212"
                     "960103"
                     "a470696e67"
                     "c40190"
                     "0001");
    m = (struct jd_msg){.shape = JD_REQUEST, .op = JD_OP_CANCEL, .id = 0x10000};
    m.u.cancel.handle = 200;
    expect_frame(&m, "0000000b"
                     "9400ce00010000"
                     "13"
                     "91ccc8");
    m = (struct jd_msg){.shape = JD_REQUEST, .op = JD_OP_SHUTDOWN, .id = 5};
    m.u.shutdown.now = true;
    expect_frame(&m, "00000006"
                     "94000563"
                     "91c3");
}

Test(msg, bytes_from_master_to_client) {
    struct jd_msg m = {.shape = JD_REPLY, .op = JD_OP_SUBMIT, .id = 2};
    m.u.submit_ok.job = 0x123456789;
    expect_frame(&m, "0000000e"
                     "940102c0"
                     "91cf0000000123456789");
    m.error = JOBD_E_STOPPING;
    m.text = jd_text("stop");
    expect_frame(&m, "0000000b"
                     "940102"
                     "92e8a473746f70"
                     "c0");
    m = (struct jd_msg){.shape = JD_REPLY, .op = JD_OP_EXECUTOR_OPEN, .id = 3};
    expect_frame(&m, "00000005"
                     "940103c0"
                     "c0");
    m = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_JOB_STATE};
    m.u.job_state =
        (struct jd_job_state){.handle = 1, .state = JOBD_JOB_RUNNING, .pid = 7, .attempt = 1};
    expect_frame(&m, "00000012"
                     "930218"
                     "9601040701"
                     "cb0000000000000000"
                     "a0");
    m = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_JOB_DONE};
    m.u.job_done = (struct jd_job_done){
        .handle = 1, .state = JOBD_JOB_DONE, .pid = 0x1234, .run_ns = 900, .value = {"\x2a", 1}};
    expect_frame(&m, "0000000f"
                     "930219"
                     "950105"
                     "cd1234"
                     "cd0384"
                     "c4012a");
    m = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_BYE};
    m.u.bye = (struct jd_bye){.code = -JOBD_E_PROTO, .text = jd_text("depth")};
    expect_frame(&m, "0000000b"
                     "930203"
                     "922b"
                     "a56465707468");
}

Test(msg, bytes_between_master_and_worker) {
    struct jd_msg m = {.shape = JD_EVENT, .op = JD_OP_RUN};
    m.u.run =
        (struct jd_run){.slot = 255, .seq = 1u << 16, .job = 9, .attempt = 1, .args = {"\x90", 1}};
    expect_frame(&m, "00000012"
                     "930220"
                     "97ccff"
                     "ce00010000"
                     "09010000"
                     "c40190");
    m = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_RESULT};
    m.u.result = (struct jd_result){.slot = 1, .seq = 2, .run_ns = 3, .value = {"\x2a", 1}};
    expect_frame(&m, "0000000a"
                     "930221"
                     "94010203"
                     "c4012a");
    m.u.result = (struct jd_result){
        .slot = 1, .seq = 2, .error = -JOBD_E_TASK, .name = jd_text("bad"), .text = jd_text("no")};
    expect_frame(&m, "00000011"
                     "930221"
                     "97010200"
                     "c400"
                     "3e"
                     "a3626164"
                     "a26e6f");
}

// ---- tables ----

Test(msg, ops_have_distinct_names_and_only_requests_are_answered) {
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

Test(msg, names_are_made_of_few_characters) {
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-";
    char long_name[JD_NAME_MAX + 1];
    for (int c = 0; c < 256; c++) {
        char name[] = {'a', (char)c};
        bool want = c != 0 && strchr(good, c);
        cr_expect_eq(jd_name_ok((jobd_bytes){name, 2}, JD_NAME_MAX), want, "%02x", c);
    }
    memset(long_name, 'x', sizeof long_name);
    cr_expect_not(jd_name_ok((jobd_bytes){long_name, 0}, JD_NAME_MAX));
    cr_expect(jd_name_ok((jobd_bytes){long_name, JD_NAME_MAX}, JD_NAME_MAX));
    cr_expect_not(jd_name_ok((jobd_bytes){long_name, JD_NAME_MAX + 1}, JD_NAME_MAX));
}
