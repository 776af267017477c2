// Finished jobs that stay visible: the newest so many, for so long. Of a detached job its result is
// kept, too; of others it has gone to who submitted them.
#ifndef CORE_KEPT_H
#define CORE_KEPT_H

#include <jobd/types.h>

struct core;
struct job;
struct fate;

enum { KEPT_NO_POOL = UINT8_MAX };

struct kept {
    uint64_t id;
    uint64_t end_ns;
    uint64_t run_ns;
    uint64_t cpu_ns, max_rss_bytes; // of the worker, if the job ended with it
    uint32_t submit_ms, sent_ms;    // since the core began; sent_ms 0 = never
    uint32_t pid;
    uint32_t key;
    uint16_t task;
    int16_t status;
    int16_t error;
    uint8_t state;
    uint8_t attempts, lost;
    uint8_t pool; // its number; KEPT_NO_POOL = it was deleted
    int8_t priority;
    uint32_t value_bytes;
    uint32_t lost_bytes; // of a result that could not be kept
    void *value;         // owned; NULL = none, or it went to the owner
    char *name;          // owned, as the rest: the task's own name of the error
    char *text;
    char *label;
};

// A ring: the oldest goes first.
struct kept_ring {
    struct kept *list;
    uint32_t first, n, cap; // cap grows up to the limit
};

struct kept_jobs {
    struct kept_ring owned, detached;
    uint64_t bytes;        // of values
    uint64_t shown;        // the job whose words and value an effect of this step shows; 0 = none
    struct kept forgotten; // that one, if it was forgotten in the same step
};

void kept_free_all(struct kept_jobs *kept);
// The job is about to be freed. Without memory it is forgotten at once.
void kept_add(struct core *core, const struct job *job, const struct fate *fate);
// NULL = not there (any more).
const struct kept *kept_find(const struct core *core, uint64_t id);
// An effect of this step shows it: it stays until the next one.
void kept_show(struct core *core, const struct kept *k);
void kept_on_step(struct core *core); // a step begins
// Number i of all that is kept, from 0; NULL = there are no more.
const struct kept *kept_at(const struct core *core, uint32_t i);
void kept_forget_pool(struct core *core, uint32_t number);
// Forgets what is too old.
void kept_on_time(struct core *core);

#endif
