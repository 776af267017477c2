// concurrent.futures: what can be asked of a future, and how to wait for several.
#include "example.h"

enum { SQUARES = 5 };

static jobd_future *submit(jobd_executor *ex, const char *task, jobd_bytes args) {
    jobd_future *f;
    must(jobd_submit(ex, task, args, NULL, &f), "submit");
    return f;
}

static void show(const char *name, const jobd_future *f) {
    printf("%s: running %d, done %d, cancelled %d\n", name, jobd_future_running(f),
           jobd_future_done(f), jobd_future_cancelled(f));
}

static void on_done(jobd_future *f, void *arg) {
    jobd_bytes value;
    if (jobd_future_result(f, JOBD_NOWAIT, &value) == 0)
        printf("%s is done: %g\n", (const char *)arg, number(value));
}

// One job runs, so with one at a time the next one waits, and can be cancelled.
static void states(jobd_conn *conn, jobd_args *a) {
    jobd_executor_options one = {JOBD_OPTIONS(jobd_executor_options), .max_workers = 1};
    jobd_executor *ex;
    jobd_bytes value;
    must(jobd_executor_open(conn, &one, &ex), "executor");
    jobd_future *first =
        submit(ex, "lecture.countdown", pack(a, "ii", (int64_t)1000000, (int64_t)1000));
    jobd_future *second = submit(ex, "lecture.square", pack(a, "i", (int64_t)7));
    while (!jobd_future_running(first))
        must(jobd_conn_wait(conn, JOBD_FOREVER), "wait");
    show("first", first);
    show("second", second);
    printf("cancel second: %d\n", must(jobd_future_cancel(second, JOBD_FOREVER), "cancel"));
    printf("cancel first: %d\n", must(jobd_future_cancel(first, JOBD_FOREVER), "cancel"));
    show("second", second);
    printf("result of second: %s\n", jobd_errname(jobd_future_result(second, JOBD_NOWAIT, &value)));
    printf("result of first in 1 ms: %s\n", jobd_errname(jobd_future_result(first, 1, &value)));

    // with ... as executor: the end of the block. Python waits here until it has counted down.
    must(jobd_executor_shutdown(ex, JOBD_SHUTDOWN_KILL_RUNNING, JOBD_FOREVER), "shutdown");
    show("first", first);
    jobd_future_unref(first);
    jobd_future_unref(second);
    jobd_executor_free(ex);
}

static void results(jobd_executor *ex, jobd_args *a) {
    static char name[] = "the square", again[] = "the same";
    jobd_bytes value;
    jobd_error why;
    jobd_future *good = submit(ex, "lecture.square", pack(a, "i", (int64_t)12));
    jobd_future *bad = submit(ex, "lecture.square", pack(a, "s", "twelve"));
    must(jobd_future_add_done_callback(good, on_done, name), "callback");
    must(jobd_future_result(good, JOBD_FOREVER, &value), "result");
    printf("result: %g\n", number(value));
    printf("exception of the good one: %d\n", jobd_future_exception(good, JOBD_FOREVER, &why));
    if (jobd_future_exception(bad, JOBD_FOREVER, &why) == 1)
        printf("exception of the bad one: %s: %s\n", why.name, why.message);
    must(jobd_future_add_done_callback(good, on_done, again), "callback"); // it runs at once
    jobd_future_unref(good);
    jobd_future_unref(bad);
}

static void several(jobd_executor *ex, jobd_args *a) {
    jobd_future *fs[SQUARES], *f;
    jobd_completion *walk;
    jobd_bytes value;
    double sum = 0;
    for (int64_t i = 0; i < SQUARES; i++)
        fs[i] = submit(ex, "lecture.square", pack(a, "i", i));
    printf("first completed: %s\n",
           jobd_wait(fs, SQUARES, JOBD_FIRST_COMPLETED, JOBD_FOREVER, NULL) > 0 ? "some" : "none");
    must(jobd_as_completed(fs, SQUARES, JOBD_FOREVER, &walk), "as_completed");
    while (must(jobd_completion_next(walk, &f), "next") == 1) {
        must(jobd_future_result(f, JOBD_NOWAIT, &value), "result");
        sum += number(value);
    }
    printf("sum as completed: %g\n", sum);
    printf("all completed: %d\n", jobd_wait(fs, SQUARES, JOBD_ALL_COMPLETED, JOBD_FOREVER, NULL));
    jobd_completion_free(walk);
    for (int i = 0; i < SQUARES; i++)
        jobd_future_unref(fs[i]);
}

int main(void) {
    jobd_conn *conn = connect_to_jobd();
    jobd_args *a = jobd_args_new();
    jobd_executor *ex;
    must(jobd_executor_open(conn, NULL, &ex), "executor");
    states(conn, a);
    results(ex, a);
    several(ex, a);
    jobd_executor_free(ex);
    jobd_args_free(a);
    jobd_close(conn);
    return 0;
}
