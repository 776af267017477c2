#include <criterion/criterion.h>
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

static struct world_run submit_lost(uint32_t handle, enum world_task task, uint32_t max_lost) {
    struct jd_submit submit = world_job(handle, task);
    submit.max_lost = max_lost;
    cr_assert_eq(world_submit_as(&w, 0, &submit)->error, 0);
    return world_take_run(&w);
}

// The worker of the run dies of the status and is replaced.
static void die(const struct world_run *run, int status, bool started) {
    world_died(&w, run->worker, status, started ? run : NULL);
    world_tree_gone(&w, run->worker);
    world_start(&w);
}

static void expect_lost(uint32_t handle, const char *part) {
    const struct jd_job_done *done =
        world_take_done(&w, 0, handle, JOBD_JOB_LOST, JOBD_E_WORKER_DIED);
    cr_expect(world_text_has(done->text, part), "'%.*s' does not say '%s'", (int)done->text.len,
              (const char *)done->text.data, part);
    cr_expect_eq(done->value.len, 0u);
}

Test(core_death, what_was_not_begun_runs_elsewhere) {
    begin(1);
    struct world_run first = submit_lost(1, WORLD_ONCE, 0), second = submit_lost(2, WORLD_ONCE, 0);
    die(&first, 11, false);
    for (uint32_t i = 1; i <= 2; i++) {
        struct world_run run = world_take_run(&w);
        cr_expect_eq(run.run.job, i == 1 ? first.run.job : second.run.job);
        cr_expect_eq(run.run.attempt, 1u, "no strike");
        cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_STATE, i), "and nothing to tell");
    }
    cr_expect_eq(w.core->counts.retried, 0u);
    cr_expect_eq(w.core->counts.worker_deaths, 1u);
    world_free(&w);
}

Test(core_death, an_idempotent_job_runs_three_times_at_most) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_PURE, 0);
    for (uint32_t k = 1; k <= 2; k++) {
        char text[96];
        uint32_t pid = w.pid[0];
        cr_assert_eq(run.run.attempt, (uint64_t)k);
        die(&run, 11, true);
        snprintf(text, sizeof text,
                 "worker %u was killed by SIGSEGV (signal 11) while running task 'pure'", pid);
        const struct jd_job_state *state = world_take_state(&w, 0, 1, JOBD_JOB_QUEUED);
        cr_expect(world_text_has(state->text, text), "%.*s", (int)state->text.len,
                  (const char *)state->text.data);
        snprintf(text, sizeof text, "the job runs again (run %u of 3)", k + 1);
        cr_expect(world_text_has(state->text, text));
        cr_expect_eq(state->pid, 0u);
        run = world_take_run(&w);
    }
    cr_assert_eq(run.run.attempt, 3u);
    char text[128];
    snprintf(text, sizeof text,
             "worker %u was killed by SIGSEGV (signal 11) while running task 'pure' (run 3 of 3)",
             w.pid[0]);
    die(&run, 11, true);
    expect_lost(1, text);
    cr_expect_eq(w.core->counts.retried, 2u);
    cr_expect_eq(w.core->counts.lost, 1u);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    world_free(&w);
}

Test(core_death, a_retry_can_succeed) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_PURE, 0);
    die(&run, 9, true);
    run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    world_take_state(&w, 0, 1, JOBD_JOB_QUEUED);
    cr_expect_eq(world_take_state(&w, 0, 1, JOBD_JOB_RUNNING)->attempt, 2u);
    world_result(&w, &run, 1);
    cr_expect_eq(world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0)->pid, w.pid[0]);
    world_free(&w);
}

Test(core_death, other_jobs_are_lost_at_once) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0);
    char text[128];
    snprintf(text, sizeof text,
             "worker %u exited with status 3 while running task 'once' (run 1 of 1)", w.pid[0]);
    die(&run, 3 << 8, true);
    expect_lost(1, text);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    world_free(&w);
}

Test(core_death, unless_their_submitter_said_otherwise) {
    begin(1);
    for (uint32_t max_lost = 0; max_lost <= 2; max_lost++) {
        struct world_run run = submit_lost(1, WORLD_ONCE, max_lost);
        for (uint32_t k = 0; k < max_lost; k++) {
            die(&run, 6, true);
            world_take_state(&w, 0, 1, JOBD_JOB_QUEUED);
            run = world_take_run(&w);
            cr_assert_eq(run.run.attempt, k + 2u);
        }
        char text[32];
        snprintf(text, sizeof text, "(run %u of %u)", max_lost + 1, max_lost + 1);
        die(&run, 6, true);
        expect_lost(1, text);
    }
    world_free(&w);
}

Test(core_death, last_words_are_quoted) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0);
    struct board_view board = {.n_started = 1};
    board.started[0].seq = run.run.seq;
    board.started[0].slot = (uint8_t)run.run.slot;
    world_feed(&w, &(struct event){.kind = EVENT_WORKER_DIED,
                                   .worker = 0,
                                   .status = 6,
                                   .board = &board,
                                   .text = jd_text("free(): \x1b[31minvalid\n")});
    const struct jd_job_done *done = world_take_done(&w, 0, 1, JOBD_JOB_LOST, JOBD_E_WORKER_DIED);
    cr_expect(world_text_has(done->text, "SIGABRT"));
    cr_expect(world_text_has(done->text, "; its last output: "));
    cr_expect(world_text_has(done->text, "invalid"));
    cr_expect_not(world_text_has(done->text, "\x1b"), "nothing a terminal would obey");
    world_free(&w);
}

// All it ever sent was fed in before.
Test(core_death, results_come_first) {
    begin(1);
    struct world_run first = submit_lost(1, WORLD_ONCE, 0), second = submit_lost(2, WORLD_ONCE, 0);
    world_result(&w, &first, 1);
    die(&first, 11, true); // its word on the board outlives it
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    cr_expect_eq(world_take_run(&w).run.job, second.run.job);
    cr_expect_eq(w.core->counts.lost, 0u);
    world_free(&w);
}

Test(core_death, a_lost_take_back_means_claimed) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0);
    uint32_t id = world_cancel(&w, 0, 1);
    world_revoked(&w, false);
    cr_expect_not(world_take_cancelled(&w, 0, id));
    die(&run, 11, false); // whatever the page says now
    expect_lost(1, "(run 1 of 1)");
    world_free(&w);
}

Test(core_death, the_page_must_name_the_very_run) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0), other = run;
    other.run.seq += 7;
    world_died(&w, 0, 11, &other);
    world_tree_gone(&w, 0);
    world_start(&w);
    cr_expect_eq(world_take_run(&w).run.attempt, 1u, "as if nothing had happened");
    world_free(&w);
}

// A page that showed it started and then takes it back: what the page says in the end counts.
Test(core_death, a_running_job_may_turn_out_not_to_have_begun) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0);
    world_board(&w, 0, 1, &run);
    world_take_state(&w, 0, 1, JOBD_JOB_RUNNING);
    die(&run, 11, false);
    cr_expect_eq(world_take_run(&w).run.attempt, 1u);
    world_free(&w);
}

Test(core_death, one_death_costs_the_one_job) {
    begin(2);
    world_teach(&w, 0, WORLD_PURE, 100000);
    struct world_run runs[16];
    for (uint32_t i = 0; i < 16; i++) {
        world_submit(&w, 0, i, WORLD_PURE);
        runs[i] = world_take_run(&w);
    }
    world_forget(&w);
    uint32_t n_there = 0;
    for (uint32_t i = 0; i < 16; i++)
        n_there += runs[i].worker == runs[0].worker;
    world_died(&w, runs[0].worker, 11, &runs[0]);
    world_take_state(&w, 0, 0, JOBD_JOB_QUEUED);
    cr_expect_eq(world_count(&w, EFFECT_SEND), 0u, "nobody else notices");
    cr_expect_eq(w.core->pool.n_queued + world_count(&w, EFFECT_DISPATCH), n_there);
    uint64_t last_id = 0;
    while (world_count(&w, EFFECT_DISPATCH) > 0) {
        struct world_run run = world_take_run(&w);
        cr_expect_eq(run.worker, 1 - runs[0].worker);
        cr_expect_gt(run.run.job, last_id, "in the order of their ids");
        last_id = run.run.job;
    }
    world_free(&w);
}

Test(core_death, a_killed_worker_is_told_from_a_dead_one) {
    begin(2);
    die(&(struct world_run){.worker = 0}, 9, false); // killed, but not by us
    cr_expect_eq(w.core->counts.worker_deaths, 1u);
    cr_expect_eq(w.core->workers[0].deaths, 1u);
    world_feed(&w,
               &(struct event){.kind = EVENT_WORKER_BROKEN, .worker = 1, .text = jd_text("noise")});
    die(&(struct world_run){.worker = 1}, 9, false);
    cr_expect_eq(w.core->counts.worker_deaths, 1u);
    cr_expect_eq(w.core->workers[1].deaths, 0u);
    cr_expect_eq(w.core->counts.broken, 1u);
    world_free(&w);
}

Test(core_death, an_unusual_signal_has_a_number) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0);
    die(&run, 40, true);
    expect_lost(1, "was killed by an unusual signal (signal 40)");
    world_free(&w);
}

// ---- blame ----

// The text of a lost job whose worker died as e says, with this on its board.
static void expect_blame(const struct world_run *run, struct board_started started, struct event e,
                         const char *part) {
    struct board_view board = {.n_started = 1};
    started.seq = run->run.seq;
    started.slot = (uint8_t)run->run.slot;
    board.started[0] = started;
    e.kind = EVENT_WORKER_DIED;
    e.worker = run->worker;
    e.board = &board;
    world_feed(&w, &e);
    expect_lost(1, part);
    world_free(&w);
}

static struct world_run begin_chunk(uint32_t n) {
    begin(1);
    struct jd_submit submit = world_job(1, WORLD_ONCE);
    submit.chunk = n;
    cr_assert_eq(world_submit_as(&w, 0, &submit)->error, 0);
    struct world_run run = world_take_run(&w);
    cr_assert_eq(run.run.chunk, n);
    return run;
}

Test(core_death, the_item_of_a_chunk_is_named) {
    struct world_run run = begin_chunk(20);
    expect_blame(&run, (struct board_started){.item = 7}, (struct event){.status = 11},
                 "while running task 'once' at item 7 of 20 (run 1 of 1)");
}

Test(core_death, an_item_that_cannot_be_is_not_believed) {
    struct world_run run = begin_chunk(20);
    expect_blame(&run, (struct board_started){.item = 4000000000u}, (struct event){.status = 11},
                 "at item 19 of 20");
}

Test(core_death, how_far_it_had_come) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0);
    expect_blame(&run, (struct board_started){.progress = 0.25, .note = "row 5"},
                 (struct event){.status = 11}, "while running task 'once' at 25 %: row 5 (run");
}

Test(core_death, progress_that_is_no_fraction_is_not_told) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0);
    expect_blame(&run, (struct board_started){.progress = 1e300}, (struct event){.status = 11},
                 "while running task 'once' (run 1 of 1)");
}

Test(core_death, what_it_had_used) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0);
    expect_blame(&run, (struct board_started){0},
                 (struct event){.status = 11,
                                .usage = {.cpu_ns = 3 * WORLD_S / 2, .max_rss_bytes = 5 << 19}},
                 "(run 1 of 1); it had used 1.50 s of CPU and at most 2.5 MiB");
}

Test(core_death, that_the_machine_was_out_of_memory) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_ONCE, 0);
    expect_blame(&run, (struct board_started){0},
                 (struct event){.status = 9, .usage = {.out_of_memory = true}},
                 "was killed by SIGKILL (signal 9): the machine was out of memory");
}

Test(core_death, a_job_that_kills_its_workers_is_named) {
    begin(1);
    struct world_run run = submit_lost(1, WORLD_PURE, 0);
    for (int i = 0; i < 2; i++) {
        die(&run, 11, true);
        run = world_take_run(&w);
    }
    expect_blame(&run, (struct board_started){0}, (struct event){.status = 11},
                 "(run 3 of 3); it kills its workers and is not run again");
}

// The results before it are the client's.
Test(core_death, a_chunk_that_fails_brings_what_came_before) {
    struct world_run run = begin_chunk(3);
    struct jd_result result = {.slot = run.run.slot,
                               .seq = run.run.seq,
                               .value = {"\x91\x07", 2},
                               .error = -JOBD_E_TASK,
                               .name = jd_text("odd"),
                               .text = jd_text("3 is odd")};
    world_result_as(&w, 0, &result);
    const struct jd_job_done *done = world_take_done(&w, 0, 1, JOBD_JOB_FAILED, JOBD_E_TASK);
    cr_expect_eq(done->value.len, 2u);
    cr_expect(world_text_has(done->text, "3 is odd"));
    world_free(&w);
}
