#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

static void begin(uint32_t n_workers) {
    struct core_config cfg = world_config();
    cfg.n_workers = n_workers;
    world_init(&w, &cfg);
    world_start(&w);
    world_forget(&w);
}

static void say(uint32_t peer, struct jd_msg *msg) {
    world_feed(&w, &(struct event){.kind = EVENT_MESSAGE, .peer = peer, .msg = msg});
}

static struct jd_hello client_hello(void) {
    return (struct jd_hello){
        .major = JD_PROTO_MAJOR, .name = jd_text("demo"), .max_frame = JD_FRAME_DEFAULT_BYTES};
}

static void expect_bye(uint32_t peer, int error, const char *part) {
    const struct effect *fx = world_take(&w, EFFECT_CLOSE);
    cr_expect_eq(fx->peer, peer);
    cr_expect_eq(fx->error, error, "%s", jobd_errname(fx->error));
    cr_expect(world_text_has(fx->text, part), "%.*s", (int)fx->text.len,
              (const char *)fx->text.data);
}

// ---- HELLO ----

Test(core_clients, hello_is_answered) {
    begin(1);
    world_connect(&w, 5);
    cr_expect_eq(w.core->clients.n, 1u);
    uint32_t id = world_hello(&w, 5, JD_FRAME_MAX_BYTES);
    cr_assert_eq(w.n_seen, 2u);
    cr_expect_eq(w.seen[0]->fx.kind, EFFECT_OPEN, "frames of that size come back right away");
    cr_expect_eq(w.seen[0]->fx.max_frame, (uint32_t)JD_FRAME_DEFAULT_BYTES, "the smaller of two");
    const struct effect *fx = world_take_reply(&w, 5, id);
    cr_expect_not(fx->lazy);
    cr_expect_eq(fx->msg.u.hello_ok.major, (uint64_t)JD_PROTO_MAJOR);
    cr_expect_eq(fx->msg.u.hello_ok.pid, 42u);
    cr_expect_eq(fx->msg.u.hello_ok.max_frame, (uint64_t)JD_FRAME_DEFAULT_BYTES);
    uint64_t session = fx->msg.u.hello_ok.session;
    world_connect(&w, 6);
    id = world_hello(&w, 6, 1);
    fx = world_take_reply(&w, 6, id);
    cr_expect_eq(fx->msg.u.hello_ok.max_frame, (uint64_t)JD_FRAME_MIN_BYTES, "no smaller");
    cr_expect_neq(fx->msg.u.hello_ok.session, session);
    world_free(&w);
}

Test(core_clients, another_version_is_told_which_one_there_is) {
    begin(1);
    world_connect(&w, 0);
    struct jd_msg msg = {.op = JD_OP_HELLO};
    msg.u.hello = client_hello();
    msg.u.hello.major = 9;
    uint32_t id = world_request(&w, 0, &msg);
    const struct effect *fx = world_take_reply(&w, 0, id);
    cr_expect_eq(fx->msg.error, JOBD_E_VERSION);
    cr_expect(world_text_has(fx->msg.text, "this daemon speaks protocol 1.x, not 9.0"));
    expect_bye(0, JOBD_E_VERSION, "version");
    world_free(&w);
}

Test(core_clients, a_hello_that_is_none) {
    static const char *const names[] = {"", "two words", "na\xc3\xafve"};
    begin(1);
    struct jd_msg msg = {.op = JD_OP_HELLO};
    for (uint32_t i = 0; i < JD_LEN(names); i++) {
        world_connect(&w, i);
        msg.u.hello = client_hello();
        msg.u.hello.name = jd_text(names[i]);
        world_request(&w, i, &msg);
        expect_bye(i, JOBD_E_PROTO, "a name of [A-Za-z0-9._:/-]");
    }
    world_connect(&w, 9);
    msg.u.hello = client_hello();
    msg.u.hello.role = JD_ROLE_WORKER;
    world_request(&w, 9, &msg);
    expect_bye(9, JOBD_E_PROTO, "role 0");
    cr_expect_eq(world_count(&w, EFFECT_OPEN), 0u);
    world_free(&w);
}

Test(core_clients, what_breaks_the_protocol) {
    begin(1);
    struct jd_msg ping = {.op = JD_OP_PING}, reply = {.shape = JD_REPLY, .op = JD_OP_PING};
    struct jd_msg hello = {.op = JD_OP_HELLO};
    world_connect(&w, 0);
    world_request(&w, 0, &ping);
    expect_bye(0, JOBD_E_PROTO, "the first message must be HELLO");
    world_client(&w, 1);
    hello.u.hello = client_hello();
    world_request(&w, 1, &hello);
    expect_bye(1, JOBD_E_PROTO, "a second HELLO");
    world_client(&w, 2);
    say(2, &reply);
    expect_bye(2, JOBD_E_PROTO, "a reply to no request");
    world_forget(&w);
    for (uint32_t peer = 0; peer < 3; peer++) { // nobody listens any more
        world_request(&w, peer, &ping);
        say(peer, &reply);
    }
    cr_expect_eq(w.n_seen, 0u);
    for (uint32_t peer = 0; peer < 3; peer++)
        world_close(&w, peer);
    cr_expect_eq(w.core->clients.n, 0u);
    cr_expect_eq(w.core->clients.slab.used, 1u, "that of detached jobs");
    world_free(&w);
}

Test(core_clients, what_does_not) {
    begin(1);
    world_client(&w, 0);
    struct jd_msg msg = {.op = JD_OP_RUN};
    uint32_t id = world_request(&w, 0, &msg);
    const struct effect *fx = world_take_reply(&w, 0, id);
    cr_expect_eq(fx->msg.error, JOBD_E_NOTSUP);
    cr_expect(world_text_has(fx->msg.text, "a client cannot send 'task.run'"));
    msg = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_BYE};
    say(0, &msg);
    cr_expect_eq(world_count(&w, EFFECT_CLOSE), 0u, "after bye it closes by itself");
    msg = (struct jd_msg){.op = JD_OP_PING};
    w.now_ns += 12345;
    id = world_request(&w, 0, &msg);
    cr_expect_eq(world_take_reply(&w, 0, id)->msg.u.pong.now_ns, w.now_ns);
    world_free(&w);
}

Test(core_clients, strangers_are_ignored) {
    begin(1);
    struct jd_msg msg = {.shape = JD_REQUEST, .op = JD_OP_PING};
    say(3, &msg);
    say(3000, &msg);
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 3});
    world_close(&w, 3);
    world_close(&w, 3000);
    cr_expect_eq(w.n_seen, 0u);
    world_connect(&w, 3000); // any small number will do
    cr_expect_eq(w.core->clients.n, 1u);
    world_free(&w);
}

// ---- a client that does not read ----

static void pause(uint32_t peer, bool paused) {
    enum event_kind kind = paused ? EVENT_PAUSED : EVENT_RESUMED;
    world_feed(&w, &(struct event){.kind = kind, .peer = peer});
}

Test(core_clients, jobs_of_a_paused_client_are_not_started) {
    begin(1);
    world_client(&w, 0);
    world_client(&w, 1);
    pause(0, true);
    for (uint32_t i = 0; i < 3; i++) {
        world_submit(&w, 0, i, WORLD_PURE);
        world_submit(&w, 1, i, WORLD_PURE);
    }
    for (uint32_t i = 0; i < 3; i++) {
        struct world_run run = world_take_run(&w);
        cr_expect_eq(run.run.job, 2 * i + 2, "the other client's");
        world_result(&w, &run, 1);
    }
    cr_assert_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    cr_expect_eq(w.core->pool.n_queued, 3u);
    pause(0, false);
    cr_expect_eq(world_take_run(&w).run.job, 1u);
    world_free(&w);
}

Test(core_clients, pausing_stops_what_is_queued_and_not_what_is_sent) {
    begin(1);
    world_client(&w, 0);
    for (uint32_t i = 0; i < 4; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    struct world_run first = world_take_run(&w), second = world_take_run(&w);
    pause(0, true);
    pause(0, true); // told twice is no harm
    world_board(&w, 0, 2, &first);
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_STATE, 0), "news would only pile up");
    world_result(&w, &first, 1);
    world_result(&w, &second, 1);
    world_take_done(&w, 0, 0, JOBD_JOB_DONE, 0);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    cr_expect(world_take_cancelled(&w, 0, world_cancel(&w, 0, 3)));
    pause(0, false);
    cr_expect_eq(world_take_run(&w).run.job, 3u);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    world_free(&w);
}

Test(core_clients, a_result_too_big_for_its_frames) {
    enum { MOST = JD_FRAME_MIN_BYTES - JD_ENVELOPE_BYTES };
    begin(1);
    world_connect(&w, 0);
    world_hello(&w, 0, JD_FRAME_MIN_BYTES);
    world_open(&w, 0, WORLD_EXECUTOR, "default");
    uint8_t *bytes = calloc(1, MOST + 1);
    for (uint32_t more = 0; more < 2; more++) {
        world_submit(&w, 0, more, WORLD_PURE);
        struct world_run run = world_take_run(&w);
        struct jd_result result = {
            .slot = run.run.slot, .seq = run.run.seq, .value = {bytes, MOST + more}};
        world_result_as(&w, 0, &result);
    }
    cr_expect_eq(world_take_done(&w, 0, 0, JOBD_JOB_DONE, 0)->value.len, (size_t)MOST);
    const struct jd_job_done *done =
        world_take_done(&w, 0, 1, JOBD_JOB_FAILED, JOBD_E_RESULT_TOO_BIG);
    cr_expect_eq(done->value.len, 0u);
    cr_expect_eq(done->pid, w.pid[0]);
    cr_expect(
        world_text_has(done->text, "the result has 64513 bytes; this connection takes 64512"));
    cr_expect_eq(w.core->counts.failed, 1u);
    free(bytes);
    world_free(&w);
}

// ---- a client that is gone ----

static void expect_all_gone(void) {
    cr_expect_eq(w.core->jobs.slab.used, 0u);
    cr_expect_eq(w.core->clients.slab.used, 1u, "that of detached jobs");
    cr_expect_eq(w.core->clients.lanes.used, 0u);
}

Test(core_clients, what_it_left_waiting_is_cancelled) {
    begin(1);
    world_client(&w, 0);
    for (uint32_t i = 0; i < 10; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    struct world_run first = world_take_run(&w);
    world_forget(&w);
    world_close(&w, 0);
    cr_expect_eq(world_count(&w, EFFECT_REVOKE), 2u, "two were sent");
    cr_expect_eq(w.core->counts.cancelled, 8u);
    world_revoked(&w, false); // the first one is claimed: it is asked to stop
    const struct effect *ask = world_take(&w, EFFECT_ASK_STOP);
    cr_expect_eq(ask->slot, first.run.slot);
    cr_expect_eq(ask->seq, first.run.seq);
    world_revoked(&w, true);
    cr_expect_eq(w.core->counts.cancelled, 9u);
    struct jd_result result = {
        .slot = first.run.slot, .seq = first.run.seq, .error = -JOBD_E_CANCELLED};
    world_result_as(&w, 0, &result);
    cr_expect_eq(w.core->counts.killed, 1u);
    cr_expect_eq(world_count(&w, EFFECT_SEND), 0u, "nobody is there to be told");
    expect_all_gone();
    world_free(&w);
}

Test(core_clients, what_it_left_running_is_stopped_by_force_in_the_end) {
    begin(1);
    world_client(&w, 0);
    world_submit(&w, 0, 1, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    world_forget(&w);
    world_close(&w, 0);
    world_take(&w, EFFECT_ASK_STOP);
    world_connect(&w, 0); // the number is free for the next one, who owns nothing of this
    world_hello(&w, 0, JD_FRAME_DEFAULT_BYTES);
    world_forget(&w);
    world_after(&w, w.cfg.grace_ns);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 15);
    world_after(&w, w.cfg.grace_ns);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, 0, 9, &run);
    cr_expect_eq(w.core->counts.killed, 1u, "not tried again, though its task is idempotent");
    cr_expect_eq(w.core->counts.worker_deaths, 0u);
    cr_expect_eq(world_count(&w, EFFECT_SEND), 0u);
    cr_expect_eq(w.core->clients.slab.used, 2u);
    cr_expect_eq(w.core->jobs.slab.used, 0u);
    world_free(&w);
}

Test(core_clients, a_success_that_comes_before_the_stop_counts) {
    begin(1);
    world_client(&w, 0);
    world_submit(&w, 0, 1, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    world_close(&w, 0);
    world_result(&w, &run, 1);
    cr_expect_eq(w.core->counts.done, 1u);
    expect_all_gone();
    world_after(&w, 10 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u, "the worker stays");
    world_free(&w);
}

// Its worker had finished the first job and claimed the second one before it could be taken back.
Test(core_clients, the_next_job_is_stopped_too) {
    begin(1);
    world_client(&w, 0);
    world_submit(&w, 0, 1, WORLD_PURE);
    world_submit(&w, 0, 2, WORLD_PURE);
    struct world_run first = world_take_run(&w), second = world_take_run(&w);
    world_board(&w, 0, 2, &first);
    world_forget(&w);
    world_close(&w, 0);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->seq, first.run.seq);
    world_revoked(&w, false);
    world_result(&w, &first, 1);
    world_board(&w, 0, 2, &second);
    cr_assert_eq(world_count(&w, EFFECT_ASK_STOP), 1u);
    cr_expect_eq(world_take(&w, EFFECT_ASK_STOP)->seq, second.run.seq);
    world_after(&w, w.cfg.grace_ns);
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 15);
    world_died(&w, 0, 15, &second);
    cr_expect_eq(w.core->counts.killed, 1u);
    expect_all_gone();
    world_free(&w);
}

Test(core_clients, a_step_deals_with_a_thousand_jobs_at_most) {
    begin(1);
    world_client(&w, 0);
    world_client(&w, 1);
    w.audit_every = 1000;
    for (uint32_t i = 0; i < 5000; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    w.audit_every = 1;
    world_forget(&w);
    world_close(&w, 0);
    unsigned steps = 1;
    for (; w.core->pool.n_queued > 0; steps++) {
        cr_assert_eq(core_next_deadline(w.core), w.now_ns, "there is more to do, at once");
        uint64_t cancelled = w.core->counts.cancelled;
        world_tick(&w);
        cr_assert_leq(w.core->counts.cancelled - cancelled, (uint64_t)STEP_OBJECTS_MAX);
    }
    cr_expect_eq(steps, 5u);
    world_settle(&w);
    world_revoked_all(&w, true);
    cr_expect_eq(w.core->counts.cancelled, 5000u);
    cr_expect_gt(core_next_deadline(w.core), w.now_ns);
    cr_expect_eq(w.core->clients.slab.used, 2u, "the other one, and the one of detached jobs");
    cr_expect_eq(w.core->clients.shares.used, 1u);
    world_submit(&w, 1, 1, WORLD_PURE);
    world_free(&w);
}

// Many workers, each in a long job with a deep window behind it: stopping one takes back the rest.
Test(core_clients, a_step_has_its_bound_with_many_deep_windows_too) {
    enum { WORKERS = 64, JOBS = WORKERS * 200 };
    begin(WORKERS);
    world_client(&w, 0);
    world_teach(&w, 0, WORLD_PURE, 4000);
    world_forget(&w);
    w.audit_every = 1000;
    for (uint32_t i = 0; i < JOBS; i++)
        world_submit(&w, 0, i, WORLD_PURE);
    cr_assert_eq(world_count(&w, EFFECT_DISPATCH), (uint32_t)JOBS);
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct world_run run = world_take_run(&w);
        world_board(&w, run.worker, run.run.seq, &run);
    }
    cr_assert_eq(w.core->pool.n_out, (uint32_t)JOBS);
    world_forget(&w);
    world_close(&w, 0);
    cr_expect_leq(world_count(&w, EFFECT_REVOKE), (uint32_t)STEP_OBJECTS_MAX + JD_WINDOW_MAX);
    while (core_next_deadline(w.core) <= w.now_ns || world_count(&w, EFFECT_REVOKE) > 0) {
        world_revoked_all(&w, true);
        world_settle(&w);
    }
    cr_expect_eq(world_count(&w, EFFECT_ASK_STOP), (uint32_t)WORKERS);
    cr_expect_eq(w.core->pool.n_out, (uint32_t)WORKERS);
    cr_expect_eq(w.core->counts.cancelled, (uint64_t)JOBS - WORKERS);
    world_free(&w);
}
