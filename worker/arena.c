#include "arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "mem.h"

struct arena_spill {
    struct arena_spill *next;
    max_align_t data[];
};

void *arena_alloc(struct arena *a, size_t n) {
    const size_t align = alignof(max_align_t);
    if (n > SIZE_MAX / 2)
        return NULL;
    n = JD_MAX((n + align - 1) / align * align, align);
    if (n <= a->cap - a->used) {
        void *p = a->block + a->used;
        a->used += n;
        return p;
    }
    struct arena_spill *spill = jd_alloc(sizeof *spill + n);
    if (!spill)
        return NULL;
    spill->next = a->spills;
    a->spills = spill;
    a->spilled_bytes += n;
    return spill->data;
}

static void drop_spills(struct arena *a) {
    while (a->spills) {
        struct arena_spill *next = a->spills->next;
        jd_free(a->spills);
        a->spills = next;
    }
    a->spilled_bytes = 0;
}

void arena_reset(struct arena *a) {
    size_t want = JD_MIN(a->cap + a->spilled_bytes, (size_t)ARENA_KEEP_MAX_BYTES);
    drop_spills(a);
    a->used = 0;
    if (want <= a->cap)
        return;
    jd_free(a->block);
    a->block = jd_alloc(want);
    a->cap = a->block ? want : 0;
}

void arena_free(struct arena *a) {
    drop_spills(a);
    jd_free(a->block);
    *a = (struct arena){0};
}
