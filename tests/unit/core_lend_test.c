// Slots that are lent: a task calls, others run in its place, and it goes on.
#include <criterion/criterion.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

enum { EX = 9 };

static void begin_with(uint32_t workers, uint32_t threads, uint32_t max_lent) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    struct jd_pool_create pool = {
        .pool = jd_text("p"), .workers = workers, .threads = threads, .max_lent = max_lent};
    world_pool_start(&w, 0, &pool, EX);
    world_forget(&w);
}

static struct pool *p(void) {
    return world_find_pool(&w, "p");
}

static void submit(uint32_t handle) {
    struct jd_submit s = world_job(handle, WORLD_ONCE);
    s.executor = EX;
    cr_assert_eq(world_submit_as(&w, 0, &s)->error, 0);
}

// A job that was sent and that its worker has begun.
static struct world_run run(uint32_t handle) {
    submit(handle);
    struct world_run run = world_take_run(&w);
    world_board(&w, run.worker, run.run.seq, &run);
    return run;
}

static struct jd_msg about(enum jd_op op, const struct world_run *run) {
    struct jd_msg msg = {.op = (uint16_t)op};
    msg.u.lend = (struct jd_lend){.slot = run->run.slot, .seq = run->run.seq};
    return msg;
}

static int lend(const struct world_run *run) {
    struct jd_msg msg = about(JD_OP_LEND, run);
    uint32_t id = world_worker_request(&w, run->worker, &msg);
    const struct jd_msg *reply = world_find_worker_reply(&w, run->worker, id);
    cr_assert_not_null(reply);
    return reply->error;
}

static uint32_t resume(const struct world_run *run) {
    struct jd_msg msg = about(JD_OP_RESUME, run);
    return world_worker_request(&w, run->worker, &msg);
}

static bool is_resumed(const struct world_run *run, uint32_t id) {
    const struct jd_msg *reply = world_find_worker_reply(&w, run->worker, id);
    cr_assert(!reply || reply->error == 0);
    return reply != NULL;
}

static uint64_t wire_handle(const struct world_run *run, uint64_t k) {
    return run->run.slot << 15 | k;
}

static const struct jd_msg *submit_child_as(const struct world_run *run, struct jd_submit s) {
    struct jd_msg msg = {.op = JD_OP_SUBMIT};
    msg.u.submit = s;
    uint32_t id = world_worker_request(&w, run->worker, &msg);
    const struct jd_msg *reply = world_find_worker_reply(&w, run->worker, id);
    cr_assert_not_null(reply);
    return reply;
}

static uint64_t submit_child(const struct world_run *run, uint64_t k) {
    struct jd_submit s = {.handle = wire_handle(run, k), .task = jd_text("pure")};
    const struct jd_msg *reply = submit_child_as(run, s);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    return reply->u.submit_ok.job;
}

Test(core_lend, others_run_in_its_place_and_it_goes_on) {
    begin_with(1, 1, 0);
    struct world_run caller = run(1);
    cr_assert_eq(lend(&caller), 0);
    cr_assert_eq(world_count(&w, EFFECT_SPAWN), 1u, "one more worker");
    uint64_t id = submit_child(&caller, 5);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u, "the one that waits gets nothing");
    uint32_t request = resume(&caller);
    cr_expect_not(is_resumed(&caller, request));
    world_start(&w);
    struct world_run child = world_take_run(&w);
    cr_expect_eq(child.run.job, id);
    cr_expect_neq(child.worker, caller.worker);
    world_result(&w, &child, 1);
    const struct jd_job_done *done =
        world_find_child_done(&w, caller.worker, wire_handle(&caller, 5));
    cr_assert_not_null(done);
    cr_expect_eq((int)done->state, JOBD_JOB_DONE);
    cr_expect_eq(done->value.len, 1u);
    cr_expect(is_resumed(&caller, request));
    cr_expect_eq(p()->n_lent, 0u);
    cr_expect_eq(p()->n_parked, 1u, "never more that compute than there are slots");
    submit(2);
    cr_expect_neq(world_take_run(&w).worker, child.worker);
    world_result(&w, &caller, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

Test(core_lend, what_was_sent_behind_it_goes_elsewhere) {
    begin_with(1, 1, 0);
    struct world_run caller = run(1);
    submit(2);
    struct world_run behind = world_take_run(&w);
    cr_assert_eq(lend(&caller), 0);
    cr_expect_eq(world_revoked(&w, true), behind.run.slot);
    world_start(&w);
    cr_expect_neq(world_take_run(&w).worker, caller.worker);
    world_free(&w);
}

Test(core_lend, a_parked_worker_is_the_first_to_come_back) {
    begin_with(1, 1, 0);
    struct world_run caller = run(1);
    cr_assert_eq(lend(&caller), 0);
    world_start(&w);
    cr_assert(is_resumed(&caller, resume(&caller)));
    cr_assert_eq(p()->n_parked, 1u);
    cr_assert_eq(lend(&caller), 0);
    cr_expect_eq(p()->n_parked, 0u);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    submit_child(&caller, 0);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 1u);
    world_free(&w);
}

Test(core_lend, a_parked_worker_that_nobody_needs_goes) {
    begin_with(1, 1, 0);
    struct world_run caller = run(1);
    lend(&caller);
    world_start(&w);
    cr_assert(is_resumed(&caller, resume(&caller)));
    world_after(&w, 5 * WORLD_S - 1);
    cr_expect_eq(world_count(&w, EFFECT_HANG_UP), 0u);
    world_after(&w, 1);
    cr_expect_neq(world_take(&w, EFFECT_HANG_UP)->worker, caller.worker);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    world_free(&w);
}

Test(core_lend, it_waits_for_a_worker_that_has_nothing_to_do) {
    begin_with(1, 1, 0);
    struct world_run caller = run(1);
    lend(&caller);
    world_start(&w);
    struct world_run other = run(2);
    submit(3);
    struct world_run next = world_take_run(&w);
    uint32_t request = resume(&caller);
    cr_expect_not(is_resumed(&caller, request), "it has no children, but its slot is taken");
    submit(4);
    world_result(&w, &other, 1);
    world_result(&w, &next, 1);
    cr_expect(is_resumed(&caller, request), "before anything new is started");
    cr_expect_eq(world_take_run(&w).worker, caller.worker, "the other one was parked");
    world_result(&w, &caller, 1);
    world_free(&w);
}

// ---- limits ----

Test(core_lend, no_more_slots_than_max_lent) {
    begin_with(3, 1, 2);
    struct world_run a = run(1), b = run(2), c = run(3);
    cr_expect_eq(lend(&a), 0);
    cr_expect_eq(lend(&b), 0);
    cr_expect_eq(lend(&c), JOBD_E_AGAIN);
    world_start(&w);
    cr_assert(is_resumed(&a, resume(&a)));
    cr_expect_eq(lend(&c), 0);
    world_free(&w);
}

Test(core_lend, as_many_as_workers_if_nobody_says_otherwise) {
    begin_with(2, 1, 0);
    struct world_run a = run(1), b = run(2);
    cr_expect_eq(lend(&a), 0);
    cr_expect_eq(lend(&b), 0);
    world_start(&w);
    struct world_run c = run(3);
    cr_expect_eq(lend(&c), JOBD_E_AGAIN);
    world_free(&w);
}

// Nothing could run in its place: it would wait for ever.
Test(core_lend, nothing_is_lent_when_all_numbers_of_workers_are_in_use) {
    struct core_config cfg = world_config();
    cfg.n_workers = cfg.max_workers = 2;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    world_submit(&w, 0, 1, WORLD_ONCE);
    struct world_run caller = world_take_run(&w);
    world_board(&w, caller.worker, 1, &caller);
    cr_expect_eq(lend(&caller), JOBD_E_AGAIN);
    world_free(&w);
}

Test(core_lend, nothing_is_lent_while_the_daemon_stops) {
    begin_with(1, 1, 0);
    struct world_run caller = run(1);
    world_feed(&w, &(struct event){.kind = EVENT_STOP});
    cr_expect_eq(lend(&caller), JOBD_E_AGAIN);
    world_free(&w);
}

Test(core_lend, jobs_of_a_call_under_way_are_taken_while_the_daemon_stops) {
    begin_with(1, 1, 0);
    struct world_run caller = run(1);
    lend(&caller);
    world_start(&w);
    world_feed(&w, &(struct event){.kind = EVENT_STOP});
    submit_child(&caller, 0);
    struct world_run child = world_take_run(&w);
    world_result(&w, &child, 1);
    cr_expect(is_resumed(&caller, resume(&caller)));
    world_free(&w);
}

// ---- rules ----

Test(core_lend, who_may_not_ask) {
    begin_with(2, 1, 0);
    struct world_run caller = run(1), wrong = caller;
    wrong.run.seq++;
    cr_expect_eq(lend(&wrong), JOBD_E_STATE);
    struct jd_msg msg = about(JD_OP_RESUME, &caller);
    uint32_t id = world_worker_request(&w, caller.worker, &msg);
    cr_expect_eq(world_find_worker_reply(&w, caller.worker, id)->error, JOBD_E_STATE,
                 "nothing is lent");
    struct jd_submit s = {.handle = wire_handle(&caller, 0), .task = jd_text("pure")};
    cr_expect_eq(submit_child_as(&caller, s)->error, JOBD_E_STATE);
    cr_assert_eq(lend(&caller), 0);
    cr_expect_eq(lend(&caller), JOBD_E_STATE, "twice");
    s.handle = (uint64_t)255 << 15;
    cr_expect_eq(submit_child_as(&caller, s)->error, JOBD_E_STATE, "of another slot");
    resume(&caller);
    id = world_worker_request(&w, caller.worker, &msg);
    const struct jd_msg *reply = world_find_worker_reply(&w, caller.worker, id);
    cr_expect(reply && reply->error == JOBD_E_STATE, "twice");
    cr_expect_eq(w.core->counts.broken, 0u, "nothing that it must be killed for");
    world_free(&w);
}

Test(core_lend, processes_lend_nothing) {
    begin_with(1, 1, 0);
    struct jd_msg msg = {.op = JD_OP_PROCESS};
    msg.u.process = (struct jd_process){.handle = 1, .task = jd_text("once")};
    world_ask_ok(&w, 0, &msg);
    world_start(&w);
    struct world_run caller = world_take_run(&w);
    cr_expect_eq(lend(&caller), JOBD_E_AGAIN);
    world_free(&w);
}

Test(core_lend, a_child_that_is_refused) {
    begin_with(1, 1, 0);
    struct world_run caller = run(1);
    lend(&caller);
    struct jd_submit s = {.handle = wire_handle(&caller, 0), .task = jd_text("puer")};
    const struct jd_msg *reply = submit_child_as(&caller, s);
    cr_expect_eq(reply->error, JOBD_E_NOTASK);
    cr_expect(world_text_has(reply->text, "did you mean 'pure'?"));
    world_start(&w);
    cr_expect(is_resumed(&caller, resume(&caller)), "there is nothing to wait for");
    world_free(&w);
}

Test(core_lend, children_are_cancelled_and_aborted_by_handle) {
    begin_with(1, 1, 0);
    struct world_run caller = run(1);
    lend(&caller);
    submit_child(&caller, 0);
    submit_child(&caller, 1);
    struct jd_msg msg = {.op = JD_OP_CANCEL};
    msg.u.cancel.handle = wire_handle(&caller, 0);
    uint32_t id = world_worker_request(&w, caller.worker, &msg);
    cr_expect(world_find_worker_reply(&w, caller.worker, id)->u.cancel_ok.cancelled);
    const struct jd_job_done *done =
        world_find_child_done(&w, caller.worker, wire_handle(&caller, 0));
    cr_expect_eq((int)done->state, JOBD_JOB_CANCELLED);
    world_start(&w);
    struct world_run child = world_take_run(&w);
    world_board(&w, child.worker, 1, &child);
    msg = (struct jd_msg){.op = JD_OP_ABORT};
    msg.u.abort = (struct jd_abort){.handle = wire_handle(&caller, 1)};
    id = world_worker_request(&w, caller.worker, &msg);
    cr_expect_eq(world_find_worker_reply(&w, caller.worker, id)->u.abort_ok.state,
                 (uint64_t)JOBD_JOB_RUNNING);
    world_died(&w, child.worker, 9, &child);
    done = world_find_child_done(&w, caller.worker, wire_handle(&caller, 1));
    cr_assert_not_null(done);
    cr_expect_eq((int)done->state, JOBD_JOB_KILLED);
    world_free(&w);
}

// A task can name its own jobs only, whatever id it writes.
Test(core_lend, a_task_cannot_touch_the_jobs_of_others) {
    begin_with(2, 1, 0);
    struct world_run caller = run(1), other = run(2);
    lend(&caller);
    struct jd_msg msg = {.op = JD_OP_ABORT};
    msg.u.abort = (struct jd_abort){.handle = wire_handle(&caller, 3), .job = other.run.job};
    uint32_t id = world_worker_request(&w, caller.worker, &msg);
    cr_expect_eq(world_find_worker_reply(&w, caller.worker, id)->u.abort_ok.state, 0u);
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 0u);
    world_free(&w);
}

// One that follows a job of the same key, finished and kept.
Test(core_lend, a_child_with_the_key_of_a_kept_job) {
    begin_with(1, 1, 0);
    struct jd_submit s = world_job(7, WORLD_ONCE);
    s.executor = EX;
    s.key = jd_text("k");
    s.detached = true;
    cr_assert_eq(world_submit_as(&w, 0, &s)->error, 0);
    struct world_run kept = world_take_run(&w);
    world_result(&w, &kept, 1);
    submit(1); // in slot 0 again; the next one is not
    submit(2);
    world_take_run(&w);
    struct world_run caller = world_take_run(&w);
    world_board(&w, caller.worker, caller.run.seq, &caller);
    cr_assert_eq(lend(&caller), 0);
    cr_assert_neq(caller.run.slot, 0u);
    s = (struct jd_submit){
        .handle = wire_handle(&caller, 4), .task = jd_text("once"), .key = jd_text("k")};
    cr_expect_eq(submit_child_as(&caller, s)->u.submit_ok.job, kept.run.job);
    cr_expect_not_null(world_find_child_done(&w, caller.worker, wire_handle(&caller, 4)));
    world_free(&w);
}

// ---- ends ----

static void begin_with_children(struct world_run *caller, struct world_run *child) {
    begin_with(1, 1, 0);
    *caller = run(1);
    lend(caller);
    submit_child(caller, 0);
    submit_child(caller, 1);
    submit_child(caller, 2);
    world_start(&w);
    *child = world_take_run(&w);
    world_board(&w, child->worker, 1, child);
    world_forget(&w);
}

static void expect_children_end(const struct world_run *child) {
    world_settle(&w);
    world_revoked_all(&w, true);
    cr_expect_eq(w.core->counts.cancelled, 2u);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->seq, child->run.seq);
    struct jd_result result = {
        .slot = child->run.slot, .seq = child->run.seq, .error = -JOBD_E_CANCELLED};
    world_result_as(&w, child->worker, &result);
    cr_expect_eq(w.core->counts.killed, 1u);
    cr_expect_eq(w.core->jobs.slab.used, 0u);
    cr_expect_eq(w.core->clients.slab.used, 2u, "the client and nobody");
    world_free(&w);
}

Test(core_lend, when_the_caller_ends_its_jobs_end) {
    struct world_run caller, child;
    begin_with_children(&caller, &child);
    world_result(&w, &caller, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    expect_children_end(&child);
}

Test(core_lend, when_its_worker_dies_they_end_too) {
    struct world_run caller, child;
    begin_with_children(&caller, &child);
    world_died(&w, caller.worker, 11, &caller);
    world_tree_gone(&w, caller.worker);
    world_take_done(&w, 0, 1, JOBD_JOB_LOST, JOBD_E_WORKER_DIED);
    expect_children_end(&child);
}

Test(core_lend, a_caller_can_be_aborted) {
    struct world_run caller, child;
    begin_with_children(&caller, &child);
    struct jd_abort abort = {.handle = 1};
    world_abort(&w, 0, &abort);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->worker, caller.worker);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->worker, caller.worker);
    world_died(&w, caller.worker, 9, &caller);
    world_take_done(&w, 0, 1, JOBD_JOB_KILLED, JOBD_E_KILLED);
    w.core->counts.killed = 0;
    w.core->counts.done++; // counted as something else, for what follows
    expect_children_end(&child);
}

Test(core_lend, a_caller_that_was_the_last_job_of_its_worker) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    struct jd_pool_create pool = {
        .pool = jd_text("p"), .workers = 1, .threads = 1, .recycle_jobs = 1};
    world_pool_start(&w, 0, &pool, EX);
    world_forget(&w);
    struct world_run caller = run(1);
    world_start(&w); // its replacement
    cr_assert_eq(lend(&caller), 0);
    world_start(&w);
    submit_child(&caller, 0);
    struct world_run child = world_take_run(&w);
    world_start(&w);
    world_result(&w, &child, 1);
    cr_expect(is_resumed(&caller, resume(&caller)));
    world_result(&w, &caller, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

// ---- several threads ----

Test(core_lend, of_several_threads_the_worker_has_another) {
    begin_with(1, 2, 0);
    struct world_run a = run(1), b = run(2);
    cr_assert_eq(lend(&a), 0);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    submit_child(&a, 0);
    struct world_run child = world_take_run(&w);
    cr_expect_eq(child.worker, a.worker);
    uint32_t request = resume(&a);
    cr_expect_not(is_resumed(&a, request));
    world_result(&w, &child, 1);
    cr_expect(is_resumed(&a, request));
    cr_expect_eq(p()->n_lent, 0u);
    world_result(&w, &b, 1);
    world_result(&w, &a, 1);
    world_free(&w);
}
