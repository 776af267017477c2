// What is compared: a jobd and the relay floors with the same number of workers. With 1 and with 2
// workers at once; who is not measured is asleep.
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include "floor.h"
#include "rounds.h"
#include "service.h"

struct rig {
    unsigned n_workers;
    struct relay epoll, uv;
    struct service service; // not started without b->daemon
};

struct rigs {
    unsigned n;
    struct rig *list;
};

int rigs_start(const struct bench *b, struct rigs *ret);
void rigs_stop(struct rigs *r); // stopped ones are allowed

// One row: jobd's metric against the floor's, for one rig.
struct duel {
    const char *name; // "roundtrip.p50"; the row's name ends in the number of workers
    const char *unit;
    const struct variant *jobd, *floor;
    unsigned metric;
    struct target target;
};

void rig_report(const struct bench *b, const struct rig *r, const struct duel *d);

#endif
