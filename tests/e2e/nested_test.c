// Tasks that call other tasks: they lend their slot while they wait, so that nothing can deadlock and
// no more computes at one time than there are slots; and what a task has called ends with it.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"
#include "support/plugin_nest.h"
#include "support/scene.h"

TestSuite(nested, .timeout = 120);

// ---- trees of calls ----

struct forest {
    struct scene s;
    char path[96];
    struct nest_counts *counts;
};

static void plant(struct forest *f, unsigned workers, const char *config, const char *pool) {
    scene_set(&f->s, workers, config);
    if (pool)
        scene_use_pool(&f->s, pool);
    tmpdir_join(&f->s.d.dir, "counts", f->path, sizeof f->path);
    int fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_eq(ftruncate(fd, sizeof *f->counts), 0);
    f->counts = mmap(NULL, sizeof *f->counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert_neq(f->counts, MAP_FAILED);
    close(fd);
}

static void clear(struct forest *f) {
    munmap(f->counts, sizeof *f->counts);
    scene_end(&f->s);
}

static jobd_future *grow(struct forest *f, int64_t depth, int64_t width) {
    return test_client_submit(&f->s.c, "nest.tree", "siii", f->path, depth, width, (int64_t)0);
}

// Several at once, three deep: each waits for others, and there are fewer slots than trees.
static void grow_some(struct forest *f, unsigned most) {
    enum { TREES = 5, DEPTH = 3, WIDTH = 3, LEAVES = 27, NODES = 40 };
    jobd_future *trees[TREES];
    for (int i = 0; i < TREES; i++)
        trees[i] = grow(f, DEPTH, WIDTH);
    for (int i = 0; i < TREES; i++)
        cr_assert_eq(test_client_take_i64(trees[i]), LEAVES);
    cr_assert_eq(f->counts->calls, TREES * NODES);
    cr_assert_eq(f->counts->now, 0);
    cr_assert_leq(f->counts->most, most, "%u computed at once", f->counts->most);
    cr_assert_eq(test_daemon_status(f->s.c.conn, "jobs_queued"), 0);
    test_client_round_trip(&f->s.c);
}

Test(nested, three_deep_on_two_slots_nothing_deadlocks_and_two_compute_at_most) {
    struct forest f;
    plant(&f, 2, NULL, NULL);
    grow_some(&f, 2);
    clear(&f);
}

Test(nested, three_deep_on_one_slot) {
    struct forest f;
    plant(&f, 1, NULL, NULL);
    grow_some(&f, 1);
    clear(&f);
}

Test(nested, threads_lend_their_slots_too) {
    struct forest f;
    plant(&f, 1, "pool = net workers=1 threads=2\n", "net");
    grow_some(&f, 2);
    clear(&f);
}

Test(nested, and_so_do_the_threads_of_several_processes) {
    struct forest f;
    plant(&f, 1, "pool = net workers=2 threads=2\n", "net");
    grow_some(&f, 4);
    clear(&f);
}

// The root lends its slot; those below it find that no more may be lent, and run their items themselves.
Test(nested, where_no_more_may_be_lent_the_items_run_in_their_caller) {
    struct forest f;
    plant(&f, 1, "pool = net workers=1 max_lent=1\n", "net");
    cr_assert_eq(test_client_take_i64(grow(&f, 2, 3)), 9);
    cr_assert_eq(f.counts->calls, 1 + 3 + 9);
    cr_assert_eq(f.counts->here, 9);
    cr_assert_eq(f.counts->most, 1);
    clear(&f);
}

Test(nested, where_enough_may_be_lent_none_runs_in_its_caller) {
    struct forest f;
    plant(&f, 1, "pool = net workers=1 max_lent=50\n", "net");
    cr_assert_eq(test_client_take_i64(grow(&f, 3, 2)), 8);
    cr_assert_eq(f.counts->here, 0);
    cr_assert_eq(f.counts->most, 1);
    clear(&f);
}

// ---- maps of any task ----

typedef void item_fn(struct scene *s, jobd_args *a, uint32_t i);

static jobd_future *map_with(struct scene *s, const jobd_submit_options *o, const char *how,
                             const char *task, uint32_t n, item_fn *item) {
    jobd_future *f;
    jobd_bytes args;
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 2);
    jobd_args_str(a, task);
    jobd_args_array(a, n);
    for (uint32_t i = 0; i < n; i++)
        item(s, a, i);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    cr_assert_eq(jobd_submit(s->c.ex, how, args, o, &f), 0);
    jobd_args_free(a);
    cr_assert_eq(jobd_conn_flush(s->c.conn, TEST_PATIENCE_MS), 0);
    return f;
}

static jobd_future *map(struct scene *s, const char *task, uint32_t n, item_fn *item) {
    return map_with(s, NULL, "nest.map", task, n, item);
}

static void number(struct scene *s, jobd_args *a, uint32_t i) {
    (void)s;
    jobd_args_array(a, 1);
    jobd_args_i64(a, i);
}

Test(nested, results_come_in_the_order_of_the_items) {
    enum { N = 1000 };
    struct scene s;
    jobd_bytes value;
    uint32_t n;
    scene_set(&s, 2, NULL);
    jobd_future *f = map(&s, "demo.square", N, number);
    cr_assert_eq(jobd_future_result(f, TEST_PATIENCE_MS, &value), 0);
    jobd_reader r = jobd_reader_of(value);
    cr_assert_eq(jobd_read_array(&r, &n), 0);
    cr_assert_eq(n, N);
    for (int64_t i = 0, got; i < N; i++)
        cr_assert(jobd_read_i64(&r, &got) == 0 && got == i * i, "item %lld", (long long)i);
    jobd_future_unref(f);
    scene_end(&s);
}

// ---- how they fail ----

// To its submitter it is the caller that has failed, in the words of what it has called.
static void fails(jobd_future *f, const char *name, const char *words) {
    int got;
    jobd_error why;
    test_client_take(f, &got, &why);
    cr_assert_eq(got, JOBD_E_TASK, "%s came: %s", jobd_errname(got), why.message);
    cr_assert_str_eq(why.name, name);
    cr_assert(strstr(why.message, words), "'%s' is missing: %s", words, why.message);
}

static void words(struct scene *s, jobd_args *a, uint32_t i) {
    char text[32];
    (void)s;
    snprintf(text, sizeof text, "the dice say %u", i);
    jobd_args_array(a, 2);
    jobd_args_str(a, "no_luck");
    jobd_args_str(a, text);
}

// The first in order, though others may fail before it.
Test(nested, the_words_of_the_first_that_fails_arrive) {
    struct scene s;
    scene_set(&s, 2, NULL);
    fails(map(&s, "evil.fail", 20, words), "no_luck", "item 0: the dice say 0");
    fails(map(&s, "demo.sqare", 1, number), "", "no task \"demo.sqare\"");
    test_client_round_trip(&s.c);
    scene_end(&s);
}

static void three_is_deadly(struct scene *s, jobd_args *a, uint32_t i) {
    (void)s;
    jobd_args_array(a, 1);
    jobd_args_i64(a, i == 3 ? -SIGSEGV : (int64_t)i);
}

Test(nested, the_death_of_one_is_told_and_its_caller_lives) {
    struct scene s;
    scene_set(&s, 2, NULL);
    fails(map(&s, "drill.die", 5, three_is_deadly), "", "item 3: worker ");
    cr_assert_eq(test_daemon_status(s.c.conn, "worker_deaths"), 1);
    scene_wait_quiet(&s);
    scene_end(&s);
}

// ---- how their caller ends ----

enum { WAITING = 12 };

static void gate(struct scene *s, jobd_args *a, uint32_t i) {
    (void)i;
    jobd_args_array(a, 1);
    jobd_args_str(a, s->gate);
}

// A call of many jobs that wait for a gate; one of them at least is seen running.
static jobd_future *call_waiting(struct scene *s, const jobd_submit_options *o) {
    jobd_future *f = map_with(s, o, "nest.map", "demo.until", WAITING, gate);
    TEST_UNTIL(test_daemon_status(s->c.conn, "jobs_running") >= 2);
    return f;
}

// Nothing of it is left, though the gate was never open.
static void gone(struct scene *s) {
    scene_wait_quiet(s);
    test_client_round_trip(&s->c);
    scene_end(s);
}

Test(nested, the_jobs_of_one_that_is_aborted_end) {
    struct scene s;
    scene_set(&s, 2, NULL);
    jobd_future *f = call_waiting(&s, NULL);
    cr_assert_eq(jobd_future_abort(f, JOBD_GRACE_MS, false), 0);
    test_client_take_error(f, JOBD_E_KILLED);
    gone(&s);
}

Test(nested, the_jobs_of_one_that_dies_end) {
    struct scene s;
    jobd_job_info info = {.struct_size = sizeof info};
    scene_set(&s, 2, NULL);
    jobd_future *f = call_waiting(&s, NULL);
    test_client_wait_running(&s.c, f);
    cr_assert_eq(jobd_future_info(f, &info), 0);
    kill((pid_t)info.worker_pid, SIGKILL);
    test_client_take_error(f, JOBD_E_WORKER_DIED);
    gone(&s);
}

Test(nested, the_jobs_of_one_past_its_time_limit_end) {
    const jobd_submit_options brief = {JOBD_OPTIONS(jobd_submit_options), .time_limit_ms = 300};
    struct scene s;
    scene_set(&s, 2, NULL);
    test_client_take_error(map_with(&s, &brief, "nest.map", "demo.until", WAITING, gate),
                           JOBD_E_DEADLINE);
    gone(&s);
}

Test(nested, a_call_past_its_own_time_limit_ends_its_jobs) {
    struct scene s;
    scene_set(&s, 2, NULL);
    fails(map_with(&s, NULL, "nest.map_briefly", "demo.until", WAITING, gate), "",
          "JOBD_E_TIMEOUT");
    gone(&s);
}

Test(nested, the_jobs_of_one_whose_owner_leaves_end) {
    struct scene s, other;
    scene_set(&s, 2, NULL);
    other = s;
    test_client_open(&other.c, &s.d);
    jobd_future *f = call_waiting(&other, NULL);
    jobd_future_unref(f);
    test_client_close(&other.c);
    gone(&s);
}

Test(nested, the_jobs_of_one_that_calls_from_a_thread_end) {
    struct scene s;
    scene_set(&s, 1, "pool = net workers=1 threads=2\n");
    scene_use_pool(&s, "net");
    jobd_future *f = call_waiting(&s, NULL);
    cr_assert_eq(jobd_future_abort(f, JOBD_GRACE_MS, false), 0);
    test_client_take_error(f, JOBD_E_KILLED);
    TEST_UNTIL(test_daemon_status(s.c.conn, "jobs_queued") +
                   test_daemon_status(s.c.conn, "jobs_running") ==
               0);
    test_client_round_trip(&s.c);
    scene_end(&s);
}
