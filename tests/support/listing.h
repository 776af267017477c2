// What the daemon tells of itself, with its names and words.
#ifndef TESTS_LISTING_H
#define TESTS_LISTING_H

#include <jobd/jobd.h>

struct worker_row {
    uint64_t number, pid, job, slots_used, jobs_done, deaths;
    char state[32];
    char task[80]; // "" = none
};

// At most `max` rows; returns how many.
size_t listing_workers(jobd_conn *conn, struct worker_row *ret, size_t max);
// A yes or no of its status: "degraded".
bool listing_flag(jobd_conn *conn, const char *name);
// Is there such a task?
bool listing_has_task(jobd_conn *conn, const char *name);

#endif
