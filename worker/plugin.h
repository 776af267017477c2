// Task plugins: shared objects that export jobd_task_module_v1() or jobd_integrands_v1().
#ifndef WORKER_PLUGIN_H
#define WORKER_PLUGIN_H

#include "registry.h"

// Loads a plugin for the life of the process, runs its init() and registers its tasks
// and functions.
// 0 | JOBD_E_NOENT (cannot be loaded) | JOBD_E_NOTSUP (not a plugin, or it refuses to work here) |
// an error of registry_add(). The sentence in *reterr begins with the path.
int plugin_load(struct registry *r, const char *path, jobd_error *reterr);

#endif
