// What a program hears of a future before its end: notes, the lines a task logs, what a process
// writes. The record is made with the first function that is set, so that futures without one stay
// small.
#ifndef JD_EARS_H
#define JD_EARS_H

#include "future.h"

void jd_ears_note(jobd_future *f, const char *text);
void jd_ears_log(jobd_future *f, int level, const char *line);
void jd_ears_output(jobd_future *f, jobd_bytes data);

// Is something kept that could not be told yet?
bool jd_ears_wait(const jobd_future *f);
// Tells it. A note only if the future is not done: then it is no longer true.
void jd_ears_catch_up(jobd_future *f);
void jd_ears_free(jobd_future *f);

// Sets who gets what the process writes. 0 | JOBD_E_NOMEM.
JD_MUST_USE int jd_future_on_output(jobd_future *f, jobd_output_fn fn, void *arg);
// Nobody gets it any more, not even what is kept.
void jd_future_drop_output(jobd_future *f);

#endif
