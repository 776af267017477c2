// Callbacks of futures: when they may run, in which order, and where they wait until then.
#ifndef JD_CALLBACK_H
#define JD_CALLBACK_H

#include "future.h"

// In the step that runs now: is this future waited for, or may all callbacks run?
bool jd_callbacks_may_run(const jobd_future *f);
// The future is done: its callbacks run, or wait for the next process.
void jd_callbacks_run_or_queue(jobd_future *f, bool may_run);
// Runs what waited, if the future is done and no callback is running.
void jd_callbacks_catch_up(jobd_future *f);
// Tells what became known of a future that is not done, or keeps it for the next process.
void jd_callbacks_note(jobd_future *f, const char *text);
// Frees what will never run.
void jd_callbacks_drop(jobd_future *f);

// Runs all that waits. Returns 1 something ran | 0.
int jd_pending_run(jobd_conn *c);

#endif
