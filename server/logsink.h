// Where the daemon's log lines go: stderr, one line per event, without ever waiting for its reader.
#ifndef SERVER_LOGSINK_H
#define SERVER_LOGSINK_H

#include "log.h"

struct logsink {
    bool journal;       // stderr is the journal's: it keeps the time, and wants <level> in front
    uint64_t n_dropped; // lines lost since the last one that got through
};

void logsink_setup(struct logsink *s);
void logsink_write(struct logsink *s, enum jd_log_level level, const char *line, size_t len);

#endif
