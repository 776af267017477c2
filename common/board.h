// The board: one page of shared memory per worker, and the only atomics of the project.
//
//   slot[i]   = dispatch sequence << 2 | state. The master publishes (sequence, QUEUED) and then
//   sends
//               the RUN frame; the worker claims QUEUED -> STARTED by compare-and-swap of the whole
//               word; the master takes back QUEUED -> REVOKED by the same. One of the two wins. The
//               sequence counts the RUN frames sent to this worker and is never reused, so a frame
//               whose slot has moved on cannot be claimed.
//   taken     = the last sequence the worker has read from its socket.
//   ring      = the worker's output stream, bytes [out_tail - 64 KiB, out_tail): a result is in it
//               before the next job is claimed, and stays there until it was written to the socket.
//   cancel[i] = the sequence asked to stop.
//   progress  = what the running job last reported.
//   item[i]   = of a chunk: the item that is being run.
//
// The master's side may read anything here, but the page is written by untrusted code: each value
// is copied once, then checked.
#ifndef JD_BOARD_H
#define JD_BOARD_H

#include <stdatomic.h>

#include "guard.h"
#include "proto.h"

enum {
    JD_BOARD_SLOTS = JD_WINDOW_MAX,
    JD_BOARD_RING_BYTES = 65536,
    JD_BOARD_NOTE_WORDS = (JD_NOTE_MAX + 1) / 8,
    JD_BOARD_LAYOUT = 2, // changes with the struct below
};

enum jd_slot_state {
    JD_SLOT_FREE = 0,
    JD_SLOT_QUEUED = 1,
    JD_SLOT_STARTED = 2,
    JD_SLOT_REVOKED = 3
};

struct jd_board_progress {
    _Atomic uint64_t fraction; // bits of a double
    _Atomic uint64_t note[JD_BOARD_NOTE_WORDS];
};

struct jd_board {
    _Atomic uint64_t layout;
    char pad0[56];
    _Atomic uint64_t taken;    // written by the worker
    _Atomic uint64_t out_tail; // written by the worker
    char pad1[48];
    _Atomic uint64_t slot[JD_BOARD_SLOTS];
    _Atomic uint64_t cancel[JD_BOARD_SLOTS]; // written by the master
    struct jd_board_progress progress[JD_BOARD_SLOTS];
    _Atomic uint64_t item[JD_BOARD_SLOTS]; // written by the worker
    _Atomic unsigned char ring[JD_BOARD_RING_BYTES];
};

static inline uint64_t jd_slot_word(uint64_t seq, enum jd_slot_state state) {
    return seq << 2 | (uint64_t)state;
}
static inline uint64_t jd_slot_seq(uint64_t word) {
    return word >> 2;
}
static inline enum jd_slot_state jd_slot_state(uint64_t word) {
    return (enum jd_slot_state)(word & 3);
}

// ---- the master's side ----

static inline void jd_board_init(struct jd_board *b) {
    atomic_store_explicit(&b->layout, JD_BOARD_LAYOUT, memory_order_release);
}

// Before the RUN frame is sent.
static inline void jd_board_publish(struct jd_board *b, unsigned slot, uint64_t seq) {
    atomic_store_explicit(&b->slot[slot], jd_slot_word(seq, JD_SLOT_QUEUED), memory_order_release);
}

// True: the job will not run. False: it was claimed, whatever the word says now.
static inline bool jd_board_revoke(struct jd_board *b, unsigned slot, uint64_t seq) {
    uint64_t word = jd_slot_word(seq, JD_SLOT_QUEUED);
    return atomic_compare_exchange_strong_explicit(&b->slot[slot], &word,
                                                   jd_slot_word(seq, JD_SLOT_REVOKED),
                                                   memory_order_acq_rel, memory_order_acquire);
}

static inline void jd_board_ask_stop(struct jd_board *b, unsigned slot, uint64_t seq) {
    atomic_store_explicit(&b->cancel[slot], seq, memory_order_release);
}

static inline uint64_t jd_board_word(const struct jd_board *b, unsigned slot) {
    return atomic_load_explicit(&b->slot[slot], memory_order_acquire);
}

static inline uint64_t jd_board_taken(const struct jd_board *b) {
    return atomic_load_explicit(&b->taken, memory_order_acquire);
}

static inline uint64_t jd_board_out_tail(const struct jd_board *b) {
    return atomic_load_explicit(&b->out_tail, memory_order_acquire);
}

// note: JD_NOTE_MAX + 1 bytes, always terminated. The fraction may be any bits.
void jd_board_read_progress(const struct jd_board *b, unsigned slot, double *ret_fraction,
                            char *note);

// Means something only while the slot holds a chunk; then, too, it may be any number.
static inline uint64_t jd_board_read_item(const struct jd_board *b, unsigned slot) {
    return atomic_load_explicit(&b->item[slot], memory_order_relaxed);
}

// Copies stream bytes [from, to) out of the ring. False: not there (any more): the range is longer
// than the ring, or a live worker may have been writing over it meanwhile.
bool jd_board_ring_read(const struct jd_board *b, uint64_t from, uint64_t to, bool live,
                        unsigned char *out);

// ---- the worker's side ----

static inline bool jd_board_claim(struct jd_board *b, unsigned slot, uint64_t seq) {
    uint64_t word = jd_slot_word(seq, JD_SLOT_QUEUED);
    return atomic_compare_exchange_strong_explicit(&b->slot[slot], &word,
                                                   jd_slot_word(seq, JD_SLOT_STARTED),
                                                   memory_order_acq_rel, memory_order_acquire);
}

static inline void jd_board_set_taken(struct jd_board *b, uint64_t seq) {
    atomic_store_explicit(&b->taken, seq, memory_order_release);
}

static inline bool jd_board_cancelled(const struct jd_board *b, unsigned slot, uint64_t seq) {
    return atomic_load_explicit(&b->cancel[slot], memory_order_relaxed) == seq;
}

// Before the claim, so that a job never shows its predecessor's. The item too.
void jd_board_clear_progress(struct jd_board *b, unsigned slot);
// note: NULL = keep the last one; cut at JD_NOTE_MAX bytes.
void jd_board_set_progress(struct jd_board *b, unsigned slot, double fraction, const char *note);

static inline void jd_board_set_item(struct jd_board *b, unsigned slot, uint64_t item) {
    atomic_store_explicit(&b->item[slot], item, memory_order_relaxed);
}

// Puts n bytes of the stream at offset `at`; they count once jd_board_set_out_tail() passed them.
void jd_board_ring_write(struct jd_board *b, uint64_t at, const void *data, size_t n);

static inline void jd_board_set_out_tail(struct jd_board *b, uint64_t tail) {
    atomic_store_explicit(&b->out_tail, tail, memory_order_release);
}

#endif
