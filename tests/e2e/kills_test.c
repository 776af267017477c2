// Workers that die, in every way there is: one job pays at most, nothing is lost, nothing comes
// twice, nobody waits for ever, and the pool is whole again.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fdcount.h"
#include "support/scene.h"

TestSuite(kills, .timeout = 120);

enum { BURST = 30, WARM = 64 };

static pid_t only_worker(struct scene *s) {
    struct worker_row row;
    cr_assert_eq(listing_workers(s->c.conn, &row, 1), 1);
    return (pid_t)row.pid;
}

// Waits for a job that must end as LOST, and say all of these.
static void is_lost(jobd_future *f, const char *how, const char *what) {
    int got;
    jobd_error why;
    test_client_take(f, &got, &why);
    cr_assert_eq(got, JOBD_E_WORKER_DIED, "%s came from %s: %s", jobd_errname(got), what,
                 why.message);
    cr_assert(strstr(why.message, how), "'%s' is missing: %s", how, why.message);
    cr_assert(strstr(why.message, what), "'%s' is missing: %s", what, why.message);
}

static uint64_t status_of(struct scene *s, const char *name) {
    return test_daemon_status(s->c.conn, name);
}

static void wait_deaths(struct scene *s, uint64_t n) {
    TEST_UNTIL(status_of(s, "worker_deaths") >= n);
    scene_wait_quiet(s);
}

// Queues a job of drill.die without sending it: n comes back; below 0 it is a signal to die of.
static jobd_future *queue_die(struct test_client *c, int64_t n) {
    jobd_args *a = jobd_args_new();
    jobd_bytes args;
    jobd_future *f;
    jobd_args_array(a, 1);
    jobd_args_i64(a, n);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    cr_assert_eq(jobd_submit(c->ex, "drill.die", args, NULL, &f), 0);
    jobd_args_free(a);
    return f;
}

// ---- one death ----

Test(kills, W1_an_idle_worker_is_replaced_and_no_job_notices) {
    struct scene s;
    scene_set(&s, 1, NULL);
    pid_t pid = only_worker(&s);
    size_t n_fds = fd_count(s.d.pid);
    kill(pid, SIGKILL);
    wait_deaths(&s, 1);
    cr_assert_neq(only_worker(&s), pid);
    test_client_round_trip(&s.c);
    cr_assert_eq(status_of(&s, "lost") + status_of(&s, "retried"), 0);
    TEST_UNTIL(fd_count(s.d.pid) == n_fds);
    scene_end(&s);
}

Test(kills, W2_the_running_job_is_lost_and_those_behind_it_run_elsewhere) {
    struct scene s;
    unsigned marks[BURST];
    jobd_future *behind[BURST];
    char who[96];
    scene_set(&s, 1, NULL);
    jobd_future *running = scene_occupy(&s);
    for (int64_t n = 0; n < BURST; n++)
        behind[n] = test_client_submit(&s.c, "drill.mark", "si", s.marks, n);
    pid_t pid = only_worker(&s);
    kill(pid, SIGKILL);
    snprintf(who, sizeof who, "worker %d was killed by SIGKILL", (int)pid);
    is_lost(running, who, "task 'demo.until' (run 1 of 1)");
    for (int64_t n = 0; n < BURST; n++) {
        jobd_job_info info = {.struct_size = sizeof info};
        cr_assert_eq(test_client_take_i64(jobd_future_ref(behind[n])), n * n);
        cr_assert_eq(jobd_future_info(behind[n], &info), 0);
        cr_assert_eq(info.attempt, 1, "a job that had not begun got a strike");
        jobd_future_unref(behind[n]);
    }
    scene_read_marks(&s, marks, BURST);
    for (int n = 0; n < BURST; n++)
        cr_assert_eq(marks[n], 1);
    cr_assert_eq(status_of(&s, "lost"), 1);
    scene_end(&s);
}

// All notes of a future, one after another.
static void keep_notes(jobd_future *f, const char *text, void *arg) {
    char *notes = arg;
    size_t n = strlen(notes);
    (void)f;
    snprintf(notes + n, 1024 - n, "[%s]", text);
}

Test(kills, W7_an_idempotent_job_has_three_runs) {
    struct scene s;
    char notes[1024] = "";
    scene_set(&s, 2, NULL);
    jobd_future *f = test_client_submit_noted(&s.c, keep_notes, notes, "evil.segv_idempotent", "");
    is_lost(f, "SIGSEGV", "(run 3 of 3)");
    cr_assert(strstr(notes, "runs again (run 2 of 3)") && strstr(notes, "runs again (run 3 of 3)"),
              "%s", notes);
    cr_assert_eq(status_of(&s, "worker_deaths"), 3);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(kills, a_job_that_allows_it_runs_again_after_a_death) {
    const jobd_submit_options twice = {JOBD_OPTIONS(jobd_submit_options), .max_lost = 1};
    struct scene s;
    unsigned marks[4];
    scene_set(&s, 1, NULL);
    is_lost(test_client_submit_with(&s.c, &twice, "evil.exit0", ""), "status 0", "(run 2 of 2)");
    jobd_future *f = test_client_submit_with(&s.c, &twice, "drill.mark_until", "sis", s.marks,
                                             (int64_t)3, s.gate);
    test_client_wait_running(&s.c, f);
    kill(only_worker(&s), SIGKILL);
    scene_open_gate(&s);
    cr_assert_eq(test_client_take_i64(f), 9);
    scene_read_marks(&s, marks, 4);
    cr_assert_eq(marks[3], 2);
    scene_end(&s);
}

Test(kills, each_way_to_die_is_named_and_costs_one_job) {
    static const struct {
        const char *task, *how;
        int64_t arg;
    } ways[] = {
        {"evil.exit0", "exited with status 0", 0},       // W6
        {"evil.abort", "SIGABRT", 0},                    // W7
        {"evil.segv", "SIGSEGV", 0},                     //
        {"drill.die", "SIGBUS", -SIGBUS},                //
        {"drill.die", "SIGILL", -SIGILL},                //
        {"drill.die", "SIGFPE", -SIGFPE},                //
        {"drill.die", "SIGTERM", -SIGTERM},              //
        {"drill.recurse", "SIGSEGV", 0},                 // W8
        {"drill.half_frame", "exited with status 9", 0}, // W4
        {"evil.garbage", "killed", 0},                   // W13
    };
    struct scene s;
    scene_set(&s, 2, NULL);
    for (size_t i = 0; i < JD_LEN(ways); i++) {
        jobd_future *f = test_client_submit(&s.c, ways[i].task, "i", ways[i].arg);
        is_lost(f, ways[i].how, ways[i].task);
        test_client_round_trip(&s.c);
    }
    TEST_UNTIL(status_of(&s, "workers_ready") == 2);
    cr_assert_eq(status_of(&s, "lost"), JD_LEN(ways));
    test_daemon_wait_log(&s.d, "event=worker.broken", 1);
    scene_end(&s);
}

Test(kills, W15_a_task_that_closes_the_socket_ends_its_worker_but_not_its_result) {
    struct scene s;
    scene_set(&s, 1, NULL);
    pid_t pid = only_worker(&s);
    test_client_take_done(test_client_submit(&s.c, "evil.closefds", ""));
    wait_deaths(&s, 1);
    cr_assert_neq(only_worker(&s), pid);
    test_client_round_trip(&s.c);
    scene_end(&s);
}

Test(kills, the_last_words_of_a_worker_are_passed_on) {
    struct scene s;
    scene_set(&s, 1, NULL);
    is_lost(test_client_submit(&s.c, "drill.die", "i", (int64_t)-SIGABRT), "SIGABRT", "farewell");
    test_daemon_wait_log(&s.d, "farewell", 1);
    scene_end(&s);
}

// ---- between a result and its way out ----

// All in one message, so that many are sent ahead of the one that dies of `signal`.
static void burst_around(struct scene *s, int64_t n_before, int signal, int64_t n_behind) {
    jobd_future *before[BURST], *behind[BURST];
    for (int64_t n = 0; n < WARM; n++) // a task known to be short
        cr_assert_eq(test_client_take_i64(test_client_submit(&s->c, "drill.die", "i", n)), n);
    for (int64_t n = 0; n < n_before; n++)
        before[n] = queue_die(&s->c, n);
    jobd_future *dying = queue_die(&s->c, -signal);
    for (int64_t n = 0; n < n_behind; n++)
        behind[n] = queue_die(&s->c, 100 + n);
    cr_assert_eq(jobd_conn_flush(s->c.conn, TEST_PATIENCE_MS), 0);
    is_lost(dying, "was killed by", "drill.die");
    for (int64_t n = 0; n < n_before; n++)
        cr_assert_eq(test_client_take_i64(before[n]), n);
    for (int64_t n = 0; n < n_behind; n++)
        cr_assert_eq(test_client_take_i64(behind[n]), 100 + n);
}

Test(kills, W3_W5_results_of_a_dead_worker_stand_and_unread_jobs_run_elsewhere) {
    struct scene s;
    scene_set(&s, 1, NULL);
    burst_around(&s, BURST, SIGKILL, 0);
    burst_around(&s, 0, SIGKILL, BURST);
    burst_around(&s, BURST, SIGSEGV, BURST);
    cr_assert_eq(status_of(&s, "lost"), 3);
    cr_assert_eq(status_of(&s, "retried"), 0, "somebody else got a strike");
    scene_end(&s);
}

Test(kills, W5_results_held_up_behind_a_job_survive_the_death) {
    struct scene s;
    jobd_future *before[BURST];
    scene_set(&s, 1, NULL);
    for (int i = 0; i < WARM; i++)
        test_client_take_done(test_client_submit(&s.c, "demo.until", "s", s.d.config));
    for (int i = 0; i < BURST; i++)
        before[i] = test_client_submit(&s.c, "demo.until", "s", s.d.config);
    jobd_future *running = test_client_submit(&s.c, "demo.until", "s", s.gate);
    test_client_wait_running(&s.c, running);
    kill(only_worker(&s), SIGKILL);
    is_lost(running, "SIGKILL", "demo.until");
    for (int i = 0; i < BURST; i++)
        test_client_take_done(before[i]);
    scene_end(&s);
}

// ---- a worker that stands still ----

Test(kills, a_worker_that_reads_nothing_is_given_up_and_its_jobs_run_elsewhere) {
    enum { JOBS = 5 };
    struct scene s;
    unsigned marks[JOBS];
    jobd_future *fs[JOBS];
    scene_set(&s, 1, "stall_s = 1\n");
    pid_t pid = only_worker(&s);
    kill(pid, SIGSTOP);
    for (int64_t n = 0; n < JOBS; n++)
        fs[n] = test_client_submit(&s.c, "drill.mark", "si", s.marks, n);
    for (int64_t n = 0; n < JOBS; n++) {
        jobd_job_info info = {.struct_size = sizeof info};
        cr_assert_eq(test_client_take_i64(jobd_future_ref(fs[n])), n * n);
        cr_assert_eq(jobd_future_info(fs[n], &info), 0);
        cr_assert_neq(info.worker_pid, pid);
        cr_assert_eq(info.attempt, 1);
        jobd_future_unref(fs[n]);
    }
    scene_read_marks(&s, marks, JOBS);
    for (int n = 0; n < JOBS; n++)
        cr_assert_eq(marks[n], 1);
    cr_assert(!proc_alive(pid));
    test_daemon_wait_log(&s.d, "event=worker.stalled", 1);
    cr_assert_eq(status_of(&s, "lost") + status_of(&s, "retried"), 0);
    scene_end(&s);
}

Test(kills, a_worker_that_stands_still_holds_nobody_up_while_another_is_there) {
    enum { JOBS = 200 };
    struct scene s;
    struct worker_row rows[2];
    jobd_future *fs[JOBS];
    scene_set(&s, 2, "stall_s = 1\n");
    cr_assert_eq(listing_workers(s.c.conn, rows, 2), 2);
    kill((pid_t)rows[0].pid, SIGSTOP);
    for (int64_t n = 0; n < JOBS; n++)
        fs[n] = test_client_submit(&s.c, "demo.square", "i", n);
    for (int64_t n = 0; n < JOBS; n++)
        cr_assert_eq(test_client_take_i64(fs[n]), n * n);
    kill((pid_t)rows[0].pid, SIGCONT); // it may still be there: taken back is taken back
    cr_assert_eq(status_of(&s, "done"), JOBS);
    scene_wait_quiet(&s);
    scene_end(&s);
}

// ---- whole trees ----

// Many daemons are left behind by finished jobs; their workers are killed.
Test(kills, W22_G6_no_grandchild_outlives_its_worker) {
    enum { ROUND = 25, WORKERS = 2 };
    struct scene s;
    struct worker_row rows[WORKERS];
    unsigned n_jobs = test_storm(1000);
    pid_t pids[ROUND];
    scene_set(&s, WORKERS, NULL);
    for (unsigned n = 0; n < n_jobs; n += ROUND) {
        jobd_future *fs[ROUND];
        for (int i = 0; i < ROUND; i++)
            fs[i] = test_client_submit(&s.c, "evil.fork_daemon", "");
        for (int i = 0; i < ROUND; i++) {
            pids[i] = (pid_t)test_client_take_i64(fs[i]);
            cr_assert(pids[i] > 0 && proc_alive(pids[i]));
        }
        cr_assert_eq(listing_workers(s.c.conn, rows, WORKERS), WORKERS);
        for (int w = 0; w < WORKERS; w++)
            kill((pid_t)rows[w].pid, SIGKILL);
        wait_deaths(&s, (n / ROUND + 1) * WORKERS);
        for (int i = 0; i < ROUND; i++)
            cr_assert(!proc_alive(pids[i]), "%d is still there", (int)pids[i]);
    }
    scene_end(&s);
}

Test(kills, W5_a_grandchild_that_holds_the_socket_does_not_hide_the_death) {
    struct scene s;
    scene_set(&s, 1, NULL);
    pid_t child = (pid_t)test_client_take_i64(test_client_submit(&s.c, "drill.leave_open", ""));
    cr_assert(proc_alive(child));
    jobd_future *running = scene_occupy(&s);
    kill(only_worker(&s), SIGKILL);
    is_lost(running, "SIGKILL", "demo.until");
    scene_wait_quiet(&s);
    cr_assert(!proc_alive(child));
    scene_end(&s);
}

// ---- workers that do not start ----

// A worker program that adds a line to `starts` and fails, until there is `gate`.
static void prepare_failing(struct test_daemon *d, unsigned workers, char *gate, char *starts) {
    char script[96], text[512], config[160];
    test_daemon_prepare(d, &(struct test_daemon_options){.workers = workers});
    tmpdir_join(&d->dir, "gate", gate, 96);
    tmpdir_join(&d->dir, "starts", starts, 96);
    tmpdir_join(&d->dir, "worker", script, sizeof script);
    snprintf(text, sizeof text,
             "#!/bin/sh\necho x >>%s\n[ -e %s ] || { echo no luck >&2; exit 3; }\nexec %s \"$@\"\n",
             starts, gate, JOBD_WORKER_PATH);
    tmpdir_write(script, text, 0700);
    snprintf(config, sizeof config, "worker_path = %s\n", script);
    tmpdir_write(d->config, config, 0600);
    test_daemon_run(d);
}

static size_t count_starts(const char *path) {
    char text[4096] = "";
    tmpdir_read(path, text, sizeof text);
    return strlen(text) / 2;
}

Test(kills, W27_failed_starts_are_tried_again_later_and_jobs_wait) {
    struct test_daemon d;
    struct test_client c;
    char gate[96], starts[96];
    prepare_failing(&d, 1, gate, starts);
    test_client_open(&c, &d);
    jobd_future *f = test_client_submit(&c, "ping", "");
    test_daemon_wait_log(&d, "event=worker.died", 3);
    cr_assert(strstr(test_daemon_log(&d), "no luck"), "its last words are not in the log");
    cr_assert_eq(test_daemon_status(c.conn, "jobs_queued"), 1);
    cr_assert_eq(test_daemon_status(c.conn, "worker_deaths"), 0, "it never lived");
    cr_assert(!listing_flag(c.conn, "degraded"));
    tmpdir_write(gate, "", 0600);
    test_client_take_done(f);
    test_client_close(&c);
    test_daemon_end(&d);
}

// With so many workers the breaker opens at once; then there is one try in 10 s.
Test(kills, W27_G15_a_pool_whose_workers_all_fail_is_degraded_and_recovers) {
    enum { WORKERS = 12 };
    struct test_daemon d;
    struct test_client c;
    char gate[96], starts[96];
    prepare_failing(&d, WORKERS, gate, starts);
    test_client_open(&c, &d);
    jobd_future *f = test_client_submit(&c, "ping", "");
    test_daemon_wait_log(&d, "event=pool.degraded", 1);
    cr_assert(listing_flag(c.conn, "degraded"));
    cr_assert_eq(test_daemon_status(c.conn, "workers_ready"), 0);
    cr_assert_eq(test_daemon_status(c.conn, "jobs_queued"), 1);
    TEST_UNTIL(count_starts(starts) >= WORKERS); // those that were on their way
    int64_t since_ms = test_now_ms();
    tmpdir_write(gate, "", 0600);
    test_client_take_done(f);
    int64_t took_ms = test_now_ms() - since_ms;
    cr_assert_lt(took_ms, 20000, "the next try came after %lld ms", (long long)took_ms);
    test_daemon_wait_log(&d, "event=pool.recovered", 1);
    test_daemon_wait_workers(c.conn, WORKERS);
    cr_assert(!listing_flag(c.conn, "degraded"));
    cr_assert_leq(count_starts(starts), 2 * WORKERS + 1);
    test_client_close(&c);
    test_daemon_end(&d);
}

Test(kills, W36_a_program_that_is_no_worker_keeps_the_daemon_alive) {
    struct test_daemon d;
    struct test_client c;
    const jobd_future *f;
    test_daemon_start(
        &d, &(struct test_daemon_options){.workers = 12, .config = "worker_path = /bin/false"});
    test_client_open(&c, &d);
    jobd_future *waiting = test_client_submit(&c, "ping", "");
    f = waiting;
    test_daemon_wait_log(&d, "event=pool.degraded", 1);
    cr_assert_eq(jobd_future_result(waiting, 100, NULL), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_future_get_state(f), JOBD_PENDING);
    cr_assert_eq(jobd_future_cancel(waiting, TEST_PATIENCE_MS), 1);
    jobd_future_unref(waiting);
    test_client_close(&c);
    test_daemon_end(&d); // and it ends in good order
}
