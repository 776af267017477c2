// An adaptive integral: the intervals of adapt.h, halved by jobctl itself or as jobs in a pool, as
// many at once as it has slots, taken as they are completed.
#ifndef CTL_QUAD_H
#define CTL_QUAD_H

#include "adapt.h"
#include "integral.h"

enum { QUAD_ISA_MAX = 16 };

struct quad {
    struct integral *in;
    double tolerance, relative;
    // ---- what came out ----
    double value, error;
    double goal;
    size_t n_intervals;
    uint64_t n_evaluations;
    uint64_t n_jobs; // at once
    double run_s;    // of all jobs
    double wall_s;
    char ran_on[QUAD_ISA_MAX];
};

// 0 | an exit code after printing why, also if the integral cannot be computed within the tolerance.
int quad_run(struct quad *q);

#endif
