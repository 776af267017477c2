// A client's handles -> its unfinished jobs. libjobd hands handles out lowest first, so this is an
// array; in pages, so that a client which does not costs 4 KiB a handle at most, and 40 MiB in all.
#ifndef CORE_HANDLES_H
#define CORE_HANDLES_H

#include <jobd/types.h>

enum { HANDLES_PER_PAGE = 1024 };

struct handles_page;
struct handles {
    struct handles_page **pages;
    struct handles_page
        *spare;       // so that a client at the edge of a page does not allocate each time
    uint32_t n_pages; // size of the directory, holes included
    uint32_t used;
};

void handles_free_all(struct handles *h);
uint32_t handles_get(const struct handles *h, uint32_t handle); // 0 = none
// handle must be unused and <= JD_HANDLE_MAX. False = out of memory, nothing has changed.
bool handles_set(struct handles *h, uint32_t handle, uint32_t job);
void handles_clear(struct handles *h, uint32_t handle);
// The first used handle >= from: its job, and *ret_handle; 0 = there is none.
uint32_t handles_next(const struct handles *h, uint32_t from, uint32_t *ret_handle);

#endif
