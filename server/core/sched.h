// Which waiting job runs next, and where. Lanes with something to run stand in a ring and take
// turns, so that a client with a million jobs does not starve one with a single job; within a lane
// the order is that of the ids, for life.
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include <jobd/types.h>

struct core;
struct job;
struct lane;
struct pool;

void sched_add(struct core *core, uint32_t job);      // new: it has the highest id
void sched_put_back(struct core *core, uint32_t job); // anywhere, mostly near the front
void sched_remove(struct core *core, uint32_t job);   // from its lane, if it is in one
// The job has another owner: it goes to that one's lane. False = out of memory.
bool sched_move(struct core *core, struct job *job, uint32_t client);
// Has it jobs, a client that reads, and is it below its limit?
bool sched_lane_may_run(const struct core *core, const struct lane *lane);
// Puts a lane into its pool's ring or takes it out, as it may run.
void sched_update_lane(struct core *core, uint32_t lane);
// Is there room for the job whose turn it is?
bool sched_could_start(const struct core *core, const struct pool *pool);
// Starts what can be started, and shares work out again where a worker ran dry.
void sched_run(struct core *core);
// Cancels jobs that wait, of one pool or (NULL) of all; within the step's bound.
void sched_cancel_queued(struct core *core, struct pool *pool, const char *why);

#endif
