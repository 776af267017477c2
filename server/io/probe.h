// Plugins are tried in a process of their own before the daemon serves anybody: one that crashes,
// hangs or was built for something else is left out, not loaded into every worker.
#ifndef IO_PROBE_H
#define IO_PROBE_H

#include "io/orphans.h"
#include "io/spawn.h"

// Keeps in plugins[] those that can be loaded together, logs and frees the others, and counts anew.
// 0 | JOBD_E_NOMEM: nothing was changed.
int probe_plugins(const struct spawner *s, const struct pid_list *spared, char **plugins,
                  size_t *n_plugins);

#endif
