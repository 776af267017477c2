// Delays, deadlines and retries.
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/follow.h"
#include "core/state.h"
#include "rng.h"
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

static uint64_t submit(const struct jd_submit *s) {
    const struct jd_msg *reply = world_submit_as(&w, 0, s);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    return reply->u.submit_ok.job;
}

// ---- delay ----

Test(core_timers, a_delayed_job_waits_for_its_time) {
    begin();
    struct jd_submit s = world_job(1, WORLD_PURE);
    s.delay_ms = 250;
    uint64_t id = submit(&s);
    world_after(&w, 250 * WORLD_MS - 1);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    cr_expect(world_text_in(world_why(&w, 0, id), "state", "delayed"));
    cr_expect(world_text_in(world_why(&w, 0, id), "reason", "it was submitted to start in 0.0 s"));
    world_after(&w, 1);
    struct world_run run = world_take_run(&w);
    cr_expect_eq(run.run.job, id);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    cr_expect_eq(w.core->timers.n, 0u);
    cr_expect_eq(w.core->timers.n_reserved, 0u);
    world_free(&w);
}

// It was submitted before them, and so it runs before those that still wait.
Test(core_timers, then_it_has_the_place_of_its_submission) {
    begin();
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.delay_ms = 10;
    uint64_t first = submit(&s);
    for (uint32_t i = 2; i <= 6; i++)
        world_submit(&w, 0, i, WORLD_ONCE);
    struct world_run run = world_take_run(&w), second = world_take_run(&w); // fill the window
    world_after(&w, 10 * WORLD_MS);
    world_result(&w, &run, 1);
    cr_expect_eq(world_take_run(&w).run.job, first);
    world_result(&w, &second, 1);
    cr_expect_eq(world_take_run(&w).run.job, first + 3);
    world_free(&w);
}

Test(core_timers, a_delayed_job_can_be_cancelled) {
    begin();
    struct jd_submit s = world_job(1, WORLD_PURE);
    s.delay_ms = 60000;
    submit(&s);
    cr_expect(world_take_cancelled(&w, 0, world_cancel(&w, 0, 1)));
    world_take_done(&w, 0, 1, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect_eq(w.core->timers.n, 0u);
    world_after(&w, 120 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    world_free(&w);
}

// Any order in, the order of time out; and those taken away from the middle leave the rest in order.
Test(core_timers, they_come_in_the_order_of_their_times) {
    enum { N = 300 };
    struct rng g = rng_begin("core_timers");
    uint64_t due_ms[N + 1] = {0}, last_ms = 0;
    begin();
    uint64_t from_ns = w.now_ns;
    for (uint32_t i = 1; i <= N; i++) {
        struct jd_submit s = world_job(i, WORLD_PURE);
        s.delay_ms = due_ms[i] = 1 + rng_below(&g, 2000);
        cr_assert_eq(submit(&s), i);
    }
    uint32_t n_left = N;
    for (uint32_t i = 1; i <= N; i++) {
        if (rng_below(&g, 3))
            continue;
        cr_assert(world_take_cancelled(&w, 0, world_cancel(&w, 0, i)));
        n_left--;
    }
    world_forget(&w);
    while (n_left > 0) {
        cr_assert_lt(core_next_deadline(w.core), from_ns + 3 * WORLD_S);
        world_tick_to(&w, core_next_deadline(w.core));
        while (world_count(&w, EFFECT_DISPATCH) > 0) {
            struct world_run run = world_take_run(&w);
            uint64_t ms = due_ms[run.run.job];
            cr_assert_geq(ms, last_ms);
            cr_assert_leq(from_ns + ms * WORLD_MS, w.now_ns);
            last_ms = ms;
            world_result(&w, &run, 1);
            n_left--;
        }
    }
    cr_expect_eq(w.core->jobs.slab.used, 0u);
    world_free(&w);
}

// ---- deadline ----

static void expect_deadline(const char *part) {
    const struct jd_job_done *done = world_take_done(&w, 0, 1, JOBD_JOB_TIMED_OUT, JOBD_E_DEADLINE);
    cr_expect(world_text_has(done->text, part), "%.*s", (int)done->text.len,
              (const char *)done->text.data);
    cr_expect_eq(w.core->counts.timed_out, 1u);
}

static struct jd_submit with_deadline(uint64_t ms) {
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.deadline_ms = ms;
    return s;
}

Test(core_timers, the_deadline_of_a_job_that_waits) {
    begin();
    world_submit(&w, 0, 10, WORLD_ONCE);
    world_submit(&w, 0, 11, WORLD_ONCE); // the window is full
    struct jd_submit s = with_deadline(100);
    submit(&s);
    world_after(&w, 100 * WORLD_MS - 1);
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_DONE, 1));
    world_after(&w, 1);
    expect_deadline("its deadline passed before it was finished; it was waiting");
    world_free(&w);
}

Test(core_timers, the_deadline_comes_before_a_later_start) {
    begin();
    struct jd_submit s = with_deadline(100);
    s.delay_ms = 200;
    submit(&s);
    world_after(&w, 100 * WORLD_MS);
    expect_deadline("it was waiting");
    world_after(&w, WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    world_free(&w);
}

Test(core_timers, the_deadline_of_a_job_that_was_sent) {
    begin();
    struct jd_submit s = with_deadline(100);
    submit(&s);
    world_take_run(&w);
    world_after(&w, 100 * WORLD_MS);
    world_revoked(&w, true);
    expect_deadline("its deadline passed");
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_free(&w);
}

Test(core_timers, the_deadline_of_a_job_that_runs) {
    begin();
    struct jd_submit s = with_deadline(100);
    submit(&s);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    world_after(&w, 100 * WORLD_MS);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->seq, run.run.seq);
    world_after(&w, 2 * w.cfg.grace_ns);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 15);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, 0, 9, &run);
    expect_deadline("its deadline passed before it was finished; it was stopped");
    world_free(&w);
}

Test(core_timers, a_result_in_time_is_a_result) {
    begin();
    struct jd_submit s = with_deadline(100);
    submit(&s);
    struct world_run run = world_take_run(&w);
    world_after(&w, 99 * WORLD_MS);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    cr_expect_eq(w.core->timers.n, 0u);
    world_free(&w);
}

// Each of them is followed by as many as may be: far more to tell than one step may.
Test(core_timers, very_many_deadlines_at_once_take_several_steps) {
    enum { JOBS = 600 };
    begin();
    w.audit_every = 1000;
    for (uint32_t i = 0; i < JOBS; i++) {
        struct jd_submit s = world_job(i, WORLD_ONCE);
        s.deadline_ms = 1000;
        s.delay_ms = 60000;
        uint64_t id = submit(&s);
        for (uint32_t k = 0; k < FOLLOWERS_MAX; k++)
            world_attach(&w, 0, JOBS + i * FOLLOWERS_MAX + k, id);
        world_forget(&w);
    }
    world_after(&w, WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SEND), JOBS * (FOLLOWERS_MAX + 1u));
    cr_expect_eq(w.core->jobs.slab.used, 0u);
    core_audit(w.core);
    world_free(&w);
}

// ---- retries ----

static struct world_run begin_retries(uint32_t max_retries, uint64_t delay_ms) {
    begin();
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.max_retries = max_retries;
    s.retry_delay_ms = delay_ms;
    submit(&s);
    return world_take_run(&w);
}

Test(core_timers, a_job_that_failed_runs_again_after_growing_delays) {
    struct world_run run = begin_retries(3, 100);
    for (uint32_t k = 1; k <= 3; k++) {
        char text[96];
        uint64_t delay_ms = UINT64_C(100) << (k - 1);
        cr_assert_eq(run.run.attempt, (uint64_t)k);
        world_fail(&w, &run, "no_disk", "the disk is not there");
        const struct jd_job_state *state = world_take_state(&w, 0, 1, JOBD_JOB_DELAYED);
        snprintf(text, sizeof text,
                 "the task failed: the disk is not there; it runs again in %u ms (retry %u of 3)",
                 (unsigned)delay_ms, k);
        cr_expect(world_text_has(state->text, text), "%.*s", (int)state->text.len,
                  (const char *)state->text.data);
        cr_expect_eq(state->attempt, (uint64_t)k);
        world_after(&w, delay_ms * WORLD_MS - 1);
        cr_assert_eq(world_count(&w, EFFECT_DISPATCH), 0u);
        world_after(&w, 1);
        run = world_take_run(&w);
    }
    world_fail(&w, &run, "no_disk", "the disk is not there");
    const struct jd_job_done *done = world_take_done(&w, 0, 1, JOBD_JOB_FAILED, JOBD_E_TASK);
    cr_expect(world_text_has(done->name, "no_disk"));
    cr_expect_eq(done->attempt, 4u);
    cr_expect_eq(w.core->counts.retried, 3u);
    cr_expect_eq(w.core->counts.failed, 1u);
    world_free(&w);
}

Test(core_timers, a_retry_can_succeed) {
    struct world_run run = begin_retries(255, 50);
    world_fail(&w, &run, "", "not yet");
    world_after(&w, 50 * WORLD_MS);
    run = world_take_run(&w);
    world_result(&w, &run, 1);
    cr_expect_eq(world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0)->attempt, 2u);
    world_free(&w);
}

Test(core_timers, the_delay_between_runs_grows_to_an_hour) {
    struct world_run run = begin_retries(20, 1000);
    const uint64_t hour_ns = 3600 * WORLD_S;
    uint64_t delay_ns = WORLD_S;
    for (uint32_t k = 0; k < 20; k++) {
        world_fail(&w, &run, "", "no");
        world_after(&w, JD_MIN(delay_ns, hour_ns) - 1);
        cr_assert_eq(world_count(&w, EFFECT_DISPATCH), 0u, "retry %u", k + 1);
        world_after(&w, 1);
        run = world_take_run(&w);
        delay_ns *= 2;
    }
    world_free(&w);
}

Test(core_timers, without_a_delay_it_runs_again_at_once) {
    struct world_run run = begin_retries(1, 0);
    world_fail(&w, &run, "", "no");
    world_settle(&w);
    cr_expect_eq(world_take_run(&w).run.attempt, 2u);
    world_free(&w);
}

// Only what the task itself says may be worth another try.
Test(core_timers, other_failures_are_final) {
    struct world_run run = begin_retries(3, 100);
    struct jd_result result = {
        .slot = run.run.slot, .seq = run.run.seq, .error = -JOBD_E_RESULT_TOO_BIG};
    world_result_as(&w, 0, &result);
    world_take_done(&w, 0, 1, JOBD_JOB_FAILED, JOBD_E_RESULT_TOO_BIG);
    world_free(&w);
}

Test(core_timers, the_deadline_holds_for_retries_too) {
    begin();
    struct jd_submit s = with_deadline(500);
    s.max_retries = 10;
    s.retry_delay_ms = 400;
    submit(&s);
    struct world_run run = world_take_run(&w);
    world_fail(&w, &run, "", "no");
    world_after(&w, 400 * WORLD_MS);
    run = world_take_run(&w);
    world_fail(&w, &run, "", "no");
    world_after(&w, 100 * WORLD_MS);
    expect_deadline("it was waiting");
    world_free(&w);
}

Test(core_timers, a_job_between_two_runs_can_be_stopped) {
    struct world_run run = begin_retries(3, 1000);
    world_fail(&w, &run, "", "no");
    struct jd_abort abort = {.handle = 1, .grace_ms = 1000};
    cr_expect_eq(world_abort(&w, 0, &abort), (uint64_t)JOBD_JOB_DELAYED);
    world_take_done(&w, 0, 1, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    world_after(&w, 10 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    world_free(&w);
}
