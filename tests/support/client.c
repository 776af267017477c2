#include "support/client.h"

#include <criterion/criterion.h>
#include <stdarg.h>

#include "support/daemon.h"

void test_client_open(struct test_client *c, struct test_daemon *d) {
    c->conn = test_daemon_connect(d);
    cr_assert_eq(jobd_executor_open(c->conn, NULL, &c->ex), 0);
}

void test_client_close(struct test_client *c) {
    jobd_executor_free(c->ex);
    jobd_close(c->conn);
    *c = (struct test_client){0};
}

static jobd_bytes pack(jobd_args *a, const char *kinds, va_list ap) {
    jobd_bytes args;
    jobd_args_array(a, (uint32_t)strlen(kinds));
    for (const char *k = kinds; *k; k++) {
        if (*k == 'i')
            jobd_args_i64(a, va_arg(ap, int64_t));
        else if (*k == 'f')
            jobd_args_f64(a, va_arg(ap, double));
        else
            jobd_args_str(a, va_arg(ap, const char *));
    }
    cr_assert_eq(jobd_args_finish(a, &args), 0);
    return args;
}

static jobd_future *submit(struct test_client *c, const jobd_submit_options *opts, const char *task,
                           const char *kinds, va_list ap) {
    jobd_future *f = NULL;
    jobd_args *a = jobd_args_new();
    cr_assert(a);
    int r = jobd_submit(c->ex, task, pack(a, kinds, ap), opts, &f);
    cr_assert_eq(r, 0, "submit of %s: %s", task, jobd_strerror(r));
    jobd_args_free(a);
    return f;
}

static jobd_future *flushed(struct test_client *c, jobd_future *f) {
    cr_assert_eq(jobd_conn_flush(c->conn, TEST_PATIENCE_MS), 0);
    return f;
}

jobd_future *test_client_submit(struct test_client *c, const char *task, const char *kinds, ...) {
    va_list ap;
    va_start(ap, kinds);
    jobd_future *f = submit(c, NULL, task, kinds, ap);
    va_end(ap);
    return flushed(c, f);
}

jobd_future *test_client_submit_with(struct test_client *c, const jobd_submit_options *opts,
                                     const char *task, const char *kinds, ...) {
    va_list ap;
    va_start(ap, kinds);
    jobd_future *f = submit(c, opts, task, kinds, ap);
    va_end(ap);
    return flushed(c, f);
}

jobd_future *test_client_submit_noted(struct test_client *c, jobd_note_fn fn, void *arg,
                                      const char *task, const char *kinds, ...) {
    va_list ap;
    va_start(ap, kinds);
    jobd_future *f = submit(c, NULL, task, kinds, ap);
    va_end(ap);
    cr_assert_eq(jobd_future_on_note(f, fn, arg), 0);
    return flushed(c, f);
}

void test_client_take(jobd_future *f, int *ret_error, jobd_error *ret_why) {
    jobd_bytes value;
    *ret_why = (jobd_error){0};
    *ret_error = jobd_future_result(f, TEST_PATIENCE_MS, &value);
    if (*ret_error < 0 && *ret_error != JOBD_E_CANCELLED)
        jobd_future_exception(f, 0, ret_why);
    jobd_future_unref(f);
}

int64_t test_client_take_i64(jobd_future *f) {
    jobd_bytes value;
    int64_t v;
    int r = jobd_future_result(f, TEST_PATIENCE_MS, &value);
    cr_assert_eq(r, 0, "the job has failed: %s", jobd_errname(r));
    jobd_reader reader = jobd_reader_of(value);
    cr_assert_eq(jobd_read_i64(&reader, &v), 0);
    jobd_future_unref(f);
    return v;
}

void test_client_take_error(jobd_future *f, int error) {
    int got;
    jobd_error why;
    test_client_take(f, &got, &why);
    cr_assert_eq(got, error, "%s came, %s was expected: %s", jobd_errname(got), jobd_errname(error),
                 why.message);
}

void test_client_take_done(jobd_future *f) {
    test_client_take_error(f, 0);
}

void test_client_wait_running(struct test_client *c, jobd_future *f) {
    while (!jobd_future_running(f)) {
        cr_assert(!jobd_future_done(f), "the job is done already");
        cr_assert_eq(jobd_conn_wait(c->conn, TEST_PATIENCE_MS), 1, "the job is not seen running");
    }
}

void test_client_round_trip(struct test_client *c) {
    static int64_t n = 1;
    n = n % 1000 + 1;
    cr_assert_eq(test_client_take_i64(test_client_submit(c, "demo.square", "i", n)), n * n);
}
