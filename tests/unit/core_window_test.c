#include <criterion/criterion.h>
#include <stdlib.h>

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

// Submits n jobs; how many of them the worker is sent at once.
static uint32_t window_of(uint32_t n, enum world_task task) {
    world_forget(&w);
    for (uint32_t i = 0; i < n; i++)
        world_submit(&w, 0, i, task);
    return world_count(&w, EFFECT_DISPATCH);
}

static void submit_bytes(uint32_t handle, size_t n_bytes) {
    static const uint8_t bytes[200000];
    struct jd_submit submit = world_job(handle, WORLD_PURE);
    submit.args = (jobd_bytes){bytes, n_bytes};
    cr_assert_eq(world_submit_as(&w, 0, &submit)->error, 0);
}

static void expect_killed(void) {
    const struct effect *fx = world_take(&w, EFFECT_SIGNAL);
    cr_expect_eq(fx->worker, 0u);
    cr_expect_eq(fx->signal, 9);
}

// ---- how many ----

Test(core_window, two_of_an_unknown_task) {
    begin();
    cr_expect_eq(window_of(10, WORLD_PURE), 2u);
    world_free(&w);
}

Test(core_window, two_until_eight_runs_are_known) {
    begin();
    world_submit(&w, 0, 500, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    for (uint32_t runs = 1; runs < 8; runs++) {
        world_submit(&w, 0, 500 + runs, WORLD_PURE); // one is always out, one is waiting
        world_result(&w, &run, 1000);
        run = world_take_run(&w);
        world_submit(&w, 0, 600, WORLD_PURE);
        world_submit(&w, 0, 601, WORLD_PURE);
        world_take_run(&w); // 600, which is taken back
        cr_assert_eq(w.core->workers[0].n_out, 2u, "after %u runs", runs);
        world_cancel(&w, 0, 601);
        world_cancel(&w, 0, 600);
        world_revoked_all(&w, true);
    }
    world_free(&w);
}

Test(core_window, two_of_a_task_over_half_a_millisecond) {
    begin();
    world_teach(&w, 0, WORLD_PURE, 500001);
    cr_expect_eq(window_of(10, WORLD_PURE), 2u);
    world_free(&w);
}

Test(core_window, a_millisecond_of_a_short_task) {
    static const struct {
        uint64_t run_ns;
        uint32_t n;
    } cases[] = {{500000, 2}, {250000, 4}, {100000, 10}, {10000, 100},
                 {4000, 250}, {3900, 256}, {100, 256},   {0, 256}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        begin();
        world_teach(&w, 0, WORLD_PURE, cases[i].run_ns);
        cr_expect_eq(window_of(300, WORLD_PURE), cases[i].n, "%u ns", (unsigned)cases[i].run_ns);
        world_free(&w);
    }
}

// A short task behind a long one: the long one has used up the millisecond.
Test(core_window, a_long_task_leaves_room_for_one_more) {
    begin();
    world_teach(&w, 0, WORLD_PURE, 1000);
    world_submit(&w, 0, 900, WORLD_ONCE);
    cr_expect_eq(window_of(10, WORLD_PURE), 1u);
    world_free(&w);
}

Test(core_window, at_most_64_kib) {
    begin();
    world_teach(&w, 0, WORLD_PURE, 100);
    world_forget(&w);
    for (uint32_t i = 0; i < 10; i++)
        submit_bytes(i, 10000);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 6u, "with their heads, seven are too many");
    cr_expect_leq(w.core->workers[0].bytes, (uint32_t)JD_WINDOW_BYTES);
    world_free(&w);
}

Test(core_window, one_larger_job_goes_alone) {
    begin();
    world_teach(&w, 0, WORLD_PURE, 100);
    world_forget(&w);
    submit_bytes(0, 200000);
    submit_bytes(1, 1);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 1u);
    struct world_run large = world_take_run(&w);
    world_result(&w, &large, 100);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 1u);
    submit_bytes(2, 200000);
    submit_bytes(3, 1);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 1u, "not behind another, and in order");
    world_free(&w);
}

// ---- slots ----

Test(core_window, no_slot_is_used_twice_at_once) {
    bool used[JD_WINDOW_MAX] = {false};
    begin();
    world_teach(&w, 0, WORLD_PURE, 100);
    cr_assert_eq(window_of(300, WORLD_PURE), (uint32_t)JD_WINDOW_MAX);
    uint64_t last_seq = 8; // used for teaching
    for (uint32_t i = 0; i < JD_WINDOW_MAX; i++) {
        struct world_run run = world_take_run(&w);
        cr_assert_not(used[run.run.slot]);
        used[run.run.slot] = true;
        cr_assert_eq(run.run.seq, ++last_seq);
    }
    world_free(&w);
}

Test(core_window, a_void_slot_waits_until_its_frame_was_read) {
    begin();
    world_teach(&w, 0, WORLD_PURE, 100);
    const struct worker *worker = &w.core->workers[0];
    // 256 frames are out and unread, all taken back but the first.
    cr_assert_eq(window_of(JD_WINDOW_MAX, WORLD_PURE), (uint32_t)JD_WINDOW_MAX);
    struct world_run first = world_take_run(&w);
    for (uint32_t i = 1; i < JD_WINDOW_MAX; i++) {
        uint32_t id = world_cancel(&w, 0, i);
        world_revoked(&w, true);
        cr_assert(world_take_cancelled(&w, 0, id));
    }
    cr_expect_eq(worker->n_void, JD_WINDOW_MAX - 1u);
    world_forget(&w);
    for (uint32_t i = 1; i < JD_WINDOW_MAX; i++)
        world_submit(&w, 0, i, WORLD_ONCE);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    cr_expect_eq(worker->n_free, 0u);
    world_board(&w, 0, first.run.seq + 3, NULL); // three of them were read
    cr_expect_eq(worker->n_void, JD_WINDOW_MAX - 4u);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 1u, "and one is in use again");
    world_board(&w, 0, first.run.seq + 2, NULL);          // old news
    world_board(&w, 0, first.run.seq + UINT32_MAX, NULL); // a lie
    cr_expect_eq(worker->n_void, JD_WINDOW_MAX - 4u);
    world_free(&w);
}

Test(core_window, a_result_says_what_was_read) {
    begin();
    world_submit(&w, 0, 1, WORLD_PURE);
    world_submit(&w, 0, 2, WORLD_PURE);
    struct world_run first = world_take_run(&w), second = world_take_run(&w);
    world_cancel(&w, 0, 1);
    world_revoked(&w, true);
    cr_expect_eq(w.core->workers[0].n_void, 1u);
    world_result(&w, &second, 1);
    cr_expect_eq(w.core->workers[0].n_void, 0u, "it came after %u", (unsigned)first.run.seq);
    cr_expect_eq(w.core->workers[0].n_free, (uint32_t)JD_WINDOW_MAX);
    world_free(&w);
}

// ---- results that nobody is waiting for ----

// The worker is killed; its other job runs elsewhere, the one it had started is tried again.
static void expect_broken(const struct world_run *started) {
    cr_expect_eq(w.core->counts.broken, 1u);
    expect_killed();
    world_died(&w, 0, 9, started);
    cr_expect_eq(w.core->workers[0].n_out, 0u);
    cr_expect_eq(w.core->counts.worker_deaths, 0u, "our own kills are no deaths");
    world_tree_gone(&w, 0);
    world_start(&w);
}

static void two_jobs(struct world_run *ret_first, struct world_run *ret_second) {
    begin();
    world_submit(&w, 0, 1, WORLD_PURE);
    world_submit(&w, 0, 2, WORLD_ONCE);
    *ret_first = world_take_run(&w);
    *ret_second = world_take_run(&w);
}

static void expect_both_run_again(void) {
    for (uint32_t i = 1; i <= 2; i++) {
        struct world_run run = world_take_run(&w);
        cr_expect_eq(run.run.job, (uint64_t)i);
        world_result(&w, &run, 1);
        world_take_done(&w, 0, i, JOBD_JOB_DONE, 0);
    }
    world_free(&w);
}

Test(core_window, a_result_for_an_empty_slot) {
    struct world_run first, second;
    two_jobs(&first, &second);
    world_result_as(&w, 0, &(struct jd_result){.slot = 200, .seq = first.run.seq});
    expect_broken(&first);
    expect_both_run_again();
}

Test(core_window, a_result_of_another_run) {
    struct world_run first, second;
    two_jobs(&first, &second);
    world_result_as(&w, 0, &(struct jd_result){.slot = first.run.slot, .seq = second.run.seq});
    expect_broken(&first);
    expect_both_run_again();
}

Test(core_window, a_result_twice) {
    struct world_run first, second;
    two_jobs(&first, &second);
    world_result(&w, &first, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_result(&w, &first, 1);
    expect_broken(NULL);
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_DONE, 1), "told once");
    cr_expect_eq(world_take_run(&w).run.job, 2u);
    world_free(&w);
}

Test(core_window, a_result_of_a_job_taken_back) {
    struct world_run first, second;
    two_jobs(&first, &second);
    world_cancel(&w, 0, 2);
    world_revoked(&w, true);
    world_take_done(&w, 0, 2, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    world_result(&w, &second, 1);
    expect_broken(NULL);
    cr_expect_eq(world_take_run(&w).run.job, 1u);
    world_free(&w);
}

Test(core_window, a_message_that_no_worker_sends) {
    struct world_run first, second;
    two_jobs(&first, &second);
    struct jd_msg msg = {.shape = JD_REQUEST, .op = JD_OP_STATUS};
    world_feed(&w, &(struct event){.kind = EVENT_WORKER_MESSAGE, .worker = 0, .msg = &msg});
    expect_broken(&first);
    expect_both_run_again();
}

// Non-idempotent jobs that a liar had claimed are lost: they may have run.
Test(core_window, noise_costs_the_job_that_was_running) {
    struct world_run first, second;
    two_jobs(&first, &second);
    world_result(&w, &first, 1);
    world_feed(
        &w, &(struct event){.kind = EVENT_WORKER_BROKEN, .worker = 0, .text = jd_text("garbage")});
    world_feed(&w,
               &(struct event){.kind = EVENT_WORKER_BROKEN, .worker = 0, .text = jd_text("more")});
    expect_broken(&second);
    world_take_done(&w, 0, 2, JOBD_JOB_LOST, JOBD_E_WORKER_DIED);
    world_free(&w);
}
