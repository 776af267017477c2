// No-op jobs a second with OUTSTANDING under way, against the bare libuv + msgpack-c relay. The
// bare epoll relay stands beside it, as what the sockets alone allow.
#include "rig.h"

enum { JOBS = 300000, JOBS_QUICK = 20000, WAIT_MS = 60000, N_VARIANTS = 3 };
enum { RATE, CPU_CLIENT, CPU_MIDDLE, CPU_WORKERS, N_METRICS };

static const struct target rate_target = {TARGET_AT_LEAST, 0.5};

struct run {
    unsigned n_jobs;
    struct rig *rig;
};

// Wall time, and the CPU time of each kind of process. When other programs are at work the second
// still says something.
struct meter {
    pid_t pids[1 + WORKERS_MAX]; // the middle, then the workers
    uint64_t start_ns;
    double cpu_ns[N_METRICS];
};

static void read_cpu(const struct meter *m, double ret_ns[N_METRICS]) {
    ret_ns[CPU_CLIENT] = proc_cpu_ns(getpid());
    ret_ns[CPU_MIDDLE] = proc_cpu_ns(m->pids[0]);
    ret_ns[CPU_WORKERS] = 0;
    for (unsigned w = 1; w <= WORKERS_MAX && m->pids[w]; w++)
        ret_ns[CPU_WORKERS] += proc_cpu_ns(m->pids[w]);
}

static void meter_start(struct meter *m) {
    read_cpu(m, m->cpu_ns);
    m->start_ns = bench_now_ns();
}

static void meter_stop(const struct meter *m, unsigned n_jobs, double *ret_values) {
    double cpu_ns[N_METRICS];
    ret_values[RATE] = (double)n_jobs * 1e6 / (double)(bench_now_ns() - m->start_ns);
    read_cpu(m, cpu_ns);
    for (unsigned i = CPU_CLIENT; i < N_METRICS; i++)
        ret_values[i] = (cpu_ns[i] - m->cpu_ns[i]) / n_jobs;
}

static int relay_round(struct relay *relay, unsigned n_jobs, double *ret_values) {
    struct meter m;
    memcpy(m.pids, relay->pids, sizeof m.pids);
    meter_start(&m);
    if (relay_pipeline(relay, n_jobs) < 0)
        return -1;
    meter_stop(&m, n_jobs, ret_values);
    return 0;
}

static int epoll_round(void *self, double *ret_values) {
    const struct run *run = (const struct run *)self;
    return relay_round(&run->rig->epoll, run->n_jobs, ret_values);
}

static int uv_round(void *self, double *ret_values) {
    const struct run *run = (const struct run *)self;
    return relay_round(&run->rig->uv, run->n_jobs, ret_values);
}

// ---- jobd: every job that is done submits the next ----

struct load {
    jobd_executor *ex;
    unsigned n_left; // to submit
    unsigned n_done;
    int error; // the first
};

static void submit_next(struct load *load);

static void on_done(jobd_future *f, void *arg) {
    struct load *load = (struct load *)arg;
    jobd_bytes value;
    int r = jobd_future_result(f, JOBD_NOWAIT, &value);
    if (r < 0 && load->error == 0)
        load->error = r;
    jobd_future_unref(f);
    load->n_done++;
    submit_next(load);
}

static void submit_next(struct load *load) {
    jobd_future *f;
    if (load->n_left == 0 || load->error < 0)
        return;
    load->n_left--;
    load->error = jobd_submit(load->ex, SERVICE_NOOP, service_noop_args(), NULL, &f);
    if (load->error == 0)
        load->error = jobd_future_add_done_callback(f, on_done, load);
}

static int jobd_round(void *self, double *ret_values) {
    const struct run *run = (const struct run *)self;
    const struct service *s = &run->rig->service;
    struct load load = {.ex = s->ex, .n_left = run->n_jobs};
    struct meter m = {.pids = {s->pid, s->workers[0], s->workers[1]}};
    meter_start(&m);
    for (unsigned i = 0; i < OUTSTANDING; i++)
        submit_next(&load);
    while (load.n_done < run->n_jobs && load.error == 0) {
        int r = jobd_conn_wait(s->conn, WAIT_MS);
        if (r <= 0)
            load.error = r < 0 ? r : JOBD_E_TIMEOUT;
    }
    meter_stop(&m, run->n_jobs, ret_values);
    return load.error == 0 ? 0 : bench_fail("a job failed: %s", jobd_strerror(load.error));
}

static void add_rows(const struct bench *b, const struct rig *rig, const struct variant *v) {
    const struct variant *epoll = &v[0], *uv = &v[1], *jobd = &v[2];
    const struct duel duels[] = {
        {"throughput", "k/s", jobd, uv, RATE, rate_target},
        {"throughput.bare", "k/s", jobd, epoll, RATE, {0}},
        {"cpu.client", "ns/job", jobd, uv, CPU_CLIENT, {0}},
        {"cpu.master", "ns/job", jobd, uv, CPU_MIDDLE, {0}},
        {"cpu.workers", "ns/job", jobd, uv, CPU_WORKERS, {0}},
    };
    for (size_t i = 0; i < JD_LEN(duels); i++)
        rig_report(b, rig, &duels[i]);
}

int measure_throughput(struct bench *b) {
    static const struct variant sides[N_VARIANTS] = {
        {.name = "bare epoll relay", .round = epoll_round, .floor = true},
        {.name = "bare libuv + msgpack-c relay", .round = uv_round, .floor = true},
        {.name = "jobd pipelined", .round = jobd_round},
    };
    struct run runs[WORKERS_MAX];
    struct variant variants[N_VARIANTS * WORKERS_MAX];
    unsigned n = 0;
    struct rigs rigs;
    if (rigs_start(b, &rigs) < 0)
        return -1;
    for (unsigned i = 0; i < rigs.n; i++) {
        runs[i] = (struct run){b->quick ? JOBS_QUICK : JOBS, &rigs.list[i]};
        for (unsigned side = 0; side < N_VARIANTS; side++, n++) {
            variants[n] = sides[side];
            variants[n].self = &runs[i];
            variants[n].n_metrics = N_METRICS;
        }
    }
    int r = rounds_run(b, variants, n);
    for (unsigned i = 0; i < rigs.n && r == 0 && !b->hold_s; i++)
        add_rows(b, &rigs.list[i], &variants[N_VARIANTS * i]);
    rigs_stop(&rigs);
    return r;
}
