// The processes below this one. A worker is the reaper of its descendants: whatever a task started,
// however often it forked and whatever session it hides in, becomes the worker's child when its own
// parent dies.
#ifndef WORKER_TREE_H
#define WORKER_TREE_H

// Kill and reap every descendant; returns when none is left. Allocates nothing and takes no lock,
// so any thread may call it, also while another does.
void tree_kill(void);
// Reap what has ended. For one system call when there are no children.
void tree_reap(void);

#endif
