#include "board.h"

#include <string.h>

_Static_assert(sizeof(struct jd_board) % 64 == 0, "the board is whole cache lines");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics must work between processes");

static uint64_t load(const _Atomic uint64_t *p) {
    return atomic_load_explicit(p, memory_order_relaxed);
}

static void store(_Atomic uint64_t *p, uint64_t v) {
    atomic_store_explicit(p, v, memory_order_relaxed);
}

void jd_board_clear_progress(struct jd_board *b, unsigned slot) {
    struct jd_board_progress *p = &b->progress[slot];
    if (load(&p->fraction))
        store(&p->fraction, 0);
    if (load(&p->note[0]))
        store(&p->note[0], 0);
    if (load(&b->item[slot]))
        store(&b->item[slot], 0);
}

void jd_board_set_progress(struct jd_board *b, unsigned slot, double fraction, const char *note) {
    struct jd_board_progress *p = &b->progress[slot];
    uint64_t bits, words[JD_BOARD_NOTE_WORDS] = {0};
    memcpy(&bits, &fraction, sizeof bits);
    store(&p->fraction, bits);
    if (!note)
        return;
    memcpy(words, note, strnlen(note, JD_NOTE_MAX));
    for (unsigned i = 0; i < JD_BOARD_NOTE_WORDS; i++)
        store(&p->note[i], words[i]);
}

void jd_board_read_progress(const struct jd_board *b, unsigned slot, double *ret_fraction,
                            char *note) {
    const struct jd_board_progress *p = &b->progress[slot];
    uint64_t bits = load(&p->fraction), words[JD_BOARD_NOTE_WORDS];
    memcpy(ret_fraction, &bits, sizeof bits);
    for (unsigned i = 0; i < JD_BOARD_NOTE_WORDS; i++)
        words[i] = load(&p->note[i]);
    memcpy(note, words, sizeof words);
    note[JD_NOTE_MAX] = '\0';
}

// Byte by byte, each a relaxed atomic: a torn read is then a wrong byte, which the caller's second
// look at out_tail finds, and never undefined behaviour.
void jd_board_ring_write(struct jd_board *b, uint64_t at, const void *data, size_t n) {
    const unsigned char *p = data;
    JD_ASSERT(n <= JD_BOARD_RING_BYTES);
    // The bytes being written over stop counting before they change (pairs with the reader's
    // fence).
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < n; i++)
        atomic_store_explicit(&b->ring[(at + i) % JD_BOARD_RING_BYTES], p[i], memory_order_relaxed);
}

bool jd_board_ring_read(const struct jd_board *b, uint64_t from, uint64_t to, bool live,
                        unsigned char *out) {
    if (to < from || to - from > JD_BOARD_RING_BYTES)
        return false;
    for (uint64_t at = from; at < to; at++)
        *out++ = atomic_load_explicit(&b->ring[at % JD_BOARD_RING_BYTES], memory_order_relaxed);
    if (!live)
        return true;
    atomic_thread_fence(memory_order_acquire);
    // A frame of up to JD_DIRECT_BYTES and its head may be under way beyond out_tail.
    uint64_t writing_to = jd_board_out_tail(b) + JD_DIRECT_BYTES + 64;
    return writing_to <= from + JD_BOARD_RING_BYTES;
}
