// jobctl bench: times the running daemon. So far one thing: an integral, in parts.
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "json.h"
#include "kernels/split.h"
#include "mem.h"
#include "number.h"
#include "print.h"
#include "progress.h"

enum {
    ROUNDS_DEFAULT = 7,
    ROUNDS_MAX = 100000,
    STEPS_DEFAULT = 1000000,
    KEY_ROUNDS = 'r',
    KEY_STEPS = 'n',
    KEY_PARTS = 'j',
    KEY_KERNEL = 'k',
    KEY_PARAM = 'p',
    KEY_BACKEND = 'b',
    KEY_PLOT = 0x200,
};

static const struct argp_option options[] = {
    {"rounds", KEY_ROUNDS, "ROUNDS", 0, "how often each is timed (default: 7)", 0},
    {"steps", KEY_STEPS, "STEPS", 0, "steps of the sum (default: 1e6)", 0},
    {"parts", KEY_PARTS, "LIST", 0, "numbers of parts (default: 1,2,4)", 0},
    {"kernel", KEY_KERNEL, "LIST", 0, "of" JD_KERNEL_NAMES " (default: portable,fast)", 0},
    {"backend", KEY_BACKEND, "LIST", 0, "of thread, process (default: both); serial comes first",
     0},
    {"param", KEY_PARAM, "NAME=VALUE", 0, "a number the expression uses by name", 0},
    {"plot", KEY_PLOT, "FILE.svg", 0, "draw a chart with gnuplot", 0},
    {0},
};

// ---- the command line ----

static int read_parts(struct bench *b, char *text) {
    return b->n_parts == BENCH_PARTS_MAX
               ? ctl_misuse(b->ctl, NULL, "at most %d numbers of parts are possible",
                            BENCH_PARTS_MAX)
               : number_parse_count(b->ctl, "PARTS", text, PARTS_MAX, &b->parts[b->n_parts++]);
}

static int read_kernel(struct bench *b, char *text) {
    int r = integral_read_kernel(&b->in, text);
    if (!r)
        b->kernels[b->in.kernel] = true;
    return r;
}

static int read_backend(struct bench *b, char *text) {
    int r = integral_read_backend(&b->in, text);
    if (!r)
        b->backends[b->in.backend] = true;
    return r;
}

// "a,b,c": each on its own.
static int read_list(struct bench *b, char *text, int (*read)(struct bench *b, char *text)) {
    char *next;
    int r = 0;
    for (; text && !r; text = next) {
        next = strchr(text, ',');
        if (next)
            *next++ = '\0';
        r = read(b, text);
    }
    return r;
}

static error_t on_option(int key, char *arg, struct argp_state *state) {
    struct bench *b = state->input;
    switch (key) {
    case KEY_ROUNDS:
        return number_parse_count(b->ctl, "ROUNDS", arg, ROUNDS_MAX, &b->n_rounds);
    case KEY_STEPS:
        return number_parse_count(b->ctl, "STEPS", arg, JD_N_ITER_MAX, &b->in.n_steps);
    case KEY_PARTS:
        b->n_parts = 0;
        return read_list(b, arg, read_parts);
    case KEY_KERNEL:
        memset(b->kernels, 0, sizeof(b->kernels));
        return read_list(b, arg, read_kernel);
    case KEY_BACKEND:
        memset(b->backends, 0, sizeof(b->backends));
        return read_list(b, arg, read_backend);
    case KEY_PARAM:
        return integral_read_param(&b->in, arg);
    case KEY_PLOT:
        b->plot = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ctl_syntax syntax = {
    .argp =
        {.options = options,
         .parser = on_option,
         .args_doc = "[FUNC A B]",
         .doc = "Time an integral (by default cos from 0 to pi/2) on the running daemon: by jobctl "
                "itself, by the pool \"threads\" and by the pool \"default\", for each kernel and "
                "number of parts.\n\n"
                "  jobctl bench integrate\n"
                "  jobctl bench integrate -r 20 -n 1e8 --parts 1,2,4 --kernel fast\n"
                "  jobctl bench integrate 'exp(-x^2)' 0 1 --json\n"
                "  jobctl bench integrate --plot chart.svg\n"
                "\vEvery round times each case once, after one that is not counted. Overhead is "
                "what of the time was not computing, for each job. Speed-up is that of the medians "
                "over serial with the same kernel, efficiency the speed-up for each part that runs "
                "at once."},
    .n_least = 0,
    .n_most = 3,
    .is_operand = integral_is_operand,
};

static int check(struct bench *b, struct args *args) {
    char cos_text[] = "cos", from[] = "0", to[] = "pi/2";
    char *usual[] = {cos_text, from, to};
    if (args->n_operands == 1 || args->n_operands == 2)
        return ctl_misuse(b->ctl, "give FUNC A B, or none of them", "an integral has two bounds");
    if (b->n_rounds == 0)
        return ctl_misuse(b->ctl, NULL, "at least one round is needed");
    for (size_t i = 0; i < b->n_parts; i++)
        if (b->parts[i] == 0)
            return ctl_misuse(b->ctl, NULL, "at least one part is needed");
    b->in.backend = BACKEND_serial; // every integral is timed here, too
    int r = integral_read_operands(&b->in, args->n_operands ? args->operands : usual);
    if (args->n_operands == 0)
        b->in.function = "cos";
    return r;
}

// ---- cases ----

const char *bench_series_name(const struct bench_case *c, char ret[32]) {
    snprintf(ret, 32, "%s %s", backend_name(c->backend), jd_kernel_name(c->kernel));
    return ret;
}

static int add_case(struct bench *b, struct bench_case c) {
    c.n_parts = jd_split_count(b->in.n_steps, c.n_parts);
    c.n_at_once = JD_MIN(c.n_parts, b->slots[c.backend]);
    c.wall_s = jd_zalloc((size_t)b->n_rounds * sizeof(double));
    c.overhead_s = jd_zalloc((size_t)b->n_rounds * sizeof(double));
    b->cases[b->n_cases++] = c;
    return c.wall_s && c.overhead_s ? 0 : JOBD_E_NOMEM;
}

// Serial has one part: more of them, one after the other, are the same work.
static int add_cases(struct bench *b) {
    int r = 0;
    for (int k = 0; k < BENCH_KERNELS && !r; k++) {
        if (!b->kernels[k])
            continue;
        const enum jd_kernel kernel = (enum jd_kernel)k;
        r = add_case(b, (struct bench_case){BACKEND_serial, kernel, .n_parts = 1});
        for (int e = BACKEND_serial + 1; e < BACKENDS; e++)
            for (size_t i = 0; b->backends[e] && i < b->n_parts && !r; i++)
                r = add_case(b,
                             (struct bench_case){(enum backend)e, kernel, .n_parts = b->parts[i]});
    }
    return r;
}

static int prepare(struct bench *b) {
    int r = 0;
    b->slots[BACKEND_serial] = 1;
    for (int e = BACKEND_serial + 1; e < BACKENDS && !r; e++) {
        b->in.backend = (enum backend)e;
        r = integral_count_jobs(&b->in, &b->slots[e]);
        const jobd_executor_options eo = {JOBD_OPTIONS(jobd_executor_options),
                                          .pool = backend_pool(b->in.backend)};
        if (!r && jobd_executor_open(b->ctl->conn, &eo, &b->executors[e]))
            r = ctl_fail_call(b->ctl, JOBD_E_NOMEM, "prepare the rounds");
    }
    if (!r && add_cases(b))
        r = ctl_fail_call(b->ctl, JOBD_E_NOMEM, "prepare the rounds");
    return r;
}

static void clear(struct bench *b) {
    for (int e = 0; e < BACKENDS; e++)
        jobd_executor_free(b->executors[e]);
    for (size_t i = 0; i < b->n_cases; i++) {
        jd_free(b->cases[i].wall_s);
        jd_free(b->cases[i].overhead_s);
    }
}

// ---- rounds ----

// Computing takes at least as long as the longest part, and as all of them over those at once.
static double overhead_of(const struct bench_case *c, const struct parts *p) {
    double computing = JD_MAX(p->run_most_s, p->run_s / (double)c->n_at_once);
    return JD_MAX(p->wall_s - computing, 0) / (double)p->n;
}

// round 0 is not counted.
static int time_case(struct bench *b, struct bench_case *c, uint64_t round) {
    struct parts parts = {.n = 0};
    b->in.backend = c->backend;
    b->in.kernel = c->kernel;
    int r = parts_prepare(&parts, &b->in, c->n_parts);
    r = r ? r : parts_run(&parts, b->executors[c->backend]);
    if (r)
        ctl_disconnect(b->ctl); // ends what still looks at the parts
    else if (round == 0) {
        c->first_s = parts.wall_s;
        c->value = parts.value;
        if (c->kernel == JD_KERNEL_FAST)
            memcpy(b->ran_on, parts.ran_on, sizeof(b->ran_on));
    } else {
        c->wall_s[round - 1] = parts.wall_s;
        c->overhead_s[round - 1] = overhead_of(c, &parts);
    }
    parts_free(&parts);
    return r;
}

static int run_rounds(struct bench *b) {
    struct progress progress;
    int r = 0;
    progress_begin(&progress, b->ctl, "bench", (double)((b->n_rounds + 1) * b->n_cases));
    for (uint64_t round = 0; round <= b->n_rounds && !r; round++)
        for (size_t i = 0; i < b->n_cases && !r; i++) {
            r = time_case(b, &b->cases[i], round);
            progress.n_done = (double)(round * b->n_cases + i + 1);
        }
    progress_end(b->ctl);
    bench_sum_up(b);
    return r;
}

// ---- what came out ----

static int print_table(const struct bench *b) {
    char from[CTL_DOUBLE_MAX], to[CTL_DOUBLE_MAX];
    ctl_double_text(b->in.a, from);
    ctl_double_text(b->in.b, to);
    ctl_print_safe(stdout, b->in.function);
    printf(" from %s to %s, %" PRIu64 " steps, %" PRIu64 " rounds, %ld CPUs%s%s\n\n", from, to,
           b->in.n_steps, b->n_rounds, sysconf(_SC_NPROCESSORS_ONLN),
           *b->ran_on ? ", fast on " : "", b->ran_on);
    printf("%-8s %-8s %5s  %10s   %9s  %10s  %11s  %8s  %10s  %s\n", "KERNEL", "BACKEND", "PARTS",
           "MEAN ms", "STD. DEV.", "MEDIAN ms", "OVERHEAD us", "SPEED-UP", "EFFICIENCY", "VALUE");
    for (size_t i = 0; i < b->n_cases; i++) {
        const struct bench_case *c = &b->cases[i];
        char value[CTL_DOUBLE_MAX];
        ctl_double_text(c->value, value);
        printf("%-8s %-8s %5" PRIu64 "  %10.4f ± %9.4f  %10.4f  %11.1f  %8.2f  %9.0f%%  %s\n",
               jd_kernel_name(c->kernel), backend_name(c->backend), c->n_parts, c->mean_s * 1e3,
               c->sd_s * 1e3, c->median_s * 1e3, c->overhead_median_s * 1e6, c->speedup,
               c->efficiency * 100, value);
    }
    return CTL_DONE;
}

static json_t *row_of(const struct bench_case *c) {
    json_t *row = json_object();
    ctl_json_set_double(row, c->value);
    json_t *rest =
        json_pack("{s:s, s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "kernel",
                  jd_kernel_name(c->kernel), "backend", backend_name(c->backend), "parts",
                  (json_int_t)c->n_parts, "at_once", (json_int_t)c->n_at_once, "mean_s", c->mean_s,
                  "sd_s", c->sd_s, "median_s", c->median_s, "min_s", c->least_s, "first_s",
                  c->first_s, "overhead_per_job_s", c->overhead_median_s, "speedup", c->speedup,
                  "efficiency", c->efficiency);
    json_object_update(row, rest);
    json_decref(rest);
    return row;
}

static int print_json(const struct bench *b) {
    json_t *rows = json_array();
    for (size_t i = 0; i < b->n_cases; i++)
        json_array_append_new(rows, row_of(&b->cases[i]));
    return ctl_print_json(b->ctl,
                          json_pack("{s:s, s:f, s:f, s:I, s:I, s:I, s:s?, s:o}", "function",
                                    b->in.function, "a", b->in.a, "b", b->in.b, "n_iter",
                                    (json_int_t)b->in.n_steps, "rounds", (json_int_t)b->n_rounds,
                                    "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "isa",
                                    *b->ran_on ? b->ran_on : NULL, "cases", rows));
}

static int run(struct bench *b) {
    struct bench_plot plot;
    int r = bench_plot_begin(&plot, b);
    r = r ? r : ctl_connect(b->ctl);
    r = r ? r : ctl_watch_signals(b->ctl);
    r = r ? r : prepare(b);
    r = r ? r : run_rounds(b);
    r = r ? r : b->ctl->json ? print_json(b) : print_table(b);
    int drawn = bench_plot_end(&plot, r ? NULL : b);
    clear(b);
    return r ? r : drawn;
}

static int bench_integrate(struct ctl *ctl, char **argv) {
    struct bench b = {
        .ctl = ctl,
        .in = {.ctl = ctl, .n_steps = STEPS_DEFAULT, .isa = ""},
        .n_rounds = ROUNDS_DEFAULT,
        .parts = {1, 2, 4},
        .n_parts = 3,
        .kernels = {true, true},
        .backends = {true, true, true},
    };
    struct args args;
    int r = ctl_parse(ctl, &syntax, argv, &b, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    r = ctl_exit_of(check(&b, &args));
    r = r ? r : run(&b);
    args_free(&args);
    return r;
}

int cmd_bench(struct ctl *ctl, char **argv) {
    static const struct ctl_command commands[] = {{"integrate", bench_integrate}};
    static const struct argp_option docs[] = {
        {"integrate", 0, NULL, OPTION_DOC | OPTION_NO_USAGE,
         "time an integral on every backend, by kernel and number of parts", 0},
        {0},
    };
    static const struct argp argp = {
        .options = docs,
        .args_doc = "[COMMAND [ARG...]]",
        .doc = "Time the running daemon.\n\n"
               "  jobctl bench integrate            an integral, serial and in both pools\n"
               "  jobctl bench integrate --help     all about it\n",
    };
    char name[] = "integrate";
    struct args args;
    int r = ctl_parse_main(ctl, &argp, argv, &args);
    if (r)
        return ctl_exit_of(JD_MIN(r, 0));
    char *alone[] = {name, NULL};
    r = ctl_run_command(ctl, "jobctl bench", commands, JD_LEN(commands),
                        args.n_operands > 0 ? args.operands : alone);
    args_free(&args);
    return r;
}
