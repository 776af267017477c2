#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "rng.h"
#include "support/fake_daemon.h"

enum { FUTURES = 8 };

struct fixture {
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_executor *ex;
    jobd_future *fs[FUTURES];
    size_t n;
    bool done[FUTURES];
};

static void begin(struct fixture *x, size_t n) {
    memset(x->done, 0, sizeof x->done);
    x->conn = fake_daemon_connect(&x->d, NULL);
    x->n = n;
    cr_assert_eq(jobd_executor_open(x->conn, NULL, &x->ex), 0);
    fake_daemon_submit(&x->d, x->ex, x->fs, n);
}

static void end(struct fixture *x) {
    for (size_t i = 0; i < x->n; i++)
        jobd_future_unref(x->fs[i]);
    jobd_executor_free(x->ex);
    jobd_close(x->conn);
    fake_daemon_free(&x->d);
}

static int wait_for(struct fixture *x, jobd_return_when when, int64_t timeout_ms) {
    return jobd_wait(x->fs, x->n, when, timeout_ms, x->done);
}

Test(client_wait, all_completed) {
    struct fixture x;
    begin(&x, 3);
    cr_assert_eq(wait_for(&x, JOBD_ALL_COMPLETED, 0), 0);
    fake_daemon_done(&x.d, 1, "");
    fake_daemon_failed(&x.d, 0, "", "");
    cr_assert_eq(wait_for(&x, JOBD_ALL_COMPLETED, 1), 2, "time is over: as many as are done");
    cr_assert(x.done[0] && x.done[1] && !x.done[2]);
    fake_daemon_cancelled(&x.d, 2);
    cr_assert_eq(wait_for(&x, JOBD_ALL_COMPLETED, JOBD_FOREVER), 3);
    cr_assert_eq(jobd_wait(x.fs, 3, JOBD_ALL_COMPLETED, JOBD_FOREVER, NULL), 3, "again");
    cr_assert_eq(jobd_wait(NULL, 0, JOBD_ALL_COMPLETED, JOBD_FOREVER, NULL), 0);
    end(&x);
}

Test(client_wait, first_completed) {
    struct fixture x;
    begin(&x, 3);
    fake_daemon_done(&x.d, 2, "");
    cr_assert_eq(wait_for(&x, JOBD_FIRST_COMPLETED, JOBD_FOREVER), 1);
    cr_assert(x.done[2] && !x.done[0] && !x.done[1]);
    fake_daemon_done(&x.d, 1, "");
    cr_assert_eq(wait_for(&x, JOBD_FIRST_COMPLETED, JOBD_FOREVER), 1, "one is done already");
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(wait_for(&x, JOBD_ALL_COMPLETED, JOBD_FOREVER), 3);
    end(&x);
}

Test(client_wait, first_exception) {
    struct fixture x;
    begin(&x, 4);
    fake_daemon_cancelled(&x.d, 0);
    fake_daemon_done(&x.d, 1, "");
    cr_assert_eq(wait_for(&x, JOBD_FIRST_EXCEPTION, 0), 2, "neither is an exception");
    fake_daemon_failed(&x.d, 2, "", "");
    cr_assert_eq(wait_for(&x, JOBD_FIRST_EXCEPTION, JOBD_FOREVER), 3);
    cr_assert_eq(wait_for(&x, JOBD_FIRST_EXCEPTION, JOBD_FOREVER), 3, "it is there already");
    end(&x);
    begin(&x, 2);
    fake_daemon_cancelled(&x.d, 0);
    fake_daemon_done(&x.d, 1, "");
    cr_assert_eq(wait_for(&x, JOBD_FIRST_EXCEPTION, JOBD_FOREVER), 2, "all are done");
    end(&x);
}

Test(client_wait, duplicates_and_strangers) {
    struct fixture x, y;
    begin(&x, 2);
    begin(&y, 1);
    jobd_future *twice[] = {x.fs[0], x.fs[1], x.fs[0]}, *mixed[] = {x.fs[0], y.fs[0]};
    jobd_completion *walk = NULL;
    bool done[3] = {false};
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_wait(twice, 3, JOBD_FIRST_COMPLETED, JOBD_FOREVER, done), 2);
    cr_assert(done[0] && !done[1] && done[2]);
    fake_daemon_done(&x.d, 1, "");
    cr_assert_eq(jobd_wait(twice, 3, JOBD_ALL_COMPLETED, JOBD_FOREVER, done), 3);
    cr_assert_eq(jobd_wait(mixed, 2, JOBD_ALL_COMPLETED, 0, done), JOBD_E_INVAL);
    cr_assert_eq(jobd_wait(twice, 3, (jobd_return_when)7, 0, done), JOBD_E_INVAL);
    cr_assert_eq(jobd_as_completed(mixed, 2, 0, &walk), JOBD_E_INVAL);
    cr_assert_null(walk);
    end(&y);
    end(&x);
}

static void count(jobd_future *f, void *arg) {
    (void)f;
    ++*(int *)arg;
}

Test(client_wait, runs_the_callbacks_of_what_it_waits_for) {
    struct fixture x;
    int n_mine = 0, n_other = 0;
    begin(&x, 3);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], count, &n_mine), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[1], count, &n_mine), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[2], count, &n_other), 0);
    fake_daemon_done(&x.d, 2, "");
    fake_daemon_done(&x.d, 1, "");
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_wait(x.fs, 2, JOBD_ALL_COMPLETED, JOBD_FOREVER, NULL), 2);
    cr_assert_eq(n_mine, 2);
    cr_assert_eq(n_other, 0);
    cr_assert_eq(jobd_wait(x.fs, 3, JOBD_ALL_COMPLETED, JOBD_FOREVER, NULL), 3);
    cr_assert_eq(n_other, 1, "now it was asked for");
    fake_daemon_pump(x.conn);
    cr_assert_eq(n_other, 1);
    end(&x);
}

Test(client_wait, dead_connection) {
    struct fixture x;
    jobd_completion *walk;
    jobd_future *f;
    begin(&x, 3);
    cr_assert_eq(jobd_as_completed(x.fs, 3, JOBD_FOREVER, &walk), 0);
    fake_daemon_hang_up(&x.d);
    cr_assert_eq(wait_for(&x, JOBD_ALL_COMPLETED, JOBD_FOREVER), 3);
    jobd_close(x.conn);
    x.conn = NULL;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(jobd_completion_next(walk, &f), 1);
    cr_assert_eq(jobd_completion_next(walk, &f), 0);
    jobd_completion_free(walk);
    end(&x);
}

// The order of a walk, as a string of digits.
static const char *walk_over(jobd_completion *walk, const struct fixture *x, char *order) {
    jobd_future *f;
    size_t n = 0;
    int r;
    while ((r = jobd_completion_next(walk, &f)) > 0) {
        char digit = '0';
        while (x->fs[digit - '0'] != f)
            digit++;
        order[n++] = digit;
    }
    order[n] = '\0';
    cr_assert_eq(r, 0);
    return order;
}

Test(client_wait, as_completed) {
    struct fixture x;
    jobd_completion *walk;
    jobd_future *f;
    char order[16];
    begin(&x, 6);
    fake_daemon_done(&x.d, 4, "");
    fake_daemon_cancelled(&x.d, 1);
    fake_daemon_done(&x.d, 3, "");
    fake_daemon_pump(x.conn);
    jobd_future *fs[] = {x.fs[0], x.fs[1], x.fs[3], x.fs[0], x.fs[4],
                         x.fs[2], x.fs[3], x.fs[2], x.fs[5]};
    cr_assert_eq(jobd_as_completed(fs, JD_LEN(fs), JOBD_FOREVER, &walk), 0);
    cr_assert_eq(jobd_completion_unfinished(walk), 3);
    fake_daemon_done(&x.d, 5, "");
    cr_assert_eq(jobd_completion_next(walk, &f), 1);
    cr_assert_eq(f, x.fs[4], "those that were done come first, in the order they were");
    fake_daemon_failed(&x.d, 0, "", "");
    fake_daemon_done(&x.d, 2, "");
    cr_assert_str_eq(walk_over(walk, &x, order), "13502");
    cr_assert_eq(jobd_completion_unfinished(walk), 0);
    cr_assert_eq(jobd_completion_next(walk, &f), 0);
    jobd_completion_free(walk);
    cr_assert_eq(jobd_as_completed(NULL, 0, JOBD_FOREVER, &walk), 0);
    cr_assert_eq(jobd_completion_next(walk, &f), 0);
    jobd_completion_free(walk);
    end(&x);
}

Test(client_wait, as_completed_has_one_time_limit) {
    struct fixture x;
    jobd_completion *walk;
    jobd_future *f;
    begin(&x, 3);
    fake_daemon_done(&x.d, 1, "");
    cr_assert_eq(jobd_as_completed(x.fs, 3, 1, &walk), 0);
    cr_assert_eq(jobd_completion_next(walk, &f), 1);
    cr_assert_eq(f, x.fs[1]);
    cr_assert_eq(jobd_completion_next(walk, &f), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_completion_unfinished(walk), 2);
    cr_assert_eq(jobd_completion_next(walk, &f), JOBD_E_TIMEOUT);
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_completion_next(walk, &f), 1, "what has come is not refused");
    jobd_completion_free(walk);
    end(&x);
}

Test(client_wait, two_walks_over_the_same_futures) {
    struct fixture x;
    jobd_completion *a, *b, *c;
    char order[16];
    begin(&x, 4);
    cr_assert_eq(jobd_as_completed(x.fs, 4, JOBD_FOREVER, &a), 0);
    cr_assert_eq(jobd_as_completed(x.fs, 2, JOBD_FOREVER, &b), 0);
    cr_assert_eq(jobd_as_completed(x.fs, 4, JOBD_FOREVER, &c), 0);
    jobd_completion_free(b); // in the midst of the lists
    cr_assert_eq(jobd_as_completed(x.fs + 1, 3, JOBD_FOREVER, &b), 0);
    for (unsigned i = 0; i < 4; i++)
        fake_daemon_done(&x.d, 3 - i, "");
    cr_assert_str_eq(walk_over(b, &x, order), "321");
    cr_assert_str_eq(walk_over(a, &x, order), "3210");
    jobd_completion_free(a);
    jobd_completion_free(c);
    jobd_completion_free(b);
    end(&x);
}

Test(client_wait, a_walk_runs_callbacks_of_its_futures) {
    struct fixture x;
    jobd_completion *walk;
    jobd_future *f;
    int n_mine = 0, n_other = 0;
    begin(&x, 3);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], count, &n_mine), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[1], count, &n_mine), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[2], count, &n_other), 0);
    cr_assert_eq(jobd_as_completed(x.fs, 2, JOBD_FOREVER, &walk), 0);
    for (unsigned i = 0; i < 3; i++)
        fake_daemon_done(&x.d, i, "");
    cr_assert_eq(jobd_completion_next(walk, &f), 1);
    cr_assert_eq(n_mine, 2);
    cr_assert_eq(n_other, 0);
    jobd_completion_free(walk);
    fake_daemon_pump(x.conn);
    cr_assert_eq(n_other, 1);
    end(&x);
}

static void unref(jobd_future *f, void *arg) {
    (void)arg;
    jobd_future_unref(f);
}

Test(client_wait, callbacks_may_drop_what_is_waited_for) {
    struct fixture x;
    begin(&x, 3);
    x.n = 0;
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(jobd_future_add_done_callback(x.fs[i], unref, NULL), 0);
        fake_daemon_done(&x.d, i, "");
    }
    cr_assert_eq(jobd_wait(x.fs, 3, JOBD_ALL_COMPLETED, JOBD_FOREVER, NULL), 3);
    end(&x);
}

Test(client_wait, out_of_memory) {
    struct fixture x;
    jobd_completion *walk = NULL;
    begin(&x, 2);
    jd_mem_fail_nth(1);
    cr_assert_eq(jobd_as_completed(x.fs, 2, 0, &walk), JOBD_E_NOMEM);
    jd_mem_fail_nth(0);
    cr_assert_eq(jobd_as_completed(x.fs, SIZE_MAX / 16, 0, &walk), JOBD_E_INVAL);
    cr_assert_null(walk);
    end(&x);
}

Test(client_wait, conn_wait) {
    struct fixture x;
    begin(&x, 1);
    cr_assert_eq(jobd_conn_wait(x.conn, 0), 0);
    cr_assert_eq(jobd_conn_wait(x.conn, 1), 0);
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_conn_wait(x.conn, JOBD_FOREVER), 1);
    cr_assert(jobd_future_done(x.fs[0]));
    fake_daemon_hang_up(&x.d);
    cr_assert_eq(jobd_conn_wait(x.conn, JOBD_FOREVER), JOBD_E_CLOSED);
    end(&x);
}

static void send_listing(struct fake_daemon *d, enum jd_op op, uint64_t cursor, const char *rows) {
    struct jd_msg msg = {.shape = JD_REPLY, .op = (uint16_t)op, .id = 1};
    if (op == JD_OP_STATUS)
        msg.u.status.map = jd_text(rows);
    else
        msg.u.listing = (struct jd_listing){.cursor = cursor, .rows = jd_text(rows)};
    fake_daemon_send(d, &msg);
}

Test(client_wait, asking_the_daemon) {
    struct fixture x;
    jobd_bytes got;
    uint64_t cursor = 0;
    int64_t rtt_ns;
    begin(&x, 0);
    send_listing(&x.d, JD_OP_STATUS, 0, "\x81\xa4jobs\x05");
    cr_assert_eq(jobd_daemon_status(x.conn, JOBD_FOREVER, &got), 0);
    cr_assert_eq(got.len, 7);
    cr_assert_arr_eq(got.data, "\x81\xa4jobs\x05", 7);
    send_listing(&x.d, JD_OP_WORKERS, 256, "\x92\x81\xa1p\x07\x80");
    cr_assert_eq(jobd_daemon_workers(x.conn, JOBD_FOREVER, &cursor, &got), 0);
    cr_assert_eq(cursor, 256);
    cr_assert_eq(got.len, 6);
    send_listing(&x.d, JD_OP_TASKS, 0, "\x91\x80");
    cr_assert_eq(jobd_daemon_tasks(x.conn, JOBD_FOREVER, &cursor, &got), 0);
    cr_assert_eq(cursor, 0);
    send_listing(&x.d, JD_OP_STATUS, 0, "\x05");
    cr_assert_eq(jobd_daemon_status(x.conn, JOBD_FOREVER, &got), JOBD_E_PROTO, "no map");
    fake_daemon_refuse(&x.d, 1, JOBD_E_PERM, "only its owner may stop this daemon");
    cr_assert_eq(jobd_daemon_shutdown(x.conn, true, JOBD_FOREVER), JOBD_E_PERM);
    struct jd_msg ok = {.shape = JD_REPLY, .op = JD_OP_SHUTDOWN, .id = 1};
    fake_daemon_send(&x.d, &ok);
    cr_assert_eq(jobd_daemon_shutdown(x.conn, false, JOBD_FOREVER), 0);
    // A reply that comes too late is for nobody, and its number is not given away before.
    cr_assert_eq(jobd_conn_ping(x.conn, 0, &rtt_ns), JOBD_E_TIMEOUT);
    struct jd_msg pong = {.shape = JD_REPLY, .op = JD_OP_PING, .id = 2};
    fake_daemon_send(&x.d, &pong);
    cr_assert_eq(jobd_conn_ping(x.conn, JOBD_FOREVER, &rtt_ns), 0);
    pong.id = 1;
    fake_daemon_send(&x.d, &pong);
    cr_assert_eq(fake_daemon_pump(x.conn), 0);
    fake_daemon_hang_up(&x.d);
    cr_assert_eq(jobd_conn_ping(x.conn, JOBD_FOREVER, &rtt_ns), JOBD_E_CLOSED);
    cr_assert_eq(jobd_conn_ping(x.conn, JOBD_FOREVER, &rtt_ns), JOBD_E_CLOSED);
    end(&x);
}

// ---- Any order of everything: each future ends once, each callback runs once. ----

enum { ACTORS = 64 };

struct actor {
    jobd_future *f;
    jobd_completion *walk; // over this future alone
    uint32_t request;      // of a wish to cancel that was not answered; 0 = none
    int n_added, n_called;
    bool done;
};

static void on_done(jobd_future *f, void *arg) {
    struct actor *a = arg;
    cr_assert(a->f == f || !a->f);
    a->n_called++;
}

static uint64_t handle_of(struct fake_daemon *d) {
    struct jd_msg msg = fake_daemon_expect(d, JD_OP_SUBMIT);
    fake_daemon_accept(d, msg.id, ++d->n_jobs);
    return msg.u.submit.handle;
}

static void start(struct fixture *x, struct actor *a, uint64_t *ret_handle) {
    *a = (struct actor){0};
    cr_assert_eq(jobd_submit(x->ex, "task", (jobd_bytes){0}, NULL, &a->f), 0);
    fake_daemon_pump(x->conn);
    *ret_handle = handle_of(&x->d);
}

static void finish(struct fixture *x, struct rng *rng, uint64_t handle) {
    switch (rng_below(rng, 3)) {
    case 0:
        fake_daemon_done(&x->d, handle, "a value that is sometimes long and sometimes is not");
        break;
    case 1:
        fake_daemon_failed(&x->d, handle, "Name", "text");
        break;
    default:
        fake_daemon_cancelled(&x->d, handle);
    }
}

static void act(struct fixture *x, struct rng *rng, struct actor *a, uint64_t handle) {
    jobd_future *f;
    switch (rng_below(rng, 8)) {
    case 0:
        a->n_added++;
        cr_assert_eq(jobd_future_add_done_callback(a->f, on_done, a), 0);
        break;
    case 1:
        if (!a->done)
            finish(x, rng, handle);
        a->done = true;
        break;
    case 2:
        jobd_conn_process(x->conn);
        break;
    case 3:
        cr_assert_eq(jobd_wait(&a->f, 1, JOBD_ALL_COMPLETED, 0, NULL) == 1, jobd_future_done(a->f));
        break;
    case 4:
        if (!a->walk)
            cr_assert_eq(jobd_as_completed(&a->f, 1, 0, &a->walk), 0);
        break;
    case 5:
        if (a->walk && jobd_completion_next(a->walk, &f) == 1)
            cr_assert_eq(f, a->f);
        break;
    case 6:
        jobd_completion_free(a->walk);
        a->walk = NULL;
        break;
    default:
        jobd_future_result(a->f, a->done ? JOBD_FOREVER : 0, NULL);
    }
}

Test(client_wait, any_order_of_everything) {
    struct rng rng = rng_begin("client_wait.any_order_of_everything");
    struct fixture x;
    static struct actor actors[ACTORS];
    uint64_t handles[ACTORS];
    begin(&x, 0);
    for (size_t i = 0; i < ACTORS; i++)
        start(&x, &actors[i], &handles[i]);
    for (int step = 0; step < 20000; step++) {
        size_t i = rng_below(&rng, ACTORS);
        struct actor *a = &actors[i];
        act(&x, &rng, a, handles[i]);
        if (!a->done || rng_below(&rng, 20) > 0)
            continue;
        fake_daemon_pump(x.conn);
        cr_assert(jobd_future_done(a->f));
        cr_assert_eq(a->n_called, a->n_added);
        jobd_completion_free(a->walk);
        jobd_future_unref(a->f);
        start(&x, a, &handles[i]);
    }
    jobd_close(x.conn);
    x.conn = NULL;
    for (size_t i = 0; i < ACTORS; i++) {
        cr_assert(jobd_future_done(actors[i].f));
        cr_assert_eq(actors[i].n_called, actors[i].n_added);
        jobd_completion_free(actors[i].walk);
        jobd_future_unref(actors[i].f);
    }
    end(&x);
}
