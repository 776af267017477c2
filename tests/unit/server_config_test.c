#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "cpus.h"
#include "guard.h"

static struct config config;
static struct fault fault;
static char path[] = "/tmp/jobd-config-XXXXXX";

static void set_up(void) {
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
    cr_assert_eq(config_init(&config), 0);
}

static void tear_down(void) {
    config_free(&config);
    unlink(path);
}

static void write_file(const char *text) {
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    cr_assert_eq(fclose(f), 0);
}

static int load(const char *text) {
    write_file(text);
    return config_load(&config, path, &fault);
}

static void expect_refused(const char *text, int line, const char *complaint) {
    char expected[512];
    snprintf(expected, sizeof expected, "%s:%d: %s", path, line, complaint);
    cr_assert_eq(load(text), -1, "accepted: %s", text);
    cr_assert_str_eq(fault.text, expected);
    cr_assert_eq(fault.code, FAULT_CONFIG);
}

TestSuite(config, .init = set_up, .fini = tear_down);

Test(config, has_defaults) {
    cr_assert_str_eq(config.socket, "");
    cr_assert_eq(config.workers, 0);
    cr_assert_eq(config.max_jobs, 10000000);
    cr_assert_eq(config.max_queued_bytes, (uint64_t)1 << 30);
    cr_assert_eq(config.max_frame, 1 << 20);
    cr_assert_eq(config.log_level, 2);
    cr_assert_eq(config.pool.n, 0);
    cr_assert_eq(config.max_workers, 1024);
    cr_assert_eq(config.keep_jobs, 10000);
    cr_assert_eq(config.keep_s, 3600);
    cr_assert_eq(config.keep_bytes, 64 << 20);
}

Test(config, reads_a_file) {
    cr_assert_eq(load("# a comment\n\nworkers = 3\nsocket=/a/b ; and here\nmax_frame = 128K\n"
                      "log_level = debug\n"),
                 0);
    cr_assert_eq(config.workers, 3);
    cr_assert_str_eq(config.socket, "/a/b");
    cr_assert_eq(config.max_frame, 128 * 1024);
    cr_assert_eq(config.log_level, 3);
}

Test(config, an_empty_file_changes_nothing) {
    cr_assert_eq(load(""), 0);
    cr_assert_eq(config.workers, 0);
}

Test(config, a_missing_file_is_refused) {
    cr_assert_eq(config_load(&config, "/nowhere/jobd.conf", &fault), -1);
    cr_assert_eq(fault.code, FAULT_CONFIG);
    cr_assert_str_eq(fault.text,
                     "cannot read the configuration /nowhere/jobd.conf: No such file or directory");
}

Test(config, says_where_it_is_wrong) {
    expect_refused("workers = 1\nwrokers = 2\n", 2,
                   "unknown key 'wrokers'; did you mean 'workers'?");
    expect_refused("zzzzzzzzzz = 2\n", 1, "unknown key 'zzzzzzzzzz'");
    expect_refused("\nworkers = two\n", 2, "'two' is not a number");
    expect_refused("workers = -1\n", 1, "'-1' is not a number");
    expect_refused("workers =\n", 1, "'' is not a number");
    expect_refused("workers = 4K\n", 1, "'4K' is not a number");
    expect_refused("workers = 1025\n", 1, "1025 is out of range, 0 to 1024 is allowed");
    expect_refused("start_s = 99999999999999999999\n", 1,
                   "99999999999999999999 is out of range, 1 to 3600 is allowed");
    expect_refused("max_frame = 99999999999G\n", 1,
                   "99999999999G is out of range, 65536 to 16777216 is allowed");
    expect_refused("max_frame = 1X\n", 1, "'1X' is not a number with an optional suffix K, M or G");
    expect_refused("log_level = loud\n", 1, "'loud' is not one of error, warn, info, debug");
    expect_refused("workers = 1\nstate = /a\nworkers = 1\n", 3,
                   "'workers' is set twice (an indented line goes on with the one before)");
    expect_refused("[jobd]\nworkers = 1\n", 2, "there are no sections, but here is [jobd]");
    expect_refused("workers = 1\nnonsense\n", 2, "this is not 'key = value'");
    expect_refused("plugins = a.so\n", 1, "'a.so' is not an absolute path");
    expect_refused("plugins = /a.so /b.so\n", 1,
                   "'/a.so /b.so' holds a blank: separate entries with commas");
}

Test(config, reads_pools) {
    cr_assert_eq(load("pool = cpu\n"
                      "pool = net threads=8 workers=2  recycle_jobs=1000 recycle_rss=512M "
                      "max_lent=3 initializer=demo.init\n"),
                 0, "%s", fault.text);
    cr_assert_eq(config.pool.n, 2);
    const struct config_pool *cpu = &config.pool.at[0], *net = &config.pool.at[1];
    cr_assert_str_eq(cpu->name, "cpu");
    cr_assert_eq(cpu->workers, 0);
    cr_assert_eq(cpu->threads, 1);
    cr_assert_null(cpu->initializer);
    cr_assert_str_eq(net->name, "net");
    cr_assert_eq(net->workers, 2);
    cr_assert_eq(net->threads, 8);
    cr_assert_eq(net->recycle_jobs, 1000);
    cr_assert_eq(net->recycle_rss, (uint64_t)512 << 20);
    cr_assert_eq(net->max_lent, 3);
    cr_assert_str_eq(net->initializer, "demo.init");
}

Test(config, says_where_a_pool_is_wrong) {
    expect_refused("pool = a workers=2\npool = b\npool = a\n", 3, "the pool 'a' is there twice");
    expect_refused("pool = default workers=2\n", 1,
                   "the pool 'default' is there by itself; choose another name");
    expect_refused("pool = threads\n", 1,
                   "the pool 'threads' is there by itself; choose another name");
    expect_refused("pool = processes\n", 1,
                   "the pool 'processes' is there by itself; choose another name");
    expect_refused(
        "pool = workers=2\n", 1,
        "'workers=2' cannot name a pool: letters, digits and -./:_, at most 128 of them");
    expect_refused("pool = x 2\n", 1, "'2' is not name=value");
    expect_refused("pool = x worker=2\n", 1, "a pool has no 'worker'; did you mean 'workers'?");
    expect_refused("pool = x zzzzzzzz=2\n", 1, "a pool has no 'zzzzzzzz'");
    expect_refused("pool = x threads=2 threads=2\n", 1, "'threads' is there twice");
    expect_refused("pool = x threads=65\n", 1, "threads: 65 is out of range, 1 to 64 is allowed");
    expect_refused("pool = x recycle_rss=1T\n", 1,
                   "recycle_rss: '1T' is not a number with an optional suffix K, M or G");
    expect_refused("pool = x initializer=a,b\n", 1, "'a,b' is not the name of a task");
}

Test(config, pools_have_a_limit) {
    char text[32 * (CONFIG_POOLS_MAX + 1)] = "";
    for (int i = 0; i <= CONFIG_POOLS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "pool = p%d\n", i);
    expect_refused(text, CONFIG_POOLS_MAX + 1, "more than 61 pools");
    cr_assert_eq(config.pool.n, CONFIG_POOLS_MAX);
}

// Resolves what the text says, with a socket and a state, so that nothing else is missing.
static int resolve(const char *text) {
    char all[512];
    snprintf(all, sizeof all, "socket = /s\nstate = /t\n%s", text);
    cr_assert_eq(load(all), 0, "%s", fault.text);
    return config_resolve(&config, &fault);
}

Test(config, the_workers_of_all_pools_must_find_room) {
    cr_assert_eq(resolve("workers = 3\nmax_workers = 10\npool = a workers=4\npool = b workers=3\n"),
                 0);
}

Test(config, too_many_workers_are_refused) {
    cr_assert_eq(resolve("workers = 4\nmax_workers = 10\npool = a workers=4\npool = b workers=3\n"),
                 -1);
    cr_assert_eq(fault.code, FAULT_CONFIG);
    cr_assert_str_eq(
        fault.text,
        "there may be max_workers = 10 worker processes, but the pool \"default\" needs "
        "4 of them and the pools of the configuration 7; let there be more, or make the "
        "pools smaller");
}

Test(config, pools_that_leave_no_worker_are_refused) {
    cr_assert_eq(resolve("max_workers = 7\npool = a workers=4\npool = b workers=3\n"), -1);
    cr_assert_eq(fault.code, FAULT_CONFIG);
}

Test(config, workers_that_are_not_named_take_what_is_left) {
    cr_assert_eq(resolve("max_workers = 5\npool = a workers=4\n"), 0);
    cr_assert_eq(config.workers, 1);
}

Test(config, a_pool_has_a_worker_for_each_cpu) {
    cr_assert_eq(resolve("pool = a\n"), 0);
    cr_assert_eq(config.pool.at[0].workers, JD_MIN(cpus_usable(), 1024u));
}

Test(config, the_first_mistake_is_the_one_reported) {
    expect_refused("nonsense\nworkers = x\n", 1, "this is not 'key = value'");
    expect_refused("workers = x\nnonsense\n", 1, "'x' is not a number");
}

Test(config, a_line_that_is_too_long_is_refused) {
    char text[1024] = "state = /";
    memset(text + strlen(text), 'x', 600);
    cr_assert_eq(load(text), -1);
    cr_assert_not_null(strstr(fault.text, ":1: the line is longer than "), "%s", fault.text);
}

Test(config, a_list_may_go_over_several_lines) {
    cr_assert_eq(load("plugins = /a.so, /b.so\n  /c.so\nplugins = /d.so\n"), 0);
    cr_assert_eq(config.plugins.n, 4);
    cr_assert_str_eq(config.plugins.at[0], "/a.so");
    cr_assert_str_eq(config.plugins.at[1], "/b.so");
    cr_assert_str_eq(config.plugins.at[2], "/c.so");
    cr_assert_str_eq(config.plugins.at[3], "/d.so");
}

Test(config, flags_are_usage) {
    cr_assert_eq(config_set(&config, "--workers", "workers", "many", &fault), -1);
    cr_assert_eq(fault.code, FAULT_USAGE);
    cr_assert_str_eq(fault.text, "--workers: 'many' is not a number");
}

Test(config, socket_and_state_come_from_the_environment) {
    unsetenv("JOBD_SOCKET");
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    setenv("XDG_STATE_HOME", "/home/x/state", 1);
    cr_assert_eq(config_resolve(&config, &fault), 0);
    cr_assert_str_eq(config.socket, "/run/user/7/jobd/sock");
    cr_assert_str_eq(config.state, "/home/x/state/jobd");
    cr_assert_geq(config.workers, 1);
}

Test(config, state_lies_beside_a_socket_that_was_named) {
    setenv("JOBD_SOCKET", "/from/env/sock", 1);
    setenv("XDG_STATE_HOME", "/home/x/state", 1);
    cr_assert_eq(config_resolve(&config, &fault), 0);
    cr_assert_str_eq(config.socket, "/from/env/sock");
    cr_assert_str_eq(config.state, "/from/env");
}

Test(config, the_last_resort_is_run) {
    unsetenv("JOBD_SOCKET");
    unsetenv("XDG_RUNTIME_DIR");
    setenv("XDG_STATE_HOME", "", 1);
    cr_assert_eq(config_resolve(&config, &fault), 0);
    cr_assert_str_eq(config.socket, "/run/jobd/sock");
}

Test(config, print_can_be_read_again) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    cr_assert_eq(load("workers = 7\nplugins = /a.so, /b.so\nmax_frame = 2M\nsocket = /s\n"
                      "pool = a\npool = b workers=2 recycle_rss=1G initializer=x\n"),
                 0);
    config_print(&config, out);
    fclose(out);
    config_free(&config);
    cr_assert_eq(config_init(&config), 0);
    cr_assert_eq(load(text), 0, "%s", fault.text);
    cr_assert_eq(config.workers, 7);
    cr_assert_eq(config.plugins.n, 2);
    cr_assert_eq(config.max_frame, 2 << 20);
    cr_assert_str_eq(config.socket, "/s");
    cr_assert_eq(config.pool.n, 2);
    cr_assert_str_eq(config.pool.at[0].name, "a");
    cr_assert_eq(config.pool.at[1].workers, 2);
    cr_assert_eq(config.pool.at[1].recycle_rss, 1 << 30);
    cr_assert_str_eq(config.pool.at[1].initializer, "x");
    free(text);
}

// The manual of the configuration: each key once, commented out, with the default of the table.
Test(config, the_example_documents_every_key) {
    static const struct {
        const char *name, *initial;
    } keys[] = {
#define X(KIND, name, initial, least, most) {#name, initial},
        CONFIG_MAP(X)
#undef X
    };
    char line[256], expected[256];
    unsigned found[JD_LEN(keys)] = {0}, n_lines = 0;
    FILE *f = fopen(JOBD_SOURCE_DIR "/config/jobd.conf", "r");
    cr_assert_not_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        cr_assert(line[0] == '#' || line[0] == '\0', "not commented out: %s", line);
        n_lines += line[0] == '#' && line[1] != ' ' && line[1] != '\0';
        for (size_t i = 0; i < JD_LEN(keys); i++) {
            snprintf(expected, sizeof expected, "#%s =%s%s", keys[i].name,
                     *keys[i].initial ? " " : "", keys[i].initial);
            found[i] += strcmp(line, expected) == 0;
        }
    }
    fclose(f);
    for (size_t i = 0; i < JD_LEN(keys); i++)
        cr_assert_eq(found[i], 1, "'%s' is there %u times with its default", keys[i].name,
                     found[i]);
    cr_assert_eq(n_lines, JD_LEN(keys), "there are keys that nobody knows");
}

Test(cpus, quota_is_rounded_up) {
    char file[] = "/tmp/jobd-cpu-max-XXXXXX";
    static const struct {
        const char *text;
        unsigned cpus;
    } cases[] = {{"max 100000\n", 0},  {"200000 100000\n", 2}, {"150000 100000\n", 2},
                 {"1000 100000\n", 1}, {"100000 100000\n", 1}, {"", 0},
                 {"250000 0\n", 0},    {"nonsense\n", 0}};
    int fd = mkstemp(file);
    close(fd);
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        FILE *f = fopen(file, "w");
        fputs(cases[i].text, f);
        fclose(f);
        cr_assert_eq(cpus_of_quota(file), cases[i].cpus, "%s", cases[i].text);
    }
    unlink(file);
    cr_assert_eq(cpus_of_quota(file), 0);
    cr_assert_geq(cpus_usable(), 1);
}
