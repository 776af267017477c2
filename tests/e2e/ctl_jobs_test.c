// jobctl and the jobs of others: submit --detach, wait, result, list, why, cancel, kill, watch.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/cli.h"

TestSuite(ctl_jobs, .timeout = 120);

// The id of a detached job that runs until the gate opens.
static char *occupy(const struct scene *s, const char *label) {
    char path[128];
    snprintf(path, sizeof path, "\"%s\"", s->gate);
    char *id = cli_output(s, ARGS("submit", "-dq", "demo.until", path, "--label", label));
    TEST_UNTIL(cli_job_is(s, id, "running"));
    return id;
}

Test(ctl_jobs, a_detached_job_keeps_its_result) {
    struct scene s;
    scene_set(&s, 1, NULL);
    char *id = cli_output(&s, ARGS("submit", "-d", "-q", "demo.square", "12"));
    cr_assert_gt(strtoull(id, NULL, 10), 0);
    cli_well(&s, ARGS("result", id), "144\n");
    cli_well(&s, ARGS("result", id), "144\n");
    cli_well(&s, ARGS("result", id, "--error"), "null\n");
    cli_well(&s, ARGS("wait", id), " done\n");
    json_t *v = cli_well_json(&s, ARGS("result", id, "--json"));
    cr_expect_eq(json_integer_value(json_object_get(v, "value")), 144);
    cr_expect_eq(json_integer_value(json_object_get(v, "job")), strtoll(id, NULL, 10));
    json_decref(v);
    v = cli_well_json(&s, ARGS("submit", "--detach", "demo.square", "3", "--json"));
    cr_expect_gt(json_integer_value(json_object_get(v, "job")), strtoll(id, NULL, 10));
    json_decref(v);
    // For people it says what to do next, beside the id.
    struct proc_result r = cli_run(s.d.socket, ARGS("submit", "-d", "demo.square", "3"));
    cr_expect(r.status == 0 && strstr(r.err, "jobctl result "), "%s", r.err);
    proc_result_free(&r);
    free(id);
    scene_end(&s);
}

Test(ctl_jobs, one_key_one_job) {
    struct scene s;
    scene_set(&s, 1, NULL);
    char *a = cli_output(&s, ARGS("submit", "-dq", "demo.square", "2", "--key", "k"));
    char *b = cli_output(&s, ARGS("submit", "-dq", "demo.square", "3", "--key", "k"));
    cr_expect_str_eq(a, b);
    cli_well(&s, ARGS("result", b), "4\n");
    free(a);
    free(b);
    scene_end(&s);
}

Test(ctl_jobs, a_job_that_failed_says_why_whoever_asks) {
    struct scene s;
    scene_set(&s, 1, NULL);
    char *id =
        cli_output(&s, ARGS("submit", "-dq", "evil.fail", "[\"no_luck\",\"the dice say no\"]"));
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("result", id), id, "failed: the dice say no");
    cli_well(&s, ARGS("result", id, "--error"), "JOBD_E_TASK no_luck: the dice say no\n");
    json_t *v = cli_well_json(&s, ARGS("result", id, "--error", "--json"));
    cr_expect_str_eq(cli_text_of(json_object_get(v, "error"), "name"), "no_luck");
    json_decref(v);
    struct proc_result r = cli_run(s.d.socket, ARGS("wait", id));
    cr_expect(r.status == EXIT_JOB_FAILED && strstr(r.out, " failed: the dice say no\n"), "%s",
              r.out);
    proc_result_free(&r);
    cli_well(&s, ARGS("wait", id, "--ignore-failures"), " failed: the dice say no\n");
    cli_well(&s, ARGS("list", "--state", "failed"), "JOBD_E_TASK");
    cli_well(&s, ARGS("why", id), "JOBD_E_TASK no_luck: the dice say no\n");
    free(id);
    scene_end(&s);
}

Test(ctl_jobs, retries_are_told_of_and_end) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cli_fails(
        &s, EXIT_JOB_FAILED,
        ARGS("submit", "evil.fail", "[\"a\",\"so\"]", "--retries", "2", "--retry-delay", "1ms"),
        "failed: so", "jobctl tasks");
    json_t *why = cli_fails_json(s.d.socket, EXIT_JOB_FAILED,
                                 ARGS("submit", "-q", "evil.fail", "[\"a\",\"so\"]", "--retries",
                                      "1", "--retry-delay", "1ms", "--json"));
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)json_integer_value(json_object_get(why, "job")));
    json_decref(why);
    why = cli_well_json(&s, ARGS("why", id, "--json"));
    cr_expect_eq(json_integer_value(json_object_get(why, "attempt")), 2);
    json_decref(why);
    scene_end(&s);
}

Test(ctl_jobs, jobs_that_do_not_exist) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cli_fails(&s, EXIT_NOT_THERE, ARGS("result", "999999999"), "no job 999999999", "jobctl list");
    cli_fails(&s, EXIT_NOT_THERE, ARGS("why", "999999999"), "no job 999999999", "jobctl list");
    cli_fails(&s, EXIT_NOT_THERE, ARGS("wait", "999999998-999999999"), "no job 999999998",
              "no job 999999999");
    struct proc_result r = cli_run(s.d.socket, ARGS("kill", "999999999"));
    cr_expect(r.status == EXIT_NOT_THERE && strstr(r.out, "has ended, or is none"));
    proc_result_free(&r);
    r = cli_run(s.d.socket, ARGS("cancel", "999999999"));
    cr_expect(r.status == EXIT_JOB_FAILED && strstr(r.out, "or is none"));
    proc_result_free(&r);
    cli_fails(&s, EXIT_NOT_THERE, ARGS("submit", "ping", "--pool", "nope"), "nope",
              "jobctl pool list");
    cli_fails(&s, EXIT_MISUSE, ARGS("wait", "last"), "\"last\" names no job", "3-9");
    cli_fails(&s, EXIT_MISUSE, ARGS("result", "1-2"), "one job", "jobctl wait");
    scene_end(&s);
}

Test(ctl_jobs, waiting_ends_and_the_jobs_go_on) {
    struct scene s;
    scene_set(&s, 1, NULL);
    char *id = occupy(&s, "long"), both[64];
    char *done = cli_output(&s, ARGS("submit", "-dq", "demo.square", "2", "-p", "threads"));
    snprintf(both, sizeof both, "%s,%s", id, done);
    cli_fails(&s, EXIT_TIME_LIMIT, ARGS("result", id, "--timeout", "0"), "the time is over",
              "goes on");
    cli_fails(&s, EXIT_TIME_LIMIT, ARGS("wait", id, "--timeout", "10ms"), "0 of 1 jobs",
              "the time is over");
    cli_well(&s, ARGS("wait", both, "--any"), " done\n");
    cli_well(&s, ARGS("list", "--state", "running", "--label", "long"), id);
    scene_open_gate(&s);
    json_t *v = cli_well_json(&s, ARGS("wait", "--json", both));
    cr_expect_eq(json_array_size(json_object_get(v, "jobs")), 2);
    json_decref(v);
    free(id);
    free(done);
    scene_end(&s);
}

Test(ctl_jobs, cancel_is_for_those_that_wait_kill_for_those_that_run) {
    struct scene s;
    scene_set(&s, 1, NULL);
    char *running = occupy(&s, "x"), *waits = cli_output(&s, ARGS("submit", "-dq", "sleep", "0"));
    cli_well(&s, ARGS("cancel", waits), "is cancelled\n");
    struct proc_result r = cli_run(s.d.socket, ARGS("cancel", running));
    cr_expect(r.status == EXIT_JOB_FAILED && strstr(r.out, "is not cancelled: it runs"), "%s",
              r.out);
    proc_result_free(&r);
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("kill", running, "--signal", "HUP"), "in a pool",
              "--signal");
    cli_fails(&s, EXIT_MISUSE, ARGS("kill", running, "--signal", "HUPP"), "HUPP", "TERM");
    cli_well(&s, ARGS("kill", running, "--grace", "0"), "was running and is stopped\n");
    r = cli_run(s.d.socket, ARGS("wait", running, waits));
    cr_expect(r.status == EXIT_JOB_FAILED && strstr(r.out, " killed: ") &&
                  strstr(r.out, " cancelled"),
              "%s", r.out);
    proc_result_free(&r);
    free(running);
    free(waits);
    scene_end(&s);
}

Test(ctl_jobs, lists_select_and_are_json_lines) {
    struct scene s;
    scene_set(&s, 1, NULL);
    for (int i = 0; i < 3; i++)
        free(cli_output(&s, ARGS("submit", "-dq", "demo.square", "2", "-l", "even")));
    char *last = cli_output(&s, ARGS("submit", "-dq", "demo.square", "3", "-l", "odd"));
    cli_well(&s, ARGS("wait", "-q", last), "");
    char *lines = cli_output(&s, ARGS("list", "--label", "even", "--task", "demo.square", "--pool",
                                      "default", "--state", "done,failed", "--json"));
    unsigned n = 0;
    for (char *at = lines, *next; at; at = next, n++) {
        next = strchr(at, '\n');
        if (next)
            *next++ = '\0';
        json_t *row = json_loads(at, 0, NULL);
        cr_assert(row, "%s", at);
        cr_expect_str_eq(cli_text_of(row, "label"), "even");
        cr_expect_eq(json_integer_value(json_object_get(row, "v")), 1);
        json_decref(row);
    }
    cr_expect_eq(n, 3);
    free(lines);
    lines = cli_output(&s, ARGS("list", "--limit", "2", "--json"));
    cr_expect(strchr(lines, '\n') && !strchr(strchr(lines, '\n') + 1, '\n'), "%s", lines);
    free(lines);
    cli_well(&s, ARGS("list", "--state", "timed-out"), "no jobs\n");
    cli_fails(&s, EXIT_MISUSE, ARGS("list", "--state", "runing"), "runing",
              "did you mean \"running\"?");
    free(last);
    scene_end(&s);
}

Test(ctl_jobs, ids_come_through_pipes) {
    struct scene s;
    char command[1024];
    scene_set(&s, 1, NULL);
    for (int i = 0; i < 3; i++)
        free(cli_output(&s, ARGS("submit", "-dq", "demo.square", "2", "-l", "some")));
    snprintf(command, sizeof command,
             "'%s' --socket '%s' list --label some --json | sed 's/.*\"job\":\\([0-9]*\\).*/\\1/' |"
             " '%s' --socket '%s' wait -",
             JOBD_CTL_PATH, s.d.socket, JOBD_CTL_PATH, s.d.socket);
    struct proc_result r = proc_run((struct proc_spec){.argv = ARGS("/bin/sh", "-c", command)});
    unsigned n = 0;
    for (const char *at = r.out; (at = strstr(at, " done\n")) != NULL; at++)
        n++;
    cr_expect(r.status == 0 && n == 3, "%s%s", r.out, r.err);
    proc_result_free(&r);
    scene_end(&s);
}

Test(ctl_jobs, the_log_of_a_task_is_seen) {
    struct scene s;
    scene_set(&s, 1, "plugins = " JOBD_PLUGIN_DIR "/plugin_work.so\n");
    struct proc_result r = cli_run(s.d.socket, ARGS("submit", "work.init", "3", "--log"));
    cr_expect_eq(r.status, 0);
    cr_expect(strstr(r.err, ": notice: initializing\n"), "%s", r.err);
    proc_result_free(&r);
    r = cli_run(s.d.socket, ARGS("submit", "work.init", "3", "--log", "--json"));
    json_t *line = cli_parse(r.err);
    cr_expect_str_eq(cli_text_of(line, "log"), "notice: initializing");
    json_decref(line);
    proc_result_free(&r);
    cli_well(&s, ARGS("submit", "work.init", "3"), "null\n");
    scene_end(&s);
}

// ---- watch ----

// Does the file hold it by now?
static bool holds(const char *path, const char *text) {
    char all[65536];
    FILE *f = fopen(path, "re");
    cr_assert(f);
    all[fread(all, 1, sizeof all - 1, f)] = '\0';
    fclose(f);
    return strstr(all, text) != NULL;
}

Test(ctl_jobs, watch_shows_what_happens) {
    struct scene s;
    char path[96];
    scene_set(&s, 1, NULL);
    tmpdir_join(&s.d.dir, "events", path, sizeof path);
    int out = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    pid_t pid = proc_start(&(struct proc_spec){
        .argv = ARGS(JOBD_CTL_PATH, "--socket", s.d.socket, "watch"), .out = out});
    close(out);
    TEST_UNTIL(holds(path, "\"watch.begun\""));
    char *id = cli_output(&s, ARGS("submit", "-dq", "demo.square", "2")), job[48];
    snprintf(job, sizeof job, "\"what\":\"job.done\",\"job\":%s,", id);
    TEST_UNTIL(holds(path, job));
    cr_assert_eq(kill(pid, SIGINT), 0);
    int status = proc_wait(pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT);
    free(id);
    scene_end(&s);
}
