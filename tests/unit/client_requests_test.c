// The plain requests: what goes out is what was asked for, and what comes back is what is returned.
#include <criterion/criterion.h>
#include <string.h>

#include "support/fake_daemon.h"

struct fixture {
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_executor *ex;
};

static void begin(struct fixture *x) {
    x->conn = fake_daemon_connect(&x->d, NULL);
    cr_assert_eq(jobd_executor_open(x->conn, NULL, &x->ex), 0);
    fake_daemon_pump(x->conn);
    fake_daemon_serve(&x->d);
    fake_daemon_pump(x->conn);
}

static void end(struct fixture *x) {
    jobd_executor_free(x->ex);
    jobd_close(x->conn);
    fake_daemon_free(&x->d);
}

// Requests have no company here: each is number 1. Its answer is there before it is asked.
static void answer(struct fixture *x, const struct jd_msg *msg) {
    struct jd_msg reply = *msg;
    reply.shape = JD_REPLY;
    reply.id = 1;
    fake_daemon_send(&x->d, &reply);
}

static void refuse(struct fixture *x, int error) {
    fake_daemon_refuse(&x->d, 1, error, "no");
}

static bool is_text(jobd_bytes got, const char *want) {
    return got.len == strlen(want) && memcmp(got.data, want, got.len) == 0;
}

Test(client_requests, submit_options) {
    struct fixture x;
    jobd_future *f;
    const jobd_submit_options o = {JOBD_OPTIONS(jobd_submit_options),
                                   .priority = -127,
                                   .delay_ms = 5,
                                   .deadline_ms = 6,
                                   .max_retries = 255,
                                   .key = "key",
                                   .label = "la bel",
                                   .detached = true};
    begin(&x);
    cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, &o, &f), 0);
    jobd_conn_flush(x.conn, 0);
    struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_SUBMIT);
    const struct jd_submit *s = &msg.u.submit;
    cr_expect(s->priority == -127 && s->delay_ms == 5 && s->deadline_ms == 6);
    cr_expect(s->max_retries == 255 && s->retry_delay_ms == 100 && s->detached && s->chunk == 0);
    cr_expect(is_text(s->key, "key") && is_text(s->label, "la bel"));
    jobd_future_unref(f);
    end(&x);
}

Test(client_requests, submit_options_out_of_range) {
    static char long_name[JD_NAME_MAX + 2];
    memset(long_name, 'n', JD_NAME_MAX + 1);
    const jobd_submit_options bad[] = {
        {JOBD_OPTIONS(jobd_submit_options), .priority = 128},
        {JOBD_OPTIONS(jobd_submit_options), .priority = -128},
        {JOBD_OPTIONS(jobd_submit_options), .delay_ms = -1},
        {JOBD_OPTIONS(jobd_submit_options), .deadline_ms = INT64_MAX},
        {JOBD_OPTIONS(jobd_submit_options), .max_retries = 256},
        {JOBD_OPTIONS(jobd_submit_options), .retry_delay_ms = -1},
        {JOBD_OPTIONS(jobd_submit_options), .max_lost = 3},
        {JOBD_OPTIONS(jobd_submit_options), .key = long_name},
        {JOBD_OPTIONS(jobd_submit_options), .label = long_name},
    };
    struct fixture x;
    jobd_future *f;
    begin(&x);
    for (size_t i = 0; i < JD_LEN(bad); i++)
        cr_expect_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, &bad[i], &f), JOBD_E_INVAL, "%zu",
                     i);
    end(&x);
}

Test(client_requests, an_executor_with_a_limit) {
    const jobd_executor_options o = {JOBD_OPTIONS(jobd_executor_options), .max_workers = 3};
    struct fixture x;
    jobd_executor *ex;
    begin(&x);
    cr_assert_eq(jobd_executor_open(x.conn, &o, &ex), 0);
    jobd_conn_flush(x.conn, 0);
    struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_EXECUTOR_OPEN);
    cr_expect_eq(msg.u.executor_open.max_workers, 3u);
    jobd_executor_free(ex);
    end(&x);
}

Test(client_requests, abort_of_a_future) {
    struct fixture x;
    jobd_future *f;
    begin(&x);
    fake_daemon_submit(&x.d, x.ex, &f, 1);
    cr_expect_eq(jobd_future_abort(f, -1, false), JOBD_E_INVAL);
    cr_expect_eq(jobd_future_abort(f, 250, true), 0);
    jobd_conn_flush(x.conn, 0);
    struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_ABORT);
    cr_expect(msg.u.abort.handle == 0 && msg.u.abort.job == 0);
    cr_expect(msg.u.abort.grace_ms == 250 && msg.u.abort.force);
    fake_daemon_send(&x.d, &(struct jd_msg){.shape = JD_REPLY, .op = JD_OP_ABORT, .id = msg.id});
    fake_daemon_done(&x.d, 0, "");
    cr_expect_eq(jobd_future_result(f, JOBD_FOREVER, NULL), 0);
    cr_expect_eq(jobd_future_abort(f, 0, false), 0, "it is done: nothing is asked");
    jobd_conn_flush(x.conn, 0);
    cr_expect_not(fake_daemon_next(&x.d, &msg));
    jobd_future_unref(f);
    end(&x);
}

Test(client_requests, attach) {
    struct fixture x;
    jobd_future *fs[2];
    jobd_job_info info = {.struct_size = sizeof info};
    jobd_error error = {0};
    begin(&x);
    cr_assert_eq(jobd_future_attach(x.conn, 77, &fs[0]), 0);
    cr_assert_eq(jobd_future_attach(x.conn, 78, &fs[1]), 0);
    jobd_conn_flush(x.conn, 0);
    struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_ATTACH);
    cr_expect(msg.u.attach.handle == 0 && msg.u.attach.job == 77);
    fake_daemon_send(&x.d, &(struct jd_msg){.shape = JD_REPLY, .op = JD_OP_ATTACH, .id = msg.id});
    struct jd_msg done = {.shape = JD_EVENT, .op = JD_OP_JOB_DONE};
    done.u.job_done = (struct jd_job_done){
        .handle = 0, .state = JOBD_JOB_DONE, .pid = 71, .value = jd_text("*"), .attempt = 3};
    fake_daemon_send(&x.d, &done);
    msg = fake_daemon_expect(&x.d, JD_OP_ATTACH);
    fake_daemon_refuse(&x.d, msg.id, JOBD_E_NOENT, "no job 78");
    cr_expect_eq(jobd_future_result(fs[0], JOBD_FOREVER, NULL), 0);
    cr_expect_eq(jobd_future_info(fs[0], &info), 0);
    cr_expect(info.job_id == 77 && info.attempt == 3);
    cr_expect_eq(jobd_future_exception(fs[1], JOBD_FOREVER, &error), 1);
    cr_expect(error.code == JOBD_E_NOENT && strcmp(error.message, "no job 78") == 0);
    jobd_future_unref(fs[0]);
    jobd_future_unref(fs[1]);
    end(&x);
}

Test(client_requests, how_a_process_ended) {
    struct fixture x;
    jobd_future *f;
    jobd_job_info info = {.struct_size = sizeof info};
    begin(&x);
    fake_daemon_submit(&x.d, x.ex, &f, 1);
    struct jd_msg done = {.shape = JD_EVENT, .op = JD_OP_JOB_DONE};
    done.u.job_done = (struct jd_job_done){
        .state = JOBD_JOB_FAILED, .pid = 71, .error = -JOBD_E_EXITED, .status = -15};
    fake_daemon_send(&x.d, &done);
    cr_expect_eq(jobd_future_result(f, JOBD_FOREVER, NULL), JOBD_E_EXITED);
    cr_expect_eq(jobd_future_info(f, &info), 0);
    cr_expect_eq(info.status, -15);
    jobd_future_unref(f);
    end(&x);
}

// ---- by name, by id ----

Test(client_requests, pools) {
    const jobd_pool_options o = {JOBD_OPTIONS(jobd_pool_options), .workers = 2,
                                 .initializer = "warm.up",        .recycle_jobs = 9,
                                 .recycle_rss_bytes = 10,         .max_lent = 11};
    struct fixture x;
    begin(&x);
    answer(&x, &(struct jd_msg){.op = JD_OP_POOL_CREATE});
    cr_expect_eq(jobd_pool_create(x.conn, "p", &o, JOBD_FOREVER), 0);
    struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_POOL_CREATE);
    const struct jd_pool_create *p = &msg.u.pool_create;
    cr_expect(is_text(p->pool, "p") && p->workers == 2 && p->threads == 1 && p->max_lent == 11);
    cr_expect(is_text(p->initializer, "warm.up") && is_text(p->init_args, "\x90"));
    cr_expect(p->recycle_jobs == 9 && p->recycle_rss_bytes == 10);
    refuse(&x, JOBD_E_EXIST);
    cr_expect_eq(jobd_pool_create(x.conn, "p", NULL, JOBD_FOREVER), JOBD_E_EXIST);
    msg = fake_daemon_expect(&x.d, JD_OP_POOL_CREATE);
    cr_expect(msg.u.pool_create.workers == 0 && msg.u.pool_create.init_args.len == 0);
    answer(&x, &(struct jd_msg){.op = JD_OP_POOL_RESIZE});
    cr_expect_eq(jobd_pool_resize(x.conn, "p", 4, JOBD_FOREVER), 0);
    cr_expect_eq(fake_daemon_expect(&x.d, JD_OP_POOL_RESIZE).u.pool_resize.workers, 4u);
    answer(&x, &(struct jd_msg){.op = JD_OP_POOL_PAUSE});
    cr_expect_eq(jobd_pool_pause(x.conn, "p", true, JOBD_FOREVER), 0);
    cr_expect(fake_daemon_expect(&x.d, JD_OP_POOL_PAUSE).u.pool_pause.paused);
    cr_expect_eq(jobd_pool_drain(x.conn, "p", 1), JOBD_E_TIMEOUT);
    msg = fake_daemon_expect(&x.d, JD_OP_POOL_DRAIN);
    answer(&x, &(struct jd_msg){.op = JD_OP_POOL_DRAIN}); // comes late, and means nothing any more
    fake_daemon_pump(x.conn);
    answer(&x, &(struct jd_msg){.op = JD_OP_POOL_DELETE});
    cr_expect_eq(jobd_pool_delete(x.conn, "p", true, JOBD_FOREVER), 0);
    cr_expect(fake_daemon_expect(&x.d, JD_OP_POOL_DELETE).u.pool_delete.now);
    end(&x);
}

Test(client_requests, bad_pools) {
    const jobd_pool_options bad[] = {
        {JOBD_OPTIONS(jobd_pool_options), .workers = JD_WORKERS_MAX + 1},
        {JOBD_OPTIONS(jobd_pool_options), .threads = JD_THREADS_MAX + 1},
        {JOBD_OPTIONS(jobd_pool_options), .max_lent = JD_WORKERS_MAX + 1},
        {JOBD_OPTIONS(jobd_pool_options), .initializer = "no name"},
        {JOBD_OPTIONS(jobd_pool_options), .init_args = {"\x90", 1}},
    };
    struct fixture x;
    struct jd_msg msg;
    begin(&x);
    for (size_t i = 0; i < JD_LEN(bad); i++)
        cr_expect_eq(jobd_pool_create(x.conn, "p", &bad[i], 0), JOBD_E_INVAL, "%zu", i);
    cr_expect_eq(jobd_pool_create(x.conn, NULL, NULL, 0), JOBD_E_INVAL);
    cr_expect_eq(jobd_pool_resize(x.conn, "p", JD_WORKERS_MAX + 1, 0), JOBD_E_INVAL);
    cr_expect_eq(jobd_pool_resize(x.conn, "", 1, 0), JOBD_E_INVAL);
    cr_expect_eq(jobd_pool_pause(x.conn, "a b", true, 0), JOBD_E_INVAL);
    cr_expect_eq(jobd_pool_drain(x.conn, NULL, 0), JOBD_E_INVAL);
    cr_expect_eq(jobd_pool_delete(x.conn, NULL, false, 0), JOBD_E_INVAL);
    jobd_conn_flush(x.conn, 0);
    cr_expect_not(fake_daemon_next(&x.d, &msg));
    end(&x);
}

Test(client_requests, jobs_by_their_id) {
    struct fixture x;
    begin(&x);
    answer(&x, &(struct jd_msg){.op = JD_OP_CANCEL, .u.cancel_ok.cancelled = true});
    cr_expect_eq(jobd_job_cancel(x.conn, 5, JOBD_FOREVER), 1);
    cr_expect_eq(fake_daemon_expect(&x.d, JD_OP_CANCEL).u.cancel.job, 5u);
    answer(&x, &(struct jd_msg){.op = JD_OP_CANCEL});
    cr_expect_eq(jobd_job_cancel(x.conn, 5, JOBD_FOREVER), 0);
    fake_daemon_expect(&x.d, JD_OP_CANCEL);
    refuse(&x, JOBD_E_NOENT);
    cr_expect_eq(jobd_job_cancel(x.conn, 5, JOBD_FOREVER), 0);
    fake_daemon_expect(&x.d, JD_OP_CANCEL);
    cr_expect_eq(jobd_job_cancel(x.conn, 0, JOBD_FOREVER), JOBD_E_INVAL);
    answer(&x, &(struct jd_msg){.op = JD_OP_ABORT, .u.abort_ok.state = JOBD_JOB_RUNNING});
    cr_expect_eq(jobd_job_abort(x.conn, 6, 10, true, JOBD_FOREVER), JOBD_JOB_RUNNING);
    struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_ABORT);
    cr_expect(msg.u.abort.job == 6 && msg.u.abort.grace_ms == 10 && msg.u.abort.force);
    refuse(&x, JOBD_E_NOENT);
    cr_expect_eq(jobd_job_abort(x.conn, 6, 10, true, JOBD_FOREVER), 0);
    fake_daemon_expect(&x.d, JD_OP_ABORT);
    cr_expect_eq(jobd_job_abort(x.conn, 0, 0, false, 0), JOBD_E_INVAL);
    refuse(&x, JOBD_E_NOTSUP);
    cr_expect_eq(jobd_job_signal(x.conn, 7, 64, JOBD_FOREVER), JOBD_E_NOTSUP);
    msg = fake_daemon_expect(&x.d, JD_OP_SIGNAL);
    cr_expect(msg.u.signal.job == 7 && msg.u.signal.signal == 64);
    cr_expect_eq(jobd_job_signal(x.conn, 7, 65, JOBD_FOREVER), JOBD_E_INVAL);
    cr_expect_eq(jobd_job_signal(x.conn, 7, 0, JOBD_FOREVER), JOBD_E_INVAL);
    end(&x);
}

Test(client_requests, listings) {
    const jobd_job_filter o = {JOBD_OPTIONS(jobd_job_filter), .states = 1u << JOBD_JOB_RUNNING,
                               .pool = "p", .task = "t", .label = "l"};
    const jobd_job_filter bad = {JOBD_OPTIONS(jobd_job_filter), .states = 1u << 16};
    struct fixture x;
    struct jd_msg page = {.op = JD_OP_JOBS};
    jobd_bytes rows = {0};
    uint64_t cursor = 3;
    begin(&x);
    page.u.listing = (struct jd_listing){.cursor = 4, .rows = jd_text("\x91\x80")};
    answer(&x, &page);
    cr_expect_eq(jobd_daemon_jobs(x.conn, &o, JOBD_FOREVER, &cursor, &rows), 0);
    cr_expect(cursor == 4 && is_text(rows, "\x91\x80"));
    struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_JOBS);
    cr_expect(msg.u.jobs.cursor == 3 && msg.u.jobs.states == 16 && is_text(msg.u.jobs.pool, "p"));
    cr_expect(is_text(msg.u.jobs.task, "t") && is_text(msg.u.jobs.label, "l"));
    cr_expect_eq(jobd_daemon_jobs(x.conn, &bad, 0, &cursor, &rows), JOBD_E_INVAL);
    page.op = JD_OP_POOLS;
    page.u.listing.cursor = 0;
    answer(&x, &page);
    cr_expect_eq(jobd_daemon_pools(x.conn, JOBD_FOREVER, &cursor, &rows), 0);
    cr_expect_eq(cursor, 0u);
    fake_daemon_expect(&x.d, JD_OP_POOLS);
    answer(&x, &(struct jd_msg){.op = JD_OP_WHY, .u.status.map = jd_text("\x81\xa1k\x01")});
    cr_expect_eq(jobd_job_why(x.conn, 9, JOBD_FOREVER, &rows), 0);
    cr_expect(is_text(rows, "\x81\xa1k\x01"));
    cr_expect_eq(fake_daemon_expect(&x.d, JD_OP_WHY).u.why.job, 9u);
    end(&x);
}
