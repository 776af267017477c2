#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

uint64_t sim_below(struct sim_rng *rng, uint64_t n) { // splitmix64, Steele et al. 2014
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % n;
}

bool sim_chance(struct sim_rng *rng, unsigned in_1000) {
    return in_1000 > 0 && sim_below(rng, 1000) < in_1000;
}

_Noreturn void sim_fail(const struct sim *sim, const char *file, int line, const char *what) {
    fflush(stdout);
    fprintf(stderr, "%s:%d: violated: %s\n", file, line, what);
    sim_explain(sim);
    abort();
}

static const struct sim *running;

// Also where the core itself finds that something cannot be.
static void on_abort(int signal) {
    (void)signal;
    fprintf(stderr, "seed %llu, step %llu; replay: jobd-sim --seed %llu --verbose\n",
            (unsigned long long)running->seed, (unsigned long long)running->steps,
            (unsigned long long)running->seed);
}

static uint64_t number(const char *text) {
    return strtoull(text, NULL, 10);
}

struct options {
    uint64_t schedules, steps, first;
    bool one, verbose;
};

static bool parse(int argc, char **argv, struct options *o) {
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--schedules") == 0 && more)
            o->schedules = number(argv[++i]);
        else if (strcmp(argv[i], "--steps") == 0 && more)
            o->steps = number(argv[++i]);
        else if (strcmp(argv[i], "--first") == 0 && more)
            o->first = number(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0 && more)
            o->first = number(argv[++i]), o->one = true;
        else if (strcmp(argv[i], "--verbose") == 0)
            o->verbose = true;
        else
            return false;
    }
    if (o->one)
        o->schedules = 1;
    return true;
}

static void print(const struct sim_totals *t, uint64_t trace) {
    printf(
        "steps %llu, deaths %llu, refused %llu, trace %016llx\njobs:", (unsigned long long)t->steps,
        (unsigned long long)t->deaths, (unsigned long long)t->refused, (unsigned long long)trace);
    for (int s = JOBD_JOB_DONE; s <= JOBD_JOB_LOST; s++)
        printf(" %s %llu,", jobd_job_state_name(s), (unsigned long long)t->ended[s]);
    printf(" attached %llu, retried %llu, lent %llu, processes %llu\n"
           "initialized %llu, pools %llu, happened %llu\n",
           (unsigned long long)t->attached, (unsigned long long)t->retried,
           (unsigned long long)t->lent, (unsigned long long)t->processes,
           (unsigned long long)t->initialized, (unsigned long long)t->pools,
           (unsigned long long)t->happened);
}

int main(int argc, char **argv) {
    static struct sim sim;
    const char *env = getenv("JOBD_TEST_SEED");
    struct options o = {.schedules = 100, .steps = 400};
    o.first = env ? number(env) : (uint64_t)time(NULL) * 1000003;
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: jobd-sim [--schedules N] [--steps N] [--first SEED] "
                        "[--seed SEED [--verbose]]\n");
        return 2;
    }
    running = &sim;
    signal(SIGABRT, on_abort);
    sim.verbose = o.verbose;
    if (o.verbose)
        setvbuf(stdout, NULL, _IOLBF, 0);
    printf("first seed %llu, %llu schedules of %llu steps\n", (unsigned long long)o.first,
           (unsigned long long)o.schedules, (unsigned long long)o.steps);
    fflush(stdout);
    uint64_t trace = 0;
    for (uint64_t i = 0; i < o.schedules; i++) {
        sim_schedule(&sim, o.first + i, o.steps);
        sim.totals.steps += sim.steps;
        trace = (trace ^ sim.trace) * UINT64_C(0x100000001b3);
    }
    print(&sim.totals, trace);
    return 0;
}
