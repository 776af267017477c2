// Tasks in the calling thread: what a worker offers a job, as far as it makes sense without one.
#ifndef JD_SERIAL_H
#define JD_SERIAL_H

#include <jobd/jobd.h>
#include <jobd/task.h>

#include "buf.h"

struct jd_serial {
    const jobd_task_def *tasks; // borrowed: where tasks are found by their names
    size_t n_tasks;
};

// The task of that name; NULL = there is none.
const jobd_task_def *jd_serial_find(const struct jd_serial *s, jobd_bytes name);

// Runs the task and appends its result to b, nil if it set none. What a worker would report as the
// job's error comes out in *reterr. 0 | JOBD_E_*; then b is as it was.
JD_MUST_USE int jd_serial_run(const struct jd_serial *s, const jobd_task_def *task, jobd_bytes args,
                              struct jd_buf *b, jobd_error *reterr);

#endif
