// Jobs that wait for a time: until it may start, or be tried again, or is over its deadline. A heap of
// job indices, the next one due first.
#ifndef CORE_TIMERS_H
#define CORE_TIMERS_H

#include <jobd/types.h>

struct core;
struct job;

struct timers {
    uint32_t *heap; // job indices, by due_ns of their side records
    uint32_t n, cap;
    uint32_t n_reserved; // jobs that may need a place; never above cap
};

void timers_free_all(struct timers *t);
// Room for one more job that may need a timer; false = out of memory.
bool timers_reserve(struct timers *t);
void timers_unreserve(struct timers *t);

// Sets the job's timer to the next of its times, or takes it away. The job must have room.
void timer_update(struct core *core, uint32_t job);
void timer_remove(struct core *core, uint32_t job);
// Does what is due, within the step's bound.
void timers_on_time(struct core *core);

#endif
