// The real jobd-worker, driven by a fake master over its socket and its board.
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"
#include "support/fake_master.h"

#define PLUGIN_TREE JOBD_PLUGIN_DIR "/plugin_tree.so"
#define PLUGIN_WORK JOBD_PLUGIN_DIR "/plugin_work.so"

static const jobd_bytes nothing = {"\x90", 1}; // []

static jobd_bytes seconds(jobd_args *a, double s) {
    jobd_bytes b;
    jobd_args_reset(a);
    jobd_args_array(a, 1);
    jobd_args_f64(a, s);
    cr_assert_eq(jobd_args_finish(a, &b), 0);
    return b;
}

static jobd_bytes payload(jobd_args *a, size_t n) {
    char *data = jd_zalloc(n);
    jobd_bytes b;
    cr_assert(data);
    jobd_args_reset(a);
    jobd_args_array(a, 1);
    jobd_args_bin(a, (jobd_bytes){data, n});
    jd_free(data);
    cr_assert_eq(jobd_args_finish(a, &b), 0);
    return b;
}

static jobd_bytes integral(jobd_args *a, const char *f, double from, double to, uint64_t n) {
    jobd_bytes b;
    jobd_args_reset(a);
    jobd_args_array(a, 4);
    jobd_args_str(a, f);
    jobd_args_f64(a, from);
    jobd_args_f64(a, to);
    jobd_args_u64(a, n);
    cr_assert_eq(jobd_args_finish(a, &b), 0);
    return b;
}

static double first_number(jobd_bytes value) {
    jobd_reader r = jobd_reader_of(value);
    uint32_t n;
    double v = 0;
    jobd_read_array(&r, &n);
    jobd_read_f64(&r, &v);
    cr_assert_eq(r.err, 0);
    return v;
}

static bool text_has(jobd_bytes text, const char *part) {
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void expect_exit(struct fake_master *m, int code, const char *log_part) {
    char log[1024];
    int status = fake_join(m);
    fake_log(m, log, sizeof log);
    cr_expect(WIFEXITED(status), "status %x, log: %s", (unsigned)status, log);
    cr_expect_eq(WEXITSTATUS(status), code);
    cr_expect(strstr(log, log_part), "log: %s", log);
    fake_free(m);
}

Test(worker, says_hello_with_its_tasks_in_registry_order) {
    struct fake_master m;
    fake_start(&m, NULL);
    cr_expect_eq(m.said.role, JD_ROLE_WORKER);
    cr_expect_eq(m.said.pid, (uint64_t)m.pid);
    cr_expect_eq(m.said.max_frame, m.max_frame);
    cr_expect_eq(fake_task(&m, "echo"), 0u);
    cr_expect_eq(fake_task(&m, "ping"), 1u);
    cr_expect_eq(fake_task(&m, "integrate"), 2u);
    cr_expect_eq(fake_task(&m, "countdown"), 3u);
    cr_expect_eq(fake_task(&m, "sleep"), 4u);
    cr_expect_eq(fake_task(&m, "exec"), 5u);
    cr_expect_eq(fake_task(&m, "quad"), 6u);
    fake_stop(&m);
}

Test(worker, everything_it_sends_counts_on_the_board) {
    struct fake_master m;
    fake_start(&m, NULL);
    fake_run(&m, 0, "ping", nothing);
    fake_send(&m);
    fake_result(&m);
    cr_expect_gt(m.received, 0u);
    cr_expect_eq(jd_board_out_tail(m.board), m.received);
    fake_stop(&m);
}

Test(worker, a_window_of_256_comes_back_in_order) {
    struct fake_master m;
    fake_start(&m, NULL);
    for (int round = 0; round < 3; round++) {
        for (unsigned slot = 0; slot < JD_WINDOW_MAX; slot++)
            fake_run(&m, slot, "ping", nothing);
        uint64_t first = m.seq - JD_WINDOW_MAX + 1;
        fake_send(&m);
        for (unsigned slot = 0; slot < JD_WINDOW_MAX; slot++) {
            struct jd_result r = fake_result(&m);
            cr_assert_eq(r.slot, slot);
            cr_assert_eq(r.seq, first + slot);
            cr_assert_eq(r.error, 0u);
            cr_assert_gt(r.value.len, 0u);
        }
    }
    cr_expect_eq(jd_board_taken(m.board), m.seq);
    fake_stop(&m);
}

Test(worker, frames_that_arrive_in_pieces_are_whole_jobs) {
    struct fake_master m;
    fake_start(&m, NULL);
    fake_run(&m, 0, "ping", nothing);
    fake_run(&m, 1, "ping", nothing);
    jobd_bytes b = jd_buf_view(&m.out);
    for (size_t i = 0; i < b.len; i++)
        fake_send_bytes(&m, (const char *)b.data + i, 1);
    cr_expect_eq(fake_result(&m).seq, 1u);
    cr_expect_eq(fake_result(&m).seq, 2u);
    fake_stop(&m);
}

Test(worker, a_job_taken_back_before_its_claim_does_not_run) {
    struct fake_master m;
    jobd_args *a = jobd_args_new();
    fake_start(&m, NULL);
    uint64_t busy = fake_run(&m, 0, "sleep", seconds(a, 1000));
    uint64_t gone = fake_run(&m, 1, "ping", nothing);
    fake_send(&m);
    fake_wait_started(&m, 0, busy);
    cr_expect_eq(jd_board_taken(m.board), gone, "read before anything of the batch was run");
    cr_expect(!jd_board_revoke(m.board, 0, busy), "a claimed job cannot be taken back");
    cr_expect(jd_board_revoke(m.board, 1, gone));
    jd_board_ask_stop(m.board, 0, busy);
    cr_expect_eq(fake_result(&m).seq, busy);
    uint64_t later = fake_run(&m, 1, "ping", nothing);
    fake_send(&m);
    cr_expect_eq(fake_result(&m).seq, later, "the one between was skipped");
    fake_stop(&m);
    jobd_args_free(a);
}

Test(worker, results_survive_its_death_on_the_board) {
    struct fake_master m;
    struct jd_result r;
    jobd_args *a = jobd_args_new();
    fake_start(&m, NULL);
    for (unsigned slot = 0; slot < 10; slot++)
        fake_run(&m, slot, "ping", nothing);
    uint64_t busy = fake_run(&m, 10, "sleep", seconds(a, 1000));
    fake_run(&m, 11, "ping", nothing);
    fake_send(&m);
    fake_wait_started(&m, 10, busy);
    cr_assert_eq(kill(m.pid, SIGKILL), 0);
    cr_expect(WIFSIGNALED(fake_join(&m)));
    for (unsigned slot = 0; slot < 10; slot++) {
        cr_assert(fake_result_left(&m, &r));
        cr_expect_eq(r.slot, slot);
    }
    cr_expect(!fake_result_left(&m, &r), "neither the one it was running nor the one after it");
    cr_expect_eq(jd_slot_state(jd_board_word(m.board, 10)), JD_SLOT_STARTED);
    cr_expect_eq(jd_slot_state(jd_board_word(m.board, 11)), JD_SLOT_QUEUED);
    fake_free(&m);
    jobd_args_free(a);
}

Test(worker, large_results_go_past_the_ring_in_order) {
    static const size_t sizes[] = {0, 1000, 16300, 16384, 17000, 100000, 10, 500000, 65536, 3};
    struct fake_master m;
    jobd_args *a = jobd_args_new();
    fake_start(&m, NULL);
    for (unsigned i = 0; i < JD_LEN(sizes); i++)
        fake_run(&m, i, "ping", payload(a, sizes[i]));
    // The frames are more than the sockets hold: the worker answers while they are being sent.
    pid_t sender = fork();
    if (sender == 0) {
        fake_send(&m);
        _exit(0);
    }
    for (unsigned i = 0; i < JD_LEN(sizes); i++) {
        struct jd_result r = fake_result(&m);
        jobd_reader in = jobd_reader_of(r.value);
        jobd_bytes echo = {NULL, 0};
        uint32_t n;
        jobd_read_array(&in, &n);
        jobd_read_skip(&in);
        jobd_read_skip(&in);
        jobd_read_bin(&in, &echo);
        cr_assert_eq(in.err, 0);
        cr_assert_eq(r.slot, i);
        cr_assert_eq(echo.len, sizes[i]);
    }
    cr_expect_eq(jd_board_out_tail(m.board), m.received);
    waitpid(sender, NULL, 0);
    fake_stop(&m);
    jobd_args_free(a);
}

Test(worker, a_result_over_the_limit_fails_its_job_alone) {
    struct fake_master m;
    jobd_args *a = jobd_args_new();
    fake_start(&m, NULL);
    size_t max = m.max_frame - JD_ENVELOPE_BYTES;
    fake_run(&m, 0, "ping", payload(a, max - 10));
    fake_send(&m);
    struct jd_result r = fake_result(&m);
    cr_expect_eq(r.error, (uint64_t)-JOBD_E_RESULT_TOO_BIG);
    cr_expect(text_has(r.text, "1047566 bytes") && text_has(r.text, "1047552"), "%.*s",
              (int)r.text.len, (const char *)r.text.data);
    fake_run(&m, 0, "ping", nothing);
    fake_send(&m);
    cr_expect_eq(fake_result(&m).error, 0u);
    fake_stop(&m);
    jobd_args_free(a);
}

Test(worker, integrate_has_the_golden_bits) {
    struct fake_master m;
    jobd_args *a = jobd_args_new();
    fake_start(&m, NULL);
    fake_run(&m, 0, "integrate", integral(a, "cos", 0, 1.5707963267948966, 1000));
    fake_send(&m);
    cr_expect_eq(first_number(fake_result(&m).value), 1.0007851925466296);
    fake_stop(&m);
    jobd_args_free(a);
}

Test(worker, denormal_numbers_are_kept) {
    struct fake_master m;
    jobd_args *a = jobd_args_new();
    fake_start(&m, NULL);
    fake_run(&m, 0, "integrate", integral(a, "exp", 0, 1e-310, 1));
    fake_send(&m);
    cr_expect_eq(first_number(fake_result(&m).value), 1e-310, "the one step of height 1");
    fake_stop(&m);
    jobd_args_free(a);
}

Test(worker, the_flag_on_the_board_stops_integrate) {
    struct fake_master m;
    jobd_args *a = jobd_args_new();
    fake_start(&m, NULL);
    uint64_t seq = fake_run(&m, 7, "integrate", integral(a, "cos", 0, 1, UINT64_C(1) << 52));
    fake_send(&m);
    fake_wait_started(&m, 7, seq);
    jd_board_ask_stop(m.board, 7, seq);
    struct jd_result r = fake_result(&m);
    cr_expect_eq(r.error, (uint64_t)-JOBD_E_CANCELLED);
    cr_expect_gt(r.run_ns, 0u);
    fake_stop(&m);
    jobd_args_free(a);
}

Test(worker, a_task_it_does_not_have_is_answered) {
    struct fake_master m;
    fake_start(&m, NULL);
    fake_run(&m, 0, "no.such.task", nothing);
    fake_send(&m);
    cr_expect_eq(fake_result(&m).error, (uint64_t)-JOBD_E_NOTASK);
    fake_stop(&m);
}

Test(worker, garbage_ends_it) {
    struct fake_master m;
    fake_start(&m, NULL);
    fake_send_bytes(&m, "\0\0\0\4garb", 8);
    expect_exit(&m, 1, "no message");
}

Test(worker, a_frame_over_the_limit_ends_it) {
    struct fake_master m;
    fake_start(&m, NULL);
    fake_send_bytes(&m, "\1\0\0\0", 4);
    expect_exit(&m, 1, "over the limit of 1048576 bytes");
}

Test(worker, events_from_a_newer_master_are_ignored) {
    struct fake_master m;
    fake_start(&m, NULL);
    for (int i = 0; i < 1000; i++)
        fake_send_bytes(&m, "\0\0\0\4\x93\2\x7f\xc0", 8); // an event of the unknown op 0x7f
    fake_run(&m, 0, "ping", nothing);
    fake_send(&m);
    cr_expect_eq(fake_result(&m).seq, 1u);
    fake_stop(&m);
}

Test(worker, a_refused_hello_ends_it_with_the_reason) {
    struct fake_master m;
    char parent[16];
    struct jd_buf frame;
    const struct jd_msg no = {
        .shape = JD_REPLY, .error = JOBD_E_LIMIT, .text = {"one too many", 12}};
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    fake_spawn(&m, (const char *[]){"--parent", parent, "--max-frame", "65536", NULL});
    jd_buf_init(&frame, 1000);
    cr_assert_eq(jd_msg_pack(&frame, 1000, &no), 0);
    fake_send_bytes(&m, frame.data, jd_buf_used(&frame));
    jd_buf_free(&frame);
    expect_exit(&m, 1, "one too many");
}

Test(worker, does_not_start_for_a_parent_that_is_gone) {
    struct fake_master m;
    fake_spawn(&m, (const char *[]){"--parent", "1", "--max-frame", "65536", NULL});
    expect_exit(&m, 1, "not its parent");
}

Test(worker, does_not_start_without_its_arguments) {
    struct fake_master m;
    fake_spawn(&m, (const char *[]){NULL});
    expect_exit(&m, 1, "missing");
}

// ---- the initializer ----

static struct jd_msg initialize(struct fake_master *m, const char *task, jobd_bytes args) {
    const struct jd_msg init = {.shape = JD_REQUEST,
                                .op = JD_OP_INIT,
                                .id = 77,
                                .u.init = {.task = fake_task(m, task), .args = args}};
    fake_pack(m, &init);
    fake_send(m);
    struct jd_msg reply = fake_next(m);
    cr_assert(reply.shape == JD_REPLY && reply.id == 77);
    return reply;
}

Test(worker, runs_the_initializer_before_its_first_job) {
    struct fake_master m;
    fake_start(&m, (const char *[]){PLUGIN_WORK, NULL});
    cr_expect_eq(initialize(&m, "work.init", (jobd_bytes){"\x91\x2a", 2}).error, 0);
    fake_run(&m, 0, "work.inits", nothing);
    fake_send(&m);
    struct jd_result r = fake_result(&m);
    cr_expect(r.value.len == 1 && *(const char *)r.value.data == 42);
    fake_hang_up(&m);
    expect_exit(&m, 0, "event=task.log text=\"initializing\"");
}

Test(worker, an_initializer_that_fails_says_why) {
    struct fake_master m;
    fake_start(&m, (const char *[]){PLUGIN_WORK, NULL});
    struct jd_msg reply = initialize(&m, "work.init", nothing);
    cr_expect_eq(reply.error, JOBD_E_TASK);
    cr_expect(text_has(reply.text, "bad_args: init takes"));
    fake_stop(&m);
}

Test(worker, an_initializer_it_does_not_have_is_answered) {
    struct fake_master m;
    fake_start(&m, NULL);
    cr_expect_eq(initialize(&m, "no.such.task", nothing).error, JOBD_E_NOTASK);
    fake_stop(&m);
}

Test(worker, an_initializer_cannot_call_back) {
    struct fake_master m;
    fake_start(&m, (const char *[]){PLUGIN_WORK, NULL});
    struct jd_msg reply = initialize(&m, "work.map", (jobd_bytes){"\x93\xa1x\x90\xff", 5});
    cr_expect(text_has(reply.text, "JOBD_E_STATE"), "%.*s", (int)reply.text.len,
              (const char *)reply.text.data);
    fake_stop(&m);
}

Test(worker, a_second_initializer_ends_it) {
    struct fake_master m;
    fake_start(&m, (const char *[]){PLUGIN_WORK, NULL});
    initialize(&m, "work.init", (jobd_bytes){"\x91\x2a", 2});
    const struct jd_msg again = {
        .shape = JD_REQUEST, .op = JD_OP_INIT, .id = 78, .u.init = {.args = nothing}};
    fake_pack(&m, &again);
    fake_send(&m);
    expect_exit(&m, 1, "no message");
}

// ---- the log ----

Test(worker, a_flood_of_log_lines_arrives_whole_and_before_the_result) {
    struct fake_master m;
    char line[32];
    fake_start(&m, (const char *[]){PLUGIN_WORK, NULL});
    uint64_t seq = fake_run(&m, 3, "work.chatter", nothing);
    fake_send(&m);
    for (int i = 0; i < 20000; i++) {
        struct jd_msg msg = fake_next(&m);
        cr_assert_eq(msg.op, JD_OP_TASK_LOG);
        snprintf(line, sizeof line, "line %d", i);
        const struct jd_task_log *log = &msg.u.task_log;
        cr_assert(log->slot == 3 && log->seq == seq && log->level == 1);
        cr_assert(log->text.len == strlen(line) &&
                  memcmp(log->text.data, line, log->text.len) == 0);
    }
    cr_expect_eq(fake_result(&m).error, 0u);
    fake_stop(&m);
}

// ---- the end, and what is left behind ----

// The daemon that the job in slot 0 has started, as a pidfd.
static int daemon_of(struct fake_master *m) {
    char note[JD_NOTE_MAX + 1] = "";
    double fraction;
    for (int ms = 0; !note[0]; ms++) {
        cr_assert_lt(ms, FAKE_WAIT_MS);
        jd_board_read_progress(m->board, 0, &fraction, note);
        poll(NULL, 0, 1);
    }
    int fd = pidfd_open((pid_t)strtol(note, NULL, 10), 0);
    cr_assert_geq(fd, 0);
    return fd;
}

Test(worker, a_clean_end_leaves_no_process_behind) {
    struct fake_master m;
    fake_start(&m, (const char *[]){PLUGIN_TREE, NULL});
    fake_run(&m, 0, "tree.leave", nothing);
    fake_send(&m);
    cr_assert_eq(fake_result(&m).error, 0u);
    int fd = daemon_of(&m);
    fake_stop(&m);
    fake_wait_gone(fd);
    close(fd);
}

Test(worker, an_idle_worker_ends_with_the_master_and_so_does_its_tree) {
    struct fake_master m;
    fake_start(&m, (const char *[]){PLUGIN_TREE, NULL});
    fake_run(&m, 0, "tree.leave", nothing);
    fake_send(&m);
    cr_assert_eq(fake_result(&m).error, 0u);
    int fd = daemon_of(&m);
    close(m.socket);
    m.socket = -1;
    fake_wait_gone(fd);
    fake_join(&m);
    fake_free(&m);
    close(fd);
}

Test(worker, a_busy_worker_ends_with_the_master_and_so_does_its_tree) {
    struct fake_master m;
    fake_start(&m, (const char *[]){PLUGIN_TREE, NULL});
    fake_run(&m, 0, "tree.hang", nothing);
    fake_send(&m);
    int fd = daemon_of(&m);
    close(m.socket);
    m.socket = -1;
    fake_wait_gone(fd);
    int status = fake_join(&m);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    fake_free(&m);
    close(fd);
}

// ---- probing ----

static void expect_probe(const char *path, int code, const char *log) {
    struct fake_master m;
    fake_spawn(&m, (const char *[]){"--probe", path, NULL});
    expect_exit(&m, code, log);
}

Test(worker, probes_a_plugin_in_a_process_of_its_own) {
    expect_probe(PLUGIN_TREE, 0, "");
    expect_probe(JOBD_PLUGIN_DIR "/none.so", 1, "cannot be loaded");
    expect_probe("plain.so", 1, "slash");
}

#if defined(__SSE2__)
Test(worker, refuses_a_plugin_that_switches_denormals_off) {
    expect_probe(JOBD_PLUGIN_DIR "/plugin_flush.so", 1, "-ffast-math");
}
#endif
