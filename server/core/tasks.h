// The tasks the master has heard of: what the workers registered, and names that were submitted
// before the first worker was ready. Also what is known of each one's run time.
#ifndef CORE_TASKS_H
#define CORE_TASKS_H

#include "msg.h"

enum {
    TASK_NAME_BYTES = 64,
    TASKS_HASH = 8192,
    TASK_RUNS_KNOWN = 8,
    TASKS_WAITING_MAX = 1024, // names submitted before the first worker has said what there is
};

struct task {
    char *name;
    char *summary;
    uint64_t avg_ns; // moving average of run times
    uint64_t runs;
    uint32_t flags; // JOBD_TASK_*
    uint16_t wire;  // its index in every worker's list
    uint8_t name_bytes;
    bool known; // a worker has registered it
};

struct tasks {
    struct task *list;
    uint32_t n, cap;
    uint32_t n_wire;           // tasks in every worker's list
    uint32_t last;             // the task found last: most jobs are of one task
    bool settled;              // a worker was ready: unknown names are errors from now on
    uint16_t hash[TASKS_HASH]; // index + 1; 0 = empty
};

void tasks_free_all(struct tasks *tasks);
// -1 = no such name.
int tasks_find(struct tasks *tasks, jobd_bytes name);
// Index | JOBD_E_NOMEM | JOBD_E_LIMIT (JD_TASKS_MAX names) | JOBD_E_INVAL (not a task's name).
int tasks_intern(struct tasks *tasks, jobd_bytes name);
// A worker's list, from its HELLO: array of [name, flags, summary]. The first one settles what
// there is; a later one must be the same. 0 | JOBD_E_PROTO (not such an array) | JOBD_E_EXIST
// (differs from the first) | as tasks_intern().
int tasks_register(struct tasks *tasks, jobd_bytes list);
// Closest known name, or NULL.
const char *tasks_suggest(const struct tasks *tasks, jobd_bytes name);

void task_ran(struct task *task, uint64_t run_ns);
// Expected run time; 1 ms for what has not run often enough.
uint32_t task_estimate_ns(const struct task *task);

#endif
