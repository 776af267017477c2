// An integral as the command line asks for it, and who is to compute it.
#ifndef CTL_INTEGRAL_H
#define CTL_INTEGRAL_H

#include "ctl.h"
#include "kernels/formula.h"

// X(name, the pool it is): serial is jobctl itself.
#define BACKEND_MAP(X)                                                                             \
    X(serial, NULL)                                                                                \
    X(thread, "threads")                                                                           \
    X(process, "default")

enum backend {
#define X(name, pool) BACKEND_##name,
    BACKEND_MAP(X)
#undef X
        BACKENDS
};

struct integral {
    struct ctl *ctl;
    const char *function; // as it was given
    bool foreign;         // a plugin's: only workers have it
    struct jd_formula formula;
    struct jd_expr_param params[JD_EXPR_PARAMS_MAX]; // names are views of the command line
    size_t n_params;
    double a, b;
    uint64_t n_steps;
    uint64_t n_jobs; // 0 = as many as the pool has slots
    enum jd_rule rule;
    enum jd_kernel kernel;
    const char *isa; // what was asked for; "" = the best of who computes
    enum backend backend;
};

const char *backend_name(enum backend b);
const char *backend_pool(enum backend b);

// Values of options. 0 | JOBD_E_INVAL after showing what is wrong.
int integral_read_rule(struct integral *in, const char *name);
int integral_read_kernel(struct integral *in, const char *name);
int integral_read_isa(struct integral *in, const char *name);
int integral_read_backend(struct integral *in, const char *name);
int integral_read_param(struct integral *in, const char *text); // "k=3"; the value is an expression
// The operands, once all options are read. function, a and b; then whether all of it goes together.
int integral_read_operands(struct integral *in, char **operands);

// For tokens that could be options: is it an expression of x?
bool integral_is_operand(const char *token);

// What helps when its task has failed; NULL = what helps in most cases.
const char *integral_hint(const struct integral *in, const jobd_error *why);
// n_jobs, or the slots of the pool. 0 | an exit code after printing why.
int integral_count_jobs(const struct integral *in, uint64_t *ret);
// What jobctl itself computes with; not for a foreign function. Borrows in, which stays where it is.
struct jd_integral integral_here(struct integral *in);
void integral_param_name(const struct integral *in, size_t i, char ret[JD_EXPR_NAME_MAX + 1]);
// Append the parameters to a task's arguments.
void integral_pack_params(const struct integral *in, jobd_args *a);

#endif
