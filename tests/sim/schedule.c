// One schedule: faults at random, then without faults everything must come to its end.
#include "sim.h"

enum { PATIENCE = 400000 };
#define MS_NS UINT64_C(1000000)

static void tick(struct sim *sim) {
    uint64_t due = core_next_deadline(sim->core);
    bool jump = sim_chance(&sim->rng, 300);
    if (jump && due != UINT64_MAX)
        sim->now_ns = JD_MAX(sim->now_ns, due);
    else
        sim->now_ns += sim_below(&sim->rng, 3 * MS_NS);
    if (sim->faults && sim_chance(&sim->rng, 2))
        sim->now_ns += 20000 * MS_NS; // the machine slept
    if (due > sim->now_ns)
        return;
    struct event e = {.kind = EVENT_TICK};
    sim_feed(sim, &e);
}

// Some worker that there is, or what a dead one left.
static void act_of_worker(struct sim *sim) {
    uint32_t n = sim->cfg.max_workers, from = (uint32_t)sim_below(&sim->rng, n);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = (from + k) % n;
        if (!sim->worker[i].alive && !sim->worker[i].tree_left)
            continue;
        sim_worker_act(sim, i);
        return;
    }
}

static void act(struct sim *sim, uint32_t n_clients) {
    uint64_t who = sim_below(&sim->rng, n_clients + sim->cfg.n_workers + 6);
    if (who < n_clients)
        sim_client_act(sim, (uint32_t)who);
    else if (who < n_clients + 3)
        tick(sim);
    else
        act_of_worker(sim);
    for (uint32_t i = 0; i < sim->cfg.max_workers && !sim->exited; i++)
        if (sim->worker[i].sampled)
            sim_worker_sample(sim, i);
}

static bool settled(const struct sim *sim) {
    for (uint32_t i = 0; i < SIM_CLIENTS; i++)
        if (!sim_client_settled(sim, i))
            return false;
    return sim_no_jobs(sim);
}

static unsigned maybe(struct sim *sim, unsigned in_1000, unsigned most) {
    return sim_chance(&sim->rng, in_1000) ? 1 + (unsigned)sim_below(&sim->rng, most) : 0;
}

// Each schedule has each fault or does not have it, so that none hides behind another.
static void choose(struct sim *sim) {
    sim->die_1000 = maybe(sim, 500, 60);
    sim->lie_1000 = maybe(sim, 300, 600);
    sim->deaf_1000 = maybe(sim, 300, 10);
    sim->vanish_1000 = maybe(sim, 500, 30);
    sim->garbage_1000 = maybe(sim, 300, 10);
    sim->spawn_fail_1000 = maybe(sim, 300, 1000);
    sim->endless_1000 = maybe(sim, 700, 200);
    sim->call_1000 = maybe(sim, 600, 500);
    sim->fail_1000 = maybe(sim, 500, 400);
    sim->manage_1000 = maybe(sim, 600, 60);
    sim->process_1000 = maybe(sim, 500, 100);
    sim->init_fail_1000 = maybe(sim, 300, 500);
}

static void begin(struct sim *sim, uint64_t seed) {
    static const struct core_pool pools[] = {
        {.name = "conf", .n_workers = 1, .n_threads = 2, .recycle_jobs = 9},
        {.name = "init", .n_workers = 2, .n_threads = 1, .initializer = "init", .max_lent = 1},
    };
    bool verbose = sim->verbose;
    struct sim_totals totals = sim->totals;
    *sim = (struct sim){.seed = seed, .rng = {seed}, .faults = true, .verbose = verbose};
    sim->totals = totals;
    sim->n_limits = 1;
    sim->now_ns = 1 + sim_below(&sim->rng, 1000 * MS_NS);
    choose(sim);
    uint64_t first_id = 1 + sim_below(&sim->rng, 1000);
    sim->cfg = (struct core_config){
        .n_workers = 1 + (uint32_t)sim_below(&sim->rng, 4),
        .n_cpus = 1 + (uint32_t)sim_below(&sim->rng, 3),
        .pools = pools,
        .n_pools = (uint32_t)sim_below(&sim->rng, JD_LEN(pools) + 1),
        .max_kept = (uint32_t)sim_below(&sim->rng, 100),
        .keep_ns = (1 + sim_below(&sim->rng, 5000)) * MS_NS,
        .max_kept_bytes = sim_below(&sim->rng, 200),
        .max_clients = SIM_CLIENTS,
        .max_jobs = sim_chance(&sim->rng, 100) ? 10 : 1000,
        .max_queued_bytes = 1 << 20,
        .max_frame_bytes = JD_FRAME_DEFAULT_BYTES,
        .drain_ns = 30000 * MS_NS,
        .grace_ns = 1000 * MS_NS,
        .stall_ns = 10000 * MS_NS,
        .start_ns = 10000 * MS_NS,
        .first_job_id = first_id,
        .id_limit = first_id + CORE_ID_BLOCK / 2 + sim_below(&sim->rng, 100),
        .seed = seed,
        .pid = 1,
    };
    uint32_t more = 4 + (uint32_t)sim_below(&sim->rng, 8); // 4: of the other pools
    sim->cfg.max_workers = JD_MIN(sim->cfg.n_workers + more, (uint32_t)SIM_NUMBERS);
    sim->core = core_new(&sim->cfg, sim->now_ns);
    SIM_CHECK(sim, sim->core != NULL);
}

// The clients leave; what they had must go, too.
static void come_to_rest(struct sim *sim) {
    for (uint32_t i = 0; i < SIM_CLIENTS; i++)
        if (sim->client[i].connected)
            sim_client_vanish(sim, &sim->client[i]);
    for (unsigned n = 0; !sim_is_quiet(sim); n++) {
        SIM_CHECK(sim, n < PATIENCE);
        act(sim, 0);
    }
}

static void run_down(struct sim *sim) {
    sim->faults = false;
    for (unsigned n = 0; !sim->exited && !settled(sim); n++) {
        SIM_CHECK(sim, n < PATIENCE);
        act(sim, SIM_CLIENTS);
    }
    if (!sim->stopping && sim_chance(&sim->rng, 300))
        come_to_rest(sim);
    struct event stop = {.kind = EVENT_STOP, .now = sim_chance(&sim->rng, 300)};
    sim->stopping = true;
    if (!sim->exited)
        sim_feed(sim, &stop);
    for (unsigned n = 0; !sim->exited; n++) {
        SIM_CHECK(sim, n < PATIENCE);
        act(sim, SIM_CLIENTS);
    }
    sim_check_end(sim);
}

void sim_schedule(struct sim *sim, uint64_t seed, uint64_t n_steps) {
    begin(sim, seed);
    // In one schedule of ten the end comes in the middle of everything.
    uint64_t stop_at = sim_chance(&sim->rng, 100) ? sim_below(&sim->rng, n_steps) : n_steps;
    for (uint64_t n = 0; n < stop_at && !sim->exited; n++)
        act(sim, SIM_CLIENTS);
    run_down(sim);
    core_free(sim->core);
}
