// CPython's tests of multiprocessing.Process, asked of jobd's processes: each test has the name of the
// one whose question it puts; more of them are in e2e/process_test.c. README.md says where every name is.
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "support/fdcount.h"
#include "support/scene.h"

TestSuite(process, .timeout = 120);

#define SH(script) ((const char *const[]){"sh", "-c", script, NULL})
#define SLEEP SH("exec sleep 1000")

enum { MANY = 10 };

struct heard {
    char text[4096];
    size_t n;
};

static void on_output(jobd_future *f, jobd_bytes data, void *arg) {
    struct heard *heard = arg;
    (void)f;
    cr_assert_lt(heard->n + data.len, sizeof heard->text);
    memcpy(heard->text + heard->n, data.data, data.len);
    heard->n += data.len;
}

static jobd_process *start(struct scene *s, jobd_process_options o) {
    jobd_process *p;
    o.struct_size = sizeof o;
    cr_assert_eq(jobd_process_new(s->c.conn, &o, &p), 0);
    cr_assert_eq(jobd_process_start(p), 0);
    return p;
}

static jobd_process *script(struct scene *s, const char *const *argv) {
    return start(s, (jobd_process_options){.argv = argv});
}

static jobd_process *listened(struct scene *s, const char *const *argv, struct heard *heard) {
    *heard = (struct heard){0};
    return start(
        s, (jobd_process_options){.argv = argv, .on_output = on_output, .on_output_arg = heard});
}

// Its exit code, at its end; and then the handle is gone.
static int end_of(jobd_process *p) {
    int code = 0;
    cr_assert_eq(jobd_process_join(p, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_process_exitcode(p, &code), 1);
    jobd_process_free(p);
    return code;
}

// It sleeps, is alive, has no exit code, and a join has its time; then it is stopped.
static void stop_so(int (*stop)(jobd_process *p), int signal) {
    struct scene s;
    int64_t pid;
    int code;
    scene_set(&s, 1, NULL);
    jobd_process *p = script(&s, SLEEP);
    cr_assert_eq(jobd_process_pid(p, TEST_PATIENCE_MS, &pid), 0);
    cr_assert(jobd_process_is_alive(p));
    cr_assert_eq(jobd_process_exitcode(p, &code), 0);
    cr_assert_eq(jobd_process_join(p, 0), 0);
    cr_assert_eq(jobd_process_join(p, 20), 0);
    cr_assert_eq(stop(p), 0);
    cr_assert_eq(jobd_process_join(p, TEST_PATIENCE_MS), 1);
    cr_assert_not(jobd_process_is_alive(p));
    cr_assert_eq(end_of(p), -signal);
    TEST_UNTIL(!proc_alive((pid_t)pid));
    scene_end(&s);
}

Test(process, terminate) {
    stop_so(jobd_process_terminate, SIGTERM);
}

Test(process, kill) {
    stop_so(jobd_process_kill, SIGKILL);
}

// Something to wait for beside other things.
Test(process, sentinel) {
    struct scene s;
    jobd_future *fs[2];
    bool done[2];
    scene_set(&s, 1, NULL);
    jobd_process *p = script(&s, SLEEP);
    cr_assert_not_null(jobd_process_sentinel(p));
    fs[0] = jobd_process_sentinel(p);
    fs[1] = test_client_submit(&s.c, "demo.square", "i", (int64_t)2);
    cr_assert_eq(jobd_wait(fs, 2, JOBD_FIRST_COMPLETED, TEST_PATIENCE_MS, done), 1);
    cr_assert(done[1] && !done[0]);
    cr_assert_eq(jobd_process_terminate(p), 0);
    cr_assert_eq(jobd_wait(fs, 2, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, done), 2);
    jobd_future_unref(fs[1]);
    cr_assert_eq(end_of(p), -SIGTERM);
    scene_end(&s);
}

Test(process, many_processes) {
    struct scene s;
    jobd_process *ps[MANY];
    scene_set(&s, 1, NULL);
    for (int i = 0; i < MANY; i++)
        ps[i] = script(&s, SH("exit 0"));
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(end_of(ps[i]), 0);
    for (int i = 0; i < MANY; i++)
        ps[i] = script(&s, SLEEP);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(jobd_process_terminate(ps[i]), 0);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(end_of(ps[i]), -SIGTERM);
    scene_end(&s);
}

// With many others running, a process still has no descriptor more than it should.
Test(process, child_fd_inflation) {
    struct scene s;
    struct heard heard;
    jobd_process *ps[MANY];
    scene_set(&s, 2, NULL);
    for (int i = 0; i < MANY; i++)
        ps[i] = script(&s, SLEEP);
    jobd_process *p = listened(&s, SH("set -- /proc/self/fd/*; printf %s \"$*\""), &heard);
    cr_assert_eq(end_of(p), 0);
    // 3 is the directory that the shell reads.
    cr_assert_str_eq(heard.text, "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3");
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(jobd_process_kill(ps[i]), 0);
        cr_assert_eq(end_of(ps[i]), -SIGKILL);
    }
    scene_end(&s);
}

// A child that closes what it has inherited closes it for itself alone.
Test(process, closefd) {
    struct scene s;
    jobd_pipe *a, *b;
    jobd_bytes got;
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    jobd_process *p =
        start(&s, (jobd_process_options){
                      .argv = SH("exec 3>&- 0<&- 1>&- 2>&-; exit 6"), .pipes = &b, .n_pipes = 1});
    cr_assert_eq(end_of(p), 6);
    cr_assert_eq(jobd_pipe_recv(a, TEST_PATIENCE_MS, &got), JOBD_E_QCLOSED);
    test_client_round_trip(&s.c);
    jobd_pipe_free(a);
    jobd_pipe_free(b);
    scene_end(&s);
}

// A standard stream that is closed, or broken, is no obstacle to its end.
Test(process, error_on_stdio_flush_1) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cr_assert_eq(end_of(script(&s, SH("exec 1>&- 2>&-; exit 0"))), 0);
    scene_end(&s);
}

Test(process, error_on_stdio_flush_2) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cr_assert_eq(end_of(script(&s, SH("exec 1</dev/null 2</dev/null; echo lost; exit 5"))), 5);
    scene_end(&s);
}

Test(process, sys_exit) {
    static const char *const scripts[] = {"exit 0", "exit 1", "exit 2", "exit 42", "exit 255"};
    static const int codes[] = {0, 1, 2, 42, 255};
    struct scene s;
    scene_set(&s, 1, NULL);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        cr_assert_eq(end_of(script(&s, SH(scripts[i]))), codes[i]);
    scene_end(&s);
}

// What it says last is heard, though it dies right afterwards.
Test(process, stderr_flush) {
    struct scene s;
    struct heard heard;
    scene_set(&s, 1, NULL);
    jobd_process *p = listened(&s, SH("printf 'out of paper' >&2; kill -KILL $$"), &heard);
    cr_assert_eq(end_of(p), -SIGKILL);
    cr_assert_str_eq(heard.text, "out of paper");
    scene_end(&s);
}
