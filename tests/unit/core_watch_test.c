// What happens in the daemon, for those who want to know.
#include <criterion/criterion.h>

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

static void watch(uint32_t peer, bool on) {
    struct jd_msg msg = {.op = JD_OP_WATCH};
    msg.u.watching.on = on;
    world_ask_ok(&w, peer, &msg);
}

// The next one that the peer is told; NULL = nothing.
static const struct jd_happened *next(uint32_t peer) {
    for (uint32_t i = w.first; i < w.n_seen; i++) {
        struct world_effect *s = w.seen[i];
        if (s->taken || s->fx.kind != EFFECT_SEND || s->fx.peer != peer ||
            s->fx.msg.shape != JD_EVENT || s->fx.msg.op != JD_OP_HAPPENED)
            continue;
        s->taken = true;
        return &s->fx.msg.u.happened;
    }
    return NULL;
}

static const struct jd_happened *expect(uint32_t peer, const char *what) {
    const struct jd_happened *h = next(peer);
    cr_assert_not_null(h, "no '%s'", what);
    cr_assert(world_text_has(h->what, what), "'%.*s', not '%s'", (int)h->what.len,
              (const char *)h->what.data, what);
    return h;
}

Test(core_watch, the_life_of_a_job) {
    begin();
    watch(1, true);
    uint64_t id = world_submit(&w, 0, 1, WORLD_ONCE);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    world_fail(&w, &run, "bad", "it is bad");
    const struct jd_happened *h = expect(1, "job.submitted");
    cr_expect_eq(h->job, id);
    cr_expect_eq(h->now_ns, w.now_ns);
    cr_expect(world_text_has(h->task, "once"));
    cr_expect(world_text_has(h->pool, "default"));
    h = expect(1, "job.running");
    cr_expect_eq((int)h->state, JOBD_JOB_RUNNING);
    cr_expect_eq(h->pid, w.pid[0]);
    h = expect(1, "job.done");
    cr_expect_eq((int)h->state, JOBD_JOB_FAILED);
    cr_expect(world_text_has(h->text, "it is bad"));
    cr_expect_null(next(1));
    cr_expect_null(next(0), "nobody else is told");
    world_free(&w);
}

Test(core_watch, workers_and_pools) {
    begin();
    watch(1, true);
    world_replace(&w, 0);
    const struct jd_happened *h = expect(1, "worker.died");
    cr_expect(world_text_has(h->text, "was killed by SIGKILL"));
    cr_expect_neq(h->pid, 0u);
    cr_expect_eq(expect(1, "worker.ready")->pid, w.pid[0]);
    struct jd_pool_create pool = {.pool = jd_text("gpu"), .workers = 1, .threads = 1};
    world_pool(&w, 0, &pool);
    cr_expect(world_text_has(expect(1, "pool.created")->pool, "gpu"));
    struct jd_msg msg = {.op = JD_OP_POOL_RESIZE};
    msg.u.pool_resize = (struct jd_pool_resize){.pool = jd_text("gpu"), .workers = 2};
    world_ask_ok(&w, 0, &msg);
    expect(1, "pool.resized");
    msg = (struct jd_msg){.op = JD_OP_POOL_PAUSE};
    msg.u.pool_pause = (struct jd_pool_pause){.pool = jd_text("gpu"), .paused = true};
    world_ask_ok(&w, 0, &msg);
    expect(1, "pool.paused");
    msg.u.pool_pause.paused = false;
    world_ask_ok(&w, 0, &msg);
    expect(1, "pool.resumed");
    msg = (struct jd_msg){.op = JD_OP_POOL_DELETE};
    msg.u.pool_delete.pool = jd_text("gpu");
    world_ask_ok(&w, 0, &msg);
    expect(1, "pool.deleted");
    world_free(&w);
}

Test(core_watch, a_process_that_tells_of_its_program_runs) {
    begin();
    watch(1, true);
    struct jd_msg msg = {.op = JD_OP_PROCESS};
    msg.u.process = (struct jd_process){.handle = 1, .task = jd_text("once")};
    world_ask_ok(&w, 0, &msg);
    world_start(&w);
    struct world_run run = world_take_run(&w);
    msg = (struct jd_msg){.op = JD_OP_TASK_PID};
    msg.u.pid = (struct jd_pid){.slot = run.run.slot, .seq = run.run.seq, .pid = 777};
    world_worker_event(&w, run.worker, &msg);
    expect(1, "job.submitted");
    expect(1, "worker.ready");
    expect(1, "job.running");
    world_free(&w);
}

Test(core_watch, until_it_is_turned_off) {
    begin();
    watch(1, true);
    watch(1, true); // again: once is enough
    world_submit(&w, 0, 1, WORLD_ONCE);
    expect(1, "job.submitted");
    cr_expect_null(next(1));
    watch(1, false);
    watch(1, false);
    world_submit(&w, 0, 2, WORLD_ONCE);
    cr_expect_null(next(1));
    cr_expect_eq(w.core->n_watchers, 0u);
    world_free(&w);
}

Test(core_watch, until_its_connection_ends) {
    begin();
    watch(1, true);
    world_close(&w, 1);
    cr_expect_eq(w.core->n_watchers, 0u);
    world_submit(&w, 0, 1, WORLD_ONCE);
    world_free(&w);
}

Test(core_watch, what_was_before_is_not_told) {
    begin();
    watch(0, true);
    world_submit(&w, 0, 1, WORLD_ONCE);
    watch(1, true);
    cr_expect_null(next(1));
    world_free(&w);
}

static void submit_and_cancel(uint32_t n) {
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 0});
    for (uint32_t i = 0; i < n; i++) {
        world_submit(&w, 0, 1, WORLD_ONCE);
        cr_assert(world_take_cancelled(&w, 0, world_cancel(&w, 0, 1)));
    }
}

Test(core_watch, who_reads_too_slowly_misses_some_and_is_told) {
    begin();
    watch(1, true);
    world_submit(&w, 0, 99, WORLD_ONCE);
    expect(1, "job.submitted");
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 1});
    submit_and_cancel(HAPPENINGS); // two each
    cr_expect_null(next(1));
    world_feed(&w, &(struct event){.kind = EVENT_RESUMED, .peer = 1});
    world_settle(&w);
    cr_expect_eq(next(1)->missed, (uint64_t)HAPPENINGS);
    for (uint32_t i = 1; i < HAPPENINGS; i++)
        cr_assert_eq(next(1)->missed, 0u);
    cr_expect_null(next(1));
    world_free(&w);
}

Test(core_watch, a_step_tells_so_many_things_to_each) {
    begin();
    world_client(&w, 2);
    watch(1, true);
    watch(2, true);
    for (uint32_t peer = 1; peer <= 2; peer++)
        world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = peer});
    submit_and_cancel(HAPPENINGS / 2);
    world_forget(&w);
    world_feed(&w, &(struct event){.kind = EVENT_RESUMED, .peer = 2});
    world_feed(&w, &(struct event){.kind = EVENT_RESUMED, .peer = 1});
    world_forget(&w);
    world_tick(&w);
    uint32_t n[3] = {0};
    for (uint32_t peer = 1; peer <= 2; peer++)
        while (next(peer))
            n[peer]++;
    cr_expect_eq(n[1], (uint32_t)WATCH_PER_STEP / 2);
    cr_expect_eq(n[2], (uint32_t)WATCH_PER_STEP / 2, "nobody is starved");
    cr_expect_eq(core_next_deadline(w.core), w.now_ns, "the rest comes at once");
    world_free(&w);
}
