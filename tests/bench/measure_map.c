// Items a second of a map over a no-op, beside what Python's own pools do with one.
#include <stdio.h>

#include "peers.h"
#include "rounds.h"
#include "service.h"

enum { ITEMS = 2000000, ITEMS_QUICK = 100000, CHUNK = 1000, N_WORKERS = WORKERS_MAX };
enum { ROUND_TRIPS = 3000, ROUND_TRIPS_QUICK = 200 };

static const struct target map_target = {TARGET_AT_LEAST, 10}; // million items a second
#define AHEAD                                                                                      \
    { TARGET_AT_LEAST, 1 }
#define SHORTER                                                                                    \
    { TARGET_AT_MOST, 1 }

struct run {
    struct service *service;
    struct peers *peers;
    const char *peer; // what it is asked for; NULL = this is jobd's own
    size_t chunk;     // 0 = by measured time
    uint64_t n_items, next;
};

static int give_item(void *arg, jobd_args *item) {
    struct run *run = (struct run *)arg;
    if (run->next == run->n_items)
        return 0;
    jobd_args_array(item, 1);
    jobd_args_u64(item, run->next++);
    return 1;
}

static int walk(struct run *run, jobd_map_iter *map) {
    jobd_bytes value;
    uint64_t n = 0;
    int r;
    while ((r = jobd_map_next(map, &value, NULL)) > 0)
        n++;
    jobd_error why = {0};
    if (r < 0 && jobd_map_error(map, &why, NULL) > 0)
        return bench_fail("the map failed: %s", why.message);
    return n == run->n_items ? 0 : bench_fail("the map gave %llu results", (unsigned long long)n);
}

static int jobd_round(void *self, double *ret_millions) {
    struct run *run = (struct run *)self;
    const jobd_map_options opts = {JOBD_OPTIONS(jobd_map_options), .chunk = run->chunk};
    jobd_map_iter *map;
    run->next = 0;
    uint64_t start_ns = bench_now_ns();
    int r = jobd_map(run->service->ex, SERVICE_NOOP, give_item, run, &opts, &map);
    if (r < 0)
        return bench_fail("cannot map: %s", jobd_strerror(r));
    r = walk(run, map);
    jobd_map_free(map);
    *ret_millions = (double)run->n_items * 1e3 / (double)(bench_now_ns() - start_ns);
    return r;
}

static int peer_round(void *self, double *ret_millions) {
    struct run *run = (struct run *)self;
    return peers_ask(run->peers, run->peer, ret_millions);
}

// The median, in microseconds.
static int jobd_round_trips(void *self, double *ret_us) {
    const struct run *run = (const struct run *)self;
    double us[ROUND_TRIPS];
    for (uint64_t i = 0; i < run->n_items; i++) {
        jobd_future *f;
        jobd_bytes value;
        uint64_t start_ns = bench_now_ns();
        int r = jobd_submit(run->service->ex, SERVICE_NOOP, service_noop_args(), NULL, &f);
        if (r == 0) {
            r = jobd_future_result(f, JOBD_FOREVER, &value);
            jobd_future_unref(f);
        }
        if (r < 0)
            return bench_fail("a job failed: %s", jobd_strerror(r));
        us[i] = (double)(bench_now_ns() - start_ns) / 1e3;
    }
    *ret_us = stats_quantile(us, (unsigned)run->n_items, 0.5);
    return 0;
}

enum ours { AUTO, CHUNKED, ROUND_TRIP, N_OURS };

static const struct {
    const char *row, *peer, *name, *unit;
    enum ours against;
    struct target target;
} peers_known[] = {
    {"map/executor", "executor_map", "ProcessPoolExecutor.map, chunksize 1000", "M/s", CHUNKED,
     AHEAD},
    {"map/pool", "pool_map", "multiprocessing.Pool.map, chunksize 1000", "M/s", CHUNKED, AHEAD},
    {"map/loky", "loky_map", "joblib.Parallel over loky", "M/s", AUTO, AHEAD},
    {"roundtrip/executor", "executor_round_trip", "ProcessPoolExecutor.submit", "us", ROUND_TRIP,
     SHORTER},
};
enum { N_PEERS = sizeof peers_known / sizeof peers_known[0], N_RUNS = N_OURS + N_PEERS };

struct field {
    struct run runs[N_RUNS];
    struct variant v[N_RUNS];
    unsigned peer[N_RUNS]; // of peers_known, from N_OURS on
    unsigned n;
};

static void add_ours(struct field *f, const struct bench *b, struct service *service) {
    for (; f->n < N_OURS; f->n++) {
        bool map = f->n != ROUND_TRIP;
        f->runs[f->n] = (struct run){.service = service, .chunk = f->n == AUTO ? 0 : CHUNK};
        f->runs[f->n].n_items = map        ? b->quick ? ITEMS_QUICK : ITEMS
                                : b->quick ? ROUND_TRIPS_QUICK
                                           : ROUND_TRIPS;
        f->v[f->n] = (struct variant){.name = "jobd",
                                      .round = map ? jobd_round : jobd_round_trips,
                                      .self = &f->runs[f->n],
                                      .n_metrics = 1};
    }
}

static void add_peers(struct field *f, struct peers *peers) {
    for (unsigned i = 0; i < N_PEERS; i++) {
        if (!peers_have(peers, peers_known[i].peer))
            continue;
        f->peer[f->n] = i;
        f->runs[f->n] = (struct run){.peers = peers, .peer = peers_known[i].peer};
        f->v[f->n] = (struct variant){.name = peers_known[i].name,
                                      .round = peer_round,
                                      .self = &f->runs[f->n],
                                      .n_metrics = 1,
                                      .floor = true};
        f->n++;
    }
}

static void add_rows(const struct bench *b, const struct field *f) {
    static const char *const names[] = {"map.auto.2w", "map.chunk1000.2w"};
    for (unsigned i = 0; i < ROUND_TRIP && b->daemon; i++)
        report_add(b->report, &(struct report_row){.name = names[i],
                                                   .unit = "M/s",
                                                   .value = &f->v[i].metric[0],
                                                   .target = map_target});
    for (unsigned i = N_OURS; i < f->n; i++) {
        unsigned p = f->peer[i];
        const struct series *ours = &f->v[peers_known[p].against].metric[0];
        report_add(b->report, &(struct report_row){.name = peers_known[p].row,
                                                   .unit = peers_known[p].unit,
                                                   .value = b->daemon ? ours : NULL,
                                                   .floor = &f->v[i].metric[0],
                                                   .floor_name = peers_known[p].name,
                                                   .target = peers_known[p].target});
    }
}

static int run_all(struct bench *b, struct service *service, struct peers *peers) {
    struct field f = {0};
    add_ours(&f, b, service);
    add_peers(&f, peers);
    int r = rounds_run(b, f.v, f.n);
    if (r == 0 && !b->hold_s)
        add_rows(b, &f);
    return r;
}

int measure_map(struct bench *b) {
    struct service service = {0};
    struct peers peers;
    int r = b->daemon ? service_start(b, N_WORKERS, NULL, &service) : 0;
    if (r == 0 && b->hold_s)
        service_print_pids(&service);
    peers_start(b, &peers);
    if (r == 0)
        r = run_all(b, &service, &peers);
    service_stop(&service);
    peers_stop(&peers);
    return r;
}
