// What a worker does before its first job: the pool's initializer, if it has one.
#ifndef WORKER_INITIALIZER_H
#define WORKER_INITIALIZER_H

#include "post.h"

// Waits for the master's first frame. If that asks for the initializer, it is run and the master
// told what came of it; any other frame is left for who comes next. 0 | an error of the link.
int initializer_serve(struct post *p);

#endif
