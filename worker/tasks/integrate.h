// What the tasks that integrate share: the question they are asked, checked, as an integral.
#ifndef WORKER_TASKS_INTEGRATE_H
#define WORKER_TASKS_INTEGRATE_H

#include <jobd/task.h>

#include "kernels/formula.h"

// As the arguments say it; nothing is checked yet.
struct integrate_question {
    jobd_bytes function, kernel, rule, isa;
    double a, b;
    uint64_t n, edges;
    struct jd_expr_param params[JD_EXPR_PARAMS_MAX];
    size_t n_params;
};

// An integral and what its function needs to live. It must stay where it is.
struct integrate_plan {
    struct jd_integral integral;
    struct jd_formula formula;
};

extern const struct integrate_question integrate_defaults;

// Reads a map of names to numbers as the parameters. What is wrong shows in r->err.
void integrate_read_params(jobd_reader *r, struct integrate_question *q);
// 0 | what host->fail() returns, after saying what is wrong. q's bytes are borrowed by ret.
int integrate_understand(const jobd_host *host, jobd_task_ctx *ctx,
                         const struct integrate_question *q, struct integrate_plan *ret);

#endif
