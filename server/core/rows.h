// Rows of listings: maps, written in one go into core->reply.
#ifndef CORE_ROWS_H
#define CORE_ROWS_H

#include "pack.h"
#include "state.h"

// The number of pairs in a map's head is counted by hand, and asserted.
struct map {
    msgpack_packer pk;
    unsigned left;
    int err;
};

static inline struct map map_begin(struct jd_buf *b, unsigned n_pairs) {
    struct map m = {.pk = jd_packer_of(b), .left = n_pairs};
    m.err = msgpack_pack_map(&m.pk, n_pairs);
    return m;
}

static inline void put_key(struct map *m, const char *name) {
    JD_ASSERT(m->left-- > 0);
    m->err |= jd_pack_str(&m->pk, jd_text(name));
}

static inline void put_u64(struct map *m, const char *name, uint64_t v) {
    put_key(m, name);
    m->err |= msgpack_pack_uint64(&m->pk, v);
}

static inline void put_f64(struct map *m, const char *name, double v) {
    put_key(m, name);
    m->err |= msgpack_pack_double(&m->pk, v);
}

static inline void put_bool(struct map *m, const char *name, bool v) {
    put_key(m, name);
    m->err |= v ? msgpack_pack_true(&m->pk) : msgpack_pack_false(&m->pk);
}

static inline void put_str(struct map *m, const char *name, const char *v) {
    put_key(m, name);
    m->err |= v ? jd_pack_str(&m->pk, jd_text(v)) : msgpack_pack_nil(&m->pk);
}

static inline void put_bytes(struct map *m, const char *name, jobd_bytes v) {
    put_key(m, name);
    m->err |= v.len ? jd_pack_str(&m->pk, v) : msgpack_pack_nil(&m->pk);
}

static inline void put_i64(struct map *m, const char *name, int64_t v) {
    put_key(m, name);
    m->err |= msgpack_pack_int64(&m->pk, v);
}

static inline int map_end(const struct map *m) {
    JD_ASSERT(m->left == 0);
    return m->err;
}

enum { ROW_MAX_BYTES = 900 }; // a row with the longest names and texts, which are cut to fit

// Answers with what is in core->reply: one map, or rows; err: it could not be finished.
void rows_answer(struct core *core, const struct client *client, const struct jd_msg *msg, int err,
                 uint64_t cursor);

#endif
