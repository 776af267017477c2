// The tasks of this worker, in the order in which they were registered: the master names a task by
// its place in that order. And the functions that its plugins offer to be integrated.
#ifndef WORKER_REGISTRY_H
#define WORKER_REGISTRY_H

#include <jobd/task.h>

#include "proto.h"

struct registry {
    const jobd_task_def **tasks; // of modules that are never unloaded
    size_t n_tasks, cap_tasks;
    const jobd_task_module **modules;
    size_t n_modules, cap_modules;
    const jobd_integrand_def **integrands; // of plugins that are never unloaded
    size_t n_integrands, cap_integrands;
};

// A zeroed struct registry is an empty one.
void registry_free(struct registry *r);

// Checks the module's ABI and its tasks, runs its init(), and registers all of its tasks or none.
// m is borrowed for the life of the registry.
// 0 | JOBD_E_VERSION | JOBD_E_INVAL | JOBD_E_EXIST (a name is taken) | JOBD_E_LIMIT | JOBD_E_NOMEM
// | JOBD_E_STATE (init() said no).
int registry_add(struct registry *r, const jobd_task_module *m, jobd_error *reterr);
// NULL = no task of that number.
static inline const jobd_task_def *registry_at(const struct registry *r, uint64_t i) {
    return i < r->n_tasks ? r->tasks[i] : NULL;
}
// NULL = no task of that name.
const jobd_task_def *registry_find(const struct registry *r, jobd_bytes name);
// The same for functions, all of m's or none; an error as registry_add()'s.
int registry_add_integrands(struct registry *r, const jobd_integrand_module *m, jobd_error *reterr);
// NULL = no function of that name.
const jobd_integrand_def *registry_find_integrand(const struct registry *r, jobd_bytes name);
// The modules' fini(), last one first.
void registry_fini(const struct registry *r);

#endif
