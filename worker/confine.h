// What a worker does to itself after exec, before it does anything else.
#ifndef WORKER_CONFINE_H
#define WORKER_CONFINE_H

#include <sys/types.h>

#include <jobd/types.h>

// Own process group, reaper of every descendant, no new privileges, no core files, private files,
// first choice of the out-of-memory killer; signals as at the start of a program but for SIGPIPE,
// which is ignored.
int confine_apply(jobd_error *reterr);
// A master that died before the lifeline was up is noticed here.
bool confine_parent_is(pid_t master);
// Does arithmetic keep denormal numbers? A plugin linked with -ffast-math switches them off for the
// whole process when it is loaded.
bool confine_denormals_kept(void);

#endif
