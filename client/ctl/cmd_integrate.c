// jobctl integrate: a sum in parts over the workers, or, with a tolerance, an adaptive integral.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "json.h"
#include "kernels/split.h"
#include "number.h"
#include "parts.h"
#include "print.h"
#include "progress.h"
#include "quad.h"

enum {
    STEPS_DEFAULT = 1000000,
    KEY_STEPS = 'n',
    KEY_PARTS = 'j',
    KEY_RULE = 'r',
    KEY_KERNEL = 'k',
    KEY_PARAM = 'p',
    KEY_BACKEND = 'b',
    KEY_TOL = 't',
    KEY_ISA = 0x200,
    KEY_RTOL,
};

struct command {
    struct ctl *ctl;
    struct integral in;
    bool adaptive;
    const char *for_sums; // an option that was given and makes no sense with a tolerance
    double tolerance, relative;
    json_t *done; // the parts, in the order they were done
    struct progress progress;
};

static const struct argp_option options[] = {
    {"steps", KEY_STEPS, "STEPS", 0, "steps of the sum (default: 1e6)", 0},
    {"tol", KEY_TOL, "TOL", 0, "adaptive: until the error is at most TOL", 0},
    {"rtol", KEY_RTOL, "RTOL", 0, "adaptive: until it is at most RTOL of the value", 0},
    {"param", KEY_PARAM, "NAME=VALUE", 0, "a number the expression uses by name", 0},
    {"parts", KEY_PARTS, "PARTS", 0,
     "how many parts, or intervals at once (default, and 0: the slots of the pool)", 0},
    {"rule", KEY_RULE, "RULE", 0, "one of" JD_RULE_NAMES " (default: left)", 0},
    {"kernel", KEY_KERNEL, "KERNEL", 0,
     "portable: the same digits everywhere (default); fast: SIMD, several times as fast", 0},
    {"isa", KEY_ISA, "ISA", 0,
     "instruction set of the fast kernel, one of" JD_ISA_NAMES
     " (default: the best of the worker's CPU)",
     0},
    {"backend", KEY_BACKEND, "BACKEND", 0,
     "process: the pool \"default\" (default); thread: the pool \"threads\"; serial: jobctl "
     "itself, "
     "without a daemon",
     0},
    {0},
};

static int read_tolerance(struct command *c, const char *name, const char *text, double *ret) {
    int r = number_parse(c->ctl, name, text, ret);
    c->adaptive = true;
    if (!r && !(*ret > 0))
        r = ctl_misuse(c->ctl, "write a small number, as 1e-9", "%s must be more than 0", name);
    return r;
}

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct command *c = state->input;
    switch (key) {
    case KEY_STEPS:
        c->for_sums = "-n";
        return number_parse_count(c->ctl, "STEPS", arg, JD_N_ITER_MAX, &c->in.n_steps);
    case KEY_TOL:
        return read_tolerance(c, "TOL", arg, &c->tolerance);
    case KEY_RTOL:
        return read_tolerance(c, "RTOL", arg, &c->relative);
    case KEY_PARAM:
        return integral_read_param(&c->in, arg);
    case KEY_PARTS:
        return number_parse_count(c->ctl, "PARTS", arg, PARTS_MAX, &c->in.n_jobs);
    case KEY_RULE:
        c->for_sums = "--rule";
        return integral_read_rule(&c->in, arg);
    case KEY_KERNEL:
        return integral_read_kernel(&c->in, arg);
    case KEY_ISA:
        return integral_read_isa(&c->in, arg);
    case KEY_BACKEND:
        return integral_read_backend(&c->in, arg);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ctl_syntax syntax = {
    .argp =
        {.options = options,
         .parser = on_option,
         .args_doc = "FUNC A B",
         .doc = "Integrate FUNC from A to B, by default as a left Riemann sum, in parts over the "
                "workers; with --tol, as exactly as is asked for.\n\n"
                "  jobctl integrate cos 0 pi/2\n"
                "  jobctl integrate sin -2*pi 0 -n 1e8 -j 4\n"
                "  jobctl integrate 'exp(-x^2) * cos(k*x)' 0 1 -p k=3\n"
                "  jobctl integrate '1/sqrt(x)' 0 1 --tol 1e-9\n"
                "  jobctl integrate erf 0 1 -n 1000 --rule gauss --kernel fast --json\n"
                "\vA, B, STEPS, PARTS and values are constant expressions: 1e-3, -pi/2, 2^20, "
                "sqrt(2). FUNC is a function of one number: sin, exp, j0, ..., or an expression of "
                "x, or MODULE.FUNCTION, which a plugin brings. The result of a sum does not depend "
                "on which part is done first, nor on the backend; what --tol gives depends on "
                "it within its error."},
    .n_least = 3,
    .n_most = 3,
    .is_operand = integral_is_operand,
};

// ---- a sum ----

static void show_part(const struct part *p, void *arg) {
    struct command *c = arg;
    if (c->ctl->json) {
        json_t *row =
            json_pack("{s:I, s:I}", "index", (json_int_t)p->index, "pid", (json_int_t)p->pid);
        ctl_json_set_double(row, p->value);
        json_object_set_new(row, "seconds", json_real(p->run_s));
        json_array_append_new(c->done, row);
        return;
    }
    progress_clear(&c->progress);
    if (p->whole->n_done == 0)
        printf("%6s  %7s  %10s  %s\n", "INDEX", "PID", "SECONDS", "VALUE");
    char text[CTL_DOUBLE_MAX];
    ctl_double_text(p->value, text);
    printf("%6" PRIu64 "  %7" PRId64 "  %10.6f  %s\n", p->index, p->pid, p->run_s, text);
}

static void print_value(const struct integral *in, double value) {
    char from[CTL_DOUBLE_MAX], to[CTL_DOUBLE_MAX], text[CTL_DOUBLE_MAX];
    ctl_double_text(in->a, from);
    ctl_double_text(in->b, to);
    ctl_double_text(value, text);
    ctl_print_safe(stdout, in->function);
    printf(" from %s to %s = %s\n", from, to, text);
}

static const char *plural(uint64_t n) {
    return n == 1 ? "" : "s";
}

static int print_sum(const struct command *c, const struct parts *p) {
    const struct integral *in = &c->in;
    print_value(in, p->value);
    printf("%" PRIu64 " step%s in %zu part%s, %.6f s, speed-up %.2f\n", in->n_steps,
           plural(in->n_steps), p->n, plural(p->n), p->wall_s, p->run_s / p->wall_s);
    if (in->rule != JD_RULE_LEFT || in->kernel != JD_KERNEL_PORTABLE)
        printf("rule %s, %" PRIu64 " evaluations, kernel %s%s%s\n", jd_rule_name(in->rule),
               p->n_evaluations, jd_kernel_name(in->kernel), *p->ran_on ? " on " : "", p->ran_on);
    return CTL_DONE;
}

// {"value": ..., "function": ..., ...}: what both kinds of an answer begin with.
static json_t *answer_of(const struct integral *in, double value, const char *ran_on) {
    json_t *answer = json_object(), *params = json_object();
    for (size_t i = 0; i < in->n_params; i++) {
        char name[JD_EXPR_NAME_MAX + 1];
        integral_param_name(in, i, name);
        json_object_set_new(params, name, json_real(in->params[i].value));
    }
    ctl_json_set_double(answer, value);
    json_t *rest =
        json_pack("{s:s, s:o, s:f, s:f, s:s, s:s, s:s?}", "function", in->function, "params",
                  params, "a", in->a, "b", in->b, "backend", backend_name(in->backend), "kernel",
                  jd_kernel_name(in->kernel), "isa", *ran_on ? ran_on : NULL);
    if (!rest || json_object_update(answer, rest)) {
        json_decref(answer);
        answer = NULL;
    }
    json_decref(rest);
    return answer;
}

// rest taken.
static int print_json(const struct command *c, json_t *answer, json_t *rest) {
    if (!answer || !rest || json_object_update(answer, rest)) {
        json_decref(answer);
        answer = NULL;
    }
    json_decref(rest);
    return ctl_print_json(c->ctl, answer);
}

static int print_sum_json(const struct command *c, const struct parts *p) {
    const struct integral *in = &c->in;
    return print_json(c, answer_of(in, p->value, p->ran_on),
                      json_pack("{s:I, s:s, s:I, s:O, s:f}", "n_iter", (json_int_t)in->n_steps,
                                "rule", jd_rule_name(in->rule), "evaluations",
                                (json_int_t)p->n_evaluations, "parts", c->done, "seconds",
                                p->wall_s));
}

static int sum_with(struct command *c, struct parts *p) {
    const jobd_executor_options eo = {JOBD_OPTIONS(jobd_executor_options),
                                      .pool = backend_pool(c->in.backend)};
    jobd_executor *ex = NULL;
    p->on_done = show_part;
    p->arg = c;
    int r = c->in.backend == BACKEND_serial ? 0 : jobd_executor_open(c->ctl->conn, &eo, &ex);
    if (r)
        return ctl_fail_call(c->ctl, r, "submit the parts");
    progress_begin(&c->progress, c->ctl, "integrate", (double)p->n);
    r = parts_run(p, ex);
    progress_end(c->ctl);
    jobd_executor_free(ex);
    if (r)
        return r;
    return c->ctl->json ? print_sum_json(c, p) : print_sum(c, p);
}

static int sum(struct command *c) {
    struct parts parts = {.n = 0};
    uint64_t n_jobs;
    int r = integral_count_jobs(&c->in, &n_jobs);
    c->done = json_array();
    r = r ? r : parts_prepare(&parts, &c->in, n_jobs);
    r = r ? r : sum_with(c, &parts);
    ctl_disconnect(c->ctl);
    parts_free(&parts);
    json_decref(c->done);
    return r;
}

// ---- an adaptive integral ----

static int print_quad(const struct integral *in, const struct quad *q) {
    print_value(in, q->value);
    printf("error at most about %.2g, %" PRIu64 " evaluations in %zu intervals, %.6f s\n", q->error,
           q->n_evaluations, q->n_intervals, q->wall_s);
    return CTL_DONE;
}

static int print_quad_json(const struct command *c, const struct quad *q) {
    return print_json(c, answer_of(&c->in, q->value, q->ran_on),
                      json_pack("{s:f, s:f, s:I, s:I, s:I, s:f, s:f}", "error", q->error,
                                "tolerance", q->goal, "evaluations", (json_int_t)q->n_evaluations,
                                "intervals", (json_int_t)q->n_intervals, "at_once",
                                (json_int_t)q->n_jobs, "run_seconds", q->run_s, "seconds",
                                q->wall_s));
}

static int adapt(struct command *c) {
    struct quad q = {.in = &c->in, .tolerance = c->tolerance, .relative = c->relative};
    int r = integral_count_jobs(&c->in, &q.n_jobs);
    r = r ? r : quad_run(&q);
    if (r)
        return r;
    return c->ctl->json ? print_quad_json(c, &q) : print_quad(&c->in, &q);
}

static int read_operands(struct command *c, char **operands) {
    if (c->adaptive && c->for_sums)
        return ctl_misuse(c->ctl, "choose one: steps, or a tolerance",
                          "%s is for sums, and with --tol or --rtol there are none", c->for_sums);
    return integral_read_operands(&c->in, operands);
}

int cmd_integrate(struct ctl *ctl, char **argv) {
    struct command c = {
        .ctl = ctl,
        .in = {.ctl = ctl, .n_steps = STEPS_DEFAULT, .isa = "", .backend = BACKEND_process}};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &c, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    r = ctl_exit_of(read_operands(&c, args.operands));
    bool serial = c.in.backend == BACKEND_serial; // then signals end the process as usual
    if (!r && !serial)
        r = ctl_connect(ctl);
    if (!r && !serial)
        r = ctl_watch_signals(ctl);
    if (!r)
        r = c.adaptive ? adapt(&c) : sum(&c);
    ctl_disconnect(ctl);
    args_free(&args);
    return r;
}
