#include "logsink.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// A line of this size fits wherever poll() says there is room: a pipe is writable from a free page
// on.
enum { SINK_LINE_MAX = JD_LOG_LINE_MAX + 128 };
_Static_assert(SINK_LINE_MAX <= 4096, "a log line must fit a pipe's page");

void logsink_setup(struct logsink *s) {
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t dev, ino;
    struct stat st;
    *s = (struct logsink){0};
    if (stream && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &dev, &ino) == 2 &&
        fstat(STDERR_FILENO, &st) == 0)
        s->journal = st.st_dev == dev && st.st_ino == ino;
}

static int put_head(const struct logsink *s, enum jd_log_level level, char *out, size_t size) {
    static const int priority[] = {3, 4, 6, 7}; // of syslog, by enum jd_log_level
    if (s->journal)
        return snprintf(out, size, "<%d>", priority[level]);
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    int n = (int)strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return n + snprintf(out + n, size - (size_t)n, ".%03ldZ level=%s ", now.tv_nsec / 1000000,
                        jd_log_level_name(level));
}

static bool try_write(const char *line, size_t len) {
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&fd, 1, 0) != 1 || !(fd.revents & POLLOUT))
        return false;
    return write(STDERR_FILENO, line, len) == (ssize_t)len;
}

void logsink_write(struct logsink *s, enum jd_log_level level, const char *line, size_t len) {
    char out[SINK_LINE_MAX];
    size_t n = (size_t)put_head(s, level, out, sizeof out);
    n += (size_t)snprintf(out + n, sizeof out - n, "%.*s",
                          (int)JD_MIN(len, (size_t)JD_LOG_LINE_MAX), line);
    if (s->n_dropped > 0 && n < sizeof out)
        n += (size_t)snprintf(out + n, sizeof out - n, " log_dropped=%" PRIu64, s->n_dropped);
    n = JD_MIN(n, sizeof out - 1);
    out[n++] = '\n';
    if (try_write(out, n))
        s->n_dropped = 0;
    else
        s->n_dropped++;
}
