// What the daemon tells of jobs and pools: filters, pages, and why.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

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
    world_client(&w, 1);
    world_forget(&w);
}

static uint64_t submit_as(struct jd_submit s) {
    const struct jd_msg *reply = world_submit_as(&w, 0, &s);
    cr_assert_eq(reply->error, 0, "%s", jobd_errname(reply->error));
    return reply->u.submit_ok.job;
}

// All pages; the ids, up to max of them. Returns how many.
static uint32_t list(struct jd_jobs filter, uint64_t ret_ids[], uint32_t max) {
    uint32_t n_all = 0, n_pages = 0;
    do {
        jobd_bytes rows[JD_LISTING_MAX];
        uint32_t n;
        struct jd_msg msg = {.op = JD_OP_JOBS};
        msg.u.jobs = filter;
        filter.cursor = world_page(&w, 1, &msg, rows, &n);
        for (uint32_t i = 0; i < n && n_all < max; i++)
            ret_ids[n_all++] = world_number_in(rows[i], "job");
        cr_assert_lt(++n_pages, 1000u, "it must end");
    } while (filter.cursor);
    return n_all;
}

static void expect_ids(struct jd_jobs filter, uint32_t n, const uint64_t ids[]) {
    uint64_t got[16];
    cr_assert_eq(list(filter, got, 16), n);
    for (uint32_t i = 0; i < n; i++)
        cr_expect_eq(got[i], ids[i]);
}

// ---- jobs ----

Test(core_listing, rows_of_jobs) {
    begin();
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.label = jd_text("nightly");
    s.priority = -3;
    uint64_t id = submit_as(s);
    struct world_run run = world_take_run(&w);
    world_after(&w, 1000 * WORLD_MS);
    struct board_view board = {.taken = 1, .n_started = 1};
    board.started[0] = world_started(&run);
    board.started[0].progress = 0.5;
    world_look(&w, 0, &board);
    world_after(&w, 500 * WORLD_MS);
    struct jd_msg msg = {.op = JD_OP_JOBS};
    jobd_bytes rows[JD_LISTING_MAX];
    uint32_t n;
    cr_expect_eq(world_page(&w, 1, &msg, rows, &n), 0u);
    cr_assert_eq(n, 1u);
    cr_expect_eq(world_number_in(rows[0], "job"), id);
    cr_expect(world_text_in(rows[0], "state", "running"));
    cr_expect(world_text_in(rows[0], "task", "once"));
    cr_expect(world_text_in(rows[0], "pool", "default"));
    cr_expect(world_text_in(rows[0], "label", "nightly"));
    cr_expect(world_text_in(rows[0], "owner", "test"));
    cr_expect_eq(world_signed_in(rows[0], "priority"), -3);
    cr_expect_eq(world_number_in(rows[0], "pid"), w.pid[0]);
    cr_expect_eq(world_number_in(rows[0], "attempt"), 1u);
    cr_expect_float_eq(world_float_in(rows[0], "progress"), 0.5, 1e-9);
    cr_expect_float_eq(world_float_in(rows[0], "submitted_s"), 1.5, 1e-3);
    cr_expect_float_eq(world_float_in(rows[0], "run_s"), 0.5, 1e-3);
    cr_expect_eq(world_signed_in(rows[0], "error"), 0);
    world_fail(&w, &run, "bad", "it is bad");
    world_page(&w, 1, &msg, rows, &n);
    cr_assert_eq(n, 1u, "it is kept");
    cr_expect(world_text_in(rows[0], "state", "failed"));
    cr_expect(world_text_in(rows[0], "label", "nightly"));
    cr_expect_eq(world_signed_in(rows[0], "error"), JOBD_E_TASK);
    cr_expect(world_text_in(rows[0], "text", "it is bad"));
    world_free(&w);
}

Test(core_listing, filters) {
    begin();
    world_pool_start(&w, 0,
                     &(struct jd_pool_create){.pool = {"gpu", 3}, .workers = 1, .threads = 1}, EX);
    struct world_run run;
    world_submit(&w, 0, 1, WORLD_ONCE); // 1: done
    run = world_take_run(&w);
    world_result(&w, &run, 1);
    world_submit(&w, 0, 2, WORLD_ONCE); // 2: running
    run = world_take_run(&w);
    world_board(&w, 0, run.run.seq, &run);
    struct jd_submit s = world_job(3, WORLD_PURE);
    s.executor = EX;
    s.label = jd_text("x");
    submit_as(s); // 3: sent
    s = world_job(4, WORLD_PURE);
    s.delay_ms = 1000;
    submit_as(s); // 4: delayed
    expect_ids((struct jd_jobs){0}, 4, (const uint64_t[]){1, 2, 3, 4});
    expect_ids((struct jd_jobs){.pool = jd_text("gpu")}, 1, (const uint64_t[]){3});
    expect_ids((struct jd_jobs){.task = jd_text("once")}, 2, (const uint64_t[]){1, 2});
    expect_ids((struct jd_jobs){.label = jd_text("x")}, 1, (const uint64_t[]){3});
    expect_ids((struct jd_jobs){.label = jd_text("y")}, 0, NULL);
    expect_ids((struct jd_jobs){.states = 1u << JOBD_JOB_DONE}, 1, (const uint64_t[]){1});
    expect_ids((struct jd_jobs){.states = 1u << JOBD_JOB_RUNNING | 1u << JOBD_JOB_DELAYED}, 2,
               (const uint64_t[]){2, 4});
    expect_ids((struct jd_jobs){.states = 1u << JOBD_JOB_DONE, .pool = jd_text("gpu")}, 0, NULL);
    world_free(&w);
}

Test(core_listing, every_job_is_on_one_page) {
    enum { N = 5000 };
    static uint64_t ids[N + 1];
    static bool seen[N + 1];
    begin();
    w.audit_every = 1000;
    for (uint32_t i = 0; i < N; i++) {
        struct jd_submit s = world_job(i, WORLD_PURE);
        s.delay_ms = 1000;
        s.label = jd_text(i % 1000 ? "many" : "few");
        submit_as(s);
        if (i % 500 == 0)
            cr_assert(world_take_cancelled(&w, 0, world_cancel(&w, 0, i)));
    }
    world_forget(&w);
    cr_assert_eq(list((struct jd_jobs){0}, ids, N + 1), (uint32_t)N);
    for (uint32_t i = 0; i < N; i++) {
        cr_assert_not(seen[ids[i]]);
        seen[ids[i]] = true;
    }
    cr_expect_eq(list((struct jd_jobs){.label = jd_text("few")}, ids, N), 5u,
                 "though pages of it may be empty");
    cr_expect_eq(list((struct jd_jobs){.states = 1u << JOBD_JOB_QUEUED}, ids, N), 0u);
    world_free(&w);
}

// A page of the longest rows fits the smallest frame; any cursor is answered.
Test(core_listing, long_rows_and_wild_cursors) {
    char name[JD_NAME_MAX / 2], label[JD_NAME_MAX + 1], text[JD_TEXT_MAX + 1];
    memset(name, 'n', sizeof name - 1), name[sizeof name - 1] = '\0';
    memset(label, 'l', sizeof label - 1), label[sizeof label - 1] = '\0';
    memset(text, 't', sizeof text - 1), text[sizeof text - 1] = '\0';
    begin();
    world_pool_start(
        &w, 0, &(struct jd_pool_create){.pool = jd_text(name), .workers = 1, .threads = 1}, EX);
    for (uint32_t i = 0; i < JD_LISTING_MAX; i++) {
        struct jd_submit s = world_job(1, WORLD_ONCE);
        s.executor = EX;
        s.label = jd_text(label);
        submit_as(s);
        struct world_run run = world_take_run(&w);
        world_fail(&w, &run, "n", text);
        world_forget(&w);
    }
    jobd_bytes rows[JD_LISTING_MAX];
    uint32_t n;
    struct jd_msg msg = {.op = JD_OP_JOBS};
    world_page(&w, 1, &msg, rows, &n);
    cr_expect_eq(n, (uint32_t)JD_LISTING_MAX);
    const char *end = (const char *)rows[n - 1].data + rows[n - 1].len;
    cr_expect_leq((size_t)(end - (const char *)rows[0].data),
                  (size_t)JD_FRAME_MIN_BYTES - JD_ENVELOPE_BYTES);
    static const uint64_t cursors[] = {1000000, UINT32_MAX, UINT64_C(1) << 32,
                                       (UINT64_C(1) << 33) - 1, UINT64_MAX};
    for (size_t i = 0; i < JD_LEN(cursors); i++) {
        msg.u.jobs.cursor = cursors[i];
        cr_expect_eq(world_page(&w, 1, &msg, rows, &n), 0u);
        cr_expect_eq(n, 0u);
    }
    world_free(&w);
}

// ---- pools ----

static jobd_bytes pool_row(const char *name) {
    jobd_bytes rows[JD_LISTING_MAX];
    uint32_t n;
    struct jd_msg msg = {.op = JD_OP_POOLS};
    cr_assert_eq(world_page(&w, 1, &msg, rows, &n), 0u);
    for (uint32_t i = 0; i < n; i++)
        if (world_text_in(rows[i], "pool", name))
            return rows[i];
    cr_assert_fail("no row of '%s'", name);
    return (jobd_bytes){0};
}

Test(core_listing, rows_of_pools) {
    begin();
    struct jd_pool_create pool = {.pool = jd_text("gpu"),
                                  .workers = 2,
                                  .threads = 3,
                                  .initializer = jd_text("ping"),
                                  .recycle_jobs = 5,
                                  .recycle_rss_bytes = 7,
                                  .max_lent = 4};
    world_pool(&w, 0, &pool);
    jobd_bytes row = pool_row("gpu");
    cr_expect(world_text_in(row, "state", "running"));
    cr_expect(world_text_in(row, "initializer", "ping"));
    cr_expect_eq(world_number_in(row, "workers"), 2u);
    cr_expect_eq(world_number_in(row, "threads"), 3u);
    cr_expect_eq(world_number_in(row, "starting"), 2u);
    cr_expect_eq(world_number_in(row, "ready"), 0u);
    cr_expect_eq(world_number_in(row, "recycle_jobs"), 5u);
    cr_expect_eq(world_number_in(row, "recycle_rss_bytes"), 7u);
    cr_expect_eq(world_number_in(row, "max_lent"), 4u);
    cr_expect(world_nil_in(row, "last_failure"));
    for (uint32_t i = 1; i <= 3; i++)
        world_submit(&w, 0, i, WORLD_ONCE);
    struct world_run run = world_take_run(&w);
    world_result(&w, &run, 1);
    row = pool_row("default");
    cr_expect_eq(world_number_in(row, "busy"), 1u);
    cr_expect_eq(world_number_in(row, "running"), 2u);
    cr_expect_eq(world_number_in(row, "queued"), 0u);
    cr_expect_eq(world_number_in(row, "jobs_done"), 1u);
    cr_expect(world_nil_in(row, "initializer"));
    world_free(&w);
}

Test(core_listing, states_of_pools) {
    begin();
    world_pool(&w, 0, &(struct jd_pool_create){.pool = {"gpu", 3}, .workers = 1, .threads = 1});
    struct jd_msg msg = {.op = JD_OP_POOL_PAUSE};
    msg.u.pool_pause = (struct jd_pool_pause){.pool = jd_text("gpu"), .paused = true};
    world_ask_ok(&w, 0, &msg);
    cr_expect(world_text_in(pool_row("gpu"), "state", "paused"));
    msg = (struct jd_msg){.op = JD_OP_POOL_DRAIN};
    msg.u.pool_drain.pool = jd_text("gpu");
    world_ask_ok(&w, 0, &msg);
    cr_expect(world_text_in(pool_row("gpu"), "state", "draining"));
    msg = (struct jd_msg){.op = JD_OP_POOL_DELETE};
    msg.u.pool_delete.pool = jd_text("gpu");
    world_ask_ok(&w, 0, &msg);
    cr_expect(world_text_in(pool_row("gpu"), "state", "deleting"), "its worker is still there");
    world_free(&w);
}

// ---- why ----

static void expect_reason(uint64_t id, const char *state, const char *part) {
    jobd_bytes map = world_why(&w, 1, id);
    cr_expect(world_text_in(map, "state", state));
    cr_expect(world_text_in(map, "reason", part), "not '%s'", part);
}

Test(core_listing, why_it_waits) {
    begin();
    struct jd_msg open = {.op = JD_OP_EXECUTOR_OPEN};
    open.u.executor_open =
        (struct jd_executor_open){.executor = EX, .pool = jd_text("default"), .max_workers = 1};
    world_ask_ok(&w, 0, &open);
    struct jd_submit s = world_job(1, WORLD_ONCE);
    s.executor = EX;
    uint64_t sent = submit_as(s);
    expect_reason(sent, "sent", "it is the next, or one of the next, of worker ");
    s.handle = 2;
    uint64_t capped = submit_as(s);
    expect_reason(capped, "queued",
                  "its executor has 1 jobs sent or running, as many as its max_workers allows");
    world_submit(&w, 0, 3, WORLD_ONCE);
    uint64_t busy = world_submit(&w, 0, 4, WORLD_ONCE);
    expect_reason(busy, "queued",
                  "all workers of the pool 'default' are busy; 2 jobs wait, 1 of "
                  "them in its own line");
    world_feed(&w, &(struct event){.kind = EVENT_PAUSED, .peer = 0});
    expect_reason(busy, "queued", "its submitter does not read what it is sent");
    world_feed(&w, &(struct event){.kind = EVENT_RESUMED, .peer = 0});
    struct jd_msg msg = {.op = JD_OP_POOL_PAUSE};
    msg.u.pool_pause = (struct jd_pool_pause){.pool = jd_text("default"), .paused = true};
    world_ask_ok(&w, 0, &msg);
    expect_reason(busy, "queued", "the pool 'default' is paused");
    world_free(&w);
}

Test(core_listing, why_no_worker_is_ready) {
    struct core_config cfg = world_config();
    cfg.n_workers = 1;
    world_init(&w, &cfg);
    world_client(&w, 0);
    world_client(&w, 1);
    uint64_t id = world_submit(&w, 0, 1, WORLD_ONCE);
    expect_reason(id, "queued", "no worker of the pool 'default' is ready yet");
    world_settle(&w);
    world_feed(&w, &(struct event){.kind = EVENT_SPAWN_FAILED, .worker = 0, .error = 11});
    expect_reason(id, "queued",
                  "no worker of the pool 'default' could be started, 1 times in a row: a worker "
                  "could not be started: errno 11; the next try is in 0.1 s");
    world_free(&w);
}

Test(core_listing, how_it_runs_and_how_it_ended) {
    begin();
    struct jd_submit s = world_job(1, WORLD_PURE);
    s.max_retries = 2;
    s.retry_delay_ms = 1000;
    uint64_t id = submit_as(s);
    struct world_run run = world_take_run(&w);
    world_after(&w, 100 * WORLD_MS);
    world_board(&w, 0, 1, &run);
    world_after(&w, 200 * WORLD_MS);
    expect_reason(id, "running", "it runs in worker ");
    jobd_bytes map = world_why(&w, 1, id);
    cr_expect_eq(world_number_in(map, "worker"), 0u);
    cr_expect_float_eq(world_float_in(map, "sent_s"), 0.1, 1e-3);
    cr_expect_float_eq(world_float_in(map, "run_s"), 0.2, 1e-3);
    cr_expect(world_nil_in(map, "ended_s"));
    world_fail(&w, &run, "bad", "it is bad");
    expect_reason(id, "delayed", "it failed, and runs again in 1.0 s");
    world_after(&w, WORLD_S);
    run = world_take_run(&w);
    struct jd_abort abort = {.job = id, .grace_ms = 1000};
    world_board(&w, 0, 2, &run);
    world_abort(&w, 1, &abort);
    expect_reason(id, "running", "it is being stopped");
    struct board_view board = {.n_started = 1};
    board.started[0] = world_started(&run);
    world_feed(&w, &(struct event){.kind = EVENT_WORKER_DIED,
                                   .worker = 0,
                                   .status = 9,
                                   .board = &board,
                                   .usage = {.cpu_ns = WORLD_S / 4, .max_rss_bytes = 5 << 20}});
    expect_reason(id, "killed", "the job was stopped by process 101");
    map = world_why(&w, 1, id);
    cr_expect_eq(world_signed_in(map, "error"), JOBD_E_KILLED);
    cr_expect(world_text_in(map, "error_text", "stopped by process 101"));
    cr_expect_float_eq(world_float_in(map, "cpu_s"), 0.25, 1e-9);
    cr_expect_eq(world_number_in(map, "max_rss_bytes"), UINT64_C(5) << 20);
    cr_expect_eq(world_number_in(map, "attempt"), 2u);
    world_free(&w);
}

Test(core_listing, there_is_no_such_job) {
    begin();
    struct jd_msg msg = {.op = JD_OP_WHY};
    msg.u.why.job = 4711;
    world_ask_refused(&w, 1, &msg, JOBD_E_NOENT, "there is no job 4711, or it is forgotten");
    world_free(&w);
}
