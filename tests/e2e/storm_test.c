// Workers killed at random moments under load, a thousand times. The ledger: what was submitted,
// what its future said, and what the workers themselves wrote down.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "support/fdcount.h"
#include "support/scene.h"
#include "unit/rng.h"

TestSuite(storm, .timeout = 120);

enum {
    WORKERS = 3,
    OUTSTANDING = 200,
    PAUSE_MAX_MS = 4,
    RSS_SLACK_BYTES = 2 << 20,
};

enum kind { SQUARE, NAP, MARK_AGAIN, MARK, MARK_TWICE, N_KINDS };

static const struct {
    const char *task;
    uint32_t max_lost;
    unsigned n_runs; // at most, in all
} kinds[N_KINDS] = {
    [SQUARE] = {"demo.square", 0, 3},          [NAP] = {"sleep", 0, 3},
    [MARK_AGAIN] = {"drill.mark_again", 0, 3}, [MARK] = {"drill.mark", 0, 1},
    [MARK_TWICE] = {"drill.mark", 1, 2},
};

struct entry {
    struct storm *storm;
    jobd_future *f; // NULL once it is settled
    enum kind kind;
    int64_t n; // its number, and its argument
    int error;
    unsigned n_outcomes;
};

struct storm {
    struct scene s;
    struct rng rng;
    jobd_conn *watch; // a second connection, to look at workers
    jobd_args *args;
    struct entry **ledger; // by the number of the job
    size_t n, cap, n_open;
    uint64_t killed[WORKERS]; // process ids
    unsigned n_kills;
};

// ---- jobs ----

// The loss of a job names the death, the task, and the runs it has had.
static void check_loss(const struct entry *e, jobd_future *f) {
    jobd_error why;
    char runs[32], task[64];
    cr_assert_eq(jobd_future_exception(f, 0, &why), 1);
    snprintf(runs, sizeof runs, "(run %u of %u)", kinds[e->kind].n_runs, kinds[e->kind].n_runs);
    snprintf(task, sizeof task, "task '%s'", kinds[e->kind].task);
    cr_assert(strstr(why.message, "SIGKILL") && strstr(why.message, "worker ") &&
                  strstr(why.message, task) && strstr(why.message, runs),
              "%s", why.message);
}

static void check_value(const struct entry *e, jobd_bytes value) {
    jobd_reader r = jobd_reader_of(value);
    int64_t got = -1;
    if (e->kind == NAP)
        return;
    cr_assert_eq(jobd_read_i64(&r, &got), 0);
    cr_assert_eq(got, e->n * e->n, "job %lld has the result %lld", (long long)e->n, (long long)got);
}

static void settle(jobd_future *f, void *arg) {
    struct entry *e = arg;
    jobd_bytes value;
    e->n_outcomes++;
    e->error = jobd_future_result(f, 0, &value);
    cr_assert(e->error == 0 || e->error == JOBD_E_WORKER_DIED, "a job ended with %s",
              jobd_errname(e->error));
    if (e->error)
        check_loss(e, f);
    else
        check_value(e, value);
    e->storm->n_open--;
    e->f = NULL;
    jobd_future_unref(f);
}

static bool leaves_marks(const struct entry *e) {
    return e->kind >= MARK_AGAIN;
}

static jobd_bytes pack(struct storm *st, const struct entry *e) {
    jobd_bytes args;
    jobd_args *a = st->args;
    jobd_args_reset(a);
    jobd_args_array(a, leaves_marks(e) ? 2 : 1);
    if (leaves_marks(e))
        jobd_args_str(a, st->s.marks);
    if (e->kind == NAP)
        jobd_args_f64(a, (double)rng_below(&st->rng, 3) / 1000);
    else
        jobd_args_i64(a, e->n);
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    return args;
}

static void submit_one(struct storm *st) {
    enum kind kind = (enum kind)rng_below(&st->rng, N_KINDS);
    const jobd_submit_options options = {JOBD_OPTIONS(jobd_submit_options),
                                         .max_lost = kinds[kind].max_lost};
    if (st->n == st->cap) {
        st->cap = st->cap ? 2 * st->cap : 1024;
        st->ledger = jd_realloc(st->ledger, st->cap * sizeof(struct entry *));
    }
    struct entry *e = jd_zalloc(sizeof *e);
    *e = (struct entry){.storm = st, .kind = kind, .n = (int64_t)st->n};
    jobd_bytes args = pack(st, e);
    st->ledger[st->n++] = e;
    st->n_open++;
    cr_assert_eq(jobd_submit(st->s.c.ex, kinds[kind].task, args, &options, &e->f), 0);
    cr_assert_eq(jobd_future_add_done_callback(e->f, settle, e), 0);
}

// ---- kills ----

// Kills one that is ready; of those killed before, their rows may be old. False: there is none.
static bool kill_one(struct storm *st) {
    struct worker_row rows[WORKERS];
    size_t n = listing_workers(st->watch, rows, WORKERS), first = rng_below(&st->rng, WORKERS);
    for (size_t i = 0; i < n; i++) {
        const struct worker_row *row = &rows[(first + i) % n];
        bool ready = strcmp(row->state, "busy") == 0 || strcmp(row->state, "idle") == 0;
        if (!ready || row->pid == st->killed[row->number])
            continue;
        st->killed[row->number] = row->pid;
        st->n_kills++;
        return kill((pid_t)row->pid, SIGKILL) == 0;
    }
    return false;
}

static void blow(struct storm *st, unsigned n_kills) {
    while (st->n_kills < n_kills) {
        while (st->n_open < OUTSTANDING)
            submit_one(st);
        cr_assert_geq(jobd_conn_wait(st->s.c.conn, (int64_t)rng_below(&st->rng, PAUSE_MAX_MS)), 0);
        if (rng_below(&st->rng, 2))
            kill_one(st);
    }
}

static void calm(struct storm *st) {
    int64_t since_ms = test_now_ms();
    while (st->n_open > 0) {
        cr_assert_geq(jobd_conn_wait(st->s.c.conn, TEST_PATIENCE_MS), 0);
        cr_assert_lt(test_now_ms() - since_ms, TEST_PATIENCE_MS, "%zu jobs hang", st->n_open);
    }
    TEST_UNTIL(test_daemon_status(st->watch, "worker_deaths") == st->n_kills);
    scene_wait_quiet(&st->s);
}

// ---- the books ----

static void check_books(struct storm *st) {
    unsigned *marks = jd_alloc(st->n * sizeof *marks);
    size_t n_lost = 0;
    scene_read_marks(&st->s, marks, st->n);
    for (size_t i = 0; i < st->n; i++) {
        const struct entry *e = st->ledger[i];
        cr_assert_eq(e->n_outcomes, 1, "job %zu has %u outcomes", i, e->n_outcomes);
        n_lost += e->error != 0;
        unsigned least = leaves_marks(e) && !e->error;
        unsigned most = leaves_marks(e) ? kinds[e->kind].n_runs : 0;
        cr_assert(marks[i] >= least && marks[i] <= most, "job %zu (%s, %s) ran %u times", i,
                  kinds[e->kind].task, jobd_errname(e->error), marks[i]);
    }
    jobd_conn *conn = st->watch;
    uint64_t n_strikes = n_lost + test_daemon_status(conn, "retried");
    cr_assert_leq(n_strikes, st->n_kills, "a death may cost one run");
    cr_assert_eq(test_daemon_status(conn, "submitted"), st->n);
    cr_assert_eq(test_daemon_status(conn, "done"), st->n - n_lost);
    cr_assert_eq(test_daemon_status(conn, "lost"), n_lost);
    cr_assert_eq(test_daemon_status(conn, "queued_bytes"), 0);
    cr_assert_eq(test_daemon_status(conn, "workers_broken"), 0);
    cr_assert(!listing_flag(conn, "degraded"));
    fprintf(stderr, "storm: %u kills, %zu jobs, %llu runs cut short, %zu jobs lost\n", st->n_kills,
            st->n, (unsigned long long)n_strikes, n_lost);
    jd_free(marks);
}

static void begin(struct storm *st) {
    *st = (struct storm){.rng = rng_begin("storm"), .args = jobd_args_new()};
    scene_set(&st->s, WORKERS, NULL);
    st->watch = test_daemon_connect(&st->s.d);
}

static void end(struct storm *st) {
    for (size_t i = 0; i < st->n; i++)
        jd_free(st->ledger[i]);
    jd_free(st->ledger);
    jobd_args_free(st->args);
    jobd_close(st->watch);
    scene_end(&st->s);
}

Test(storm, G1_kills_under_load_lose_nothing_and_repeat_nothing) {
    struct storm st;
    unsigned n_kills = test_storm(1000);
    begin(&st);
    blow(&st, n_kills / 10 + 1); // tables have their size after that
    calm(&st);
    size_t n_fds = fd_count(st.s.d.pid);
    uint64_t rss_bytes = proc_rss_bytes(st.s.d.pid);
    blow(&st, n_kills);
    calm(&st);
    check_books(&st);
    TEST_UNTIL(fd_count(st.s.d.pid) == n_fds);
    uint64_t now_bytes = proc_rss_bytes(st.s.d.pid);
    cr_assert(test_under_asan() || now_bytes < rss_bytes + RSS_SLACK_BYTES, "%llu bytes, then %llu",
              (unsigned long long)rss_bytes, (unsigned long long)now_bytes);
    end(&st);
}
