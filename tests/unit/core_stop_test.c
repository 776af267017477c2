#include <criterion/criterion.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

static void begin(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    world_forget(&w);
}

// A job of the task with a limit of 50 ms, seen running.
static struct world_run begin_limited(enum world_task task) {
    begin();
    struct jd_submit submit = world_job(1, task);
    submit.time_limit_ms = 50;
    cr_assert_eq(world_submit_as(&w, 0, &submit)->error, 0);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, run.run.seq, &run);
    return run;
}

static void past_the_limit(const struct world_run *run) {
    world_after(&w, 50 * WORLD_MS);
    world_board(&w, 0, run->run.seq, run);
    const struct effect *ask = world_take(&w, EFFECT_ASK_STOP);
    cr_assert_eq(ask->worker, 0u);
    cr_assert_eq(ask->slot, run->run.slot);
    cr_assert_eq(ask->seq, run->run.seq);
}

static void expect_signal(int signal) {
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 1u);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, signal);
}

static void expect_timed_out(void) {
    const struct jd_job_done *done = world_take_done(&w, 0, 1, JOBD_JOB_TIMED_OUT, JOBD_E_DEADLINE);
    cr_expect(world_text_has(done->text, "past its time limit of 50 ms"));
    cr_expect_eq(done->pid, w.pid[0]);
    cr_expect_eq(w.core->counts.timed_out, 1u);
    cr_expect_eq(w.core->jobs.slab.used, 0u);
}

Test(core_stop, asked_then_terminated_then_killed) {
    struct world_run run = begin_limited(WORLD_ONCE);
    world_after(&w, 50 * WORLD_MS - 1);
    world_board(&w, 0, run.run.seq, &run);
    cr_assert_eq(world_count(&w, EFFECT_ASK_STOP), 0u);
    world_after(&w, 1);
    world_board(&w, 0, run.run.seq, &run);
    cr_assert_eq(world_count(&w, EFFECT_ASK_STOP), 1u);
    world_board(&w, 0, run.run.seq, &run);
    cr_assert_eq(world_count(&w, EFFECT_ASK_STOP), 1u, "asked once");
    world_after(&w, w.cfg.grace_ns - 1);
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_after(&w, 1);
    expect_signal(15);
    world_after(&w, w.cfg.grace_ns - 1);
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_after(&w, 1);
    expect_signal(9);
    world_after(&w, 60 * WORLD_S);
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_died(&w, 0, 9, &run);
    expect_timed_out();
    cr_expect_eq(w.core->counts.worker_deaths, 0u);
    world_free(&w);
}

Test(core_stop, time_runs_from_the_first_look_that_shows_it_started) {
    begin();
    struct jd_submit submit = world_job(1, WORLD_ONCE);
    submit.time_limit_ms = 50;
    world_submit_as(&w, 0, &submit);
    struct world_run run = world_take_run(&w);
    cr_expect_eq(run.run.time_limit_ms, 50u);
    for (int i = 0; i < 20; i++) {
        world_after(&w, 10 * WORLD_MS);
        world_board(&w, 0, 0, NULL);
    }
    world_board(&w, 0, 1, &run);
    world_after(&w, 49 * WORLD_MS);
    world_board(&w, 0, 1, &run);
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 0u);
    past_the_limit(&run);
    world_free(&w);
}

Test(core_stop, who_obeys_has_timed_out_and_its_worker_lives) {
    struct world_run run = begin_limited(WORLD_ONCE);
    past_the_limit(&run);
    struct jd_result result = {.slot = run.run.slot,
                               .seq = run.run.seq,
                               .run_ns = 50 * WORLD_MS,
                               .error = -JOBD_E_CANCELLED,
                               .text = jd_text("stopped")};
    world_result_as(&w, 0, &result);
    expect_timed_out();
    world_after(&w, 10 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_submit(&w, 0, 1, WORLD_ONCE);
    cr_expect_eq(world_take_run(&w).worker, 0u);
    world_free(&w);
}

Test(core_stop, success_before_the_end_is_success) {
    struct world_run run = begin_limited(WORLD_ONCE);
    past_the_limit(&run);
    world_after(&w, w.cfg.grace_ns);
    expect_signal(15);
    world_result(&w, &run, 50 * WORLD_MS);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_died(&w, 0, 15, NULL);
    cr_expect_eq(w.core->counts.timed_out, 0u);
    cr_expect_eq(w.core->counts.worker_deaths, 0u, "we terminated it");
    world_tree_gone(&w, 0);
    cr_expect_eq(world_take(&w, EFFECT_SPAWN)->worker, 0u, "at once: it was no failed start");
    world_free(&w);
}

Test(core_stop, a_death_by_itself_while_asked_is_a_time_out) {
    struct world_run run = begin_limited(WORLD_PURE);
    past_the_limit(&run);
    world_died(&w, 0, 6, &run);
    expect_timed_out(); // not run again, though it is idempotent
    world_free(&w);
}

Test(core_stop, neighbours_are_taken_back_and_run_elsewhere) {
    struct world_run run = begin_limited(WORLD_ONCE);
    world_submit(&w, 0, 2, WORLD_ONCE);
    struct world_run neighbour = world_take_run(&w);
    world_submit(&w, 0, 3, WORLD_ONCE);
    past_the_limit(&run);
    cr_expect_eq(world_revoked(&w, true), neighbour.run.slot);
    cr_expect_eq(w.core->pool.n_queued, 2u);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u, "nothing new for a worker being stopped");
    world_after(&w, 2 * w.cfg.grace_ns);
    world_died(&w, 0, 9, &run);
    world_take_done(&w, 0, 1, JOBD_JOB_TIMED_OUT, JOBD_E_DEADLINE);
    world_tree_gone(&w, 0);
    world_start(&w);
    struct world_run again = world_take_run(&w);
    cr_expect_eq(again.run.job, neighbour.run.job);
    cr_expect_eq(again.run.attempt, 1u);
    world_free(&w);
}

// It had finished, and the next one was claimed before it could be taken back.
Test(core_stop, a_neighbour_that_was_claimed_goes_on) {
    struct world_run run = begin_limited(WORLD_ONCE);
    world_submit(&w, 0, 2, WORLD_ONCE);
    struct world_run neighbour = world_take_run(&w);
    past_the_limit(&run);
    world_revoked(&w, false);
    world_result(&w, &run, 50 * WORLD_MS);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_after(&w, 10 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_result(&w, &neighbour, 1);
    world_take_done(&w, 0, 2, JOBD_JOB_DONE, 0);
    world_free(&w);
}

// Two of one client on one worker, each with a limit: the second has its own time.
Test(core_stop, the_next_job_starts_with_a_clean_slate) {
    struct world_run run = begin_limited(WORLD_ONCE);
    past_the_limit(&run);
    world_after(&w, w.cfg.grace_ns - 1);
    world_result(&w, &run, 1);
    world_forget(&w);
    struct jd_submit submit = world_job(2, WORLD_ONCE);
    submit.time_limit_ms = 50;
    world_submit_as(&w, 0, &submit);
    run = world_take_run(&w);
    world_board(&w, 0, run.run.seq, &run);
    world_after(&w, 40 * WORLD_MS);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    past_the_limit(&run);
    world_after(&w, w.cfg.grace_ns);
    expect_signal(15);
    world_free(&w);
}

Test(core_stop, a_worker_that_says_so_is_busy_stopping_a_job) {
    struct world_run run = begin_limited(WORLD_ONCE);
    past_the_limit(&run);
    cr_expect_eq(w.core->workers[0].stop_slot, run.run.slot);
    world_submit(&w, 0, 2, WORLD_PURE);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    struct jd_result result = {
        .slot = run.run.slot, .seq = run.run.seq, .error = -JOBD_E_CANCELLED};
    world_result_as(&w, 0, &result);
    cr_expect_eq(w.core->workers[0].stop_slot, SLOT_NONE);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 1u);
    world_free(&w);
}
