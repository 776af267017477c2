// What clients ask for: an executor, a job. A refused request changes nothing.
#ifndef CORE_SUBMIT_H
#define CORE_SUBMIT_H

#include "msg.h"

struct core;

// A job of the pool of processes, QUEUED and in no lane. 0 | why not.
int submit_process(struct core *core, uint32_t client, const struct jd_submit *s, uint32_t *ret_job,
                   jobd_bytes *ret_text);
// The client's handle stands for that job from now on; of one that has ended and is kept, nothing
// changes. 0 | JOBD_E_NOENT | JOBD_E_NOMEM | JOBD_E_LIMIT | JOBD_E_STATE (the handle is in use).
int attach(struct core *core, uint32_t client, uint32_t handle, uint64_t id);
// After the reply: if that job has ended, how.
void attach_tell(struct core *core, uint32_t client, uint32_t handle, uint64_t id);

#endif
