// Idempotency keys: a submit with the key of an unfinished job, or of a detached one that is kept,
// gets that job instead of a new one.
#ifndef CORE_KEYS_H
#define CORE_KEYS_H

#include "slab.h"

struct key {
    uint64_t job; // its id
    uint32_t next;
    uint32_t hash;
    uint32_t len;
    char *text; // owned
};

struct keys {
    struct jd_slab slab;
    uint32_t *table; // chains by hash
    uint32_t size;   // a power of two
};

void keys_init(struct keys *keys);
void keys_free_all(struct keys *keys);
// The job that has the key, by its id; 0 = none.
uint64_t keys_find(const struct keys *keys, jobd_bytes text);
// A record for a key that is not there; 0 = out of memory.
uint32_t keys_add(struct keys *keys, jobd_bytes text, uint64_t job);
void keys_remove(struct keys *keys, uint32_t key);

#endif
