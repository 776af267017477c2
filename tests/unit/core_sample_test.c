#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

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

static struct world_run submit_one(uint32_t handle) {
    world_submit(&w, 0, handle, WORLD_PURE);
    return world_take_run(&w);
}

// A look at worker 0's board that shows the run, and how far it says to be.
static void look(const struct world_run *run, double progress, const char *note) {
    static struct board_view board;
    board = (struct board_view){.taken = run->run.seq, .n_started = 1};
    struct board_started *s = &board.started[0];
    *s = (struct board_started){
        .seq = run->run.seq, .slot = (uint8_t)run->run.slot, .progress = progress};
    snprintf(s->note, sizeof s->note, "%s", note);
    world_feed(&w, &(struct event){.kind = EVENT_BOARD, .worker = 0, .board = &board});
}

// ---- when ----

Test(core_sample, nothing_is_looked_at_while_nothing_is_out) {
    begin(2);
    world_after(&w, 100 * WORLD_S);
    cr_expect_eq(core_next_deadline(w.core), UINT64_MAX, "an idle daemon sleeps");
    cr_expect_eq(world_count(&w, EFFECT_SAMPLE), 0u);
    world_free(&w);
}

Test(core_sample, every_10_ms_while_something_is_out) {
    begin(2);
    struct world_run run = submit_one(1);
    cr_expect_eq(core_next_deadline(w.core), w.now_ns + 10 * WORLD_MS);
    for (uint32_t i = 0; i < 5; i++) {
        world_after(&w, 10 * WORLD_MS - 1);
        cr_assert_eq(world_count(&w, EFFECT_SAMPLE), 0u);
        world_after(&w, 1);
        cr_assert_eq(world_take(&w, EFFECT_SAMPLE)->worker, run.worker, "only the busy one");
    }
    world_result(&w, &run, 1);
    world_after(&w, WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SAMPLE), 0u);
    world_free(&w);
}

// ---- what the client hears ----

Test(core_sample, a_micro_job_costs_no_message) {
    begin(1);
    struct world_run run = submit_one(1);
    world_board(&w, 0, 0, NULL);
    world_result(&w, &run, 1);
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_STATE, 1));
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_sample, running_is_told_once) {
    begin(1);
    struct world_run run = submit_one(1);
    look(&run, 0, "");
    const struct jd_job_state *state = world_take_state(&w, 0, 1, JOBD_JOB_RUNNING);
    cr_expect_eq(state->pid, w.pid[0]);
    cr_expect_eq(state->attempt, 1u);
    cr_expect_eq(state->progress, 0.0);
    cr_expect_eq(state->text.len, 0u);
    look(&run, 0, "");
    cr_expect_eq(world_count(&w, EFFECT_SEND), 0u);
    world_free(&w);
}

Test(core_sample, progress_is_told_when_it_changes) {
    begin(1);
    struct world_run run = submit_one(1);
    look(&run, 0, "");
    world_take_state(&w, 0, 1, JOBD_JOB_RUNNING);
    look(&run, 0.5, "halfway");
    const struct jd_job_state *state = world_take_state(&w, 0, 1, JOBD_JOB_RUNNING);
    cr_expect_eq(state->progress, 0.5);
    cr_expect(world_text_has(state->text, "halfway"));
    look(&run, 0.5, "halfway");
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_STATE, 1));
    look(&run, 0.5, "nearly");
    cr_expect(world_text_has(world_take_state(&w, 0, 1, JOBD_JOB_RUNNING)->text, "nearly"));
    look(&run, 1, "nearly");
    cr_expect_eq(world_take_state(&w, 0, 1, JOBD_JOB_RUNNING)->progress, 1.0);
    world_free(&w);
}

Test(core_sample, progress_that_is_no_fraction_is_nothing) {
    static const double wrong[] = {-0.1, 1.1, INFINITY, -INFINITY, NAN};
    begin(1);
    struct world_run run = submit_one(1);
    for (size_t i = 0; i < JD_LEN(wrong); i++) {
        look(&run, wrong[i], "");
        cr_expect_eq(world_take_state(&w, 0, 1, JOBD_JOB_RUNNING)->progress, 0.0);
    }
    world_free(&w);
}

// ---- boards that lie ----

Test(core_sample, only_what_was_sent_counts_as_started) {
    begin(1);
    struct world_run run = submit_one(1), wrong = run;
    wrong.run.seq++;
    look(&wrong, 0, "");
    wrong = run;
    wrong.run.slot = (run.run.slot + 1) % JD_WINDOW_MAX;
    look(&wrong, 0, "");
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_STATE, 1));
    world_result(&w, &run, 1);
    look(&run, 0.3, "still there"); // its word outlives the job
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_STATE, 1));
    world_free(&w);
}

Test(core_sample, a_look_at_a_dead_worker_is_late) {
    begin(1);
    struct world_run run = submit_one(1);
    world_died(&w, 0, 9, NULL);
    look(&run, 0, "");
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_STATE, 1));
    world_free(&w);
}

// ---- a worker that reads nothing ----

// Looks at the board of worker 0 as often as the core asks, until ns have passed.
static void look_for(uint64_t ns, uint64_t taken, const struct world_run *started) {
    uint64_t end_ns = w.now_ns + ns;
    while (core_next_deadline(w.core) <= end_ns && world_count(&w, EFFECT_SIGNAL) == 0) {
        world_tick_to(&w, core_next_deadline(w.core));
        if (world_count(&w, EFFECT_SAMPLE) > 0)
            world_board(&w, world_take(&w, EFFECT_SAMPLE)->worker, taken, started);
    }
    w.now_ns = JD_MAX(w.now_ns, end_ns);
}

Test(core_sample, a_stalled_worker_is_killed_after_10_s) {
    begin(1);
    submit_one(1);
    look_for(10 * WORLD_S, 0, NULL);
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    look_for(WORLD_S / 10, 0, NULL);
    cr_assert_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, 0, 9, NULL);
    world_tree_gone(&w, 0);
    world_start(&w);
    struct world_run again = world_take_run(&w);
    cr_expect_eq(again.run.attempt, 1u, "it was never begun");
    world_result(&w, &again, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_sample, one_that_computes_is_not_stalled) {
    begin(1);
    struct world_run run = submit_one(1);
    submit_one(2);
    look_for(60 * WORLD_S, 1, &run);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_free(&w);
}

Test(core_sample, one_that_reads_at_times_is_not_stalled) {
    begin(1);
    submit_one(1);
    submit_one(2);
    look_for(6 * WORLD_S, 0, NULL);
    look_for(6 * WORLD_S, 1, NULL);
    look_for(6 * WORLD_S, 2, NULL);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    look_for(5 * WORLD_S, 2, NULL);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 1u, "but it does not get on");
    world_free(&w);
}

// Everything was taken back from it, but it has not even read that.
Test(core_sample, void_slots_can_stall_too) {
    begin(1);
    submit_one(1);
    world_cancel(&w, 0, 1);
    world_revoked(&w, true);
    look_for(11 * WORLD_S, 0, NULL);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 1u);
    world_free(&w);
}
