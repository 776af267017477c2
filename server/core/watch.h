// What happens in the daemon, for those who want to know. It is written into a ring; each step tells
// each watcher a bounded number of things, and one that reads too slowly misses some and is told how
// many.
#ifndef CORE_WATCH_H
#define CORE_WATCH_H

#include "clients.h"

enum { HAPPENINGS = 1024, HAPPENING_TEXT_BYTES = 160, WATCH_PER_STEP = 256 };

struct happening {
    uint64_t now_ns, job;
    const char *what;
    uint32_t pid;
    uint8_t state; // jobd_job_state; 0 = none
    char pool[JD_NAME_MAX / 2];
    char task[JD_NAME_MAX / 2 + 1];
    char text[HAPPENING_TEXT_BYTES];
};

struct happenings {
    struct happening *ring; // allocated for the first watcher
    uint64_t n;             // ever written
};

struct core;
struct job;

void watch_on_watch(struct core *core, struct client *client, const struct jd_msg *msg);
void watch_end(struct core *core, struct client *client); // it watches no more
// Only where core->n_watchers is not 0.
void watch_job(struct core *core, const struct job *job, const char *what, jobd_bytes text);
void watch_worker(struct core *core, uint32_t worker, const char *what, jobd_bytes text);
void watch_pool(struct core *core, const struct pool *pool, const char *what);
// Tells the watchers what they have not heard yet.
void watch_run(struct core *core);

#endif
