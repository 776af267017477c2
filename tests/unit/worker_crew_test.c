// A worker of several threads, driven by a fake master.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "support/fake_master.h"
#include "unit/rng.h"

#define PLUGIN_WORK JOBD_PLUGIN_DIR "/plugin_work.so"

static const jobd_bytes nothing = {"\x90", 1}, two = {"\x91\x02", 2}, three = {"\x91\x03", 2};

static void start(struct fake_master *m, const char *threads) {
    fake_start_as(m, &(struct fake_options){.plugins = (const char *[]){PLUGIN_WORK, NULL},
                                            .threads = threads});
}

// Waits for the results of these sequences, in any order.
static void expect_done(struct fake_master *m, uint64_t first, unsigned n) {
    bool seen[1024] = {false};
    for (unsigned i = 0; i < n; i++) {
        struct jd_result r = fake_result(m);
        cr_assert(r.seq >= first && r.seq < first + n && !seen[r.seq - first]);
        cr_assert_eq(r.error, 0u, "%.*s", (int)r.text.len, (const char *)r.text.data);
        seen[r.seq - first] = true;
    }
}

Test(crew, as_many_jobs_run_at_once_as_it_has_threads) {
    struct fake_master m;
    start(&m, "3");
    for (unsigned slot = 0; slot < 3; slot++)
        fake_run(&m, slot, "work.meet", three);
    fake_send(&m);
    expect_done(&m, 1, 3);
    fake_stop(&m);
}

Test(crew, no_more_run_at_once_than_it_has_threads) {
    struct fake_master m;
    start(&m, "2");
    for (unsigned slot = 0; slot < 3; slot++)
        fake_run(&m, slot, "work.meet", three);
    fake_send(&m);
    fake_wait_started(&m, 0, 1);
    fake_wait_started(&m, 1, 2);
    fake_wait_taken(&m, 3);
    cr_expect(jd_board_revoke(m.board, 2, 3), "the third has not begun");
    jd_board_ask_stop(m.board, 0, 1);
    jd_board_ask_stop(m.board, 1, 2);
    cr_expect_eq(fake_result(&m).error, (uint64_t)-JOBD_E_CANCELLED);
    cr_expect_eq(fake_result(&m).error, (uint64_t)-JOBD_E_CANCELLED);
    fake_stop(&m);
}

Test(crew, a_job_that_comes_while_others_run_finds_a_thread) {
    struct fake_master m;
    start(&m, "3");
    for (unsigned slot = 0; slot < 3;
         slot++) { // one after the other: each is read by another thread
        fake_run(&m, slot, "work.meet", three);
        fake_send(&m);
        if (slot < 2)
            fake_wait_started(&m, slot, slot + 1);
    }
    expect_done(&m, 1, 3);
    fake_stop(&m);
}

Test(crew, a_window_of_256_comes_back_whole) {
    struct fake_master m;
    start(&m, "4");
    for (int round = 0; round < 20; round++) {
        uint64_t first = m.seq + 1;
        for (unsigned slot = 0; slot < JD_WINDOW_MAX; slot++)
            fake_run(&m, slot, "work.square", two);
        fake_send(&m);
        expect_done(&m, first, JD_WINDOW_MAX);
        cr_expect_eq(jd_board_taken(m.board), m.seq);
    }
    cr_expect_eq(jd_board_out_tail(m.board), m.received);
    fake_stop(&m);
}

Test(crew, jobs_one_by_one_and_in_bursts) {
    struct fake_master m;
    struct rng g = rng_begin("crew");
    start(&m, "3");
    for (int round = 0; round < 300; round++) {
        uint64_t first = m.seq + 1;
        unsigned n = (unsigned)(1 + rng_below(&g, rng_below(&g, 4) ? 3 : 40));
        for (unsigned slot = 0; slot < n; slot++) {
            fake_run(&m, slot, "ping", nothing);
            if (rng_below(&g, 2))
                fake_send(&m);
        }
        fake_send(&m);
        expect_done(&m, first, n);
    }
    fake_stop(&m);
}

Test(crew, results_survive_its_death_on_the_board) {
    struct fake_master m;
    struct jd_result r;
    start(&m, "2");
    fake_run(&m, 0, "work.meet", two);
    fake_run(&m, 1, "work.meet", two);
    fake_send(&m);
    expect_done(&m, 1, 2);
    fake_run(&m, 2, "work.square", two);
    const jobd_bytes long_time = {"\x91\xcd\x03\xe8", 4}; // 1000 s
    fake_run(&m, 3, "sleep", long_time);
    uint64_t last = fake_run(&m, 4, "sleep", long_time);
    fake_send(&m);
    fake_wait_started(&m, 4, last);
    cr_assert_eq(kill(m.pid, SIGKILL), 0);
    cr_expect(WIFSIGNALED(fake_join(&m)));
    cr_assert(fake_result_left(&m, &r));
    cr_expect_eq(r.slot, 2u);
    cr_expect(!fake_result_left(&m, &r), "the two others were running");
    fake_free(&m);
}

Test(crew, what_was_received_before_a_hang_up_is_done) {
    struct fake_master m;
    start(&m, "2");
    for (unsigned slot = 0; slot < 100; slot++)
        fake_run(&m, slot, "work.square", two);
    fake_send(&m);
    fake_hang_up(&m);
    expect_done(&m, 1, 100);
    int status = fake_join(&m);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fake_free(&m);
}

Test(crew, garbage_ends_it) {
    struct fake_master m;
    char log[256];
    start(&m, "2");
    fake_send_bytes(&m, "\0\0\0\4garb", 8);
    int status = fake_join(&m);
    fake_log(&m, log, sizeof log);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    cr_expect(strstr(log, "no message"), "%s", log);
    fake_free(&m);
}

Test(crew, runs_no_programs) {
    struct fake_master m;
    start(&m, "2");
    fake_run(&m, 0, "exec", nothing);
    fake_send(&m);
    struct jd_result r = fake_result(&m);
    cr_expect(r.name.len == 7 && memcmp(r.name.data, "threads", 7) == 0);
    fake_stop(&m);
}

// ---- lending ----

static struct jd_msg expect_request(struct fake_master *m, unsigned op) {
    struct jd_msg msg = fake_next(m);
    cr_assert(msg.shape == JD_REQUEST && msg.op == op, "%s, not %s", jd_op_name(msg.op),
              jd_op_name(op));
    return msg;
}

static void square_done(struct fake_master *m, uint64_t handle) {
    const struct jd_msg msg = {
        .shape = JD_EVENT,
        .op = JD_OP_JOB_DONE,
        .u.job_done = {.handle = handle, .state = JOBD_JOB_DONE, .value = {"\x91\x04", 2}}};
    fake_pack(m, &msg);
}

// Jobs that map one item each: all lend, nobody is left, and threads are started for their
// children.
static void lend_all(struct fake_master *m, unsigned n) {
    const jobd_bytes map = {"\x93\xabwork.square\x91\x91\x02\xff", 18};
    uint32_t lend_id[JD_WINDOW_MAX] = {0}, resume_id[JD_WINDOW_MAX] = {0};
    for (unsigned slot = 0; slot < n; slot++)
        fake_run(m, slot, "work.map", map);
    fake_send(m);
    for (unsigned i = 0, n_resumes = 0; n_resumes < n; i++) {
        struct jd_msg msg = fake_next(m);
        cr_assert_eq(msg.shape, JD_REQUEST);
        if (msg.op == JD_OP_SUBMIT) {
            fake_reply(m, msg.id, JD_OP_SUBMIT, 0, "");
        } else if (msg.op == JD_OP_LEND) {
            lend_id[msg.u.lend.slot] = msg.id;
            fake_reply(m, msg.id, JD_OP_LEND, 0, "");
        } else {
            cr_assert_eq(msg.op, JD_OP_RESUME);
            cr_assert_neq(lend_id[msg.u.lend.slot], 0u);
            resume_id[msg.u.lend.slot] = msg.id;
            n_resumes++;
        }
    }
    // All of them wait now, and jobs run in their place, in the same worker.
    uint64_t first = m->seq + 1;
    for (unsigned slot = 0; slot < 2; slot++)
        fake_run(m, n + slot, "work.meet", two);
    fake_send(m);
    expect_done(m, first, 2);
    for (unsigned slot = n; slot-- > 0;) {
        square_done(m, slot * JD_CHILDREN_MAX);
        fake_send(m);
        fake_reply(m, resume_id[slot], JD_OP_RESUME, 0, "");
        struct jd_result r = fake_result(m);
        cr_expect_eq(r.slot, slot);
        cr_expect_eq(r.error, 0u, "%.*s", (int)r.text.len, (const char *)r.text.data);
    }
}

Test(crew, other_jobs_run_where_all_threads_wait) {
    struct fake_master m;
    start(&m, "2");
    lend_all(&m, 2);
    lend_all(&m, 2);
    fake_stop(&m);
}

Test(crew, threads_are_started_for_as_many_jobs_as_lend) {
    struct fake_master m;
    start(&m, "2");
    lend_all(&m, 40);
    fake_stop(&m);
}

Test(crew, a_waiting_job_hears_its_answer_while_another_thread_reads) {
    struct fake_master m;
    const jobd_bytes map = {"\x93\xabwork.square\x91\x91\x02\xff", 18};
    start(&m, "2");
    fake_run(&m, 0, "work.map", map);
    fake_send(&m);
    struct jd_msg msg = expect_request(&m, JD_OP_LEND);
    for (unsigned i = 0; i < 50; i++) { // the other thread comes and goes
        fake_run(&m, 1, "ping", nothing);
        fake_send(&m);
        cr_assert_eq(fake_result(&m).slot, 1u);
    }
    fake_reply(&m, msg.id, JD_OP_LEND, JOBD_E_AGAIN, "");
    struct jd_result r = fake_result(&m);
    cr_expect_eq(r.error, 0u);
    cr_expect_eq(r.slot, 0u);
    fake_stop(&m);
}
