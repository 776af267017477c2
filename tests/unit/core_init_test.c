// Initializers: a task that every worker of a pool runs before its first job.
#include <criterion/criterion.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

enum { EX = 9 };

static void begin(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    world_forget(&w);
    struct jd_pool_create pool = {.pool = jd_text("warm"),
                                  .workers = 1,
                                  .threads = 1,
                                  .initializer = jd_text("ping"),
                                  .init_args = {"\x91\x2a", 2}};
    world_pool(&w, 0, &pool);
    world_take_reply(&w, 0, world_open(&w, 0, EX, "warm"));
}

// Up to its INIT.
static uint32_t say_hello(void) {
    uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
    world_spawned(&w, worker);
    world_worker_hello(&w, worker);
    const struct effect *fx = world_take(&w, EFFECT_WORKER_SEND);
    cr_assert_eq(fx->msg.shape, JD_REPLY);
    return worker;
}

static struct jd_msg take_init(void) {
    const struct effect *fx = world_take(&w, EFFECT_WORKER_SEND);
    cr_assert_eq(fx->msg.shape, JD_REQUEST);
    cr_assert_eq(fx->msg.op, JD_OP_INIT);
    return fx->msg;
}

static void answer(uint32_t worker, uint32_t id, int error, const char *text) {
    struct jd_msg msg = {
        .shape = JD_REPLY, .op = JD_OP_INIT, .id = id, .error = error, .text = jd_text(text)};
    world_feed(&w, &(struct event){.kind = EVENT_WORKER_MESSAGE, .worker = worker, .msg = &msg});
}

static void submit(uint32_t handle) {
    struct jd_submit s = world_job(handle, WORLD_ONCE);
    s.executor = EX;
    cr_assert_eq(world_submit_as(&w, 0, &s)->error, 0);
}

static const char *failure(void) {
    return world_find_pool(&w, "warm")->failure;
}

Test(core_init, it_comes_before_the_first_job) {
    begin();
    submit(1);
    uint32_t worker = say_hello();
    struct jd_msg init = take_init();
    cr_expect_eq(init.u.init.task, (uint64_t)WORLD_PING);
    cr_expect_eq(init.u.init.args.len, 2u);
    world_settle(&w);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    answer(worker, init.id, 0, "");
    cr_expect_eq(world_take_run(&w).worker, worker);
    cr_expect_eq(world_find_pool(&w, "warm")->n_ready, 1u);
    world_free(&w);
}

static void expect_failed_start(uint32_t worker, const char *part) {
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    world_died(&w, worker, 9, NULL);
    world_tree_gone(&w, worker);
    cr_expect_eq(world_find_pool(&w, "warm")->failed_starts, 1u);
    cr_expect(world_text_has(jd_text(failure()), part), "%s", failure());
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 0u);
    world_after(&w, 110 * WORLD_MS);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 1u, "tried again after a while");
}

Test(core_init, its_failure_is_a_failed_start) {
    begin();
    submit(1);
    uint32_t worker = say_hello();
    answer(worker, take_init().id, JOBD_E_TASK, "no GPU here");
    expect_failed_start(worker, "its initializer 'ping' failed: no GPU here");
    struct jd_submit s = world_job(2, WORLD_ONCE);
    s.executor = EX;
    uint64_t id = world_submit_as(&w, 0, &s)->u.submit_ok.job;
    cr_expect(world_text_in(world_why(&w, 0, id), "reason", "no GPU here"));
    worker = say_hello();
    answer(worker, take_init().id, 0, "");
    cr_expect_eq(failure()[0], '\0');
    cr_expect_eq(world_find_pool(&w, "warm")->failed_starts, 0u);
    world_free(&w);
}

Test(core_init, so_is_its_death) {
    begin();
    uint32_t worker = say_hello();
    take_init();
    world_feed(&w, &(struct event){.kind = EVENT_WORKER_DIED,
                                   .worker = worker,
                                   .status = 11,
                                   .board = &(struct board_view){0},
                                   .text = jd_text("driver not loaded")});
    world_tree_gone(&w, worker);
    cr_expect(world_text_has(jd_text(failure()), "was killed by SIGSEGV"), "%s", failure());
    cr_expect(world_text_has(jd_text(failure()), "driver not loaded"), "%s", failure());
    cr_expect_eq(w.core->counts.worker_deaths, 0u);
    world_free(&w);
}

Test(core_init, it_must_end_in_time) {
    begin();
    uint32_t worker = say_hello();
    world_after(&w, w.cfg.start_ns - 1);
    take_init();
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_after(&w, 1);
    expect_failed_start(worker, "before it was ready");
    world_free(&w);
}

Test(core_init, it_may_log) {
    begin();
    uint32_t worker = say_hello();
    struct jd_msg init = take_init();
    struct jd_msg log = {.op = JD_OP_TASK_LOG};
    log.u.task_log = (struct jd_task_log){.level = 2, .text = jd_text("loading")};
    world_worker_event(&w, worker, &log);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    answer(worker, init.id, 0, "");
    cr_expect_eq(world_find_pool(&w, "warm")->n_ready, 1u);
    world_free(&w);
}

Test(core_init, anything_else_is_a_breach) {
    begin();
    uint32_t worker = say_hello();
    take_init();
    struct jd_msg result = {.op = JD_OP_RESULT};
    world_worker_event(&w, worker, &result);
    expect_failed_start(worker, "its initializer sent what is no answer");
    world_free(&w);
}

// Before the first worker any name may be right.
Test(core_init, a_task_that_turns_out_not_to_exist) {
    static const struct core_pool pools[] = {
        {.name = "warm", .n_workers = 1, .n_threads = 1, .initializer = "pong"}};
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    cfg.pools = pools;
    cfg.n_pools = 1;
    world_init(&w, &cfg);
    world_settle(&w);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t worker = world_take(&w, EFFECT_SPAWN)->worker;
        world_spawned(&w, worker);
        world_worker_hello(&w, worker);
    }
    uint32_t worker = world_take(&w, EFFECT_SIGNAL)->worker;
    world_died(&w, worker, 9, NULL);
    cr_expect(world_text_has(jd_text(failure()), "no task is named 'pong'; did you mean 'ping'?"),
              "%s", failure());
    world_free(&w);
}

Test(core_init, without_arguments_it_gets_an_empty_array) {
    begin();
    world_forget(&w);
    struct jd_pool_create pool = {
        .pool = jd_text("cold"), .workers = 1, .threads = 1, .initializer = jd_text("ping")};
    world_pool(&w, 0, &pool);
    say_hello();
    jobd_bytes args = take_init().u.init.args;
    cr_assert_eq(args.len, 1u);
    cr_expect_eq(*(const uint8_t *)args.data, 0x90);
    world_free(&w);
}
