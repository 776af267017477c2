#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "mem.h"
#include "support/core_world.h"

static struct core_world w;

// One worker is ready, client 0 has an executor.
static void begin_with(const struct core_config *cfg) {
    world_init(&w, cfg);
    world_start(&w);
    world_client(&w, 0);
    world_forget(&w);
}

static void begin(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    begin_with(&cfg);
}

// Refused with this code and a text that says so; nothing else has changed.
static void expect_refused(const struct jd_submit *submit, int error, const char *part) {
    uint32_t used = w.core->jobs.slab.used;
    uint64_t bytes = w.core->jobs.args_bytes, next_id = core_next_id(w.core);
    uint64_t refused = w.core->counts.refused;
    const struct jd_msg *reply = world_submit_as(&w, 0, submit);
    cr_expect_eq(reply->error, error, "%s, not %s", jobd_errname(reply->error),
                 jobd_errname(error));
    cr_expect(world_text_has(reply->text, part), "'%.*s' does not say '%s'", (int)reply->text.len,
              (const char *)reply->text.data, part);
    cr_expect_eq(w.core->jobs.slab.used, used);
    cr_expect_eq(w.core->jobs.args_bytes, bytes);
    cr_expect_eq(core_next_id(w.core), next_id);
    cr_expect_eq(w.core->counts.refused, refused + 1);
    cr_expect_eq(world_count(&w, EFFECT_SEND), 0u, "a refused submit gets no event");
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
}

// ---- ids ----

Test(core_submit, ids_are_dense_and_start_where_they_should) {
    struct core_config cfg = world_config();
    cfg.first_job_id = 700;
    begin_with(&cfg);
    world_client(&w, 1);
    struct jd_submit unknown = world_job(50, WORLD_PURE);
    unknown.task = jd_text("nothing");
    for (uint32_t i = 0; i < 20; i++) {
        cr_assert_eq(core_next_id(w.core), 700 + i);
        cr_assert_eq(world_submit(&w, i % 2, i, WORLD_PURE), 700 + i);
        world_submit_as(&w, 0, &unknown); // costs no id
    }
    cr_expect_eq(core_next_id(w.core), 720u);
    world_free(&w);
}

Test(core_submit, the_next_block_of_ids_is_asked_for_at_half) {
    struct core_config cfg = world_config();
    cfg.id_limit = CORE_ID_BLOCK / 2 + 3;
    begin_with(&cfg);
    world_submit(&w, 0, 1, WORLD_PURE);
    cr_expect_eq(world_count(&w, EFFECT_RESERVE_IDS), 0u);
    world_submit(&w, 0, 2, WORLD_PURE);
    uint64_t limit = world_take(&w, EFFECT_RESERVE_IDS)->limit;
    cr_expect_eq(limit, cfg.id_limit + CORE_ID_BLOCK);
    world_submit(&w, 0, 3, WORLD_PURE);
    cr_expect_eq(world_count(&w, EFFECT_RESERVE_IDS), 0u, "asked once");
    world_feed(&w, &(struct event){.kind = EVENT_IDS, .limit = limit});
    cr_expect_eq(world_count(&w, EFFECT_RESERVE_IDS), 0u);
    world_free(&w);
}

Test(core_submit, a_core_that_stops_asks_for_no_more_ids) {
    struct core_config cfg = world_config();
    cfg.id_limit = CORE_ID_BLOCK / 2 + 1; // half is gone from the start
    world_init(&w, &cfg);
    world_feed(&w, &(struct event){.kind = EVENT_STOP});
    cr_expect_eq(world_count(&w, EFFECT_EXIT), 1u);
    cr_expect_eq(world_count(&w, EFFECT_RESERVE_IDS), 0u, "nobody is left to answer");
    world_free(&w);
}

Test(core_submit, out_of_ids_means_try_again) {
    struct core_config cfg = world_config();
    cfg.id_limit = 3;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    uint64_t limit = world_take(&w, EFFECT_RESERVE_IDS)->limit;
    cr_expect_eq(limit, 3 + CORE_ID_BLOCK);
    world_forget(&w);
    cr_expect_eq(world_submit(&w, 0, 1, WORLD_PURE), 1u);
    cr_expect_eq(world_submit(&w, 0, 2, WORLD_PURE), 2u);
    world_forget(&w);
    struct jd_submit submit = world_job(3, WORLD_PURE);
    expect_refused(&submit, JOBD_E_AGAIN, "try again");
    world_feed(&w, &(struct event){.kind = EVENT_IDS, .limit = limit});
    cr_expect_eq(world_submit(&w, 0, 3, WORLD_PURE), 3u);
    world_free(&w);
}

// ---- refusals ----

Test(core_submit, an_executor_that_is_not_open) {
    begin();
    struct jd_submit submit = world_job(1, WORLD_PURE);
    submit.executor = WORLD_EXECUTOR + 1;
    expect_refused(&submit, JOBD_E_NOENT, "executor 4 is not open");
    submit.executor = JD_EXECUTORS_MAX;
    expect_refused(&submit, JOBD_E_NOENT, "executor 1024 is not open");
    world_free(&w);
}

Test(core_submit, a_handle_in_use) {
    begin();
    world_submit(&w, 0, 9, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    struct jd_submit submit = world_job(9, WORLD_PURE);
    expect_refused(&submit, JOBD_E_STATE, "handle 9 is in use by an unfinished job");
    world_client(&w, 1);
    world_submit(&w, 1, 9, WORLD_PURE); // handles are each client's own
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 9, JOBD_JOB_DONE, 0);
    world_submit(&w, 0, 9, WORLD_PURE); // free again
    world_free(&w);
}

Test(core_submit, arguments_that_fit_no_frame) {
    begin();
    size_t most = w.cfg.max_frame_bytes - JD_ENVELOPE_BYTES;
    void *bytes = calloc(1, most + 1);
    struct jd_submit submit = world_job(1, WORLD_PURE);
    submit.args = (jobd_bytes){bytes, most + 1};
    expect_refused(&submit, JOBD_E_MSGSIZE, "1047553 bytes of arguments; the limit is 1047552");
    submit.args.len = most;
    cr_expect_eq(world_submit_as(&w, 0, &submit)->error, 0);
    cr_expect_eq(world_take_run(&w).run.args.len, most);
    free(bytes);
    world_free(&w);
}

Test(core_submit, too_many_jobs) {
    struct core_config cfg = world_config();
    cfg.max_jobs = 5;
    begin_with(&cfg);
    for (uint32_t i = 0; i < 5; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    world_forget(&w);
    struct jd_submit submit = world_job(5, WORLD_PURE);
    expect_refused(&submit, JOBD_E_LIMIT, "5 jobs are waiting or running; the limit is max_jobs");
    world_result(&w, &run, 1);
    world_submit(&w, 0, 5, WORLD_PURE);
    world_free(&w);
}

Test(core_submit, too_many_bytes) {
    static const uint8_t bytes[600];
    struct core_config cfg = world_config();
    cfg.max_queued_bytes = 1000;
    begin_with(&cfg);
    struct jd_submit submit = world_job(1, WORLD_PURE);
    submit.args = (jobd_bytes){bytes, 600};
    cr_assert_eq(world_submit_as(&w, 0, &submit)->error, 0);
    struct world_run run = world_take_run(&w);
    submit.handle = 2;
    submit.args.len = 401;
    expect_refused(&submit, JOBD_E_LIMIT,
                   "600 bytes of arguments are held; the limit is max_queued_bytes");
    submit.args.len = 400;
    cr_expect_eq(world_submit_as(&w, 0, &submit)->error, 0);
    cr_expect_eq(w.core->jobs.args_bytes, 1000u);
    world_result(&w, &run, 1);
    cr_expect_eq(w.core->jobs.args_bytes, 400u);
    world_free(&w);
}

Test(core_submit, a_task_that_nobody_has) {
    begin();
    struct jd_submit submit = world_job(1, WORLD_PURE);
    submit.task = jd_text("pign");
    expect_refused(&submit, JOBD_E_NOTASK, "no task is named 'pign'; did you mean 'ping'?");
    submit.task = jd_text("completely-different");
    expect_refused(&submit, JOBD_E_NOTASK,
                   "no task is named 'completely-different'; `jobctl tasks` lists them");
    submit.task = jd_text("rm -rf");
    expect_refused(&submit, JOBD_E_NOTASK, "that is no task's name");
    submit.task = (jobd_bytes){0};
    expect_refused(&submit, JOBD_E_NOTASK, "that is no task's name");
    world_free(&w);
}

Test(core_submit, a_daemon_that_stops) {
    begin();
    world_submit(&w, 0, 1, WORLD_PURE);
    world_feed(&w, &(struct event){.kind = EVENT_STOP});
    world_forget(&w);
    struct jd_submit submit = world_job(2, WORLD_PURE);
    expect_refused(&submit, JOBD_E_STOPPING, "the daemon is stopping; it takes no new jobs");
    world_free(&w);
}

// ---- what is accepted ----

// A job's whole life in one step's effects: first its reply, which waits for company.
Test(core_submit, the_reply_is_lazy_and_comes_first) {
    begin();
    struct jd_msg msg = {.op = JD_OP_SUBMIT};
    msg.u.submit = world_job(4, WORLD_PURE);
    uint32_t id = world_request(&w, 0, &msg);
    cr_assert_eq(w.n_seen, 2u);
    const struct effect *reply = &w.seen[0]->fx, *dispatch = &w.seen[1]->fx;
    cr_expect_eq(reply->kind, EFFECT_SEND);
    cr_expect(reply->lazy);
    cr_expect_eq(reply->msg.id, id);
    cr_expect_eq(dispatch->kind, EFFECT_DISPATCH);
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    const struct effect *done = &w.seen[2]->fx;
    cr_expect_eq(done->msg.op, JD_OP_JOB_DONE);
    cr_expect_not(done->lazy);
    world_free(&w);
}

Test(core_submit, what_the_worker_gets) {
    static const uint8_t args[40] = {0x92, 1, 2, 3};
    begin();
    for (size_t len = 0; len <= sizeof args; len++) { // 16 bytes fit the record, more do not
        struct jd_submit submit = world_job(4, WORLD_PING);
        submit.args = (jobd_bytes){args, len};
        submit.time_limit_ms = len * 1000;
        const struct jd_msg *reply = world_submit_as(&w, 0, &submit);
        cr_assert_eq(reply->error, 0);
        struct world_run run = world_take_run(&w);
        cr_expect_eq(run.run.job, reply->u.submit_ok.job);
        cr_expect_eq(run.run.task, (uint64_t)WORLD_PING);
        cr_expect_eq(run.run.attempt, 1u);
        cr_expect_eq(run.run.seq, len + 1, "the sequence counts frames");
        cr_expect_eq(run.run.time_limit_ms, len * 1000);
        cr_assert_eq(run.run.args.len, len);
        cr_expect(len == 0 || memcmp(run.run.args.data, args, len) == 0);
        world_result(&w, &run, 1);
        world_forget(&w);
    }
    world_free(&w);
}

Test(core_submit, what_the_client_gets) {
    begin();
    world_after(&w, WORLD_S);
    world_submit(&w, 0, 4, WORLD_ONCE);
    struct world_run run = world_take_run(&w);
    struct jd_result result = {
        .slot = run.run.slot, .seq = run.run.seq, .run_ns = 5000, .value = {"\xa3yes", 4}};
    world_result_as(&w, 0, &result);
    const struct jd_job_done *done = world_take_done(&w, 0, 4, JOBD_JOB_DONE, 0);
    cr_expect_eq(done->pid, w.pid[0]);
    cr_expect_eq(done->run_ns, 5000u);
    cr_expect_eq(done->value.len, 4u);
    cr_expect_arr_eq(done->value.data, "\xa3yes", 4);
    cr_expect_eq(done->text.len, 0u);

    world_submit(&w, 0, 4, WORLD_ONCE);
    run = world_take_run(&w);
    result = (struct jd_result){.slot = run.run.slot,
                                .seq = run.run.seq,
                                .run_ns = 3600 * WORLD_S, // more than the worker has lived
                                .value = {"\xc0", 1},
                                .error = -JOBD_E_TASK,
                                .name = jd_text("bad_args"),
                                .text = jd_text("two numbers, please")};
    world_result_as(&w, 0, &result);
    done = world_take_done(&w, 0, 4, JOBD_JOB_FAILED, JOBD_E_TASK);
    cr_expect_eq(done->run_ns, WORLD_S, "clamped");
    cr_expect_eq(done->value.len, 0u);
    cr_expect(world_text_has(done->name, "bad_args"));
    cr_expect(world_text_has(done->text, "two numbers, please"));
    cr_expect_eq(w.core->counts.done, 1u);
    cr_expect_eq(w.core->counts.failed, 1u);
    world_free(&w);
}

// Before the first worker has said what there is, any name may be right.
Test(core_submit, before_the_first_worker_jobs_wait) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_client(&w, 0);
    world_submit(&w, 0, 1, WORLD_PURE);
    struct jd_submit unknown = world_job(2, WORLD_PURE);
    unknown.task = jd_text("prue");
    cr_assert_eq(world_submit_as(&w, 0, &unknown)->error, 0);
    struct jd_submit no_name = world_job(3, WORLD_PURE);
    no_name.task = jd_text("?");
    cr_expect_eq(world_submit_as(&w, 0, &no_name)->error, JOBD_E_NOTASK);
    world_after(&w, WORLD_S);
    cr_assert_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    cr_assert_null(world_find_event(&w, 0, JD_OP_JOB_DONE, 2));

    world_start(&w);
    struct world_run run = world_take_run(&w);
    cr_expect_eq(run.run.job, 1u);
    cr_expect_eq(run.run.task, (uint64_t)WORLD_PURE);
    const struct jd_job_done *done = world_take_done(&w, 0, 2, JOBD_JOB_FAILED, JOBD_E_NOTASK);
    cr_expect(world_text_has(done->text, "no task is named 'prue'; did you mean 'pure'?"));
    cr_expect_eq(done->pid, 0u);
    cr_expect_eq(world_submit_as(&w, 0, &unknown)->error, JOBD_E_NOTASK, "known by now");
    world_free(&w);
}

// However many names were tried meanwhile, the worker's own still find room.
Test(core_submit, wrong_names_do_not_keep_the_first_worker_out) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_client(&w, 0);
    uint32_t n_refused = 0;
    for (uint32_t i = 0; i < JD_TASKS_MAX + 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "guess-%u", i);
        struct jd_submit submit = world_job(i, WORLD_PURE);
        submit.task = jd_text(name);
        const struct jd_msg *reply = world_submit_as(&w, 0, &submit);
        cr_assert(reply->error == 0 || reply->error == JOBD_E_LIMIT);
        n_refused += reply->error != 0;
    }
    cr_expect_geq(n_refused, 10u);
    world_start(&w);
    cr_expect_eq(w.core->pool.n_ready, 1u);
    world_settle(&w);
    cr_expect_eq(w.core->counts.failed, JD_TASKS_MAX + 10 - n_refused);
    world_submit(&w, 0, JD_HANDLE_MAX, WORLD_PURE);
    cr_expect_eq(world_take_run(&w).worker, 0u);
    world_free(&w);
}

// ---- executors ----

static int open_error(uint32_t executor, const char *pool, const char *part) {
    uint32_t id = world_open(&w, 0, executor, pool);
    const struct effect *fx = world_take_reply(&w, 0, id);
    if (fx->msg.error)
        cr_expect(world_text_has(fx->msg.text, part));
    else
        cr_expect(fx->lazy);
    return fx->msg.error;
}

static int close_error(uint32_t executor) {
    struct jd_msg msg = {.op = JD_OP_EXECUTOR_CLOSE};
    msg.u.executor_close.executor = executor;
    uint32_t id = world_request(&w, 0, &msg);
    return world_take_reply(&w, 0, id)->msg.error;
}

Test(core_submit, executors) {
    begin();
    cr_expect_eq(open_error(WORLD_EXECUTOR, "default", "open already"), JOBD_E_STATE);
    cr_expect_eq(open_error(0, "gpu", "there is no pool 'gpu'; there are 'default', 'threads'"),
                 JOBD_E_NOENT);
    cr_expect_eq(open_error(0, "\x1b[2J", "there is no pool ''"), JOBD_E_NOENT);
    cr_expect_eq(open_error(0, "default", ""), 0);
    cr_expect_eq(open_error(JD_EXECUTORS_MAX, "default", ""), 0);
    cr_expect_eq(close_error(1), JOBD_E_NOENT);
    cr_expect_eq(close_error(0), 0);
    cr_expect_eq(close_error(0), JOBD_E_NOENT);
    cr_expect_eq(open_error(0, "default", ""), 0, "the number may be used again");
    world_free(&w);
}

Test(core_submit, jobs_outlive_their_executor) {
    begin();
    for (uint32_t i = 1; i <= 4; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    cr_assert_eq(close_error(WORLD_EXECUTOR), 0);
    struct jd_submit submit = world_job(5, WORLD_PURE);
    cr_expect_eq(world_submit_as(&w, 0, &submit)->error, JOBD_E_NOENT);
    for (uint32_t i = 1; i <= 4; i++) {
        struct world_run run = world_take_run(&w);
        world_result(&w, &run, 1);
        world_take_done(&w, 0, i, JOBD_JOB_DONE, 0);
    }
    world_free(&w);
}
