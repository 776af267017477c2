#include "handles.h"

#include <string.h>

#include "mem.h"

struct handles_page {
    uint32_t used;
    uint32_t job[HANDLES_PER_PAGE];
};

void handles_free_all(struct handles *h) {
    for (uint32_t i = 0; i < h->n_pages; i++)
        jd_free(h->pages[i]);
    jd_free(h->pages);
    jd_free(h->spare);
    *h = (struct handles){0};
}

uint32_t handles_get(const struct handles *h, uint32_t handle) {
    uint32_t p = handle / HANDLES_PER_PAGE;
    if (p >= h->n_pages || !h->pages[p])
        return 0;
    return h->pages[p]->job[handle % HANDLES_PER_PAGE];
}

static bool grow(struct handles *h, uint32_t n) {
    uint32_t want = h->n_pages ? h->n_pages : 1;
    while (want < n)
        want *= 2;
    struct handles_page **pages = jd_realloc(h->pages, want * sizeof *pages);
    if (!pages)
        return false;
    memset(pages + h->n_pages, 0, (want - h->n_pages) * sizeof *pages);
    h->pages = pages;
    h->n_pages = want;
    return true;
}

bool handles_set(struct handles *h, uint32_t handle, uint32_t job) {
    uint32_t p = handle / HANDLES_PER_PAGE;
    if (p >= h->n_pages && !grow(h, p + 1))
        return false;
    if (!h->pages[p]) {
        h->pages[p] = h->spare ? h->spare : jd_zalloc(sizeof **h->pages);
        if (!h->pages[p])
            return false;
        h->spare = NULL;
    }
    JD_ASSERT(h->pages[p]->job[handle % HANDLES_PER_PAGE] == 0);
    h->pages[p]->job[handle % HANDLES_PER_PAGE] = job;
    h->pages[p]->used++;
    h->used++;
    return true;
}

void handles_clear(struct handles *h, uint32_t handle) {
    struct handles_page **page = &h->pages[handle / HANDLES_PER_PAGE];
    JD_ASSERT((*page)->job[handle % HANDLES_PER_PAGE] != 0);
    (*page)->job[handle % HANDLES_PER_PAGE] = 0;
    h->used--;
    if (--(*page)->used > 0)
        return;
    jd_free(h->spare);
    h->spare = *page; // all zero
    *page = NULL;
}

uint32_t handles_next(const struct handles *h, uint32_t from, uint32_t *ret_handle) {
    for (uint32_t p = from / HANDLES_PER_PAGE; p < h->n_pages; p++, from = p * HANDLES_PER_PAGE) {
        if (!h->pages[p])
            continue;
        for (uint32_t i = from % HANDLES_PER_PAGE; i < HANDLES_PER_PAGE; i++) {
            if (h->pages[p]->job[i]) {
                *ret_handle = p * HANDLES_PER_PAGE + i;
                return h->pages[p]->job[i];
            }
        }
    }
    return 0;
}
