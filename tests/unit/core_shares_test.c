// What clients have in a pool: limits of executors, priorities, turns.
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

static void open_capped(uint32_t peer, uint32_t executor, uint32_t max_workers) {
    struct jd_msg msg = {.op = JD_OP_EXECUTOR_OPEN};
    msg.u.executor_open = (struct jd_executor_open){
        .executor = executor, .pool = jd_text("default"), .max_workers = max_workers};
    world_ask_ok(&w, peer, &msg);
}

static void close_executor(uint32_t peer, uint32_t executor) {
    struct jd_msg msg = {.op = JD_OP_EXECUTOR_CLOSE};
    msg.u.executor_close.executor = executor;
    world_ask_ok(&w, peer, &msg);
}

static uint64_t submit(uint32_t peer, uint32_t handle, uint32_t executor, int64_t priority) {
    struct jd_submit s = world_job(handle, WORLD_ONCE);
    s.executor = executor;
    s.priority = priority;
    const struct jd_msg *reply = world_submit_as(&w, peer, &s);
    cr_assert_eq(reply->error, 0);
    return reply->u.submit_ok.job;
}

static uint64_t run_next(void) {
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    return run.run.job;
}

// ---- max_workers ----

Test(core_shares, no_more_jobs_out_than_its_executor_allows) {
    begin(4);
    open_capped(0, 8, 2);
    for (uint32_t i = 0; i < 10; i++)
        submit(0, i, 8, 0);
    for (uint32_t left = 10; left > 0; left--) {
        cr_assert_eq(w.core->pool.n_out, JD_MIN(left, 2u));
        run_next();
    }
    world_free(&w);
}

Test(core_shares, others_are_not_held_up_by_it) {
    begin(4);
    open_capped(0, 8, 1);
    submit(0, 1, 8, 0);
    submit(0, 2, 8, 0);
    uint64_t other = submit(0, 3, WORLD_EXECUTOR, 0);
    world_take_run(&w);
    cr_expect_eq(world_take_run(&w).run.job, other);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    world_free(&w);
}

Test(core_shares, each_executor_has_its_own_limit) {
    begin(8);
    open_capped(0, 8, 1);
    open_capped(0, 9, 2);
    for (uint32_t i = 0; i < 5; i++) {
        submit(0, i, 8, 0);
        submit(0, 100 + i, 9, 0);
    }
    cr_expect_eq(w.core->pool.n_out, 3u);
    world_free(&w);
}

Test(core_shares, it_holds_for_all_priorities_together) {
    begin(8);
    open_capped(0, 8, 2);
    for (uint32_t i = 0; i < 6; i++)
        submit(0, i, 8, (int64_t)i - 3);
    cr_expect_eq(w.core->pool.n_out, 2u);
    world_free(&w);
}

// However a job leaves, its place is free again.
Test(core_shares, a_place_is_free_again_however_its_job_leaves) {
    begin(4);
    open_capped(0, 8, 1);
    submit(0, 1, 8, 0);
    submit(0, 2, 8, 0);
    submit(0, 3, 8, 0);
    struct world_run run = world_take_run(&w);
    world_died(&w, run.worker, 11, &run); // it is lost
    run = world_take_run(&w);
    uint32_t id = world_cancel(&w, 0, 2);
    world_revoked(&w, true);
    cr_expect(world_take_cancelled(&w, 0, id));
    run = world_take_run(&w);
    cr_expect_eq(run.run.job, 3u);
    world_fail(&w, &run, "", "no");
    submit(0, 4, 8, 0);
    cr_expect_eq(world_take_run(&w).run.job, 4u);
    world_free(&w);
}

Test(core_shares, opening_and_closing_for_ever_takes_no_memory) {
    begin(4);
    open_capped(0, 8, 1);
    submit(0, 1, 8, 0);
    close_executor(0, 8);
    for (uint32_t i = 1; i < 100; i++) {
        open_capped(0, 9, i);
        close_executor(0, 9);
    }
    cr_expect_leq(w.core->clients.shares.used, 3u);
    open_capped(0, 9, 1);
    submit(0, 2, 9, 0);
    cr_expect_eq(w.core->pool.n_out, 2u, "a job left behind does not count in it");
    submit(0, 3, 9, 0);
    cr_expect_eq(w.core->pool.n_out, 2u);
    world_free(&w);
}

// ---- priorities ----

Test(core_shares, smaller_runs_first_and_ties_as_submitted) {
    static const int64_t priorities[] = {5, -127, 0, 127, -1, 5, 0, -127};
    static const uint64_t order[] = {4, 10, 7, 5, 9, 3, 8, 6};
    begin(1);
    for (uint32_t i = 0; i < 2; i++)
        submit(0, 100 + i, WORLD_EXECUTOR, 0); // fills the window
    for (uint32_t i = 0; i < JD_LEN(priorities); i++)
        submit(0, i, WORLD_EXECUTOR, priorities[i]); // ids 3 to 10
    run_next(), run_next();
    for (size_t i = 0; i < JD_LEN(order); i++)
        cr_expect_eq(run_next(), order[i], "at %zu", i);
    world_free(&w);
}

Test(core_shares, over_all_clients) {
    begin(1);
    world_client(&w, 1);
    for (uint32_t i = 0; i < 2; i++)
        submit(0, 100 + i, WORLD_EXECUTOR, 0);
    for (uint32_t i = 0; i < 3; i++)
        submit(0, i, WORLD_EXECUTOR, 10);
    uint64_t urgent = submit(1, 1, WORLD_EXECUTOR, -10);
    run_next(), run_next();
    cr_expect_eq(run_next(), urgent);
    world_free(&w);
}

Test(core_shares, of_one_priority_clients_take_turns) {
    begin(1);
    world_client(&w, 1);
    for (uint32_t i = 0; i < 2; i++)
        submit(0, 100 + i, WORLD_EXECUTOR, 7);
    for (uint32_t i = 0; i < 4; i++)
        submit(0, i, WORLD_EXECUTOR, 7); // 3 to 6
    for (uint32_t i = 0; i < 4; i++)
        submit(1, i, WORLD_EXECUTOR, 7); // 7 to 10
    run_next(), run_next();
    static const uint64_t order[] = {3, 7, 4, 8, 5, 9, 6, 10};
    for (size_t i = 0; i < JD_LEN(order); i++)
        cr_expect_eq(run_next(), order[i], "at %zu", i);
    world_free(&w);
}

Test(core_shares, a_paused_client_gives_its_turn_away_in_every_priority) {
    begin(1);
    world_client(&w, 1);
    for (uint32_t i = 0; i < 2; i++)
        submit(0, 100 + i, WORLD_EXECUTOR, 0);
    submit(1, 1, WORLD_EXECUTOR, -5);
    submit(1, 2, WORLD_EXECUTOR, 5);
    uint64_t mine = submit(0, 1, WORLD_EXECUTOR, 100);
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 1});
    run_next(), run_next();
    cr_expect_eq(run_next(), mine);
    world_feed(&w, &(struct event){.kind = EVENT_RESUMED, .peer = 1});
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 2u);
    world_free(&w);
}

// ---- pools ----

Test(core_shares, an_executor_of_a_pool_there_is_not) {
    begin(1);
    struct jd_msg msg = {.op = JD_OP_EXECUTOR_OPEN};
    msg.u.executor_open = (struct jd_executor_open){.executor = 1, .pool = jd_text("gpu")};
    world_ask_refused(&w, 0, &msg, JOBD_E_NOENT,
                      "there is no pool 'gpu'; there are 'default', 'threads'");
    msg.u.executor_open.pool = jd_text("processes");
    world_ask_refused(&w, 0, &msg, JOBD_E_NOENT, "there is no pool 'processes'");
    world_free(&w);
}

Test(core_shares, jobs_run_in_the_pool_of_their_executor) {
    begin(1);
    struct jd_pool_create pool = {.pool = jd_text("gpu"), .workers = 2, .threads = 1};
    world_pool_start(&w, 0, &pool, 9);
    for (uint32_t i = 0; i < 4; i++) {
        submit(0, i, 9, 0);
        struct world_run run = world_take_run(&w);
        cr_expect_eq(w.core->workers[run.worker].pool, world_find_pool(&w, "gpu"));
    }
    cr_expect_eq(w.core->pool.n_out, 0u);
    world_free(&w);
}
