#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "core/state.h"
#include "support/core_world.h"

static struct core_world w;

static void begin(uint32_t n_workers) {
    struct core_config cfg = world_config();
    cfg.n_workers = n_workers;
    world_init(&w, &cfg);
    world_start(&w);
    world_client(&w, 0);
    world_forget(&w);
}

// ---- reading maps ----

// The reader at the value of a key; the map must have n pairs, each key once.
static jobd_reader value_of(jobd_bytes map, uint32_t n_pairs, const char *name) {
    jobd_reader r = jobd_reader_of(map), found = {0};
    uint32_t n, n_found = 0;
    cr_assert_eq(jobd_read_map(&r, &n), 0);
    cr_assert_eq(n, n_pairs);
    for (uint32_t i = 0; i < n; i++) {
        jobd_bytes k;
        cr_assert_eq(jobd_read_str(&r, &k), 0);
        if (k.len == strlen(name) && memcmp(k.data, name, k.len) == 0) {
            found = r;
            n_found++;
        }
        cr_assert_eq(jobd_read_skip(&r), 0);
    }
    cr_assert_eq(jobd_read_type(&r), JOBD_T_END);
    cr_assert_eq(n_found, 1u, "key '%s'", name);
    return found;
}

enum { STATUS_PAIRS = 26, WORKER_PAIRS = 11, TASK_PAIRS = 6 };

static uint64_t number_in(jobd_bytes map, uint32_t n_pairs, const char *name) {
    jobd_reader r = value_of(map, n_pairs, name);
    uint64_t v = 0;
    cr_assert_eq(jobd_read_u64(&r, &v), 0, "%s", name);
    return v;
}

static double float_in(jobd_bytes map, uint32_t n_pairs, const char *name) {
    jobd_reader r = value_of(map, n_pairs, name);
    double v = -1;
    cr_assert_eq(jobd_read_f64(&r, &v), 0, "%s", name);
    return v;
}

static bool bool_in(jobd_bytes map, uint32_t n_pairs, const char *name) {
    jobd_reader r = value_of(map, n_pairs, name);
    bool v = false;
    cr_assert_eq(jobd_read_bool(&r, &v), 0, "%s", name);
    return v;
}

static bool text_is(jobd_bytes map, uint32_t n_pairs, const char *name, const char *want) {
    jobd_reader r = value_of(map, n_pairs, name);
    jobd_bytes v;
    if (!want)
        return jobd_read_nil(&r) == 0;
    return jobd_read_str(&r, &v) == 0 && v.len == strlen(want) && memcmp(v.data, want, v.len) == 0;
}

// ---- asking ----

static jobd_bytes status(void) {
    struct jd_msg msg = {.op = JD_OP_STATUS};
    uint32_t id = world_request(&w, 0, &msg);
    const struct jd_msg *reply = &world_take_reply(&w, 0, id)->msg;
    cr_assert_eq(reply->error, 0);
    return reply->u.status.map;
}

static uint64_t status_number(const char *name) {
    return number_in(status(), STATUS_PAIRS, name);
}

// One page; its rows go to ret_rows. Returns the cursor of the next one.
static uint64_t page(enum jd_op op, uint64_t cursor, jobd_bytes ret_rows[], uint32_t *ret_n) {
    struct jd_msg msg = {.op = (uint16_t)op};
    msg.u.page.cursor = cursor;
    uint32_t id = world_request(&w, 0, &msg);
    const struct jd_msg *reply = &world_take_reply(&w, 0, id)->msg;
    cr_assert_eq(reply->error, 0);
    jobd_reader r = jobd_reader_of(reply->u.listing.rows);
    cr_assert_eq(jobd_read_array(&r, ret_n), 0);
    cr_assert_leq(*ret_n, (uint32_t)JD_LISTING_MAX);
    for (uint32_t i = 0; i < *ret_n; i++)
        cr_assert_eq(jobd_read_raw(&r, &ret_rows[i]), 0);
    cr_assert_eq(jobd_read_type(&r), JOBD_T_END);
    return reply->u.listing.cursor;
}

// ---- status ----

Test(core_stats, status_of_an_idle_daemon) {
    begin(2);
    world_after(&w, 1500 * WORLD_MS);
    jobd_bytes map = status();
    cr_expect_eq(number_in(map, STATUS_PAIRS, "pid"), 42u);
    cr_expect(text_is(map, STATUS_PAIRS, "version", JOBD_VERSION));
    cr_expect_float_eq(float_in(map, STATUS_PAIRS, "uptime_s"), 1.5, 1e-9);
    cr_expect(text_is(map, STATUS_PAIRS, "state", "running"));
    cr_expect(text_is(map, STATUS_PAIRS, "pool", "default"));
    cr_expect_not(bool_in(map, STATUS_PAIRS, "degraded"));
    cr_expect_eq(number_in(map, STATUS_PAIRS, "workers"), 2u);
    cr_expect_eq(number_in(map, STATUS_PAIRS, "workers_ready"), 2u);
    cr_expect_eq(number_in(map, STATUS_PAIRS, "clients"), 1u);
    static const char *const zero[] = {"jobs_queued", "jobs_running",  "queued_bytes",  "submitted",
                                       "refused",     "done",          "failed",        "cancelled",
                                       "killed",      "timed_out",     "lost",          "retried",
                                       "taken_back",  "worker_deaths", "workers_broken"};
    for (size_t i = 0; i < JD_LEN(zero); i++)
        cr_expect_eq(number_in(map, STATUS_PAIRS, zero[i]), 0u, "%s", zero[i]);
    world_free(&w);
}

Test(core_stats, status_counts) {
    begin(1);
    static const uint8_t args[100];
    for (uint32_t i = 0; i < 5; i++) {
        struct jd_submit submit = world_job(i, WORLD_ONCE);
        submit.args = (jobd_bytes){args, sizeof args};
        world_submit_as(&w, 0, &submit);
    }
    struct jd_submit again = world_job(4, WORLD_ONCE);
    world_submit_as(&w, 0, &again);
    world_cancel(&w, 0, 4);
    struct world_run run = world_take_run(&w);
    jobd_bytes map = status();
    cr_expect_eq(number_in(map, STATUS_PAIRS, "submitted"), 5u);
    cr_expect_eq(number_in(map, STATUS_PAIRS, "refused"), 1u);
    cr_expect_eq(number_in(map, STATUS_PAIRS, "cancelled"), 1u);
    cr_expect_eq(number_in(map, STATUS_PAIRS, "jobs_running"), 2u);
    cr_expect_eq(number_in(map, STATUS_PAIRS, "jobs_queued"), 2u);
    cr_expect_eq(number_in(map, STATUS_PAIRS, "queued_bytes"), 400u);
    world_result(&w, &run, 1);
    cr_expect_eq(status_number("done"), 1u);
    world_died(&w, 0, 9, NULL);
    cr_expect_eq(status_number("worker_deaths"), 1u);
    cr_expect_eq(status_number("workers_ready"), 0u);
    world_feed(&w, &(struct event){.kind = EVENT_STOP});
    cr_expect(text_is(status(), STATUS_PAIRS, "state", "stopping"));
    world_free(&w);
}

// ---- workers ----

Test(core_stats, workers_in_all_their_states) {
    jobd_bytes row[JD_LISTING_MAX];
    uint32_t n;
    struct core_config cfg = world_config();
    cfg.n_workers = 5;
    world_init(&w, &cfg);
    world_client(&w, 0); // connecting is a step: four are being started
    cr_assert_eq(page(JD_OP_WORKERS, 0, row, &n), 0u);
    cr_assert_eq(n, 5u);
    world_start(&w);
    world_submit(&w, 0, 1, WORLD_PURE);
    struct world_run run = world_take_run(&w);
    world_board(&w, run.worker, 1, &run);
    world_after(&w, 250 * WORLD_MS);
    uint32_t dead = (run.worker + 1) % 5, starting = (run.worker + 2) % 5;
    world_died(&w, starting, 9, NULL);
    world_tree_gone(&w, starting);
    world_died(&w, dead, 9, NULL);
    cr_assert_eq(page(JD_OP_WORKERS, 0, row, &n), 0u);
    for (uint32_t i = 0; i < n; i++) {
        bool busy = i == run.worker;
        cr_expect_eq(number_in(row[i], WORKER_PAIRS, "worker"), i);
        cr_expect(text_is(row[i], WORKER_PAIRS, "pool", "default"));
        const char *state = busy            ? "busy"
                            : i == dead     ? "dead"
                            : i == starting ? "starting"
                                            : "idle";
        cr_expect(text_is(row[i], WORKER_PAIRS, "state", state), "worker %u: %s", i, state);
        cr_expect_eq(number_in(row[i], WORKER_PAIRS, "slots_used"), (uint64_t)busy);
        cr_expect_eq(number_in(row[i], WORKER_PAIRS, "job"), busy ? run.run.job : 0);
        cr_expect(text_is(row[i], WORKER_PAIRS, "task", busy ? "pure" : NULL));
        cr_expect_float_eq(float_in(row[i], WORKER_PAIRS, "running_s"), busy ? 0.25 : 0, 1e-9);
        cr_expect_float_eq(float_in(row[i], WORKER_PAIRS, "progress"), 0, 1e-9);
        cr_expect_eq(number_in(row[i], WORKER_PAIRS, "deaths"),
                     (uint64_t)(i == dead || i == starting));
        if (i != starting)
            cr_expect_eq(number_in(row[i], WORKER_PAIRS, "pid"), w.pid[i]);
    }
    world_free(&w);
}

Test(core_stats, a_worker_that_is_asked_to_stop) {
    jobd_bytes row[JD_LISTING_MAX];
    uint32_t n;
    begin(1);
    struct jd_submit submit = world_job(1, WORLD_PURE);
    submit.time_limit_ms = 1;
    world_submit_as(&w, 0, &submit);
    struct world_run run = world_take_run(&w);
    world_board(&w, 0, 1, &run);
    world_after(&w, WORLD_MS);
    world_board(&w, 0, 1, &run);
    page(JD_OP_WORKERS, 0, row, &n);
    cr_expect(text_is(row[0], WORKER_PAIRS, "state", "stopping a job"));
    world_free(&w);
}

Test(core_stats, a_hundred_and_thirty_workers_are_three_pages) {
    jobd_bytes row[JD_LISTING_MAX];
    uint32_t n;
    begin(130);
    cr_assert_eq(page(JD_OP_WORKERS, 0, row, &n), 64u);
    cr_assert_eq(n, 64u);
    cr_expect_eq(number_in(row[63], WORKER_PAIRS, "worker"), 63u);
    cr_assert_eq(page(JD_OP_WORKERS, 64, row, &n), 128u);
    cr_assert_eq(n, 64u);
    cr_expect_eq(number_in(row[0], WORKER_PAIRS, "worker"), 64u);
    cr_assert_eq(page(JD_OP_WORKERS, 128, row, &n), 0u);
    cr_assert_eq(n, 2u);
    cr_expect_eq(number_in(row[1], WORKER_PAIRS, "worker"), 129u);
    cr_expect_eq(page(JD_OP_WORKERS, 130, row, &n), 0u);
    cr_expect_eq(n, 0u, "past the end is empty");
    cr_expect_eq(page(JD_OP_WORKERS, UINT64_MAX, row, &n), 0u);
    cr_expect_eq(n, 0u);
    world_free(&w);
}

// ---- tasks ----

Test(core_stats, tasks) {
    jobd_bytes row[JD_LISTING_MAX];
    uint32_t n;
    begin(1);
    world_teach(&w, 0, WORLD_ONCE, 2500);
    cr_assert_eq(page(JD_OP_TASKS, 0, row, &n), 0u);
    cr_assert_eq(n, (uint32_t)WORLD_TASKS);
    for (uint32_t i = 0; i < n; i++) {
        cr_expect(text_is(row[i], TASK_PAIRS, "task", world_task_names[i]));
        cr_expect(text_is(row[i], TASK_PAIRS, "summary", "a task of the tests"));
        cr_expect_eq(bool_in(row[i], TASK_PAIRS, "idempotent"), i != WORLD_ONCE);
        cr_expect_eq(bool_in(row[i], TASK_PAIRS, "cancellable"), i == WORLD_ONCE);
        cr_expect_eq(number_in(row[i], TASK_PAIRS, "runs"), i == WORLD_ONCE ? 8u : 0u);
        cr_expect_float_eq(float_in(row[i], TASK_PAIRS, "avg_us"), i == WORLD_ONCE ? 2.5 : 0, 1e-9);
    }
    world_free(&w);
}

Test(core_stats, before_the_first_worker_there_are_no_tasks) {
    jobd_bytes row[JD_LISTING_MAX];
    uint32_t n;
    struct core_config cfg = world_config();
    world_init(&w, &cfg);
    world_client(&w, 0);
    world_submit(&w, 0, 1, WORLD_PURE);
    cr_expect_eq(page(JD_OP_TASKS, 0, row, &n), 0u);
    cr_expect_eq(n, 0u);
    world_free(&w);
}

// A name that only somebody's guess has put there is not a task.
Test(core_stats, a_guess_is_not_listed) {
    jobd_bytes row[JD_LISTING_MAX];
    uint32_t n;
    struct core_config cfg = world_config();
    world_init(&w, &cfg);
    world_client(&w, 0);
    struct jd_submit submit = world_job(1, WORLD_PURE);
    submit.task = jd_text("guess");
    world_submit_as(&w, 0, &submit);
    world_start(&w);
    cr_expect_eq(page(JD_OP_TASKS, 0, row, &n), 0u);
    cr_expect_eq(n, (uint32_t)WORLD_TASKS);
    for (uint32_t i = 0; i < n; i++)
        cr_expect_not(text_is(row[i], TASK_PAIRS, "task", "guess"));
    world_free(&w);
}
