// Where the kernel keeps the figures of our control group.
#ifndef SERVER_CGROUP_H
#define SERVER_CGROUP_H

#include <limits.h>
#include <stdbool.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

enum { CGROUP_PATH_BYTES = PATH_MAX, CGROUP_NAME_MAX = 32 }; // a name: of a file in the directory

// The directory of our group of version 2, with room for "/" and a name after it. False: there is
// none.
bool cgroup_path(char path[CGROUP_PATH_BYTES]);

#endif
