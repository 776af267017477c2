#include "sim.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    fprintf(stderr, "%s:%d: violated: %s\n", file, line, what);
    fprintf(stderr, "seed %llu, step %llu; replay: jobd-sim --seed %llu --verbose\n",
            (unsigned long long)sim->seed, (unsigned long long)sim->steps,
            (unsigned long long)sim->seed);
    abort();
}

void sim_hash(struct sim *sim, uint64_t value) {
    sim->trace = (sim->trace ^ value) * UINT64_C(0x100000001b3);
}

static void carry_out(struct sim *sim, const struct effect *fx) {
    sim_hash(sim, (uint64_t)fx->kind << 32 | fx->peer);
    if (sim->verbose)
        printf("%8llu effect %d who %u\n", (unsigned long long)sim->steps, (int)fx->kind, fx->peer);
    struct sim_pending *later = &sim->pending[sim->n_pending];
    SIM_CHECK(sim, sim->n_pending < SIM_PENDING);
    switch (fx->kind) {
    case EFFECT_SEND:
        sim_client_on_send(sim, fx->peer, &fx->msg);
        return;
    case EFFECT_CLOSE:
        sim_client_on_close(sim, fx->peer);
        return;
    case EFFECT_SPAWN:
        sim_worker_on_spawn(sim, fx->worker);
        return;
    case EFFECT_DISPATCH:
        sim_worker_on_dispatch(sim, fx->worker, &fx->msg.u.run);
        return;
    case EFFECT_REVOKE:
        *later = (struct sim_pending){EVENT_REVOKED, fx->worker, fx->slot, fx->seq};
        sim->n_pending++;
        return;
    case EFFECT_SAMPLE:
        *later = (struct sim_pending){EVENT_BOARD, fx->worker, 0, 0};
        sim->n_pending++;
        return;
    case EFFECT_RESERVE_IDS:
        *later = (struct sim_pending){EVENT_IDS, 0, 0, fx->limit};
        sim->n_pending++;
        return;
    case EFFECT_ASK_STOP:
        sim->worker[fx->worker].stop_asked = true;
        return;
    case EFFECT_HANG_UP:
        sim->worker[fx->worker].leaving = true;
        return;
    case EFFECT_SIGNAL:
        sim_worker_on_signal(sim, fx->worker, fx->signal);
        return;
    case EFFECT_EXIT:
        sim->exited = true;
        return;
    case EFFECT_OPEN:
    case EFFECT_ADOPT_FDS:
    case EFFECT_HOLD_OUTPUT:
    case EFFECT_WORKER_SEND:
        return;
    }
    JD_UNREACHABLE();
}

static void step(struct sim *sim, const struct event *e) {
    SIM_CHECK(sim, !sim->exited);
    sim->steps++;
    if (sim->verbose)
        printf("%8llu event %d who %u at %.3f ms\n", (unsigned long long)sim->steps, (int)e->kind,
               e->peer, (double)sim->now_ns * 1e-6);
    core_step(sim->core, sim->now_ns, e);
    core_audit(sim->core);
    struct effects *fx = core_effects(sim->core);
    for (uint32_t i = 0; i < fx->n; i++)
        carry_out(sim, &fx->list[i]);
    fx->n = 0;
}

static void answer(struct sim *sim, const struct sim_pending *p) {
    struct event e = {.kind = p->kind, .worker = p->who};
    switch (p->kind) {
    case EVENT_REVOKED:
        sim_worker_on_revoke(sim, p->who, p->slot, p->seq);
        return;
    case EVENT_BOARD:
        sim_worker_on_sample(sim, p->who);
        return;
    case EVENT_IDS:
        e.limit = p->seq;
        break;
    case EVENT_SPAWNED:
        e.pid = sim->worker[p->who].pid;
        break;
    default:
        e.error = 11;
    }
    sim_feed(sim, &e);
}

void sim_feed(struct sim *sim, const struct event *e) {
    step(sim, e);
    while (sim->n_pending > 0) { // first in, first out
        struct sim_pending p = sim->pending[0];
        sim->n_pending--;
        memmove(sim->pending, sim->pending + 1, sim->n_pending * sizeof p);
        answer(sim, &p);
    }
}

static void tick(struct sim *sim) {
    uint64_t due = core_next_deadline(sim->core);
    bool jump = sim_chance(&sim->rng, 300);
    if (jump && due != UINT64_MAX)
        sim->now_ns = JD_MAX(sim->now_ns, due);
    else
        sim->now_ns += sim_below(&sim->rng, 3000000);
    if (sim->faults && sim_chance(&sim->rng, 2))
        sim->now_ns += UINT64_C(20000000000); // the machine slept
    if (due > sim->now_ns)
        return;
    struct event e = {.kind = EVENT_TICK};
    sim_feed(sim, &e);
}

static void act(struct sim *sim) {
    uint64_t who = sim_below(&sim->rng, SIM_CLIENTS + SIM_WORKERS + 3);
    if (who < SIM_CLIENTS)
        sim_client_act(sim, (uint32_t)who);
    else if (who < SIM_CLIENTS + sim->cfg.n_workers)
        sim_worker_act(sim, (uint32_t)(who - SIM_CLIENTS));
    else
        tick(sim);
}

static bool settled(const struct sim *sim) {
    for (uint32_t i = 0; i < SIM_CLIENTS; i++)
        if (!sim_client_settled(sim, i))
            return false;
    return true;
}

static void begin(struct sim *sim, uint64_t seed) {
    bool verbose = sim->verbose;
    *sim = (struct sim){.seed = seed, .rng = {seed}, .faults = true, .verbose = verbose};
    sim->now_ns = 1 + sim_below(&sim->rng, 1000000000);
    // Each schedule has each fault or does not have it, so that none hides behind another.
    sim->die_1000 = sim_chance(&sim->rng, 500) ? 1 + (unsigned)sim_below(&sim->rng, 60) : 0;
    sim->lie_1000 = sim_chance(&sim->rng, 300) ? (unsigned)sim_below(&sim->rng, 600) : 0;
    sim->deaf_1000 = sim_chance(&sim->rng, 300) ? 1 + (unsigned)sim_below(&sim->rng, 10) : 0;
    sim->vanish_1000 = sim_chance(&sim->rng, 500) ? 1 + (unsigned)sim_below(&sim->rng, 30) : 0;
    sim->garbage_1000 = sim_chance(&sim->rng, 300) ? 1 + (unsigned)sim_below(&sim->rng, 10) : 0;
    sim->spawn_fail_1000 = sim_chance(&sim->rng, 300) ? (unsigned)sim_below(&sim->rng, 500) : 0;
    uint64_t first_id = 1 + sim_below(&sim->rng, 1000);
    sim->cfg = (struct core_config){
        .n_workers = 1 + (uint32_t)sim_below(&sim->rng, SIM_WORKERS),
        .max_clients = SIM_CLIENTS,
        .max_jobs = 1000,
        .max_queued_bytes = 1 << 20,
        .max_frame_bytes = JD_FRAME_DEFAULT_BYTES,
        .drain_ns = UINT64_C(30000000000),
        .grace_ns = UINT64_C(1000000000),
        .stall_ns = UINT64_C(10000000000),
        .start_ns = UINT64_C(10000000000),
        .first_job_id = first_id,
        .id_limit = first_id + CORE_ID_BLOCK / 2 + sim_below(&sim->rng, 100),
        .seed = seed,
        .pid = 1,
    };
    sim->core = core_new(&sim->cfg, sim->now_ns);
    SIM_CHECK(sim, sim->core != NULL);
}

// Without faults everything must come to its end, in bounded time.
static void run_down(struct sim *sim) {
    enum { PATIENCE = 400000 };
    sim->faults = false;
    for (unsigned n = 0; !settled(sim); n++) {
        SIM_CHECK(sim, n < PATIENCE);
        act(sim);
    }
    struct event stop = {.kind = EVENT_STOP, .now = sim_chance(&sim->rng, 300)};
    sim->stopping = true;
    sim_feed(sim, &stop);
    for (unsigned n = 0; !sim->exited; n++) {
        SIM_CHECK(sim, n < PATIENCE);
        act(sim);
    }
    for (uint32_t i = 0; i < SIM_WORKERS; i++)
        SIM_CHECK(sim, !sim->worker[i].alive && !sim->worker[i].tree_left);
    for (uint32_t i = 0; i < SIM_CLIENTS; i++)
        SIM_CHECK(sim, !sim->client[i].connected);
}

void sim_schedule(struct sim *sim, uint64_t seed, uint64_t n_steps) {
    begin(sim, seed);
    // In one schedule of ten the end comes in the middle of everything.
    uint64_t stop_at = sim_chance(&sim->rng, 100) ? sim_below(&sim->rng, n_steps) : n_steps;
    for (uint64_t n = 0; n < stop_at; n++)
        act(sim);
    run_down(sim);
    core_free(sim->core);
}

static uint64_t number(const char *text) {
    return strtoull(text, NULL, 10);
}

int main(int argc, char **argv) {
    uint64_t schedules = 100, steps = 400, first = 0;
    bool one = false;
    static struct sim sim;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--schedules") == 0 && more)
            schedules = number(argv[++i]);
        else if (strcmp(argv[i], "--steps") == 0 && more)
            steps = number(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0 && more)
            first = number(argv[++i]), one = true;
        else if (strcmp(argv[i], "--verbose") == 0)
            sim.verbose = true;
        else
            return fprintf(stderr, "usage: jobd-sim [--schedules N] [--steps N] [--seed N "
                                   "[--verbose]]\n"),
                   2;
    }
    const char *env = getenv("JOBD_TEST_SEED");
    if (!one)
        first = env ? number(env) : (uint64_t)time(NULL) * 1000003;
    if (one)
        schedules = 1;
    printf("first seed %llu, %llu schedules of %llu steps\n", (unsigned long long)first,
           (unsigned long long)schedules, (unsigned long long)steps);
    fflush(stdout);
    uint64_t total = 0, trace = 0, done = 0, lost = 0, deaths = 0, cancelled = 0, killed = 0;
    for (uint64_t i = 0; i < schedules; i++) {
        sim_schedule(&sim, first + i, steps);
        total += sim.steps;
        trace = (trace ^ sim.trace) * UINT64_C(0x100000001b3);
        done += sim.n_done, lost += sim.n_lost, deaths += sim.n_deaths;
        cancelled += sim.n_cancelled, killed += sim.n_killed + sim.n_timed_out;
    }
    printf("steps %llu, done %llu, lost %llu, cancelled %llu, stopped %llu, deaths %llu, trace "
           "%016llx\n",
           (unsigned long long)total, (unsigned long long)done, (unsigned long long)lost,
           (unsigned long long)cancelled, (unsigned long long)killed, (unsigned long long)deaths,
           (unsigned long long)trace);
    return 0;
}
