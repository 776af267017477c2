// The compute threads of a worker that has several.
#ifndef WORKER_CREW_H
#define WORKER_CREW_H

#include "post.h"

// Runs jobs on n threads, the calling one among them, until the link ends and all have finished.
// More are started while jobs lend their slots. p is borrowed. JOBD_E_CLOSED = the clean end |
// another error of the link.
int crew_run(struct post *p, unsigned n);

#endif
