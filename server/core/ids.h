// Job ids -> records, for requests that name a job by its id. Ids are dense, so this is an array; in
// pages that are found by a hash, so that one old job among millions of new ones costs one page.
#ifndef CORE_IDS_H
#define CORE_IDS_H

#include <jobd/types.h>

struct ids_page;
struct ids {
    struct ids_page **table; // open addressing by page number
    uint32_t n_pages, size;  // size: a power of two
    struct ids_page *last;   // the page used last: ids come and go in order
    struct ids_page *spare;
};

void ids_free_all(struct ids *ids);
// False = out of memory, nothing has changed.
bool ids_set(struct ids *ids, uint64_t id, uint32_t job);
void ids_clear(struct ids *ids, uint64_t id);
uint32_t ids_find(struct ids *ids, uint64_t id); // 0 = none

#endif
