// One job at a time, from submit to result, against the bare epoll relay.
#include "mem.h"
#include "rig.h"

enum { JOBS = 5000, JOBS_QUICK = 300, P50 = 0, P99 = 1, N_METRICS = 2, N_VARIANTS = 2 };

static const struct target p50_target = {TARGET_AT_MOST, 1.25};
static const struct target p99_target = {TARGET_AT_MOST, 1.5};
static const struct target two_workers_target = {TARGET_AT_MOST, 1.05};

struct run {
    unsigned n_jobs;
    double *ns; // of each job; shared by all variants
    struct rig *rig;
};

static void quantiles(const struct run *run, double *ret_us) {
    ret_us[P50] = stats_quantile(run->ns, run->n_jobs, 0.5) / 1e3;
    ret_us[P99] = stats_quantile(run->ns, run->n_jobs, 0.99) / 1e3;
}

static int floor_round(void *self, double *ret_us) {
    const struct run *run = (const struct run *)self;
    if (relay_roundtrips(&run->rig->epoll, run->n_jobs, run->ns) < 0)
        return -1;
    quantiles(run, ret_us);
    return 0;
}

static int one_job(jobd_executor *ex) {
    jobd_future *f;
    jobd_bytes value;
    int r = jobd_submit(ex, SERVICE_NOOP, service_noop_args(), NULL, &f);
    if (r < 0)
        return r;
    r = jobd_future_result(f, JOBD_FOREVER, &value);
    jobd_future_unref(f);
    return r;
}

static int jobd_round(void *self, double *ret_us) {
    const struct run *run = (const struct run *)self;
    for (unsigned i = 0; i < run->n_jobs; i++) {
        uint64_t start_ns = bench_now_ns();
        int r = one_job(run->rig->service.ex);
        if (r < 0)
            return bench_fail("a job failed: %s", jobd_strerror(r));
        run->ns[i] = (double)(bench_now_ns() - start_ns);
    }
    quantiles(run, ret_us);
    return 0;
}

static void add_rows(struct bench *b, const struct rigs *rigs, const struct variant *v) {
    for (unsigned i = 0; i < rigs->n; i++, v += N_VARIANTS) {
        rig_report(b, &rigs->list[i],
                   &(struct duel){"roundtrip.p50", "us", &v[1], &v[0], P50, p50_target});
        rig_report(b, &rigs->list[i],
                   &(struct duel){"roundtrip.p99", "us", &v[1], &v[0], P99, p99_target});
    }
    if (b->daemon && rigs->n == WORKERS_MAX)
        report_add(b->report, &(struct report_row){
                                  .name = "roundtrip.p50.2w/1w",
                                  .unit = "us",
                                  .value = &v[-1].metric[P50],
                                  .floor = &v[-3].metric[P50],
                                  .floor_name = "jobd with 1 worker",
                                  .target = two_workers_target,
                              });
}

int measure_roundtrip(struct bench *b) {
    static const struct variant sides[N_VARIANTS] = {
        {.name = "bare epoll relay", .round = floor_round, .floor = true},
        {.name = "jobd round trips", .round = jobd_round},
    };
    struct run runs[WORKERS_MAX];
    struct variant variants[N_VARIANTS * WORKERS_MAX];
    unsigned n = 0, n_jobs = b->quick ? JOBS_QUICK : JOBS;
    struct rigs rigs;
    if (rigs_start(b, &rigs) < 0)
        return -1;
    double *ns = jd_alloc(n_jobs * sizeof *ns);
    for (unsigned i = 0; i < rigs.n; i++) {
        runs[i] = (struct run){.n_jobs = n_jobs, .ns = ns, .rig = &rigs.list[i]};
        for (unsigned side = 0; side < N_VARIANTS; side++, n++) {
            variants[n] = sides[side];
            variants[n].self = &runs[i];
            variants[n].n_metrics = N_METRICS;
        }
    }
    int r = ns ? rounds_run(b, variants, n) : bench_fail("out of memory");
    if (r == 0 && !b->hold_s)
        add_rows(b, &rigs, variants);
    jd_free(ns);
    rigs_stop(&rigs);
    return r;
}
