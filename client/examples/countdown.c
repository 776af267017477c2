// threading.Thread: a job is started, has a name and a number, is waited for, and is asked to stop.
//
//     countdown [STEP_MS]
#include "example.h"

static void on_log(jobd_future *f, int level, const char *line, void *arg) {
    (void)f;
    (void)level;
    (void)arg;
    printf("  %s\n", line);
}

// t = Thread(target=countdown, args=(n,), name=name); t.start()
static jobd_future *start(jobd_executor *ex, const char *name, int64_t n, int64_t step_ms) {
    jobd_submit_options opts = {JOBD_OPTIONS(jobd_submit_options), .label = name};
    jobd_args *a = jobd_args_new();
    jobd_future *t;
    must(jobd_submit(ex, "lecture.countdown", pack(a, "ii", n, step_ms), &opts, &t), "submit");
    must(jobd_future_on_log(t, on_log, NULL), "on_log");
    jobd_args_free(a);
    return t;
}

static bool is_alive(const jobd_future *t) {
    return !jobd_future_done(t);
}

static void wait_until_running(jobd_conn *conn, const jobd_future *t) {
    while (!jobd_future_running(t))
        must(jobd_conn_wait(conn, JOBD_FOREVER), "wait");
}

int main(int argc, char **argv) {
    int64_t step_ms = argc > 1 ? atoll(argv[1]) : 1000;
    jobd_job_info info = {.struct_size = sizeof info};
    jobd_error why;
    jobd_executor *ex;
    jobd_conn *conn = connect_to_jobd();
    must(jobd_executor_open(conn, NULL, &ex), "executor");

    jobd_future *t = start(ex, "countdown", 3, step_ms);
    printf("alive: %s\n", is_alive(t) ? "yes" : "no");
    // t.join(timeout): Python returns None either way, here the return value tells
    printf("joined at once: %d\n", jobd_wait(&t, 1, JOBD_ALL_COMPLETED, JOBD_NOWAIT, NULL));
    printf("joined: %d\n", jobd_wait(&t, 1, JOBD_ALL_COMPLETED, JOBD_FOREVER, NULL));
    must(jobd_future_info(t, &info), "info");
    printf("ident: %s, never given again\n", info.job_id ? "a number" : "none");
    printf("alive: %s\n", is_alive(t) ? "yes" : "no");
    jobd_future_unref(t);

    // CountdownTask.terminate(): the task looks at a flag, host->cancelled(), and cleans up
    t = start(ex, "long countdown", 1000000, step_ms);
    wait_until_running(conn, t);
    must(jobd_future_abort(t, 10 * JOBD_GRACE_MS, false), "abort");
    if (jobd_future_exception(t, JOBD_FOREVER, &why) == 1)
        printf("terminated: %s\n", jobd_errname(why.code));
    jobd_future_unref(t);

    jobd_executor_free(ex);
    jobd_close(conn); // what still ran would end here: jobs are daemons unless they are detached
    return 0;
}
