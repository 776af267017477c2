#include "ids.h"

#include <string.h>

#include "guard.h"
#include "mem.h"

enum { IDS_PER_PAGE = 1024, TABLE_FIRST = 16 };

struct ids_page {
    uint64_t number; // id / IDS_PER_PAGE
    uint32_t used;
    uint32_t job[IDS_PER_PAGE];
};

void ids_free_all(struct ids *ids) {
    for (uint32_t i = 0; i < ids->size; i++)
        jd_free(ids->table[i]);
    jd_free(ids->table);
    jd_free(ids->spare);
    *ids = (struct ids){0};
}

static uint32_t home_of(const struct ids *ids, uint64_t number) { // Fibonacci hashing
    return (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (ids->size - 1);
}

// Where the page is, or would go.
static uint32_t place_of(const struct ids *ids, uint64_t number) {
    uint32_t at = home_of(ids, number);
    while (ids->table[at] && ids->table[at]->number != number)
        at = (at + 1) & (ids->size - 1);
    return at;
}

static struct ids_page *find(struct ids *ids, uint64_t number) {
    if (ids->last && ids->last->number == number)
        return ids->last;
    if (ids->size == 0)
        return NULL;
    struct ids_page *page = ids->table[place_of(ids, number)];
    if (page)
        ids->last = page;
    return page;
}

// At most half full.
static bool make_room(struct ids *ids) {
    if (2 * (ids->n_pages + 1) <= ids->size)
        return true;
    struct ids larger = {.size = ids->size ? 2 * ids->size : TABLE_FIRST};
    larger.table = jd_zalloc(larger.size * sizeof *larger.table);
    if (!larger.table)
        return false;
    for (uint32_t i = 0; i < ids->size; i++)
        if (ids->table[i])
            larger.table[place_of(&larger, ids->table[i]->number)] = ids->table[i];
    jd_free(ids->table);
    ids->table = larger.table;
    ids->size = larger.size;
    return true;
}

static struct ids_page *add(struct ids *ids, uint64_t number) {
    if (!make_room(ids))
        return NULL;
    struct ids_page *page = ids->spare ? ids->spare : jd_zalloc(sizeof *page);
    if (!page)
        return NULL;
    ids->spare = NULL;
    page->number = number;
    ids->table[place_of(ids, number)] = page;
    ids->n_pages++;
    return ids->last = page;
}

bool ids_set(struct ids *ids, uint64_t id, uint32_t job) {
    struct ids_page *page = find(ids, id / IDS_PER_PAGE);
    if (!page && !(page = add(ids, id / IDS_PER_PAGE)))
        return false;
    JD_ASSERT(job && !page->job[id % IDS_PER_PAGE]);
    page->job[id % IDS_PER_PAGE] = job;
    page->used++;
    return true;
}

// Those behind it in the same run of the table close up.
static void remove_page(struct ids *ids, struct ids_page *page) {
    uint32_t hole = place_of(ids, page->number), mask = ids->size - 1;
    ids->table[hole] = NULL;
    for (uint32_t at = (hole + 1) & mask; ids->table[at]; at = (at + 1) & mask) {
        uint32_t home = home_of(ids, ids->table[at]->number);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        ids->table[hole] = ids->table[at];
        ids->table[at] = NULL;
        hole = at;
    }
    ids->n_pages--;
    if (ids->last == page)
        ids->last = NULL;
    jd_free(ids->spare);
    ids->spare = page; // all zero again but for its number
}

void ids_clear(struct ids *ids, uint64_t id) {
    struct ids_page *page = find(ids, id / IDS_PER_PAGE);
    JD_ASSERT(page && page->job[id % IDS_PER_PAGE]);
    page->job[id % IDS_PER_PAGE] = 0;
    if (--page->used == 0)
        remove_page(ids, page);
}

uint32_t ids_find(struct ids *ids, uint64_t id) {
    const struct ids_page *page = find(ids, id / IDS_PER_PAGE);
    return page ? page->job[id % IDS_PER_PAGE] : 0;
}
