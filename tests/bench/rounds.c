#include "rounds.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "guard.h"
#include "proc.h"

enum { WARM_MS = 2000, WARM_QUICK_MS = 100 };

int rounds_spin(char **args) {
    uint64_t end_ns = bench_now_ns() + strtoull(args[0], NULL, 10) * 1000000;
    while (bench_now_ns() < end_ns)
        continue;
    return 0;
}

static int warm_up(const struct bench *b) {
    char ms[16];
    snprintf(ms, sizeof ms, "%d", b->quick ? WARM_QUICK_MS : WARM_MS);
    const char *const args[] = {"spin", ms, NULL};
    pid_t pids[WORKERS_MAX] = {0};
    int r = 0;
    for (unsigned i = 0; i < WORKERS_MAX && r == 0; i++)
        r = proc_start(args, NULL, 0, &pids[i]);
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (pids[i] > 0)
            waitpid(pids[i], NULL, 0);
    return r;
}

static int hold(const struct bench *b, struct variant *variants, unsigned n) {
    double ignored[METRICS_MAX];
    uint64_t end_ns = bench_now_ns() + b->hold_s * UINT64_C(1000000000);
    while (bench_now_ns() < end_ns && !bench_interrupted())
        for (unsigned i = 0; i < n; i++)
            if (!variants[i].floor && variants[i].round(variants[i].self, ignored) < 0)
                return -1;
    return 0;
}

// round 0 does not count
static int run_one(struct variant *v, unsigned round) {
    double values[METRICS_MAX];
    if (v->round(v->self, values) < 0)
        return bench_fail("%s failed in round %u", v->name, round);
    for (unsigned m = 0; round > 0 && m < v->n_metrics; m++)
        series_add(&v->metric[m], values[m]);
    return 0;
}

int rounds_run(const struct bench *b, struct variant *variants, unsigned n) {
    if (b->hold_s)
        return hold(b, variants, n);
    if (warm_up(b) < 0)
        return -1;
    for (unsigned round = 0; round <= b->n_rounds; round++)
        for (unsigned i = 0; i < n; i++) {
            if (!b->daemon && !variants[i].floor)
                continue;
            if (bench_interrupted())
                return bench_fail("interrupted");
            if (run_one(&variants[i], round) < 0)
                return -1;
        }
    return 0;
}
