// Small numbers for pointers: a dense table whose free places are reused, last freed first. Handles
// of jobs and ids of requests live in one each.
#ifndef JD_TABLE_H
#define JD_TABLE_H

#include <jobd/types.h>

#include "guard.h"

struct jd_entry {
    void *ptr;
    uint32_t tag;  // never 0 while the place is taken
    uint32_t next; // next free place + 1, when free
};

struct jd_table {
    struct jd_entry *entries;
    uint32_t cap;
    uint32_t max;     // places at once
    uint32_t n_fresh; // places handed out at least once since the table was last empty
    uint32_t n_used;
    uint32_t free; // first free place + 1; 0 = none
};

void jd_table_init(struct jd_table *t, uint32_t max);
void jd_table_free_all(struct jd_table *t);

// The place, or JOBD_E_NOMEM | JOBD_E_LIMIT. Entries may move.
JD_MUST_USE int64_t jd_table_take(struct jd_table *t, uint32_t tag, void *ptr);
// The entry, or NULL when that place is not taken; any number may be asked for.
struct jd_entry *jd_table_find(const struct jd_table *t, uint64_t place);
void jd_table_give(struct jd_table *t, uint32_t place);

#endif
