#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "future.h"
#include "mem.h"
#include "support/fake_daemon.h"

enum { FUTURES = 8 };

// A connection with an executor and a few accepted jobs, as most tests want it.
struct fixture {
    struct fake_daemon d;
    jobd_conn *conn;
    jobd_executor *ex;
    jobd_future *fs[FUTURES];
    size_t n;
};

static void begin(struct fixture *x, size_t n) {
    x->conn = fake_daemon_connect(&x->d, NULL);
    x->n = n;
    cr_assert_eq(jobd_executor_open(x->conn, NULL, &x->ex), 0);
    fake_daemon_submit(&x->d, x->ex, x->fs, n);
}

static void end(struct fixture *x) {
    for (size_t i = 0; i < x->n; i++)
        jobd_future_unref(x->fs[i]);
    jobd_executor_free(x->ex);
    jobd_close(x->conn);
    fake_daemon_free(&x->d);
}

// What callbacks write down: a string, a letter for each call.
struct diary {
    char text[64];
    size_t n;
};

struct entry {
    struct diary *diary;
    char letter;
};

static void write_down(jobd_future *f, void *arg) {
    struct entry *entry = arg;
    cr_assert(jobd_future_done(f));
    entry->diary->text[entry->diary->n++] = entry->letter;
    entry->diary->text[entry->diary->n] = '\0';
}

static jobd_job_info info_of(const jobd_future *f) {
    jobd_job_info info = {.struct_size = sizeof info};
    cr_assert_eq(jobd_future_info(f, &info), 0);
    return info;
}

static void assert_value(jobd_future *f, const char *value) {
    jobd_bytes got;
    cr_assert_eq(jobd_future_result(f, 0, &got), 0);
    cr_assert_eq(got.len, strlen(value));
    cr_assert_arr_eq(got.data, value, got.len);
}

Test(client_future, from_submit_to_result) {
    struct fixture x;
    jobd_bytes value = {.len = 99};
    jobd_error error = {.code = 1};
    x.conn = fake_daemon_connect(&x.d, NULL);
    x.n = 1;
    cr_assert_eq(jobd_executor_open(x.conn, NULL, &x.ex), 0);
    jobd_submit_options opts = {JOBD_OPTIONS(jobd_submit_options), .time_limit_ms = 250,
                                .max_lost = 2};
    cr_assert_eq(jobd_submit(x.ex, "integrate", jd_text("\x91\x05"), &opts, &x.fs[0]), 0);
    cr_assert_eq(jobd_conn_events(x.conn), 5, "POLLIN and POLLOUT");
    cr_assert_eq(jobd_future_result(x.fs[0], 0, &value), JOBD_E_TIMEOUT);
    cr_assert_eq(value.len, 99);
    struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_EXECUTOR_OPEN);
    cr_assert_eq(msg.u.executor_open.pool.len, 7);
    fake_daemon_send(&x.d, &(struct jd_msg){.shape = JD_REPLY, .op = msg.op, .id = msg.id});
    msg = fake_daemon_expect(&x.d, JD_OP_SUBMIT);
    cr_assert_eq(msg.u.submit.handle, 0);
    cr_assert_eq(msg.u.submit.time_limit_ms, 250);
    cr_assert_eq(msg.u.submit.max_lost, 2);
    cr_assert_arr_eq(msg.u.submit.task.data, "integrate", 9);
    cr_assert_arr_eq(msg.u.submit.args.data, "\x91\x05", 2);
    cr_assert_eq(info_of(x.fs[0]).job_id, 0);
    fake_daemon_accept(&x.d, msg.id, 1234567890123);
    fake_daemon_pump(x.conn);
    cr_assert_eq(info_of(x.fs[0]).job_id, 1234567890123);
    cr_assert_eq(info_of(x.fs[0]).state, JOBD_JOB_QUEUED);
    cr_assert_eq(jobd_future_get_state(x.fs[0]), JOBD_PENDING);
    fake_daemon_running(&x.d, 0, 71);
    fake_daemon_pump(x.conn);
    cr_assert(jobd_future_running(x.fs[0]) && !jobd_future_done(x.fs[0]));
    fake_daemon_done(&x.d, 0, "*");
    cr_assert_eq(jobd_future_result(x.fs[0], JOBD_FOREVER, &value), 0);
    assert_value(x.fs[0], "*");
    cr_assert_eq(jobd_future_exception(x.fs[0], 0, &error), 0);
    cr_assert_eq(error.code, 1);
    jobd_job_info info = info_of(x.fs[0]);
    cr_assert_eq(info.state, JOBD_JOB_DONE);
    cr_assert_eq(info.worker_pid, 71);
    cr_assert_eq(info.attempt, 1);
    cr_assert_eq(info.run_ns, 1000);
    cr_assert_eq(info.done_order, 1);
    cr_assert(!jobd_future_running(x.fs[0]) && !jobd_future_cancelled(x.fs[0]));
    end(&x);
}

Test(client_future, done_before_anybody_waits) {
    struct fixture x;
    begin(&x, 3);
    fake_daemon_done(&x.d, 2, "c");
    fake_daemon_done(&x.d, 0, "a");
    fake_daemon_done(&x.d, 1, "");
    fake_daemon_pump(x.conn);
    cr_assert_eq(info_of(x.fs[2]).done_order, 1);
    cr_assert_eq(info_of(x.fs[0]).done_order, 2);
    cr_assert_eq(info_of(x.fs[1]).done_order, 3);
    assert_value(x.fs[0], "a");
    assert_value(x.fs[1], "");
    assert_value(x.fs[2], "c");
    end(&x);
}

Test(client_future, values_of_every_size) {
    struct fixture x;
    begin(&x, 0);
    static char text[100001];
    const size_t sizes[] = {1, JD_VALUE_INLINE_BYTES, JD_VALUE_INLINE_BYTES + 1, 70000, 100000};
    for (size_t i = 0; i < JD_LEN(sizes); i++) {
        memset(text, 'a' + (int)i, sizes[i]);
        text[sizes[i]] = '\0';
        fake_daemon_submit(&x.d, x.ex, x.fs, 1);
        fake_daemon_done(&x.d, 0, text);
        jobd_bytes none;
        cr_assert_eq(jobd_future_result(x.fs[0], JOBD_FOREVER, &none), 0);
        assert_value(x.fs[0], text);
        jobd_future_unref(x.fs[0]);
    }
    end(&x);
}

Test(client_future, failures) {
    struct fixture x;
    jobd_error error = {0};
    jobd_bytes value;
    begin(&x, 3);
    fake_daemon_failed(&x.d, 0, "ValueError", "negative\x1b[31m count");
    fake_daemon_failed(&x.d, 1, "", "");
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_DONE};
    msg.u.job_done = (struct jd_job_done){.handle = 2, .state = 99, .error = 7777};
    fake_daemon_send(&x.d, &msg); // a state and an error of a later version
    fake_daemon_pump(x.conn);
    cr_assert_eq(jobd_future_exception(x.fs[0], 0, &error), 1);
    cr_assert_eq(error.code, JOBD_E_TASK);
    cr_assert_str_eq(error.name, "ValueError");
    cr_assert_str_eq(error.message, "negative [31m count");
    cr_assert_eq(jobd_future_result(x.fs[0], JOBD_FOREVER, &value), JOBD_E_TASK);
    cr_assert_eq(jobd_future_exception(x.fs[1], 0, &error), 1);
    cr_assert_str_eq(error.message, jobd_strerror(JOBD_E_TASK));
    cr_assert_str_eq(error.name, "");
    cr_assert_eq(jobd_future_result(x.fs[2], 0, &value), -7777);
    cr_assert_eq(jobd_future_get_state(x.fs[2]), JOBD_FINISHED);
    end(&x);
}

Test(client_future, long_texts_are_cut_at_a_character) {
    struct fixture x;
    jobd_error error = {0};
    char text[400];
    begin(&x, 1);
    memset(text, 'x', sizeof text);
    memcpy(text + 254, "\xc3\xa9", 2); // of this character, one byte would fit
    text[sizeof text - 1] = '\0';
    fake_daemon_failed(&x.d, 0, "", text);
    cr_assert_eq(jobd_future_exception(x.fs[0], JOBD_FOREVER, &error), 1);
    cr_assert_eq(strlen(error.message), 254);
    end(&x);
}

Test(client_future, refused_submits) {
    struct fixture x;
    jobd_executor *other;
    jobd_error error = {0};
    begin(&x, 0);
    x.n = 2;
    jobd_executor_options opts = {JOBD_OPTIONS(jobd_executor_options), .pool = "gpu"};
    cr_assert_eq(jobd_executor_open(x.conn, &opts, &other), 0);
    cr_assert_eq(jobd_submit(x.ex, "nosuch", (jobd_bytes){0}, NULL, &x.fs[0]), 0);
    cr_assert_eq(jobd_submit(other, "ping", (jobd_bytes){0}, NULL, &x.fs[1]), 0);
    cr_assert_eq(jobd_conn_flush(x.conn, JOBD_FOREVER), 0);
    fake_daemon_refuse(&x.d, 1, JOBD_E_NOENT, "there is no pool 'gpu'");
    fake_daemon_refuse(&x.d, 2, JOBD_E_NOTASK, "no task is named 'nosuch'");
    fake_daemon_refuse(&x.d, 3, JOBD_E_NOENT, "executor 1 is not open");
    fake_daemon_pump(x.conn);
    cr_assert_eq(jobd_future_exception(x.fs[0], 0, &error), 1);
    cr_assert_eq(error.code, JOBD_E_NOTASK);
    cr_assert_str_eq(error.message, "no task is named 'nosuch'");
    cr_assert_eq(jobd_future_exception(x.fs[1], 0, &error), 1);
    cr_assert_eq(error.code, JOBD_E_NOENT);
    cr_assert_str_eq(error.message, "there is no pool 'gpu'");
    cr_assert_eq(x.fs[1]->state, JOBD_FINISHED);
    jobd_executor_free(other);
    end(&x);
}

Test(client_future, events_that_break_the_protocol) {
    const struct jd_job_done bad[] = {
        {.handle = 0, .state = JOBD_JOB_RUNNING},           // not an end
        {.handle = 0, .state = JOBD_JOB_DONE, .error = 62}, // both
        {.handle = 0, .state = JOBD_JOB_FAILED},            // neither
        {.handle = 0, .state = JOBD_JOB_FAILED, .error = 1u << 31},
        {.handle = 1, .state = JOBD_JOB_DONE}, // not accepted yet
        {.handle = 2, .state = JOBD_JOB_DONE}, // never heard of
        {.handle = JD_HANDLE_MAX, .state = JOBD_JOB_DONE},
    };
    for (size_t i = 0; i <= JD_LEN(bad); i++) {
        struct fixture x;
        begin(&x, 1);
        cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, NULL, &x.fs[x.n++]), 0);
        struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_STATE};
        msg.u.job_state.state = JOBD_JOB_LOST; // job.state cannot end a job
        if (i < JD_LEN(bad))
            msg = (struct jd_msg){.shape = JD_EVENT, .op = JD_OP_JOB_DONE, .u.job_done = bad[i]};
        fake_daemon_send(&x.d, &msg);
        cr_assert_eq(fake_daemon_pump(x.conn), JOBD_E_PROTO, "case %zu", i);
        cr_assert_eq(jobd_future_result(x.fs[0], 0, NULL), JOBD_E_CLOSED);
        end(&x);
    }
}

Test(client_future, callbacks_in_the_order_added) {
    struct fixture x;
    struct diary diary = {0};
    struct entry a = {&diary, 'a'}, b = {&diary, 'b'}, c = {&diary, 'c'}, d = {&diary, 'd'};
    begin(&x, 2);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &a), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &b), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[1], write_down, &d), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &c), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], NULL, &c), JOBD_E_INVAL);
    fake_daemon_done(&x.d, 1, "");
    fake_daemon_done(&x.d, 0, "");
    cr_assert_str_eq(diary.text, "");
    fake_daemon_pump(x.conn);
    cr_assert_str_eq(diary.text, "dabc");
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &d), 0);
    cr_assert_str_eq(diary.text, "dabcd", "at once: it is done");
    fake_daemon_pump(x.conn);
    end(&x);
    cr_assert_str_eq(diary.text, "dabcd", "once each");
}

static void add_another(jobd_future *f, void *arg) {
    write_down(f, arg);
    struct entry *entry = arg;
    if (entry->letter < 'c') {
        entry->letter++;
        cr_assert_eq(jobd_future_add_done_callback(f, add_another, arg), 0);
    }
}

Test(client_future, callback_added_inside_a_callback) {
    struct fixture x;
    struct diary diary = {0};
    struct entry a = {&diary, 'a'};
    begin(&x, 1);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], add_another, &a), 0);
    fake_daemon_done(&x.d, 0, "");
    fake_daemon_pump(x.conn);
    cr_assert_str_eq(diary.text, "abc");
    end(&x);
}

static void unref(jobd_future *f, void *arg) {
    (void)arg;
    jobd_future_unref(f);
    assert_value(f, "still here");
}

Test(client_future, unref_inside_a_callback) {
    struct fixture x;
    begin(&x, 2);
    x.n = 0;
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], unref, NULL), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[1], unref, NULL), 0);
    fake_daemon_done(&x.d, 0, "still here");
    fake_daemon_pump(x.conn);
    fake_daemon_done(&x.d, 1, "still here");
    cr_assert_eq(jobd_future_result(x.fs[1], JOBD_FOREVER, NULL), 0);
    end(&x);
}

Test(client_future, unref_before_the_end_drops_the_outcome) {
    struct fixture x;
    struct diary diary = {0};
    struct entry a = {&diary, 'a'};
    begin(&x, 1);
    x.n = 0;
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &a), 0);
    jobd_future_unref(x.fs[0]);
    fake_daemon_done(&x.d, 0, "nobody reads this, and it is not short");
    fake_daemon_pump(x.conn);
    cr_assert_str_eq(diary.text, "a");
    end(&x);
}

static void block_inside(jobd_future *f, void *arg) {
    struct fixture *x = arg;
    jobd_future *open = x->fs[1], *got;
    jobd_completion *walk;
    jobd_bytes value;
    int64_t rtt_ns;
    assert_value(f, "v");
    cr_assert_eq(jobd_future_result(f, JOBD_FOREVER, &value), 0, "it need not wait");
    cr_assert_eq(jobd_conn_process(x->conn), JOBD_E_DEADLK);
    cr_assert_eq(jobd_conn_wait(x->conn, 0), JOBD_E_DEADLK);
    cr_assert_eq(jobd_conn_flush(x->conn, JOBD_FOREVER), JOBD_E_DEADLK);
    cr_assert_eq(jobd_conn_ping(x->conn, 10, &rtt_ns), JOBD_E_DEADLK);
    cr_assert_eq(jobd_daemon_shutdown(x->conn, true, 10), JOBD_E_DEADLK);
    cr_assert_eq(jobd_future_cancel(open, 10), JOBD_E_DEADLK);
    cr_assert_eq(jobd_future_result(open, 10, &value), JOBD_E_DEADLK);
    cr_assert_eq(jobd_future_result(open, 0, &value), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_future_exception(open, JOBD_FOREVER, NULL), JOBD_E_DEADLK);
    cr_assert_eq(jobd_wait(x->fs, 2, JOBD_ALL_COMPLETED, 10, NULL), JOBD_E_DEADLK);
    cr_assert_eq(jobd_wait(x->fs, 2, JOBD_ALL_COMPLETED, 0, NULL), 1);
    cr_assert_eq(jobd_wait(x->fs, 2, JOBD_FIRST_COMPLETED, JOBD_FOREVER, NULL), 1);
    cr_assert_eq(jobd_as_completed(x->fs, 2, JOBD_FOREVER, &walk), 0);
    cr_assert_eq(jobd_completion_next(walk, &got), 1);
    cr_assert_eq(got, f);
    cr_assert_eq(jobd_completion_next(walk, &got), JOBD_E_DEADLK);
    jobd_completion_free(walk);
    // What only queues is welcome.
    cr_assert_eq(jobd_submit(x->ex, "task", (jobd_bytes){0}, NULL, &x->fs[x->n++]), 0);
    cr_assert_eq(jobd_future_cancel(open, 0), 0);
}

Test(client_future, blocking_inside_a_callback) {
    struct fixture x;
    begin(&x, 2);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], block_inside, &x), 0);
    fake_daemon_done(&x.d, 0, "v");
    fake_daemon_pump(x.conn);
    cr_assert_eq(x.n, 3, "the callback came to its end");
    fake_daemon_expect(&x.d, JD_OP_SUBMIT);
    fake_daemon_expect(&x.d, JD_OP_CANCEL);
    end(&x);
}

// A blocking call runs the callbacks of what it waits for; others wait for the next process.
Test(client_future, callbacks_while_a_call_blocks) {
    struct fixture x;
    struct diary diary = {0};
    struct entry a = {&diary, 'a'}, b = {&diary, 'b'}, c = {&diary, 'c'};
    int64_t ms, rtt_ns;
    begin(&x, 3);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &a), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[1], write_down, &b), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[2], write_down, &c), 0);
    fake_daemon_done(&x.d, 0, "");
    fake_daemon_done(&x.d, 1, "");
    cr_assert_eq(jobd_future_result(x.fs[1], JOBD_FOREVER, NULL), 0);
    cr_assert_str_eq(diary.text, "b");
    cr_assert(jobd_future_done(x.fs[0]), "its state is known all the same");
    cr_assert_eq(jobd_conn_timeout(x.conn, &ms), 0);
    cr_assert_eq(ms, 0, "work is buffered");
    fake_daemon_done(&x.d, 2, "");
    struct jd_msg pong = {.shape = JD_REPLY, .op = JD_OP_PING, .id = 1};
    fake_daemon_send(&x.d, &pong);
    cr_assert_eq(jobd_conn_ping(x.conn, JOBD_FOREVER, &rtt_ns), 0);
    cr_assert_geq(rtt_ns, 0);
    cr_assert_str_eq(diary.text, "b");
    cr_assert_eq(jobd_future_result(x.fs[2], JOBD_FOREVER, NULL), 0);
    cr_assert_str_eq(diary.text, "bc", "done, and asked for: now");
    cr_assert_eq(jobd_conn_process(x.conn), 1);
    cr_assert_str_eq(diary.text, "bca");
    cr_assert_eq(jobd_conn_timeout(x.conn, &ms), 0);
    cr_assert_eq(ms, -1);
    fake_daemon_pump(x.conn);
    end(&x);
    cr_assert_str_eq(diary.text, "bca");
}

static void take_note(jobd_future *f, const char *text, void *arg) {
    char *notes = arg;
    cr_assert(!jobd_future_done(f));
    size_t n = strlen(notes);
    snprintf(notes + n, 512 - n, "%s|", text);
}

static void send_state(struct fake_daemon *d, struct jd_job_state state) {
    struct jd_msg msg = {.shape = JD_EVENT, .op = JD_OP_JOB_STATE, .u.job_state = state};
    fake_daemon_send(d, &msg);
}

Test(client_future, notes) {
    struct fixture x;
    char notes[512] = "";
    begin(&x, 2);
    cr_assert_eq(jobd_future_on_note(x.fs[0], take_note, notes), 0);
    fake_daemon_running(&x.d, 0, 71);
    send_state(&x.d, (struct jd_job_state){.state = JOBD_JOB_RUNNING,
                                           .pid = 71,
                                           .attempt = 1,
                                           .progress = 0.25,
                                           .text = jd_text("a quarter")});
    fake_daemon_pump(x.conn);
    cr_assert_str_eq(notes, "running in worker 71|a quarter|");
    cr_assert_eq(info_of(x.fs[0]).progress, 0.25);
    send_state(&x.d, (struct jd_job_state){
                         .state = JOBD_JOB_QUEUED, .attempt = 1, .text = jd_text("again")});
    fake_daemon_pump(x.conn);
    cr_assert_eq(jobd_future_get_state(x.fs[0]), JOBD_PENDING);
    cr_assert_eq(info_of(x.fs[0]).state, JOBD_JOB_QUEUED);
    // While a call waits for something else, notes wait, and the last one counts.
    notes[0] = '\0';
    fake_daemon_running(&x.d, 0, 72);
    send_state(&x.d, (struct jd_job_state){.state = JOBD_JOB_RUNNING,
                                           .pid = 72,
                                           .attempt = 2,
                                           .progress = 7,
                                           .text = jd_text("half")});
    fake_daemon_done(&x.d, 1, "");
    cr_assert_eq(jobd_future_result(x.fs[1], JOBD_FOREVER, NULL), 0);
    cr_assert_str_eq(notes, "");
    cr_assert_eq(info_of(x.fs[0]).progress, 1.0);
    cr_assert_eq(info_of(x.fs[0]).attempt, 2);
    fake_daemon_pump(x.conn);
    cr_assert_str_eq(notes, "half|");
    cr_assert_eq(jobd_future_on_note(x.fs[0], NULL, NULL), 0);
    send_state(&x.d, (struct jd_job_state){.state = JOBD_JOB_RUNNING, .pid = 73});
    fake_daemon_done(&x.d, 0, "");
    fake_daemon_pump(x.conn);
    cr_assert_str_eq(notes, "half|");
    cr_assert_eq(jobd_future_on_note(x.fs[0], take_note, notes), JOBD_E_STATE);
    end(&x);
}

// A note that could not be told is void once the future is done.
Test(client_future, note_overtaken_by_the_end) {
    struct fixture x;
    char notes[512] = "";
    begin(&x, 2);
    cr_assert_eq(jobd_future_on_note(x.fs[0], take_note, notes), 0);
    fake_daemon_running(&x.d, 0, 71);
    fake_daemon_done(&x.d, 0, "");
    fake_daemon_done(&x.d, 1, "");
    cr_assert_eq(jobd_future_result(x.fs[1], JOBD_FOREVER, NULL), 0);
    fake_daemon_pump(x.conn);
    cr_assert_str_eq(notes, "");
    end(&x);
}

Test(client_future, close_ends_everything) {
    struct fixture x;
    struct diary diary = {0};
    struct entry a = {&diary, 'a'}, b = {&diary, 'b'}, c = {&diary, 'c'};
    jobd_error error = {0};
    jobd_future *inert;
    begin(&x, 3);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &a), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[1], write_down, &b), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[2], write_down, &c), 0);
    fake_daemon_done(&x.d, 1, "kept");
    fake_daemon_done(&x.d, 2, "kept");
    cr_assert_eq(jobd_future_result(x.fs[2], JOBD_FOREVER, NULL), 0);
    cr_assert_eq(jobd_future_cancel(x.fs[0], 0), 0);
    jobd_close(x.conn);
    cr_assert_str_eq(diary.text, "cab");
    cr_assert_eq(jobd_future_result(x.fs[0], JOBD_FOREVER, NULL), JOBD_E_CLOSED);
    cr_assert_eq(jobd_future_exception(x.fs[0], JOBD_FOREVER, &error), 1);
    cr_assert_str_eq(error.message, "this program closed the connection");
    cr_assert_eq(jobd_future_cancel(x.fs[0], JOBD_FOREVER), 0);
    assert_value(x.fs[1], "kept");
    cr_assert_eq(jobd_wait(x.fs, 3, JOBD_ALL_COMPLETED, JOBD_FOREVER, NULL), 3);
    cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, NULL, &inert), JOBD_E_CLOSED);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[1], write_down, &b), 0);
    cr_assert_str_eq(diary.text, "cabb");
    x.conn = NULL;
    end(&x);
}

static void close_inside(jobd_future *f, void *arg) {
    struct fixture *x = arg;
    assert_value(f, "v");
    jobd_close(x->conn);
    cr_assert(!jobd_future_done(x->fs[1]), "closing waits for the callback's end");
}

Test(client_future, close_inside_a_callback) {
    for (int blocking = 0; blocking <= 1; blocking++) {
        struct fixture x;
        struct diary diary = {0};
        struct entry a = {&diary, 'a'}, b = {&diary, 'b'};
        begin(&x, 3);
        cr_assert_eq(jobd_future_add_done_callback(x.fs[0], close_inside, &x), 0);
        cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &a), 0);
        cr_assert_eq(jobd_future_add_done_callback(x.fs[1], write_down, &b), 0);
        fake_daemon_done(&x.d, 0, "v");
        fake_daemon_done(&x.d, 2, "never read");
        if (blocking)
            cr_assert_eq(jobd_wait(x.fs, 3, JOBD_ALL_COMPLETED, JOBD_FOREVER, NULL), 3);
        else
            cr_assert_eq(fake_daemon_pump(x.conn), JOBD_E_CLOSED);
        cr_assert_str_eq(diary.text, "ab");
        cr_assert_eq(jobd_future_result(x.fs[1], 0, NULL), JOBD_E_CLOSED);
        cr_assert_eq(jobd_future_result(x.fs[2], 0, NULL), JOBD_E_CLOSED);
        x.conn = NULL;
        end(&x);
    }
}

Test(client_future, close_inside_a_callback_that_runs_at_once) {
    struct fixture x;
    begin(&x, 2);
    fake_daemon_done(&x.d, 0, "v");
    fake_daemon_pump(x.conn);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], close_inside, &x), 0);
    cr_assert_eq(jobd_future_result(x.fs[1], 0, NULL), JOBD_E_CLOSED);
    x.conn = NULL;
    end(&x);
}

Test(client_future, daemon_dies) {
    struct fixture x;
    struct diary diary = {0};
    struct entry a = {&diary, 'a'}, b = {&diary, 'b'};
    jobd_error error = {0};
    begin(&x, 2);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &a), 0);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[1], write_down, &b), 0);
    fake_daemon_hang_up(&x.d);
    cr_assert_eq(jobd_future_result(x.fs[1], JOBD_FOREVER, NULL), JOBD_E_CLOSED);
    cr_assert_str_eq(diary.text, "b");
    cr_assert_eq(jobd_future_exception(x.fs[0], 0, &error), 1);
    cr_assert_str_eq(error.message, "the daemon closed the connection or died");
    cr_assert_eq(jobd_conn_process(x.conn), JOBD_E_CLOSED);
    cr_assert_str_eq(diary.text, "ba");
    end(&x);
}

Test(client_future, cancel) {
    struct fixture x;
    begin(&x, 4);
    uint32_t request = 1; // ids, too, are used again from the lowest
    fake_daemon_cancel_reply(&x.d, request, true);
    fake_daemon_cancelled(&x.d, 0);
    cr_assert_eq(jobd_future_cancel(x.fs[0], JOBD_FOREVER), 1);
    cr_assert_eq(jobd_future_cancel(x.fs[0], JOBD_FOREVER), 1, "again, too");
    cr_assert(jobd_future_cancelled(x.fs[0]) && jobd_future_done(x.fs[0]));
    cr_assert_eq(jobd_future_result(x.fs[0], 0, NULL), JOBD_E_CANCELLED);
    cr_assert_eq(jobd_future_exception(x.fs[0], 0, NULL), JOBD_E_CANCELLED);
    fake_daemon_cancel_reply(&x.d, request, false);
    cr_assert_eq(jobd_future_cancel(x.fs[1], JOBD_FOREVER), 0, "it runs");
    cr_assert(!jobd_future_done(x.fs[1]));
    fake_daemon_done(&x.d, 1, "");
    fake_daemon_pump(x.conn);
    cr_assert_eq(jobd_future_cancel(x.fs[1], JOBD_FOREVER), 0, "it is done");
    cr_assert_eq(jobd_future_cancel(x.fs[2], 1), JOBD_E_TIMEOUT);
    cr_assert_eq(jobd_future_cancel(x.fs[2], 0), 0, "not known yet");
    cr_assert_eq(fake_daemon_expect(&x.d, JD_OP_CANCEL).u.cancel.handle, 0);
    cr_assert_eq(fake_daemon_expect(&x.d, JD_OP_CANCEL).u.cancel.handle, 1);
    struct jd_msg msg = fake_daemon_expect(&x.d, JD_OP_CANCEL);
    cr_assert_eq(msg.u.cancel.handle, 2);
    cr_assert_not(fake_daemon_next(&x.d, &msg), "one wish at a time is enough");
    fake_daemon_cancelled(&x.d, 2);
    cr_assert_eq(jobd_future_cancel(x.fs[2], JOBD_FOREVER), 1);
    fake_daemon_cancel_reply(&x.d, 1, true); // the reply may come after the end
    cr_assert_eq(fake_daemon_pump(x.conn), 0);
    cr_assert_eq(jobd_future_cancel(x.fs[3], 0), 0);
    jobd_close(x.conn); // with a wish on its way
    x.conn = NULL;
    end(&x);
}

Test(client_future, handles_are_used_again) {
    struct fixture x;
    begin(&x, 3);
    fake_daemon_done(&x.d, 1, "");
    fake_daemon_pump(x.conn);
    jobd_future_unref(x.fs[1]);
    fake_daemon_submit(&x.d, x.ex, &x.fs[1], 1);
    cr_assert_eq(x.fs[1]->handle, 1);
    cr_assert_eq(x.fs[1]->error, 0);
    cr_assert_eq(info_of(x.fs[1]).job_id, 4);
    for (int round = 0; round < 1000; round++) {
        jobd_future *f;
        fake_daemon_submit(&x.d, x.ex, &f, 1);
        cr_assert_eq(f->handle, 3, "free again as soon as the job was done");
        fake_daemon_done(&x.d, 3, "v");
        cr_assert_eq(jobd_future_result(f, JOBD_FOREVER, NULL), 0);
        jobd_future_unref(f);
    }
    end(&x);
}

Test(client_future, too_large_is_not_sent) {
    struct fixture x;
    static char args[JD_FRAME_DEFAULT_BYTES];
    jobd_future *f = NULL;
    begin(&x, 0);
    size_t max = jobd_conn_max_payload(x.conn);
    cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){args, max + 1}, NULL, &f), JOBD_E_MSGSIZE);
    cr_assert_null(f);
    cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){args, max}, NULL, &f), 0);
    jobd_future_unref(f);
    end(&x);
}

Test(client_future, bad_submits) {
    struct fixture x;
    jobd_future *f = NULL;
    char name[JD_NAME_MAX + 2];
    begin(&x, 0);
    memset(name, 'n', sizeof name);
    name[JD_NAME_MAX + 1] = '\0';
    const char *names[] = {"", "a b", "caf\xc3\xa9", name, NULL};
    for (size_t i = 0; i < JD_LEN(names); i++)
        cr_assert_eq(jobd_submit(x.ex, names[i], (jobd_bytes){0}, NULL, &f), JOBD_E_INVAL);
    const jobd_submit_options bad[] = {
        {JOBD_OPTIONS(jobd_submit_options), .max_lost = 3},
        {JOBD_OPTIONS(jobd_submit_options), .time_limit_ms = -1},
        {JOBD_OPTIONS(jobd_submit_options), .time_limit_ms = INT64_MAX},
    };
    for (size_t i = 0; i < JD_LEN(bad); i++)
        cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, &bad[i], &f), JOBD_E_INVAL);
    cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, NULL, NULL), JOBD_E_INVAL);
    cr_assert_eq(jobd_submit(NULL, "task", (jobd_bytes){0}, NULL, &f), JOBD_E_INVAL);
    jobd_executor_options pool = {JOBD_OPTIONS(jobd_executor_options), .pool = "no pool"};
    jobd_executor *ex;
    cr_assert_eq(jobd_executor_open(x.conn, &pool, &ex), JOBD_E_INVAL);
    cr_assert_eq(jobd_executor_open(NULL, NULL, &ex), JOBD_E_INVAL);
    end(&x);
}

Test(client_future, executors_have_a_limit) {
    struct fixture x;
    static jobd_executor *more[JD_EXECUTORS_MAX];
    jobd_executor *none;
    begin(&x, 0);
    for (size_t i = 1; i < JD_EXECUTORS_MAX; i++)
        cr_assert_eq(jobd_executor_open(x.conn, NULL, &more[i]), 0);
    cr_assert_eq(jobd_executor_open(x.conn, NULL, &none), JOBD_E_LIMIT);
    jobd_executor_free(more[7]);
    cr_assert_eq(jobd_executor_open(x.conn, NULL, &more[7]), 0);
    fake_daemon_pump(x.conn);
    fake_daemon_serve(&x.d);
    cr_assert_eq(fake_daemon_pump(x.conn), 0);
    for (size_t i = 1; i < JD_EXECUTORS_MAX; i++)
        jobd_executor_free(more[i]);
    end(&x);
}

// A daemon that does not read: submits stop at the limit, nothing is lost, and all go out later.
Test(client_future, unsent_bytes_have_a_limit) {
    struct fake_daemon d;
    static char args[10000];
    static jobd_future *fs[1000];
    jobd_conn_options opts = {JOBD_OPTIONS(jobd_conn_options), .max_pending_bytes = 300000};
    jobd_conn *conn = fake_daemon_connect(&d, &opts);
    jobd_executor *ex;
    size_t n = 0, got = 0;
    int r;
    cr_assert_eq(jobd_executor_open(conn, NULL, &ex), 0);
    while ((r = jobd_submit(ex, "task", (jobd_bytes){args, sizeof args}, NULL, &fs[n])) == 0)
        cr_assert_lt(++n, JD_LEN(fs));
    cr_assert_eq(r, JOBD_E_AGAIN);
    cr_assert_eq(jobd_submit(ex, "task", (jobd_bytes){0}, NULL, &fs[n]), JOBD_E_AGAIN);
    cr_assert_eq(jobd_conn_flush(conn, 1), JOBD_E_TIMEOUT);
    while (jobd_conn_flush(conn, 0) == JOBD_E_TIMEOUT || got < n) {
        struct jd_msg msg;
        while (fake_daemon_next(&d, &msg))
            got += msg.op == JD_OP_SUBMIT;
    }
    cr_assert_eq(got, n);
    for (size_t i = 0; i < n; i++)
        jobd_future_unref(fs[i]);
    jobd_executor_free(ex);
    jobd_close(conn);
    fake_daemon_free(&d);
}

Test(client_future, many_submits_leave_by_themselves) {
    struct fixture x;
    struct jd_msg msg;
    static jobd_future *fs[2000];
    begin(&x, 0);
    for (size_t i = 0; i < JD_LEN(fs); i++)
        cr_assert_eq(jobd_submit(x.ex, "task", (jobd_bytes){0}, NULL, &fs[i]), 0);
    cr_assert(fake_daemon_next(&x.d, &msg), "32 KiB were waiting");
    for (size_t i = 0; i < JD_LEN(fs); i++)
        jobd_future_unref(fs[i]);
    end(&x);
}

// Every allocation on the way fails once: nothing has changed then, and nothing is lost.
Test(client_future, out_of_memory) {
    for (unsigned long n = 1, r = 1; r != 0; n++) {
        struct fixture x;
        static char args[500];
        jobd_executor *ex = NULL;
        jobd_future *f = NULL;
        int r_open, r_submit = 0;
        begin(&x, 0);
        jd_mem_fail_nth(n);
        r_open = jobd_executor_open(x.conn, NULL, &ex);
        if (r_open == 0)
            r_submit = jobd_submit(ex, "task", (jobd_bytes){args, sizeof args}, NULL, &f);
        jd_mem_fail_nth(0);
        r = (unsigned long)(r_open | r_submit);
        cr_assert(r_open == 0 || r_open == JOBD_E_NOMEM);
        cr_assert(r_submit == 0 || r_submit == JOBD_E_NOMEM);
        fake_daemon_submit(&x.d, x.ex, x.fs, 1);
        cr_assert_eq(x.fs[0]->handle, f ? 1 : 0);
        x.n = 1;
        jobd_future_unref(f);
        jobd_executor_free(ex);
        end(&x);
        cr_assert_lt(n, 100ul);
    }
}

Test(client_future, out_of_memory_for_an_outcome) {
    struct fixture x;
    jobd_error error = {0};
    struct diary diary = {0};
    struct entry a = {&diary, 'a'};
    begin(&x, 2);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &a), 0);
    jd_mem_fail_nth(1);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &a), JOBD_E_NOMEM);
    fake_daemon_done(&x.d, 0, "a value that does not fit into the future itself");
    jd_mem_fail_nth(1);
    fake_daemon_pump(x.conn);
    cr_assert_eq(jobd_future_exception(x.fs[0], 0, &error), 1);
    cr_assert_eq(error.code, JOBD_E_NOMEM);
    cr_assert_str_eq(diary.text, "a");
    fake_daemon_failed(&x.d, 1, "Name", "text");
    jd_mem_fail_nth(1);
    fake_daemon_pump(x.conn);
    jd_mem_fail_nth(0);
    cr_assert_eq(jobd_future_exception(x.fs[1], 0, &error), 1);
    cr_assert_eq(error.code, JOBD_E_TASK);
    cr_assert_str_eq(error.message, jobd_strerror(JOBD_E_TASK));
    end(&x);
}

// In the child everything is refused, nothing is said to the daemon and no callback runs.
static int act_as_child(struct fixture *x) {
    jobd_future *f;
    jobd_completion *walk;
    jobd_executor *ex;
    jobd_error error = {0};
    int64_t ms;
    bool ok = jobd_conn_ready(x->conn) == JOBD_E_FORKED;
    ok = ok && jobd_conn_process(x->conn) == JOBD_E_FORKED;
    ok = ok && jobd_conn_wait(x->conn, 0) == JOBD_E_FORKED;
    ok = ok && jobd_conn_flush(x->conn, 0) == JOBD_E_FORKED;
    ok = ok && jobd_conn_fd(x->conn) == JOBD_E_FORKED && jobd_conn_events(x->conn) == 0;
    ok = ok && jobd_conn_timeout(x->conn, &ms) == JOBD_E_FORKED;
    ok = ok && jobd_conn_ping(x->conn, 0, &ms) == JOBD_E_FORKED;
    ok = ok && jobd_conn_error(x->conn, &error) == 1 && error.code == JOBD_E_FORKED;
    ok = ok && jobd_executor_open(x->conn, NULL, &ex) == JOBD_E_FORKED;
    ok = ok && jobd_submit(x->ex, "task", (jobd_bytes){0}, NULL, &f) == JOBD_E_FORKED;
    ok = ok && jobd_future_result(x->fs[0], 0, NULL) == JOBD_E_FORKED;
    ok = ok && jobd_future_cancel(x->fs[0], 0) == JOBD_E_FORKED;
    ok = ok && jobd_future_add_done_callback(x->fs[0], write_down, NULL) == JOBD_E_FORKED;
    ok = ok && jobd_wait(x->fs, 1, JOBD_ALL_COMPLETED, 0, NULL) == JOBD_E_FORKED;
    ok = ok && jobd_as_completed(x->fs, 1, 0, &walk) == JOBD_E_FORKED;
    jobd_close(x->conn);
    ok = ok && jobd_future_result(x->fs[0], JOBD_FOREVER, NULL) == JOBD_E_FORKED;
    jobd_future_unref(x->fs[0]);
    jobd_executor_free(x->ex);
    return ok ? 0 : 1;
}

Test(client_future, forked_child) {
    struct fixture x;
    struct diary diary = {0};
    struct entry a = {&diary, 'a'};
    int status;
    begin(&x, 1);
    cr_assert_eq(jobd_future_add_done_callback(x.fs[0], write_down, &a), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int r = act_as_child(&x);
        _exit(r | (diary.n ? 2 : 0));
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "status %d", status);
    struct jd_msg msg;
    cr_assert_not(fake_daemon_next(&x.d, &msg));
    fake_daemon_done(&x.d, 0, "v"); // the parent goes on
    cr_assert_eq(jobd_future_result(x.fs[0], JOBD_FOREVER, NULL), 0);
    cr_assert_str_eq(diary.text, "a");
    end(&x);
}
