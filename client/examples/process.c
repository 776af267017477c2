// multiprocessing.Process: a process of its own for one call, or for a program.
//
//     process [STEP_MS]
#include "example.h"

static jobd_process *new_countdown(jobd_conn *conn, const char *name, int64_t n, int64_t step_ms) {
    jobd_process *p;
    jobd_args *a = jobd_args_new();
    jobd_process_options opts = {JOBD_OPTIONS(jobd_process_options), .name = name,
                                 .task = "lecture.countdown", .args = pack(a, "ii", n, step_ms)};
    must(jobd_process_new(conn, &opts, &p), "process");
    jobd_args_free(a);
    return p;
}

static void show(const char *name, const jobd_process *p) {
    int code;
    printf("%s: alive %d, ", name, jobd_process_is_alive(p));
    if (must(jobd_process_exitcode(p, &code), "exitcode") == 1)
        printf("exitcode %d\n", code);
    else
        printf("exitcode None\n");
}

static void life(jobd_conn *conn, int64_t step_ms) {
    int64_t pid;
    jobd_process *p = new_countdown(conn, "countdown", 3, step_ms);
    show("new", p);
    must(jobd_process_start(p), "start");
    show("started", p);
    must(jobd_process_pid(p, JOBD_FOREVER, &pid), "pid");
    printf("pid: %s\n", pid > 0 ? "a number" : "none");
    printf("start again: %s\n", jobd_errname(jobd_process_start(p)));
    printf("join: %d\n", must(jobd_process_join(p, JOBD_FOREVER), "join"));
    show("joined", p);
    must(jobd_process_close(p), "close");
    printf("join again: %s\n", jobd_errname(jobd_process_join(p, JOBD_FOREVER)));
    jobd_process_free(p);
}

static void end_by_force(jobd_conn *conn, const char *name, int (*end)(jobd_process *p)) {
    int64_t pid;
    jobd_process *p = new_countdown(conn, name, 1000000, 1000);
    must(jobd_process_start(p), "start");
    must(jobd_process_pid(p, JOBD_FOREVER, &pid), "pid");
    must(end(p), name);
    must(jobd_process_join(p, JOBD_FOREVER), "join");
    show(name, p);
    jobd_process_free(p);
}

static void on_output(jobd_future *f, jobd_bytes data, void *arg) {
    (void)f;
    (void)arg;
    fwrite(data.data, 1, data.len, stdout);
}

// subprocess.Popen(["sh", "-c", ...], env=...): any program
static void program(jobd_conn *conn) {
    static const char *const argv[] = {"sh", "-c", "echo Hello, $WHO!; exit 3", NULL};
    static const char *const env[] = {"WHO=world", NULL};
    jobd_process_options opts = {JOBD_OPTIONS(jobd_process_options), .argv = argv, .env = env,
                                 .on_output = on_output};
    jobd_process *p;
    must(jobd_process_new(conn, &opts, &p), "process");
    must(jobd_process_start(p), "start");
    must(jobd_process_join(p, JOBD_FOREVER), "join");
    show("sh", p);
    jobd_process_free(p);
}

int main(int argc, char **argv) {
    jobd_conn *conn = connect_to_jobd();
    life(conn, argc > 1 ? atoll(argv[1]) : 1000);
    end_by_force(conn, "terminate", jobd_process_terminate);
    end_by_force(conn, "kill", jobd_process_kill);
    program(conn);
    jobd_close(conn); // a process that still ran would be killed now, unless it has `keep`
    return 0;
}
