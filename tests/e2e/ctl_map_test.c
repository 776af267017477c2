// jobctl map: lines in, results out.
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cli.h"

TestSuite(ctl_map, .timeout = 120);

// FEED | jobctl map OPTIONS, in a shell.
static struct proc_result map(const struct scene *s, const char *feed, const char *options) {
    char command[1024];
    snprintf(command, sizeof command, "%s | '%s' --socket '%s' map %s", feed, JOBD_CTL_PATH,
             s->d.socket, options);
    return proc_run((struct proc_spec){.argv = ARGS("/bin/sh", "-c", command)});
}

static void well(const struct scene *s, const char *feed, const char *options, const char *out) {
    struct proc_result r = map(s, feed, options);
    cr_expect_eq(r.status, 0, "map %s: exit code %d\n%s", options, r.status, r.err);
    cr_expect_str_empty(r.err);
    cr_expect_str_eq(r.out, out, "map %s:\n%s", options, r.out);
    proc_result_free(&r);
}

static void fails(const struct scene *s, int status, const char *feed, const char *options,
                  const char *say) {
    struct proc_result r = map(s, feed, options);
    cr_expect_eq(r.status, status, "map %s: exit code %d\n%s", options, r.status, r.err);
    cr_expect(strstr(r.err, say), "'%s' is missing: %s", say, r.err);
    proc_result_free(&r);
}

Test(ctl_map, results_in_the_order_of_the_items) {
    struct scene s;
    scene_set(&s, 2, NULL);
    well(&s, "seq -f '[%g]' 5", "demo.square -k", "1\n4\n9\n16\n25\n");
    well(&s, "seq -f '[%g]' 5", "demo.square -k -c 2 -w 2", "1\n4\n9\n16\n25\n");
    well(&s, "seq -f '[%g]' 5", "demo.square -k --backend thread", "1\n4\n9\n16\n25\n");
    well(&s, "printf 'a b\\nc'", "echo -k", "\"a b\"\n\"c\"\n");
    well(&s, "printf 'a\\nb\\0[\"c\"]\\0'", "echo -k -0", "\"a\\nb\"\n\"c\"\n");
    well(&s, "printf ''", "echo", "");
    scene_end(&s);
}

Test(ctl_map, every_item_once_in_any_order) {
    enum { N = 5000 };
    static bool seen[N];
    struct scene s;
    scene_set(&s, 2, NULL);
    struct proc_result r = map(&s, "seq -f '[%g]' 0 4999", "demo.square --json");
    cr_assert_eq(r.status, 0, "%s", r.err);
    unsigned n = 0;
    for (char *at = r.out, *next; *at; at = next, n++) {
        next = strchr(at, '\n') + 1;
        next[-1] = '\0';
        json_t *row = json_loads(at, 0, NULL);
        cr_assert(row, "%s", at);
        json_int_t i = json_integer_value(json_object_get(row, "index"));
        cr_assert(i >= 0 && i < N && !seen[i], "%s", at);
        cr_assert_eq(json_integer_value(json_object_get(row, "value")), i * i);
        cr_assert_eq(json_integer_value(json_object_get(row, "v")), 1);
        seen[i] = true;
        json_decref(row);
    }
    cr_expect_eq(n, N);
    proc_result_free(&r);
    scene_end(&s);
}

Test(ctl_map, the_first_failure_ends_it) {
    struct scene s;
    scene_set(&s, 1, NULL);
    struct proc_result r = map(&s, "printf '[1]\\n[2]\\nx\\n[4]\\n'", "demo.square -k");
    cr_expect_eq(r.status, EXIT_JOB_FAILED);
    cr_expect_str_eq(r.out, "1\n4\n", "those before it are there: %s", r.out);
    cr_expect(strstr(r.err, "item 3 failed: "), "%s", r.err);
    proc_result_free(&r);
    fails(&s, EXIT_JOB_FAILED, "echo x", "demo.square --json", "\"exit\":1");
    fails(&s, EXIT_JOB_FAILED, "seq 3", "pinq", "did you mean 'ping'?");
    fails(&s, EXIT_NOT_THERE, "seq 3", "ping --pool nope", "nope");
    fails(&s, EXIT_TIME_LIMIT, "echo '[60]'", "sleep --timeout 50ms", "the time is over");
    fails(&s, EXIT_TIME_LIMIT, "echo '[60]'", "sleep --time-limit 50ms", "item 1 failed");
    fails(&s, EXIT_BROKEN, "yes '[3]'", "demo.square >/dev/full", "standard output");
    scene_wait_quiet(&s);
    scene_end(&s);
}

Test(ctl_map, mistakes_are_pointed_at) {
    struct scene s;
    scene_set(&s, 1, NULL);
    fails(&s, EXIT_MISUSE, "seq 3", "", "1 more argument");
    fails(&s, EXIT_MISUSE, "seq 3", "echo --backend fast", "process thread");
    fails(&s, EXIT_MISUSE, "seq 3", "echo -b thread -p x", "both name a pool");
    fails(&s, EXIT_MISUSE, "seq 3", "echo --chunk 0", "cannot be 0");
    fails(&s, EXIT_MISUSE, "seq 3", "echo --chunk 65537", "65536");
    fails(&s, EXIT_MISUSE, "seq 3", "'no task'", "cannot be the name of a task");
    fails(&s, EXIT_MISUSE, "printf 'a\\n[{\"$bin\":\"?\"}]\\n'", "echo", "item 2 holds");
    scene_end(&s);
}

Test(ctl_map, ctrl_c_ends_it_and_its_jobs) {
    struct scene s;
    char items[256], path[96];
    scene_set(&s, 1, NULL);
    snprintf(items, sizeof items, "[\"%s\"]\n[\"%s\"]\n", s.gate, s.gate);
    tmpdir_join(&s.d.dir, "items", path, sizeof path);
    tmpdir_write(path, items, 0600);
    char command[512];
    snprintf(command, sizeof command, "exec '%s' --socket '%s' map demo.until -c 1 <'%s'",
             JOBD_CTL_PATH, s.d.socket, path);
    pid_t pid = proc_start(&(struct proc_spec){.argv = ARGS("/bin/sh", "-c", command)});
    TEST_UNTIL(test_daemon_status(s.c.conn, "jobs_running") > 0);
    cr_assert_eq(kill(pid, SIGINT), 0);
    int status = proc_wait(pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT, "wait status %d", status);
    scene_wait_quiet(&s); // the gate was never opened
    scene_end(&s);
}
