// Plugins are tried in a process of their own before the daemon serves anybody: one that crashes,
// hangs or was built for something else is left out, not loaded into every worker.
#ifndef IO_PROBE_H
#define IO_PROBE_H

#include "io/orphans.h"
#include "io/spawn.h"

// Keeps in plugins[] those that can be loaded, logs and frees the others. Returns how many are
// left.
size_t probe_plugins(const struct spawner *s, const struct pid_list *spared, char **plugins,
                     size_t n_plugins);

#endif
