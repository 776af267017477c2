// Processes: jobs with a worker of their own, which begins with the job and ends with it. The job is
// over when the process is gone, so that who waits for it finds nothing of it left. And what jobs
// tell while they run: lines of log, the program they started, output.
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include "event.h"

struct core;
struct fate;
struct worker;

void process_on_start(struct core *core, uint32_t client, const struct event *e);
// ---- of the worker that was started for it ----
void process_begin(struct core *core, uint32_t worker);                  // it is READY
void process_failed(struct core *core, uint32_t worker, jobd_bytes why); // it did not start
void process_end(struct core *core, uint32_t worker, const struct fate *fate);
void process_died(struct core *core, const struct event *e, jobd_bytes how); // after process_end()
void process_gone(struct core *core, uint32_t worker);
void process_free(struct worker *w);
bool process_has_output(const struct core *core, uint32_t job);
// The job was cancelled before it began.
void process_withdraw(struct core *core, uint32_t job);

// ---- of any worker ----
void process_on_log(struct core *core, uint32_t worker, const struct jd_task_log *log);
void process_on_pid(struct core *core, uint32_t worker, const struct jd_pid *pid);
void process_on_output(struct core *core, const struct event *e);
// The client reads what it is sent, or not: its processes that write must wait meanwhile.
void process_on_paused(struct core *core, uint32_t client);

#endif
