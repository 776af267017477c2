#include "io/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "io/dirs.h"

#define COUNTERS "counters"
#define COUNTERS_NEW "counters.new"
#define COUNTERS_TEXT "jobd counters 1\nnext_job %" PRIu64 "\nnext_token %" PRIu64 "\n"

enum { COUNTERS_BYTES = 256 };

static uint64_t sum_of(const char *text, size_t n) { // FNV-1a
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ (unsigned char)text[i]) * 0x100000001b3u;
    return sum;
}

static size_t format(char *out, uint64_t next_job, uint64_t next_token) {
    int n = snprintf(out, COUNTERS_BYTES, COUNTERS_TEXT, next_job, next_token);
    n += snprintf(out + n, COUNTERS_BYTES - (size_t)n, "sum %016" PRIx64 "\n",
                  sum_of(out, (size_t)n));
    return (size_t)n;
}

// Written back, it must give the same bytes: nothing else is understood.
static bool parse(const char *text, uint64_t *ret_job, uint64_t *ret_token) {
    char again[COUNTERS_BYTES];
    uint64_t job, token;
    if (sscanf(text, "jobd counters 1 next_job %" SCNu64 " next_token %" SCNu64, &job, &token) != 2)
        return false;
    format(again, job, token);
    if (strcmp(text, again) != 0 || job == 0 || token == 0 || job > INT64_MAX || token > INT64_MAX)
        return false;
    *ret_job = job;
    *ret_token = token;
    return true;
}

static int write_whole(int fd, const char *text, size_t n) {
    ssize_t r = write(fd, text, n);
    if (r < 0)
        return -errno;
    if ((size_t)r < n)
        return -ENOSPC;
    return fsync(fd) < 0 ? -errno : 0;
}

static int write_counters(const struct state *s, uint64_t next_job, uint64_t next_token) {
    char text[COUNTERS_BYTES];
    size_t n = format(text, next_job, next_token);
    int fd =
        openat(s->dir, COUNTERS_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = write_whole(fd, text, n);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && renameat(s->dir, COUNTERS_NEW, s->dir, COUNTERS) < 0)
        r = -errno;
    if (r == 0 && fsync(s->dir) < 0)
        r = -errno;
    return r;
}

static int read_counters(struct state *s, struct fault *f) {
    char text[COUNTERS_BYTES];
    s->next_job = s->next_token = 1;
    int fd = openat(s->dir, COUNTERS, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return 0;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    int err = errno;
    if (fd >= 0)
        close(fd);
    errno = err;
    if (n < 0)
        return fault_sys(f, FAULT_CREATE, "cannot read %s/" COUNTERS, s->path);
    text[n] = '\0';
    if (strlen(text) == (size_t)n && parse(text, &s->next_job, &s->next_token))
        return 0;
    return fault_set(f, FAULT_CREATE,
                     "%s/" COUNTERS
                     " is damaged: it says which job ids were used before; restore it, "
                     "or move it away if ids may start from 1 again",
                     s->path);
}

static int open_dir(struct state *s, const char *path, struct fault *f) {
    if ((size_t)snprintf(s->path, sizeof s->path, "%s", path) >= sizeof s->path)
        return fault_set(f, FAULT_CREATE, "the path of the state directory is too long");
    if (dirs_private(path, "the state", f) < 0)
        return -1;
    s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0)
        return fault_sys(f, FAULT_CREATE, "cannot open the state directory %s", path);
    if (flock(s->dir, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return fault_set(f, FAULT_RUNNING,
                     "already running: another jobd uses the state directory %s; stop it, or give "
                     "this one another with --state",
                     path);
}

int state_open(struct state *s, const char *path, struct fault *f) {
    *s = (struct state){.dir = -1};
    if (open_dir(s, path, f) < 0 || read_counters(s, f) < 0) {
        state_close(s);
        return -1;
    }
    int r = write_counters(s, s->next_job + STATE_BLOCK, s->next_token + STATE_BLOCK);
    if (r == 0)
        return 0;
    errno = -r;
    fault_sys(f, FAULT_CREATE, "cannot write %s/" COUNTERS, s->path);
    state_close(s);
    return -1;
}

int state_reserve(struct state *s, uint64_t limit) {
    return write_counters(s, limit, s->next_token + STATE_BLOCK);
}

int state_settle(struct state *s, uint64_t next_job) {
    return write_counters(s, next_job, s->next_token);
}

void state_close(struct state *s) {
    if (s->dir >= 0)
        close(s->dir);
    s->dir = -1;
}
