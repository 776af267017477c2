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

static void stop(bool now) {
    world_feed(&w, &(struct event){.kind = EVENT_STOP, .now = now});
}

// ---- time ----

Test(core, time_does_not_run_backwards) {
    begin(1);
    w.now_ns += WORLD_S;
    world_tick(&w);
    uint64_t now_ns = w.now_ns;
    w.now_ns -= WORLD_S;
    struct jd_msg msg = {.op = JD_OP_PING};
    uint32_t id = world_request(&w, 0, &msg);
    cr_expect_eq(world_take_reply(&w, 0, id)->msg.u.pong.now_ns, now_ns);
    world_free(&w);
}

Test(core, a_tick_too_many_does_nothing) {
    begin(2);
    world_submit(&w, 0, 1, WORLD_PURE);
    world_forget(&w);
    for (int i = 0; i < 100; i++)
        world_tick(&w);
    cr_expect_eq(w.n_seen, 0u);
    world_free(&w);
}

Test(core, a_free_core_of_nothing) {
    core_free(NULL);
}

// ---- the way down ----

// The workers leave when told to, their trees go, the clients close: then, and no sooner, the end.
static void expect_exit(uint32_t n_workers) {
    for (uint32_t i = 0; i < n_workers; i++) {
        uint32_t worker = world_take(&w, EFFECT_HANG_UP)->worker;
        world_died(&w, worker, 0, NULL);
        cr_expect_eq(world_count(&w, EFFECT_EXIT), 0u);
        cr_expect_eq(world_count(&w, EFFECT_CLOSE), 0u);
        world_tree_gone(&w, worker);
    }
    const struct effect *bye = world_take(&w, EFFECT_CLOSE);
    cr_expect_eq(bye->error, JOBD_E_CLOSED);
    cr_expect(world_text_has(bye->text, "the daemon has stopped"));
    cr_expect_eq(world_count(&w, EFFECT_EXIT), 0u);
    world_close(&w, bye->peer);
    cr_expect_eq(world_count(&w, EFFECT_EXIT), 1u);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u, "nobody is replaced");
    cr_expect_eq(world_count(&w, EFFECT_HANG_UP), 0u);
    cr_expect_eq(w.core->counts.worker_deaths, 0u);
    world_free(&w);
}

Test(core, an_idle_daemon_stops_at_once) {
    begin(3);
    stop(false);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    expect_exit(3);
}

Test(core, a_daemon_without_anybody) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    stop(false);
    cr_expect_eq(world_count(&w, EFFECT_EXIT), 1u);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    world_free(&w);
}

Test(core, jobs_are_finished_first) {
    begin(1);
    for (uint32_t i = 1; i <= 4; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    stop(false);
    struct jd_submit submit = world_job(5, WORLD_PURE);
    cr_expect_eq(world_submit_as(&w, 0, &submit)->error, JOBD_E_STOPPING);
    for (uint32_t i = 1; i <= 4; i++) {
        cr_expect_eq(world_count(&w, EFFECT_HANG_UP), 0u);
        struct world_run run = world_take_run(&w);
        world_result(&w, &run, 1);
        world_take_done(&w, 0, i, JOBD_JOB_DONE, 0);
    }
    expect_exit(1);
}

Test(core, a_worker_is_replaced_while_jobs_wait_for_it) {
    begin(1);
    world_submit(&w, 0, 1, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    stop(false);
    world_died(&w, 0, 11, &run);
    world_tree_gone(&w, 0);
    world_start(&w);
    run = world_take_run(&w);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    cr_expect_eq(world_count(&w, EFFECT_HANG_UP), 1u);
    world_free(&w);
}

// One runs and will not end, one is sent, one waits.
static struct world_run begin_to_drain(void) {
    begin(1);
    for (uint32_t i = 1; i <= 3; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 2, &run);
    world_forget(&w);
    stop(false);
    return run;
}

static void expect_the_rest_to_be_ended(const struct world_run *run) {
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 1u);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    const struct jd_job_done *done =
        world_take_done(&w, 0, 3, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect(world_text_has(done->text, "the daemon stopped before the job was started"));
    world_died(&w, 0, 9, run);
    done = world_take_done(&w, 0, 1, JOBD_JOB_KILLED, JOBD_E_KILLED);
    cr_expect(world_text_has(done->text, "the daemon stopped before the job was finished"));
    cr_expect_eq(done->pid, w.pid[0]);
    world_take_done(&w, 0, 2, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    world_tree_gone(&w, 0);
    expect_exit(0);
}

Test(core, when_the_drain_is_over_the_rest_is_ended) {
    struct world_run run = begin_to_drain();
    world_after(&w, w.cfg.drain_ns - 1);
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    cr_assert_null(world_find_event(&w, 0, JD_OP_JOB_DONE, 3));
    world_after(&w, 1);
    expect_the_rest_to_be_ended(&run);
}

Test(core, a_second_stop_means_now) {
    struct world_run run = begin_to_drain();
    world_after(&w, WORLD_S);
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    stop(true);
    expect_the_rest_to_be_ended(&run);
}

Test(core, a_second_polite_stop_changes_nothing) {
    struct world_run run = begin_to_drain();
    world_after(&w, WORLD_S);
    stop(false);
    world_after(&w, w.cfg.drain_ns - WORLD_S - 1);
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_after(&w, 1);
    expect_the_rest_to_be_ended(&run);
}

Test(core, a_result_still_counts_while_all_is_being_killed) {
    struct world_run run = begin_to_drain();
    stop(true);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core, a_client_can_ask_for_the_end) {
    begin(1);
    struct jd_msg msg = {.op = JD_OP_SHUTDOWN};
    uint32_t id = world_request(&w, 0, &msg);
    cr_expect_eq(world_take_reply(&w, 0, id)->msg.error, 0, "answered before all else");
    expect_exit(1);
}

Test(core, a_client_can_ask_for_it_now) {
    begin(1);
    world_submit(&w, 0, 1, WORLD_PURE);
    struct jd_msg msg = {.op = JD_OP_SHUTDOWN};
    msg.u.shutdown.now = true;
    world_request(&w, 0, &msg);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_free(&w);
}

Test(core, starts_under_way_are_killed) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_client(&w, 0); // a step: the worker is being started
    world_take(&w, EFFECT_SPAWN);
    stop(false);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9); // it may not be there yet
    world_spawned(&w, 0);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, 0, 9, NULL);
    cr_expect_eq(w.core->pool.failed_starts, 0u, "our own kills do not count");
    world_tree_gone(&w, 0);
    expect_exit(0);
}

Test(core, who_does_not_leave_is_killed) {
    begin(1);
    stop(false);
    world_take(&w, EFFECT_HANG_UP);
    world_after(&w, 2 * WORLD_S - 1);
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_after(&w, 1);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, 0, 9, NULL);
    world_tree_gone(&w, 0);
    expect_exit(0);
}

Test(core, late_clients_are_sent_away) {
    begin(1);
    stop(false);
    world_take(&w, EFFECT_HANG_UP);
    world_died(&w, 0, 0, NULL);
    world_tree_gone(&w, 0);
    cr_expect_eq(world_take(&w, EFFECT_CLOSE)->peer, 0u);
    world_connect(&w, 7);
    world_connect(&w, 3);
    cr_expect_eq(world_take(&w, EFFECT_CLOSE)->peer, 7u);
    cr_expect_eq(world_take(&w, EFFECT_CLOSE)->peer, 3u);
    cr_expect_eq(world_count(&w, EFFECT_CLOSE), 0u);
    world_close(&w, 7);
    world_close(&w, 0);
    cr_expect_eq(world_count(&w, EFFECT_EXIT), 0u);
    world_close(&w, 3);
    cr_expect_eq(world_count(&w, EFFECT_EXIT), 1u);
    world_free(&w);
}

Test(core, the_end_of_very_many_jobs_takes_several_steps) {
    begin(1);
    w.audit_every = 1000;
    for (uint32_t i = 0; i < 3500; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    w.audit_every = 1;
    world_forget(&w);
    stop(true);
    unsigned steps = 1;
    for (; w.core->pool.n_queued > 0; steps++) {
        cr_assert_eq(core_next_deadline(w.core), w.now_ns);
        world_tick(&w);
    }
    cr_expect_eq(steps, 4u);
    cr_expect_eq(w.core->counts.cancelled, 3498u);
    world_free(&w);
}
