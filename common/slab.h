// Objects of one size, named by a 32-bit index: links between records cost four bytes, records
// never move, and chunks that are wholly free go back to the system.
#ifndef JD_SLAB_H
#define JD_SLAB_H

#include <jobd/types.h>

#include "guard.h"

struct jd_slab_chunk;
struct jd_slab {
    uint32_t obj_bytes;
    uint32_t shift;    // objects in a chunk = 1 << shift
    uint32_t max;      // objects at once
    uint32_t used;     // objects out
    uint32_t n_chunks; // size of the directory, holes included
    uint32_t dir_cap;
    uint32_t room; // first chunk with a free object + 1; 0 = none
    uint32_t hole; // lowest directory entry that may be empty
    struct jd_slab_chunk **dir;
};

// obj_bytes is rounded up to 8. Nothing is allocated yet.
void jd_slab_init(struct jd_slab *s, size_t obj_bytes, uint32_t max);
void jd_slab_free_all(struct jd_slab *s);
// Index of a zeroed object; 0 = out of memory, or max reached (0 is never an object).
JD_MUST_USE uint32_t jd_slab_take(struct jd_slab *s);
void jd_slab_give(struct jd_slab *s, uint32_t index);

struct jd_slab_chunk {
    uint32_t next_room, prev_room; // list of chunks with free objects, by directory entry + 1
    uint32_t free_head;            // first free object of this chunk + 1
    uint32_t n_free;
    uint32_t n_fresh; // objects at the end never handed out
    uint32_t pad;
    uint64_t objects[];
};

// A chunk is just over this: malloc maps it by itself, so freeing it returns the memory.
enum { JD_SLAB_CHUNK_BYTES = 128 * 1024 };

static inline size_t jd_slab_round(size_t obj_bytes) {
    return (obj_bytes + 7) & ~(size_t)7;
}
// Objects in a chunk, as a power of two: as many as fit, at least one.
static inline uint32_t jd_slab_shift(size_t obj_bytes) {
    size_t n = JD_SLAB_CHUNK_BYTES / jd_slab_round(obj_bytes);
    return n > 1 ? 63u - (uint32_t)__builtin_clzll(n) : 0;
}

static inline void *jd_slab_locate(const struct jd_slab *s, uint32_t index, uint32_t shift,
                                   size_t obj_bytes) {
    uint32_t i = index - 1;
    struct jd_slab_chunk *c = s->dir[i >> shift];
    return (char *)c->objects + (size_t)(i & ((1u << shift) - 1)) * obj_bytes;
}
// index must be out.
static inline void *jd_slab_at(const struct jd_slab *s, uint32_t index) {
    return jd_slab_locate(s, index, s->shift, s->obj_bytes);
}
// The same where the type of the objects is known: a shift and an addition.
#define JD_SLAB_AT(s, index, type)                                                                 \
    ((type *)jd_slab_locate((s), (index), jd_slab_shift(sizeof(type)), jd_slab_round(sizeof(type))))

#endif
