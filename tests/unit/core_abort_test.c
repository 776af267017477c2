// Abort: a job is asked to stop, then made to.
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
    world_client(&w, 1);
    world_forget(&w);
}

static struct world_run begin_running(void) {
    begin();
    world_submit(&w, 0, 1, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    return run;
}

static void expect_killed(const char *part) {
    const struct jd_job_done *done = world_take_done(&w, 0, 1, JOBD_JOB_KILLED, JOBD_E_KILLED);
    cr_expect(world_text_has(done->text, part), "%.*s", (int)done->text.len,
              (const char *)done->text.data);
    cr_expect_eq(w.core->counts.killed, 1u);
    cr_expect_eq(w.core->counts.worker_deaths, 0u, "our own kills are no deaths");
}

Test(core_abort, asked_then_terminated_then_killed) {
    struct world_run run = begin_running();
    struct jd_abort abort = {.handle = 1, .grace_ms = 200};
    cr_expect_eq(world_abort(&w, 0, &abort), (uint64_t)JOBD_JOB_RUNNING);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->seq, run.run.seq);
    world_after(&w, 200 * WORLD_MS - 1);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_after(&w, 1);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 15);
    world_after(&w, 200 * WORLD_MS - 1);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_after(&w, 1);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, 0, 9, &run);
    expect_killed("the job was stopped by process 100");
    world_free(&w);
}

Test(core_abort, without_a_grace_it_is_killed_at_once) {
    struct world_run run = begin_running();
    struct jd_abort abort = {.handle = 1};
    world_abort(&w, 0, &abort);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, 0, 9, &run);
    expect_killed("stopped by process 100");
    world_tree_gone(&w, 0);
    world_start(&w);
    cr_expect_eq(w.core->pool.n_ready, 1u);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u, "it is not run again, though it might be");
    world_free(&w);
}

Test(core_abort, who_obeys_keeps_its_worker) {
    struct world_run run = begin_running();
    struct jd_abort abort = {.handle = 1, .grace_ms = 1000};
    world_abort(&w, 0, &abort);
    struct jd_result result = {
        .slot = run.run.slot, .seq = run.run.seq, .error = -JOBD_E_CANCELLED};
    world_result_as(&w, 0, &result);
    expect_killed("stopped by process 100");
    world_after(&w, 10 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_free(&w);
}

Test(core_abort, a_result_before_that_counts) {
    struct world_run run = begin_running();
    struct jd_abort abort = {.handle = 1, .grace_ms = 1000};
    world_abort(&w, 0, &abort);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_abort, a_second_one_may_be_less_patient) {
    struct world_run run = begin_running();
    struct jd_abort abort = {.handle = 1, .grace_ms = 60000};
    world_abort(&w, 0, &abort);
    abort.grace_ms = 100;
    world_abort(&w, 0, &abort);
    world_after(&w, 100 * WORLD_MS);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 15);
    abort.grace_ms = 0;
    abort.job = run.run.job;
    world_abort(&w, 1, &abort);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, 0, 9, &run);
    expect_killed("stopped by process 101");
    world_free(&w);
}

Test(core_abort, a_second_one_is_never_more_patient) {
    struct world_run run = begin_running();
    struct jd_abort abort = {.handle = 1, .grace_ms = 100};
    world_abort(&w, 0, &abort);
    abort.grace_ms = 60000;
    world_abort(&w, 0, &abort);
    world_after(&w, 100 * WORLD_MS);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 15);
    world_result(&w, &run, 1);
    world_free(&w);
}

// ---- jobs that never ran are cancelled ----

Test(core_abort, of_a_job_that_waits) {
    begin();
    for (uint32_t i = 1; i <= 3; i++)
        world_submit(&w, 0, i, WORLD_ONCE);
    struct jd_abort abort = {.handle = 3, .grace_ms = 1000};
    cr_expect_eq(world_abort(&w, 0, &abort), (uint64_t)JOBD_JOB_QUEUED);
    const struct jd_job_done *done =
        world_take_done(&w, 0, 3, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect(world_text_has(done->text, "stopped by process 100 before it was started"));
    world_free(&w);
}

Test(core_abort, of_a_job_that_was_sent) {
    begin();
    world_submit(&w, 0, 1, WORLD_ONCE);
    struct jd_abort abort = {.handle = 1, .grace_ms = 1000};
    cr_expect_eq(world_abort(&w, 0, &abort), (uint64_t)JOBD_JOB_SENT);
    world_revoked(&w, true);
    const struct jd_job_done *done =
        world_take_done(&w, 0, 1, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect(world_text_has(done->text, "stopped by process 100"));
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 0u);
    world_free(&w);
}

Test(core_abort, of_a_job_that_was_sent_and_had_begun) {
    begin();
    world_submit(&w, 0, 1, WORLD_ONCE);
    struct world_run run = world_take_run(&w);
    struct jd_abort abort = {.handle = 1};
    world_abort(&w, 0, &abort);
    world_revoked(&w, false);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, 0, 9, NULL);
    (void)run;
    expect_killed("stopped by process 100");
    world_free(&w);
}

Test(core_abort, of_what_is_over_or_never_was) {
    struct world_run run = begin_running();
    world_result(&w, &run, 1);
    struct jd_abort abort = {.handle = 1};
    cr_expect_eq(world_abort(&w, 0, &abort), 0u);
    abort = (struct jd_abort){.job = run.run.job};
    cr_expect_eq(world_abort(&w, 0, &abort), 0u);
    abort = (struct jd_abort){.job = 4711};
    cr_expect_eq(world_abort(&w, 0, &abort), 0u);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_free(&w);
}

Test(core_abort, a_client_aborts_its_own_by_handle_and_any_by_id) {
    struct world_run run = begin_running();
    struct jd_abort abort = {.handle = 1, .grace_ms = 1000};
    cr_expect_eq(world_abort(&w, 1, &abort), 0u);
    abort.job = run.run.job;
    cr_expect_eq(world_abort(&w, 1, &abort), (uint64_t)JOBD_JOB_RUNNING);
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 1u);
    world_free(&w);
}

Test(core_abort, neighbours_run_elsewhere) {
    struct world_run run = begin_running();
    world_submit(&w, 0, 2, WORLD_ONCE);
    struct jd_abort abort = {.handle = 1};
    world_abort(&w, 0, &abort);
    world_revoked(&w, true);
    world_died(&w, 0, 9, &run);
    world_tree_gone(&w, 0);
    world_start(&w);
    world_take_run(&w); // the one that was taken back
    struct world_run again = world_take_run(&w);
    cr_expect_eq(again.run.job, 2u);
    cr_expect_eq(again.run.attempt, 1u);
    world_free(&w);
}

// It comes to be asked when the one before it is over.
Test(core_abort, two_in_one_worker_are_stopped_one_after_the_other) {
    begin();
    world_submit(&w, 0, 1, WORLD_ONCE);
    world_submit(&w, 0, 2, WORLD_ONCE);
    struct world_run first = world_take_run(&w), second = world_take_run(&w);
    world_board(&w, 0, 1, &first);
    struct jd_abort abort = {.handle = 1, .grace_ms = 1000};
    world_abort(&w, 0, &abort);
    world_revoked(&w, false); // the second was claimed meanwhile
    abort.handle = 2;
    world_abort(&w, 0, &abort);
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 1u);
    struct jd_result result = {
        .slot = first.run.slot, .seq = first.run.seq, .error = -JOBD_E_CANCELLED};
    world_result_as(&w, 0, &result);
    world_take_done(&w, 0, 1, JOBD_JOB_KILLED, JOBD_E_KILLED);
    world_take(&w, EFFECT_ASK_STOP);
    world_board(&w, 0, 2, &second);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->seq, second.run.seq);
    world_free(&w);
}
