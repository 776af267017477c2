// What the board makes possible: short jobs do not wait behind long ones, results come out past a
// job that still runs, and everybody can see what runs.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "support/scene.h"

TestSuite(board, .timeout = 120);

enum { BURST = 50, WARM = 64 };

static jobd_future *queue_until(struct test_client *c, const char *path) {
    jobd_args *a = jobd_args_new();
    jobd_bytes args;
    jobd_future *f;
    jobd_args_array(a, 1);
    jobd_args_str(a, path);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    cr_assert_eq(jobd_submit(c->ex, "demo.until", args, NULL, &f), 0);
    jobd_args_free(a);
    return f;
}

// Makes demo.until a task known to be short, so that many of its jobs are sent ahead.
static void warm_up(struct scene *s) {
    for (int i = 0; i < WARM; i++)
        test_client_take_done(test_client_submit(&s->c, "demo.until", "s", s->d.config));
}

// One long job and BURST short ones, all in one message to the daemon: some short ones are sent to
// the worker that begins the long one.
static jobd_future *submit_burst(struct scene *s, bool long_first, jobd_future **shorts) {
    jobd_future *longer = long_first ? queue_until(&s->c, s->gate) : NULL;
    for (int i = 0; i < BURST; i++)
        shorts[i] = queue_until(&s->c, s->d.config);
    if (!long_first)
        longer = queue_until(&s->c, s->gate);
    cr_assert_eq(jobd_conn_flush(s->c.conn, TEST_PATIENCE_MS), 0);
    return longer;
}

static void take_all_done(jobd_future **fs, size_t n) {
    for (size_t i = 0; i < n; i++)
        test_client_take_done(fs[i]);
}

Test(board, short_jobs_behind_a_long_one_are_taken_back_for_an_idle_worker) {
    struct scene s;
    jobd_future *shorts[BURST];
    scene_set(&s, 2, NULL);
    warm_up(&s);
    jobd_future *longer = submit_burst(&s, true, shorts);
    take_all_done(shorts, BURST); // the gate is closed
    cr_assert(!jobd_future_done(longer));
    cr_assert_gt(test_daemon_status(s.c.conn, "taken_back"), 0);
    scene_open_gate(&s);
    test_client_take_done(longer);
    scene_end(&s);
}

Test(board, jobs_that_were_sent_ahead_move_when_a_worker_appears) {
    struct scene s;
    struct worker_row rows[2];
    jobd_future *shorts[BURST];
    scene_set(&s, 2, NULL);
    warm_up(&s);
    jobd_future *blocker = scene_occupy(&s);
    jobd_future *longer = submit_burst(&s, true, shorts); // both workers are in a job now
    test_client_wait_running(&s.c, longer);
    cr_assert_eq(listing_workers(s.c.conn, rows, 2), 2);
    jobd_job_info info = {.struct_size = sizeof info};
    cr_assert_eq(jobd_future_info(blocker, &info), 0);
    kill((pid_t)info.worker_pid, SIGKILL); // its successor has nothing to do
    test_client_take_error(blocker, JOBD_E_WORKER_DIED);
    take_all_done(shorts, BURST);
    cr_assert(!jobd_future_done(longer));
    scene_open_gate(&s);
    test_client_take_done(longer);
    scene_end(&s);
}

Test(board, results_held_up_behind_a_long_job_arrive_while_it_runs) {
    struct scene s;
    jobd_future *shorts[BURST];
    scene_set(&s, 1, NULL);
    warm_up(&s);
    jobd_future *longer = submit_burst(&s, false, shorts);
    take_all_done(shorts, BURST);
    test_client_wait_running(&s.c, longer);
    scene_open_gate(&s);
    test_client_take_done(longer);
    scene_end(&s);
}

// ---- what can be seen ----

Test(board, the_lists_show_what_runs_and_where) {
    struct scene s;
    struct worker_row rows[2];
    jobd_job_info info = {.struct_size = sizeof info};
    scene_set(&s, 2, NULL);
    cr_assert_eq(listing_workers(s.c.conn, rows, 2), 2);
    for (int i = 0; i < 2; i++) {
        cr_assert_str_eq(rows[i].state, "idle");
        cr_assert(rows[i].job == 0 && rows[i].slots_used == 0 && !rows[i].task[0]);
    }
    jobd_future *f = scene_occupy(&s);
    cr_assert_eq(jobd_future_info(f, &info), 0);
    cr_assert_eq(info.state, JOBD_JOB_RUNNING);
    cr_assert_eq(listing_workers(s.c.conn, rows, 2), 2);
    const struct worker_row *busy = &rows[rows[0].slots_used ? 0 : 1],
                            *idle = &rows[rows[0].slots_used ? 1 : 0];
    cr_assert_str_eq(busy->state, "busy");
    cr_assert_str_eq(busy->task, "demo.until");
    cr_assert_eq(busy->job, info.job_id);
    cr_assert_eq((int64_t)busy->pid, info.worker_pid);
    cr_assert_str_eq(idle->state, "idle");
    cr_assert_eq(test_daemon_status(s.c.conn, "jobs_running"), 1);
    scene_open_gate(&s);
    test_client_take_done(f);
    cr_assert_eq(test_daemon_status(s.c.conn, "jobs_running"), 0);
    scene_end(&s);
}

struct notes {
    unsigned n;
    double last;
    bool backwards;
    char text[512]; // each after a space
};

static void keep_note(jobd_future *f, const char *text, void *arg) {
    struct notes *notes = arg;
    jobd_job_info info = {.struct_size = sizeof info};
    cr_assert_eq(jobd_future_info(f, &info), 0);
    size_t n = strlen(notes->text);
    snprintf(notes->text + n, sizeof notes->text - n, " %s", text);
    notes->backwards |= info.progress < notes->last;
    notes->last = info.progress;
    notes->n++;
}

Test(board, progress_comes_as_the_task_tells_it) {
    struct scene s;
    struct notes notes = {0};
    scene_set(&s, 1, NULL);
    jobd_future *f =
        test_client_submit_noted(&s.c, keep_note, &notes, "countdown", "i", (int64_t)2);
    cr_assert_eq(test_client_take_i64(f), 2);
    cr_assert(strstr(notes.text, "T-2") && strstr(notes.text, "T-1"), "%s", notes.text);
    cr_assert(!notes.backwards);
    cr_assert_geq(notes.last, 0.5);
    scene_end(&s);
}

Test(board, a_job_shorter_than_a_sample_costs_no_note) {
    struct scene s;
    struct notes notes = {0};
    scene_set(&s, 1, NULL);
    jobd_future *f = test_client_submit_noted(&s.c, keep_note, &notes, "sleep", "f", 10.0);
    test_client_wait_running(&s.c, f);
    cr_assert(strstr(notes.text, "running in worker "), "%s", notes.text);
    int64_t since_ms = test_now_ms();
    while (test_now_ms() - since_ms < 200) // many samples, and nothing new
        cr_assert_geq(jobd_conn_wait(s.c.conn, 50), 0);
    cr_assert_eq(notes.n, 1, "%s", notes.text);
    jobd_future_unref(f);
    scene_end(&s);
}
