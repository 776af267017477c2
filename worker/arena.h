// Memory of one job: handed out piece by piece, taken back all at once. A job that needs more than
// the block that is kept spills into blocks of its own; the next reset makes the kept block larger,
// so that a worker doing the same kind of job again and again stops allocating.
#ifndef WORKER_ARENA_H
#define WORKER_ARENA_H

#include <stddef.h>

#include "guard.h"

enum { ARENA_KEEP_MAX_BYTES = 1 << 20 }; // the most memory kept from one job to the next

struct arena_spill;
struct arena {
    unsigned char *block; // kept from job to job; NULL at first
    size_t cap;
    size_t used;
    struct arena_spill *spills; // blocks of this job only
    size_t spilled_bytes;
};

// A zeroed struct arena is an empty one.
// Aligned for any type; NULL = out of memory.
JD_MUST_USE void *arena_alloc(struct arena *a, size_t n);
void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#endif
