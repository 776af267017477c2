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

static uint16_t listing;

static int list_once(void) {
    struct jd_msg msg = {.op = listing};
    uint32_t id = world_request(&w, 0, &msg);
    return world_take_reply(&w, 0, id)->msg.error;
}

Test(core_memory, in_a_listing) {
    static const uint16_t ops[] = {JD_OP_STATUS, JD_OP_WORKERS, JD_OP_TASKS};
    struct poor_step p = {with_executor, list_once};
    for (size_t i = 0; i < JD_LEN(ops); i++) {
        listing = ops[i];
        cr_expect_geq(refusals_of(&p), 1u);
    }
}
