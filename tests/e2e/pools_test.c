// Pools while they are at work: other sizes, other workers, pauses and ends, and no job pays for it.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "mem.h"
#include "support/scene.h"

TestSuite(pools, .timeout = 120);

// ---- many jobs, each run once ----

struct load {
    struct scene *s;
    jobd_future **fs;
    unsigned n;
};

static jobd_args *mark_args(const struct scene *s, int64_t n) {
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 2);
    jobd_args_str(a, s->marks);
    jobd_args_i64(a, n);
    return a;
}

static struct load load_begin(struct scene *s, unsigned n) {
    struct load l = {s, jd_alloc(n * sizeof(jobd_future *)), n};
    for (unsigned i = 0; i < n; i++) {
        jobd_bytes args;
        jobd_args *a = mark_args(s, i);
        cr_assert_eq(jobd_args_finish(a, &args), 0);
        cr_assert_eq(jobd_submit(s->c.ex, "drill.mark", args, NULL, &l.fs[i]), 0);
        jobd_args_free(a);
    }
    cr_assert_eq(jobd_conn_flush(s->c.conn, TEST_PATIENCE_MS), 0);
    return l;
}

static int64_t pid_of(const jobd_future *f) {
    jobd_job_info info = {.struct_size = sizeof info};
    cr_assert_eq(jobd_future_info(f, &info), 0);
    return info.worker_pid;
}

// None is lost, and none was begun twice.
static void load_end(struct load *l) {
    unsigned *counts = jd_alloc(l->n * sizeof *counts);
    for (int64_t i = 0; i < l->n; i++)
        cr_assert_eq(test_client_take_i64(l->fs[i]), i * i);
    scene_read_marks(l->s, counts, l->n);
    for (unsigned i = 0; i < l->n; i++)
        cr_assert_eq(counts[i], 1, "job %u was begun %u times", i, counts[i]);
    jd_free(counts);
    jd_free(l->fs);
}

static void resize(struct scene *s, const char *pool, uint32_t n) {
    cr_assert_eq(jobd_pool_resize(s->c.conn, pool, n, TEST_PATIENCE_MS), 0);
}

Test(pools, resized_under_load_they_lose_nothing_and_repeat_nothing) {
    static const uint32_t sizes[] = {5, 1, 3, 2, 6, 1};
    enum { JOBS = 10000 };
    struct scene s;
    scene_set(&s, 2, NULL);
    struct load l = load_begin(&s, JOBS);
    for (unsigned i = 0; i < JD_LEN(sizes); i++) {
        resize(&s, "default", sizes[i]);
        cr_assert_eq(
            jobd_future_result(l.fs[(i + 1) * JOBS / (JD_LEN(sizes) + 1)], TEST_PATIENCE_MS, NULL),
            0);
    }
    load_end(&l);
    TEST_UNTIL(listing_pool(s.c.conn, "default", "ready") == 1);
    cr_assert_eq(test_daemon_status(s.c.conn, "worker_deaths"), 0);
    test_client_close(&s.c);
    test_daemon_end(&s.d);
}

// A job that runs in a worker that is one too many goes on to its end.
Test(pools, a_smaller_pool_lets_what_runs_end) {
    struct scene s;
    jobd_future *fs[3];
    scene_set(&s, 1, "pool = net workers=3\n");
    scene_use_pool(&s, "net");
    for (int i = 0; i < 3; i++)
        fs[i] = test_client_submit(&s.c, "demo.until", "s", s.gate);
    for (int i = 0; i < 3; i++)
        test_client_wait_running(&s.c, fs[i]);
    resize(&s, "net", 1);
    jobd_future *next = test_client_submit(&s.c, "demo.square", "i", (int64_t)3);
    scene_open_gate(&s);
    for (int i = 0; i < 3; i++)
        test_client_take_done(fs[i]);
    cr_assert_eq(test_client_take_i64(next), 9);
    TEST_UNTIL(listing_pool(s.c.conn, "net", "ready") == 1);
    scene_end(&s);
}

Test(pools, sizes_that_cannot_be_are_refused) {
    struct scene s;
    jobd_pool_options o = {JOBD_OPTIONS(jobd_pool_options), .workers = 4};
    scene_set(&s, 2, "max_workers = 6\n");
    cr_assert_eq(jobd_pool_resize(s.c.conn, "nix", 1, TEST_PATIENCE_MS), JOBD_E_NOENT);
    cr_assert_eq(jobd_pool_resize(s.c.conn, "default", 0, TEST_PATIENCE_MS), JOBD_E_INVAL);
    cr_assert_eq(jobd_pool_resize(s.c.conn, "default", 6, TEST_PATIENCE_MS), JOBD_E_LIMIT);
    cr_assert_eq(jobd_pool_create(s.c.conn, "big", &o, TEST_PATIENCE_MS), JOBD_E_LIMIT);
    o.workers = 3;
    cr_assert_eq(jobd_pool_create(s.c.conn, "big", &o, TEST_PATIENCE_MS), 0);
    cr_assert_eq(jobd_pool_create(s.c.conn, "big", &o, TEST_PATIENCE_MS), JOBD_E_EXIST);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

// ---- recycling ----

Test(pools, no_worker_has_more_jobs_than_recycle_jobs) {
    enum { JOBS = 1000, EACH = 50 };
    struct scene s;
    int64_t pids[2 * JOBS / EACH];
    unsigned counts[JD_LEN(pids)] = {0}, n = 0;
    scene_set(&s, 1, "pool = net workers=2 recycle_jobs=50\n");
    scene_use_pool(&s, "net");
    struct load l = load_begin(&s, JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        unsigned k = 0;
        cr_assert_eq(jobd_future_result(l.fs[i], TEST_PATIENCE_MS, NULL), 0);
        while (k < n && pids[k] != pid_of(l.fs[i]))
            k++;
        cr_assert_lt(k, JD_LEN(pids));
        pids[k] = pid_of(l.fs[i]);
        n = JD_MAX(n, k + 1);
        counts[k]++;
    }
    for (unsigned k = 0; k < n; k++)
        cr_assert_leq(counts[k], EACH);
    cr_assert_geq(n, JOBS / EACH);
    load_end(&l);
    scene_end(&s);
}

struct events {
    char order[256]; // 'r' a worker is ready, 'd' one has ended
    unsigned n;
};

static void keep_event(const jobd_happening *e, void *arg) {
    struct events *events = arg;
    bool ready = strcmp(e->what, "worker.ready") == 0;
    if (events->n < sizeof events->order - 1 && (ready || strcmp(e->what, "worker.died") == 0))
        events->order[events->n++] = ready ? 'r' : 'd';
}

Test(pools, one_that_holds_too_much_memory_has_a_successor_before_it_ends) {
    struct scene s;
    struct test_client watcher;
    struct events events = {0};
    scene_set(&s, 1, "pool = net workers=1 recycle_rss=64M\n");
    scene_use_pool(&s, "net");
    int64_t small = test_client_take_i64(test_client_submit(&s.c, "drill.grow", "i", (int64_t)1));
    test_client_open(&watcher, &s.d);
    cr_assert_eq(jobd_watch(watcher.conn, keep_event, &events), 0);
    test_client_round_trip(&watcher);
    int64_t large =
        test_client_take_i64(test_client_submit(&s.c, "drill.grow", "i", (int64_t)(100 << 20)));
    cr_assert_eq(large, small, "it was replaced before its time");
    while (events.n < 2)
        cr_assert_eq(jobd_conn_wait(watcher.conn, TEST_PATIENCE_MS), 1);
    cr_assert_str_eq(events.order, "rd");
    int64_t next = test_client_take_i64(test_client_submit(&s.c, "drill.grow", "i", (int64_t)1));
    cr_assert_neq(next, large);
    test_client_close(&watcher);
    scene_end(&s);
}

// ---- pauses and ends ----

Test(pools, paused_nothing_starts_and_what_runs_goes_on) {
    struct scene s;
    char state[32];
    scene_set(&s, 2, NULL);
    jobd_future *running = scene_occupy(&s);
    cr_assert_eq(jobd_pool_pause(s.c.conn, "default", true, TEST_PATIENCE_MS), 0);
    jobd_future *waiting = test_client_submit(&s.c, "demo.square", "i", (int64_t)4);
    scene_open_gate(&s);
    test_client_take_done(running);
    cr_assert_eq(listing_pool(s.c.conn, "default", "queued"), 1);
    listing_pool_text(s.c.conn, "default", "state", state, sizeof state);
    cr_assert_str_eq(state, "paused");
    cr_assert_not(jobd_future_done(waiting));
    cr_assert_eq(jobd_pool_pause(s.c.conn, "default", false, TEST_PATIENCE_MS), 0);
    cr_assert_eq(test_client_take_i64(waiting), 16);
    scene_end(&s);
}

Test(pools, drained_they_are_empty_and_take_no_more_until_they_are_opened) {
    enum { JOBS = 200 };
    struct scene s;
    scene_set(&s, 2, NULL);
    struct load l = load_begin(&s, JOBS);
    cr_assert_eq(jobd_pool_drain(s.c.conn, "default", TEST_PATIENCE_MS), 0);
    cr_assert_eq(listing_pool(s.c.conn, "default", "queued"), 0);
    cr_assert_eq(listing_pool(s.c.conn, "default", "running"), 0);
    load_end(&l);
    jobd_error why;
    int error;
    test_client_take(test_client_submit(&s.c, "ping", ""), &error, &why);
    cr_assert_eq(error, JOBD_E_STATE, "%s", jobd_errname(error));
    cr_assert(strstr(why.message, "draining"), "%s", why.message);
    cr_assert_eq(jobd_pool_pause(s.c.conn, "default", false, TEST_PATIENCE_MS), 0);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

// One job runs, two wait, and the pool goes.
static void delete_pool(bool now, int expected) {
    struct scene s;
    jobd_future *fs[3];
    jobd_error why;
    int error;
    scene_set(&s, 1, "pool = net workers=1\n");
    scene_use_pool(&s, "net");
    fs[0] = scene_occupy(&s);
    for (int i = 1; i < 3; i++)
        fs[i] = test_client_submit(&s.c, "demo.square", "i", (int64_t)i);
    cr_assert_eq(jobd_pool_delete(s.c.conn, "net", now, TEST_PATIENCE_MS), 0);
    for (int i = 1; i < 3; i++)
        test_client_take_error(fs[i], JOBD_E_CANCELLED);
    cr_assert(now || !jobd_future_done(fs[0]));
    if (!now)
        scene_open_gate(&s);
    test_client_take(fs[0], &error, &why);
    cr_assert_eq(error, expected, "%s", why.message);
    cr_assert(!now || strstr(why.message, "pool was deleted"), "%s", why.message);
    test_client_take_error(test_client_submit(&s.c, "ping", ""), JOBD_E_NOENT);
    scene_use_pool(&s, "default");
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(pools, deleted_what_waits_is_cancelled_and_what_runs_ends) {
    delete_pool(false, 0);
}

Test(pools, deleted_now_what_runs_is_stopped) {
    delete_pool(true, JOBD_E_KILLED);
}

Test(pools, those_that_are_always_there_stay) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_pool_delete(s.c.conn, "default", true, TEST_PATIENCE_MS), JOBD_E_PERM);
    cr_assert_eq(jobd_pool_delete(s.c.conn, "threads", false, TEST_PATIENCE_MS), JOBD_E_PERM);
    cr_assert_eq(jobd_pool_delete(s.c.conn, "nix", false, TEST_PATIENCE_MS), JOBD_E_NOENT);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(pools, the_name_of_a_deleted_one_is_free_at_once) {
    enum { ROUNDS = 20 };
    struct scene s;
    const jobd_pool_options o = {JOBD_OPTIONS(jobd_pool_options), .workers = 1};
    scene_set(&s, 1, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        cr_assert_eq(jobd_pool_create(s.c.conn, "net", &o, TEST_PATIENCE_MS), 0);
        scene_use_pool(&s, "net");
        test_client_round_trip(&s.c);
        cr_assert_eq(jobd_pool_delete(s.c.conn, "net", i % 2, TEST_PATIENCE_MS), 0);
    }
    scene_end(&s);
}

// ---- threads ----

// Two processes of two threads each: a death costs the two jobs of that process, named.
Test(pools, a_crash_costs_the_jobs_of_its_process_and_no_others) {
    struct scene s;
    jobd_future *fs[4];
    unsigned lost = 0;
    scene_set(&s, 1, "pool = net workers=2 threads=2\n");
    scene_use_pool(&s, "net");
    TEST_UNTIL(listing_pool(s.c.conn, "net", "ready") == 2);
    for (int i = 0; i < 4; i++)
        fs[i] = test_client_submit(&s.c, "demo.until", "s", s.gate);
    for (int i = 0; i < 4; i++)
        test_client_wait_running(&s.c, fs[i]);
    int64_t victim = pid_of(fs[0]);
    kill((pid_t)victim, SIGKILL);
    cr_assert_eq(jobd_future_result(fs[0], TEST_PATIENCE_MS, NULL), JOBD_E_WORKER_DIED);
    scene_open_gate(&s);
    for (int i = 0; i < 4; i++) {
        bool hit = pid_of(fs[i]) == victim;
        char who[64];
        jobd_error why;
        int error;
        snprintf(who, sizeof who, "worker %lld was killed by SIGKILL", (long long)victim);
        test_client_take(fs[i], &error, &why);
        cr_assert_eq(error, hit ? JOBD_E_WORKER_DIED : 0, "%s", why.message);
        cr_assert(!hit || (strstr(why.message, who) && strstr(why.message, "'demo.until'")), "%s",
                  why.message);
        lost += hit;
    }
    cr_assert_eq(lost, 2);
    TEST_UNTIL(listing_pool(s.c.conn, "net", "ready") == 2);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

// A job beside the one that crashes runs again if it may.
Test(pools, an_idempotent_neighbour_of_a_crash_runs_again) {
    struct scene s;
    scene_set(&s, 1, "pool = net workers=1 threads=2\n");
    scene_use_pool(&s, "net");
    jobd_future *beside = test_client_submit(&s.c, "sleep", "f", 0.3);
    test_client_wait_running(&s.c, beside);
    test_client_take_error(test_client_submit(&s.c, "evil.segv", ""), JOBD_E_WORKER_DIED);
    jobd_job_info info = {.struct_size = sizeof info};
    cr_assert_eq(jobd_future_result(beside, TEST_PATIENCE_MS, NULL), 0);
    cr_assert_eq(jobd_future_info(beside, &info), 0);
    cr_assert_eq(info.attempt, 2);
    jobd_future_unref(beside);
    scene_end(&s);
}
