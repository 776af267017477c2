// jobd-bench: jobd against floors that it builds itself and runs in the same call.
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "floor.h"
#include "guard.h"
#include "lecture/variants.h"
#include "peers.h"
#include "rounds.h"
#include "service.h"

static const struct role roles[] = {
    {"spin", rounds_spin},
    {"daemon", service_daemon},
    {"epoll-relay", floor_epoll_relay},
    {"epoll-worker", floor_epoll_worker},
    {"uv-relay", floor_uv_relay},
    {"uv-worker", floor_uv_worker},
    {"integrate-worker", floor_integrate_worker},
    {"python", peers_python},
    {NULL, NULL},
};

static const struct {
    const char *name;
    int (*measure)(struct bench *b);
} measurements[] = {
    {"roundtrip", measure_roundtrip}, {"throughput", measure_throughput}, {"map", measure_map},
    {"abort", measure_abort},         {"integrate", measure_integrate},   {"drain", measure_drain},
    {"expr", measure_expr},           {"memory", measure_memory},         {"idle", measure_idle},
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal) {
    (void)signal;
    interrupted = 1;
}

bool bench_interrupted(void) {
    return interrupted;
}

int bench_fail(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    fputs("jobd-bench: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return -1;
}

uint64_t bench_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// ---- the command line ----

struct options {
    struct bench bench;
    const char *only; // NULL = all
    bool json;
    bool lecture;
};

enum { ROUNDS = 9, ROUNDS_QUICK = 3 };
enum {
    OPT_JSON = 'j',
    OPT_QUICK = 'q',
    OPT_ONLY = 'o',
    OPT_BINDIR = 'b',
    OPT_ROUNDS = 'r',
    OPT_WORKERS = 'w',
    OPT_FLOORS = 'f',
    OPT_HOLD = 'H',
    OPT_LECTURE = 'l'
};

static const struct argp_option argp_options[] = {
    {"only", OPT_ONLY, "NAME", 0,
     "one of: roundtrip, throughput, map, abort, integrate, drain, expr, memory, idle", 0},
    {"quick", OPT_QUICK, NULL, 0, "a fast run that shows that everything works; no figures", 0},
    {"rounds", OPT_ROUNDS, "N", 0, "rounds that count (default 9)", 0},
    {"workers", OPT_WORKERS, "N", 0, "only with N workers (1 or 2; default: both)", 0},
    {"floors", OPT_FLOORS, NULL, 0, "the floors alone, without jobd", 0},
    {"json", OPT_JSON, NULL, 0, "print JSON instead of a table", 0},
    {"bindir", OPT_BINDIR, "DIR", 0, "where jobd and jobd-worker are (default: this build)", 0},
    {"hold", OPT_HOLD, "SECONDS", 0,
     "keep jobd under the load of --only for a profiler; measures nothing", 0},
    {"lecture", OPT_LECTURE, NULL, 0,
     "play the rounds that stdin asks for: one side of ./dev bench --lecture", 0},
    {0},
};

static unsigned parse_number(struct argp_state *state, const char *arg, unsigned max) {
    char *end;
    unsigned long v = strtoul(arg, &end, 10);
    if (*arg == '-' || *end || end == arg || v < 1 || v > max)
        argp_error(state, "%s is not a number from 1 to %u", arg, max);
    return (unsigned)v;
}

static void check_only(struct argp_state *state, const char *name) {
    for (size_t i = 0; i < JD_LEN(measurements); i++)
        if (strcmp(measurements[i].name, name) == 0)
            return;
    argp_error(state, "there is no measurement %s; see --help for their names", name);
}

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct options *o = (struct options *)state->input;
    switch (key) {
    case OPT_ONLY:
        check_only(state, arg);
        o->only = arg;
        return 0;
    case OPT_QUICK:
        o->bench.quick = true;
        return 0;
    case OPT_ROUNDS:
        o->bench.n_rounds = parse_number(state, arg, ROUNDS_MAX);
        return 0;
    case OPT_WORKERS:
        o->bench.n_workers = parse_number(state, arg, WORKERS_MAX);
        return 0;
    case OPT_FLOORS:
        o->bench.daemon = false;
        return 0;
    case OPT_JSON:
        o->json = true;
        return 0;
    case OPT_LECTURE:
        o->lecture = true;
        return 0;
    case OPT_BINDIR:
        o->bench.bindir = arg;
        return 0;
    case OPT_HOLD:
        o->bench.hold_s = parse_number(state, arg, 86400);
        return 0;
    case ARGP_KEY_END:
        if (o->bench.hold_s && (!o->only || !o->bench.daemon))
            argp_error(state, "--hold needs one --only, and jobd");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    argp_options, parse, NULL, "Measures jobd against bare floors in the same run.",
    NULL,         NULL,  NULL};

// ---- the run ----

static void catch_signals(void) {
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

// Other programs at work spoil the figures, and the reader should know.
static void note_load(struct report *report) {
    double load[1];
    if (getloadavg(load, 1) == 1)
        report_note(report, "before the run %.2f of %ld cores were busy (mean of a minute)",
                    load[0], sysconf(_SC_NPROCESSORS_ONLN));
}

static int run(struct options *o) {
    int r = 0;
    note_load(o->bench.report);
    for (size_t i = 0; i < JD_LEN(measurements) && r == 0; i++) {
        if (o->only && strcmp(o->only, measurements[i].name) != 0)
            continue;
        fprintf(stderr, "%s ...\n", measurements[i].name);
        r = measurements[i].measure(&o->bench);
    }
    return r;
}

// Orphans come to this process: every one of them would be found here.
static int check_children(void) {
    pid_t pid = waitpid(-1, NULL, WNOHANG);
    if (pid < 0 && errno == ECHILD)
        return 0;
    return bench_fail("a process was left behind");
}

int main(int argc, char **argv) {
    struct options o = {.bench = {.bindir = BENCH_BINDIR, .daemon = true}};
    proc_run_role(roles, argv);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    if (o.bench.n_rounds == 0)
        o.bench.n_rounds = o.bench.quick ? ROUNDS_QUICK : ROUNDS;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    catch_signals();
    o.bench.report = report_new();
    int r = o.lecture ? lecture_serve(&o.bench) : run(&o);
    if (!o.bench.hold_s && !o.lecture)
        report_print(o.bench.report, o.json);
    report_free(o.bench.report);
    if (check_children() < 0)
        r = -1;
    return r < 0 ? 1 : 0;
}
