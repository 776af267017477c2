// jobctl integrate: the client splits, workers run the task "integrate" on the parts, the client
// adds up in index order, so that the digits do not depend on who was faster.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ctl.h"
#include "json.h"
#include "kernels/rules.h"
#include "kernels/split.h"
#include "mem.h"
#include "number.h"
#include "print.h"
#include "progress.h"

enum {
    PARTS_MAX = 65536,
    ISA_MAX = 16,
    KEY_STEPS = 'n',
    KEY_PARTS = 'j',
    KEY_RULE = 'r',
    KEY_KERNEL = 'k',
    KEY_ISA = 0x200,
};

struct integral;

struct part {
    struct integral *whole;
    uint64_t index;
    double share;        // of it done, as far as known
    jobd_future *future; // owned
};

struct integral {
    struct ctl *ctl;
    const char *function;
    double a, b;
    uint64_t n_iter;
    uint64_t n_jobs; // 0 = as many as there are workers
    enum jd_rule rule;
    enum jd_kernel kernel;
    const char *isa; // what was asked for; "" = the best of the worker's CPU
    struct part *parts;
    double *values; // by index
    size_t n_parts;
    size_t n_done;
    const struct part *failed; // the first one
    char ran_on[ISA_MAX];      // the instruction set of the first part that was done, "" = any
    uint64_t n_evaluations;    // of the parts that are done
    json_t *done;              // the parts, in the order they were done
    double run_s;              // of all parts
    double wall_s;
    struct progress progress;
};

static const struct argp_option options[] = {
    {"steps", KEY_STEPS, "STEPS", 0, "steps of the sum (default: 1e6)", 0},
    {"parts", KEY_PARTS, "PARTS", 0, "how many parts (default, and 0: one for each worker)", 0},
    {"rule", KEY_RULE, "RULE", 0, "one of" JD_RULE_NAMES " (default: left)", 0},
    {"kernel", KEY_KERNEL, "KERNEL", 0,
     "portable: the same digits everywhere (default); fast: SIMD, several times as fast", 0},
    {"isa", KEY_ISA, "ISA", 0,
     "instruction set of the fast kernel, one of" JD_ISA_NAMES
     " (default: the best of the worker's CPU)",
     0},
    {0},
};

static int no_such(const struct ctl *ctl, const char *what, const char *name, const char *names) {
    char hint[80];
    snprintf(hint, sizeof(hint), "there are:%s", names);
    return ctl_misuse(ctl, hint, "there is no %s \"%.64s\"", what, name);
}

static int read_rule(struct integral *in, const char *name) {
    return jd_rule_find((jobd_bytes){name, strlen(name)}, &in->rule) == 0
               ? 0
               : no_such(in->ctl, "rule", name, JD_RULE_NAMES);
}

static int read_kernel(struct integral *in, const char *name) {
    return jd_kernel_find((jobd_bytes){name, strlen(name)}, &in->kernel) == 0
               ? 0
               : no_such(in->ctl, "kernel", name, JD_KERNEL_NAMES);
}

// Whether the worker's CPU has it, the worker says.
static int read_isa(struct integral *in, const char *name) {
    enum jd_isa isa;
    in->isa = name;
    return jd_isa_find((jobd_bytes){name, strlen(name)}, &isa) == 0
               ? 0
               : no_such(in->ctl, "instruction set", name, JD_ISA_NAMES);
}

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct integral *in = state->input;
    switch (key) {
    case KEY_STEPS:
        return number_parse_count(in->ctl, "STEPS", arg, JD_N_ITER_MAX, &in->n_iter);
    case KEY_PARTS:
        return number_parse_count(in->ctl, "PARTS", arg, PARTS_MAX, &in->n_jobs);
    case KEY_RULE:
        return read_rule(in, arg);
    case KEY_KERNEL:
        return read_kernel(in, arg);
    case KEY_ISA:
        return read_isa(in, arg);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ctl_syntax syntax = {
    .argp = {.options = options,
             .parser = on_option,
             .args_doc = "FUNC A B",
             .doc =
                 "Integrate FUNC from A to B, by default as a left Riemann sum, in parts over the "
                 "workers.\n\n"
                 "  jobctl integrate cos 0 pi/2\n"
                 "  jobctl integrate sin -2*pi 0 -n 1e8 -j 4\n"
                 "  jobctl integrate exp 0 1 --json\n"
                 "  jobctl integrate erf 0 1 -n 1000 --rule gauss --kernel fast\n"
                 "\vA, B, STEPS and PARTS are constant expressions: 1e-3, -pi/2, 2^20, sqrt(2). "
                 "FUNC is a function of one number: sin, exp, j0, ... The result does not "
                 "depend on which part is done first."},
    .n_least = 3,
    .n_most = 3,
    .is_operand = number_is,
};

// ---- The question ----

static int check_function(const struct ctl *ctl, const char *name) {
    const jobd_bytes view = {name, strlen(name)};
    if (jd_integrand_find(view))
        return 0;
    const char *close = jd_integrand_suggest(view);
    char hint[400];
    size_t n = (size_t)snprintf(hint, sizeof(hint), close ? "did you mean \"%s\"?" : "there are:%s",
                                close ? close : "");
    const struct jd_integrand *f;
    for (size_t i = 0; !close && (f = jd_integrand_at(i)) != NULL && n < sizeof(hint) - 16; i++)
        n += (size_t)snprintf(hint + n, sizeof(hint) - n, " %s", f->name);
    return ctl_misuse(ctl, hint, "there is no function \"%.64s\"", name);
}

static int read_operands(struct integral *in, char **operands) {
    in->function = operands[0];
    int r = check_function(in->ctl, in->function);
    if (!r)
        r = number_parse(in->ctl, "A", operands[1], &in->a);
    if (!r)
        r = number_parse(in->ctl, "B", operands[2], &in->b);
    if (!r && !isfinite(in->b - in->a))
        r = ctl_misuse(in->ctl, "choose bounds that are closer together",
                       "from A to B is farther than a double can tell");
    if (!r && in->n_iter == 0)
        r = ctl_misuse(in->ctl, NULL, "at least one step is needed");
    if (!r && *in->isa && in->kernel != JD_KERNEL_FAST)
        r = ctl_misuse(in->ctl, "add --kernel fast",
                       "--isa is for the fast kernel: the portable one is the same on all");
    return r;
}

// ---- The parts ----

static int read_result(struct part *p, jobd_bytes value) {
    struct integral *in = p->whole;
    jobd_reader r = jobd_reader_of(value);
    uint32_t n;
    uint64_t n_steps, n_evaluations;
    jobd_bytes kernel, rule, isa;
    jobd_read_array(&r, &n);
    jobd_read_f64(&r, &in->values[p->index]);
    jobd_read_u64(&r, &n_steps);
    jobd_read_str(&r, &kernel);
    jobd_read_str(&r, &rule);
    jobd_read_str(&r, &isa);
    if (jobd_read_u64(&r, &n_evaluations) < 0)
        return r.err;
    if (in->n_done == 0)
        snprintf(in->ran_on, sizeof(in->ran_on), "%.*s", (int)JD_MIN(isa.len, ISA_MAX - 1),
                 (const char *)isa.data);
    in->n_evaluations += n_evaluations;
    return 0;
}

static void show_part(const struct part *p, const jobd_job_info *info) {
    struct integral *in = p->whole;
    double value = in->values[p->index], seconds = (double)info->run_ns / 1e9;
    if (in->ctl->json) {
        json_t *row = json_pack("{s:I, s:I}", "index", (json_int_t)p->index, "pid",
                                (json_int_t)info->worker_pid);
        ctl_json_set_double(row, value);
        json_object_set_new(row, "seconds", json_real(seconds));
        json_array_append_new(in->done, row);
        return;
    }
    progress_clear(&in->progress);
    if (in->n_done == 0)
        printf("%6s  %7s  %10s  %s\n", "INDEX", "PID", "SECONDS", "VALUE");
    char text[CTL_DOUBLE_MAX];
    ctl_double_text(value, text);
    printf("%6" PRIu64 "  %7" PRId64 "  %10.6f  %s\n", p->index, info->worker_pid, seconds, text);
}

static void set_share(struct part *p, double share) {
    p->whole->progress.n_done += share - p->share;
    p->share = share;
}

static void on_part_note(jobd_future *f, const char *text, void *arg) {
    struct part *p = arg;
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    set_share(p, info.progress);
    ctl_on_note(f, text, p->whole->ctl);
}

static void on_part_done(jobd_future *f, void *arg) {
    struct part *p = arg;
    struct integral *in = p->whole;
    jobd_bytes value;
    if (in->failed)
        return;
    if (jobd_future_result(f, 0, &value) < 0 || read_result(p, value) < 0) {
        in->failed = p;
        return;
    }
    jobd_job_info info = {.struct_size = sizeof(info)};
    jobd_future_info(f, &info);
    in->run_s += (double)info.run_ns / 1e9;
    show_part(p, &info);
    set_share(p, 1);
    in->n_done++;
}

static int build_part(jobd_args *a, const struct integral *in, uint64_t i, jobd_bytes *ret) {
    struct jd_part part = jd_split_part(in->a, in->b, in->n_iter, in->n_parts, i);
    jobd_args_reset(a);
    jobd_args_array(a, 8);
    jobd_args_str(a, in->function);
    jobd_args_f64(a, part.a);
    jobd_args_f64(a, part.b);
    jobd_args_u64(a, part.n);
    jobd_args_str(a, jd_kernel_name(in->kernel));
    jobd_args_str(a, jd_rule_name(in->rule));
    jobd_args_str(a, in->isa);
    jobd_args_u64(a, jd_rule_edges(i, in->n_parts));
    return jobd_args_finish(a, ret);
}

// 0 | 1 stopped | JOBD_E_*.
static int submit_part(struct integral *in, jobd_executor *ex, jobd_args *a, uint64_t i) {
    struct part *p = &in->parts[i];
    *p = (struct part){.whole = in, .index = i};
    jobd_bytes bytes;
    int r = build_part(a, in, i, &bytes);
    while (!r && (r = jobd_submit(ex, "integrate", bytes, NULL, &p->future)) == JOBD_E_AGAIN)
        r = ctl_turn(in->ctl); // room appears as bytes leave
    if (r)
        return r;
    jobd_future_on_note(p->future, on_part_note, p); // fails if the future is done already
    return jobd_future_add_done_callback(p->future, on_part_done, p);
}

static int submit_parts(struct integral *in) {
    jobd_executor *ex = NULL;
    jobd_args *a = jobd_args_new();
    int r = a ? jobd_executor_open(in->ctl->conn, NULL, &ex) : JOBD_E_NOMEM;
    for (uint64_t i = 0; i < in->n_parts && !r; i++)
        r = submit_part(in, ex, a, i);
    jobd_executor_free(ex);
    jobd_args_free(a);
    return r;
}

// ---- The answer ----

static int print_answer(const struct integral *in, double value) {
    char from[CTL_DOUBLE_MAX], to[CTL_DOUBLE_MAX], text[CTL_DOUBLE_MAX];
    ctl_double_text(in->a, from);
    ctl_double_text(in->b, to);
    ctl_double_text(value, text);
    printf("%s from %s to %s = %s\n", in->function, from, to, text);
    printf("%" PRIu64 " steps in %zu part%s, %.6f s, speed-up %.2f\n", in->n_iter, in->n_parts,
           in->n_parts == 1 ? "" : "s", in->wall_s, in->run_s / in->wall_s);
    if (in->rule != JD_RULE_LEFT || in->kernel != JD_KERNEL_PORTABLE)
        printf("rule %s, %" PRIu64 " evaluations, kernel %s%s%s\n", jd_rule_name(in->rule),
               in->n_evaluations, jd_kernel_name(in->kernel), *in->ran_on ? " on " : "",
               in->ran_on);
    return CTL_DONE;
}

static int print_answer_json(const struct integral *in, double value) {
    json_t *answer = json_object();
    ctl_json_set_double(answer, value);
    json_t *rest = json_pack(
        "{s:s, s:f, s:f, s:I, s:s, s:s, s:s?, s:I, s:O, s:f}", "function", in->function, "a", in->a,
        "b", in->b, "n_iter", (json_int_t)in->n_iter, "rule", jd_rule_name(in->rule), "kernel",
        jd_kernel_name(in->kernel), "isa", *in->ran_on ? in->ran_on : NULL, "evaluations",
        (json_int_t)in->n_evaluations, "parts", in->done, "seconds", in->wall_s);
    if (!rest || json_object_update(answer, rest)) {
        json_decref(answer);
        answer = NULL;
    }
    json_decref(rest);
    return ctl_print_json(in->ctl, answer);
}

static int explain_failure(const struct integral *in) {
    const struct part *p = in->failed;
    char what[64];
    snprintf(what, sizeof(what), "part %" PRIu64 ", job", p->index);
    jobd_error why;
    if (jobd_future_exception(p->future, 0, &why) == 0) // it has a result, but not of our shape
        return ctl_fail_call(in->ctl, JOBD_E_PROTO, "read the result of a part");
    return ctl_fail_job(in->ctl, p->future, what, NULL);
}

static int compute(struct integral *in) {
    uint64_t begin_ns = ctl_now_ns();
    progress_begin(&in->progress, in->ctl, "integrate", (double)in->n_parts);
    int r = submit_parts(in);
    while (r == 0 && in->n_done < in->n_parts && !in->failed)
        r = ctl_turn(in->ctl); // a dead connection fails every part that is not done
    in->wall_s = (double)(ctl_now_ns() - begin_ns) / 1e9;
    progress_end(in->ctl);
    if (r > 0) {
        char what[80];
        snprintf(what, sizeof(what), "%zu of %zu parts were done, the others are cancelled",
                 in->n_done, in->n_parts);
        return ctl_fail_stopped(in->ctl, what);
    }
    if (in->failed)
        return explain_failure(in);
    if (r < 0)
        return ctl_fail_call(in->ctl, r, "submit the parts");
    double value = jd_split_reduce(in->values, in->n_parts);
    return in->ctl->json ? print_answer_json(in, value) : print_answer(in, value);
}

// One part for each worker, if nobody said otherwise.
static int choose_parts(struct integral *in) {
    if (in->n_jobs == 0) {
        json_t *status;
        int r = ctl_status(in->ctl, &status);
        if (r)
            return r;
        json_int_t n = json_integer_value(json_object_get(status, "workers"));
        in->n_jobs = (uint64_t)JD_MIN(JD_MAX(n, 1), PARTS_MAX);
        json_decref(status);
    }
    in->n_parts = jd_split_count(in->n_iter, in->n_jobs);
    in->parts = jd_zalloc(in->n_parts * sizeof(*in->parts));
    in->values = jd_zalloc(in->n_parts * sizeof(*in->values));
    in->done = json_array();
    if (!in->parts || !in->values || !in->done)
        return ctl_fail_call(in->ctl, JOBD_E_NOMEM, "prepare the parts");
    return CTL_DONE;
}

static void free_parts(struct integral *in) {
    for (size_t i = 0; in->parts && i < in->n_parts; i++)
        jobd_future_unref(in->parts[i].future);
    jd_free(in->parts);
    jd_free(in->values);
    json_decref(in->done);
}

int cmd_integrate(struct ctl *ctl, char **argv) {
    struct integral in = {.ctl = ctl, .n_iter = 1000000, .isa = ""};
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &in, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    r = ctl_exit_of(read_operands(&in, args.operands));
    if (!r)
        r = ctl_connect(ctl);
    if (!r)
        r = choose_parts(&in);
    if (!r)
        r = ctl_watch_signals(ctl);
    if (!r)
        r = compute(&in);
    ctl_disconnect(ctl); // first: it ends unfinished futures, whose callbacks look at the parts
    free_parts(&in);
    args_free(&args);
    return r;
}
