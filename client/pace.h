// How a map cuts its items into chunks, and how many it has out: from what was measured. Pure.
#ifndef JD_PACE_H
#define JD_PACE_H

#include <jobd/types.h>

struct jd_pace {
    bool fixed;        // the program chose the chunk
    size_t window;     // items out at most, if the program chose it; 0 = by chunks
    uint32_t chunk;    // items of the next one
    uint32_t n_target; // chunks to keep unfinished
    double item_ns;    // run time of one item, a moving average; 0 = not measured
    double item_bytes; // of its result, the most that was seen
    // Since the last look at how many chunks run at once:
    uint64_t since_ns;
    uint64_t run_ns;
    uint32_t n_done;
};

// What is out: items and chunks that were taken and not given back, and chunks that are not done.
struct jd_pace_out {
    uint64_t n_items;
    uint32_t n_chunks;
    uint32_t n_open;
};

// chunk, window: what the program wants; 0 = by measurement. chunk is at most JD_CHUNK_MAX.
void jd_pace_init(struct jd_pace *p, size_t chunk, size_t window);
// May one more chunk be taken?
bool jd_pace_room(const struct jd_pace *p, const struct jd_pace_out *out);

// A chunk is done.
struct jd_pace_done {
    uint64_t now_ns;
    uint64_t run_ns;
    uint32_t n_items; // that ran
    size_t bytes;     // of their results
    size_t max_bytes; // that a chunk's results may have
};
void jd_pace_learn(struct jd_pace *p, const struct jd_pace_done *done);

#endif
