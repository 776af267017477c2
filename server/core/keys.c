#include "keys.h"

#include <string.h>

#include "mem.h"

enum { TABLE_FIRST = 64 };

static struct key *key_at(const struct keys *keys, uint32_t index) {
    return JD_SLAB_AT(&keys->slab, index, struct key);
}

void keys_init(struct keys *keys) {
    *keys = (struct keys){0};
    jd_slab_init(&keys->slab, sizeof(struct key), UINT32_MAX / 2);
}

void keys_free_all(struct keys *keys) {
    for (uint32_t i = 0; i < keys->size; i++)
        for (uint32_t k = keys->table[i]; k; k = key_at(keys, k)->next)
            jd_free(key_at(keys, k)->text);
    jd_slab_free_all(&keys->slab);
    jd_free(keys->table);
}

static uint32_t hash_of(jobd_bytes text) { // FNV-1a
    const unsigned char *p = text.data;
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ p[i]) * 16777619u;
    return h ^ h >> 15;
}

uint64_t keys_find(const struct keys *keys, jobd_bytes text) {
    if (keys->size == 0)
        return 0;
    uint32_t hash = hash_of(text);
    for (uint32_t k = keys->table[hash & (keys->size - 1)]; k; k = key_at(keys, k)->next) {
        const struct key *key = key_at(keys, k);
        if (key->hash == hash && key->len == text.len &&
            memcmp(key->text, text.data, text.len) == 0)
            return key->job;
    }
    return 0;
}

static bool grow(struct keys *keys) {
    uint32_t size = keys->size ? 2 * keys->size : TABLE_FIRST;
    uint32_t *table = jd_zalloc(size * sizeof *table);
    if (!table)
        return false;
    for (uint32_t i = 0; i < keys->size; i++) {
        for (uint32_t k = keys->table[i], next; k; k = next) {
            struct key *key = key_at(keys, k);
            next = key->next;
            key->next = table[key->hash & (size - 1)];
            table[key->hash & (size - 1)] = k;
        }
    }
    jd_free(keys->table);
    keys->table = table;
    keys->size = size;
    return true;
}

uint32_t keys_add(struct keys *keys, jobd_bytes text, uint64_t job) {
    if (keys->slab.used >= keys->size && !grow(keys) && keys->size == 0)
        return 0;
    uint32_t index = jd_slab_take(&keys->slab);
    char *copy = index ? jd_alloc(text.len) : NULL;
    if (!copy) {
        if (index)
            jd_slab_give(&keys->slab, index);
        return 0;
    }
    struct key *key = key_at(keys, index);
    uint32_t hash = hash_of(text), *head = &keys->table[hash & (keys->size - 1)];
    *key = (struct key){.job = job,
                        .next = *head,
                        .hash = hash,
                        .len = (uint32_t)text.len,
                        .text = memcpy(copy, text.data, text.len)};
    *head = index;
    return index;
}

void keys_remove(struct keys *keys, uint32_t index) {
    struct key *key = key_at(keys, index);
    uint32_t *link = &keys->table[key->hash & (keys->size - 1)];
    while (*link != index)
        link = &key_at(keys, *link)->next;
    *link = key->next;
    jd_free(key->text);
    jd_slab_give(&keys->slab, index);
}
