// Jobs that a job has submitted: it lends its slot, waits for them, and goes on when it has a slot
// again.
#ifndef WORKER_CHILDREN_H
#define WORKER_CHILDREN_H

#include "ctx.h"

// Arguments to call a task with, each one array.
struct items {
    uint32_t n;
    const unsigned char *first;
    jobd_bytes array; // of them all, head included
};

// Runs the task once for each of the items, as jobs of this job's pool. *ret: the array of results,
// in order, valid until the job ends. When one fails those after it are stopped; when this job is
// to stop, or stop_ns (0 = never) has come, all are. 0 | JOBD_E_AGAIN (no slot can be lent: nothing
// was done) | why the first item failed, ctx has its words | JOBD_E_CANCELLED | JOBD_E_TIMEOUT |
// JOBD_E_MSGSIZE | JOBD_E_LIMIT | JOBD_E_NOMEM | JOBD_E_CLOSED.
int children_run(jobd_task_ctx *ctx, jobd_bytes task, const struct items *items, uint64_t stop_ns,
                 jobd_bytes *ret);

#endif
