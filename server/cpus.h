// How many CPUs this process may use.
#ifndef SERVER_CPUS_H
#define SERVER_CPUS_H

// Those of its affinity mask, but no more than its cgroups' quotas pay for, rounded up; at least 1.
unsigned cpus_usable(void);
// The CPUs that one cpu.max file ("200000 100000", "max 100000") pays for; 0 = no limit, or no such
// file.
unsigned cpus_of_quota(const char *path);

#endif
