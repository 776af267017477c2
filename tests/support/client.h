// An honest client of a test_daemon: a connection, an executor, and jobs in one line each.
#ifndef TESTS_CLIENT_H
#define TESTS_CLIENT_H

#include <jobd/jobd.h>

struct test_daemon;

struct test_client {
    jobd_conn *conn;
    jobd_executor *ex;
};

void test_client_open(struct test_client *c, struct test_daemon *d);
void test_client_close(struct test_client *c);

// Submits and sends. kinds names the arguments that follow, one letter each: i int64_t, f double,
// s const char *. The future is the caller's.
jobd_future *test_client_submit(struct test_client *c, const char *task, const char *kinds, ...);
// The same with options.
jobd_future *test_client_submit_with(struct test_client *c, const jobd_submit_options *opts,
                                     const char *task, const char *kinds, ...);
// The same with jobd_future_on_note(), before the first note can be there.
jobd_future *test_client_submit_noted(struct test_client *c, jobd_note_fn fn, void *arg,
                                      const char *task, const char *kinds, ...);

// Waits for the end of the job and drops the future.
int64_t test_client_take_i64(jobd_future *f);           // its result, which must be one
void test_client_take_done(jobd_future *f);             // it must have succeeded
void test_client_take_error(jobd_future *f, int error); // it must have failed so
void test_client_take(jobd_future *f, int *ret_error, jobd_error *ret_why);

// Waits until the job is seen running.
void test_client_wait_running(struct test_client *c, jobd_future *f);
// Submits demo.square and insists on the square: an honest job, there and back.
void test_client_round_trip(struct test_client *c);

#endif
