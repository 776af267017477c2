// The computing thread of a worker that has one: read a batch of jobs, run them, write the batch of
// results.
#ifndef WORKER_RUNNER_H
#define WORKER_RUNNER_H

#include "post.h"

// Runs jobs until the link ends. p is borrowed.
// JOBD_E_CLOSED = the clean end | another error of the link.
int runner_run(struct post *p);

#endif
