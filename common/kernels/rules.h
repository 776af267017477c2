// Integrals over one part by a rule and a kernel, a run that can be looked at while it goes on.
//
// Every rule works on the same uniform grid of n steps of h = (b - a) / n:
//   left       f at the start of each step
//   midpoint   f in the middle of each step
//   trapezoid  f at all n + 1 ends of steps, the two of the interval with half their weight
//   simpson    (trapezoid + 2 * midpoint) / 3
//   gauss      4 points in each step, exact up to degree 7
// Parts of one interval add up to the whole: a point between two parts belongs to the part that
// starts there, which counts it with full weight. So a part must know which of its ends are ends of
// the interval.
//
// A rule is some left sums, passes, each with its own shift and weight; they are computed one after
// the other, and added in the order of their points within a step. A pass shifted by t starts in
// a + t * h, rounded.
#ifndef JD_KERNELS_RULES_H
#define JD_KERNELS_RULES_H

#include "kernels/fast.h"

#define JD_RULE_MAP(X)                                                                             \
    X(left, JD_RULE_LEFT)                                                                          \
    X(midpoint, JD_RULE_MIDPOINT)                                                                  \
    X(trapezoid, JD_RULE_TRAPEZOID)                                                                \
    X(simpson, JD_RULE_SIMPSON)                                                                    \
    X(gauss, JD_RULE_GAUSS)

#define JD_KERNEL_MAP(X)                                                                           \
    X(portable, JD_KERNEL_PORTABLE)                                                                \
    X(fast, JD_KERNEL_FAST)

#define X(name, id) id,
enum jd_rule { JD_RULE_MAP(X) };
enum jd_kernel { JD_KERNEL_MAP(X) };
#undef X

// All of them, each after a blank.
#define JD_RULE_NAMES JD_RULE_MAP(JD_NAME_OF)
#define JD_KERNEL_NAMES JD_KERNEL_MAP(JD_NAME_OF)

// Which ends of a part are ends of the whole interval.
enum { JD_EDGE_A = 1, JD_EDGE_B = 2, JD_EDGE_BOTH = 3 };

struct jd_integral {
    struct jd_source f;
    double a, b; // finite, and so is b - a
    uint64_t n;  // steps, 1..JD_N_ITER_MAX (kernels/split.h)
    enum jd_rule rule;
    enum jd_kernel kernel;
    enum jd_isa isa; // of JD_KERNEL_FAST; available
    unsigned edges;  // JD_EDGE_*
};

// A run. Its fields are rules.c's.
struct jd_rule_run {
    struct jd_integral in;
    double value; // of the passes that are done
    unsigned pass;
    struct jd_grid grid; // of the pass under way; for the portable kernel from moves on
    double acc;          // of the portable kernel
    struct jd_fast fast;
};

const char *jd_rule_name(enum jd_rule rule);
const char *jd_kernel_name(enum jd_kernel kernel);
// 0 | JOBD_E_INVAL (no such name).
int jd_rule_find(jobd_bytes name, enum jd_rule *ret);
int jd_kernel_find(jobd_bytes name, enum jd_kernel *ret);

// The edges of part i of n_parts.
static inline unsigned jd_rule_edges(uint64_t i, uint64_t n_parts) {
    return (i == 0 ? JD_EDGE_A : 0) | (i + 1 == n_parts ? JD_EDGE_B : 0);
}

// y[i] = f(x[i]) for n points, at most JD_BLOCK, as the integral's kernel computes it. y is not x.
void jd_integral_values(const struct jd_integral *in, const double *x, double *y, size_t n);

// What in->f.ctx points to is borrowed until the run is over.
void jd_rule_begin(struct jd_rule_run *run, const struct jd_integral *in);
// Evaluate about n points more. How often it is called changes no bit. False = all is done.
bool jd_rule_advance(struct jd_rule_run *run, uint64_t n);
// How much is done, 0..1.
double jd_rule_fraction(const struct jd_rule_run *run);
// Once all is done.
double jd_rule_value(const struct jd_rule_run *run);
// How many points that is, in all: the parts of an interval add up to those of the whole.
uint64_t jd_rule_evaluations(const struct jd_integral *in);

#endif
