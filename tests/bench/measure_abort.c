// A job that listens to nobody is aborted without grace: from the call to the moment at which the
// worker that replaces the killed one has said HELLO. Then very many in a row: the pool is whole.
#include <string.h>

#include "rounds.h"
#include "service.h"

enum { ABORTS = 100, ABORTS_QUICK = 10, STORM = 10000, STORM_QUICK = 100 };
enum { PATIENCE_MS = 60000, N_WORKERS = WORKERS_MAX };
enum { P50, P99, N_METRICS };

static const char spin[] = "bench.spin";
static const jobd_bytes no_args = {"\x90", 1};
static const struct target p99_target = {TARGET_AT_MOST, 5}; // ms

struct run {
    struct service *service;
    unsigned n_aborts;
    unsigned n_ready, n_died; // workers, as the daemon tells
};

static void on_happening(const jobd_happening *event, void *arg) {
    struct run *run = (struct run *)arg;
    run->n_ready += strcmp(event->what, "worker.ready") == 0;
    run->n_died += strcmp(event->what, "worker.died") == 0;
}

static int wait_more(const struct run *run, const char *what) {
    int r = jobd_conn_wait(run->service->conn, PATIENCE_MS);
    if (r > 0)
        return 0;
    return bench_fail("waiting for %s: %s", what, r < 0 ? jobd_strerror(r) : "nothing happens");
}

static int start_spin(const struct run *run, jobd_future **ret) {
    int r = jobd_submit(run->service->ex, spin, no_args, NULL, ret);
    return r < 0 ? bench_fail("cannot submit %s: %s", spin, jobd_strerror(r)) : 0;
}

static int check_killed(jobd_future *f) {
    jobd_bytes value;
    int r = jobd_future_result(f, JOBD_NOWAIT, &value);
    return r == JOBD_E_KILLED ? 0 : bench_fail("an aborted job ended as: %s", jobd_strerror(r));
}

// One abort, alone.
static int abort_one(struct run *run, double *ret_ms) {
    jobd_future *f;
    if (start_spin(run, &f) < 0)
        return -1;
    int r = 0;
    while (r == 0 && !jobd_future_running(f))
        r = wait_more(run, "a job that runs");
    unsigned n_ready = run->n_ready;
    uint64_t start_ns = bench_now_ns();
    if (r == 0)
        jobd_future_abort(f, 0, false);
    while (r == 0 && (run->n_ready == n_ready || !jobd_future_done(f)))
        r = wait_more(run, "a new worker");
    *ret_ms = (double)(bench_now_ns() - start_ns) / 1e6;
    r = r == 0 ? check_killed(f) : r;
    jobd_future_unref(f);
    return r;
}

static int abort_round(void *self, double *ret_ms) {
    struct run *run = (struct run *)self;
    double ms[ABORTS];
    for (unsigned i = 0; i < run->n_aborts; i++)
        if (abort_one(run, &ms[i]) < 0)
            return -1;
    ret_ms[P50] = stats_quantile(ms, run->n_aborts, 0.5);
    ret_ms[P99] = stats_quantile(ms, run->n_aborts, 0.99);
    return 0;
}

// ---- many in a row ----

static uint64_t count_of(jobd_conn *conn, const char *name) {
    jobd_bytes map, key;
    uint32_t n;
    uint64_t value = 0;
    if (jobd_daemon_status(conn, PATIENCE_MS, &map) < 0)
        return 0;
    jobd_reader r = jobd_reader_of(map);
    jobd_read_map(&r, &n);
    for (; n > 0 && jobd_read_str(&r, &key) == 0; n--) {
        if (key.len == strlen(name) && memcmp(key.data, name, key.len) == 0)
            return jobd_read_u64(&r, &value) == 0 ? value : 0;
        jobd_read_skip(&r);
    }
    return 0;
}

// As many at once as there are workers, each aborted as soon as it is seen to run.
static int storm(struct run *run, unsigned n_aborts) {
    jobd_future *fs[N_WORKERS] = {NULL};
    bool asked[N_WORKERS] = {false};
    unsigned n_begun = 0, n_killed = 0;
    int r = 0;
    while (r == 0 && n_killed < n_aborts) {
        for (unsigned i = 0; i < N_WORKERS && r == 0; i++) {
            if (!fs[i] && n_begun < n_aborts) {
                r = start_spin(run, &fs[i]);
                n_begun += r == 0;
                asked[i] = false;
            } else if (fs[i] && jobd_future_done(fs[i])) {
                r = check_killed(fs[i]);
                n_killed += r == 0;
                jobd_future_unref(fs[i]);
                fs[i] = NULL;
            } else if (fs[i] && !asked[i] && jobd_future_running(fs[i])) {
                jobd_future_abort(fs[i], 0, false);
                asked[i] = true;
            }
        }
        if (r == 0 && n_killed < n_aborts)
            r = wait_more(run, "aborted jobs");
    }
    for (unsigned i = 0; i < N_WORKERS; i++)
        jobd_future_unref(fs[i]);
    return r;
}

static int check_pool(struct run *run, uint64_t n_killed) {
    jobd_conn *conn = run->service->conn;
    while (count_of(conn, "workers_ready") < N_WORKERS)
        if (wait_more(run, "all workers") < 0)
            return -1;
    if (count_of(conn, "killed") != n_killed)
        return bench_fail("the daemon counts other kills");
    jobd_future *f;
    if (service_queue_noops(run->service, &f, 1) < 0)
        return -1;
    jobd_bytes value;
    int r = jobd_future_result(f, PATIENCE_MS, &value);
    jobd_future_unref(f);
    return r == 0 ? 0 : bench_fail("after the aborts a job failed: %s", jobd_strerror(r));
}

static int run_storm(const struct bench *b, struct run *run) {
    unsigned n_aborts = b->quick ? STORM_QUICK : STORM;
    uint64_t before = count_of(run->service->conn, "killed"), start_ns = bench_now_ns();
    if (storm(run, n_aborts) < 0 || check_pool(run, before + n_aborts) < 0)
        return -1;
    report_note(b->report,
                "%u aborts in a row: each job ended as killed, all workers are there; %.2f s",
                n_aborts, (double)(bench_now_ns() - start_ns) / 1e9);
    return 0;
}

static void add_rows(const struct bench *b, const struct variant *v) {
    report_add(b->report,
               &(struct report_row){.name = "abort.p50", .unit = "ms", .value = &v->metric[P50]});
    report_add(b->report, &(struct report_row){.name = "abort.p99",
                                               .unit = "ms",
                                               .value = &v->metric[P99],
                                               .target = p99_target});
}

int measure_abort(struct bench *b) {
    struct service service;
    struct run run = {.service = &service, .n_aborts = b->quick ? ABORTS_QUICK : ABORTS};
    struct variant v = {
        .name = "jobd aborts", .round = abort_round, .self = &run, .n_metrics = N_METRICS};
    if (!b->daemon)
        return 0;
    if (service_start(b, N_WORKERS, BENCH_SPIN, &service) < 0)
        return -1;
    if (b->hold_s)
        service_print_pids(&service);
    int r = jobd_watch(service.conn, on_happening, &run);
    r = r < 0 ? bench_fail("cannot watch: %s", jobd_strerror(r)) : rounds_run(b, &v, 1);
    if (r == 0 && !b->hold_s)
        r = run_storm(b, &run);
    if (r == 0 && !b->hold_s)
        add_rows(b, &v);
    service_stop(&service);
    return r;
}
