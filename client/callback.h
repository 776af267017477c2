// Callbacks of futures: when they may run, in which order, and where they wait until then.
#ifndef JD_CALLBACK_H
#define JD_CALLBACK_H

#include "future.h"

// In the step that runs now: is this future waited for, or may all callbacks run?
bool jd_callbacks_may_run(const jobd_future *f);
// The future is done: its callbacks run, or wait for the next process.
void jd_callbacks_run_or_queue(jobd_future *f, bool may_run);
// Runs and tells what waited, if the future is done and no callback is running.
void jd_callbacks_catch_up(jobd_future *f);
// Remembers the future for the next process: something of it could not run or be told yet.
void jd_callbacks_queue(jobd_future *f);
// Frees what will never run.
void jd_callbacks_drop(jobd_future *f);

// Runs all that waits. Returns 1 something ran | 0.
int jd_pending_run(jobd_conn *c);

#endif
