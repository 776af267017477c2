// jobctl bench: what its rooms share. A case is one backend with one kernel and so many parts; each is
// timed once in every round, so that all of them see the same machine.
#ifndef CTL_BENCH_H
#define CTL_BENCH_H

#include "parts.h"

enum {
    BENCH_PARTS_MAX = 16, // numbers of parts
    BENCH_KERNELS = 2,
    BENCH_CASES_MAX = BENCH_KERNELS * (1 + (BACKENDS - 1) * BENCH_PARTS_MAX),
};

struct bench_case {
    enum backend backend;
    enum jd_kernel kernel;
    uint64_t n_parts;
    uint64_t n_at_once; // of them; at most the pool's slots
    double first_s;     // the first run, which is not counted: it starts workers and fills caches
    double *wall_s;     // by round
    double *overhead_s; // what of that was not computing, for each job
    double value;
    // ---- once all rounds are done ----
    double mean_s, sd_s, median_s, least_s;
    double overhead_median_s;
    double speedup;    // over the serial case of the same kernel, by medians
    double efficiency; // that for each part that runs at once
};

struct bench {
    struct ctl *ctl;
    struct integral in; // its backend and kernel are the running case's
    uint64_t n_rounds;
    uint64_t parts[BENCH_PARTS_MAX];
    size_t n_parts;
    bool kernels[BENCH_KERNELS], backends[BACKENDS];
    const char *plot; // file for a chart; NULL = none
    jobd_executor *executors[BACKENDS];
    uint64_t slots[BACKENDS];
    struct bench_case cases[BENCH_CASES_MAX];
    size_t n_cases;
    char ran_on[PARTS_ISA_MAX]; // the fast kernel
};

// "backend kernel"; static.
const char *bench_series_name(const struct bench_case *c, char ret[32]);

// bench_stats.c: what the rounds come to, for all cases.
void bench_sum_up(struct bench *b);

// bench_plot.c: a chart of the medians by gnuplot, as SVG.
struct bench_plot {
    pid_t pid; // 0 = none
    int fd;    // its standard input
};
// Starts gnuplot, so that its absence shows before the work. 0 | an exit code after printing why.
int bench_plot_begin(struct bench_plot *p, const struct bench *b);
// Draws, and waits for it; b NULL = drops it. 0 | an exit code after printing why.
int bench_plot_end(struct bench_plot *p, const struct bench *b);

#endif
