// Random numbers for tests. The seed is printed, and JOBD_TEST_SEED gives it back to repeat a run.
#ifndef TEST_RNG_H
#define TEST_RNG_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct rng {
    uint64_t state;
};

// splitmix64: every seed is as good as any other.
static inline uint64_t rng_u64(struct rng *g) {
    uint64_t x = g->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

// 0..n-1
static inline uint64_t rng_below(struct rng *g, uint64_t n) {
    return rng_u64(g) % n;
}

// Many values near the edges of the widths numbers are stored in, some anywhere.
static inline uint64_t rng_edge(struct rng *g) {
    uint64_t x = rng_u64(g) >> rng_below(g, 64);
    return rng_below(g, 2) ? x : ((uint64_t)1 << rng_below(g, 64)) + rng_below(g, 3) - 1;
}

static inline struct rng rng_begin(const char *what) {
    const char *given = getenv("JOBD_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given ? strtoull(given, NULL, 0)
                          : (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20 ^ (uint64_t)getpid();
    fprintf(stderr, "%s: JOBD_TEST_SEED=%" PRIu64 "\n", what, seed);
    return (struct rng){seed};
}

#endif
