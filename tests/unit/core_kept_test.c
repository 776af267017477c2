// Finished jobs that stay visible, and results of detached ones.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

static void begin_with(const struct core_config *cfg) {
    world_init(&w, cfg);
    world_start(&w);
    world_client(&w, 0);
    world_client(&w, 1);
    world_forget(&w);
}

static void begin(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    begin_with(&cfg);
}

static uint64_t submit(uint32_t handle, bool detached) {
    struct jd_submit s = world_job(handle, WORLD_ONCE);
    s.detached = detached;
    const struct jd_msg *reply = world_submit_as(&w, 0, &s);
    cr_assert_eq(reply->error, 0);
    return reply->u.submit_ok.job;
}

// A job that ends with a value of so many bytes.
static uint64_t run(uint32_t handle, bool detached, size_t n_bytes) {
    uint64_t id = submit(handle, detached);
    struct world_run run = world_take_run(&w);
    uint8_t *value = calloc(1, n_bytes + 1);
    cr_assert_not_null(value);
    struct jd_result result = {
        .slot = run.run.slot, .seq = run.run.seq, .run_ns = 5, .value = {value, n_bytes}};
    world_result_as(&w, run.worker, &result);
    free(value);
    world_forget(&w);
    return id;
}

static bool is_known(uint64_t id) {
    struct jd_msg msg = {.op = JD_OP_WHY};
    msg.u.why.job = id;
    int error = world_ask(&w, 1, &msg)->error;
    cr_assert(error == 0 || error == JOBD_E_NOENT);
    return error == 0;
}

Test(core_kept, a_detached_job_outlives_its_connection) {
    begin();
    uint64_t id = submit(1, true);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    world_close(&w, 0);
    world_after(&w, 10 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 0u);
    struct jd_result result = {
        .slot = run.run.slot, .seq = run.run.seq, .run_ns = 7, .value = {"\x07", 1}};
    world_result_as(&w, 0, &result);
    for (uint32_t i = 0; i < 2; i++) { // as often as somebody asks
        world_attach(&w, 1, 4, id);
        const struct jd_job_done *done = world_take_done(&w, 1, 4, JOBD_JOB_DONE, 0);
        cr_assert_eq(done->value.len, 1u);
        cr_expect_eq(*(const char *)done->value.data, 7);
        cr_expect_eq(done->run_ns, 7u);
        cr_expect_eq(done->pid, w.pid[0]);
    }
    world_free(&w);
}

Test(core_kept, a_detached_job_that_waits_is_not_cancelled) {
    begin();
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 0});
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.detached = true;
    s.delay_ms = 10;
    uint64_t id = world_submit_as(&w, 0, &s)->u.submit_ok.job;
    world_close(&w, 0);
    world_after(&w, 10 * WORLD_MS);
    cr_expect_eq(world_take_run(&w).run.job, id, "nobody's pausing holds it up");
    world_free(&w);
}

Test(core_kept, its_submitter_is_told_while_it_is_there) {
    begin();
    submit(1, true);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    world_take_state(&w, 0, 1, JOBD_JOB_RUNNING);
    world_result(&w, &run, 1);
    cr_expect_eq(world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0)->value.len, 1u);
    cr_expect_eq(submit(1, false), 2u, "the handle is free");
    world_free(&w);
}

Test(core_kept, failures_are_kept_with_their_words) {
    begin();
    uint64_t id = submit(1, true);
    struct world_run run = world_take_run(&w);
    world_fail(&w, &run, "bad_args", "three are too many");
    world_attach(&w, 1, 4, id);
    const struct jd_job_done *done = world_take_done(&w, 1, 4, JOBD_JOB_FAILED, JOBD_E_TASK);
    cr_expect(world_text_has(done->name, "bad_args"));
    cr_expect(world_text_has(done->text, "three are too many"));
    world_free(&w);
}

Test(core_kept, the_result_of_other_jobs_went_to_their_owner) {
    begin();
    uint64_t id = run(1, false, 5);
    world_attach(&w, 1, 4, id);
    cr_expect_eq(world_take_done(&w, 1, 4, JOBD_JOB_DONE, 0)->value.len, 0u);
    world_free(&w);
}

Test(core_kept, after_its_time_it_is_forgotten) {
    begin();
    uint64_t detached = run(1, true, 5), owned = run(1, false, 5);
    world_after(&w, w.cfg.keep_ns - 1);
    cr_expect(is_known(detached));
    cr_expect(is_known(owned));
    world_after(&w, 1);
    cr_expect_not(is_known(detached));
    cr_expect_not(is_known(owned));
    cr_expect_eq(w.core->kept.bytes, 0u);
    cr_expect_eq(core_next_deadline(w.core), UINT64_MAX, "and nobody need wake up for it");
    world_free(&w);
}

Test(core_kept, the_newest_so_many) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.max_kept = 100;
    begin_with(&cfg);
    for (uint32_t i = 0; i < 250; i++) {
        cr_assert_eq(run(1, i % 2, 1), i + 1);
        cr_assert_leq(w.core->kept.owned.n, 100u);
        cr_assert_leq(w.core->kept.detached.n, 100u);
    }
    for (uint64_t id = 1; id <= 250; id++)
        cr_assert_eq(is_known(id), id > 50, "%u", (unsigned)id);
    cr_expect_eq(w.core->kept.bytes, 100u);
    world_free(&w);
}

Test(core_kept, nothing_if_so_configured) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.max_kept = 0;
    begin_with(&cfg);
    cr_expect_not(is_known(run(1, false, 1)));
    cr_expect_not(is_known(run(1, true, 1)));
    world_free(&w);
}

Test(core_kept, so_many_bytes_of_results) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.max_kept_bytes = 1000;
    begin_with(&cfg);
    uint64_t first = run(1, true, 400), second = run(1, true, 400), third = run(1, true, 400);
    cr_expect_not(is_known(first));
    cr_expect(is_known(second));
    cr_expect(is_known(third));
    cr_expect_eq(w.core->kept.bytes, 800u);
    world_free(&w);
}

// What cannot be kept is no empty result.
Test(core_kept, a_result_larger_than_all_that_is_kept) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.max_kept_bytes = 1000;
    begin_with(&cfg);
    uint64_t other = run(1, true, 10), id = run(1, true, 1001);
    world_attach(&w, 1, 4, id);
    const struct jd_job_done *done =
        world_take_done(&w, 1, 4, JOBD_JOB_FAILED, JOBD_E_RESULT_TOO_BIG);
    cr_expect(world_text_has(done->text, "the result had 1001 bytes and could not be kept"));
    cr_expect_eq(done->value.len, 0u);
    cr_expect(is_known(other), "nothing else had to go");
    world_free(&w);
}

Test(core_kept, a_result_larger_than_the_frames_of_who_asks) {
    begin();
    uint64_t id = run(1, true, 100000);
    world_connect(&w, 5);
    world_hello(&w, 5, JD_FRAME_MIN_BYTES);
    world_attach(&w, 5, 4, id);
    const struct jd_job_done *done =
        world_take_done(&w, 5, 4, JOBD_JOB_FAILED, JOBD_E_RESULT_TOO_BIG);
    cr_expect(world_text_has(done->text, "the result has 100000 bytes; this connection takes"));
    world_free(&w);
}

// What a step shows is there until the next, though the same step forgets it.
Test(core_kept, a_result_can_be_too_old_in_the_very_step_that_shows_it) {
    begin();
    uint64_t id = run(1, true, 1000);
    w.now_ns += w.cfg.keep_ns; // no tick came in time
    world_attach(&w, 1, 4, id);
    const struct jd_job_done *done = world_take_done(&w, 1, 4, JOBD_JOB_DONE, 0);
    static const uint8_t zeros[1000];
    cr_assert_eq(done->value.len, sizeof zeros);
    cr_expect_eq(memcmp(done->value.data, zeros, sizeof zeros), 0);
    cr_expect_not(is_known(id));
    world_free(&w);
}

Test(core_kept, a_detached_job_can_be_cancelled_by_anybody) {
    begin();
    uint64_t id = submit(1, true);
    struct jd_msg msg = {.op = JD_OP_CANCEL};
    msg.u.cancel.job = id;
    uint32_t request = world_request(&w, 1, &msg);
    world_revoked(&w, true);
    cr_expect(world_take_cancelled(&w, 1, request));
    const struct jd_job_done *done =
        world_take_done(&w, 0, 1, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect(world_text_has(done->text, "cancelled by process 101"));
    world_free(&w);
}
