#include <criterion/criterion.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

static void begin(uint32_t n_workers) {
    struct core_config cfg = world_config();
    cfg.n_workers = n_workers;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    world_forget(&w);
}

static uint64_t run_next(void) {
    struct world_run run = world_take_run(&w);
    uint64_t id = run.run.job;
    world_result(&w, &run, 1);
    return id;
}

Test(core_sched, one_client_is_first_come_first_served) {
    begin(1);
    for (uint32_t i = 0; i < 500; i++)
        world_submit(&w, 0, 1000 - i, i % 3); // neither handles nor tasks matter
    for (uint64_t id = 1; id <= 500; id++)
        cr_assert_eq(run_next(), id);
    world_free(&w);
}

Test(core_sched, a_client_with_one_job_does_not_wait_for_a_thousand) {
    begin(1);
    w.audit_every = 100;
    world_client(&w, 1);
    for (uint32_t i = 0; i < 1000; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    uint64_t single = world_submit(&w, 1, 0, WORLD_PURE);
    uint32_t place = 0;
    while (run_next() != single)
        place++;
    cr_expect_leq(place, 4u, "what the window held, and one turn");
    world_free(&w);
}

// n clients with 20 jobs each, all waiting when the first one is started.
static void expect_turns(uint32_t n) {
    uint32_t had[16] = {0};
    begin(1);
    for (uint32_t peer = 1; peer < n; peer++)
        world_client(&w, peer);
    for (uint32_t i = 0; i < 2; i++) // fills the window
        world_submit(&w, 0, 1000 + i, WORLD_ONCE);
    for (uint32_t peer = 0; peer < n; peer++)
        for (uint32_t i = 0; i < 20; i++)
            world_submit(&w, peer, i, WORLD_ONCE); // ids 3 to 22, 23 to 42, ...
    run_next(), run_next();
    for (uint32_t i = 0; i < 20 * n; i++) {
        uint64_t peer = (run_next() - 3) / 20;
        cr_assert_eq(had[peer]++, i / n, "client %u of %u at %u", (unsigned)peer, n, i);
    }
    world_free(&w);
}

Test(core_sched, clients_take_turns) {
    for (uint32_t n = 1; n <= 12; n++)
        expect_turns(n);
}

// How many jobs start up to client 1's single one, while client 0 has very many short ones.
static uint32_t overtakes_of(const struct jd_submit *single) {
    begin(1);
    w.audit_every = 100;
    world_client(&w, 1);
    world_teach(&w, 0, WORLD_PURE, 4000);
    for (uint32_t i = 0; i < 3000; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    world_forget(&w);
    const struct worker *worker = &w.core->workers[0];
    uint64_t id = world_submit_as(&w, 1, single)->u.submit_ok.job, first_seq = worker->seq;
    while (world_count(&w, EFFECT_DISPATCH) == 0 || world_take_run(&w).run.job != id) {
        const struct slot *slot = &worker->slot[worker->out_head];
        cr_assert_neq(slot->job, 0u, "never");
        world_result_as(
            &w, 0, &(struct jd_result){.slot = worker->out_head, .seq = slot->seq, .run_ns = 4000});
    }
    uint32_t n = (uint32_t)(worker->seq - first_seq);
    world_free(&w);
    return n;
}

// It would fit only a window that is nearly empty, and the others keep the window full.
Test(core_sched, a_long_task_is_not_overtaken_for_ever) {
    struct jd_submit single = world_job(1, WORLD_ONCE);
    cr_expect_eq(overtakes_of(&single), 1u + JD_WINDOW_MAX + 1u);
}

Test(core_sched, nor_is_a_large_job) {
    static const uint8_t bytes[100000];
    struct jd_submit single = world_job(1, WORLD_PURE);
    single.args = (jobd_bytes){bytes, sizeof bytes};
    cr_expect_eq(overtakes_of(&single), 1u + JD_WINDOW_MAX + 1u);
}

// While one waits for room, the others take turns as ever.
Test(core_sched, those_who_overtake_take_turns) {
    begin(1);
    w.audit_every = 100;
    world_client(&w, 1);
    world_client(&w, 2);
    world_client(&w, 3);
    world_teach(&w, 0, WORLD_PURE, 4000);
    for (uint32_t i = 0; i < 250; i++)
        world_submit(&w, 0, i, WORLD_PURE); // the window is full
    world_forget(&w);
    uint64_t first_id = world_submit(&w, 1, 0, WORLD_ONCE) + 1;
    for (uint32_t i = 0; i < 50; i++)
        world_submit(&w, 2, i, WORLD_PURE);
    for (uint32_t i = 0; i < 50; i++)
        world_submit(&w, 3, i, WORLD_PURE);
    const struct worker *worker = &w.core->workers[0];
    for (uint32_t i = 0; i < 100; i++) {
        const struct slot *slot = &worker->slot[worker->out_head];
        world_result_as(
            &w, 0, &(struct jd_result){.slot = worker->out_head, .seq = slot->seq, .run_ns = 4000});
        cr_assert_eq((world_take_run(&w).run.job - first_id) / 50, i % 2, "at %u", i);
    }
    world_free(&w);
}

Test(core_sched, who_comes_back_goes_to_the_end_of_the_round) {
    begin(1);
    world_client(&w, 1);
    for (uint32_t i = 0; i < 6; i++)
        world_submit(&w, 0, i, WORLD_ONCE); // 1 to 6; two are sent
    world_submit(&w, 1, 0, WORLD_ONCE);     // 7
    static const uint64_t order[] = {1, 2, 3, 7, 4, 5, 6};
    for (size_t i = 0; i < JD_LEN(order); i++)
        cr_expect_eq(run_next(), order[i], "at %zu", i);
    world_free(&w);
}

Test(core_sched, the_idle_worker_used_last_is_first) {
    begin(4);
    struct world_run runs[4];
    for (uint32_t i = 0; i < 4; i++) {
        world_submit(&w, 0, i, WORLD_ONCE);
        runs[i] = world_take_run(&w);
    }
    for (uint32_t i = 0; i < 4; i++) // each has one: nothing queues behind a running job
        for (uint32_t k = 0; k < i; k++)
            cr_assert_neq(runs[i].worker, runs[k].worker);
    static const uint32_t order[] = {2, 0, 3, 1};
    for (uint32_t i = 0; i < 4; i++)
        world_result(&w, &runs[order[i]], 1);
    for (uint32_t i = 4; i-- > 0;) {
        world_submit(&w, 0, 10 + i, WORLD_ONCE);
        cr_expect_eq(world_take_run(&w).worker, runs[order[i]].worker);
    }
    world_free(&w);
}

Test(core_sched, with_nobody_idle_the_least_loaded_gets_it) {
    begin(2);
    world_teach(&w, 0, WORLD_PURE, 100000);
    world_submit(&w, 0, 1, WORLD_ONCE); // unknown: 1 ms
    uint32_t slow = world_take_run(&w).worker;
    world_submit(&w, 0, 2, WORLD_PURE);
    uint32_t fast = world_take_run(&w).worker;
    cr_expect_neq(fast, slow);
    for (uint32_t i = 0; i < 8; i++) {
        world_submit(&w, 0, 3 + i, WORLD_PURE);
        cr_expect_eq(world_take_run(&w).worker, fast);
    }
    world_free(&w);
}

// ---- take-back: the order of ids is for life ----

Test(core_sched, jobs_taken_back_go_to_their_old_place) {
    begin(1);
    world_teach(&w, 0, WORLD_PURE, 100000); // ten fit the window
    for (uint32_t i = 0; i < 15; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    uint64_t first_id = core_next_id(w.core) - 15;
    cr_assert_eq(world_count(&w, EFFECT_DISPATCH), 10u);
    struct world_run runs[10];
    for (uint32_t i = 0; i < 10; i++)
        runs[i] = world_take_run(&w);
    world_died(&w, 0, 11, &runs[0]); // the first one had been started
    world_tree_gone(&w, 0);
    world_start(&w);
    for (uint64_t i = 0; i < 10; i++) {
        struct world_run run = world_take_run(&w);
        cr_expect_eq(run.run.job, first_id + i);
        cr_expect_eq(run.run.attempt, i == 0 ? 2u : 1u);
    }
    world_free(&w);
}

Test(core_sched, a_retry_overtakes_what_came_later) {
    begin(1);
    for (uint32_t i = 0; i < 5; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    struct world_run first = world_take_run(&w), second = world_take_run(&w);
    world_died(&w, 0, 11, &first);
    world_tree_gone(&w, 0);
    world_start(&w);
    cr_expect_eq(run_next(), first.run.job);
    cr_expect_eq(run_next(), second.run.job);
    cr_expect_eq(run_next(), 3u);
    world_free(&w);
}

// ---- sharing out ----

// Worker 0 has all of n jobs, worker 1 is about to run dry; returns what 0 has.
static void load_one_worker(uint32_t n, uint64_t run_ns, struct world_run ret[]) {
    begin(2);
    world_teach(&w, 0, WORLD_PURE, run_ns);
    world_submit(&w, 0, 1000, WORLD_ONCE);
    struct world_run blocker = world_take_run(&w);
    for (uint32_t i = 0; i < n; i++) {
        world_submit(&w, 0, i, WORLD_PURE);
        ret[i] = world_take_run(&w);
        cr_assert_neq(ret[i].worker, blocker.worker);
    }
    world_forget(&w);
    world_result(&w, &blocker, 1);
}

Test(core_sched, a_worker_that_runs_dry_gets_the_later_half) {
    struct world_run runs[9];
    load_one_worker(9, 100000, runs);
    cr_assert_eq(world_count(&w, EFFECT_REVOKE), 4u);
    for (uint32_t i = 0; i < 4; i++)
        cr_expect_eq(world_revoked(&w, true), runs[8 - i].run.slot, "from the back");
    uint32_t n_given = world_count(&w, EFFECT_DISPATCH);
    cr_expect_eq(n_given, 4u);
    cr_expect_eq(w.core->counts.taken_back, 4u);
    cr_expect_eq(world_count(&w, EFFECT_REVOKE), 0u);
    for (uint32_t i = 0; i < n_given; i++)
        cr_expect_neq(world_take_run(&w).worker, runs[0].worker);
    world_free(&w);
}

Test(core_sched, what_was_claimed_meanwhile_stays) {
    struct world_run runs[6];
    load_one_worker(6, 100000, runs);
    cr_assert_eq(world_count(&w, EFFECT_REVOKE), 3u);
    world_revoked(&w, true);
    world_revoked(&w, false);
    world_revoked(&w, false);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 1u);
    cr_expect_eq(world_take_run(&w).run.job, runs[5].run.job);
    for (uint32_t i = 0; i < 5; i++) {
        world_result(&w, &runs[i], 100000);
        world_take_done(&w, 0, i, JOBD_JOB_DONE, 0);
    }
    world_free(&w);
}

Test(core_sched, little_work_is_not_worth_it) {
    struct world_run runs[20];
    load_one_worker(20, 4000, runs); // 80 µs in all
    cr_expect_eq(world_count(&w, EFFECT_REVOKE), 0u);
    world_free(&w);
}

Test(core_sched, unless_its_worker_is_stuck) {
    struct world_run runs[20];
    load_one_worker(20, 4000, runs);
    world_board(&w, runs[0].worker, runs[19].run.seq, &runs[0]);
    for (int i = 0; i < 2 && world_count(&w, EFFECT_REVOKE) == 0; i++)
        world_after(&w, 10 * WORLD_MS); // no result from one sample to the next
    cr_assert_eq(world_count(&w, EFFECT_REVOKE), 10u);
    world_revoked_all(&w, true);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 10u);
    world_free(&w);
}

Test(core_sched, one_job_is_never_taken_away) {
    struct world_run run;
    load_one_worker(1, 900000, &run);
    cr_expect_eq(world_count(&w, EFFECT_REVOKE), 0u);
    world_free(&w);
}

Test(core_sched, a_step_starts_a_thousand_jobs_at_most) {
    enum { WORKERS = 10, JOBS = 1500 };
    begin(WORKERS);
    world_teach(&w, 0, WORLD_PURE, 1000);
    w.audit_every = 100;
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 0});
    for (uint32_t i = 0; i < JOBS; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    world_forget(&w);
    world_feed(&w, &(struct event){.kind = EVENT_RESUMED, .peer = 0});
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), (uint32_t)STEP_OBJECTS_MAX);
    cr_expect_eq(core_next_deadline(w.core), w.now_ns);
    cr_expect_eq(world_settle(&w), 1u);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), (uint32_t)JOBS);
    world_free(&w);
}
