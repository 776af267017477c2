// As many workers as wanted: resize, recycling, lazy pools, the budget of starts.
#include <criterion/criterion.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

enum { EX = 9 };

static void begin_with(const struct jd_pool_create *pool, uint32_t max_workers) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.max_workers = max_workers;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    world_pool_start(&w, 0, pool, EX);
    world_forget(&w);
}

static const struct jd_pool_create four = {.pool = {"p", 1}, .workers = 4, .threads = 1};

static uint64_t submit(uint32_t handle) {
    struct jd_submit s = world_job(handle, WORLD_ONCE);
    s.executor = EX;
    const struct jd_msg *reply = world_submit_as(&w, 0, &s);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    return reply->u.submit_ok.job;
}

static void resize(const char *pool, uint32_t n) {
    struct jd_msg msg = {.op = JD_OP_POOL_RESIZE};
    msg.u.pool_resize = (struct jd_pool_resize){.pool = jd_text(pool), .workers = n};
    world_ask_ok(&w, 0, &msg);
}

// It leaves, as it was told.
static uint32_t leave(void) {
    uint32_t worker = world_take(&w, EFFECT_HANG_UP)->worker;
    world_died(&w, worker, 0, NULL);
    world_tree_gone(&w, worker);
    return worker;
}

// ---- resize ----

Test(core_balance, a_larger_pool_has_more_workers_at_once) {
    begin_with(&four, 64);
    for (uint32_t i = 0; i < 12; i++)
        submit(i);
    world_forget(&w);
    resize("p", 6);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 2u);
    world_start(&w);
    cr_expect_geq(world_count(&w, EFFECT_DISPATCH), 2u, "what waits goes to them");
    cr_expect_eq(world_find_pool(&w, "p")->n_ready, 6u);
    world_free(&w);
}

Test(core_balance, a_smaller_pool_lets_the_idle_ones_go) {
    begin_with(&four, 64);
    submit(1);
    struct world_run run = world_take_run(&w);
    resize("p", 1);
    cr_expect_eq(world_count(&w, EFFECT_HANG_UP), 3u);
    for (int i = 0; i < 3; i++)
        cr_expect_neq(leave(), run.worker);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    cr_expect_eq(w.core->counts.worker_deaths, 0u);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    cr_expect_eq(world_find_pool(&w, "p")->n_all, 1u);
    world_free(&w);
}

Test(core_balance, under_load_nothing_is_lost) {
    enum { JOBS = 12 };
    begin_with(&four, 64);
    struct world_run runs[4];
    for (uint32_t i = 0; i < JOBS; i++)
        submit(i);
    for (uint32_t i = 0; i < 4; i++) {
        runs[i] = world_take_run(&w);
        world_board(&w, runs[i].worker, 1, &runs[i]);
    }
    world_forget(&w);
    resize("p", 1);
    cr_expect_eq(world_count(&w, EFFECT_HANG_UP), 0u, "all of them run a job");
    world_revoked_all(&w, true);
    for (uint32_t i = 0; i < 4; i++)
        world_result(&w, &runs[i], 1);
    for (int i = 0; i < 3; i++)
        leave();
    cr_expect_eq(world_find_pool(&w, "p")->n_all, 1u);
    for (uint32_t i = 4; i < JOBS; i++) {
        const struct worker *left = &w.core->workers[world_find_pool(&w, "p")->workers - 1];
        const struct slot *slot = &left->slot[left->out_head];
        struct world_run run = {.worker = (uint32_t)(left - w.core->workers),
                                .run = {.slot = left->out_head, .seq = slot->seq}};
        world_result(&w, &run, 1);
    }
    cr_expect_eq(w.core->counts.done, (uint64_t)JOBS);
    cr_expect_eq(w.core->counts.retried, 0u);
    world_free(&w);
}

Test(core_balance, smaller_while_they_start) {
    begin_with(&four, 64);
    resize("p", 8);
    cr_assert_eq(world_count(&w, EFFECT_SPAWN), 4u);
    resize("p", 2);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 4u, "those that start go first");
    cr_expect_eq(world_count(&w, EFFECT_HANG_UP), 2u);
    while (world_count(&w, EFFECT_SPAWN) > 0) {
        uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
        world_spawned(&w, worker);
        world_died(&w, worker, 9, NULL);
        world_tree_gone(&w, worker);
    }
    cr_expect_eq(world_find_pool(&w, "p")->failed_starts, 0u, "we killed them");
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    world_free(&w);
}

Test(core_balance, larger_again_before_they_have_left) {
    begin_with(&four, 6); // one is of "default", and "threads" may want one
    resize("p", 1);
    resize("p", 4);
    world_settle(&w);
    for (int i = 0; i < 3; i++)
        leave();
    world_start(&w);
    cr_expect_eq(world_find_pool(&w, "p")->n_ready, 4u);
    world_free(&w);
}

// ---- recycling ----

Test(core_balance, a_worker_is_replaced_after_so_many_jobs) {
    struct jd_pool_create p = four;
    p.workers = 1;
    p.recycle_jobs = 3;
    begin_with(&p, 64);
    uint32_t first = 0;
    for (uint32_t i = 0; i < 2; i++) {
        submit(i);
        struct world_run run = world_take_run(&w);
        first = run.worker;
        world_result(&w, &run, 1);
    }
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    submit(2);
    submit(3);
    struct world_run last = world_take_run(&w);
    cr_expect_eq(last.worker, first);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u, "it gets no more than that");
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 1u, "the next one is started meanwhile");
    world_result(&w, &last, 1);
    cr_expect_eq(world_count(&w, EFFECT_HANG_UP), 0u, "not before it is replaced");
    world_start(&w);
    cr_expect_eq(leave(), first);
    cr_expect_neq(world_take_run(&w).worker, first);
    cr_expect_eq(w.core->counts.worker_deaths, 0u);
    world_free(&w);
}

Test(core_balance, or_when_it_holds_too_much_memory) {
    struct jd_pool_create p = four;
    p.workers = 1;
    p.recycle_rss_bytes = 1000000;
    begin_with(&p, 64);
    submit(1);
    submit(2);
    struct world_run run = world_take_run(&w), next = world_take_run(&w);
    world_after(&w, 10 * WORLD_MS);
    const struct effect *fx = world_take(&w, EFFECT_SAMPLE);
    cr_expect(fx->rss, "it must be asked for");
    struct board_view board = {.taken = 1, .rss_bytes = 1000000, .n_started = 1};
    board.started[0] = world_started(&run);
    world_look(&w, run.worker, &board);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    board.rss_bytes++;
    world_look(&w, run.worker, &board);
    cr_expect_eq(world_revoked(&w, true), next.run.slot, "what it has not begun goes elsewhere");
    world_start(&w);
    cr_expect_eq(world_count(&w, EFFECT_HANG_UP), 0u, "what it runs may end");
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u, "and has the pool's only slot until then");
    world_result(&w, &run, 1);
    cr_expect_neq(world_take_run(&w).worker, run.worker);
    cr_expect_eq(leave(), run.worker);
    world_free(&w);
}

Test(core_balance, what_the_last_job_has_left_is_seen_though_nothing_runs) {
    struct jd_pool_create p = four;
    p.workers = 1;
    p.recycle_rss_bytes = 1000000;
    begin_with(&p, 64);
    submit(1);
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    world_after(&w, 10 * WORLD_MS);
    cr_expect(world_take(&w, EFFECT_SAMPLE)->rss);
    struct board_view board = {.taken = 1, .rss_bytes = 1000001};
    world_look(&w, run.worker, &board);
    world_start(&w);
    cr_expect_eq(leave(), run.worker);
    world_after(&w, WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SAMPLE), 0u, "once, then it sleeps");
    world_free(&w);
}

Test(core_balance, pools_that_do_not_recycle_ask_for_no_memory) {
    begin_with(&four, 64);
    submit(1);
    world_after(&w, 10 * WORLD_MS);
    cr_expect_not(world_take(&w, EFFECT_SAMPLE)->rss);
    world_free(&w);
}

// All numbers are in use: the old one has to go first.
Test(core_balance, recycling_needs_no_number_to_spare) {
    struct jd_pool_create p = four;
    p.recycle_jobs = 1;
    begin_with(&p, 5 + 1);
    struct jd_submit s = world_job(1000, WORLD_ONCE);
    world_take_reply(&w, 0, world_open(&w, 0, 10, "threads"));
    s.executor = 10;
    cr_assert_eq(world_submit_as(&w, 0, &s)->error, 0); // takes the last one
    world_start(&w);
    world_forget(&w);
    for (uint32_t i = 0; i < 12; i++) {
        submit(i);
        struct world_run run = world_take_run(&w);
        world_result(&w, &run, 1);
        world_take_done(&w, 0, i, JOBD_JOB_DONE, 0);
        cr_expect_eq(leave(), run.worker);
        world_start(&w);
        cr_expect_eq(world_find_pool(&w, "p")->n_ready, 4u);
    }
    world_free(&w);
}

// ---- lazy pools ----

Test(core_balance, threads_start_when_they_are_used_first) {
    struct core_config cfg = world_config();
    cfg.n_cpus = 6;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    cr_expect_eq(world_find_pool(&w, "threads")->n_all, 0u);
    world_take_reply(&w, 0, world_open(&w, 0, EX, "threads"));
    world_settle(&w);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    submit(1);
    cr_assert_eq(world_count(&w, EFFECT_SPAWN), 1u);
    const struct effect *fx = world_take(&w, EFFECT_SPAWN);
    cr_expect_eq(fx->spawn.threads, 6u);
    world_spawned(&w, fx->worker);
    world_worker_hello(&w, fx->worker);
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    world_after(&w, 60 * WORLD_S);
    cr_expect_eq(world_find_pool(&w, "threads")->n_ready, 1u, "and then they stay");
    world_free(&w);
}

// ---- starts ----

Test(core_balance, all_pools_together_start_four_a_step) {
    struct jd_pool_create p = four;
    begin_with(&p, 64);
    resize("p", 10);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 4u);
    resize("default", 5);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 8u);
    cr_expect_eq(core_next_deadline(w.core), w.now_ns);
    world_settle(&w);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 10u);
    world_free(&w);
}

// A job that takes its worker with it each time it is killed, at 1000 a second.
Test(core_balance, our_own_kills_cost_no_budget) {
    struct jd_pool_create p = four;
    p.workers = 1;
    begin_with(&p, 64);
    for (uint32_t i = 0; i < 1000; i++) {
        submit(1);
        struct world_run run = world_take_run(&w);
        world_board(&w, run.worker, 1, &run);
        struct jd_abort abort = {.handle = 1};
        world_abort(&w, 0, &abort);
        world_died(&w, run.worker, 9, &run);
        world_tree_gone(&w, run.worker);
        cr_assert_eq(world_count(&w, EFFECT_SPAWN), 1u, "at %u", i);
        world_start(&w);
        world_forget(&w);
    }
    for (uint32_t i = 0; i < 150; i++) { // those that die by themselves still have it
        world_died(&w, w.core->pool.workers - 1, 11, NULL);
        world_tree_gone(&w, w.core->pool.workers - 1);
        cr_assert_eq(world_count(&w, EFFECT_SPAWN), 1u);
        world_start(&w);
    }
    world_free(&w);
}
