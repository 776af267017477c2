// Pools at run time.
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

enum { EX = 9 }; // an executor of the pool "gpu"

static const struct jd_pool_create gpu = {.pool = {"gpu", 3}, .workers = 2, .threads = 1};

static void begin(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.max_workers = 8;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    world_client(&w, 1);
    world_forget(&w);
}

static void begin_gpu(void) {
    begin();
    world_pool_start(&w, 0, &gpu, EX);
    world_forget(&w);
}

static const struct jd_msg *submit_to(uint32_t handle) {
    struct jd_submit s = world_job(handle, WORLD_ONCE);
    s.executor = EX;
    return world_submit_as(&w, 0, &s);
}

static void submit(uint32_t handle) {
    cr_assert_eq(submit_to(handle)->error, 0);
}

static struct jd_msg create_msg(struct jd_pool_create pool) {
    struct jd_msg msg = {.op = JD_OP_POOL_CREATE};
    msg.u.pool_create = pool;
    return msg;
}

static struct jd_msg resize_msg(const char *pool, uint64_t workers) {
    struct jd_msg msg = {.op = JD_OP_POOL_RESIZE};
    msg.u.pool_resize = (struct jd_pool_resize){.pool = jd_text(pool), .workers = workers};
    return msg;
}

static struct jd_msg pause_msg(const char *pool, bool paused) {
    struct jd_msg msg = {.op = JD_OP_POOL_PAUSE};
    msg.u.pool_pause = (struct jd_pool_pause){.pool = jd_text(pool), .paused = paused};
    return msg;
}

static struct jd_msg delete_msg(const char *pool, bool now) {
    struct jd_msg msg = {.op = JD_OP_POOL_DELETE};
    msg.u.pool_delete = (struct jd_pool_delete){.pool = jd_text(pool), .now = now};
    return msg;
}

static void ask(struct jd_msg msg) {
    world_ask_ok(&w, 0, &msg);
}

static void expect_refused(struct jd_msg msg, int error, const char *part) {
    world_ask_refused(&w, 0, &msg, error, part);
}

static uint32_t begin_drain(uint32_t peer) {
    struct jd_msg msg = {.op = JD_OP_POOL_DRAIN};
    msg.u.pool_drain.pool = jd_text("gpu");
    return world_request(&w, peer, &msg);
}

static bool there_is(const char *pool) {
    return pool_find(w.core, jd_text(pool)) != NULL;
}

// The workers of the pool leave, until it is gone.
static void expect_gone(void) {
    while (world_count(&w, EFFECT_HANG_UP) > 0) {
        uint32_t worker = world_take(&w, EFFECT_HANG_UP)->worker;
        world_died(&w, worker, 0, NULL);
        world_tree_gone(&w, worker);
    }
    world_settle(&w);
    for (uint32_t i = 0; i < w.core->n_pools; i++)
        cr_expect(!w.core->pools[i] || w.core->pools[i]->stays, "%s is still there",
                  w.core->pools[i]->name);
}

// ---- create ----

Test(core_manage, a_pool_has_workers_at_once) {
    begin();
    world_pool(&w, 0, &gpu);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 2u);
    cr_expect_eq(world_take(&w, EFFECT_SPAWN)->spawn.threads, 1u);
    world_free(&w);
}

Test(core_manage, what_is_no_pool) {
    char name[80];
    snprintf(name, sizeof name, "%064d", 7);
    begin();
    struct jd_pool_create p = gpu;
    p.pool = jd_text("default");
    expect_refused(create_msg(p), JOBD_E_EXIST, "there is a pool 'default' already");
    p.pool = jd_text("no spaces");
    expect_refused(create_msg(p), JOBD_E_INVAL, "a pool needs a name");
    p.pool = jd_text(name);
    expect_refused(create_msg(p), JOBD_E_INVAL, "of 1 to 63 bytes");
    p = gpu;
    p.initializer = jd_text("onze");
    expect_refused(create_msg(p), JOBD_E_NOTASK, "did you mean 'once'?");
    cr_expect_not(there_is("gpu"));
    world_free(&w);
}

Test(core_manage, all_pools_share_the_limit_of_workers) {
    begin(); // 8, of which one is of "default", and one of "threads"
    struct jd_pool_create p = gpu;
    p.workers = 7;
    expect_refused(create_msg(p), JOBD_E_LIMIT,
                   "the pools would have 9 workers; the limit is max_workers = 8");
    p.workers = 6;
    ask(create_msg(p));
    expect_refused(resize_msg("default", 2), JOBD_E_LIMIT, "9 workers");
    ask(resize_msg("gpu", 5));
    ask(resize_msg("default", 2));
    world_free(&w);
}

Test(core_manage, sixty_four_of_them) {
    struct core_config cfg = world_config();
    cfg.max_workers = 200;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    char name[16];
    int error = 0;
    uint32_t n = 3; // "default", "threads", the processes
    for (; !error; n++) {
        snprintf(name, sizeof name, "p%u", n);
        struct jd_msg msg =
            create_msg((struct jd_pool_create){.pool = jd_text(name), .workers = 1, .threads = 1});
        error = world_ask(&w, 0, &msg)->error;
    }
    cr_expect_eq(error, JOBD_E_LIMIT);
    cr_expect_eq(n, JD_POOLS_MAX + 1u);
    world_free(&w);
}

Test(core_manage, pools_of_the_configuration) {
    static const struct core_pool pools[] = {{.name = "gpu", .n_workers = 3, .n_threads = 2}};
    struct core_config cfg = world_config();
    cfg.pools = pools;
    cfg.n_pools = 1;
    world_init(&w, &cfg);
    world_start(&w);
    cr_expect_eq(world_find_pool(&w, "gpu")->n_ready, 3u);
    cr_expect_eq(world_find_pool(&w, "gpu")->n_threads, 2u);
    world_free(&w);
}

Test(core_manage, there_is_no_such_pool) {
    begin();
    static const char *const part = "there is no pool 'gpu'; `jobctl pool list` lists them";
    expect_refused(resize_msg("gpu", 2), JOBD_E_NOENT, part);
    expect_refused(pause_msg("gpu", true), JOBD_E_NOENT, part);
    expect_refused(delete_msg("gpu", true), JOBD_E_NOENT, part);
    struct jd_msg msg = {.op = JD_OP_POOL_DRAIN};
    msg.u.pool_drain.pool = jd_text("gpu");
    expect_refused(msg, JOBD_E_NOENT, part);
    expect_refused(resize_msg("processes", 2), JOBD_E_PERM, "the processes are no pool");
    expect_refused(resize_msg("default", 0), JOBD_E_INVAL, "at least one worker");
    world_free(&w);
}

// ---- pause ----

Test(core_manage, a_paused_pool_starts_nothing) {
    begin_gpu();
    submit(1);
    struct world_run run = world_take_run(&w);
    ask(pause_msg("gpu", true));
    submit(2);
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_after(&w, WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    world_submit(&w, 0, 3, WORLD_ONCE); // in another pool
    world_take_run(&w);
    ask(pause_msg("gpu", false));
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 1u);
    world_free(&w);
}

// ---- drain ----

Test(core_manage, a_drain_is_answered_when_the_pool_is_empty) {
    begin_gpu();
    for (uint32_t i = 1; i <= 6; i++)
        submit(i);
    uint32_t first = begin_drain(0), second = begin_drain(1);
    const struct jd_msg *reply = submit_to(7);
    cr_expect_eq(reply->error, JOBD_E_STOPPING);
    cr_expect(world_text_has(reply->text, "the pool 'gpu' is draining; it takes no new jobs"));
    for (uint32_t i = 1; i <= 6; i++) {
        for (uint32_t k = w.first; k < w.n_seen; k++)
            cr_assert(w.seen[k]->taken || w.seen[k]->fx.kind != EFFECT_SEND ||
                      w.seen[k]->fx.msg.shape != JD_REPLY);
        struct world_run run = world_take_run(&w);
        world_result(&w, &run, 1);
    }
    cr_expect_eq(world_take_reply(&w, 0, first)->msg.error, 0);
    cr_expect_eq(world_take_reply(&w, 1, second)->msg.error, 0);
    cr_expect_eq(submit_to(7)->error, JOBD_E_STOPPING, "and it takes none until it is opened");
    ask(pause_msg("gpu", false));
    submit(7);
    world_free(&w);
}

Test(core_manage, an_empty_pool_is_drained_at_once) {
    begin_gpu();
    cr_expect_eq(world_take_reply(&w, 0, begin_drain(0))->msg.error, 0);
    world_free(&w);
}

Test(core_manage, who_waits_for_a_drain_is_told_that_it_was_opened_again) {
    begin_gpu();
    submit(1);
    uint32_t id = begin_drain(1);
    ask(pause_msg("gpu", false));
    const struct jd_msg *reply = &world_take_reply(&w, 1, id)->msg;
    cr_expect_eq(reply->error, JOBD_E_STATE);
    cr_expect(world_text_has(reply->text, "opened again before it was empty"));
    world_free(&w);
}

Test(core_manage, who_waits_for_a_drain_may_go) {
    begin_gpu();
    submit(1);
    begin_drain(1);
    world_close(&w, 1);
    world_client(&w, 1); // another one, with the same number
    world_forget(&w);
    struct world_run run = {.worker = 0};
    for (uint32_t i = 0; i < w.core->n_numbers; i++)
        if (w.core->workers[i].n_out > 0)
            run = (struct world_run){.worker = i,
                                     .run = {.slot = w.core->workers[i].out_head, .seq = 1}};
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    cr_expect_eq(world_count(&w, EFFECT_SEND), 0u);
    cr_expect_eq(w.core->drains.used, 0u);
    world_free(&w);
}

// ---- delete ----

Test(core_manage, what_waits_is_cancelled_and_what_runs_may_end) {
    begin_gpu();
    for (uint32_t i = 1; i <= 6; i++)
        submit(i); // four were sent
    struct world_run first = world_take_run(&w), second = world_take_run(&w);
    world_board(&w, first.worker, 1, &first);
    world_board(&w, second.worker, 1, &second);
    ask(delete_msg("gpu", false));
    cr_expect_not(there_is("gpu"));
    world_revoked_all(&w, true);
    world_settle(&w);
    for (uint32_t i = 3; i <= 6; i++) {
        const struct jd_job_done *done =
            world_take_done(&w, 0, i, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
        cr_expect(world_text_has(done->text, "its pool was deleted"));
    }
    world_after(&w, 60 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    const struct jd_msg *reply = submit_to(7);
    cr_expect_eq(reply->error, JOBD_E_NOENT);
    cr_expect(world_text_has(reply->text, "the pool 'gpu' was deleted"));
    world_result(&w, &first, 1);
    world_result(&w, &second, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_take_done(&w, 0, 2, JOBD_JOB_DONE, 0);
    struct jd_msg close = {.op = JD_OP_EXECUTOR_CLOSE};
    close.u.executor_close.executor = EX;
    ask(close);
    expect_gone();
    world_free(&w);
}

Test(core_manage, or_is_stopped) {
    begin_gpu();
    for (uint32_t i = 1; i <= 6; i++)
        submit(i);
    struct world_run first = world_take_run(&w), second = world_take_run(&w);
    world_board(&w, first.worker, 1, &first); // the second has begun, too, but nobody has seen it
    ask(delete_msg("gpu", true));
    while (world_count(&w, EFFECT_REVOKE) > 0) {
        const struct effect *fx = world_take(&w, EFFECT_REVOKE);
        bool begun = fx->worker == second.worker && fx->slot == second.run.slot;
        world_feed(&w, &(struct event){.kind = EVENT_REVOKED,
                                       .worker = fx->worker,
                                       .slot = fx->slot,
                                       .seq = fx->seq,
                                       .won = !begun});
    }
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 2u);
    world_died(&w, first.worker, 9, &first);
    world_died(&w, second.worker, 9, &second);
    world_tree_gone(&w, first.worker);
    world_tree_gone(&w, second.worker);
    world_settle(&w);
    for (uint32_t i = 1; i <= 2; i++)
        cr_expect(world_text_has(world_take_done(&w, 0, i, JOBD_JOB_KILLED, JOBD_E_KILLED)->text,
                                 "its pool was deleted, so the job was stopped"));
    for (uint32_t i = 3; i <= 6; i++)
        world_take_done(&w, 0, i, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    world_close(&w, 0);
    expect_gone();
    world_free(&w);
}

Test(core_manage, of_several_threads_all_are_stopped) {
    begin();
    struct jd_pool_create p = gpu;
    p.workers = 1;
    p.threads = 4;
    world_pool_start(&w, 0, &p, EX);
    struct board_view board = {.taken = 3, .n_started = 3};
    struct world_run run = {0};
    for (uint32_t i = 0; i < 3; i++) {
        submit(i);
        run = world_take_run(&w);
        board.started[i] = world_started(&run);
    }
    world_look(&w, run.worker, &board);
    ask(delete_msg("gpu", true));
    world_feed(&w,
               &(struct event){
                   .kind = EVENT_WORKER_DIED, .worker = run.worker, .status = 9, .board = &board});
    for (uint32_t i = 0; i < 3; i++)
        world_take_done(&w, 0, i, JOBD_JOB_KILLED, JOBD_E_KILLED);
    world_free(&w);
}

Test(core_manage, some_pools_stay) {
    begin();
    expect_refused(delete_msg("default", false), JOBD_E_PERM, "'default' cannot be deleted");
    expect_refused(delete_msg("threads", true), JOBD_E_PERM, "'threads' cannot be deleted");
    expect_refused(delete_msg("processes", true), JOBD_E_PERM, "");
    world_free(&w);
}

Test(core_manage, a_name_is_free_at_once) {
    begin_gpu();
    submit(1);
    ask(delete_msg("gpu", false));
    ask(create_msg(gpu));
    struct jd_msg close = {.op = JD_OP_EXECUTOR_CLOSE};
    close.u.executor_close.executor = EX;
    ask(close);
    world_start(&w);
    cr_expect_eq(world_take_reply(&w, 0, world_open(&w, 0, EX, "gpu"))->msg.error, 0);
    submit(2);
    world_free(&w);
}

// Detached jobs belong to nobody, who never closes an executor.
Test(core_manage, a_pool_goes_though_detached_jobs_were_in_it) {
    begin_gpu();
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.executor = EX;
    s.detached = true;
    uint64_t id = world_submit_as(&w, 0, &s)->u.submit_ok.job;
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    ask(delete_msg("gpu", false));
    world_close(&w, 0);
    expect_gone();
    world_pool(&w, 1, &(struct jd_pool_create){.pool = {"other", 5}, .workers = 1, .threads = 1});
    cr_expect(world_nil_in(world_why(&w, 1, id), "pool"), "not the name of the next one");
    world_free(&w);
}

Test(core_manage, a_drain_ends_with_its_pool) {
    begin_gpu();
    ask(pause_msg("gpu", true));
    submit(1);
    uint32_t id = begin_drain(1);
    ask(delete_msg("gpu", false));
    world_take_done(&w, 0, 1, JOBD_JOB_CANCELLED, JOBD_E_CANCELLED);
    cr_expect_eq(world_take_reply(&w, 1, id)->msg.error, 0);
    world_close(&w, 0);
    expect_gone();
    world_free(&w);
}

Test(core_manage, very_many_windows_are_taken_back_in_several_steps) {
    enum { WORKERS = 160 };
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.max_workers = WORKERS + 2;
    world_init(&w, &cfg);
    w.audit_every = 5000;
    world_start(&w);
    world_client(&w, 0);
    world_teach(&w, 0, WORLD_PURE, 1000);
    struct jd_pool_create p = gpu;
    p.workers = WORKERS;
    world_pool_start(&w, 0, &p, EX);
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 0});
    for (uint32_t i = 0; i < WORKERS * 240; i++) {
        struct jd_submit s = world_job(i, WORLD_PURE);
        s.executor = EX;
        cr_assert_eq(world_submit_as(&w, 0, &s)->error, 0);
        if (i % 1000 == 0)
            world_forget(&w);
    }
    world_feed(&w, &(struct event){.kind = EVENT_RESUMED, .peer = 0});
    world_settle(&w);
    world_forget(&w);
    cr_assert_eq(world_find_pool(&w, "gpu")->n_out, WORKERS * 240u);
    uint32_t before = w.n_seen;
    ask(resize_msg("gpu", 1));
    cr_expect_lt(w.n_seen - before, (uint32_t)EFFECTS_MAX);
    world_settle(&w);
    cr_expect_eq(world_count(&w, EFFECT_REVOKE), (WORKERS - 1) * 240u);
    world_free(&w);
}
