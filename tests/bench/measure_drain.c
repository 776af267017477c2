// The cost of a job as the queue grows: 10^3 to 10^6 jobs are queued behind busy workers, then the
// workers are freed and the queue drains. A flat line means that nothing is searched or moved.
#include <stdio.h>

#include "mem.h"
#include "rounds.h"
#include "service.h"

enum { SIZES = 4, SIZES_QUICK = 2, SMALLEST = 1000, WAIT_MS = 60000 };
enum { QUEUE_NS, DRAIN_NS, N_METRICS };

// A small queue is filled and drained as often as makes so many jobs; the round is the median.
enum { JOBS_A_ROUND = 20000, REPEATS_MAX = JOBS_A_ROUND / SMALLEST };

struct run {
    struct service *service;
    unsigned n_jobs;
    jobd_future **fs; // room for the largest
};

struct drain {
    unsigned n_done;
    int error; // the first
};

static void on_done(jobd_future *f, void *arg) {
    struct drain *d = (struct drain *)arg;
    jobd_bytes value;
    int r = jobd_future_result(f, JOBD_NOWAIT, &value);
    if (r < 0 && d->error == 0)
        d->error = r;
    d->n_done++;
    jobd_future_unref(f);
}

static int wait_done(jobd_conn *conn, const struct drain *d, unsigned n) {
    while (d->n_done < n && d->error == 0) {
        int r = jobd_conn_wait(conn, WAIT_MS);
        if (r <= 0)
            return bench_fail("the queue does not drain: %s",
                              r < 0 ? jobd_strerror(r) : "nothing came for a minute");
    }
    return d->error == 0 ? 0 : bench_fail("a job failed: %s", jobd_strerror(d->error));
}

static int fill(const struct run *run, struct drain *d, double *ret_ns) {
    uint64_t start_ns = bench_now_ns();
    if (service_queue_noops(run->service, run->fs, run->n_jobs) < 0)
        return -1;
    *ret_ns = (double)(bench_now_ns() - start_ns) / run->n_jobs;
    for (unsigned i = 0; i < run->n_jobs; i++)
        if (jobd_future_add_done_callback(run->fs[i], on_done, d) < 0)
            return bench_fail("out of memory");
    return 0;
}

// When the workers notice that they are free is not known to 10 ms: the clock starts with the first
// results, and what came with them does not count.
static int empty(const struct run *run, const struct drain *d, double *ret_ns) {
    jobd_conn *conn = run->service->conn;
    if (wait_done(conn, d, 1) < 0)
        return -1;
    uint64_t start_ns = bench_now_ns();
    unsigned n_before = d->n_done;
    if (wait_done(conn, d, run->n_jobs) < 0)
        return -1;
    *ret_ns = (double)(bench_now_ns() - start_ns) / JD_MAX(run->n_jobs - n_before, 1u);
    return 0;
}

static int fill_and_empty(const struct run *run, double *ret_ns) {
    struct drain d = {0};
    jobd_conn *occupier;
    if (service_occupy(run->service, &occupier) < 0)
        return -1;
    int r = fill(run, &d, &ret_ns[QUEUE_NS]);
    jobd_close(occupier);
    return r < 0 ? r : empty(run, &d, &ret_ns[DRAIN_NS]);
}

static int drain_round(void *self, double *ret_ns) {
    const struct run *run = (const struct run *)self;
    double v[N_METRICS][REPEATS_MAX], one[N_METRICS];
    unsigned n = JD_MAX(JOBS_A_ROUND / run->n_jobs, 1u);
    for (unsigned i = 0; i < n; i++) {
        if (fill_and_empty(run, one) < 0)
            return -1;
        for (unsigned m = 0; m < N_METRICS; m++)
            v[m][i] = one[m];
    }
    for (unsigned m = 0; m < N_METRICS; m++)
        ret_ns[m] = stats_quantile(v[m], n, 0.5);
    return 0;
}

// The largest of the medians over the smallest.
static void note_flatness(struct bench *b, const struct variant *v, unsigned n) {
    static const char *const names[N_METRICS] = {"queue", "drain"};
    for (unsigned m = 0; m < N_METRICS; m++) {
        double low = series_spread(&v[0].metric[m]).median, high = low;
        for (unsigned i = 1; i < n; i++) {
            double median = series_spread(&v[i].metric[m]).median;
            low = JD_MIN(low, median);
            high = JD_MAX(high, median);
        }
        report_note(b->report, "%s: dearest size / cheapest size = %.2f (1 = flat)", names[m],
                    high / low);
    }
}

static void add_rows(struct bench *b, const struct variant *v, unsigned n) {
    static const char *const names[SIZES][N_METRICS] = {{"queue.1e3", "drain.1e3"},
                                                        {"queue.1e4", "drain.1e4"},
                                                        {"queue.1e5", "drain.1e5"},
                                                        {"queue.1e6", "drain.1e6"}};
    for (unsigned m = 0; m < N_METRICS; m++)
        for (unsigned i = 0; i < n; i++)
            report_add(b->report, &(struct report_row){.name = names[i][m],
                                                       .unit = "ns/job",
                                                       .value = &v[i].metric[m]});
    note_flatness(b, v, n);
}

static int run_all(struct bench *b, struct service *s, unsigned n) {
    struct run runs[SIZES];
    struct variant v[SIZES];
    unsigned n_jobs = SMALLEST;
    for (unsigned i = 0; i < n; i++, n_jobs *= 10) {
        runs[i] = (struct run){.service = s, .n_jobs = n_jobs};
        v[i] = (struct variant){.name = "queue and drain",
                                .round = drain_round,
                                .self = &runs[i],
                                .n_metrics = N_METRICS};
    }
    jobd_future **fs = jd_alloc(runs[n - 1].n_jobs * sizeof(jobd_future *));
    if (!fs)
        return bench_fail("out of memory");
    for (unsigned i = 0; i < n; i++)
        runs[i].fs = fs;
    int r = rounds_run(b, v, n);
    jd_free(fs);
    if (r == 0 && !b->hold_s)
        add_rows(b, v, n);
    return r;
}

int measure_drain(struct bench *b) {
    struct service s;
    if (!b->daemon)
        return 0;
    if (service_start(b, b->n_workers ? b->n_workers : WORKERS_MAX, NULL, &s) < 0)
        return -1;
    if (b->hold_s)
        service_print_pids(&s);
    int r = run_all(b, &s, b->quick ? SIZES_QUICK : SIZES);
    service_stop(&s);
    return r;
}
