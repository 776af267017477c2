// Idempotency keys: a submit with a key that is known gets the job that has it.
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

static void begin(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    world_client(&w, 1);
    world_forget(&w);
}

static uint64_t submit(uint32_t peer, uint32_t handle, const char *key, bool detached) {
    struct jd_submit s = world_job(handle, WORLD_ONCE);
    s.key = jd_text(key);
    s.detached = detached;
    const struct jd_msg *reply = world_submit_as(&w, peer, &s);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    return reply->u.submit_ok.job;
}

Test(core_keys, the_same_key_is_the_same_job) {
    begin();
    uint64_t id = submit(0, 1, "nightly", false);
    cr_expect_eq(submit(1, 5, "nightly", false), id);
    cr_expect_eq(submit(0, 2, "nightly", false), id, "of the same client, too");
    cr_expect_neq(submit(0, 3, "weekly", false), id);
    cr_expect_eq(w.core->counts.submitted, 2u);
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_take_done(&w, 1, 5, JOBD_JOB_DONE, 0);
    const struct jd_job_done *done = world_take_done(&w, 0, 2, JOBD_JOB_DONE, 0);
    cr_expect_eq(done->value.len, 1u, "everyone gets the result");
    world_free(&w);
}

Test(core_keys, a_key_is_free_when_its_job_has_ended) {
    begin();
    uint64_t id = submit(0, 1, "nightly", false);
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    uint64_t next = submit(0, 1, "nightly", false);
    cr_expect_neq(next, id);
    cr_expect_eq(world_take_run(&w).run.job, next);
    world_free(&w);
}

Test(core_keys, a_kept_detached_job_keeps_its_key) {
    begin();
    uint64_t id = submit(0, 1, "nightly", true);
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    world_forget(&w);
    cr_expect_eq(submit(1, 9, "nightly", true), id);
    const struct jd_job_done *done = world_take_done(&w, 1, 9, JOBD_JOB_DONE, 0);
    cr_expect_eq(done->value.len, 1u);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    world_after(&w, w.cfg.keep_ns);
    uint64_t next = submit(1, 9, "nightly", true);
    cr_expect_neq(next, id, "it was forgotten");
    cr_expect_eq(world_take_run(&w).run.job, next);
    cr_expect_eq(w.core->keys.slab.used, 1u);
    world_free(&w);
}

Test(core_keys, the_reply_comes_before_the_outcome) {
    begin();
    submit(0, 1, "k", true);
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    world_forget(&w);
    struct jd_msg msg = {.op = JD_OP_SUBMIT};
    msg.u.submit = world_job(4, WORLD_ONCE);
    msg.u.submit.key = jd_text("k");
    world_request(&w, 1, &msg);
    cr_assert_eq(world_count(&w, EFFECT_SEND), 2u);
    cr_expect_eq(world_take(&w, EFFECT_SEND)->msg.shape, JD_REPLY);
    cr_expect_eq(world_take(&w, EFFECT_SEND)->msg.op, JD_OP_JOB_DONE);
    world_free(&w);
}

Test(core_keys, the_handle_must_be_free_all_the_same) {
    begin();
    submit(0, 1, "k", false);
    world_submit(&w, 1, 7, WORLD_ONCE);
    struct jd_submit s = world_job(7, WORLD_ONCE);
    s.key = jd_text("k");
    cr_expect_eq(world_submit_as(&w, 1, &s)->error, JOBD_E_STATE);
    cr_expect_eq(w.core->counts.refused, 1u);
    world_free(&w);
}

Test(core_keys, very_many_of_them) {
    enum { N = 1000 };
    char key[32];
    uint64_t id[N];
    begin();
    w.audit_every = 100;
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 0});
    for (uint32_t i = 0; i < N; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        id[i] = submit(0, i, key, false);
    }
    for (uint32_t i = 0; i < N; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        cr_assert_eq(keys_find(&w.core->keys, jd_text(key)), id[i]);
    }
    cr_expect_eq(keys_find(&w.core->keys, jd_text("key-")), 0u);
    for (uint32_t i = 0; i < N; i += 2)
        cr_assert(world_take_cancelled(&w, 0, world_cancel(&w, 0, i)));
    for (uint32_t i = 0; i < N; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        cr_assert_eq(keys_find(&w.core->keys, jd_text(key)), i % 2 ? id[i] : 0);
    }
    world_free(&w);
}
