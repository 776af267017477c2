// jobctl pool: pools of workers, made and changed while jobs run.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "support/cli.h"

TestSuite(ctl_pool, .timeout = 120);

// A member of a pool's row; owned.
static json_t *pool(const struct scene *s, const char *name) {
    json_t *v = cli_well_json(s, ARGS("pool", "list", "--json")), *row, *found = NULL;
    size_t i;
    json_array_foreach(json_object_get(v, "pools"), i, row) {
        if (strcmp(cli_text_of(row, "pool"), name) == 0)
            found = json_incref(row);
    }
    json_decref(v);
    return found;
}

static json_int_t number_of(const struct scene *s, const char *name, const char *member) {
    json_t *row = pool(s, name);
    cr_assert(row, "there is no pool '%s'", name);
    json_int_t n = json_integer_value(json_object_get(row, member));
    json_decref(row);
    return n;
}

static bool is_gone(const struct scene *s, const char *name) {
    json_t *row = pool(s, name);
    json_decref(row);
    return row == NULL;
}

Test(ctl_pool, a_pool_is_made_used_changed_and_deleted) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cli_well(&s, ARGS("pool", "create", "night", "-w", "1", "-t", "2", "--max-jobs", "100"),
             "pool night is created\n");
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("pool", "create", "night", "-w", "1"), "already", "resize");
    cli_well(&s, ARGS("submit", "-p", "night", "demo.square", "5"), "25\n");
    cr_expect_eq(number_of(&s, "night", "threads"), 2);
    cr_expect_eq(number_of(&s, "night", "recycle_jobs"), 100);
    cli_well(&s, ARGS("pool", "resize", "night", "3"), "pool night is resized\n");
    cr_expect_eq(number_of(&s, "night", "workers"), 3);
    cli_well(&s, ARGS("pool"), "night");
    json_t *v = cli_well_json(&s, ARGS("pool", "delete", "night", "--now", "--json"));
    cr_expect_str_eq(cli_text_of(v, "is"), "deleted");
    json_decref(v);
    TEST_UNTIL(is_gone(&s, "night"));
    scene_end(&s);
}

Test(ctl_pool, paused_it_waits_drained_it_is_empty) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cli_well(&s, ARGS("pool", "create", "p", "-w", "1"), "created");
    cli_well(&s, ARGS("pool", "pause", "p"), "pool p is paused\n");
    char *id = cli_output(&s, ARGS("submit", "-dq", "-p", "p", "demo.square", "5"));
    cli_well(&s, ARGS("why", id), "paused");
    cli_fails(&s, EXIT_TIME_LIMIT, ARGS("result", id, "--timeout", "10ms"), "time is over", "");
    cli_well(&s, ARGS("pool", "resume", "p"), "pool p is running\n");
    cli_well(&s, ARGS("result", id), "25\n");
    cli_well(&s, ARGS("pool", "drain", "p"), "pool p is empty\n");
    struct proc_result r = cli_run(s.d.socket, ARGS("submit", "-p", "p", "ping"));
    cr_expect_neq(r.status, 0, "a drained pool takes no jobs");
    proc_result_free(&r);
    cli_well(&s, ARGS("pool", "resume", "p"), "running");
    cli_well(&s, ARGS("submit", "-p", "p", "demo.square", "5"), "25\n");
    cli_well(&s, ARGS("pool", "delete", "p"),
             "deleted"); // a detached job's result does not hold it
    TEST_UNTIL(is_gone(&s, "p"));
    cli_well(&s, ARGS("result", id), "25\n");
    free(id);
    scene_end(&s);
}

Test(ctl_pool, every_worker_begins_with_its_initializer) {
    struct scene s;
    scene_set(&s, 1, "plugins = " JOBD_PLUGIN_DIR "/plugin_work.so\n");
    cli_well(&s, ARGS("pool", "create", "m", "-w", "1", "--init", "work.init", "--init-args", "7"),
             "created");
    cli_well(&s, ARGS("submit", "-p", "m", "work.inits"), "7\n");
    cli_fails(&s, EXIT_JOB_FAILED, ARGS("pool", "create", "n", "-w", "1", "--init", "nope"),
              "no task \"nope\"", "jobctl tasks");
    scene_end(&s);
}

Test(ctl_pool, mistakes_are_pointed_at) {
    struct scene s;
    scene_set(&s, 1, NULL);
    cli_fails(&s, EXIT_MISUSE, ARGS("pool", "lst"), "lst", "did you mean \"jobctl pool list\"?");
    cli_fails(&s, EXIT_MISUSE, ARGS("pool", "create"), "1 more argument", "NAME");
    cli_fails(&s, EXIT_MISUSE, ARGS("pool", "create", "a b", "-w", "1"), "\"a b\"", "1 to 63");
    cli_fails(&s, EXIT_MISUSE, ARGS("pool", "create", "x", "--max-rss", "2 G"), "2 G", "2GiB");
    cli_fails(&s, EXIT_MISUSE, ARGS("pool", "create", "x", "-t", "65"), "65", "up to 64");
    cli_fails(&s, EXIT_MISUSE, ARGS("pool", "create", "x", "--init-args", "1"), "--init-args",
              "--init TASK");
    cli_fails(&s, EXIT_MISUSE, ARGS("pool", "resize", "default", "0"), "default", "1 worker");
    cli_fails(&s, EXIT_NOT_THERE, ARGS("pool", "resize", "nope", "2"), "no pool \"nope\"",
              "jobctl pool list");
    cli_fails(&s, EXIT_NOT_ALLOWED, ARGS("pool", "delete", "default"), "stays", "pause");
    scene_end(&s);
}
