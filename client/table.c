#include "table.h"

#include "mem.h"

enum { TABLE_FIRST = 64 };

void jd_table_init(struct jd_table *t, uint32_t max) {
    *t = (struct jd_table){.max = max};
}

void jd_table_free_all(struct jd_table *t) {
    jd_free(t->entries);
    jd_table_init(t, t->max);
}

static bool grow(struct jd_table *t) {
    uint64_t cap = JD_MIN(t->cap ? (uint64_t)t->cap * 2 : TABLE_FIRST, t->max);
    void *entries = jd_realloc(t->entries, cap * sizeof *t->entries);
    if (!entries)
        return false;
    t->entries = entries;
    t->cap = (uint32_t)cap;
    return true;
}

int64_t jd_table_take(struct jd_table *t, uint32_t tag, void *ptr) {
    uint32_t place;
    JD_ASSERT(tag != 0);
    if (t->free) {
        place = t->free - 1;
        t->free = t->entries[place].next;
    } else {
        if (t->n_fresh == t->max)
            return JOBD_E_LIMIT;
        if (t->n_fresh == t->cap && !grow(t))
            return JOBD_E_NOMEM;
        place = t->n_fresh++;
    }
    t->entries[place] = (struct jd_entry){.ptr = ptr, .tag = tag};
    t->n_used++;
    return place;
}

struct jd_entry *jd_table_find(const struct jd_table *t, uint64_t place) {
    if (place >= t->n_fresh || t->entries[place].tag == 0)
        return NULL;
    return &t->entries[place];
}

void jd_table_give(struct jd_table *t, uint32_t place) {
    JD_ASSERT(jd_table_find(t, place));
    t->entries[place] = (struct jd_entry){.next = t->free};
    t->free = place + 1;
    if (--t->n_used == 0) // empty: small numbers again, whatever the last burst needed
        t->n_fresh = t->free = 0;
}
