// Processes against a daemon that says what the test wants: what is asked of it, and what each of
// its answers means to multiprocessing's words.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "support/fake_daemon.h"
#include "support/fdcount.h"

enum { JOB = 77, PID = 4711 };

struct fixture {
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_process *p;
    uint32_t request; // of process.start
};

static const jobd_process_options nap = {JOBD_OPTIONS(jobd_process_options), .task = "nap"};

static void begin(struct fixture *x, const jobd_process_options *opts) {
    *x = (struct fixture){0};
    x->conn = fake_daemon_connect(&x->d, NULL);
    cr_assert_eq(jobd_process_new(x->conn, opts, &x->p), 0);
}

// What was asked for is a view until the next look at the daemon's side.
static struct jd_process start(struct fixture *x) {
    cr_assert_eq(jobd_process_start(x->p), 0);
    struct jd_msg msg = fake_daemon_expect(&x->d, JD_OP_PROCESS);
    x->request = msg.id;
    return msg.u.process;
}

static void accept_it(struct fixture *x) {
    fake_daemon_accept(&x->d, x->request, JOB);
    cr_assert_eq(fake_daemon_pump(x->conn), 0);
}

static void begin_started(struct fixture *x) {
    begin(x, &nap);
    start(x);
    accept_it(x);
}

static void end(struct fixture *x) {
    jobd_process_free(x->p);
    jobd_close(x->conn);
    fake_daemon_free(&x->d);
}

// ---- what is asked ----

static void expect_texts(jobd_reader *r, const char *const *texts) {
    uint32_t n;
    jobd_bytes text;
    cr_assert_eq(jobd_read_array(r, &n), 0);
    for (; *texts; texts++, n--) {
        cr_assert_eq(jobd_read_str(r, &text), 0);
        cr_assert(text.len == strlen(*texts) && memcmp(text.data, *texts, text.len) == 0);
    }
    cr_assert_eq(n, 0);
}

static void expect_text(jobd_bytes text, const char *expected) {
    cr_assert(text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0,
              "'%.*s' instead of '%s'", (int)text.len, (const char *)text.data, expected);
}

static void on_output(jobd_future *f, jobd_bytes data, void *arg) {
    char *heard = arg;
    (void)f;
    strncat(heard, data.data, data.len);
}

Test(client_process, a_program_is_the_task_exec) {
    static const char *const argv[] = {"/usr/bin/wc", "-l", "", NULL};
    static const char *const env[] = {"A=1", "B=", NULL};
    struct fixture x;
    jobd_bytes cwd;
    uint32_t n;
    char heard[8] = "";
    begin(&x, &(jobd_process_options){JOBD_OPTIONS(jobd_process_options), .argv = argv, .env = env,
                                      .cwd = "/srv", .time_limit_ms = 5000, .on_output = on_output,
                                      .on_output_arg = heard});
    struct jd_process asked = start(&x);
    expect_text(asked.task, "exec");
    expect_text(asked.label, "wc");
    cr_assert_eq(asked.time_limit_ms, 5000);
    cr_assert_eq(asked.n_pipes, 0);
    cr_assert(asked.output && !asked.detached);
    jobd_reader r = jobd_reader_of(asked.args);
    cr_assert_eq(jobd_read_array(&r, &n), 0);
    cr_assert_eq(n, 3);
    expect_texts(&r, argv);
    expect_texts(&r, env);
    cr_assert_eq(jobd_read_str(&r, &cwd), 0);
    expect_text(cwd, "/srv");
    cr_assert_eq(r.pos, r.end);
    end(&x);
}

Test(client_process, a_task_is_asked_for_by_its_name) {
    static const unsigned char args[] = {0x92, 1, 2};
    jobd_process_options opts = nap;
    struct fixture x;
    begin(&x, &opts);
    struct jd_process asked = start(&x);
    expect_text(asked.task, "nap");
    expect_text(asked.label, "nap");
    cr_assert(asked.args.len == 1 && *(const unsigned char *)asked.args.data == 0x90, "[]");
    cr_assert(!asked.output && !asked.detached);
    end(&x);
    opts.name = "afternoon nap";
    opts.keep = true;
    opts.args = (jobd_bytes){args, sizeof args};
    begin(&x, &opts);
    asked = start(&x);
    expect_text(asked.label, "afternoon nap");
    cr_assert(asked.detached);
    cr_assert_eq(asked.args.len, sizeof args);
    cr_assert_eq(memcmp(asked.args.data, args, sizeof args), 0);
    end(&x);
}

static void refused(jobd_conn *conn, jobd_process_options opts) {
    jobd_process *p = NULL;
    opts.struct_size = sizeof opts;
    cr_assert_eq(jobd_process_new(conn, &opts, &p), JOBD_E_INVAL);
    cr_assert_null(p);
}

Test(client_process, bad_options) {
    static const char *const argv[] = {"true", NULL}, *const none[] = {NULL};
    static const char *const empty[] = {"", NULL}, *const no_name[] = {"=x", NULL};
    static const char *const no_sign[] = {"PATH", NULL};
    char long_name[JD_NAME_MAX + 2] = {0};
    struct fixture x;
    jobd_pipe *a, *b;
    begin(&x, &nap);
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    jobd_pipe *const twice[] = {a, a}, *const missing[] = {a, NULL};
    jobd_pipe *const many[JD_PIPES_MAX + 1] = {a};
    memset(long_name, 'n', sizeof long_name - 1);
    cr_assert_eq(jobd_process_new(x.conn, NULL, &x.p), JOBD_E_INVAL);
    cr_assert_eq(jobd_process_new(x.conn, &nap, NULL), JOBD_E_INVAL);
    cr_assert_eq(jobd_process_new(NULL, &nap, &x.p), JOBD_E_INVAL);
    refused(x.conn, (jobd_process_options){0});
    refused(x.conn, (jobd_process_options){.task = "nap", .argv = argv});
    refused(x.conn, (jobd_process_options){.task = "no name"});
    refused(x.conn, (jobd_process_options){.task = "nap", .cwd = "/"});
    refused(x.conn, (jobd_process_options){.task = "nap", .env = none});
    refused(x.conn, (jobd_process_options){.task = "nap", .args = {NULL, 1}});
    refused(x.conn, (jobd_process_options){.task = "nap", .name = ""});
    refused(x.conn, (jobd_process_options){.task = "nap", .name = long_name});
    refused(x.conn, (jobd_process_options){.task = "nap", .time_limit_ms = -1});
    refused(x.conn, (jobd_process_options){.task = "nap", .n_pipes = 1});
    refused(x.conn, (jobd_process_options){.task = "nap", .pipes = twice, .n_pipes = 2});
    refused(x.conn, (jobd_process_options){.task = "nap", .pipes = missing, .n_pipes = 2});
    refused(x.conn, (jobd_process_options){.task = "nap", .pipes = many, .n_pipes = 9});
    refused(x.conn, (jobd_process_options){.argv = none});
    refused(x.conn, (jobd_process_options){.argv = empty});
    refused(x.conn, (jobd_process_options){.argv = argv, .env = no_name});
    refused(x.conn, (jobd_process_options){.argv = argv, .env = no_sign});
    refused(x.conn, (jobd_process_options){.argv = argv, .args = {"\x90", 1}});
    jobd_pipe_free(a);
    jobd_pipe_free(b);
    end(&x);
}

// ---- its life ----

Test(client_process, nothing_runs_before_start) {
    struct fixture x;
    struct jd_msg msg;
    int64_t pid = -1;
    int code = -1;
    begin(&x, &nap);
    cr_assert(!fake_daemon_next(&x.d, &msg), "nothing is asked");
    cr_assert(!jobd_process_is_alive(x.p));
    cr_assert_null(jobd_process_sentinel(x.p));
    cr_assert_eq(jobd_process_join(x.p, 0), JOBD_E_STATE);
    cr_assert_eq(jobd_process_pid(x.p, 0, &pid), JOBD_E_STATE);
    cr_assert_eq(jobd_process_exitcode(x.p, &code), 0);
    cr_assert_eq(jobd_process_terminate(x.p), JOBD_E_STATE);
    cr_assert_eq(jobd_process_kill(x.p), JOBD_E_STATE);
    cr_assert(pid == -1 && code == -1, "untouched");
    end(&x);
}

Test(client_process, it_starts_once) {
    struct fixture x;
    struct jd_msg msg;
    begin(&x, &nap);
    start(&x);
    cr_assert_eq(jobd_process_start(x.p), JOBD_E_STATE);
    cr_assert(!fake_daemon_next(&x.d, &msg));
    cr_assert(jobd_process_is_alive(x.p));
    accept_it(&x);
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), 1);
    cr_assert_eq(jobd_process_start(x.p), JOBD_E_STATE, "nor after its end");
    end(&x);
}

Test(client_process, pid) {
    struct fixture x;
    int64_t pid = 0;
    begin_started(&x);
    cr_assert_eq(jobd_process_pid(x.p, 0, &pid), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_process_pid(x.p, 1, &pid), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_process_pid(x.p, 0, NULL), JOBD_E_INVAL);
    fake_daemon_running(&x.d, 0, PID);
    cr_assert_eq(jobd_process_pid(x.p, JOBD_FOREVER, &pid), 0);
    cr_assert_eq(pid, PID);
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), 1);
    cr_assert_eq(jobd_process_pid(x.p, 0, &pid), 0, "it had one");
    end(&x);
    begin_started(&x);
    fake_daemon_cancelled(&x.d, 0);
    cr_assert_eq(jobd_process_pid(x.p, JOBD_FOREVER, &pid), JOBD_E_STATE, "it never ran");
    end(&x);
}

Test(client_process, join_any_number_of_times) {
    struct fixture x;
    int code = -1;
    begin_started(&x);
    fake_daemon_running(&x.d, 0, PID);
    cr_assert_eq(jobd_process_join(x.p, 0), 0);
    cr_assert_eq(jobd_process_join(x.p, 1), 0);
    cr_assert_eq(jobd_process_exitcode(x.p, &code), 0);
    cr_assert_eq(code, -1, "Python's None");
    fake_daemon_done(&x.d, 0, "\x07");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), 1);
    cr_assert_eq(jobd_process_exitcode(x.p, &code), 1);
    cr_assert_eq(code, 0);
    cr_assert_eq(jobd_process_exitcode(x.p, NULL), JOBD_E_INVAL);
    cr_assert(!jobd_process_is_alive(x.p));
    jobd_bytes value;
    cr_assert_eq(jobd_future_result(jobd_process_sentinel(x.p), 0, &value), 0);
    cr_assert(value.len == 1 && *(const char *)value.data == 7, "the result of its task");
    end(&x);
}

// The daemon says so; join and exitcode return this.
static void ends(struct jd_job_done done, int join, int code) {
    struct fixture x;
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_DONE, .u.job_done = done};
    int got = 999;
    begin_started(&x);
    fake_daemon_send(&x.d, &msg);
    cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), join);
    cr_assert_eq(jobd_process_exitcode(x.p, &got), join);
    cr_assert_eq(got, join == 1 ? code : 999, "exit code %d", got);
    end(&x);
}

Test(client_process, exit_codes) {
    struct jd_job_done done = {.state = JOBD_JOB_DONE, .pid = PID};
    ends(done, 1, 0);
    struct jd_job_done failed = {.state = JOBD_JOB_FAILED, .pid = PID, .error = -JOBD_E_TASK};
    ends(failed, 1, 1);
    failed.error = -JOBD_E_EXITED;
    failed.status = 3;
    ends(failed, 1, 3);
    failed.status = -SIGTERM;
    ends(failed, 1, -SIGTERM);
    struct jd_job_done lost = {
        .state = JOBD_JOB_LOST, .pid = PID, .error = -JOBD_E_WORKER_DIED, .status = -SIGSEGV};
    ends(lost, 1, -SIGSEGV);
    struct jd_job_done killed = {.state = JOBD_JOB_KILLED, .pid = PID, .error = -JOBD_E_KILLED};
    ends(killed, 1, -SIGKILL);
    killed.state = JOBD_JOB_TIMED_OUT;
    killed.error = -JOBD_E_DEADLINE;
    killed.status = -SIGTERM;
    ends(killed, 1, -SIGTERM);
    ends((struct jd_job_done){.state = JOBD_JOB_CANCELLED}, 1, -SIGKILL);
    failed = (struct jd_job_done){.state = JOBD_JOB_FAILED, .error = -JOBD_E_SYS};
    ends(failed, JOBD_E_SYS, 0);
    failed.pid = PID; // its worker came to nothing
    failed.status = 1;
    ends(failed, JOBD_E_SYS, 0);
}

Test(client_process, what_the_daemon_has_against_it_shows_at_join) {
    struct fixture x;
    jobd_error why;
    int code;
    int64_t pid;
    begin(&x, &nap);
    start(&x);
    fake_daemon_refuse(&x.d, x.request, JOBD_E_NOTASK, "there is no task nap");
    cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), JOBD_E_NOTASK);
    cr_assert_eq(jobd_process_exitcode(x.p, &code), JOBD_E_NOTASK);
    cr_assert_eq(jobd_process_pid(x.p, JOBD_FOREVER, &pid), JOBD_E_STATE);
    cr_assert(!jobd_process_is_alive(x.p));
    cr_assert_eq(jobd_future_exception(jobd_process_sentinel(x.p), 0, &why), 1);
    cr_assert_str_eq(why.message, "there is no task nap");
    cr_assert_eq(jobd_process_close(x.p), 0);
    end(&x);
}

Test(client_process, a_dead_connection) {
    struct fixture x;
    int code;
    begin_started(&x);
    fake_daemon_running(&x.d, 0, PID);
    fake_daemon_hang_up(&x.d);
    cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), JOBD_E_CLOSED);
    cr_assert_eq(jobd_process_exitcode(x.p, &code), JOBD_E_CLOSED, "nobody knows");
    cr_assert_eq(jobd_process_terminate(x.p), 0, "as any that is over");
    jobd_process *other = NULL;
    cr_assert_eq(jobd_process_new(x.conn, &nap, &other), JOBD_E_CLOSED);
    cr_assert_null(other);
    end(&x);
}

Test(client_process, close) {
    struct fixture x;
    int64_t pid;
    int code;
    begin_started(&x);
    cr_assert_eq(jobd_process_close(x.p), JOBD_E_STATE, "it runs: join it first");
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), 1);
    cr_assert_eq(jobd_process_close(x.p), 0);
    cr_assert_eq(jobd_process_close(x.p), JOBD_E_STATE);
    cr_assert_eq(jobd_process_start(x.p), JOBD_E_STATE);
    cr_assert_eq(jobd_process_join(x.p, 0), JOBD_E_STATE);
    cr_assert_eq(jobd_process_pid(x.p, 0, &pid), JOBD_E_STATE);
    cr_assert_eq(jobd_process_exitcode(x.p, &code), JOBD_E_STATE);
    cr_assert_eq(jobd_process_signal(x.p, SIGHUP), JOBD_E_STATE);
    cr_assert_eq(jobd_process_kill(x.p), JOBD_E_STATE);
    cr_assert_null(jobd_process_sentinel(x.p));
    cr_assert(!jobd_process_is_alive(x.p));
    end(&x);
    begin(&x, &nap);
    cr_assert_eq(jobd_process_close(x.p), 0, "never started");
    cr_assert_eq(jobd_process_start(x.p), JOBD_E_STATE);
    end(&x);
}

Test(client_process, signals_leave_at_once) {
    struct fixture x;
    struct jd_msg msg;
    begin_started(&x);
    cr_assert_eq(jobd_process_terminate(x.p), 0);
    msg = fake_daemon_expect(&x.d, JD_OP_SIGNAL);
    cr_assert(msg.u.signal.handle == 0 && msg.u.signal.signal == SIGTERM && msg.u.signal.job == 0);
    cr_assert_eq(jobd_process_signal(x.p, 0), JOBD_E_INVAL);
    cr_assert_eq(jobd_process_signal(x.p, 65), JOBD_E_INVAL);
    cr_assert_eq(jobd_process_signal(x.p, 64), 0);
    msg = fake_daemon_expect(&x.d, JD_OP_SIGNAL);
    cr_assert_eq(msg.u.signal.signal, 64);
    cr_assert_eq(jobd_process_kill(x.p), 0);
    msg = fake_daemon_expect(&x.d, JD_OP_ABORT);
    cr_assert(msg.u.abort.handle == 0 && msg.u.abort.grace_ms == 0 && msg.u.abort.force);
    cr_assert_eq(msg.u.abort.job, 0);
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), 1);
    cr_assert_eq(jobd_process_terminate(x.p), 0);
    cr_assert_eq(jobd_process_kill(x.p), 0);
    cr_assert(!fake_daemon_next(&x.d, &msg), "one that has ended gets none");
    end(&x);
}

static void on_done(jobd_future *f, void *arg) {
    struct fixture *x = arg;
    int code = -1;
    cr_assert_eq(f, jobd_process_sentinel(x->p));
    cr_assert_eq(jobd_process_join(x->p, JOBD_FOREVER), 1, "it is over");
    cr_assert_eq(jobd_process_exitcode(x->p, &code), 1);
    jobd_process_free(x->p);
    x->p = NULL;
}

Test(client_process, free_in_a_callback) {
    struct fixture x;
    begin_started(&x);
    cr_assert_eq(jobd_future_add_done_callback(jobd_process_sentinel(x.p), on_done, &x), 0);
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), 1);
    cr_assert_null(x.p);
    end(&x);
}

// ---- what it writes ----

static void write_something(struct fixture *x, const char *text) {
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_OUTPUT};
    msg.u.job_output = (struct jd_job_output){.handle = 0, .data = jd_text(text)};
    fake_daemon_send(&x->d, &msg);
}

Test(client_process, output) {
    struct fixture x;
    char heard[16] = "";
    jobd_process_options opts = nap;
    opts.on_output = on_output;
    opts.on_output_arg = heard;
    begin(&x, &opts);
    start(&x);
    accept_it(&x);
    write_something(&x, "one ");
    write_something(&x, "two ");
    cr_assert_eq(fake_daemon_pump(x.conn), 0);
    cr_assert_str_eq(heard, "one two ");
    write_something(&x, "three");
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(jobd_process_join(x.p, JOBD_FOREVER), 1);
    cr_assert_str_eq(heard, "one two three");
    end(&x);
}

Test(client_process, after_free_nothing_is_heard) {
    struct fixture x;
    char heard[16] = "";
    jobd_process_options opts = nap;
    opts.on_output = on_output;
    opts.on_output_arg = heard;
    begin(&x, &opts);
    start(&x);
    accept_it(&x);
    write_something(&x, "one");
    cr_assert_eq(fake_daemon_pump(x.conn), 0);
    jobd_process_free(x.p);
    x.p = NULL;
    write_something(&x, "two");
    fake_daemon_done(&x.d, 0, "");
    cr_assert_eq(fake_daemon_pump(x.conn), 0);
    cr_assert_str_eq(heard, "one");
    end(&x);
}

// ---- pipes ----

// Takes the descriptors that come with the next bytes; the bytes are kept for the daemon.
static size_t receive_fds(struct fixture *x, int *fds, size_t max) {
    char bytes[4096];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int) * JD_PIPES_MAX)];
    } control;
    struct iovec iov = {bytes, sizeof bytes};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t n = recvmsg(x->d.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    cr_assert_gt(n, 0);
    cr_assert_eq(jd_buf_append(&x->d.in, bytes, (size_t)n), 0);
    const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    size_t n_fds = c ? (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds : 0;
    cr_assert_leq(n_fds, max);
    if (n_fds > 0)
        memcpy(fds, CMSG_DATA(c), n_fds * sizeof *fds);
    return n_fds;
}

Test(client_process, its_pipes_go_with_it) {
    struct fixture x;
    jobd_pipe *a[2], *b[2];
    jobd_bytes got;
    jobd_process_options opts = nap;
    int fds[JD_PIPES_MAX];
    size_t n_before = fd_count(getpid());
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(jobd_pipe_new(true, &a[i], &b[i]), 0);
    opts.pipes = b;
    opts.n_pipes = 2;
    begin(&x, &opts);
    cr_assert_eq(jobd_process_start(x.p), 0);
    cr_assert_eq(receive_fds(&x, fds, JD_PIPES_MAX), 2);
    cr_assert_eq(fake_daemon_expect(&x.d, JD_OP_PROCESS).u.process.n_pipes, 2);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(jobd_pipe_send(b[i], jd_text("x"), 0), JOBD_E_STATE, "handed over");
        cr_assert_eq(write(fds[i], "\0\0\0\1y", 5), 5);
        cr_assert_eq(jobd_pipe_recv(a[i], 0, &got), 0);
        close(fds[i]);
        cr_assert_eq(jobd_pipe_recv(a[i], 0, &got), JOBD_E_QCLOSED, "no copy was kept");
        jobd_pipe_free(a[i]);
        jobd_pipe_free(b[i]);
    }
    end(&x);
    cr_assert_eq(fd_count(getpid()), n_before);
}

Test(client_process, a_pipe_that_is_closed_cannot_go) {
    struct fixture x;
    struct jd_msg msg;
    jobd_pipe *a[2], *b[2];
    jobd_process_options opts = nap;
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(jobd_pipe_new(true, &a[i], &b[i]), 0);
    opts.pipes = b;
    opts.n_pipes = 2;
    begin(&x, &opts);
    jobd_pipe_close(b[1]);
    cr_assert_eq(jobd_process_start(x.p), JOBD_E_STATE);
    cr_assert(!fake_daemon_next(&x.d, &msg), "nothing was asked");
    cr_assert_eq(jobd_pipe_send(b[0], jd_text("still here"), 0), 0);
    cr_assert(!jobd_process_is_alive(x.p));
    for (size_t i = 0; i < 2; i++) {
        jobd_pipe_free(a[i]);
        jobd_pipe_free(b[i]);
    }
    end(&x);
}

// ---- without memory ----

Test(client_process, without_memory_it_has_not_started) {
    struct fixture x;
    struct jd_msg msg;
    jobd_pipe *a, *b;
    jobd_process_options opts = nap;
    int r = JOBD_E_NOMEM;
    cr_assert_eq(jobd_pipe_new(true, &a, &b), 0);
    opts.pipes = &b;
    opts.n_pipes = 1;
    begin(&x, &opts);
    jobd_process *other = NULL;
    for (unsigned long nth = 1; nth <= 2; nth++) {
        jd_mem_fail_nth(nth);
        cr_assert_eq(jobd_process_new(x.conn, &opts, &other), JOBD_E_NOMEM);
        cr_assert_null(other);
    }
    for (unsigned long nth = 1; r == JOBD_E_NOMEM; nth++) {
        jd_mem_fail_nth(nth);
        r = jobd_process_start(x.p);
        jd_mem_fail_nth(0);
        if (r == 0)
            break;
        cr_assert_eq(r, JOBD_E_NOMEM);
        cr_assert(!fake_daemon_next(&x.d, &msg));
        cr_assert_geq(jobd_pipe_fd(b), 0, "the pipe is still here");
        cr_assert(!jobd_process_is_alive(x.p));
    }
    fake_daemon_expect(&x.d, JD_OP_PROCESS);
    jobd_pipe_free(a);
    jobd_pipe_free(b);
    end(&x);
}

Test(client_process, arguments_that_are_too_large) {
    static char big[JD_FRAME_MAX_BYTES + 1];
    struct fixture x;
    jobd_process *p = NULL;
    jobd_process_options opts = nap;
    opts.args = (jobd_bytes){big, JD_FRAME_DEFAULT_BYTES};
    begin(&x, &opts);
    cr_assert_eq(jobd_process_start(x.p), JOBD_E_MSGSIZE);
    cr_assert(!jobd_process_is_alive(x.p));
    opts.args.len = sizeof big;
    cr_assert_eq(jobd_process_new(x.conn, &opts, &p), JOBD_E_MSGSIZE);
    end(&x);
}
