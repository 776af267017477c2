// Jobs through the real daemon: results, errors, limits of size and time, order, and many of them.
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/split.h"
#include "mem.h"
#include "support/raw_peer.h"
#include "support/scene.h"

TestSuite(jobs, .timeout = 120);

// Waits for a job that must fail so, and say all of these.
static void fails(jobd_future *f, int error, const char *name, const char *say) {
    int got;
    jobd_error why;
    test_client_take(f, &got, &why);
    cr_assert_eq(got, error, "%s came, %s was expected: %s", jobd_errname(got), jobd_errname(error),
                 why.message);
    cr_assert_str_eq(why.name, name, "'%s' came, '%s' was expected", why.name, name);
    cr_assert(strstr(why.message, say), "'%s' is missing: %s", say, why.message);
}

// A cursor at the result, which is a view into the future.
static jobd_reader result_of(jobd_future *f) {
    jobd_bytes value;
    int r = jobd_future_result(f, TEST_PATIENCE_MS, &value);
    cr_assert_eq(r, 0, "the job has failed: %s", jobd_errname(r));
    return jobd_reader_of(value);
}

static jobd_job_info info_of(const jobd_future *f) {
    jobd_job_info info = {.struct_size = sizeof info};
    cr_assert_eq(jobd_future_info(f, &info), 0);
    return info;
}

// ---- the built-in tasks ----

static double integrate(struct test_client *c, uint64_t n_jobs) {
    enum { N_ITER = 1000, PARTS_MAX = 16 };
    jobd_future *fs[PARTS_MAX];
    double sums[PARTS_MAX];
    uint64_t n_parts = jd_split_count(N_ITER, n_jobs);
    for (uint64_t i = 0; i < n_parts; i++) {
        struct jd_part part = jd_split_part(0, M_PI_2, N_ITER, n_parts, i);
        fs[i] = test_client_submit(c, "integrate", "sffi", "cos", part.a, part.b, (int64_t)part.n);
    }
    for (uint64_t i = 0; i < n_parts; i++) {
        jobd_reader r = result_of(fs[i]);
        uint32_t n_values;
        uint64_t n_steps;
        cr_assert_eq(jobd_read_array(&r, &n_values), 0);
        jobd_read_f64(&r, &sums[i]);
        jobd_read_u64(&r, &n_steps);
        cr_assert_eq(r.err, 0);
        cr_assert_eq(n_steps, jd_split_part(0, M_PI_2, N_ITER, n_parts, i).n);
        jobd_future_unref(fs[i]);
    }
    return jd_split_reduce(sums, n_parts);
}

// %.17g names a double exactly.
static void is_exactly(double got, double expected) {
    cr_assert(memcmp(&got, &expected, sizeof got) == 0, "%.17g came, %.17g was expected", got,
              expected);
}

Test(jobs, integrate_has_the_digits_of_the_lecture) {
    struct scene s;
    scene_set(&s, 2, NULL);
    is_exactly(integrate(&s.c, 1), 1.0007851925466296);
    is_exactly(integrate(&s.c, 2), 1.0007851925466305);
    is_exactly(integrate(&s.c, 4), 1.00078519254663);
    double seven = integrate(&s.c, 7); // does not divide the steps
    cr_assert_lt(fabs(seven - 1.0007851925466296), 1e-12, "%.17g", seven);
    scene_end(&s);
}

Test(jobs, ping_comes_back_with_what_it_was_given) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "ping", "s", "there and back");
    jobd_reader r = result_of(f);
    uint32_t n;
    uint64_t received_ns, sent_ns;
    jobd_bytes echo;
    jobd_read_array(&r, &n);
    jobd_read_u64(&r, &received_ns);
    jobd_read_u64(&r, &sent_ns);
    cr_assert_eq(jobd_read_str(&r, &echo), 0);
    cr_assert(n == 3 && received_ns <= sent_ns && r.pos == r.end);
    cr_assert(echo.len == 14 && memcmp(echo.data, "there and back", 14) == 0);
    jobd_future_unref(f);

    f = test_client_submit(&s.c, "ping", "");
    r = result_of(f);
    jobd_read_array(&r, &n);
    jobd_read_u64(&r, &received_ns);
    jobd_read_u64(&r, &sent_ns);
    cr_assert_eq(jobd_read_nil(&r), 0);
    jobd_future_unref(f);
    scene_end(&s);
}

Test(jobs, sleep_takes_its_time_and_countdown_counts) {
    struct scene s;
    scene_set(&s, 2, NULL);
    int64_t since_ms = test_now_ms();
    jobd_future *slept = test_client_submit(&s.c, "sleep", "f", 0.2);
    jobd_future *counted = test_client_submit(&s.c, "countdown", "i", (int64_t)1);
    jobd_reader r = result_of(slept);
    cr_assert(r.pos == r.end || jobd_read_nil(&r) == 0);
    cr_assert_geq(test_now_ms() - since_ms, 199);
    cr_assert_geq(info_of(slept).run_ns, UINT64_C(200000000));
    jobd_future_unref(slept);
    cr_assert_eq(test_client_take_i64(counted), 1);
    cr_assert_geq(test_now_ms() - since_ms, 999);
    test_client_take_done(test_client_submit(&s.c, "countdown", "i", (int64_t)0));
    scene_end(&s);
}

Test(jobs, what_is_known_of_a_job_is_true) {
    struct scene s;
    struct worker_row row;
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit(&s.c, "demo.square", "i", (int64_t)3);
    cr_assert_eq(info_of(f).state, JOBD_JOB_NONE);
    result_of(f);
    jobd_job_info info = info_of(f);
    cr_assert_eq(listing_workers(s.c.conn, &row, 1), 1);
    cr_assert_eq(info.state, JOBD_JOB_DONE);
    cr_assert_eq(info.worker_pid, (int64_t)row.pid);
    cr_assert(info.job_id == 1 && info.attempt == 1 && info.done_order == 1 && info.run_ns > 0);
    jobd_future_unref(f);
    scene_end(&s);
}

// ---- errors of tasks ----

Test(jobs, W10_arguments_that_a_task_cannot_use_are_its_error) {
    struct scene s;
    scene_set(&s, 1, NULL);
    struct test_client *c = &s.c;
    fails(test_client_submit(c, "sleep", "s", "soon"), JOBD_E_TASK, "bad_args", "seconds");
    fails(test_client_submit(c, "sleep", "f", -1.0), JOBD_E_TASK, "bad_args", "seconds");
    fails(test_client_submit(c, "sleep", ""), JOBD_E_TASK, "bad_args", "seconds");
    fails(test_client_submit(c, "countdown", "f", 0.5), JOBD_E_TASK, "bad_args", "[n]");
    fails(test_client_submit(c, "integrate", "sff", "cos", 0.0, 1.0), JOBD_E_TASK, "bad_args",
          "[function, a, b, n]");
    fails(test_client_submit(c, "integrate", "sffi", "cos", 0.0, 1.0, (int64_t)0), JOBD_E_TASK,
          "bad_args", "steps");
    fails(test_client_submit(c, "integrate", "sffi", "cos", 0.0, (double)INFINITY, (int64_t)9),
          JOBD_E_TASK, "bad_args", "finite");
    fails(test_client_submit(c, "integrate", "sffi", "cso", 0.0, 1.0, (int64_t)9), JOBD_E_TASK,
          "no_function", "did you mean \"cos\"?");
    fails(test_client_submit(c, "integrate", "sffis", "cos", 0.0, 1.0, (int64_t)9, "abacus"),
          JOBD_E_TASK, "no_kernel", "abacus");
    jobd_future *f;
    static const char map[] = "\x81\x01\x02"; // no array
    cr_assert_eq(jobd_submit(c->ex, "ping", (jobd_bytes){map, 3}, NULL, &f), 0);
    fails(f, JOBD_E_TASK, "bad_args", "ping takes");
    test_client_round_trip(c); // the worker is none the worse for it
    cr_assert_eq(test_daemon_status(c->conn, "worker_deaths"), 0);
    scene_end(&s);
}

Test(jobs, W11_results_that_are_none_are_the_tasks_error) {
    struct scene s;
    scene_set(&s, 1, NULL);
    fails(test_client_submit(&s.c, "drill.bad_result", ""), JOBD_E_TASK, "bad_result",
          "exactly one");
    fails(test_client_submit(&s.c, "evil.fail", "ss", "no_luck", "the dice say no"), JOBD_E_TASK,
          "no_luck", "the dice say no");
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(jobs, W16_what_a_task_prints_stays_out_of_its_results) {
    struct scene s;
    scene_set(&s, 2, NULL);
    jobd_future *loud = test_client_submit(&s.c, "evil.print", "i", (int64_t)5000000);
    for (int i = 0; i < 100; i++)
        test_client_round_trip(&s.c);
    cr_assert_eq(test_client_take_i64(loud), 0);
    cr_assert(strstr(test_daemon_log(&s.d), "xxxxxxxx"), "its output is nowhere");
    scene_end(&s);
}

Test(jobs, W26_a_task_inherits_nothing_of_the_daemon) {
    struct scene s;
    scene_set(&s, 2, NULL);
    test_client_round_trip(&s.c);
    // 0, 1, 2 and the socket; a program that the task starts has the first three.
    cr_assert_eq(test_client_take_i64(test_client_submit(&s.c, "drill.fds", "")), 403);
    scene_end(&s);
}

// ---- tasks that do not exist ----

Test(jobs, an_unknown_task_is_refused_with_a_suggestion) {
    struct scene s;
    scene_set(&s, 1, NULL);
    fails(test_client_submit(&s.c, "pinq", ""), JOBD_E_NOTASK, "", "did you mean 'ping'?");
    fails(test_client_submit(&s.c, "demo.sqare", ""), JOBD_E_NOTASK, "", "'demo.square'");
    fails(test_client_submit(&s.c, "xyzzy", ""), JOBD_E_NOTASK, "", "jobctl tasks");
    jobd_future *f = NULL;
    cr_assert_eq(jobd_submit(s.c.ex, "no task", (jobd_bytes){0}, NULL, &f), JOBD_E_INVAL);
    cr_assert_null(f);
    scene_end(&s);
}

// Nobody knows the tasks before the first worker has said what it has.
Test(jobs, before_the_first_worker_unknown_tasks_wait_and_are_refused_then) {
    struct test_daemon d;
    struct test_client c;
    char gate[96], script[96], text[512], config[160];
    test_daemon_prepare(&d, NULL);
    tmpdir_join(&d.dir, "gate", gate, sizeof gate);
    tmpdir_join(&d.dir, "late-worker", script, sizeof script);
    snprintf(text, sizeof text, "#!/bin/sh\nuntil [ -e %s ]; do sleep 0.01; done\nexec %s \"$@\"\n",
             gate, JOBD_WORKER_PATH);
    tmpdir_write(script, text, 0700);
    snprintf(config, sizeof config, "worker_path = %s\n", script);
    tmpdir_write(d.config, config, 0600);
    test_daemon_run(&d);
    test_client_open(&c, &d);
    jobd_future *good = test_client_submit(&c, "ping", "i", (int64_t)7);
    jobd_future *bad = test_client_submit(&c, "pinq", "");
    cr_assert_eq(test_daemon_status(c.conn, "jobs_queued"), 2);
    cr_assert(!jobd_future_done(good) && !jobd_future_done(bad));
    cr_assert_eq(test_daemon_status(c.conn, "workers_ready"), 0);
    tmpdir_write(gate, "", 0600);
    fails(bad, JOBD_E_NOTASK, "", "did you mean 'ping'?");
    test_client_take_done(good);
    test_client_close(&c);
    test_daemon_end(&d);
}

// ---- limits of size ----

// A submit of drill.bytes with arguments of exactly n bytes: array, head of a bin, and the bytes.
static int submit_bytes(struct test_client *c, size_t n, jobd_future **ret) {
    enum { HEAD_BYTES = 1 + 5 };
    jobd_args *a = jobd_args_new();
    jobd_bytes args;
    void *data = jd_zalloc(n);
    jobd_args_array(a, 1);
    jobd_args_bin(a, (jobd_bytes){data, n - HEAD_BYTES});
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    cr_assert_eq(args.len, n);
    int r = jobd_submit(c->ex, "drill.bytes", args, NULL, ret);
    jobd_args_free(a);
    jd_free(data);
    return r;
}

Test(jobs, arguments_up_to_the_limit_arrive_and_larger_ones_are_not_sent) {
    struct scene s;
    jobd_future *f = NULL;
    scene_set(&s, 1, NULL);
    size_t most = jobd_conn_max_payload(s.c.conn);
    cr_assert_eq(most, (1u << 20) - 1024);
    cr_assert_eq(submit_bytes(&s.c, most + 1, &f), JOBD_E_MSGSIZE);
    cr_assert_null(f);
    for (size_t less = 0; less < 3; less++) {
        cr_assert_eq(submit_bytes(&s.c, most - less, &f), 0);
        cr_assert_eq(test_client_take_i64(f), (int64_t)(most - less - 6));
    }
    cr_assert_eq(test_daemon_status(s.c.conn, "submitted"), 3);
    scene_end(&s);
}

Test(jobs, W12_results_up_to_the_limit_arrive_and_larger_ones_are_an_error) {
    enum { HEAD_BYTES = 5 };
    struct scene s;
    scene_set(&s, 1, NULL);
    int64_t most = (int64_t)jobd_conn_max_payload(s.c.conn) - HEAD_BYTES;
    for (int64_t n = most - 1; n <= most; n++) {
        jobd_future *f = test_client_submit(&s.c, "evil.big_result", "i", n);
        jobd_reader r = result_of(f);
        jobd_bytes value;
        cr_assert_eq(jobd_read_bin(&r, &value), 0);
        cr_assert_eq((int64_t)value.len, n);
        jobd_future_unref(f);
    }
    char size[32];
    snprintf(size, sizeof size, "%lld bytes", (long long)(most + 1 + HEAD_BYTES));
    fails(test_client_submit(&s.c, "evil.big_result", "i", most + 1), JOBD_E_RESULT_TOO_BIG, "",
          size);
    fails(test_client_submit(&s.c, "evil.big_result", "i", most * 64), JOBD_E_RESULT_TOO_BIG, "",
          "max_frame");
    cr_assert_eq(test_daemon_status(s.c.conn, "worker_deaths"), 0);
    scene_end(&s);
}

Test(jobs, a_result_too_large_for_one_connection_is_an_error_of_that_job_alone) {
    enum { FRAME_BYTES = 65536, RESULT_BYTES = 100000 };
    struct scene s;
    struct test_client small;
    scene_set(&s, 1, NULL);
    const jobd_conn_options options = {JOBD_OPTIONS(jobd_conn_options), .max_frame = FRAME_BYTES};
    cr_assert_eq(jobd_connect(s.d.socket, &options, &small.conn, NULL), 0);
    cr_assert_eq(jobd_executor_open(small.conn, NULL, &small.ex), 0);
    int64_t n = RESULT_BYTES;
    fails(test_client_submit(&small, "evil.big_result", "i", n), JOBD_E_RESULT_TOO_BIG, "",
          "100005 bytes");
    test_client_round_trip(&small);
    test_client_take_done(test_client_submit(&s.c, "evil.big_result", "i", n));
    test_client_close(&small);
    scene_end(&s);
}

// ---- limits of time ----

static const jobd_submit_options brief = {JOBD_OPTIONS(jobd_submit_options), .time_limit_ms = 100};

static pid_t worker_pid(struct scene *s) {
    struct worker_row row;
    cr_assert_eq(listing_workers(s->c.conn, &row, 1), 1);
    return (pid_t)row.pid;
}

Test(jobs, W17_a_job_past_its_time_limit_stops_when_asked) {
    struct scene s;
    scene_set(&s, 1, "grace_ms = 30000\n");
    pid_t pid = worker_pid(&s);
    fails(test_client_submit_with(&s.c, &brief, "sleep", "f", 1000.0), JOBD_E_DEADLINE, "",
          "limit");
    fails(test_client_submit_with(&s.c, &brief, "demo.until", "s", s.gate), JOBD_E_DEADLINE, "",
          "limit");
    cr_assert_eq(worker_pid(&s), pid, "the worker was killed, although its job has listened");
    test_client_take_done(test_client_submit_with(&s.c, &brief, "ping", ""));
    cr_assert_eq(test_daemon_status(s.c.conn, "timed_out"), 2);
    scene_end(&s);
}

Test(jobs, W18_W19_a_job_that_is_deaf_or_stopped_is_killed_with_its_worker) {
    static const char *const tasks[] = {"evil.ignore_term", "evil.stop", "evil.leave_group"};
    struct scene s;
    scene_set(&s, 1, "grace_ms = 50\n");
    for (size_t i = 0; i < JD_LEN(tasks); i++) {
        pid_t pid = worker_pid(&s);
        fails(test_client_submit_with(&s.c, &brief, tasks[i], ""), JOBD_E_DEADLINE, "", "limit");
        test_client_round_trip(&s.c); // in another process
        cr_assert_neq(worker_pid(&s), pid);
        cr_assert(!proc_alive(pid));
    }
    scene_end(&s);
}

static void keep_pid(jobd_future *f, const char *text, void *arg) {
    const char *digits = text + strspn(text, "0123456789");
    (void)f;
    if (*text && *digits == '\0')
        *(pid_t *)arg = (pid_t)strtol(text, NULL, 10);
}

Test(jobs, W21_what_a_job_past_its_limit_has_started_dies_with_it) {
    struct scene s;
    pid_t daemon = 0;
    scene_set(&s, 1, "grace_ms = 50\n");
    jobd_future *f = test_client_submit_with(&s.c, &brief, "evil.hang_with_daemon", "");
    cr_assert_eq(jobd_future_on_note(f, keep_pid, &daemon), 0);
    fails(f, JOBD_E_DEADLINE, "", "limit");
    cr_assert_gt(daemon, 0, "the daemon's id did not come");
    scene_wait_quiet(&s); // the replacement comes after the tree is gone
    cr_assert(!proc_alive(daemon));
    scene_end(&s);
}

Test(jobs, a_limit_is_about_the_job_that_runs_not_about_those_that_wait) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    jobd_future *waiting = test_client_submit_with(&s.c, &brief, "demo.square", "i", (int64_t)9);
    int64_t since_ms = test_now_ms();
    while (test_now_ms() - since_ms < 3 * brief.time_limit_ms)
        jobd_conn_wait(s.c.conn, brief.time_limit_ms);
    cr_assert(!jobd_future_done(waiting));
    scene_open_gate(&s);
    test_client_take_done(running);
    cr_assert_eq(test_client_take_i64(waiting), 81);
    scene_end(&s);
}

// ---- order and fairness ----

// Pings with the time at which a worker took them; results are collected at the end.
struct pings {
    jobd_future **fs;
    size_t n;
};

static void submit_pings(struct test_client *c, size_t n, struct pings *ret) {
    static const unsigned char no_args[] = {0x90};
    *ret = (struct pings){jd_alloc(n * sizeof(jobd_future *)), n};
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(jobd_submit(c->ex, "ping", (jobd_bytes){no_args, 1}, NULL, &ret->fs[i]), 0);
    cr_assert_eq(jobd_conn_flush(c->conn, TEST_PATIENCE_MS), 0);
    cr_assert_eq(jobd_conn_ping(c->conn, TEST_PATIENCE_MS, &(int64_t){0}), 0); // it has them all
}

static uint64_t time_of(struct pings *p, size_t i) {
    jobd_reader r = result_of(p->fs[i]);
    uint32_t n;
    uint64_t received_ns;
    jobd_read_array(&r, &n);
    cr_assert_eq(jobd_read_u64(&r, &received_ns), 0);
    return received_ns;
}

static void drop_pings(struct pings *p) {
    for (size_t i = 0; i < p->n; i++)
        jobd_future_unref(p->fs[i]);
    jd_free(p->fs);
}

Test(jobs, one_worker_runs_the_jobs_of_one_client_in_their_order) {
    enum { N = 3000 };
    struct scene s;
    struct pings p;
    uint64_t last = 0;
    scene_set(&s, 1, NULL);
    submit_pings(&s.c, N, &p);
    for (size_t i = 0; i < N; i++) {
        uint64_t at = time_of(&p, i);
        cr_assert_geq(at, last, "job %zu came before the one submitted before it", i);
        cr_assert_eq(info_of(p.fs[i]).done_order, i + 1);
        last = at;
    }
    drop_pings(&p);
    scene_end(&s);
}

Test(jobs, a_client_with_many_jobs_does_not_hold_up_one_with_few) {
    enum { MANY = 5000, WINDOW = 256 };
    struct scene s;
    struct test_client other;
    struct pings many, few;
    scene_set(&s, 1, NULL);
    test_client_open(&other, &s.d);
    jobd_future *running = scene_occupy(&s);
    submit_pings(&s.c, MANY, &many);
    submit_pings(&other, 1, &few);
    scene_open_gate(&s);
    test_client_take_done(running);
    uint64_t at = time_of(&few, 0);
    size_t before = 0;
    for (size_t i = 0; i < MANY; i++)
        before += time_of(&many, i) < at;
    cr_assert_leq(before, WINDOW, "%zu jobs of the other client ran before it", before);
    drop_pings(&many);
    drop_pings(&few);
    test_client_close(&other);
    scene_end(&s);
}

// ---- many ----

struct tally {
    uint64_t n_done, n_wrong;
};

// Each future carries its number as the argument of its callback's slot.
struct pending {
    struct tally *tally;
    int64_t x;
};

static void check_square(jobd_future *f, void *arg) {
    struct pending *p = arg;
    jobd_bytes value;
    int64_t got = -1;
    if (jobd_future_result(f, 0, &value) == 0) {
        jobd_reader r = jobd_reader_of(value);
        jobd_read_i64(&r, &got);
    }
    p->tally->n_wrong += got != p->x * p->x;
    p->tally->n_done++;
    jobd_future_unref(f);
}

// Submits one square; false: there is too much unsent.
static bool submit_square(struct test_client *c, jobd_args *a, struct pending *p) {
    jobd_bytes args;
    jobd_future *f;
    jobd_args_reset(a);
    jobd_args_array(a, 1);
    jobd_args_i64(a, p->x);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    int r = jobd_submit(c->ex, "demo.square", args, NULL, &f);
    if (r == JOBD_E_AGAIN)
        return false;
    cr_assert_eq(r, 0, "%s", jobd_strerror(r));
    cr_assert_eq(jobd_future_add_done_callback(f, check_square, p), 0);
    return true;
}

// n squares over each of the connections, in turns.
static void many_squares(struct test_client *clients, size_t n_clients, size_t n) {
    struct tally tally = {0};
    struct pending *all = jd_alloc(n_clients * n * sizeof *all);
    jobd_args *a = jobd_args_new();
    for (size_t i = 0; i < n_clients * n; i++) {
        struct test_client *c = &clients[i % n_clients];
        all[i] = (struct pending){&tally, (int64_t)i};
        while (!submit_square(c, a, &all[i]))
            cr_assert_geq(jobd_conn_wait(c->conn, TEST_PATIENCE_MS), 0);
    }
    for (size_t i = 0; i < n_clients; i++)
        cr_assert_eq(jobd_conn_flush(clients[i].conn, TEST_PATIENCE_MS), 0);
    for (size_t i = 0; tally.n_done < n_clients * n; i++)
        cr_assert_geq(jobd_conn_wait(clients[i % n_clients].conn, n_clients > 1 ? 1 : 1000), 0);
    cr_assert_eq(tally.n_wrong, 0);
    jobd_args_free(a);
    jd_free(all);
}

Test(jobs, a_hundred_thousand_jobs_pass_through_one_connection) {
    enum { N = 100000 };
    struct scene s;
    scene_set(&s, 2, NULL);
    many_squares(&s.c, 1, N);
    cr_assert_eq(test_daemon_status(s.c.conn, "done"), N);
    cr_assert_eq(test_daemon_status(s.c.conn, "jobs_queued"), 0);
    cr_assert_eq(test_daemon_status(s.c.conn, "queued_bytes"), 0);
    scene_end(&s);
}

Test(jobs, four_connections_at_once_do_not_mix) {
    enum { CLIENTS = 4, N = 5000 };
    struct scene s;
    struct test_client clients[CLIENTS];
    scene_set(&s, 3, NULL);
    for (size_t i = 0; i < CLIENTS; i++)
        test_client_open(&clients[i], &s.d);
    many_squares(clients, CLIENTS, N);
    cr_assert_eq(test_daemon_status(s.c.conn, "done"), CLIENTS * N);
    for (size_t i = 0; i < CLIENTS; i++)
        test_client_close(&clients[i]);
    scene_end(&s);
}

Test(jobs, C1_a_client_that_is_gone_before_the_answer_leaves_nothing_behind) {
    enum { JOBS = 300 };
    static const unsigned char no_args[] = {0x90};
    struct scene s;
    struct raw_peer p;
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    raw_open(&p, s.d.socket);
    struct jd_msg open = raw_request(&p, JD_OP_EXECUTOR_OPEN);
    open.u.executor_open.pool = jd_text("default");
    raw_pack(&p, &open);
    for (uint64_t i = 0; i < JOBS; i++) {
        struct jd_msg submit = raw_submit(&p, i, "ping", (jobd_bytes){no_args, 1});
        raw_pack(&p, &submit);
    }
    cr_assert(raw_flush(&p));
    raw_close(&p);
    TEST_UNTIL(test_daemon_status(s.c.conn, "cancelled") == JOBS);
    cr_assert_eq(test_daemon_status(s.c.conn, "jobs_queued"), 0);
    scene_open_gate(&s);
    test_client_take_done(running);
    test_client_round_trip(&s.c);
    scene_end(&s);
}
