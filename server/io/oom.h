// What the kernel has killed in our control group for want of memory. It counts; who it was it does
// not say.
#ifndef IO_OOM_H
#define IO_OOM_H

#include <stdbool.h>
#include <stdint.h>

struct oom {
    int fd;             // of the group's memory.events; -1 = there is none
    uint64_t n_settled; // kills that were there before us, or that a death was put down to
};

// path: of memory.events; NULL = our own group's.
void oom_open(struct oom *o, const char *path);
void oom_close(struct oom *o);
// Is there a kill that explains a death by SIGKILL which nobody here has sent? It explains one only.
bool oom_explains(struct oom *o);

#endif
