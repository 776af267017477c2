// Processes: jobs with a worker of their own.
#include <criterion/criterion.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

static void begin(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.max_workers = 3;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    world_forget(&w);
}

static struct jd_process process(uint32_t handle) {
    return (struct jd_process){.handle = handle, .task = jd_text("once")};
}

static const struct jd_msg *start_as(const struct jd_process *p, uint32_t n_fds) {
    struct jd_msg msg = {.shape = JD_REQUEST, .op = JD_OP_PROCESS, .id = w.next_request++};
    msg.u.process = *p;
    world_feed(&w, &(struct event){.kind = EVENT_MESSAGE, .peer = 0, .msg = &msg, .n_fds = n_fds});
    return &world_take_reply(&w, 0, msg.id)->msg;
}

static uint64_t start(const struct jd_process *p) {
    const struct jd_msg *reply = start_as(p, 0);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    return reply->u.submit_ok.job;
}

// Up to its HELLO; what it runs.
static struct world_run run_one(const struct jd_process *p) {
    start(p);
    const struct effect *fx = world_take(&w, EFFECT_SPAWN);
    uint32_t worker = fx->worker;
    world_spawned(&w, worker);
    world_worker_hello(&w, worker);
    return world_take_run(&w);
}

static void end(uint32_t worker, int status) {
    world_died(&w, worker, status, NULL);
    world_tree_gone(&w, worker);
}

static void expect_all_gone(void) {
    cr_expect_eq(w.core->jobs.slab.used, 0u);
    cr_expect_eq(w.core->processes->n_all, 0u, "its worker's number is free");
    cr_expect_eq(w.core->processes->n_jobs, 0u);
    world_free(&w);
}

Test(core_process, a_worker_of_its_own_runs_it_and_ends) {
    begin();
    struct jd_process p = process(5);
    uint64_t id = start(&p);
    const struct effect *fx = world_take(&w, EFFECT_SPAWN);
    uint32_t worker = fx->worker;
    cr_expect(fx->spawn.process);
    cr_expect_not(fx->spawn.output);
    cr_expect_eq(fx->spawn.threads, 1u);
    cr_expect_neq(worker, 0u);
    world_settle(&w);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u, "not before its HELLO");
    world_spawned(&w, worker);
    world_worker_hello(&w, worker);
    struct world_run run = world_take_run(&w);
    cr_expect_eq(run.worker, worker);
    cr_expect_eq(run.run.job, id);
    world_board(&w, worker, 1, &run);
    cr_expect_eq(world_take_state(&w, 0, 5, JOBD_JOB_RUNNING)->pid, w.pid[worker]);
    world_result(&w, &run, 1);
    cr_expect_eq(world_take(&w, EFFECT_HANG_UP)->worker, worker);
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_DONE, 5), "over when nothing of it is left");
    world_died(&w, worker, 0, NULL);
    const struct jd_job_done *done = world_take_done(&w, 0, 5, JOBD_JOB_DONE, 0);
    cr_expect_eq(done->value.len, 1u);
    cr_expect_eq(done->status, 0);
    cr_expect_eq(done->pid, w.pid[worker]);
    world_tree_gone(&w, worker);
    world_settle(&w);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u, "nobody takes its place");
    expect_all_gone();
}

Test(core_process, a_task_that_failed_has_the_status_1) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    world_fail(&w, &run, "bad", "it is bad");
    end(run.worker, 1 << 8);
    const struct jd_job_done *done = world_take_done(&w, 0, 5, JOBD_JOB_FAILED, JOBD_E_TASK);
    cr_expect(world_text_has(done->text, "it is bad"));
    cr_expect(world_text_has(done->name, "bad"));
    cr_expect_eq(done->status, 1);
    expect_all_gone();
}

Test(core_process, of_a_program_the_status_is_its_own) {
    static const int statuses[] = {3, -15, 255};
    begin();
    for (size_t i = 0; i < JD_LEN(statuses); i++) {
        struct jd_process p = process(5);
        struct world_run run = run_one(&p);
        struct jd_result result = {.slot = run.run.slot,
                                   .seq = run.run.seq,
                                   .error = -JOBD_E_EXITED,
                                   .text = jd_text("how it ended"),
                                   .status = statuses[i]};
        world_result_as(&w, run.worker, &result);
        end(run.worker, 1 << 8);
        const struct jd_job_done *done = world_take_done(&w, 0, 5, JOBD_JOB_FAILED, JOBD_E_EXITED);
        cr_expect_eq(done->status, statuses[i]);
        cr_expect_eq(done->value.len, 0u);
    }
    expect_all_gone();
}

Test(core_process, its_program_is_told_of) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    struct jd_msg pid = {.op = JD_OP_TASK_PID};
    pid.u.pid = (struct jd_pid){.slot = run.run.slot, .seq = run.run.seq, .pid = 777};
    world_worker_event(&w, run.worker, &pid);
    cr_expect_eq(world_take_state(&w, 0, 5, JOBD_JOB_RUNNING)->pid, 777u);
    world_result(&w, &run, 1);
    end(run.worker, 0);
    cr_expect_eq(world_take_done(&w, 0, 5, JOBD_JOB_DONE, 0)->pid, 777u);
    expect_all_gone();
}

// ---- that does not go as it should ----

static void expect_not_started(const char *part) {
    const struct jd_job_done *done = world_take_done(&w, 0, 5, JOBD_JOB_FAILED, JOBD_E_SYS);
    cr_expect(world_text_has(done->text, part), "%.*s", (int)done->text.len,
              (const char *)done->text.data);
    world_settle(&w);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u, "no second try");
    expect_all_gone();
}

Test(core_process, a_spawn_that_fails) {
    begin();
    struct jd_process p = process(5);
    start(&p);
    uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
    world_feed(&w, &(struct event){.kind = EVENT_SPAWN_FAILED, .worker = worker, .error = 11});
    expect_not_started("a worker could not be started: errno 11");
}

Test(core_process, a_worker_that_dies_before_hello) {
    begin();
    struct jd_process p = process(5);
    start(&p);
    uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
    world_spawned(&w, worker);
    end(worker, 127 << 8);
    cr_expect_eq(w.core->processes->failed_starts, 0u, "the next process may start at once");
    expect_not_started("exited with status 127 before it was ready");
}

Test(core_process, a_worker_that_says_no_hello) {
    begin();
    struct jd_process p = process(5);
    start(&p);
    uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
    world_spawned(&w, worker);
    world_after(&w, w.cfg.start_ns);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    end(worker, 9);
    expect_not_started("before it was ready");
}

Test(core_process, a_signal_is_its_negative_status) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    world_died(&w, run.worker, 11, &run);
    const struct jd_job_done *done = world_take_done(&w, 0, 5, JOBD_JOB_LOST, JOBD_E_WORKER_DIED);
    cr_expect_eq(done->status, -11);
    cr_expect(world_text_has(done->text, "was killed by SIGSEGV"));
    world_tree_gone(&w, run.worker);
    expect_all_gone();
}

Test(core_process, it_is_not_run_again) {
    begin();
    struct jd_process p = process(5);
    p.task = jd_text("pure"); // which may be, in a pool
    struct world_run run = run_one(&p);
    world_died(&w, run.worker, 3 << 8, &run);
    cr_expect_eq(world_take_done(&w, 0, 5, JOBD_JOB_LOST, JOBD_E_WORKER_DIED)->status, 3);
    world_tree_gone(&w, run.worker);
    expect_all_gone();
}

Test(core_process, a_task_that_nobody_has) {
    begin();
    struct jd_process p = process(5);
    p.task = jd_text("onze");
    const struct jd_msg *reply = start_as(&p, 0);
    cr_expect_eq(reply->error, JOBD_E_NOTASK);
    cr_expect(world_text_has(reply->text, "did you mean 'once'?"));
    cr_expect_eq(w.core->counts.refused, 1u);
    expect_all_gone();
}

// Before the first worker any name may be right.
Test(core_process, a_task_that_turns_out_not_to_exist) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_client(&w, 0);
    struct jd_process p = process(5);
    p.task = jd_text("onze");
    start(&p);
    world_settle(&w);
    for (int i = 0; i < 2; i++) {
        uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
        world_spawned(&w, worker);
        world_worker_hello(&w, worker);
    }
    const struct jd_job_done *done = world_take_done(&w, 0, 5, JOBD_JOB_FAILED, JOBD_E_NOTASK);
    cr_expect(world_text_has(done->text, "did you mean 'once'?"));
    const struct effect *fx = world_take(&w, EFFECT_SIGNAL);
    cr_expect_eq(fx->signal, 9);
    end(fx->worker, 9);
    expect_all_gone();
}

Test(core_process, workers_and_processes_share_one_limit) {
    begin(); // three in all, one is of the pool
    struct jd_process p = process(1);
    struct world_run run = run_one(&p);
    p = process(2);
    start(&p);
    p = process(3);
    const struct jd_msg *reply = start_as(&p, 0);
    cr_expect_eq(reply->error, JOBD_E_LIMIT);
    cr_expect(world_text_has(reply->text, "the limit is max_workers"));
    world_result(&w, &run, 1);
    end(run.worker, 0);
    start(&p);
    world_free(&w);
}

Test(core_process, while_it_is_there_a_pool_may_be_short_of_a_worker) {
    begin();
    struct jd_process p = process(1);
    struct world_run run = run_one(&p);
    struct jd_msg msg = {.op = JD_OP_POOL_RESIZE};
    msg.u.pool_resize = (struct jd_pool_resize){.pool = jd_text("default"), .workers = 2};
    world_ask_ok(&w, 0, &msg);
    world_start(&w); // all three numbers are in use
    world_died(&w, 0, 9, NULL);
    world_tree_gone(&w, 0);
    world_start(&w);
    cr_expect_eq(w.core->pool.n_ready, 2u);
    world_result(&w, &run, 1);
    end(run.worker, 0);
    expect_all_gone();
}

// ---- being stopped ----

Test(core_process, cancelled_before_it_began) {
    begin();
    struct jd_process p = process(5);
    start(&p);
    uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
    world_spawned(&w, worker);
    cr_expect(world_take_cancelled(&w, 0, world_cancel(&w, 0, 5)));
    world_take_done(&w, 0, 5, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    end(worker, 9);
    expect_all_gone();
}

Test(core_process, cancelled_before_its_worker_could_not_be_started) {
    begin();
    struct jd_process p = process(5);
    start(&p);
    uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
    cr_expect(world_take_cancelled(&w, 0, world_cancel(&w, 0, 5)));
    world_feed(&w, &(struct event){.kind = EVENT_SPAWN_FAILED, .worker = worker, .error = 11});
    world_take_done(&w, 0, 5, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    world_settle(&w);
    expect_all_gone();
}

Test(core_process, cancelled_when_it_was_sent) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    uint32_t id = world_cancel(&w, 0, 5);
    world_revoked(&w, true);
    cr_expect(world_take_cancelled(&w, 0, id));
    world_take_done(&w, 0, 5, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9, "its worker has nothing left to do");
    end(run.worker, 9);
    expect_all_gone();
}

Test(core_process, aborted_with_a_grace) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    world_board(&w, run.worker, 1, &run);
    struct jd_abort abort = {.handle = 5, .grace_ms = 100};
    cr_expect_eq(world_abort(&w, 0, &abort), (uint64_t)JOBD_JOB_RUNNING);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->worker, run.worker);
    world_after(&w, 200 * WORLD_MS);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 15);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, run.worker, 9, &run);
    const struct jd_job_done *done = world_take_done(&w, 0, 5, JOBD_JOB_KILLED, JOBD_E_KILLED);
    cr_expect_eq(done->status, -9);
    cr_expect(world_text_has(done->text, "stopped by process 100"));
    world_tree_gone(&w, run.worker);
    expect_all_gone();
}

Test(core_process, a_program_that_ends_when_it_is_asked_to) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    world_board(&w, run.worker, 1, &run);
    struct jd_abort abort = {.handle = 5, .grace_ms = 100};
    world_abort(&w, 0, &abort);
    struct jd_result result = {.slot = run.run.slot,
                               .seq = run.run.seq,
                               .error = -JOBD_E_EXITED,
                               .text = jd_text("was killed by SIGTERM"),
                               .status = -15};
    world_result_as(&w, run.worker, &result);
    end(run.worker, 1 << 8);
    cr_expect_eq(world_take_done(&w, 0, 5, JOBD_JOB_KILLED, JOBD_E_KILLED)->status, -15);
    expect_all_gone();
}

Test(core_process, it_ends_with_its_connection) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    world_board(&w, run.worker, 1, &run);
    world_close(&w, 0);
    world_after(&w, 2 * w.cfg.grace_ns);
    world_died(&w, run.worker, 9, &run);
    world_tree_gone(&w, run.worker);
    cr_expect_eq(w.core->counts.killed, 1u);
    expect_all_gone();
}

Test(core_process, unless_it_is_detached) {
    begin();
    struct jd_process p = process(5);
    p.detached = true;
    struct world_run run = run_one(&p);
    uint64_t id = run.run.job;
    world_board(&w, run.worker, 1, &run);
    world_close(&w, 0);
    world_after(&w, 10 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), 0u);
    world_result(&w, &run, 1);
    end(run.worker, 0);
    world_client(&w, 1);
    world_attach(&w, 1, 1, id);
    cr_expect_eq(world_take_done(&w, 1, 1, JOBD_JOB_DONE, 0)->value.len, 1u);
    expect_all_gone();
}

Test(core_process, a_time_limit) {
    begin();
    struct jd_process p = process(5);
    p.time_limit_ms = 50;
    struct world_run run = run_one(&p);
    world_board(&w, run.worker, 1, &run);
    world_after(&w, 50 * WORLD_MS);
    world_board(&w, run.worker, 1, &run);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->worker, run.worker);
    world_after(&w, 2 * w.cfg.grace_ns);
    world_died(&w, run.worker, 9, &run);
    world_take_done(&w, 0, 5, JOBD_JOB_TIMED_OUT, JOBD_E_DEADLINE);
    world_tree_gone(&w, run.worker);
    expect_all_gone();
}

Test(core_process, one_that_does_not_go_is_killed) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    world_result(&w, &run, 1);
    world_after(&w, 2 * WORLD_S);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    end(run.worker, 9);
    world_take_done(&w, 0, 5, JOBD_JOB_DONE, 0);
    expect_all_gone();
}

Test(core_process, the_daemon_stops) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    p = process(6);
    start(&p);
    world_feed(&w, &(struct event){.kind = EVENT_STOP, .now = true});
    world_spawned(&w, world_take(&w, EFFECT_SPAWN)->worker);
    world_died(&w, run.worker, 9, &run);
    world_take_done(&w, 0, 5, JOBD_JOB_KILLED, JOBD_E_KILLED);
    world_take_done(&w, 0, 6, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect_eq(w.core->jobs.slab.used, 0u);
    world_free(&w);
}

// ---- signals ----

static struct jd_msg signal_to(uint32_t handle, uint64_t signal) {
    struct jd_msg msg = {.op = JD_OP_SIGNAL};
    msg.u.signal = (struct jd_signal){.handle = handle, .signal = signal};
    return msg;
}

Test(core_process, a_signal_goes_to_its_group) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    struct jd_msg msg = signal_to(5, 12);
    world_ask_ok(&w, 0, &msg);
    const struct effect *fx = world_take(&w, EFFECT_SIGNAL);
    cr_expect_eq(fx->signal, 12);
    cr_expect_eq(fx->worker, run.worker);
    world_client(&w, 1);
    msg.u.signal.job = run.run.job; // somebody else, by its id
    world_ask_ok(&w, 1, &msg);
    world_free(&w);
}

Test(core_process, signals_that_go_nowhere) {
    begin();
    struct jd_msg msg = signal_to(5, 15);
    world_ask_refused(&w, 0, &msg, JOBD_E_NOENT, "no such job");
    world_submit(&w, 0, 5, WORLD_ONCE);
    world_ask_refused(&w, 0, &msg, JOBD_E_NOTSUP, "signals are for processes");
    struct jd_process p = process(6);
    start(&p);
    msg = signal_to(6, 15);
    world_ask_refused(&w, 0, &msg, JOBD_E_STATE, "does not run yet");
    world_spawned(&w, world_take(&w, EFFECT_SPAWN)->worker);
    msg = signal_to(6, 0);
    world_ask_refused(&w, 0, &msg, JOBD_E_INVAL, "signal");
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_free(&w);
}

Test(core_process, a_signal_that_meets_it_before_it_is_ready) {
    begin();
    struct jd_process p = process(5);
    start(&p);
    uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
    world_spawned(&w, worker);
    struct jd_msg msg = signal_to(5, 15);
    world_ask_ok(&w, 0, &msg);
    end(worker, 15);
    const struct jd_job_done *done =
        world_take_done(&w, 0, 5, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect_eq(done->status, -15);
    expect_all_gone();
}

// ---- pipes ----

Test(core_process, its_pipes_go_to_its_worker) {
    begin();
    struct jd_process p = process(5);
    p.n_pipes = 2;
    cr_assert_eq(start_as(&p, 2)->error, 0);
    const struct effect *fx = world_take(&w, EFFECT_ADOPT_FDS);
    cr_expect_eq(fx->peer, 0u);
    cr_expect_eq(fx->adopt.n_fds, 2u);
    cr_expect_eq(fx->adopt.worker, world_take(&w, EFFECT_SPAWN)->worker);
    world_free(&w);
}

Test(core_process, pipes_that_did_not_come) {
    begin();
    struct jd_process p = process(5);
    p.n_pipes = 3;
    const struct jd_msg *reply = start_as(&p, 1);
    cr_expect_eq(reply->error, JOBD_E_INVAL);
    cr_expect(world_text_has(reply->text, "3 pipes were announced and 1 came"));
    const struct effect *fx = world_take(&w, EFFECT_ADOPT_FDS);
    cr_expect_eq(fx->adopt.worker, EFFECT_NO_WORKER, "that one is closed");
    cr_expect_eq(fx->adopt.n_fds, 1u);
    expect_all_gone();
}

Test(core_process, pipes_of_a_start_that_is_refused_are_closed) {
    begin();
    struct jd_process p = process(5);
    p.task = jd_text("nothing");
    p.n_pipes = 2;
    cr_expect_eq(start_as(&p, 2)->error, JOBD_E_NOTASK);
    const struct effect *fx = world_take(&w, EFFECT_ADOPT_FDS);
    cr_expect_eq(fx->adopt.worker, EFFECT_NO_WORKER);
    cr_expect_eq(fx->adopt.n_fds, 2u);
    expect_all_gone();
}

// ---- output ----

static void say(uint32_t worker, const char *text) {
    world_feed(&w, &(struct event){.kind = EVENT_OUTPUT, .worker = worker, .text = jd_text(text)});
}

Test(core_process, what_it_writes_is_passed_on) {
    begin();
    struct jd_process p = process(5);
    p.output = true;
    uint64_t id = start(&p);
    const struct effect *fx = world_take(&w, EFFECT_SPAWN);
    uint32_t worker = fx->worker;
    cr_expect(fx->spawn.output);
    world_spawned(&w, worker);
    world_worker_hello(&w, worker);
    struct world_run run = world_take_run(&w);
    world_client(&w, 1);
    world_attach(&w, 1, 9, id);
    say(worker, "one");
    world_result(&w, &run, 1);
    say(worker, "two"); // up to its end
    static const char *const words[] = {"one", "two"};
    for (size_t i = 0; i < 2; i++) {
        fx = world_find_event(&w, 0, JD_OP_JOB_OUTPUT, 5);
        cr_assert_not_null(fx);
        cr_expect(world_text_has(fx->msg.u.job_output.data, words[i]));
        cr_expect_not_null(world_find_event(&w, 1, JD_OP_JOB_OUTPUT, 9));
    }
    end(worker, 0);
    world_take_done(&w, 0, 5, JOBD_JOB_DONE, 0);
    expect_all_gone();
}

Test(core_process, its_log_comes_before_its_end) {
    begin();
    struct jd_process p = process(5);
    struct world_run run = run_one(&p);
    struct jd_msg log = {.op = JD_OP_TASK_LOG};
    log.u.task_log = (struct jd_task_log){
        .slot = run.run.slot, .seq = run.run.seq, .level = 2, .text = jd_text("half way")};
    world_worker_event(&w, run.worker, &log);
    const struct effect *fx = world_find_event(&w, 0, JD_OP_JOB_LOG, 5);
    cr_assert_not_null(fx);
    cr_expect_eq(fx->msg.u.job_log.level, 2u);
    cr_expect(world_text_has(fx->msg.u.job_log.text, "half way"));
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 0});
    world_worker_event(&w, run.worker, &log);
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_LOG, 5), "a paused client misses some");
    log.u.task_log.seq++;
    world_worker_event(&w, run.worker, &log); // of no job: nobody hears it
    world_free(&w);
}
