// Jobs that were read and wait here for a thread, in the order they came. Each is a copy: the frame
// it came in is gone.
#ifndef WORKER_WORK_H
#define WORKER_WORK_H

#include "board.h"
#include "msg.h"

struct work {
    struct work *next;
    struct jd_run run; // args: the bytes below
    unsigned char args[];
};

// A zeroed one is empty.
struct work_queue {
    struct work *first, *last;
    unsigned n;
};

// 0 | JOBD_E_NOMEM | JOBD_E_PROTO (more jobs than there are slots). Those that the master has taken
// back are dropped when the queue is full.
int work_push(struct work_queue *q, const struct jd_run *run, const struct jd_board *board);
// The caller frees it with jd_free(). NULL = there is none.
struct work *work_pop(struct work_queue *q);
void work_free(struct work_queue *q);

#endif
