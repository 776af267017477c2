// Which waiting job runs next, and where. Lanes with something to run stand in a ring and take
// turns, so that a client with a million jobs does not starve one with a single job; within a lane
// the order is that of the ids, for life.
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include <jobd/types.h>

struct core;

void sched_add(struct core *core, uint32_t job);      // new: it has the highest id
void sched_put_back(struct core *core, uint32_t job); // anywhere, mostly near the front
void sched_remove(struct core *core, uint32_t job);
// Puts a lane into its pool's ring or takes it out, as it has jobs and a client that reads.
void sched_update_lane(struct core *core, uint32_t lane);
// Starts what can be started, and shares work out again where a worker ran dry.
void sched_run(struct core *core);
// Cancels jobs that wait, within the step's bound.
void sched_cancel_queued(struct core *core, const char *why);

#endif
