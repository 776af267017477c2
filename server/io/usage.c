#include "io/usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { PROC_PATH_BYTES = 64, COUNT_SLACK_BYTES = 1024 * 1024 };

uint64_t usage_rss_bytes(pid_t pid) {
    char path[PROC_PATH_BYTES];
    uint64_t pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%*u %" SCNu64, &pages);
    fclose(f);
    return n == 1 ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t usage_seen_peak_bytes(pid_t pid) {
    char path[PROC_PATH_BYTES], line[128];
    uint64_t kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && kib == 0 && fgets(line, sizeof line, f))
        sscanf(line, "VmHWM: %" SCNu64, &kib);
    if (f)
        fclose(f);
    return kib * 1024;
}

uint64_t usage_own_peak_bytes(void) {
    struct rusage self = {0};
    getrusage(RUSAGE_SELF, &self);
    return usage_peak_bytes(&self) + COUNT_SLACK_BYTES;
}

static uint64_t ns_of(struct timeval tv) {
    return (uint64_t)tv.tv_sec * 1000000000 + (uint64_t)tv.tv_usec * 1000;
}

uint64_t usage_cpu_ns(const struct rusage *used) {
    return ns_of(used->ru_utime) + ns_of(used->ru_stime);
}

uint64_t usage_peak_bytes(const struct rusage *used) {
    return (uint64_t)used->ru_maxrss * 1024; // the kernel counts in KiB
}
