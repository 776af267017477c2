// Processes of their own: CPython's questions to multiprocessing.Process, and what a program may
// expect of one that the daemon starts for it.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "support/fdcount.h"
#include "support/scene.h"
#include "unit/rng.h"

TestSuite(process, .timeout = 120);

#define LECTURE "plugins = " JOBD_EXAMPLES_DIR "/lecture.so\n"
#define SH(script) ((const char *const[]){"sh", "-c", script, NULL})

enum {
    MANY = 12,
    HEARD_MAX = 1 << 16,
    LINES = 2000,
    ROUNDS = 200,
    MOMENTS = 80,
    START_US = 8000,
    PIDS = 20
};

struct heard {
    char text[HEARD_MAX];
    size_t n;
};

static void on_output(jobd_future *f, jobd_bytes data, void *arg) {
    struct heard *heard = arg;
    (void)f;
    cr_assert_lt(heard->n + data.len, sizeof heard->text);
    memcpy(heard->text + heard->n, data.data, data.len);
    heard->n += data.len;
    heard->text[heard->n] = '\0';
}

static jobd_process *new_process(struct scene *s, jobd_process_options opts) {
    jobd_process *p;
    opts.struct_size = sizeof opts;
    cr_assert_eq(jobd_process_new(s->c.conn, &opts, &p), 0);
    return p;
}

static jobd_process *started(struct scene *s, jobd_process_options opts) {
    jobd_process *p = new_process(s, opts);
    cr_assert_eq(jobd_process_start(p), 0);
    return p;
}

static jobd_process *script(struct scene *s, const char *text, struct heard *heard) {
    if (heard)
        *heard = (struct heard){0};
    return started(s, (jobd_process_options){.argv = SH(text),
                                             .on_output = heard ? on_output : NULL,
                                             .on_output_arg = heard});
}

static int64_t pid_of(jobd_process *p) {
    int64_t pid = 0;
    cr_assert_eq(jobd_process_pid(p, TEST_PATIENCE_MS, &pid), 0);
    return pid;
}

// Its end, and then the handle's.
static int take_exitcode(jobd_process *p) {
    int code = 0;
    cr_assert_eq(jobd_process_join(p, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_process_exitcode(p, &code), 1);
    jobd_process_free(p);
    return code;
}

static void wait_gone(int64_t pid) {
    TEST_UNTIL(!proc_alive((pid_t)pid));
}

static jobd_process *die(struct scene *s, const unsigned char *packed, size_t n) {
    return started(s, (jobd_process_options){.task = "drill.die", .args = {packed, n}});
}

// ---- a life ----

Test(process, a_task_in_a_process_of_its_own) {
    static const unsigned char five[] = {0x91, 5};
    struct scene s;
    jobd_bytes value;
    int64_t n = 0;
    scene_set(&s, 1, NULL);
    jobd_future *occupied = scene_occupy(&s); // the pool has no room, a process needs none
    jobd_process *p = die(&s, five, sizeof five);
    cr_assert(jobd_process_is_alive(p));
    int64_t pid = pid_of(p);
    cr_assert(pid != getpid() && pid != s.d.pid);
    cr_assert_eq(jobd_process_join(p, TEST_PATIENCE_MS), 1);
    cr_assert(!jobd_process_is_alive(p));
    cr_assert_eq(jobd_future_result(jobd_process_sentinel(p), 0, &value), 0);
    jobd_reader r = jobd_reader_of(value);
    cr_assert(jobd_read_i64(&r, &n) == 0 && n == 5);
    cr_assert_eq(take_exitcode(p), 0);
    wait_gone(pid);
    scene_open_gate(&s);
    test_client_take_done(occupied);
    scene_end(&s);
}

Test(process, exit_codes) {
    static const unsigned char segv[] = {0x91, 0xf5};
    struct scene s;
    jobd_error why;
    scene_set(&s, 1, NULL);
    cr_assert_eq(take_exitcode(script(&s, "exit 0", NULL)), 0);
    cr_assert_eq(take_exitcode(script(&s, "exit 3", NULL)), 3);
    cr_assert_eq(take_exitcode(script(&s, "exit 255", NULL)), 255);
    cr_assert_eq(take_exitcode(script(&s, "kill -USR1 $$", NULL)), -SIGUSR1);
    cr_assert_eq(take_exitcode(die(&s, segv, sizeof segv)), -SIGSEGV);
    cr_assert_eq(take_exitcode(die(&s, segv, 1)), 1, "a task that fails");
    jobd_process *p = script(&s, "exit 3", NULL);
    cr_assert_eq(jobd_future_exception(jobd_process_sentinel(p), TEST_PATIENCE_MS, &why), 1);
    cr_assert_eq(why.code, JOBD_E_EXITED);
    cr_assert_eq(take_exitcode(p), 3);
    scene_end(&s);
}

Test(process, a_program_that_is_not_there) {
    static const char *const argv[] = {"no-such-program-anywhere", NULL};
    struct scene s;
    jobd_error why = {0};
    scene_set(&s, 1, NULL);
    jobd_process *p = started(&s, (jobd_process_options){.argv = argv});
    cr_assert_eq(jobd_future_exception(jobd_process_sentinel(p), TEST_PATIENCE_MS, &why), 1);
    cr_assert(strstr(why.message, argv[0]), "%s", why.message);
    cr_assert_neq(take_exitcode(p), 0);
    p = started(&s, (jobd_process_options){.task = "no.such.task"});
    cr_assert_eq(jobd_process_join(p, TEST_PATIENCE_MS), JOBD_E_NOTASK);
    jobd_process_free(p);
    scene_end(&s);
}

Test(process, terminate_and_kill) {
    struct scene s;
    struct heard heard;
    scene_set(&s, 1, NULL);
    jobd_process *p = script(&s, "exec sleep 1000", NULL);
    pid_of(p);
    cr_assert_eq(jobd_process_terminate(p), 0);
    cr_assert_eq(take_exitcode(p), -SIGTERM);

    // One that is deaf to it.
    p = script(&s, "trap '' TERM; echo deaf; while :; do sleep 1000; done", &heard);
    while (!strstr(heard.text, "deaf"))
        cr_assert_geq(jobd_conn_wait(s.c.conn, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_process_kill(p), 0);
    cr_assert_eq(take_exitcode(p), -SIGKILL);

    // One that has something to do first.
    p = script(&s, "trap 'echo bye; exit 7' HUP; echo ready; while :; do sleep 0.01; done", &heard);
    while (!strstr(heard.text, "ready"))
        cr_assert_geq(jobd_conn_wait(s.c.conn, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_process_signal(p, SIGHUP), 0);
    cr_assert_eq(take_exitcode(p), 7);
    cr_assert(strstr(heard.text, "bye"));
    scene_end(&s); // nothing of them is left
}

static void spin(uint64_t us) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t begun_us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000, now_us;
    do {
        clock_gettime(CLOCK_MONOTONIC, &t);
        now_us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
    } while (now_us - begun_us < (int64_t)us);
}

// However far its start has come: none is lost.
Test(process, a_signal_at_any_moment_ends_it) {
    struct scene s;
    struct rng g = rng_begin("a_signal_at_any_moment");
    scene_set(&s, 1, NULL);
    for (int i = 0; i < MOMENTS; i++) {
        jobd_process *p = script(&s, "exec sleep 1000", NULL);
        spin(rng_below(&g, i % 4 ? START_US : 1));
        cr_assert_eq(i % 8 == 7 ? jobd_process_kill(p) : jobd_process_terminate(p), 0);
        cr_assert_eq(take_exitcode(p), i % 8 == 7 ? -SIGKILL : -SIGTERM);
    }
    scene_end(&s);
}

// Not that of the worker which starts it.
Test(process, its_pid_is_the_programs) {
    struct scene s;
    struct heard heard;
    scene_set(&s, 1, NULL);
    for (int i = 0; i < PIDS; i++) {
        jobd_process *p = script(&s, "echo $$; exec sleep 1000", &heard);
        int64_t pid = pid_of(p);
        while (!strchr(heard.text, '\n'))
            cr_assert_geq(jobd_conn_wait(s.c.conn, TEST_PATIENCE_MS), 1);
        cr_assert_eq(pid, atoll(heard.text));
        cr_assert_eq(jobd_process_kill(p), 0);
        cr_assert_eq(take_exitcode(p), -SIGKILL);
    }
    scene_end(&s);
}

Test(process, its_descendants_end_with_it) {
    struct scene s;
    struct heard heard;
    int child = 0;
    scene_set(&s, 1, NULL);
    jobd_process *p = script(&s, "sleep 1000 & echo $!; wait", &heard);
    while (sscanf(heard.text, "%d\n", &child) != 1)
        cr_assert_geq(jobd_conn_wait(s.c.conn, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_process_kill(p), 0);
    cr_assert_eq(take_exitcode(p), -SIGKILL);
    wait_gone(child);
    scene_end(&s);
}

Test(process, a_time_limit) {
    struct scene s;
    jobd_error why;
    scene_set(&s, 1, NULL);
    jobd_process *p =
        started(&s, (jobd_process_options){.argv = SH("exec sleep 1000"), .time_limit_ms = 50});
    cr_assert_eq(jobd_future_exception(jobd_process_sentinel(p), TEST_PATIENCE_MS, &why), 1);
    cr_assert_eq(why.code, JOBD_E_DEADLINE);
    cr_assert_lt(take_exitcode(p), 0);
    scene_end(&s);
}

static void count(jobd_future *f, void *arg) {
    (void)f;
    ++*(int *)arg;
}

Test(process, the_sentinel_is_a_future) {
    struct scene s;
    jobd_future *fs[2];
    int n_done = 0;
    scene_set(&s, 1, NULL);
    jobd_process *quick = script(&s, "exit 0", NULL);
    jobd_process *slow = script(&s, "exec sleep 1000", NULL);
    fs[0] = jobd_process_sentinel(quick);
    fs[1] = jobd_process_sentinel(slow);
    cr_assert_eq(jobd_future_add_done_callback(fs[0], count, &n_done), 0);
    cr_assert_eq(jobd_wait(fs, 2, JOBD_FIRST_COMPLETED, TEST_PATIENCE_MS, NULL), 1);
    cr_assert_eq(n_done, 1);
    cr_assert(jobd_process_is_alive(slow) && !jobd_process_is_alive(quick));
    cr_assert_eq(jobd_process_kill(slow), 0);
    cr_assert_eq(jobd_wait(fs, 2, JOBD_ALL_COMPLETED, TEST_PATIENCE_MS, NULL), 2);
    cr_assert_eq(take_exitcode(quick), 0);
    cr_assert_eq(take_exitcode(slow), -SIGKILL);
    scene_end(&s);
}

Test(process, close) {
    struct scene s;
    scene_set(&s, 1, NULL);
    jobd_process *p = script(&s, "exec sleep 1000", NULL);
    cr_assert_eq(jobd_process_close(p), JOBD_E_STATE, "it runs");
    cr_assert_eq(jobd_process_kill(p), 0);
    cr_assert_eq(jobd_process_join(p, TEST_PATIENCE_MS), 1);
    cr_assert_eq(jobd_process_close(p), 0);
    cr_assert_eq(jobd_process_join(p, 0), JOBD_E_STATE);
    jobd_process_free(p);
    scene_end(&s);
}

Test(process, many_processes) {
    struct scene s;
    jobd_process *ps[MANY];
    scene_set(&s, 1, NULL);
    size_t n_fds = fd_count(s.d.pid);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++)
            ps[i] = script(&s, i % 2 ? "exec sleep 1000" : "exit 4", NULL);
        for (int i = 1; i < MANY; i += 2) {
            pid_of(ps[i]);
            cr_assert_eq(jobd_process_terminate(ps[i]), 0);
        }
        for (int i = 0; i < MANY; i++)
            cr_assert_eq(take_exitcode(ps[i]), i % 2 ? -SIGTERM : 4);
    }
    TEST_UNTIL(fd_count(s.d.pid) <= n_fds); // the daemon has forgotten none
    scene_end(&s);
}

// ---- whose it is ----

Test(process, daemonic_is_the_default_and_keep_is_not) {
    struct scene s;
    struct test_client other;
    jobd_future *f;
    jobd_job_info info = {.struct_size = sizeof info};
    scene_set(&s, 1, NULL);
    test_client_open(&other, &s.d);
    struct scene brief = s;
    brief.c = other;
    jobd_process *daemonic = script(&brief, "exec sleep 1000", NULL);
    jobd_process *kept =
        started(&brief, (jobd_process_options){.argv = SH("exec sleep 1000"), .keep = true});
    int64_t pid = pid_of(daemonic), kept_pid = pid_of(kept);
    cr_assert_eq(jobd_future_info(jobd_process_sentinel(kept), &info), 0);
    jobd_process_free(daemonic);
    jobd_process_free(kept);
    cr_assert(proc_alive((pid_t)pid), "to free the handle is to let it go");
    test_client_close(&other);
    wait_gone(pid);
    cr_assert(proc_alive((pid_t)kept_pid));
    cr_assert_eq(jobd_future_attach(s.c.conn, info.job_id, &f), 0);
    cr_assert_eq(jobd_job_signal(s.c.conn, info.job_id, SIGTERM, TEST_PATIENCE_MS), 0);
    cr_assert_lt(jobd_future_result(f, TEST_PATIENCE_MS, NULL), 0);
    cr_assert_eq(jobd_future_info(f, &info), 0);
    cr_assert_eq(info.status, -SIGTERM);
    jobd_future_unref(f);
    scene_end(&s);
}

// ---- what it is given, and what it says ----

Test(process, its_surroundings) {
    static const char *const env[] = {"GREETING=hello", "EMPTY=", NULL};
    struct scene s;
    struct heard heard = {0};
    scene_set(&s, 1, NULL);
    jobd_process *p = started(
        &s, (jobd_process_options){.argv = SH("echo \"$GREETING,$EMPTY,$PWD,$(cat | wc -c)\"; "
                                              "[ -n \"$PATH\" ] && echo path"),
                                   .env = env,
                                   .cwd = "/",
                                   .on_output = on_output,
                                   .on_output_arg = &heard});
    cr_assert_eq(take_exitcode(p), 0);
    cr_assert_str_eq(heard.text, "hello,,/,0\npath\n");
    scene_end(&s);
}

// All of it, in order, up to the last words, on both streams.
Test(process, what_it_writes_is_heard_to_the_end) {
    struct scene s;
    struct heard heard;
    scene_set(&s, 1, NULL);
    jobd_process *p = script(&s,
                             "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done; "
                             "printf 'last words' >&2",
                             &heard);
    cr_assert_eq(take_exitcode(p), 0);
    const char *at = heard.text;
    char line[16];
    for (int i = 0; i < LINES; i++) {
        int n = snprintf(line, sizeof line, "%d\n", i);
        cr_assert_eq(strncmp(at, line, (size_t)n), 0, "line %d is missing", i);
        at += n;
    }
    cr_assert_str_eq(at, "last words");
    scene_end(&s);
}

// ---- pipes ----

static void expect(jobd_pipe *p, const char *text) {
    jobd_bytes got = {0};
    cr_assert_eq(jobd_pipe_recv(p, TEST_PATIENCE_MS, &got), 0);
    cr_assert(got.len == strlen(text) && memcmp(got.data, text, got.len) == 0, "'%.*s'",
              (int)got.len, (const char *)got.data);
}

// To a program it is a socket, 3: four bytes of length, then as many.
Test(process, a_program_inherits_its_pipes_and_nothing_else) {
    struct scene s;
    struct heard heard = {0};
    jobd_pipe *a[2], *b[2];
    jobd_bytes got;
    scene_set(&s, 1, NULL);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(jobd_pipe_new(true, &a[i], &b[i]), 0);
    jobd_process *p = started(
        &s, (jobd_process_options){.argv = SH("printf '\\0\\0\\0\\5three' >&3; "
                                              "printf '\\0\\0\\0\\4four' >&4; "
                                              "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done"),
                                   .pipes = b,
                                   .n_pipes = 2,
                                   .on_output = on_output,
                                   .on_output_arg = &heard});
    expect(a[0], "three");
    expect(a[1], "four");
    cr_assert_eq(take_exitcode(p), 0);
    cr_assert_str_eq(heard.text, "0\n1\n2\n3\n4\n5\n", "5 is the directory that the shell reads");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(jobd_pipe_recv(a[i], TEST_PATIENCE_MS, &got), JOBD_E_QCLOSED);
        jobd_pipe_free(a[i]);
        jobd_pipe_free(b[i]);
    }
    scene_end(&s);
}

Test(process, a_task_answers_on_its_pipe) {
    static char big[1 << 20];
    struct scene s;
    jobd_pipe *here, *there;
    jobd_bytes got;
    scene_set(&s, 1, LECTURE);
    cr_assert_eq(jobd_pipe_new(true, &here, &there), 0);
    jobd_process *p = started(
        &s, (jobd_process_options){.task = "lecture.ponger", .pipes = &there, .n_pipes = 1});
    for (int i = 0; i < ROUNDS; i++) {
        cr_assert_eq(jobd_pipe_send(here, (jobd_bytes){"ping", 4}, TEST_PATIENCE_MS), 0);
        expect(here, "pong");
    }
    cr_assert_eq(jobd_pipe_send(here, (jobd_bytes){big, sizeof big}, TEST_PATIENCE_MS), 0);
    expect(here, "pong");
    cr_assert_eq(jobd_pipe_close(here), 0);
    cr_assert_eq(take_exitcode(p), 0, "the end of the pipe is the end of it");
    jobd_pipe_free(here);

    // Killed, it is an end for this side.
    jobd_pipe_free(there);
    cr_assert_eq(jobd_pipe_new(true, &here, &there), 0);
    p = started(&s,
                (jobd_process_options){.task = "lecture.ponger", .pipes = &there, .n_pipes = 1});
    pid_of(p);
    cr_assert_eq(jobd_process_kill(p), 0);
    cr_assert_eq(jobd_pipe_recv(here, TEST_PATIENCE_MS, &got), JOBD_E_QCLOSED);
    cr_assert_eq(take_exitcode(p), -SIGKILL);
    jobd_pipe_free(here);
    jobd_pipe_free(there);
    scene_end(&s);
}

// Two processes with a pipe between them; nobody else holds an end of it.
Test(process, a_pipe_between_two_processes) {
    struct scene s;
    struct heard heard = {0};
    jobd_pipe *reader, *writer;
    scene_set(&s, 1, NULL);
    cr_assert_eq(jobd_pipe_new(false, &reader, &writer), 0);
    jobd_process *cat = started(&s, (jobd_process_options){.argv = SH("exec cat <&3"),
                                                           .pipes = &reader,
                                                           .n_pipes = 1,
                                                           .on_output = on_output,
                                                           .on_output_arg = &heard});
    jobd_process *echo =
        started(&s, (jobd_process_options){
                        .argv = SH("echo over the pipe >&3"), .pipes = &writer, .n_pipes = 1});
    cr_assert_eq(take_exitcode(echo), 0);
    cr_assert_eq(take_exitcode(cat), 0, "it has seen the end");
    cr_assert_str_eq(heard.text, "over the pipe\n");
    jobd_pipe_free(reader);
    jobd_pipe_free(writer);
    scene_end(&s);
}
