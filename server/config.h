// The configuration: one table for keys, defaults, ranges and what they mean. The file, the command
// line and --check-config all go through it; config/jobd.conf is its manual.
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdio.h>

#include <jobd/types.h>

#include "fault.h"
#include "proto.h"

// X(KIND, name, default as written, least, most)
// KIND: PATH (text, most bytes) LIST (absolute paths, comma separated) NUM BYTES (suffix K, M, G
// allowed) LEVEL (of the log) POOLS (one for each time the key is there)
#define CONFIG_MAP(X)                                                                              \
    X(PATH, socket, "", 0, 107)                                                                    \
    X(PATH, state, "", 0, 500)                                                                     \
    X(LEVEL, log_level, "info", 0, 0)                                                              \
    X(NUM, workers, "0", 0, 1024)                                                                  \
    X(POOLS, pool, "", 0, CONFIG_POOLS_MAX)                                                        \
    X(NUM, max_workers, "1024", 1, 1024)                                                           \
    X(PATH, worker_path, "", 0, 4095)                                                              \
    X(LIST, plugins, "", 0, 64)                                                                    \
    X(NUM, start_s, "10", 1, 3600)                                                                 \
    X(NUM, stall_s, "10", 1, 3600)                                                                 \
    X(NUM, grace_ms, "1000", 1, 600000)                                                            \
    X(NUM, drain_s, "30", 0, 86400)                                                                \
    X(NUM, max_clients, "10000", 1, 100000)                                                        \
    X(NUM, max_jobs, "10000000", 1, 100000000)                                                     \
    X(BYTES, max_queued_bytes, "1G", 1048576, 1099511627776)                                       \
    X(BYTES, max_frame, "1M", 65536, 16777216)                                                     \
    X(NUM, keep_jobs, "10000", 0, 10000000)                                                        \
    X(NUM, keep_s, "3600", 0, 31536000)                                                            \
    X(BYTES, keep_bytes, "64M", 0, 1099511627776)

// X(KIND, name, default, least, most): what may follow the name of a pool, as name=value; and
// besides, initializer=TASK.
#define CONFIG_POOL_MAP(X)                                                                         \
    X(NUM, workers, 0, 0, JD_WORKERS_MAX) /* 0 = one for each CPU */                               \
    X(NUM, threads, 1, 1, JD_THREADS_MAX)                                                          \
    X(NUM, recycle_jobs, 0, 0, UINT64_MAX)                                                         \
    X(BYTES, recycle_rss, 0, 0, UINT64_MAX)                                                        \
    X(NUM, max_lent, 0, 0, JD_WORKERS_MAX)

enum { CONFIG_POOLS_MAX = JD_POOLS_MAX - 3 }; // without the daemon's own

struct config_list {
    char **at;
    size_t n;
};

struct config_pool {
    char *name;
    char *initializer; // NULL = none
#define X(KIND, name, initial, least, most) uint64_t name;
    CONFIG_POOL_MAP(X)
#undef X
};
struct config_pools {
    struct config_pool *at;
    size_t n;
};

#define CONFIG_C_PATH char *
#define CONFIG_C_LIST struct config_list
#define CONFIG_C_NUM uint64_t
#define CONFIG_C_BYTES uint64_t
#define CONFIG_C_LEVEL uint64_t
#define CONFIG_C_POOLS struct config_pools
#define X(KIND, name, initial, least, most) CONFIG_C_##KIND name;
struct config {
    CONFIG_MAP(X)
};
#undef X

// Every key at its default. 0 | JOBD_E_NOMEM.
int config_init(struct config *c);
void config_free(struct config *c);
// Reads a file over what is there. 0 | -1 with *f: "FILE:LINE: what is wrong".
int config_load(struct config *c, const char *path, struct fault *f);
// One key, as from the command line. where: what stands before the complaint, "--workers".
int config_set(struct config *c, const char *where, const char *key, const char *value,
               struct fault *f);
// Replaces what is empty or 0 by what it stands for here: the paths by the environment's, numbers
// of workers by that of the CPUs this process may use. 0 | -1 with *f: memory, or pools that have
// more workers than there may be.
int config_resolve(struct config *c, struct fault *f);
// In the form of the file.
void config_print(const struct config *c, FILE *out);

#endif
