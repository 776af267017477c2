// The items of a map, taken from the program and packed into the arguments of chunks.
#ifndef JD_FEED_H
#define JD_FEED_H

#include <jobd/jobd.h>

#include "buf.h"

struct jd_feed {
    jobd_item_fn next;
    void *arg;
    jobd_args *item;    // where the program puts one
    struct jd_buf args; // the chunk being made: room for the array's head, then the items
    jobd_bytes held;    // in `item`: taken, and too large for what was left of the last chunk
    uint64_t n_taken;   // items in chunks
    bool is_over;       // nothing more comes ...
    int error;          // ... because of this; 0 = that was all
};

// 0 | JOBD_E_NOMEM.
JD_MUST_USE int jd_feed_init(struct jd_feed *f, jobd_item_fn next, void *arg);
// Nothing more is to be taken.
void jd_feed_end(struct jd_feed *f, int error);
void jd_feed_free(struct jd_feed *f);

// Takes up to n items, as far as they fit into max_bytes. *ret_args is a view until the next call.
// Returns how many; 0 = is_over.
uint32_t jd_feed_take(struct jd_feed *f, uint32_t n, size_t max_bytes, jobd_bytes *ret_args);

#endif
