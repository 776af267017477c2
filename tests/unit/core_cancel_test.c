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

Test(core_cancel, of_a_queued_job) {
    begin();
    for (uint32_t i = 1; i <= 3; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    world_forget(&w); // the first two went to the worker
    uint32_t id = world_cancel(&w, 0, 3);
    cr_expect(world_take_cancelled(&w, 0, id));
    const struct jd_job_done *done =
        world_take_done(&w, 0, 3, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect(world_text_has(done->text, "cancelled by its submitter"));
    cr_expect_eq(world_count(&w, EFFECT_REVOKE), 0u);
    cr_expect_eq(w.core->counts.cancelled, 1u);
    world_free(&w);
}

Test(core_cancel, of_a_sent_job_waits_for_the_board) {
    begin();
    world_submit(&w, 0, 1, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    uint32_t id = world_cancel(&w, 0, 1);
    cr_expect_eq(world_count(&w, EFFECT_SEND), 0u, "no reply yet");
    cr_expect_eq(world_revoked(&w, true), run.run.slot);
    cr_expect(world_take_cancelled(&w, 0, id));
    world_take_done(&w, 0, 1, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect_eq(w.core->counts.taken_back, 0u, "taken back from one worker to give to another");
    world_free(&w);
}

Test(core_cancel, comes_too_late) {
    begin();
    world_submit(&w, 0, 1, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    uint32_t id = world_cancel(&w, 0, 1);
    world_revoked(&w, false);
    cr_expect_not(world_take_cancelled(&w, 0, id));
    cr_expect_eq(world_count(&w, EFFECT_SEND), 0u, "the job is claimed and goes on");
    id = world_cancel(&w, 0, 1);
    cr_expect_not(world_take_cancelled(&w, 0, id), "no second try");
    cr_expect_eq(world_count(&w, EFFECT_REVOKE), 0u);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_cancel, of_a_running_job) {
    begin();
    world_submit(&w, 0, 1, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    uint32_t id = world_cancel(&w, 0, 1);
    cr_expect_not(world_take_cancelled(&w, 0, id));
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 0u);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_cancel, of_what_is_over_or_never_was) {
    begin();
    world_submit(&w, 0, 1, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    world_forget(&w);
    cr_expect_not(world_take_cancelled(&w, 0, world_cancel(&w, 0, 1)));
    cr_expect_not(world_take_cancelled(&w, 0, world_cancel(&w, 0, JD_HANDLE_MAX)));
    cr_expect_eq(world_count(&w, EFFECT_SEND), 0u);
    world_free(&w);
}

Test(core_cancel, a_client_cancels_its_own_jobs_only) {
    begin();
    world_client(&w, 1);
    for (uint32_t i = 1; i <= 3; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    world_forget(&w);
    cr_expect_not(world_take_cancelled(&w, 1, world_cancel(&w, 1, 3)));
    cr_expect(world_take_cancelled(&w, 0, world_cancel(&w, 0, 3)));
    world_free(&w);
}
