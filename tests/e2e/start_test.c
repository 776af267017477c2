// How jobd starts, and everything it refuses to start on: each refusal has its own exit status and
// a sentence that says what to do.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/client.h"
#include "support/daemon.h"
#include "support/raw_peer.h"

TestSuite(start, .timeout = 120);

enum { EXIT_USAGE = 2, EXIT_CREATE = 73, EXIT_RUNNING = 75, EXIT_CONFIG = 78, SUN_PATH_MAX = 107 };
enum { NOBODY = 65534 };

static mode_t mode_of(const char *path) {
    struct stat st;
    cr_assert_eq(lstat(path, &st), 0, "%s is missing", path);
    return st.st_mode;
}

// The daemon must not start, with this status, and say all of these.
static void refuses(struct test_daemon *d, int status, const char *say, const char *say_too) {
    int got = test_daemon_refuses(d);
    const char *log = test_daemon_log(d);
    cr_assert_eq(got, status, "exit status %d, %d was expected\n%s", got, status, log);
    cr_assert(strstr(log, say) && strstr(log, say_too), "'%s' and '%s' were expected:\n%s", say,
              say_too, log);
}

static void need_root(void) {
    if (geteuid() != 0)
        cr_skip_test("SKIPPED: only root can be another user");
}

// ---- where ----

Test(start, directories_are_made_private_and_the_socket_too) {
    struct test_daemon d;
    char dir[128], path[256];
    test_daemon_prepare(&d, NULL);
    tmpdir_join(&d.dir, "new/deep", dir, sizeof dir);
    tmpdir_join(&d.dir, "new/deep/sock", d.socket, sizeof d.socket);
    test_daemon_run(&d);
    cr_assert_eq(mode_of(dir), S_IFDIR | 0700);
    cr_assert_eq(mode_of(d.socket), S_IFSOCK | 0600);
    snprintf(path, sizeof path, "%s/counters", dir); // the state is beside the socket
    cr_assert_eq(mode_of(path), S_IFREG | 0600);
    snprintf(path, sizeof path, "%s.lock", d.socket);
    cr_assert_eq(mode_of(path), S_IFREG | 0600);
    test_daemon_end(&d);
}

Test(start, an_umask_that_hides_everything_from_ourselves_does_no_harm) {
    struct test_daemon d;
    test_daemon_prepare(&d, NULL);
    mode_t before = umask(0);
    test_daemon_run(&d);
    umask(before);
    cr_assert_eq(mode_of(d.socket), S_IFSOCK | 0600);
    test_daemon_end(&d);
}

// What --check-config prints with this environment.
static void prints(const struct test_daemon *d, const char *const *env, const char *line) {
    struct proc_result r = test_daemon_command(d, (const char *[]){"--check-config", NULL}, env);
    cr_assert_eq(r.status, 0, "%s", r.err);
    cr_assert(strstr(r.out, line), "'%s' is missing:\n%s", line, r.out);
    proc_result_free(&r);
}

Test(start, default_paths_follow_the_environment) {
    struct test_daemon d;
    test_daemon_prepare(&d, NULL);
    prints(&d, NULL, "socket = /run/jobd/sock\n");
    prints(&d, (const char *[]){"XDG_RUNTIME_DIR=/a", NULL}, "socket = /a/jobd/sock\n");
    prints(&d, (const char *[]){"XDG_STATE_HOME=/b", NULL}, "state = /b/jobd\n");
    prints(&d, (const char *[]){"JOBD_SOCKET=/c/s", "XDG_RUNTIME_DIR=/a", NULL}, "socket = /c/s\n");
    prints(&d, (const char *[]){"JOBD_SOCKET=/c/s", "XDG_STATE_HOME=/b", NULL}, "state = /c\n");
    if (geteuid() == 0)
        prints(&d, NULL, "state = /var/lib/jobd\n");
    test_daemon_end(&d);
}

Test(start, X4_the_longest_path_works_and_a_longer_one_is_refused) {
    struct test_daemon d;
    test_daemon_prepare(&d, NULL);
    size_t n = strlen(d.socket);
    memset(d.socket + n, 'x', SUN_PATH_MAX - n);
    d.socket[SUN_PATH_MAX] = '\0';
    test_daemon_run(&d);
    test_daemon_stop(&d);
    d.socket[SUN_PATH_MAX] = 'y';
    d.socket[SUN_PATH_MAX + 1] = '\0';
    refuses(&d, EXIT_USAGE, "108 bytes", "107");

    char entry[160];
    snprintf(entry, sizeof entry, "JOBD_SOCKET=%s", d.socket);
    struct proc_result r =
        test_daemon_command(&d, (const char *[]){"-w", "1", NULL}, (const char *[]){entry, NULL});
    cr_assert_eq(r.status, EXIT_CREATE);
    cr_assert(strstr(r.err, "108 bytes") && strstr(r.err, "107"), "%s", r.err);
    proc_result_free(&r);
    test_daemon_end(&d);
}

// ---- who else ----

Test(start, M11_a_second_one_on_a_live_socket_is_refused) {
    struct test_daemon first, second;
    struct test_client c;
    char say[64];
    test_daemon_start(&first, &(struct test_daemon_options){.plugin = "evil"});
    test_daemon_prepare(&second, NULL);
    memcpy(second.socket, first.socket, sizeof second.socket);
    snprintf(say, sizeof say, "pid %d", (int)first.pid);
    refuses(&second, EXIT_RUNNING, "already running on", say);
    test_client_open(&c, &first); // whose socket is still there
    test_client_round_trip(&c);
    test_client_close(&c);
    test_daemon_end(&second);
    test_daemon_end(&first);
}

Test(start, M11_a_second_one_on_the_same_state_is_refused) {
    struct test_daemon first, second;
    test_daemon_start(&first, NULL);
    test_daemon_prepare(&second, &(struct test_daemon_options){
                                     .args = (const char *[]){"--state", first.dir.path, NULL}});
    refuses(&second, EXIT_RUNNING, "already running", first.dir.path);
    cr_assert_lt(access(second.socket, F_OK), 0);
    test_daemon_end(&second);
    test_daemon_end(&first);
}

Test(start, M12_a_stale_socket_is_replaced) {
    struct test_daemon d;
    test_daemon_start(&d, NULL);
    test_daemon_kill9(&d);
    cr_assert_eq(mode_of(d.socket), S_IFSOCK | 0600);
    test_daemon_run(&d);
    test_daemon_end(&d);
}

Test(start, M12_what_is_no_socket_is_never_removed) {
    struct test_daemon d;
    char target[128];
    test_daemon_prepare(&d, NULL);
    tmpdir_write(d.socket, "precious", 0600);
    refuses(&d, EXIT_CREATE, "not a socket", d.socket);
    cr_assert_eq(mode_of(d.socket), S_IFREG | 0600);

    cr_assert_eq(unlink(d.socket), 0);
    tmpdir_join(&d.dir, "elsewhere", target, sizeof target);
    cr_assert_eq(symlink(target, d.socket), 0); // X3
    refuses(&d, EXIT_CREATE, "not a socket", d.socket);
    cr_assert_lt(access(target, F_OK), 0);
    test_daemon_end(&d);
}

Test(start, X3_a_lock_that_is_a_link_is_refused) {
    struct test_daemon d;
    char lock[160], target[128];
    test_daemon_prepare(&d, NULL);
    snprintf(lock, sizeof lock, "%s.lock", d.socket);
    tmpdir_join(&d.dir, "elsewhere", target, sizeof target);
    cr_assert_eq(symlink(target, lock), 0);
    refuses(&d, EXIT_CREATE, "lock", lock);
    cr_assert_lt(access(target, F_OK), 0);
    test_daemon_end(&d);
}

// ---- whom it trusts ----

Test(start, X3_a_directory_that_others_may_write_is_refused) {
    static const mode_t modes[] = {0770, 0707, 01777};
    struct test_daemon d;
    char other[128];
    test_daemon_prepare(&d, NULL);
    for (size_t i = 0; i < JD_LEN(modes); i++) {
        cr_assert_eq(chmod(d.dir.path, modes[i]), 0);
        refuses(&d, EXIT_CREATE, "written to by others", d.dir.path);
    }
    cr_assert_eq(chmod(d.dir.path, 0700), 0);
    tmpdir_join(&d.dir, "open", other, sizeof other);
    cr_assert_eq(mkdir(other, 0700), 0);
    cr_assert_eq(chmod(other, 0777), 0);
    d.options.args = (const char *[]){"--state", other, NULL};
    refuses(&d, EXIT_CREATE, "written to by others", other);
    test_daemon_end(&d);
}

Test(start, X3_a_directory_of_somebody_else_is_refused) {
    need_root();
    struct test_daemon d;
    test_daemon_prepare(&d, NULL);
    cr_assert_eq(chown(d.dir.path, NOBODY, NOBODY), 0);
    refuses(&d, EXIT_CREATE, "belongs to user 65534", d.dir.path);
    test_daemon_end(&d);
}

// Connects as somebody else would. 0 | an errno.
static int connect_as(uid_t uid, struct raw_peer *p, const char *socket) {
    cr_assert_eq(seteuid(uid), 0);
    int r = raw_try_connect(p, socket);
    cr_assert_eq(seteuid(0), 0);
    return r;
}

Test(start, X1_another_user_is_kept_out_by_each_lock_alone) {
    need_root();
    struct test_daemon d;
    struct raw_peer p;
    test_daemon_start(&d, NULL);
    cr_assert_eq(chmod(d.socket, 0666), 0); // the directory keeps them out
    cr_assert_eq(connect_as(NOBODY, &p, d.socket), EACCES);
    cr_assert_eq(chmod(d.dir.path, 0755), 0); // the socket's mode
    cr_assert_eq(chmod(d.socket, 0600), 0);
    cr_assert_eq(connect_as(NOBODY, &p, d.socket), EACCES);
    cr_assert_eq(chmod(d.socket, 0666), 0); // the daemon itself
    cr_assert_eq(connect_as(NOBODY, &p, d.socket), 0);
    raw_expect_bye(&p, JOBD_E_PERM);
    raw_close(&p);
    test_daemon_wait_log(&d, "event=client.denied uid=65534", 1);
    test_daemon_end(&d);
}

Test(start, X1_root_may_use_the_daemon_of_a_user) {
    need_root();
    if (!proc_may_run(NOBODY, JOBD_PATH))
        cr_skip_test("SKIPPED: another user cannot reach %s", JOBD_PATH);
    struct test_daemon d;
    struct raw_peer p;
    test_daemon_start(&d, &(struct test_daemon_options){.uid = NOBODY});
    raw_open(&p, d.socket);
    raw_ping(&p);
    raw_close(&p);
    test_daemon_end(&d);
}

// ---- the configuration ----

static void config_refused(const char *text, const char *where, const char *say) {
    struct test_daemon d;
    char place[128];
    test_daemon_prepare(&d, &(struct test_daemon_options){.config = text});
    snprintf(place, sizeof place, "%s%s", d.config, where);
    refuses(&d, EXIT_CONFIG, place, say);
    cr_assert_lt(access(d.socket, F_OK), 0);
    test_daemon_end(&d);
}

Test(start, M13_a_bad_configuration_is_refused_with_file_and_line) {
    config_refused("\n# a comment\nworkerz = 2", ":3:", "did you mean 'workers'?");
    config_refused("grace_ms = soon", ":1:", "'soon' is not a number");
    config_refused("drain_s = 86401", ":1:", "0 to 86400");
    config_refused("max_frame = 17M", ":1:", "out of range");
    config_refused("log_level = loud", ":1:", "error, warn, info, debug");
    config_refused("drain_s = 1\ndrain_s = 2", ":2:", "set twice");
    config_refused("[pool]\nstall_s = 2", ":2:", "[pool]");
    config_refused("stall_s 2", ":1:", "key = value");
    config_refused("plugins = here.so", ":1:", "not an absolute path");
}

Test(start, a_worker_program_that_is_not_there_is_refused) {
    struct test_daemon d;
    test_daemon_prepare(&d, &(struct test_daemon_options){.config = "worker_path = /nonexistent"});
    refuses(&d, EXIT_CONFIG, "/nonexistent", "worker_path");
    test_daemon_end(&d);
}

Test(start, a_configuration_that_is_not_there_is_refused) {
    struct test_daemon d;
    test_daemon_prepare(&d, NULL);
    cr_assert_eq(unlink(d.config), 0);
    refuses(&d, EXIT_CONFIG, "No such file", d.config);
    test_daemon_end(&d);
}

Test(start, check_config_prints_what_is_in_effect_and_touches_nothing) {
    struct test_daemon d;
    test_daemon_prepare(&d, &(struct test_daemon_options){.config = "drain_s = 7\nmax_frame = 2M"});
    struct proc_result r = test_daemon_command(
        &d, (const char *[]){"-c", d.config, "-s", d.socket, "-w", "3", "-C", NULL}, NULL);
    cr_assert_eq(r.status, 0, "%s", r.err);
    cr_assert_str_empty(r.err);
    cr_assert(strstr(r.out, "drain_s = 7\n") && strstr(r.out, "max_frame = 2097152\n") &&
                  strstr(r.out, "workers = 3\n") && strstr(r.out, d.socket),
              "%s", r.out);
    cr_assert_lt(access(d.socket, F_OK), 0);

    tmpdir_write(d.config, r.out, 0644); // it is a configuration itself
    struct proc_result again = test_daemon_command(
        &d, (const char *[]){"--config", d.config, "--check-config", NULL}, NULL);
    cr_assert_str_eq(again.out, r.out);
    proc_result_free(&again);
    proc_result_free(&r);
    test_daemon_end(&d);
}

// ---- the command line ----

static void command(const char *arg, const char *arg2, int status, const char *say) {
    struct test_daemon d;
    test_daemon_prepare(&d, NULL);
    struct proc_result r = test_daemon_command(&d, (const char *[]){arg, arg2, NULL}, NULL);
    cr_assert_eq(r.status, status, "jobd %s: %d\n%s", arg, r.status, r.err);
    cr_assert(strstr(status == 0 ? r.out : r.err, say), "jobd %s: '%s' is missing:\n%s%s", arg, say,
              r.out, r.err);
    proc_result_free(&r);
    test_daemon_end(&d);
}

Test(start, help_has_examples_and_version_has_the_version) {
    command("--help", NULL, 0, "Examples:");
    command("--help", NULL, 0, "Exit status:");
    command("--version", NULL, 0, "jobd " JOBD_VERSION "\n");
}

Test(start, bad_flags_are_a_matter_of_usage) {
    command("--frobnicate", NULL, EXIT_USAGE, "--frobnicate");
    command("serve", NULL, EXIT_USAGE, "serve");
    command("--workers", "many", EXIT_USAGE, "--workers");
    command("--workers", "1025", EXIT_USAGE, "0 to 1024");
    command("--log-level", "loud", EXIT_USAGE, "--log-level");
    command("--socket", NULL, EXIT_USAGE, "argument");
}

// ---- the rest ----

Test(start, plugins_that_cannot_be_loaded_are_reported_and_left_out) {
    struct test_daemon d;
    struct test_client c;
    char config[512], text_file[128];
    test_daemon_prepare(&d, &(struct test_daemon_options){.plugin = "evil"});
    tmpdir_join(&d.dir, "text.so", text_file, sizeof text_file);
    tmpdir_write(text_file, "no ELF", 0644);
    snprintf(config, sizeof config, "plugins = /nonexistent.so, %s, %s/plugin_evil.so\n", text_file,
             JOBD_PLUGIN_DIR);
    tmpdir_write(d.config, config, 0644);
    test_daemon_run(&d);
    test_daemon_wait_log(&d, "event=plugin.refused path=/nonexistent.so reason=", 1);
    test_daemon_wait_log(&d, "/text.so reason=", 1);
    test_client_open(&c, &d);
    test_client_round_trip(&c); // the good one is there
    test_client_close(&c);
    test_daemon_end(&d);
}

Test(start, descriptors_are_raised_to_the_hard_limit) {
    struct test_daemon d;
    char path[64], limits[4096], soft[32], hard[32];
    test_daemon_start(&d, NULL);
    snprintf(path, sizeof path, "/proc/%d/limits", (int)d.pid);
    tmpdir_read(path, limits, sizeof limits);
    const char *line = strstr(limits, "Max open files");
    cr_assert(line && sscanf(line, "Max open files %31s %31s", soft, hard) == 2);
    cr_assert_str_eq(soft, hard);
    test_daemon_end(&d);
}

Test(start, M19_a_log_that_nobody_reads_never_stops_the_daemon) {
    enum { PIPE_BYTES = 4096, PEERS = 200 };
    struct test_daemon d;
    struct raw_peer p;
    test_daemon_start(&d, &(struct test_daemon_options){.plugin = "evil"});
    test_daemon_log(&d);
    fcntl(d.log_fd, F_SETPIPE_SZ, PIPE_BYTES);
    for (int i = 0; i < PEERS; i++) { // each is worth a line
        raw_connect(&p, d.socket);
        raw_send_head(&p, UINT32_MAX);
        raw_expect_bye(&p, JOBD_E_MSGSIZE);
        raw_close(&p);
    }
    test_daemon_log(&d);
    raw_connect(&p, d.socket);
    raw_send_head(&p, UINT32_MAX);
    raw_expect_bye(&p, JOBD_E_MSGSIZE);
    raw_close(&p);
    test_daemon_wait_log(&d, "log_dropped=", 1);
    test_daemon_end(&d);
}

Test(start, M19_a_log_that_is_closed_never_stops_the_daemon) {
    struct test_daemon d;
    struct test_client c;
    test_daemon_start(&d, &(struct test_daemon_options){.plugin = "evil"});
    close(d.log_fd);
    d.log_fd = -1;
    test_client_open(&c, &d);
    test_client_round_trip(&c);
    test_client_close(&c);
    test_daemon_end(&d);
}
