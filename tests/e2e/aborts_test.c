// Aborts by the thousand, of jobs that listen to nobody and of jobs that have left daemons behind, with
// other jobs beside them: each aborted one ends as killed, nothing of its tree survives, no other
// job notices, and the pool is whole.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fdcount.h"
#include "support/scene.h"
#include "unit/rng.h"

TestSuite(aborts, .timeout = 120);

enum { WORKERS = 3, VICTIMS = 2, BESIDE = 5, BESIDE_MAX = 100, GRACE_MAX_MS = 20 };

struct victim {
    jobd_future *f; // NULL = none
    bool has_daemon;
    bool is_aborted;
    pid_t daemon; // 0 = not known
};

struct storm {
    struct scene s;
    struct rng rng;
    bool grace;
    struct victim victims[VICTIMS];
    unsigned n_begun, n_killed, n_daemons;
    unsigned n_beside, n_squares; // other jobs: submitted, and done
};

// ---- who is aborted ----

static void on_note(jobd_future *f, const char *text, void *arg) {
    struct victim *v = arg;
    char *end;
    long pid = strtol(text, &end, 10);
    (void)f;
    if (pid > 0 && *end == '\0')
        v->daemon = (pid_t)pid;
}

static void begin_victim(struct storm *st, struct victim *v) {
    *v = (struct victim){.has_daemon = rng_below(&st->rng, 2)};
    const char *task = v->has_daemon ? "evil.hang_with_daemon" : "evil.ignore_term";
    v->f = test_client_submit_noted(&st->s.c, on_note, v, task, "");
    st->n_begun++;
    st->n_daemons += v->has_daemon;
}

static bool is_ready(const struct victim *v) {
    return v->has_daemon ? v->daemon > 0 : jobd_future_running(v->f);
}

static void abort_victim(struct storm *st, struct victim *v) {
    int64_t grace_ms = st->grace ? 1 + (int64_t)rng_below(&st->rng, GRACE_MAX_MS) : 0;
    cr_assert_eq(jobd_future_abort(v->f, grace_ms, false), 0);
    v->is_aborted = true;
}

static void bury(struct storm *st, struct victim *v) {
    jobd_error why;
    int error;
    cr_assert(v->is_aborted, "it ended before it was aborted");
    test_client_take(v->f, &error, &why);
    cr_assert_eq(error, JOBD_E_KILLED, "an aborted job ended as %s: %s", jobd_errname(error),
                 why.message);
    if (v->has_daemon)
        TEST_UNTIL(!proc_alive(v->daemon));
    st->n_killed++;
    v->f = NULL;
}

static void tend(struct storm *st, struct victim *v, unsigned n_aborts) {
    if (!v->f && st->n_begun < n_aborts)
        begin_victim(st, v);
    else if (v->f && jobd_future_done(v->f))
        bury(st, v);
    else if (v->f && !v->is_aborted && is_ready(v))
        abort_victim(st, v);
}

// ---- who is not ----

static void on_square(jobd_future *f, void *arg) {
    struct storm *st = arg;
    jobd_bytes value;
    int64_t square;
    cr_assert_eq(jobd_future_result(f, JOBD_NOWAIT, &value), 0, "a job beside failed");
    jobd_reader r = jobd_reader_of(value);
    cr_assert_eq(jobd_read_i64(&r, &square), 0);
    cr_assert_eq(square, BESIDE * BESIDE);
    st->n_squares++;
    jobd_future_unref(f);
}

static void submit_beside(struct storm *st) {
    if (st->n_beside - st->n_squares >= BESIDE_MAX)
        return;
    jobd_future *f = test_client_submit(&st->s.c, "demo.square", "i", (int64_t)BESIDE);
    st->n_beside++;
    cr_assert_eq(jobd_future_add_done_callback(f, on_square, st), 0);
}

// ---- the storm ----

static void blow(struct storm *st, unsigned n_aborts) {
    while (st->n_killed < n_aborts) {
        submit_beside(st);
        for (unsigned i = 0; i < VICTIMS; i++)
            tend(st, &st->victims[i], n_aborts);
        cr_assert_geq(jobd_conn_wait(st->s.c.conn, 1), 0);
    }
    while (st->n_squares < st->n_beside)
        cr_assert_gt(jobd_conn_wait(st->s.c.conn, TEST_PATIENCE_MS), 0, "a job beside hangs");
    scene_wait_quiet(&st->s);
}

static void check_books(struct storm *st, unsigned n_aborts) {
    jobd_conn *conn = st->s.c.conn;
    cr_assert_eq(st->n_begun, n_aborts);
    cr_assert_eq(test_daemon_status(conn, "killed"), n_aborts);
    cr_assert_eq(test_daemon_status(conn, "done"), st->n_beside);
    cr_assert_eq(test_daemon_status(conn, "submitted"), n_aborts + st->n_beside);
    cr_assert_eq(test_daemon_status(conn, "lost") + test_daemon_status(conn, "retried"), 0);
    cr_assert(!listing_flag(conn, "degraded"), "our own kills count against nobody");
    struct proc_list children;
    proc_children(st->s.d.pid, &children);
    cr_assert_eq(children.n, WORKERS, "%zu processes are there", children.n);
    fprintf(stderr, "aborts: %u jobs, %u of them with daemons; %u beside\n", n_aborts,
            st->n_daemons, st->n_beside);
}

static void storm(bool grace) {
    struct storm st = {.rng = rng_begin("aborts"), .grace = grace};
    unsigned n_aborts = test_storm(1000);
    scene_set(&st.s, WORKERS, NULL);
    test_client_round_trip(&st.s.c);
    st.n_beside = st.n_squares = 1; // that one
    size_t n_fds = fd_count(st.s.d.pid);
    blow(&st, n_aborts);
    check_books(&st, n_aborts);
    test_client_round_trip(&st.s.c);
    TEST_UNTIL(fd_count(st.s.d.pid) == n_fds);
    scene_end(&st.s);
}

Test(aborts, G2_aborts_without_grace_kill_one_job_each_and_its_whole_tree) {
    storm(false);
}

Test(aborts, G2_aborts_with_grace_do_the_same) {
    storm(true);
}
