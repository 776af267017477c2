// Futures of others: a job is told about to its owner, and to those that attached to it by its id or
// by its key. They are told what the owner is told.
#ifndef CORE_FOLLOW_H
#define CORE_FOLLOW_H

#include <jobd/types.h>

struct core;
struct job;

enum { FOLLOWERS_MAX = 64 }; // of one job

struct follower {
    uint32_t client, handle;
    uint32_t next;
};

// The client's handle stands for the job from now on. 0 | JOBD_E_NOMEM | JOBD_E_LIMIT.
int follow_add(struct core *core, uint32_t job, uint32_t client, uint32_t handle);
// The client gives the job up: as its owner or as a follower. An owner is succeeded by a follower.
// False = it is the only one who wants the job, which stays as it is.
bool follow_leave(struct core *core, uint32_t job, uint32_t client, uint32_t handle);
// The first follower, or 0.
uint32_t follow_first(const struct core *core, const struct job *job);
static inline bool job_is_followed(const struct core *core, const struct job *job) {
    return follow_first(core, job) != 0;
}
struct follower *follower_at(const struct core *core, uint32_t index);
// The job has ended: all of them are gone, and their handles free.
void follow_end(struct core *core, uint32_t job);

#endif
