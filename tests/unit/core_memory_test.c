// Out of memory: the step is refused, and nothing has changed.
#include <criterion/criterion.h>

#include "core/state.h"
#include "mem.h"
#include "support/core_world.h"

static struct core_world w;

Test(core_memory, at_the_very_start) {
    struct core_config cfg = world_config();
    struct core *core = NULL;
    unsigned long nth = 1;
    for (; !core; nth++) {
        jd_mem_fail_nth(nth);
        core = core_new(&cfg, 0);
        jd_mem_fail_nth(0);
    }
    cr_expect_geq(nth, 4u, "three allocations at least");
    core_free(core);
}

// Each allocation of a step fails in turn, each time in a new world. A step that was refused leaves
// only what the next one can use: it must succeed in the same world.
struct poor_step {
    void (*prepare)(void);
    int (*step)(void); // its error
};

// How many allocations the step makes.
static unsigned refusals_of(const struct poor_step *p) {
    for (unsigned n_refused = 0;; n_refused++) {
        p->prepare();
        w.fail_nth = n_refused + 1;
        int error = p->step();
        cr_assert(error == 0 || error == JOBD_E_NOMEM, "%s", jobd_errname(error));
        if (error)
            cr_assert_eq(p->step(), 0);
        world_free(&w);
        if (!error)
            return n_refused;
    }
}

static void without_clients(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_start(&w);
}

static int connect_once(void) {
    world_connect(&w, 20);
    int error = world_count(&w, EFFECT_CLOSE) ? world_take(&w, EFFECT_CLOSE)->error : 0;
    if (error) {
        cr_expect_eq(w.core->clients.n, 0u);
        world_close(&w, 20); // of somebody the core does not know
    }
    cr_expect_eq(w.core->clients.slab.used, error ? 1u : 2u);
    return error;
}

Test(core_memory, when_a_client_connects) {
    struct poor_step p = {without_clients, connect_once};
    cr_expect_eq(refusals_of(&p), 1u, "the table of peers; there is a record already");
}

static int hello_once(void) {
    unsigned long nth = w.fail_nth;
    w.fail_nth = 0;
    world_connect(&w, 1);
    w.fail_nth = nth;
    world_hello(&w, 1, JD_FRAME_DEFAULT_BYTES);
    int error = world_count(&w, EFFECT_CLOSE) ? world_take(&w, EFFECT_CLOSE)->error : 0;
    cr_expect_eq(world_count(&w, EFFECT_OPEN), error ? 0u : 1u);
    if (error)
        world_close(&w, 1);
    cr_expect_eq(w.core->clients.slab.used, error ? 1u : 2u);
    return error;
}

Test(core_memory, at_hello) {
    struct poor_step p = {without_clients, hello_once};
    cr_expect_eq(refusals_of(&p), 1u, "its name");
}

static void without_executor(void) {
    without_clients();
    world_connect(&w, 0);
    world_hello(&w, 0, JD_FRAME_DEFAULT_BYTES);
}

static int open_once(void) {
    uint32_t id = world_open(&w, 0, 100, "default");
    int error = world_take_reply(&w, 0, id)->msg.error;
    cr_expect_eq(w.core->clients.shares.used, error ? 0u : 1u);
    return error;
}

Test(core_memory, at_executor_open) {
    struct poor_step p = {without_executor, open_once};
    cr_expect_eq(refusals_of(&p), 3u, "the numbers; the first lane and its directory");
}

static void with_executor(void) {
    without_clients();
    world_client(&w, 0);
    world_forget(&w);
}

static int submit_once(void) {
    static const uint8_t args[100];
    struct jd_submit submit = world_job(5000, WORLD_PURE);
    submit.args = (jobd_bytes){args, sizeof args};
    submit.time_limit_ms = 5000;
    const struct jd_msg *reply = world_submit_as(&w, 0, &submit);
    if (!reply->error) {
        cr_expect_eq(reply->u.submit_ok.job, 1u, "a refused submit costs no id");
        return 0;
    }
    cr_expect_eq(core_next_id(w.core), 1u);
    cr_expect_eq(w.core->jobs.args_bytes, 0u);
    cr_expect_eq(w.core->jobs.slab.used, 0u);
    cr_expect_eq(w.core->jobs.sides.used, 0u);
    cr_expect_eq(w.core->counts.refused, 1u);
    cr_expect_eq(world_count(&w, EFFECT_DISPATCH), 0u);
    return reply->error;
}

Test(core_memory, at_submit) {
    struct poor_step p = {with_executor, submit_once};
    cr_expect_eq(refusals_of(&p), 11u,
                 "record, arguments, side, handle, lane, id, and five directories");
}

static void before_the_first_worker(void) {
    struct core_config cfg = world_config();
    world_init(&w, &cfg);
    world_client(&w, 0);
}

Test(core_memory, at_submit_before_the_first_worker) {
    struct poor_step p = {before_the_first_worker, submit_once};
    cr_expect_eq(refusals_of(&p), 13u, "besides, the task's name and the list of them");
}

// From here on a job needs no more memory: sent, taken back, tried again and ended without any.
Test(core_memory, an_accepted_job_needs_no_memory) {
    static const uint8_t args[100];
    with_executor();
    struct jd_submit submit = world_job(1, WORLD_PURE);
    submit.args = (jobd_bytes){args, sizeof args};
    cr_assert_eq(world_submit_as(&w, 0, &submit)->error, 0);
    struct world_run run = world_take_run(&w);
    w.fail_nth = 1;
    world_died(&w, 0, 11, &run);
    world_take_state(&w, 0, 1, JOBD_JOB_QUEUED);
    world_tree_gone(&w, 0);
    world_start(&w);
    run = world_take_run(&w);
    w.fail_nth = 1;
    world_board(&w, 0, 1, &run);
    w.fail_nth = 1;
    world_result(&w, &run, 1);
    world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0);
    world_free(&w);
}

static void before_hello(void) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
}

static int worker_hello_once(void) {
    unsigned long nth = w.fail_nth;
    w.fail_nth = 0;
    world_tick_to(&w, JD_MAX(w.now_ns, w.core->pool.retry_ns));
    world_take(&w, EFFECT_SPAWN);
    world_spawned(&w, 0);
    w.fail_nth = nth;
    world_worker_hello(&w, 0);
    if (w.core->pool.n_ready > 0)
        return 0;
    cr_expect_eq(world_take(&w, EFFECT_SIGNAL)->signal, 9);
    cr_expect_not(w.core->tasks.settled);
    world_died(&w, 0, 9, NULL);
    world_tree_gone(&w, 0);
    return JOBD_E_NOMEM;
}

Test(core_memory, when_a_worker_says_hello) {
    struct poor_step p = {before_hello, worker_hello_once};
    cr_expect_eq(refusals_of(&p), 1u + 2 * WORLD_TASKS, "the list; of each a name and a summary");
}

// ---- the rest of what jobs may want ----

static struct jd_submit wish;

static int wish_once(void) {
    const struct jd_msg *reply = world_submit_as(&w, 0, &wish);
    cr_expect_eq(w.core->jobs.slab.used, reply->error ? 0u : 1u);
    cr_expect_eq(w.core->jobs.sides.used, reply->error ? 0u : 1u);
    cr_expect_eq(w.core->keys.slab.used, reply->error || !wish.key.len ? 0u : 1u);
    cr_expect_eq(w.core->followers.used, reply->error || !wish.detached ? 0u : 1u);
    cr_expect_eq(w.core->timers.n_reserved, reply->error || !wish.delay_ms ? 0u : 1u);
    return reply->error;
}

Test(core_memory, at_submit_with_a_key) {
    struct poor_step p = {with_executor, wish_once};
    wish = world_job(5000, WORLD_PURE);
    wish.key = jd_text("nightly");
    cr_expect_geq(refusals_of(&p), 12u, "a key that is not remembered would be none");
}

Test(core_memory, at_submit_of_a_detached_job) {
    struct poor_step p = {with_executor, wish_once};
    wish = world_job(5000, WORLD_PURE);
    wish.detached = true;
    cr_expect_geq(refusals_of(&p), 10u);
}

Test(core_memory, at_submit_with_a_label_and_a_delay) {
    struct poor_step p = {with_executor, wish_once};
    wish = world_job(5000, WORLD_PURE);
    wish.delay_ms = 1000;
    wish.label = jd_text("nightly");
    cr_expect_geq(refusals_of(&p), 10u);
}

static void with_a_job(void) {
    with_executor();
    world_submit(&w, 0, 1, WORLD_ONCE);
    world_forget(&w);
}

static int attach_once(void) {
    struct jd_msg msg = {.op = JD_OP_ATTACH};
    msg.u.attach = (struct jd_attach){.handle = 3000, .job = 1};
    int error = world_ask(&w, 0, &msg)->error;
    cr_expect_eq(w.core->followers.used, error ? 0u : 1u);
    return error;
}

Test(core_memory, at_attach) {
    struct poor_step p = {with_a_job, attach_once};
    cr_expect_geq(refusals_of(&p), 3u, "its side, the follower, the handle");
}

static int create_once(void) {
    struct jd_msg msg = {.op = JD_OP_POOL_CREATE};
    msg.u.pool_create = (struct jd_pool_create){.pool = jd_text("gpu"),
                                                .workers = 1,
                                                .threads = 1,
                                                .initializer = jd_text("ping"),
                                                .init_args = {"\x90", 1}};
    int error = world_ask(&w, 0, &msg)->error;
    cr_expect_eq(pool_find(w.core, jd_text("gpu")) == NULL, error != 0);
    return error;
}

Test(core_memory, when_a_pool_is_created) {
    struct poor_step p = {with_executor, create_once};
    cr_expect_eq(refusals_of(&p), 3u, "the pool, its name, the arguments");
}

static int drain_once(void) {
    struct jd_msg msg = {.op = JD_OP_POOL_DRAIN};
    msg.u.pool_drain.pool = jd_text("default");
    int error = world_ask(&w, 0, &msg)->error;
    cr_expect_eq(w.core->pool.draining, error == 0);
    return error;
}

Test(core_memory, when_a_pool_is_drained) {
    struct poor_step p = {with_executor, drain_once};
    cr_expect_geq(refusals_of(&p), 1u);
}

static int watch_once(void) {
    struct jd_msg msg = {.op = JD_OP_WATCH};
    msg.u.watching.on = true;
    int error = world_ask(&w, 0, &msg)->error;
    cr_expect_eq(w.core->n_watchers, error ? 0u : 1u);
    return error;
}

Test(core_memory, when_somebody_watches) {
    struct poor_step p = {with_executor, watch_once};
    cr_expect_eq(refusals_of(&p), 1u, "the ring");
}

static int process_once(void) {
    struct jd_msg msg = {.op = JD_OP_PROCESS};
    msg.u.process = (struct jd_process){.handle = 3000, .task = jd_text("once"), .output = true};
    int error = world_ask(&w, 0, &msg)->error;
    cr_expect_eq(w.core->processes->n_all, error ? 0u : 1u);
    cr_expect_eq(world_count(&w, EFFECT_SPAWN), error ? 0u : 1u);
    return error;
}

Test(core_memory, when_a_process_is_started) {
    struct poor_step p = {with_executor, process_once};
    cr_expect_geq(refusals_of(&p), 6u);
}

static struct world_run caller;

static void with_a_caller(void) {
    with_executor();
    world_submit(&w, 0, 1, WORLD_ONCE);
    caller = world_take_run(&w);
    world_board(&w, 0, 1, &caller);
}

static int lend_once(void) {
    struct jd_msg msg = {.op = JD_OP_LEND};
    msg.u.lend = (struct jd_lend){.slot = caller.run.slot, .seq = caller.run.seq};
    uint32_t id = world_worker_request(&w, 0, &msg);
    int error = world_find_worker_reply(&w, 0, id)->error;
    cr_expect_eq(w.core->pool.n_lent, error ? 0u : 1u);
    return error;
}

Test(core_memory, when_a_slot_is_lent) {
    struct poor_step p = {with_a_caller, lend_once};
    cr_expect_geq(refusals_of(&p), 1u);
}

// An end is told, whether or not it can be kept. Each allocation of it fails in turn.
Test(core_memory, an_end_needs_no_memory) {
    for (unsigned long nth = 1; nth <= 6; nth++) {
        with_executor();
        struct jd_submit s = world_job(1, WORLD_ONCE);
        s.detached = true;
        s.label = jd_text("nightly");
        cr_assert_eq(world_submit_as(&w, 0, &s)->error, 0);
        struct world_run run = world_take_run(&w);
        w.fail_nth = nth;
        world_result(&w, &run, 1);
        cr_expect_eq(world_take_done(&w, 0, 1, JOBD_JOB_DONE, 0)->value.len, 1u);
        cr_expect_eq(w.core->jobs.slab.used, 0u);
        world_free(&w);
    }
}

// Without memory for what is to be told at its end, a process is over a little early.
Test(core_memory, the_end_of_a_process_needs_none) {
    for (unsigned long nth = 1; nth <= 3; nth++) {
        with_executor();
        process_once();
        world_start(&w);
        struct world_run run = world_take_run(&w);
        struct jd_result result = {.slot = run.run.slot,
                                   .seq = run.run.seq,
                                   .error = -JOBD_E_TASK,
                                   .name = jd_text("bad"),
                                   .text = jd_text("it is bad")};
        w.fail_nth = nth;
        world_result_as(&w, run.worker, &result);
        const struct jd_job_done *done = world_take_done(&w, 0, 3000, JOBD_JOB_FAILED, JOBD_E_TASK);
        cr_expect(world_text_has(done->text, "it is bad"));
        cr_expect_eq(done->status, 1);
        world_died(&w, run.worker, 1 << 8, NULL);
        world_tree_gone(&w, run.worker);
        cr_expect_eq(w.core->processes->n_all, 0u);
        world_free(&w);
    }
}

static uint16_t listing;

static int list_once(void) {
    struct jd_msg msg = {.op = listing};
    uint32_t id = world_request(&w, 0, &msg);
    return world_take_reply(&w, 0, id)->msg.error;
}

Test(core_memory, in_a_listing) {
    static const uint16_t ops[] = {JD_OP_STATUS, JD_OP_WORKERS, JD_OP_TASKS, JD_OP_POOLS,
                                   JD_OP_JOBS};
    struct poor_step p = {with_executor, list_once};
    for (size_t i = 0; i < JD_LEN(ops); i++) {
        listing = ops[i];
        cr_expect_geq(refusals_of(&p), 1u);
    }
}
