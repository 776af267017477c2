#include "pace.h"

#include "guard.h"
#include "proto.h"

enum {
    CHUNK_NS = 2000000, // run time of a chunk: long against its way, short against a person
    GROWTH = 4,         // a chunk is at most so many times one that was measured
    TARGET_MIN = 8,     // chunks unfinished, at least ...
    TARGET_MAX = 2048,  // ... and at most
    PER_RUNNING = 2,    // one that runs and one that waits behind it
    RESULTS_ROOM = 4,   // results may grow to so many times the largest that was seen
};

void jd_pace_init(struct jd_pace *p, size_t chunk, size_t window) {
    *p = (struct jd_pace){.fixed = chunk > 0, .window = window, .chunk = 1, .n_target = TARGET_MIN};
    if (chunk > 0)
        p->chunk = (uint32_t)(window ? JD_MIN(chunk, window) : chunk);
}

bool jd_pace_room(const struct jd_pace *p, const struct jd_pace_out *out) {
    if (out->n_open >= p->n_target)
        return false;
    if (p->window)
        return out->n_items + p->chunk <= p->window;
    return out->n_chunks < 2 * p->n_target; // half of them done, behind one that takes long
}

static void learn_chunk(struct jd_pace *p, const struct jd_pace_done *done) {
    double n = done->n_items;
    double item_ns = JD_MAX((double)done->run_ns / n, 1.0);
    p->item_ns += p->item_ns > 0 ? (item_ns - p->item_ns) / 4 : item_ns;
    p->item_bytes = JD_MAX(p->item_bytes, (double)done->bytes / n);
    double want = CHUNK_NS / p->item_ns;
    want = JD_MIN(want, JD_MAX((double)p->chunk, n * GROWTH));
    want = JD_MIN(want, (double)done->max_bytes / (p->item_bytes * RESULTS_ROOM + 1));
    want = JD_MIN(want, (double)JD_CHUNK_MAX);
    if (p->window) // enough chunks must fit
        want = JD_MIN(want, (double)p->window / TARGET_MIN);
    p->chunk = (uint32_t)JD_MAX(want, 1.0);
}

// Run time over elapsed time is how many ran at once. If that is as many as there were, there may be
// workers for more.
static void learn_target(struct jd_pace *p, const struct jd_pace_done *done) {
    if (p->n_done == 0)
        p->since_ns = done->now_ns;
    else
        p->run_ns += done->run_ns;
    if (++p->n_done <= p->n_target)
        return;
    double elapsed_ns = JD_MAX((double)(done->now_ns - p->since_ns), 1.0);
    double want = PER_RUNNING * (double)p->run_ns / elapsed_ns;
    if (want > p->n_target)
        p->n_target = (uint32_t)JD_MIN(want, JD_MIN(2.0 * p->n_target, (double)TARGET_MAX));
    p->n_done = 0;
    p->run_ns = 0;
}

void jd_pace_learn(struct jd_pace *p, const struct jd_pace_done *done) {
    if (done->n_items > 0 && !p->fixed)
        learn_chunk(p, done);
    learn_target(p, done);
}
