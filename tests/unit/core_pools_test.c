#include <criterion/criterion.h>

#include "core/state.h"
#include "pack.h"
#include "support/core_world.h"

static struct core_world w;

static void begin(uint32_t n_workers) {
    struct core_config cfg = world_config();
    cfg.n_workers = n_workers;
    world_init(&w, &cfg);
}

// The start under way ends before HELLO.
static void fail_start(uint32_t worker) {
    world_spawned(&w, worker);
    world_died(&w, worker, 1 << 8, NULL);
    world_tree_gone(&w, worker);
}

// The next start comes after delay_ms, give or take a tenth.
static void expect_start_after(uint64_t delay_ms) {
    uint64_t from_ns = w.now_ns;
    cr_assert_eq(world_count(&w, EFFECT_SPAWN), 0u);
    world_tick_to(&w, from_ns + delay_ms * WORLD_MS * 9 / 10 - 1);
    cr_assert_eq(world_count(&w, EFFECT_SPAWN), 0u, "before %u ms", (unsigned)delay_ms);
    world_tick_to(&w, from_ns + delay_ms * WORLD_MS * 11 / 10);
    cr_assert_eq(world_count(&w, EFFECT_SPAWN), 1u, "not after %u ms", (unsigned)delay_ms);
    world_take(&w, EFFECT_SPAWN);
}

static void expect_signal(uint32_t worker, int signal) {
    const struct effect *fx = world_take(&w, EFFECT_SIGNAL);
    cr_expect_eq(fx->worker, worker);
    cr_expect_eq(fx->signal, signal);
}

Test(core_pools, four_starts_in_one_step) {
    begin(10);
    cr_expect_eq(core_next_deadline(w.core), w.now_ns, "the first tick is due at once");
    world_tick(&w);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 4u);
    cr_expect_eq(core_next_deadline(w.core), w.now_ns);
    world_settle(&w);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 10u);
    for (uint32_t i = 0; i < 10; i++)
        cr_expect_eq(world_take(&w, EFFECT_SPAWN)->worker, i);
    world_free(&w);
}

Test(core_pools, hello_is_answered) {
    begin(1);
    world_settle(&w);
    world_spawned(&w, 0);
    world_worker_hello(&w, 0);
    const struct jd_msg *msg = &world_take(&w, EFFECT_WORKER_SEND)->msg;
    cr_expect_eq(msg->shape, JD_REPLY);
    cr_expect_eq(msg->id, 0u);
    cr_expect_eq(msg->u.hello_ok.major, (uint64_t)JD_PROTO_MAJOR);
    cr_expect_eq(msg->u.hello_ok.pid, 42u);
    cr_expect_eq(msg->u.hello_ok.max_frame, (uint64_t)JD_FRAME_DEFAULT_BYTES);
    cr_expect_eq(w.core->pool.n_ready, 1u);
    world_free(&w);
}

Test(core_pools, failed_starts_back_off_from_100_ms_to_10_s) {
    static const uint64_t delays_ms[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    begin(1);
    world_settle(&w);
    world_take(&w, EFFECT_SPAWN);
    for (size_t i = 0; i < JD_LEN(delays_ms); i++) {
        fail_start(0);
        cr_assert_not(w.core->pool.degraded);
        expect_start_after(delays_ms[i]);
    }
    cr_expect_eq(w.core->counts.worker_deaths, 0u, "it never was a worker");
    world_free(&w);
}

Test(core_pools, the_delays_differ_by_seed) {
    uint64_t at_ns[8];
    for (uint64_t seed = 0; seed < JD_LEN(at_ns); seed++) {
        struct core_config cfg = world_config();
        cfg.n_workers = 1;
        cfg.seed = seed * 1000;
        world_init(&w, &cfg);
        world_settle(&w);
        for (int i = 0; i < 5; i++) { // xorshift forgets a poor seed in a few steps
            fail_start(0);
            uint64_t from_ns = w.now_ns;
            world_forget(&w);
            while (world_count(&w, EFFECT_SPAWN) == 0)
                world_tick_to(&w, core_next_deadline(w.core));
            at_ns[seed] = w.now_ns - from_ns;
        }
        world_free(&w);
    }
    for (size_t i = 1; i < JD_LEN(at_ns); i++)
        cr_expect_neq(at_ns[i], at_ns[i - 1]);
}

Test(core_pools, after_ten_failed_starts_one_try_in_10_s) {
    begin(4);
    world_client(&w, 0);
    world_submit(&w, 0, 1, WORLD_PURE);
    world_settle(&w);
    for (int i = 0; i < 10; i++) {
        while (world_count(&w, EFFECT_SPAWN) == 0)
            world_tick_to(&w, core_next_deadline(w.core));
        fail_start(world_take(&w, EFFECT_SPAWN)->worker);
    }
    cr_assert(w.core->pool.degraded);
    while (world_count(&w, EFFECT_SPAWN) > 0) // those that were under way
        fail_start(world_take(&w, EFFECT_SPAWN)->worker);
    for (int i = 0; i < 5; i++) {
        expect_start_after(10000); // exactly one, though four are missing
        world_after(&w, 8 * WORLD_S);
        cr_assert_eq(world_count(&w, EFFECT_SPAWN), 0u, "the next try waits for this one");
        fail_start(0);
        cr_assert(w.core->pool.degraded);
    }
    cr_expect_null(world_find_event(&w, 0, JD_OP_JOB_DONE, 1), "jobs wait meanwhile");

    expect_start_after(10000);
    world_spawned(&w, 0);
    world_worker_hello(&w, 0);
    cr_expect_not(w.core->pool.degraded, "one HELLO and all is well");
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 3u, "the others follow at once");
    cr_expect_eq(world_take_run(&w).worker, 0u);
    uint32_t unlucky = world_take(&w, EFFECT_SPAWN)->worker;
    world_start(&w);
    fail_start(unlucky);
    expect_start_after(100);
    world_free(&w);
}

Test(core_pools, a_spawn_that_fails_is_a_failed_start) {
    begin(1);
    world_settle(&w);
    world_take(&w, EFFECT_SPAWN);
    for (uint64_t delay_ms = 100; delay_ms <= 400; delay_ms *= 2) {
        world_feed(&w, &(struct event){.kind = EVENT_SPAWN_FAILED, .worker = 0, .error = 11});
        expect_start_after(delay_ms);
    }
    world_free(&w);
}

Test(core_pools, hello_must_come_in_time) {
    begin(1);
    world_settle(&w);
    world_take(&w, EFFECT_SPAWN);
    world_spawned(&w, 0);
    world_after(&w, 10 * WORLD_S - 1);
    cr_assert_eq(world_count(&w, EFFECT_SIGNAL), 0u);
    world_after(&w, 1);
    expect_signal(0, 9);
    world_after(&w, 60 * WORLD_S);
    cr_expect_eq(world_count(&w, EFFECT_SIGNAL), 0u, "KILL is sent once");
    world_died(&w, 0, 9, NULL);
    world_tree_gone(&w, 0);
    expect_start_after(100);
    world_free(&w);
}

Test(core_pools, a_start_can_be_too_late_before_its_process_is_known) {
    begin(1);
    world_settle(&w);
    world_take(&w, EFFECT_SPAWN);
    world_after(&w, 10 * WORLD_S);
    expect_signal(0, 9); // nobody is there to get it
    world_spawned(&w, 0);
    expect_signal(0, 9);
    world_free(&w);
}

Test(core_pools, a_worker_that_was_ready_is_replaced_at_once) {
    begin(2);
    world_start(&w);
    for (int i = 0; i < 30; i++) {
        world_died(&w, 1, 11, NULL);
        cr_assert_eq(world_count(&w, EFFECT_SPAWN), 0u, "not before its tree is gone");
        world_tree_gone(&w, 1);
        cr_assert_eq(world_take(&w, EFFECT_SPAWN)->worker, 1u);
        world_spawned(&w, 1);
        world_worker_hello(&w, 1);
    }
    cr_expect_eq(w.core->counts.worker_deaths, 30u);
    cr_expect_eq(w.core->workers[1].deaths, 30u);
    world_free(&w);
}

// A bucket of 200 that gets a token every 5 ms.
Test(core_pools, two_hundred_starts_a_second) {
    begin(250);
    world_settle(&w);
    cr_assert_eq(world_count(&w, EFFECT_SPAWN), 200u);
    for (uint32_t n = 201; n <= 210; n++) {
        world_after(&w, 5 * WORLD_MS - 1);
        cr_assert_eq(world_count(&w, EFFECT_SPAWN), n - 1);
        world_after(&w, 1);
        cr_assert_eq(world_count(&w, EFFECT_SPAWN), n);
    }
    world_after(&w, WORLD_S);
    cr_assert_eq(world_count(&w, EFFECT_SPAWN), 250u);
    world_start(&w);
    world_after(&w, 60 * WORLD_S); // a long rest saves up no more than that
    for (uint32_t i = 0; i < 250; i++) {
        world_died(&w, i, 9, NULL);
        world_tree_gone(&w, i);
    }
    world_settle(&w);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), 200u);
    world_free(&w);
}

// ---- workers that are none ----

static void expect_killed_as_a_failed_start(void) {
    expect_signal(0, 9);
    cr_expect_eq(w.core->counts.broken, 1u);
    cr_expect_eq(w.core->pool.n_ready, 0u);
    world_died(&w, 0, 9, NULL);
    world_tree_gone(&w, 0);
    expect_start_after(100);
    world_free(&w);
}

static void spawn_one(void) {
    begin(1);
    world_settle(&w);
    world_take(&w, EFFECT_SPAWN);
    world_spawned(&w, 0);
}

static void say(uint32_t worker, struct jd_msg *msg) {
    world_feed(&w, &(struct event){.kind = EVENT_WORKER_MESSAGE, .worker = worker, .msg = msg});
}

Test(core_pools, the_first_message_must_be_hello) {
    spawn_one();
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_RESULT};
    say(0, &msg);
    expect_killed_as_a_failed_start();
}

Test(core_pools, hello_of_another_version) {
    spawn_one();
    struct jd_msg msg = {.shape = JD_REQUEST, .op = JD_OP_HELLO};
    msg.u.hello = (struct jd_hello){.major = JD_PROTO_MAJOR + 1, .role = JD_ROLE_WORKER};
    say(0, &msg);
    expect_killed_as_a_failed_start();
}

Test(core_pools, hello_of_a_client) {
    spawn_one();
    struct jd_msg msg = {.shape = JD_REQUEST, .op = JD_OP_HELLO};
    msg.u.hello = (struct jd_hello){.major = JD_PROTO_MAJOR, .role = JD_ROLE_CLIENT};
    say(0, &msg);
    expect_killed_as_a_failed_start();
}

Test(core_pools, a_list_of_tasks_that_is_none) {
    spawn_one();
    world_worker_hello_as(&w, 0, (jobd_bytes){"\x07", 1});
    expect_killed_as_a_failed_start();
}

Test(core_pools, noise_before_hello) {
    spawn_one();
    world_feed(&w, &(struct event){
                       .kind = EVENT_WORKER_BROKEN, .worker = 0, .text = jd_text("not msgpack")});
    expect_killed_as_a_failed_start();
}

Test(core_pools, the_tasks_must_be_those_of_the_first_worker) {
    begin(2);
    world_settle(&w);
    world_spawned(&w, 0);
    world_worker_hello(&w, 0);
    world_spawned(&w, 1);
    world_forget(&w);
    world_worker_hello_as(&w, 1, (jobd_bytes){"\x91\x93\xa4ping\x00\xa0", 9});
    expect_signal(1, 9);
    cr_expect_eq(w.core->counts.broken, 1u);
    cr_expect_eq(w.core->tasks.n_wire, (uint32_t)WORLD_TASKS, "the first list stays");
    world_died(&w, 1, 9, NULL);
    world_tree_gone(&w, 1);
    expect_start_after(100);
    world_free(&w);
}

Test(core_pools, hello_twice_is_a_breach) {
    begin(1);
    world_start(&w);
    world_worker_hello(&w, 0);
    expect_signal(0, 9);
    cr_expect_eq(w.core->counts.broken, 1u);
    world_died(&w, 0, 9, NULL);
    world_tree_gone(&w, 0);
    cr_expect_eq(world_take(&w, EFFECT_SPAWN)->worker, 0u, "it had been ready: no delay");
    cr_expect_eq(w.core->counts.worker_deaths, 0u, "we killed it");
    world_free(&w);
}
