// What the kernel tells of processes: kills for want of memory, and what one holds and has used.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "io/oom.h"
#include "io/spawn.h"
#include "io/usage.h"

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    cr_assert_eq(fclose(f), 0);
}

// As the kernel writes it, where "oom_kill" is neither the first nor the only name of its kind.
static void write_events(const char *path, unsigned n) {
    char text[256];
    snprintf(text, sizeof text,
             "low 0\nhigh 7\nmax 9\noom 12\noom_kill %u\noom_group_kill 99\nsock_throttled 0\n", n);
    write_file(path, text);
}

Test(oom, a_kill_explains_one_death) {
    char path[] = "/tmp/jobd-oom-XXXXXX";
    struct oom oom;
    close(mkstemp(path));
    write_events(path, 4); // before our time
    oom_open(&oom, path);
    cr_assert_not(oom_explains(&oom));
    write_events(path, 6);
    cr_assert(oom_explains(&oom));
    cr_assert(oom_explains(&oom));
    cr_assert_not(oom_explains(&oom));
    write_events(path, 7);
    cr_assert(oom_explains(&oom));
    cr_assert_not(oom_explains(&oom));
    oom_close(&oom);
    unlink(path);
}

Test(oom, without_the_file_nothing_is_explained) {
    static const char *const texts[] = {"", "oom_kill", "oom_kill x\n", "oom_group_kill 5\n"};
    char path[] = "/tmp/jobd-oom-XXXXXX";
    struct oom oom;
    oom_open(&oom, "/nowhere/memory.events");
    cr_assert_not(oom_explains(&oom));
    oom_close(&oom);
    close(mkstemp(path));
    for (size_t i = 0; i < JD_LEN(texts); i++) {
        write_file(path, texts[i]);
        oom_open(&oom, path);
        cr_assert_not(oom_explains(&oom));
        oom_close(&oom);
    }
    unlink(path);
}

Test(oom, our_own_group_is_looked_up) {
    struct oom oom;
    oom_open(&oom, NULL);
    cr_assert_not(oom_explains(&oom));
    oom_close(&oom);
}

Test(usage, a_living_process_is_told_of) {
    uint64_t rss = usage_rss_bytes(getpid()), peak = usage_seen_peak_bytes(getpid());
    cr_assert_gt(rss, 100 * 1024);
    cr_assert_lt(rss, (uint64_t)1 << 40);
    cr_assert_gt(peak, 100 * 1024);
    cr_assert_leq(peak, usage_own_peak_bytes());
    cr_assert_eq(usage_rss_bytes(-1), 0);
    cr_assert_eq(usage_seen_peak_bytes(-1), 0);
}

Test(usage, a_dead_process_is_told_of) {
    struct rusage used = {.ru_utime = {.tv_sec = 2, .tv_usec = 3},
                          .ru_stime = {.tv_sec = 1, .tv_usec = 999999},
                          .ru_maxrss = 5};
    cr_assert_eq(usage_cpu_ns(&used), UINT64_C(4000002000));
    cr_assert_eq(usage_peak_bytes(&used), 5 * 1024);
}

// ---- spawning ----

static struct spawner shell;

static void begin(void) {
    struct fault f;
    cr_assert_eq(spawner_init(&shell, "/bin/sh", "/s", &f), 0, "%s", f.text);
}

static void end(void) {
    spawner_free(&shell);
}

TestSuite(spawn, .init = begin, .fini = end, .timeout = 60);

// Runs a script to its end; what it printed goes to out, of 256 bytes.
static int run(const char *script, const struct spawn_fds *fds, char *out, struct rusage *ret) {
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct child child;
    cr_assert_eq(spawn_child(&shell, argv, fds, &child), 0);
    int status = spawn_reap(child.pidfd, ret);
    ssize_t n = read(child.output, out, 255);
    out[n > 0 ? n : 0] = '\0';
    close(child.output);
    close(child.pidfd);
    return status;
}

Test(spawn, pipes_come_after_socket_and_board) {
    char out[256];
    struct fds pipes = {.n = FDS_MAX};
    int null[2];
    cr_assert_eq(pipe(null), 0);
    for (uint32_t i = 0; i < pipes.n; i++) {
        FILE *f = tmpfile();
        fprintf(f, "%u", i);
        fflush(f);
        rewind(f);
        pipes.at[i] = fileno(f);
    }
    struct spawn_fds fds = {.sock = null[0], .board = null[1], .pipes = &pipes};
    int status = run("for i in 5 6 7 8 9; do read -r x <&$i; printf %s $x; done; "
                     "for i in 10 11 12; do cat /proc/self/fd/$i; done; ls /proc/self/fd | wc -l",
                     &fds, out, NULL);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
    cr_assert_str_eq(out, "0123456714\n"); // 0 to 12, and the one that ls looks through
}

Test(spawn, nothing_else_is_inherited) {
    char out[256];
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    run("ls /proc/self/fd | wc -l", &(struct spawn_fds){.sock = fds[0], .board = -1}, out, NULL);
    cr_assert_str_eq(out, "5\n");
}

Test(spawn, what_it_has_used_is_told) {
    char out[256];
    struct rusage used;
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    int status = run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; kill -9 $$",
                     &(struct spawn_fds){.sock = fds[0], .board = -1}, out, &used);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    cr_assert_gt(usage_cpu_ns(&used), 1000000);
    cr_assert_gt(usage_peak_bytes(&used), 100 * 1024);
}

// A signal to the group reaches its leader once.
Test(spawn, a_signal_comes_once) {
    const char *const argv[] = {
        "/bin/sh", "-c", "trap 'echo one' USR1; echo up; read -r x <&3; read -r x <&3", NULL};
    struct child child;
    char out[256] = "";
    int socks[2];
    size_t n = 0;
    cr_assert_eq(pipe(socks), 0);
    struct spawn_fds fds = {.sock = socks[0], .board = -1};
    cr_assert_eq(spawn_child(&shell, argv, &fds, &child), 0);
    fcntl(child.output, F_SETFL, 0);
    while (!strchr(out, '\n'))
        n += (size_t)read(child.output, out + n, sizeof out - 1 - n);
    spawn_signal(child.pid, child.pidfd, SIGUSR1);
    while (!strstr(out, "one\n"))
        n += (size_t)read(child.output, out + n, sizeof out - 1 - n);
    cr_assert_eq(write(socks[1], "\n\n", 2), 2);
    close(socks[1]);
    spawn_reap(child.pidfd, NULL);
    n += (size_t)read(child.output, out + n, sizeof out - 1 - n);
    cr_assert_str_eq(out, "up\none\n");
    close(child.output);
    close(child.pidfd);
}

Test(spawn, arguments_of_one_worker_follow_those_of_all) {
    char plugin[] = "/p.so";
    char *plugins[] = {plugin};
    cr_assert_eq(spawner_arguments(&shell, 65536, plugins, 1), 0);
    static const struct {
        uint32_t threads, pipes;
        bool process;
        const char *args[6];
    } cases[] = {{1, 0, false, {NULL}},
                 {4, 0, false, {"--threads", "4", NULL}},
                 {1, 2, true, {"--process", "--pipes", "2", NULL}},
                 {1, 0, true, {"--process", NULL}},
                 {64, 8, true, {"--threads", "64", "--process", "--pipes", "8", NULL}},
                 {0, 0, false, {NULL}}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        const char *const *argv =
            spawner_argv(&shell, cases[i].threads, cases[i].process, cases[i].pipes);
        size_t n = 7;
        cr_assert_str_eq(argv[5], "--plugin");
        cr_assert_str_eq(argv[6], "/p.so");
        for (size_t k = 0; cases[i].args[k]; k++)
            cr_assert_str_eq(argv[n++], cases[i].args[k]);
        cr_assert_null(argv[n]);
    }
}
