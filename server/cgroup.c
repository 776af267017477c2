#include "cgroup.h"

#include <stdio.h>
#include <string.h>

// From the line "0::/a/b".
bool cgroup_path(char path[CGROUP_PATH_BYTES]) {
    char line[CGROUP_PATH_BYTES - sizeof CGROUP_ROOT - CGROUP_NAME_MAX];
    bool found = false;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, "0::/", 4) == 0;
    }
    if (f)
        fclose(f);
    if (found)
        snprintf(path, CGROUP_PATH_BYTES, CGROUP_ROOT "%s", line + 3);
    return found;
}
