// Futures of others: attach by id, and who has a job when somebody gives it up.
#include <criterion/criterion.h>

#include "core/follow.h"
#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

static void begin(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.max_clients = 200;
    world_init(&w, &cfg);
    world_start(&w);
    for (uint32_t peer = 0; peer < 3; peer++)
        world_client(&w, peer);
    world_forget(&w);
}

// Handle 1 of client 0; handle 7 of client 1.
static struct world_run begin_followed(void) {
    begin();
    uint64_t id = world_submit(&w, 0, 1, WORLD_ONCE);
    world_attach(&w, 1, 7, id);
    return world_take_run(&w);
}

static bool is_silent(uint32_t peer, uint32_t handle) {
    return !world_find_event(&w, peer, JD_OP_JOB_DONE, handle) &&
           !world_find_event(&w, peer, JD_OP_JOB_STATE, handle);
}

Test(core_follow, a_follower_is_told_what_the_owner_is_told) {
    struct world_run run = begin_followed();
    world_board(&w, 0, 1, &run);
    world_take_state(&w, 0, 1, JOBD_JOB_RUNNING);
    cr_expect_eq(world_take_state(&w, 1, 7, JOBD_JOB_RUNNING)->pid, w.pid[0]);
    struct jd_msg log = {.op = JD_OP_TASK_LOG};
    log.u.task_log = (struct jd_task_log){
        .slot = run.run.slot, .seq = run.run.seq, .level = 1, .text = jd_text("half")};
    world_worker_event(&w, 0, &log);
    cr_expect_not_null(world_find_event(&w, 0, JD_OP_JOB_LOG, 1));
    cr_expect_not_null(world_find_event(&w, 1, JD_OP_JOB_LOG, 7));
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_take_done(&w, 1, 7, JOBD_JOB_DONE, 0);
    cr_expect_eq(
        world_submit_as(
            &w, 1,
            &(struct jd_submit){.handle = 7, .executor = WORLD_EXECUTOR, .task = jd_text("pure")})
            ->error,
        0, "its handle is free again");
    world_free(&w);
}

Test(core_follow, there_must_be_such_a_job) {
    begin();
    struct jd_msg msg = {.op = JD_OP_ATTACH};
    msg.u.attach = (struct jd_attach){.handle = 1, .job = 4711};
    world_ask_refused(&w, 0, &msg, JOBD_E_NOENT, "there is no job 4711, or it is forgotten");
    world_free(&w);
}

Test(core_follow, the_handle_must_be_free) {
    begin();
    uint64_t id = world_submit(&w, 0, 1, WORLD_ONCE);
    world_submit(&w, 1, 7, WORLD_ONCE);
    struct jd_msg msg = {.op = JD_OP_ATTACH};
    msg.u.attach = (struct jd_attach){.handle = 7, .job = id};
    world_ask_refused(&w, 1, &msg, JOBD_E_STATE, "not allowed");
    world_free(&w);
}

Test(core_follow, sixty_four_at_most) {
    begin();
    uint64_t id = world_submit(&w, 0, 1, WORLD_ONCE);
    for (uint32_t i = 0; i < FOLLOWERS_MAX; i++)
        world_attach(&w, 1, i, id);
    struct jd_msg msg = {.op = JD_OP_ATTACH};
    msg.u.attach = (struct jd_attach){.handle = 1000, .job = id};
    world_ask_refused(&w, 1, &msg, JOBD_E_LIMIT, "limit");
    cr_expect(world_take_cancelled(&w, 1, world_cancel(&w, 1, 5)));
    world_take_done(&w, 1, 5, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    world_attach(&w, 1, 1000, id);
    world_free(&w);
}

// ---- the owner leaves ----

static void expect_inherited(const struct world_run *run) {
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 0u);
    cr_expect_eq(world_count(&w, EFFECT_REVOKE), 0u);
    world_result(&w, run, 1);
    world_take_done(&w, 1, 7, JOBD_JOB_DONE, 0);
    cr_expect_eq(w.core->counts.done, 1u);
}

Test(core_follow, a_follower_inherits_what_runs) {
    struct world_run run = begin_followed();
    world_board(&w, 0, 1, &run);
    world_close(&w, 0);
    expect_inherited(&run);
    world_free(&w);
}

Test(core_follow, a_follower_inherits_what_was_sent) {
    struct world_run run = begin_followed();
    world_close(&w, 0);
    expect_inherited(&run);
    world_free(&w);
}

Test(core_follow, a_follower_inherits_what_waits) {
    begin();
    world_submit(&w, 2, 1, WORLD_ONCE);
    world_submit(&w, 2, 2, WORLD_ONCE);
    struct world_run busy = world_take_run(&w);
    world_take_run(&w);
    uint64_t id = world_submit(&w, 0, 1, WORLD_ONCE);
    world_attach(&w, 1, 7, id);
    world_attach(&w, 2, 9, id);
    world_close(&w, 0);
    cr_expect_eq(w.core->counts.cancelled, 0u);
    world_result(&w, &busy, 1);
    struct world_run run = world_take_run(&w);
    cr_expect_eq(run.run.job, id);
    world_result(&w, &run, 1);
    world_take_done(&w, 1, 7, JOBD_JOB_DONE, 0);
    world_take_done(&w, 2, 9, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_follow, a_follower_inherits_what_is_delayed) {
    begin();
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.delay_ms = 100;
    uint64_t id = world_submit_as(&w, 0, &s)->u.submit_ok.job;
    world_attach(&w, 1, 7, id);
    world_close(&w, 0);
    world_after(&w, 100 * WORLD_MS);
    struct world_run run = world_take_run(&w);
    expect_inherited(&run);
    world_free(&w);
}

// It had one job out of one; the one who inherits has no such limit.
Test(core_follow, who_inherits_leaves_the_limit_of_the_executor_behind) {
    begin();
    struct jd_msg open = {.op = JD_OP_EXECUTOR_OPEN};
    open.u.executor_open =
        (struct jd_executor_open){.executor = 8, .pool = jd_text("default"), .max_workers = 1};
    world_ask_ok(&w, 0, &open);
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.executor = 8;
    uint64_t id = world_submit_as(&w, 0, &s)->u.submit_ok.job;
    s.handle = 2;
    uint64_t second = world_submit_as(&w, 0, &s)->u.submit_ok.job;
    world_attach(&w, 1, 7, id);
    cr_expect_eq(world_take_run(&w).run.job, id);
    cr_assert_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    cr_expect(world_take_cancelled(&w, 0, world_cancel(&w, 0, 1)), "given up");
    cr_expect_eq(world_take_run(&w).run.job, second);
    world_free(&w);
}

Test(core_follow, a_follower_that_leaves_changes_nothing) {
    struct world_run run = begin_followed();
    world_close(&w, 1);
    cr_expect_eq(w.core->followers.used, 0u);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_follow, when_all_have_left_it_is_stopped) {
    struct world_run run = begin_followed();
    world_board(&w, 0, 1, &run);
    world_close(&w, 0);
    world_close(&w, 1);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->seq, run.run.seq);
    world_free(&w);
}

// ---- cancel and abort by one of several ----

Test(core_follow, the_owner_gives_up_its_future_only) {
    struct world_run run = begin_followed();
    world_forget(&w);
    cr_expect(world_take_cancelled(&w, 0, world_cancel(&w, 0, 1)));
    const struct jd_job_done *done =
        world_take_done(&w, 0, 1, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect(world_text_has(done->text, "others wait for the job, so it goes on"));
    expect_inherited(&run);
    cr_expect(is_silent(0, 1));
    world_free(&w);
}

Test(core_follow, so_does_a_follower) {
    struct world_run run = begin_followed();
    cr_expect(world_take_cancelled(&w, 1, world_cancel(&w, 1, 7)));
    world_take_done(&w, 1, 7, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    cr_expect(is_silent(1, 7));
    world_free(&w);
}

Test(core_follow, what_runs_cannot_be_given_up) {
    struct world_run run = begin_followed();
    world_board(&w, 0, 1, &run);
    cr_expect_not(world_take_cancelled(&w, 0, world_cancel(&w, 0, 1)));
    cr_expect_not(world_take_cancelled(&w, 1, world_cancel(&w, 1, 7)));
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_take_done(&w, 1, 7, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_follow, the_last_one_cancels_the_job) {
    begin_followed();
    cr_expect(world_take_cancelled(&w, 0, world_cancel(&w, 0, 1)));
    uint32_t id = world_cancel(&w, 1, 7);
    world_revoked(&w, true);
    cr_expect(world_take_cancelled(&w, 1, id));
    world_take_done(&w, 1, 7, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect_eq(w.core->counts.cancelled, 1u);
    world_free(&w);
}

Test(core_follow, by_its_id_it_is_cancelled_for_all) {
    struct world_run run = begin_followed();
    struct jd_msg msg = {.op = JD_OP_CANCEL};
    msg.u.cancel = (struct jd_cancel){.job = run.run.job};
    uint32_t id = world_request(&w, 2, &msg);
    world_revoked(&w, true);
    cr_expect(world_take_cancelled(&w, 2, id));
    const struct jd_job_done *done =
        world_take_done(&w, 0, 1, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect(world_text_has(done->text, "cancelled by process 102"), "%.*s", (int)done->text.len,
              (const char *)done->text.data);
    world_take_done(&w, 1, 7, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    world_free(&w);
}

Test(core_follow, an_abort_ends_it_for_all) {
    struct world_run run = begin_followed();
    world_board(&w, 0, 1, &run);
    struct jd_abort abort = {.handle = 7};
    cr_expect_eq(world_abort(&w, 1, &abort), (uint64_t)JOBD_JOB_RUNNING);
    world_died(&w, 0, 9, &run);
    world_take_done(&w, 0, 1, JOBD_JOB_KILLED, JOBD_E_KILLED);
    world_take_done(&w, 1, 7, JOBD_JOB_KILLED, JOBD_E_KILLED);
    world_free(&w);
}

// ---- frames of different sizes ----

Test(core_follow, a_result_too_big_for_one_is_not_too_big_for_all) {
    static uint8_t bytes[100000] = {0xc5};
    begin();
    world_connect(&w, 5);
    world_hello(&w, 5, JD_FRAME_MIN_BYTES);
    uint64_t id = world_submit(&w, 0, 1, WORLD_ONCE);
    world_attach(&w, 5, 1, id);
    struct world_run run = world_take_run(&w);
    struct jd_result result = {
        .slot = run.run.slot, .seq = run.run.seq, .value = {bytes, sizeof bytes}};
    world_result_as(&w, 0, &result);
    cr_expect_eq(world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0)->value.len, sizeof bytes);
    world_take_done(&w, 5, 1, JOBD_JOB_FAILED, JOBD_E_RESULT_TOO_BIG);
    world_free(&w);
}
