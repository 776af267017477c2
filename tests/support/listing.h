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
// One number of a pool's row: "ready"; and one text: "state". Nil is "".
uint64_t listing_pool(jobd_conn *conn, const char *pool, const char *name);
void listing_pool_text(jobd_conn *conn, const char *pool, const char *name, char *ret, size_t size);
// One text of what is known of a job: "reason". Nil is "".
void listing_why(jobd_conn *conn, uint64_t job, const char *name, char *ret, size_t size);
// Is there such a task?
bool listing_has_task(jobd_conn *conn, const char *name);

#endif
