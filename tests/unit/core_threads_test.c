// Pools whose workers have several threads.
#include <criterion/criterion.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

enum { EX = 9, THREADS = 3 };

static void begin(uint32_t n_workers) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    struct jd_pool_create pool = {.pool = jd_text("t"), .workers = n_workers, .threads = THREADS};
    world_pool_start(&w, 0, &pool, EX);
    world_forget(&w);
}

static struct world_run submit(uint32_t handle, enum world_task task) {
    struct jd_submit s = world_job(handle, task);
    s.executor = EX;
    cr_assert_eq(world_submit_as(&w, 0, &s)->error, 0);
    return world_count(&w, EFFECT_DISPATCH) ? world_take_run(&w) : (struct world_run){0};
}

// n jobs of one worker, all of them seen running.
static struct board_view run_in_one(uint32_t n, enum world_task task, struct world_run ret[]) {
    struct board_view board = {.taken = n, .n_started = n};
    begin(1);
    for (uint32_t i = 0; i < n; i++) {
        ret[i] = submit(i, task);
        board.started[i] = world_started(&ret[i]);
    }
    world_look(&w, ret[0].worker, &board);
    world_forget(&w);
    return board;
}

static void die(uint32_t worker, int status, const struct board_view *board) {
    world_feed(&w,
               &(struct event){
                   .kind = EVENT_WORKER_DIED, .worker = worker, .status = status, .board = board});
}

Test(core_threads, a_worker_has_as_many_jobs_as_threads_and_their_next_ones) {
    begin(1);
    for (uint32_t i = 0; i < 20; i++)
        submit(i, WORLD_ONCE);
    cr_expect_eq(world_find_pool(&w, "t")->n_out, 2u * THREADS);
    world_free(&w);
}

Test(core_threads, a_free_thread_comes_before_a_second_job) {
    begin(2);
    uint32_t n[JD_WORKERS_MAX] = {0};
    for (uint32_t i = 0; i < 2 * THREADS; i++)
        n[submit(i, WORLD_ONCE).worker]++;
    const struct pool *pool = world_find_pool(&w, "t");
    for (uint32_t i = pool->workers; i; i = w.core->workers[i - 1].pool_next)
        cr_expect_eq(n[i - 1], (uint32_t)THREADS);
    cr_expect_eq(pool->idle, 0u);
    world_free(&w);
}

Test(core_threads, results_come_in_any_order) {
    struct world_run runs[THREADS];
    run_in_one(THREADS, WORLD_ONCE, runs);
    for (uint32_t i = THREADS; i-- > 0;) {
        world_result(&w, &runs[i], 1);
        world_take_done(&w, 0, i, JOBD_JOB_DONE, 0);
    }
    world_free(&w);
}

Test(core_threads, work_is_shared_out_when_a_worker_runs_dry) {
    begin(2);
    struct world_run runs[12];
    for (uint32_t i = 0; i < 12; i++)
        runs[i] = submit(i, WORLD_ONCE);
    uint32_t dry = runs[0].worker, n_moved = 0;
    for (uint32_t i = 0; i < 12; i++)
        if (runs[i].worker == dry)
            world_result(&w, &runs[i], 1);
    n_moved = world_count(&w, EFFECT_REVOKE);
    cr_expect_geq(n_moved, 1u);
    cr_expect_leq(n_moved, (uint32_t)THREADS, "what its threads run stays");
    world_revoked_all(&w, true);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), n_moved);
    cr_expect_eq(world_take_run(&w).worker, dry);
    world_free(&w);
}

// ---- stopping ----

Test(core_threads, an_abort_is_a_wish_only) {
    struct world_run runs[THREADS];
    run_in_one(THREADS, WORLD_ONCE, runs);
    struct jd_abort abort = {.handle = 1};
    cr_expect_eq(world_abort(&w, 0, &abort), (uint64_t)JOBD_JOB_RUNNING);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->seq, runs[1].run.seq);
    world_after(&w, 600 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    struct jd_result result = {
        .slot = runs[1].run.slot, .seq = runs[1].run.seq, .error = -JOBD_E_CANCELLED};
    world_result_as(&w, runs[1].worker, &result);
    world_take_done(&w, 0, 1, JOBD_JOB_KILLED, JOBD_E_KILLED);
    world_result(&w, &runs[0], 1);
    world_take_done(&w, 0, 0, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_threads, several_can_be_asked_at_once) {
    struct world_run runs[THREADS];
    run_in_one(THREADS, WORLD_ONCE, runs);
    for (uint32_t i = 0; i < THREADS; i++) {
        struct jd_abort abort = {.handle = i, .grace_ms = 1};
        world_abort(&w, 0, &abort);
        cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->seq, runs[i].run.seq);
    }
    world_free(&w);
}

Test(core_threads, a_time_limit_is_a_wish_too) {
    begin(1);
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.executor = EX;
    s.time_limit_ms = 50;
    world_submit_as(&w, 0, &s);
    struct world_run run = world_take_run(&w);
    world_board(&w, run.worker, 1, &run);
    world_after(&w, 50 * WORLD_MS);
    for (int i = 0; i < 5; i++)
        world_board(&w, run.worker, 1, &run);
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 1u);
    world_after(&w, 60 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_free(&w);
}

Test(core_threads, with_force_its_worker_is_killed_and_neighbours_are_struck) {
    struct world_run runs[THREADS];
    struct board_view board = run_in_one(THREADS, WORLD_PURE, runs);
    struct jd_abort abort = {.handle = 1, .grace_ms = 100, .force = true};
    world_abort(&w, 0, &abort);
    world_after(&w, 200 * WORLD_MS);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 15);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    die(runs[0].worker, 9, &board);
    world_take_done(&w, 0, 1, JOBD_JOB_KILLED, JOBD_E_KILLED);
    world_take_state(&w, 0, 0, JOBD_JOB_QUEUED); // they run again by their own rules
    world_take_state(&w, 0, 2, JOBD_JOB_QUEUED);
    world_tree_gone(&w, runs[0].worker);
    world_start(&w);
    cr_expect_eq(world_take_run(&w).run.attempt, 2u);
    cr_expect_eq(w.core->counts.worker_deaths, 0u);
    world_free(&w);
}

Test(core_threads, or_end_by_their_own_rules) {
    struct world_run runs[THREADS];
    struct board_view board = run_in_one(THREADS, WORLD_ONCE, runs);
    struct jd_abort abort = {.handle = 1, .force = true};
    world_abort(&w, 0, &abort);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    abort = (struct jd_abort){.handle = 2};
    world_abort(&w, 0, &abort); // while it is being killed
    die(runs[0].worker, 9, &board);
    world_take_done(&w, 0, 1, JOBD_JOB_KILLED, JOBD_E_KILLED);
    world_take_done(&w, 0, 2, JOBD_JOB_KILLED, JOBD_E_KILLED);
    world_take_done(&w, 0, 0, JOBD_JOB_LOST, JOBD_E_WORKER_DIED);
    world_free(&w);
}

Test(core_threads, a_crash_strikes_all_that_ran) {
    struct world_run runs[THREADS];
    struct board_view board = run_in_one(THREADS, WORLD_ONCE, runs);
    submit(50, WORLD_ONCE); // has not begun
    die(runs[0].worker, 11, &board);
    for (uint32_t i = 0; i < THREADS; i++)
        world_take_done(&w, 0, i, JOBD_JOB_LOST, JOBD_E_WORKER_DIED);
    world_tree_gone(&w, runs[0].worker);
    world_start(&w);
    cr_expect_eq(world_take_run(&w).run.attempt, 1u);
    world_free(&w);
}
