// The state directory: the numbers that must never be given out twice, also across restarts.
//
// Its file `counters` says where to go on. Numbers are reserved in blocks: the file is always ahead
// of what was given out, so that a crash skips numbers and never repeats one; a clean stop writes
// the exact values back. A file that cannot be understood is refused, never replaced.
#ifndef IO_STATE_H
#define IO_STATE_H

#include <jobd/types.h>

#include "fault.h"

#define STATE_BLOCK ((uint64_t)1 << 28)

struct state {
    int dir; // flocked
    char path[512];
    uint64_t next_job; // when the directory was opened
    uint64_t next_token;
};

// Makes the directory, locks it, reads the counters (1 if there are none) and reserves a block of
// each. 0 | -1 with *f.
int state_open(struct state *s, const char *path, struct fault *f);
// Job ids below limit are never given out after a restart. 0 | -errno.
int state_reserve(struct state *s, uint64_t limit);
// A clean stop: the next start goes on with next_job.
int state_settle(struct state *s, uint64_t next_job);
void state_close(struct state *s);

#endif
