// One run of an integral in parts: by jobctl itself, or by a pool's workers. The values are added in
// the order of the parts, so that the digits depend on neither the backend nor on who was faster.
#ifndef CTL_PARTS_H
#define CTL_PARTS_H

#include "integral.h"

enum { PARTS_MAX = 65536, PARTS_ISA_MAX = 16 };

struct parts;

struct part {
    struct parts *whole;
    uint64_t index;
    double value;
    double run_s;        // in who computed it
    int64_t pid;         // of that
    double share;        // of it done, as far as known
    jobd_future *future; // owned; NULL = computed here
};

struct parts {
    struct integral *in;
    struct part *at;
    double *values; // the parts', by index
    size_t n;
    // Called for each part that is done, in that order; may be NULL.
    void (*on_done)(const struct part *p, void *arg);
    void *arg;
    // ---- what came out ----
    size_t n_done;
    const struct part *failed;  // the first one
    char ran_on[PARTS_ISA_MAX]; // the instruction set of the first part that was done, "" = any
    uint64_t n_evaluations;
    double run_s, run_most_s; // of all parts, of the longest
    double wall_s;            // from the first submit to the last result
    double value;
};

// n_jobs: at least 1; fewer if there are fewer steps. 0 | an exit code after printing why.
int parts_prepare(struct parts *p, struct integral *in, uint64_t n_jobs);
// ex: of the backend's pool; NULL for the serial one. May be called again. 0 | an exit code after
// printing why.
int parts_run(struct parts *p, jobd_executor *ex);
// After ctl_disconnect(): it ends unfinished futures, whose callbacks look at the parts.
void parts_free(struct parts *p);

#endif
