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
void process_begin(struct core *core, uint32_t worker); // it is READY
// It did not start, for this reason.
void process_failed(struct core *core, uint32_t worker, const struct fate *why);
void process_end(struct core *core, uint32_t worker, const struct fate *fate);
// Its worker died; why: if it never was ready.
void process_died(struct core *core, const struct event *e, jobd_bytes why);
// An exit code, or -signal.
int process_status(int wait_status);
void process_free(struct worker *w); // what is left of an end: effects have looked at it
bool process_has_output(const struct core *core, uint32_t job);
// The job will end without having begun: its worker goes.
void process_withdraw(struct core *core, uint32_t job);

// ---- of any worker ----
void process_on_log(struct core *core, uint32_t worker, const struct jd_task_log *log);
void process_on_pid(struct core *core, uint32_t worker, const struct jd_pid *pid);
void process_on_output(struct core *core, const struct event *e);
// The client reads what it is sent, or not: its processes that write must wait meanwhile.
void process_on_paused(struct core *core, uint32_t client);

#endif
