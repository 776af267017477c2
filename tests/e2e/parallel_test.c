// Loops on all backends: the same results, bit for bit.
#include <criterion/criterion.h>
#include <string.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/plugin_wave.c" // the tasks, for the calling thread

enum { N = 300, N_NESTED = 12 };

TestSuite(parallel, .timeout = 120);

struct scene {
    struct test_daemon d;
    jobd_conn *conn;
};

static void begin(struct scene *s) {
    test_daemon_start(&s->d, &(struct test_daemon_options){.plugin = "wave"});
    s->conn = test_daemon_connect(&s->d);
    test_daemon_wait_workers(s->conn, 2);
}

static void end(struct scene *s) {
    jobd_close(s->conn);
    test_daemon_end(&s->d);
}

struct results {
    double at[N];
    int64_t n;
};

static int keep(int64_t i, jobd_bytes value, void *arg) {
    struct results *results = arg;
    jobd_reader r = jobd_reader_of(value);
    cr_assert_eq(i, results->n, "in the order of i");
    return jobd_read_f64(&r, &results->at[results->n++]);
}

static struct results run(struct scene *s, const char *task, int64_t n, jobd_parallel_options o) {
    struct results results = {.n = 0};
    jobd_error error = {0};
    o.struct_size = sizeof o;
    o.tasks = tasks;
    o.n_tasks = sizeof tasks / sizeof *tasks;
    int r = jobd_parallel_for(s->conn, 0, n, task, &o, keep, &results, &error);
    cr_assert_eq(r, 0, "%s: %s", o.backend ? o.backend : "process", error.message);
    cr_assert_eq(results.n, n);
    return results;
}

static void expect_same_bits(const char *task, int64_t n) {
    static const jobd_parallel_options others[] = {
        {.n_jobs = -1}, {.n_jobs = 1},         {.n_jobs = 2, .chunk = 7},
        {.chunk = 1},   {.backend = "thread"}, {.backend = "thread", .n_jobs = 1},
    };
    struct scene s;
    begin(&s);
    struct results here = run(&s, task, n, (jobd_parallel_options){.backend = "serial"});
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct results there = run(&s, task, n, others[i]);
        cr_assert_eq(memcmp(here.at, there.at, (size_t)n * sizeof here.at[0]), 0, "case %zu", i);
    }
    end(&s);
}

Test(parallel, all_backends_give_the_same_bits) {
    expect_same_bits("wave.sum", N);
}

// Tasks that call others, on two workers that are all busy with such tasks.
Test(parallel, tasks_that_call_others_give_the_same_bits) {
    expect_same_bits("wave.all", N_NESTED);
}

static int bad_args(int64_t i, jobd_args *item, void *arg) {
    (void)arg;
    jobd_args_array(item, 1);
    return jobd_args_i64(item, i == 20 ? -1 : i);
}

Test(parallel, all_backends_fail_in_the_same_words) {
    static const char *const backends[] = {"serial", "process", "thread"};
    struct scene s;
    begin(&s);
    for (int i = 0; i < 3; i++) {
        struct results results = {.n = 0};
        jobd_error error = {0};
        const jobd_parallel_options o = {JOBD_OPTIONS(jobd_parallel_options),
                                         .backend = backends[i], .tasks = tasks, .n_tasks = 2,
                                         .args = bad_args};
        int r = jobd_parallel_for(s.conn, 0, N, "wave.sum", &o, keep, &results, &error);
        cr_expect_eq(r, JOBD_E_TASK, "%s", backends[i]);
        cr_expect_eq(results.n, 20, "%s: the results before it come first", backends[i]);
        cr_expect_str_eq(error.name, "bad_args");
        cr_expect_str_eq(error.message, "wave.sum takes [k], a number not below 0");
    }
    end(&s);
}
