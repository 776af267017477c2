// The floors: what the same work costs with nothing around it. Each is as bare as it can be while
// it is still honest work over the same kind of sockets and processes.
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <msgpack.h>

#include "kernels/split.h"
#include "proc.h"
#include "stream.h"

// ---- the relays: this process <-> relay process <-> 1 or 2 worker processes ----
enum relay_kind {
    RELAY_EPOLL, // epoll, raw frames, nothing decoded
    RELAY_UV,    // libuv; every process unpacks and packs [id, payload] with msgpack-c
};

struct relay {
    enum relay_kind kind;
    unsigned n_workers;
    pid_t pids[WORKERS_MAX + 1];
    struct stream client;
    msgpack_zone zone; // RELAY_UV: what the client unpacks into
};

int relay_start(enum relay_kind kind, unsigned n_workers, struct relay *ret);
void relay_stop(struct relay *r); // NULL, half-started and stopped ones are allowed
// n jobs one after the other; ret_ns: the time of each.
int relay_roundtrips(struct relay *r, unsigned n, double *ret_ns);
// n jobs with OUTSTANDING under way.
int relay_pipeline(struct relay *r, unsigned n);

// What a relay knows of its workers. A job goes to the one with the fewest under way; among equals
// to the one used last, which is still warm.
struct balance {
    unsigned n_workers;
    unsigned last;
    unsigned under_way[WORKERS_MAX];
};

static inline unsigned balance_take(struct balance *b) {
    for (unsigned w = 0; w < b->n_workers; w++)
        if (b->under_way[w] < b->under_way[b->last])
            b->last = w;
    b->under_way[b->last]++;
    return b->last;
}

// The two ends of a relay's client: append job `id` to r->client, and read the id of an answer.
void floor_epoll_put(struct relay *r, uint32_t id);
uint32_t floor_epoll_get(struct relay *r, const uint8_t *payload, uint32_t len);
void floor_uv_put(struct relay *r, uint32_t id);
uint32_t floor_uv_get(struct relay *r, const uint8_t *payload, uint32_t len);

// Roles: the client's socket first, then one for each worker.
int floor_epoll_relay(char **args);
int floor_epoll_worker(char **args);
int floor_uv_relay(char **args);
int floor_uv_worker(char **args);

// ---- the sum: two warm processes, half the interval each ----
struct summers {
    pid_t pids[WORKERS_MAX];
    int fds[WORKERS_MAX];
};

int summers_start(struct summers *ret);
void summers_stop(struct summers *s);
// The left Riemann sum of cos over [a, b] in n steps, in two parts.
struct sum_of_cos {
    double a, b;
    uint64_t n;
    bool simd; // floor_simd_available()
};
int summers_run(struct summers *s, const struct sum_of_cos *what, double *ret_value);
int floor_integrate_worker(char **args);
// The same polynomial as the fast kernel's at its level avx2, in one loop with plain additions.
bool floor_simd_available(void);
double floor_simd_sum_cos(struct jd_part part);

#endif
