#include "slab.h"

#include <string.h>

#include "mem.h"

void jd_slab_init(struct jd_slab *s, size_t obj_bytes, uint32_t max) {
    *s = (struct jd_slab){
        .obj_bytes = (uint32_t)jd_slab_round(obj_bytes),
        .shift = jd_slab_shift(obj_bytes),
        .max = max,
    };
}

void jd_slab_free_all(struct jd_slab *s) {
    for (uint32_t i = 0; i < s->n_chunks; i++)
        jd_free(s->dir[i]);
    jd_free(s->dir);
    *s = (struct jd_slab){.obj_bytes = s->obj_bytes, .shift = s->shift, .max = s->max};
}

static void room_push(struct jd_slab *s, uint32_t entry) {
    struct jd_slab_chunk *c = s->dir[entry];
    c->prev_room = 0;
    c->next_room = s->room;
    if (s->room)
        s->dir[s->room - 1]->prev_room = entry + 1;
    s->room = entry + 1;
}

static void room_remove(struct jd_slab *s, uint32_t entry) {
    struct jd_slab_chunk *c = s->dir[entry];
    if (c->prev_room)
        s->dir[c->prev_room - 1]->next_room = c->next_room;
    else
        s->room = c->next_room;
    if (c->next_room)
        s->dir[c->next_room - 1]->prev_room = c->prev_room;
}

static bool add_chunk(struct jd_slab *s) {
    while (s->hole < s->n_chunks && s->dir[s->hole])
        s->hole++;
    if (s->hole == s->dir_cap) {
        uint32_t cap = s->dir_cap ? s->dir_cap * 2 : 8;
        void *dir = jd_realloc(s->dir, cap * sizeof *s->dir);
        if (!dir)
            return false;
        s->dir = dir;
        s->dir_cap = cap;
    }
    uint32_t n = 1u << s->shift;
    struct jd_slab_chunk *c = jd_alloc(sizeof *c + (size_t)n * s->obj_bytes);
    if (!c)
        return false;
    *c = (struct jd_slab_chunk){.n_free = n, .n_fresh = n};
    s->dir[s->hole] = c;
    if (s->hole == s->n_chunks)
        s->n_chunks++;
    room_push(s, s->hole);
    return true;
}

uint32_t jd_slab_take(struct jd_slab *s) {
    if (s->used == s->max || (!s->room && !add_chunk(s)))
        return 0;
    uint32_t entry = s->room - 1;
    struct jd_slab_chunk *c = s->dir[entry];
    uint32_t n = 1u << s->shift, i;
    if (c->free_head) {
        i = c->free_head - 1;
        memcpy(&c->free_head, (char *)c->objects + (size_t)i * s->obj_bytes, sizeof c->free_head);
    } else {
        i = n - c->n_fresh--;
    }
    if (--c->n_free == 0)
        room_remove(s, entry);
    s->used++;
    uint32_t index = (entry << s->shift) + i + 1;
    memset(jd_slab_at(s, index), 0, s->obj_bytes);
    return index;
}

void jd_slab_give(struct jd_slab *s, uint32_t index) {
    uint32_t i = index - 1, entry = i >> s->shift, n = 1u << s->shift;
    JD_ASSERT(index != 0 && entry < s->n_chunks);
    struct jd_slab_chunk *c = s->dir[entry];
    JD_ASSERT(c && c->n_free < n);
    memcpy(jd_slab_at(s, index), &c->free_head, sizeof c->free_head);
    c->free_head = (i & (n - 1)) + 1;
    s->used--;
    if (++c->n_free == 1)
        room_push(s, entry);
    // Keep one spare chunk, so that a load at the edge of a chunk does not allocate each time.
    if (c->n_free < n || (s->room == entry + 1 && c->next_room == 0))
        return;
    room_remove(s, entry);
    jd_free(c);
    s->dir[entry] = NULL;
    s->hole = JD_MIN(s->hole, entry);
}
