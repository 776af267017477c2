// A worker that is one process: one job, perhaps a program, and its exit status.
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fake_master.h"

#define PLUGIN_WORK JOBD_PLUGIN_DIR "/plugin_work.so"

static struct fake_master m;
static jobd_args *a;

static void begin(void) {
    a = jobd_args_new();
}

static void end(void) {
    jobd_args_free(a);
}

TestSuite(process, .init = begin, .fini = end);

static void start(const int *pipes, unsigned n_pipes) {
    fake_start_as(&m, &(struct fake_options){.plugins = (const char *[]){PLUGIN_WORK, NULL},
                                             .process = true,
                                             .pipes = pipes,
                                             .n_pipes = n_pipes});
}

// The worker's end after its result; returns its exit status.
static int finish(void) {
    fake_hang_up(&m);
    int status = fake_join(&m);
    fake_free(&m);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void pack_list(const char *const *list) {
    uint32_t n = 0;
    while (list && list[n])
        n++;
    jobd_args_array(a, n);
    for (uint32_t i = 0; i < n; i++)
        jobd_args_str(a, list[i]);
}

static uint64_t run_program(const char *const *argv, const char *const *env, const char *cwd) {
    jobd_bytes b;
    jobd_args_reset(a);
    jobd_args_array(a, 3);
    pack_list(argv);
    pack_list(env);
    jobd_args_str(a, cwd);
    cr_assert_eq(jobd_args_finish(a, &b), 0);
    uint64_t seq = fake_run(&m, 0, "exec", b);
    fake_send(&m);
    return seq;
}

static uint64_t run_shell(const char *script) {
    return run_program((const char *[]){"sh", "-c", script, NULL}, NULL, "");
}

static pid_t expect_pid(void) {
    struct jd_msg msg = fake_next(&m);
    cr_assert_eq(msg.op, JD_OP_TASK_PID);
    cr_expect_eq(msg.u.pid.seq, m.seq);
    return (pid_t)msg.u.pid.pid;
}

static void expect_end(int error, int status, const char *part) {
    struct jd_result r = fake_result(&m);
    cr_expect_eq(r.error, (uint64_t)-error);
    cr_expect_eq(r.status, status);
    cr_expect(!*part || memmem(r.text.data, r.text.len, part, strlen(part)), "%.*s",
              (int)r.text.len, (const char *)r.text.data);
}

// ---- tasks ----

Test(process, its_exit_status_says_how_the_task_went) {
    start(NULL, 0);
    fake_run(&m, 0, "work.square", (jobd_bytes){"\x91\x02", 2});
    fake_send(&m);
    cr_expect_eq(fake_result(&m).error, 0u);
    cr_expect_eq(finish(), 0);
    start(NULL, 0);
    fake_run(&m, 0, "work.square", (jobd_bytes){"\x91\x0d", 2});
    fake_send(&m);
    cr_expect_neq(fake_result(&m).error, 0u);
    cr_expect_eq(finish(), 1);
}

static void pair(int *mine, int *its) {
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    *mine = fds[0];
    *its = fds[1];
}

static size_t read_all(int fd, char *bytes, size_t size) {
    size_t n = 0;
    for (ssize_t got; n < size && (got = read(fd, bytes + n, size - n)) > 0;)
        n += (size_t)got;
    return n;
}

Test(process, a_task_has_its_pipes) {
    static const char bytes[] = "\0\0\0\5hello\0\0\0\0\0\0\0\1x";
    char back[100];
    int mine, its[1];
    pair(&mine, &its[0]);
    start(its, 1);
    fake_run(&m, 0, "work.reflect", (jobd_bytes){"\x90", 1});
    fake_send(&m);
    cr_assert_eq(write(mine, bytes, sizeof bytes - 1), (ssize_t)sizeof bytes - 1);
    cr_expect_eq(read_all(mine, back, sizeof bytes - 1), sizeof bytes - 1);
    cr_expect_eq(memcmp(back, bytes, sizeof bytes - 1), 0);
    cr_assert_eq(shutdown(mine, SHUT_RDWR), 0);
    struct jd_result r = fake_result(&m);
    cr_expect_eq(r.error, 0u, "%.*s", (int)r.text.len, (const char *)r.text.data);
    cr_expect(r.value.len == 1 && *(const char *)r.value.data == 3);
    cr_expect_eq(read_all(mine, back, sizeof back), 0u, "closed when the task returned");
    close(mine);
    cr_expect_eq(finish(), 0);
}

// ---- programs ----

Test(process, a_program_that_succeeds) {
    start(NULL, 0);
    run_shell("exit 0");
    cr_expect_gt(expect_pid(), 0);
    expect_end(0, 0, "");
    cr_expect_eq(finish(), 0);
}

Test(process, a_program_that_fails_has_its_status) {
    start(NULL, 0);
    run_shell("exit 3");
    expect_pid();
    expect_end(JOBD_E_EXITED, 3, "exited with status 3");
    cr_expect_eq(finish(), 1);
}

Test(process, a_program_that_is_killed_has_its_signal) {
    start(NULL, 0);
    run_shell("kill -USR1 $$");
    expect_pid();
    expect_end(JOBD_E_EXITED, -SIGUSR1, "was killed by SIGUSR1");
    cr_expect_eq(finish(), 1);
}

Test(process, a_signal_to_the_group_is_the_programs) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < JD_LEN(signals); i++) {
        start(NULL, 0);
        run_program((const char *[]){"sleep", "1000", NULL}, NULL, "");
        expect_pid();
        cr_assert_eq(kill(-m.pid, signals[i]), 0);
        expect_end(JOBD_E_EXITED, -signals[i], "was killed by SIG");
        cr_expect_eq(finish(), 1);
    }
}

Test(process, a_program_may_take_a_signal_its_own_way) {
    int mine, its[1];
    char ready;
    pair(&mine, &its[0]);
    start(its, 1);
    run_shell("trap 'exit 7' TERM; echo x >&3; read -r line <&3");
    expect_pid();
    cr_assert_eq(read(mine, &ready, 1), 1);
    cr_assert_eq(kill(-m.pid, SIGTERM), 0);
    expect_end(JOBD_E_EXITED, 7, "exited with status 7");
    close(mine);
    cr_expect_eq(finish(), 1);
}

Test(process, a_program_is_asked_to_stop_with_its_job) {
    start(NULL, 0);
    uint64_t seq = run_program((const char *[]){"sleep", "1000", NULL}, NULL, "");
    expect_pid();
    jd_board_ask_stop(m.board, 0, seq);
    expect_end(JOBD_E_CANCELLED, -SIGTERM, "as it was asked to");
    cr_expect_eq(finish(), 1);
}

Test(process, a_program_has_its_environment_and_directory) {
    start(NULL, 0);
    run_program(
        (const char *[]){"sh", "-c",
                         "[ \"$JOBD_A\" = b=c ] && [ \"$LC_ALL\" = xx ] && [ \"$PWD\" = / ] && "
                         "[ \"$PATH\" ] && [ \"$(env | grep -c ^LC_ALL=)\" = 1 ]",
                         NULL},
        (const char *[]){"JOBD_A=b=c", "LC_ALL=xx", NULL}, "/");
    expect_pid();
    expect_end(0, 0, "");
    cr_expect_eq(finish(), 0);
}

Test(process, a_program_has_its_pipes_and_no_other_descriptor) {
    int mine[2], its[2];
    char back[100];
    pair(&mine[0], &its[0]);
    pair(&mine[1], &its[1]);
    start(its, 2);
    run_shell("cat <&3 >&4; for i in 5 6 7 8 9; do [ ! -e /proc/$$/fd/$i ] || exit 9; done");
    expect_pid();
    cr_assert_eq(write(mine[0], "hello", 5), 5);
    cr_assert_eq(shutdown(mine[0], SHUT_WR), 0);
    cr_expect_eq(read_all(mine[1], back, sizeof back), 5u, "and then its end: nobody else has it");
    cr_expect_eq(memcmp(back, "hello", 5), 0);
    expect_end(0, 0, "");
    close(mine[0]);
    close(mine[1]);
    cr_expect_eq(finish(), 0);
}

Test(process, a_program_that_cannot_be_started_is_an_answer) {
    start(NULL, 0);
    run_program((const char *[]){"/no/such/program", NULL}, NULL, "");
    expect_end(JOBD_E_TASK, 127, "cannot start \"/no/such/program\" in \".\": No such file");
    cr_expect_eq(finish(), 1);
    start(NULL, 0);
    run_program((const char *[]){"true", NULL}, NULL, "/no/such/directory");
    expect_end(JOBD_E_TASK, 127, "in \"/no/such/directory\": No such file");
    cr_expect_eq(finish(), 1);
}

Test(process, arguments_that_are_none_are_an_answer) {
    static const jobd_bytes bad[] = {{"\x90", 1},
                                     {"\x93\x90\x90\xa0", 4},
                                     {"\x93\x91\xa1\x00\x90\xa0", 6},
                                     {"\x93\x91\x01\x90\xa0", 5}};
    start(NULL, 0);
    for (size_t i = 0; i < JD_LEN(bad); i++) {
        fake_run(&m, 0, "exec", bad[i]);
        fake_send(&m);
        expect_end(JOBD_E_TASK, 0, "exec takes");
    }
    cr_expect_eq(finish(), 1);
}
