// The computing thread: read a batch of jobs, run them, write the batch of results.
#ifndef WORKER_RUNNER_H
#define WORKER_RUNNER_H

#include "link.h"
#include "registry.h"

// Runs jobs until the link ends. Both are borrowed.
// JOBD_E_CLOSED = the clean end | another error of the link.
int runner_run(struct link *l, const struct registry *tasks);

#endif
