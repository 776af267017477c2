// Loops in the calling thread, and what all loops have in common.
#include <criterion/criterion.h>
#include <string.h>

#include "mem.h"
#include "pack.h"
#include "serial.h"
#include "support/fake_daemon.h"

// ---- tasks ----

static int number_result(const jobd_host *host, jobd_task_ctx *ctx, int64_t v) {
    struct jd_buf b;
    jd_buf_init(&b, 64);
    msgpack_packer pk = jd_packer_of(&b);
    msgpack_pack_int64(&pk, v);
    int r = host->result(ctx, jd_buf_view(&b));
    jd_buf_free(&b);
    return r;
}

static int64_t first_number(jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    uint32_t n;
    int64_t v = 0;
    jobd_read_array(&r, &n);
    jobd_read_i64(&r, &v);
    return v;
}

static int task_double(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    return number_result(host, ctx, 2 * first_number(args));
}

static int task_nothing(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host, (void)ctx, (void)args;
    return 0;
}

static int task_fails_at_3(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    return first_number(args) == 3 ? host->fail(ctx, "three", "three is too many") : 0;
}

static int task_returns_7(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host, (void)ctx, (void)args;
    return -7;
}

static int task_bad_result(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    return host->result(ctx, (jobd_bytes){"\x92\x01", 2});
}

// Everything a worker offers, as it is here.
static int task_looks_around(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    uint32_t n_items = 0;
    jobd_bytes message;
    (void)args;
    host->log(ctx, 0, "%d", 1);
    double *memory = host->alloc(ctx, 3 * sizeof *memory);
    bool ok = memory && (uintptr_t)memory % _Alignof(max_align_t) == 0;
    ok = ok && !host->cancelled(ctx) && host->time_left_ms(ctx) == JOBD_FOREVER;
    ok = ok && host->progress(ctx, 0.5, "half") == 0 && host->attempt(ctx) == 1;
    ok = ok && host->job_id(ctx) == 0 && host->now_ns(ctx) >= host->started_ns(ctx);
    ok = ok && host->item(ctx, &n_items) == 0 && n_items == 1 && host->n_pipes(ctx) == 0;
    ok = ok && host->pipe_send(ctx, 0, (jobd_bytes){0}, 0) == JOBD_E_NOENT;
    ok = ok && host->pipe_recv(ctx, 0, 0, &message) == JOBD_E_NOENT;
    ok = ok && host->pipe_poll(ctx, 0, 0) == JOBD_E_NOENT;
    ok = ok && host->pipe_close(ctx, 0) == JOBD_E_NOENT;
    ok = ok && host->call(ctx, "dance", (jobd_bytes){0}, 0, &message) == JOBD_E_NOTSUP;
    ok = ok && host->call(ctx, "map", (jobd_bytes){0}, 0, &message) == JOBD_E_INVAL;
    return ok ? 0 : host->fail(ctx, "wrong", "something is not as it should be");
}

// The sum of double(0), double(1), ... double(n - 1), by a call.
static int task_sum(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    int64_t n = first_number(args), sum = 0;
    jobd_bytes params, results;
    uint32_t n_results;
    jobd_args *a = jobd_args_new();
    jobd_args_array(a, 2);
    jobd_args_str(a, n < 0 ? "nobody" : n > 3 ? "fails_at_3" : "double");
    jobd_args_array(a, (uint32_t)(n < 0 ? 0 : n));
    for (int64_t i = 0; i < n; i++) {
        jobd_args_array(a, 1);
        jobd_args_i64(a, i);
    }
    cr_assert_eq(jobd_args_finish(a, &params), 0);
    int r = host->call(ctx, "map", params, JOBD_FOREVER, &results);
    jobd_args_free(a);
    if (r < 0)
        return r;
    jobd_reader reader = jobd_reader_of(results);
    jobd_read_array(&reader, &n_results);
    for (int64_t i = 0, v = 0; i < n; i++, sum += v)
        jobd_read_i64(&reader, &v);
    return reader.err ? reader.err : number_result(host, ctx, sum);
}

static const jobd_task_def tasks[] = {
    {"double", task_double, 0, ""},
    {"nothing", task_nothing, 0, ""},
    {"fails_at_3", task_fails_at_3, 0, ""},
    {"returns_7", task_returns_7, 0, ""},
    {"bad_result", task_bad_result, 0, ""},
    {"looks_around", task_looks_around, 0, ""},
    {"sum", task_sum, 0, ""},
};

// ---- loops ----

struct seen {
    int64_t n;
    int64_t first;
    int64_t last_value; // -1 = nil
    int64_t stop_at;
};

static int each(int64_t i, jobd_bytes value, void *arg) {
    struct seen *seen = arg;
    jobd_reader r = jobd_reader_of(value);
    if (seen->n++ == 0)
        seen->first = i;
    cr_assert_eq(i, seen->first + seen->n - 1, "in the order of i");
    if (jobd_read_type(&r) == JOBD_T_NIL)
        seen->last_value = -1;
    else
        cr_assert_eq(jobd_read_i64(&r, &seen->last_value), 0);
    return i == seen->stop_at ? 99 : 0;
}

static int run(const char *task, int64_t lo, int64_t hi, struct seen *seen, jobd_error *error) {
    const jobd_parallel_options o = {JOBD_OPTIONS(jobd_parallel_options), .backend = "serial",
                                     .tasks = tasks, .n_tasks = JD_LEN(tasks)};
    return jobd_parallel_for(NULL, lo, hi, task, &o, each, seen, error);
}

Test(client_parallel, a_loop_in_the_calling_thread) {
    struct seen seen = {.stop_at = INT64_MAX};
    jobd_error error = {.code = 1};
    cr_expect_eq(run("double", -2, 100, &seen, &error), 0);
    cr_expect(seen.n == 102 && seen.first == -2 && seen.last_value == 198);
    seen = (struct seen){.stop_at = INT64_MAX};
    cr_expect_eq(run("double", 5, 5, &seen, &error), 0);
    cr_expect_eq(seen.n, 0);
    cr_expect_eq(run("nothing", 0, 3, &seen, &error), 0);
    cr_expect(seen.n == 3 && seen.last_value == -1, "no result is nil");
    seen = (struct seen){.stop_at = 4};
    cr_expect_eq(run("double", 0, 100, &seen, &error), 99, "what the function returned");
    cr_expect_eq(seen.n, 5);
    cr_expect_eq(error.code, 1, "that is no error of the loop");
}

Test(client_parallel, what_a_task_finds_around_it) {
    struct seen seen = {.stop_at = INT64_MAX};
    jobd_error error = {0};
    cr_expect_eq(run("looks_around", 0, 2, &seen, &error), 0, "%s", error.message);
}

Test(client_parallel, failures_speak_as_a_worker_does) {
    static const struct {
        const char *task, *name, *message;
        int64_t n_before;
    } cases[] = {
        {"fails_at_3", "three", "three is too many", 3},
        {"returns_7", "", "the task returned -7", 0},
        {"bad_result", "bad_result", "the task's result is not exactly one msgpack value", 0},
    };
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct seen seen = {.stop_at = INT64_MAX};
        jobd_error error = {0};
        cr_expect_eq(run(cases[i].task, 0, 10, &seen, &error), JOBD_E_TASK);
        cr_expect_eq(error.code, JOBD_E_TASK);
        cr_expect_str_eq(error.name, cases[i].name);
        cr_expect_str_eq(error.message, cases[i].message);
        cr_expect_eq(seen.n, cases[i].n_before);
        seen = (struct seen){.stop_at = INT64_MAX};
        cr_expect_eq(run(cases[i].task, 0, 10, &seen, NULL), JOBD_E_TASK);
    }
}

Test(client_parallel, tasks_that_call_others) {
    struct seen seen = {.stop_at = INT64_MAX};
    jobd_error error = {0};
    cr_expect_eq(run("sum", 0, 4, &seen, &error), 0, "%s", error.message);
    cr_expect_eq(seen.last_value, 0 + 2 + 4);
    cr_expect_eq(run("sum", 4, 5, &seen, &error), JOBD_E_TASK);
    cr_expect_str_eq(error.name, "three");
    cr_expect_eq(run("sum", -1, 0, &seen, &error), JOBD_E_TASK, "no task of that name");
}

static int no_args(int64_t i, jobd_args *item, void *arg) {
    (void)item, (void)arg;
    return i == 2 ? -55 : jobd_args_array(item, 0);
}

Test(client_parallel, bad_loops) {
    struct seen seen = {.stop_at = INT64_MAX};
    jobd_error error = {0};
    const jobd_parallel_options odd = {JOBD_OPTIONS(jobd_parallel_options), .backend = "gpu"};
    const jobd_parallel_options less = {JOBD_OPTIONS(jobd_parallel_options), .n_jobs = -2};
    const jobd_parallel_options args = {JOBD_OPTIONS(jobd_parallel_options), .backend = "serial",
                                        .tasks = tasks, .n_tasks = 2, .args = no_args};
    cr_expect_eq(run("unknown", 0, 1, &seen, &error), JOBD_E_NOTASK);
    cr_expect_eq(run(NULL, 0, 1, &seen, &error), JOBD_E_INVAL);
    cr_expect_eq(jobd_parallel_for(NULL, 0, 1, "double", &odd, each, &seen, &error), JOBD_E_INVAL);
    cr_expect(strstr(error.message, "gpu") && strstr(error.message, "serial"));
    cr_expect_eq(jobd_parallel_for(NULL, 0, 1, "double", &less, each, &seen, NULL), JOBD_E_INVAL);
    cr_expect_eq(jobd_parallel_for(NULL, 0, 1, "double", NULL, each, &seen, &error), JOBD_E_INVAL,
                 "other backends need a connection");
    cr_expect_eq(jobd_parallel_for(NULL, 0, 9, "nothing", &args, each, &seen, &error), -55);
    cr_expect_eq(seen.n, 2, "two calls before");
}

Test(client_parallel, out_of_memory) {
    int r = JOBD_E_NOMEM;
    for (unsigned long n = 1; r < 0; n++) {
        struct seen seen = {.stop_at = INT64_MAX};
        jobd_error error = {0};
        jd_mem_fail_nth(n);
        r = run("double", 0, 2, &seen, &error);
        jd_mem_fail_nth(0);
        cr_assert(r == 0 || r == JOBD_E_NOMEM || r == JOBD_E_TASK, "%s", error.message);
        cr_assert_lt(n, 50ul);
    }
}

// ---- over a connection ----

Test(client_parallel, loops_in_pools_are_maps_over_their_executors) {
    static const struct {
        const char *backend, *pool;
        int n_jobs;
    } cases[] = {{NULL, "default", 0}, {"process", "default", 3}, {"thread", "threads", -1}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        struct fake_daemon d;
        struct seen seen = {.stop_at = INT64_MAX};
        jobd_error error = {0};
        jobd_conn *conn = fake_daemon_connect(&d, NULL);
        const jobd_parallel_options o = {JOBD_OPTIONS(jobd_parallel_options),
                                         .backend = cases[i].backend, .n_jobs = cases[i].n_jobs,
                                         .timeout_ms = 1};
        cr_expect_eq(jobd_parallel_for(conn, 5, 6, "double", &o, each, &seen, &error),
                     JOBD_E_TIMEOUT);
        cr_expect_eq(error.code, JOBD_E_TIMEOUT);
        jobd_conn_flush(conn, 0);
        struct jd_msg msg = fake_daemon_expect(&d, JD_OP_EXECUTOR_OPEN);
        cr_expect_eq(msg.u.executor_open.pool.len, strlen(cases[i].pool));
        cr_expect_arr_eq(msg.u.executor_open.pool.data, cases[i].pool, strlen(cases[i].pool));
        cr_expect_eq(msg.u.executor_open.max_workers, (uint64_t)JD_MAX(cases[i].n_jobs, 0));
        msg = fake_daemon_expect(&d, JD_OP_SUBMIT);
        cr_expect(msg.u.submit.chunk == 1 && msg.u.submit.args.len == 3);
        cr_expect_arr_eq(msg.u.submit.args.data, "\x91\x91\x05", 3);
        fake_daemon_expect(&d, JD_OP_CANCEL);
        fake_daemon_expect(&d, JD_OP_EXECUTOR_CLOSE);
        jobd_close(conn);
        fake_daemon_free(&d);
    }
}
