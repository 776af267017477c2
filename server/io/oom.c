#include "io/oom.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"

enum { EVENTS_BYTES = 512 };

static uint64_t count(const struct oom *o) {
    char text[EVENTS_BYTES];
    uint64_t n = 0;
    ssize_t len = o->fd < 0 ? 0 : pread(o->fd, text, sizeof text - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    const char *line = strstr(text, "oom_kill ");
    return line && sscanf(line, "oom_kill %" SCNu64, &n) == 1 ? n : 0;
}

void oom_open(struct oom *o, const char *path) {
    char own[CGROUP_PATH_BYTES];
    if (!path && cgroup_path(own)) {
        size_t n = strlen(own);
        snprintf(own + n, sizeof own - n, "/memory.events");
        path = own;
    }
    o->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    o->n_settled = count(o);
}

void oom_close(struct oom *o) {
    if (o->fd >= 0)
        close(o->fd);
}

bool oom_explains(struct oom *o) {
    if (count(o) <= o->n_settled)
        return false;
    o->n_settled++;
    return true;
}
