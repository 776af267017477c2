// The first words of a worker: which tasks it has, and whether the master will have it.
#ifndef WORKER_HELLO_H
#define WORKER_HELLO_H

#include "link.h"
#include "registry.h"

// Sends HELLO and waits for the answer. 0 | JOBD_E_VERSION | JOBD_E_REFUSED | an error of the link.
int hello_exchange(struct link *l, const struct registry *tasks, jobd_error *reterr);

#endif
