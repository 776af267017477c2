// jobctl run: a process in the foreground, as if it ran here.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/cli.h"

TestSuite(ctl_run, .timeout = 120);

static void runs(const struct scene *s, int status, const char *const *args, const char *out) {
    struct proc_result r = cli_run(s->d.socket, args);
    cr_expect_eq(r.status, status, "exit code %d, %d was expected: %s", r.status, status, r.err);
    cr_expect_str_eq(r.out, out);
    cr_expect_str_empty(r.err);
    proc_result_free(&r);
}

Test(ctl_run, its_output_and_its_exit_code_are_ours) {
    struct scene s;
    scene_set(&s, 1, NULL);
    runs(&s, 0, ARGS("run", "echo", "a  b"), "a  b\n");
    runs(&s, 3, ARGS("run", "--", "sh", "-c", "echo out; echo err >&2; exit 3"), "out\nerr\n");
    runs(&s, 128 + SIGKILL, ARGS("run", "sh", "-c", "kill -KILL $$"), "");
    runs(&s, 0, ARGS("run", "cat"), "");
    runs(&s, 0, ARGS("run", "echo", "--json", "-n"), "--json -n\n"); // its options, not ours
    cli_fails(&s, 127, ARGS("run", "no-such-program"), "no-such-program", "No such file");
    cli_fails(&s, EXIT_TIME_LIMIT, ARGS("run", "--time-limit", "50ms", "sleep", "60"), "50 ms",
              "--time-limit");
    scene_end(&s);
}

Test(ctl_run, much_output_comes_whole_and_in_order) {
    struct scene s;
    scene_set(&s, 1, NULL);
    struct proc_result r = cli_run(s.d.socket, ARGS("run", "seq", "100000"));
    cr_assert_eq(r.status, 0, "%s", r.err);
    char *at = r.out;
    for (unsigned long i = 1; i <= 100000; i++)
        cr_assert_eq(strtoul(at, &at, 10), i);
    cr_expect_str_eq(at, "\n");
    proc_result_free(&r);
    scene_end(&s);
}

Test(ctl_run, surroundings) {
    struct scene s;
    char expected[128];
    scene_set(&s, 1, NULL);
    setenv("JOBCTL_TEST", "from here", 1);
    runs(&s, 0,
         ARGS("run", "-e", "A=1=2", "--env", "JOBCTL_TEST", "-e", "NOT_SET", "sh", "-c",
              "echo \"$A,$JOBCTL_TEST,$NOT_SET\""),
         "1=2,from here,\n");
    snprintf(expected, sizeof expected, "%s\n", s.d.dir.path);
    runs(&s, 0, ARGS("run", "-C", s.d.dir.path, "pwd", "-P"), expected);
    char *here = getcwd(NULL, 0);
    snprintf(expected, sizeof expected, "%s\n", here);
    runs(&s, 0, ARGS("run", "pwd", "-P"), expected);
    free(here);
    scene_end(&s);
}

Test(ctl_run, tasks_are_processes_too) {
    struct scene s;
    scene_set(&s, 1, NULL);
    runs(&s, 0, ARGS("run", "--task", "demo.square", "[12]"), "144\n");
    runs(&s, 0, ARGS("run", "--task", "sleep", "0"), "");
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("run", "--task", "evil.fail", "[\"no_luck\",\"so\"]"),
              "process ", "failed: so");
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("run", "--task", "pinq"), "not accepted", "'ping'");
    cli_fails(&s, 128 + SIGSEGV, ARGS("run", "--task", "evil.segv"), "SIGSEGV", "lost");
    scene_end(&s);
}

Test(ctl_run, mistakes_are_pointed_at) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cli_fails(&s, EXIT_MISUSE, ARGS("run"), "command is missing", "usage: jobctl run");
    cli_fails(&s, EXIT_MISUSE, ARGS("run", "--task", "ping", "1", "2"), "\"2\"", "one JSON array");
    cli_fails(&s, EXIT_MISUSE, ARGS("run", "--task", "ping", "-e", "A=1"), "commands", "");
    cli_fails(&s, EXIT_MISUSE, ARGS("run", "-e", "=1", "ls"), "a name", "");
    cli_fails(&s, EXIT_MISUSE, ARGS("run", "--lable", "x", "ls"), "--lable", "--label");
    scene_end(&s);
}

Test(ctl_run, json_lines_of_output_and_one_of_the_end) {
    struct scene s;
    scene_set(&s, 1, NULL);
    struct proc_result r =
        cli_run(s.d.socket, ARGS("run", "--json", "sh", "-c", "printf 'a\\377'; exit 4"));
    cr_assert_eq(r.status, 4);
    char *second = strchr(r.out, '\n');
    cr_assert(second && second[1], "one line only: %s", r.out);
    json_t *end = cli_parse(second + 1);
    second[1] = '\0';
    json_t *output = cli_parse(r.out);
    cr_expect_str_eq(cli_text_of(json_object_get(output, "output"), "$bin"), "Yf8=");
    cr_expect_eq(json_integer_value(json_object_get(end, "exit")), 4);
    cr_expect_str_eq(cli_text_of(end, "state"), "failed");
    json_decref(output);
    json_decref(end);
    proc_result_free(&r);
    scene_end(&s);
}

// ---- signals ----

struct foreground {
    struct scene s;
    char path[96]; // of what it writes
    pid_t pid;
};

static bool has(const struct foreground *f, const char *text) {
    char all[1024];
    FILE *file = fopen(f->path, "re");
    cr_assert(file);
    all[fread(all, 1, sizeof all - 1, file)] = '\0';
    fclose(file);
    return strstr(all, text) != NULL;
}

// A shell that runs the script, which says "up" when its traps are set.
static void begin(struct foreground *f, const char *script) {
    scene_set(&f->s, 1, NULL);
    tmpdir_join(&f->s.d.dir, "out", f->path, sizeof f->path);
    int out = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    f->pid = proc_start(&(struct proc_spec){
        .argv = ARGS(JOBD_CTL_PATH, "--socket", f->s.d.socket, "run", "sh", "-c", script),
        .out = out});
    close(out);
    TEST_UNTIL(has(f, "up"));
}

static void end(struct foreground *f, int status) {
    int got = proc_wait(f->pid);
    cr_expect(WIFEXITED(got) && WEXITSTATUS(got) == status, "wait status %d", got);
    scene_wait_quiet(&f->s);
    scene_end(&f->s);
}

Test(ctl_run, ctrl_c_goes_to_the_process) {
    struct foreground f;
    begin(&f, "trap 'echo trapped; exit 9' INT; echo up; while :; do read x <&1; done");
    cr_assert_eq(kill(f.pid, SIGINT), 0);
    TEST_UNTIL(has(&f, "trapped"));
    end(&f, 9);
}

Test(ctl_run, and_so_does_sigterm) {
    struct foreground f;
    begin(&f, "echo up; exec cat /dev/zero >/dev/null");
    cr_assert_eq(kill(f.pid, SIGTERM), 0);
    end(&f, 128 + SIGTERM);
}

Test(ctl_run, the_second_one_kills) {
    struct foreground f;
    begin(&f, "trap 'echo heard' INT; echo up; while :; do read x <&1; done");
    cr_assert_eq(kill(f.pid, SIGINT), 0);
    TEST_UNTIL(has(&f, "heard"));
    cr_assert_eq(kill(f.pid, SIGINT), 0);
    end(&f, 128 + SIGKILL);
}

Test(ctl_run, it_dies_with_jobctl_unless_it_was_detached) {
    struct foreground f;
    begin(&f, "echo up; exec cat /dev/zero >/dev/null");
    char *id = cli_output(
        &f.s, ARGS("run", "-dq", "-l", "stays", "sh", "-c", "exec cat /dev/zero >/dev/null"));
    cr_assert_eq(kill(f.pid, SIGKILL), 0);
    proc_wait(f.pid);
    TEST_UNTIL(test_daemon_status(f.s.c.conn, "jobs_running") == 1);
    TEST_UNTIL(cli_job_is(&f.s, id, "running"));
    cli_well(&f.s, ARGS("list", "--state", "running", "--label", "stays"), id);
    cli_well(&f.s, ARGS("kill", id, "--signal", "TERM"), "was sent SIGTERM\n");
    struct proc_result r = cli_run(f.s.d.socket, ARGS("wait", id));
    cr_expect(r.status == EXIT_JOB_FAILED && strstr(r.out, "SIGTERM"), "%s", r.out);
    proc_result_free(&r);
    cli_fails(&f.s, 128 + SIGTERM, ARGS("result", id), "SIGTERM", "");
    free(id);
    scene_wait_quiet(&f.s);
    scene_end(&f.s);
}
