#include "cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "cgroup.h"
#include "guard.h"

static unsigned of_affinity(void) {
    cpu_set_t set; // 1024 CPUs; a larger machine gives an error, and the file names the number then
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

unsigned cpus_of_quota(const char *path) {
    unsigned long quota_us, period_us;
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%lu %lu", &quota_us, &period_us);
    fclose(f);
    if (n != 2 || period_us == 0 || quota_us == 0)
        return 0;
    unsigned long cpus = quota_us / period_us + (quota_us % period_us != 0);
    return (unsigned)JD_MIN(cpus, (unsigned long)INT_MAX);
}

// A group cannot have more than the groups around it.
static unsigned of_cgroups(void) {
    char path[CGROUP_PATH_BYTES];
    unsigned least = UINT_MAX;
    if (!cgroup_path(path))
        return least;
    for (char *end = path + strlen(path); end && end >= path + strlen(CGROUP_ROOT);) {
        snprintf(end, CGROUP_PATH_BYTES - (size_t)(end - path), "/cpu.max");
        unsigned cpus = cpus_of_quota(path);
        if (cpus > 0)
            least = JD_MIN(least, cpus);
        *end = '\0';
        end = strrchr(path, '/');
    }
    return least;
}

unsigned cpus_usable(void) {
    unsigned allowed = of_affinity();
    return JD_MAX(JD_MIN(allowed, of_cgroups()), 1u);
}
