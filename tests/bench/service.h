// A jobd of the benchmark's own: private socket and state in a temporary directory, gone
// afterwards.
#ifndef BENCH_SERVICE_H
#define BENCH_SERVICE_H

#include <jobd/jobd.h>
#include <sys/types.h>

#include "bench.h"

struct service {
    pid_t pid;
    unsigned n_workers;
    pid_t workers[WORKERS_MAX];
    char dir[64];
    char socket[80];
    jobd_conn *conn;
    jobd_executor *ex;
};

// Returns when every worker has run a job. plugin: loaded by every worker; NULL = none.
int service_start(const struct bench *b, unsigned n_workers, const char *plugin,
                  struct service *ret);
void service_stop(struct service *s); // stopped ones are allowed

// Occupies every worker, from a connection of its own: closing that frees them again.
int service_occupy(const struct service *s, jobd_conn **ret_conn);

// Submits n no-ops and returns when the daemon has taken them all.
int service_queue_noops(const struct service *s, jobd_future **fs, unsigned n);

// Arguments of the no-op: PAYLOAD_BYTES bytes as one bin.
jobd_bytes service_noop_args(void);
extern const char SERVICE_NOOP[]; // the name of its task

// Prints which processes to look at while a load is held.
void service_print_pids(const struct service *s);

// The role that becomes the daemon: args[0] its log, args[1..] its command line.
int service_daemon(char **args);

#endif
