// Jobs that call back: the real jobd-worker, and a fake master that plays the daemon's part of
// lending, frame by frame.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "mem.h"
#include "support/fake_master.h"

#define PLUGIN_WORK JOBD_PLUGIN_DIR "/plugin_work.so"

enum { CHILDREN = 4096, RESUME_KIND = 2 };

static struct fake_master m;
static jobd_args *a;

static void begin(void) {
    fake_start(&m, (const char *[]){PLUGIN_WORK, NULL});
    a = jobd_args_new();
}

static void end(void) {
    fake_stop(&m);
    jobd_args_free(a);
}

TestSuite(map, .init = begin, .fini = end);

static jobd_bytes finish(void) {
    jobd_bytes b;
    cr_assert_eq(jobd_args_finish(a, &b), 0);
    return b;
}

// [task, [[0], [1], ...], timeout_ms]
static jobd_bytes map_of(const char *task, uint32_t n, int64_t timeout_ms) {
    jobd_args_reset(a);
    jobd_args_array(a, 3);
    jobd_args_str(a, task);
    jobd_args_array(a, n);
    for (uint32_t i = 0; i < n; i++) {
        jobd_args_array(a, 1);
        jobd_args_u64(a, i);
    }
    jobd_args_i64(a, timeout_ms);
    return finish();
}

static bool text_has(jobd_bytes text, const char *part) {
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void expect_squares(struct jd_result r, uint32_t n) {
    jobd_reader in = jobd_reader_of(r.value);
    uint32_t n_there;
    uint64_t v;
    cr_assert_eq(r.error, 0u, "%.*s", (int)r.text.len, (const char *)r.text.data);
    cr_assert_eq(jobd_read_array(&in, &n_there), 0);
    cr_assert_eq(n_there, n);
    for (uint64_t i = 0; i < n; i++)
        cr_assert(jobd_read_u64(&in, &v) == 0 && v == i * i);
    cr_expect_eq(in.pos, in.end);
}

// ---- the daemon's part ----

struct child {
    uint64_t handle;
    uint32_t first, n;
};
static struct child children[CHILDREN];
static uint32_t n_children, n_aborted;
static uint64_t aborted[CHILDREN];

static struct jd_msg expect_request(unsigned op) {
    struct jd_msg msg = fake_next(&m);
    cr_assert(msg.shape == JD_REQUEST && msg.op == op, "%s, not %s", jd_op_name(msg.op),
              jd_op_name(op));
    return msg;
}

static void lend(int error) {
    struct jd_msg msg = expect_request(JD_OP_LEND);
    cr_expect_eq(msg.u.lend.seq, m.seq);
    fake_reply(&m, msg.id, JD_OP_LEND, error, "");
}

// Accepts every child. Returns the id of the request that wants the answer last.
static uint32_t take_children(void) {
    uint32_t first = 0;
    struct jd_msg msg;
    for (n_children = 0; (msg = fake_next(&m)).op == JD_OP_SUBMIT; n_children++) {
        uint32_t n;
        jobd_reader r = jobd_reader_of(msg.u.submit.args);
        cr_assert_lt(n_children, (uint32_t)CHILDREN);
        cr_assert_eq(jobd_read_array(&r, &n), 0);
        cr_assert_eq(n, msg.u.submit.chunk);
        children[n_children] = (struct child){msg.u.submit.handle, first, n};
        first += n;
        fake_reply(&m, msg.id, JD_OP_SUBMIT, 0, "");
    }
    cr_assert_eq(msg.op, JD_OP_RESUME);
    return msg.id;
}

static void done(const struct child *c, int state, int error, uint32_t n_values) {
    jobd_args *values = jobd_args_new();
    struct jd_msg msg = {.shape = JD_EVENT,
                         .op = JD_OP_JOB_DONE,
                         .u.job_done = {.handle = c->handle,
                                        .state = (uint64_t)state,
                                        .error = (uint64_t)-error,
                                        .name = jd_text(error == JOBD_E_TASK ? "unlucky" : ""),
                                        .text = jd_text(error ? "not this one" : "")}};
    jobd_args_array(values, n_values);
    for (uint64_t i = c->first; i < c->first + n_values; i++)
        jobd_args_u64(values, i * i);
    cr_assert_eq(jobd_args_finish(values, &msg.u.job_done.value), 0);
    fake_pack(&m, &msg);
    jobd_args_free(values);
}

static void take_aborts(uint32_t n) {
    for (n_aborted = 0; n_aborted < n; n_aborted++) {
        struct jd_msg msg = expect_request(JD_OP_ABORT);
        aborted[n_aborted] = msg.u.abort.handle;
        cr_expect_gt(msg.u.abort.grace_ms, 0u);
        fake_reply(&m, msg.id, JD_OP_ABORT, 0, "");
    }
}

// ---- where slots are lent ----

Test(map, results_are_in_order_whatever_the_order_of_ends) {
    for (uint32_t n = 1; n < 3000; n = n * 7 + 1) {
        fake_run(&m, 3, "work.map", map_of("work.square", n, -1));
        fake_send(&m);
        lend(0);
        uint32_t id = take_children();
        const struct child *last = &children[n_children - 1];
        cr_expect_eq(last->first + last->n, n);
        cr_expect_leq(n_children, n);
        for (uint32_t k = n_children; k-- > 0;) {
            cr_expect_eq(children[k].handle, 3u * JD_CHILDREN_MAX + k);
            done(&children[k], JOBD_JOB_DONE, 0, children[k].n);
        }
        fake_send(&m);
        fake_reply(&m, id, JD_OP_RESUME, 0, "");
        expect_squares(fake_result(&m), n);
    }
}

Test(map, one_task_may_map_again_and_again_in_one_run_of_frames) {
    for (unsigned i = 0; i < 5; i++)
        fake_run(&m, i, "work.map", map_of("work.square", 3, -1));
    fake_send(&m);
    for (unsigned i = 0; i < 5; i++) {
        struct jd_msg msg = expect_request(JD_OP_LEND);
        cr_expect_eq(msg.u.lend.slot, i);
        fake_reply(&m, msg.id, JD_OP_LEND, 0, "");
        uint32_t id = take_children();
        for (uint32_t k = 0; k < n_children; k++)
            done(&children[k], JOBD_JOB_DONE, 0, children[k].n);
        fake_reply(&m, id, JD_OP_RESUME, 0, "");
        expect_squares(fake_result(&m), 3);
    }
}

Test(map, jobs_that_come_meanwhile_run_later_and_in_order) {
    const jobd_bytes two = {"\x91\x02", 2};
    uint64_t seq[5];
    seq[0] = fake_run(&m, 0, "work.map", map_of("work.square", 2, -1));
    seq[1] = fake_run(&m, 1, "work.square", two);
    fake_send(&m);
    struct jd_msg msg = expect_request(JD_OP_LEND);
    seq[2] = fake_run(&m, 2, "work.square", two);
    uint64_t gone = fake_run(&m, 3, "work.square", two);
    fake_reply(&m, msg.id, JD_OP_LEND, 0, "");
    uint32_t id = take_children();
    seq[3] = fake_run(&m, 4, "work.square", two);
    fake_send(&m);
    fake_wait_taken(&m, seq[3]);
    cr_expect(jd_board_revoke(m.board, 3, gone), "what it keeps can be taken back");
    for (uint32_t k = 0; k < n_children; k++)
        done(&children[k], JOBD_JOB_DONE, 0, children[k].n);
    seq[4] = fake_run(&m, 5, "work.square", two);
    fake_reply(&m, id, JD_OP_RESUME, 0, "");
    expect_squares(fake_result(&m), 2);
    for (int i = 1; i < 5; i++) {
        struct jd_result r = fake_result(&m);
        cr_expect_eq(r.seq, seq[i]);
        cr_expect(r.value.len == 1 && *(const char *)r.value.data == 4);
    }
}

Test(map, the_first_failure_in_order_counts_and_stops_what_is_behind_it) {
    fake_run(&m, 0, "work.map", map_of("work.square", 1000, -1));
    fake_send(&m);
    lend(0);
    uint32_t id = take_children();
    cr_assert_gt(n_children, 5u);
    done(&children[4], JOBD_JOB_FAILED, JOBD_E_TASK, 1);
    fake_send(&m);
    take_aborts(n_children - 5);
    for (uint32_t i = 0; i < n_aborted; i++)
        cr_expect_eq(aborted[i], children[5 + i].handle);
    done(&children[2], JOBD_JOB_LOST, JOBD_E_WORKER_DIED, 0);
    fake_send(&m);
    take_aborts(1);
    cr_expect_eq(aborted[0], children[3].handle);
    for (uint32_t k = 0; k < 2; k++)
        done(&children[k], JOBD_JOB_DONE, 0, children[k].n);
    for (uint32_t k = 3; k < n_children; k++)
        if (k != 4)
            done(&children[k], JOBD_JOB_KILLED, JOBD_E_KILLED, 0);
    fake_reply(&m, id, JD_OP_RESUME, 0, "");
    struct jd_result r = fake_result(&m);
    char item[32];
    snprintf(item, sizeof item, "item %u: not this one", children[2].first);
    cr_expect_eq(r.error, (uint64_t)-JOBD_E_TASK);
    cr_expect(text_has(r.text, item), "%.*s", (int)r.text.len, (const char *)r.text.data);
}

Test(map, a_failure_within_a_chunk_names_its_item) {
    fake_run(&m, 0, "work.map", map_of("work.square", 60000, -1)); // chunks whatever the CPUs
    fake_send(&m);
    lend(0);
    uint32_t id = take_children();
    cr_assert_gt(children[1].n, 2u);
    for (uint32_t k = 0; k < n_children; k++)
        if (k != 1)
            done(&children[k], JOBD_JOB_DONE, 0, children[k].n);
    done(&children[1], JOBD_JOB_FAILED, JOBD_E_TASK, 2);
    fake_reply(&m, id, JD_OP_RESUME, 0, "");
    struct jd_result r = fake_result(&m);
    char item[32];
    snprintf(item, sizeof item, "item %u: not this one", children[1].first + 2);
    cr_expect(text_has(r.name, "unlucky"));
    cr_expect(text_has(r.text, item), "%.*s", (int)r.text.len, (const char *)r.text.data);
}

Test(map, a_refused_child_is_a_failure) {
    fake_run(&m, 0, "work.map", map_of("work.square", 1, -1));
    fake_send(&m);
    lend(0);
    struct jd_msg msg = expect_request(JD_OP_SUBMIT);
    fake_reply(&m, msg.id, JD_OP_SUBMIT, JOBD_E_STOPPING, "going home");
    msg = expect_request(JD_OP_RESUME);
    fake_reply(&m, msg.id, JD_OP_RESUME, 0, "");
    cr_expect(text_has(fake_result(&m).text, "item 0: going home"));
}

Test(map, results_that_are_none_are_a_failure) {
    for (uint32_t n = 0; n < 3; n += 2) {
        fake_run(&m, 0, "work.map", map_of("work.square", 1, -1));
        fake_send(&m);
        lend(0);
        uint32_t id = take_children();
        done(&children[0], JOBD_JOB_DONE, 0, n);
        fake_reply(&m, id, JD_OP_RESUME, 0, "");
        cr_expect(text_has(fake_result(&m).text, "item 0: its results are no array"));
    }
}

static void expect_all_stopped(uint32_t id) {
    take_aborts(n_children);
    for (uint32_t k = 0; k < n_children; k++) {
        cr_expect_eq(aborted[k], children[k].handle);
        done(&children[k], JOBD_JOB_CANCELLED, JOBD_E_CANCELLED, 0);
    }
    fake_reply(&m, id, JD_OP_RESUME, 0, "");
}

Test(map, a_job_that_is_to_stop_stops_its_children) {
    uint64_t seq = fake_run(&m, 9, "work.map", map_of("work.square", 100, -1));
    fake_send(&m);
    lend(0);
    uint32_t id = take_children();
    jd_board_ask_stop(m.board, 9, seq);
    expect_all_stopped(id);
    cr_expect_eq(fake_result(&m).error, (uint64_t)-JOBD_E_CANCELLED);
}

Test(map, a_time_limit_stops_the_children) {
    fake_run(&m, 9, "work.map", map_of("work.square", 100, 1));
    fake_send(&m);
    lend(0);
    expect_all_stopped(take_children());
    struct jd_result r = fake_result(&m);
    cr_expect(text_has(r.text, "JOBD_E_TIMEOUT"), "%.*s", (int)r.text.len,
              (const char *)r.text.data);
}

Test(map, large_arguments_go_in_frames_that_fit) {
    enum { ITEMS = 30, ITEM_BYTES = 200000 };
    char *big = jd_zalloc(ITEM_BYTES);
    size_t n_bytes = 0;
    jobd_args_array(a, 3);
    jobd_args_str(a, "work.square");
    jobd_args_array(a, ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        jobd_args_array(a, 1);
        jobd_args_bin(a, (jobd_bytes){big, 20000});
    }
    jobd_args_i64(a, -1);
    fake_run(&m, 0, "work.map", finish());
    fake_send(&m);
    lend(0);
    uint32_t id = take_children();
    for (uint32_t k = 0; k < n_children; k++) {
        n_bytes += children[k].n;
        done(&children[k], JOBD_JOB_DONE, 0, children[k].n);
    }
    cr_expect_eq(n_bytes, (size_t)ITEMS);
    fake_reply(&m, id, JD_OP_RESUME, 0, "");
    expect_squares(fake_result(&m), ITEMS);
    jd_free(big);
}

Test(map, a_slot_that_is_not_given_back_is_an_error) {
    fake_run(&m, 0, "work.map", map_of("work.square", 1, -1));
    fake_send(&m);
    lend(0);
    uint32_t id = take_children();
    done(&children[0], JOBD_JOB_DONE, 0, 1);
    fake_reply(&m, id, JD_OP_RESUME, JOBD_E_STATE, "no");
    cr_expect(text_has(fake_result(&m).text, "JOBD_E_STATE"));
}

Test(map_end, a_master_that_hangs_up_ends_the_wait) {
    begin();
    fake_run(&m, 0, "work.map", map_of("work.square", 1, -1));
    fake_send(&m);
    lend(0);
    take_children();
    fake_hang_up(&m);
    cr_expect(text_has(fake_result(&m).text, "JOBD_E_CLOSED"));
    int status = fake_join(&m);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fake_free(&m);
    jobd_args_free(a);
}

// ---- where none can be lent ----

Test(map, runs_here_where_no_slot_can_be_lent) {
    fake_run(&m, 0, "work.map", map_of("work.square", 13, -1));
    fake_send(&m);
    lend(JOBD_E_AGAIN);
    expect_squares(fake_result(&m), 13);
}

Test(map, a_failure_here_has_its_item_and_words) {
    fake_run(&m, 0, "work.map", map_of("work.square", 20, -1));
    fake_send(&m);
    lend(JOBD_E_AGAIN);
    struct jd_result r = fake_result(&m);
    cr_expect_eq(r.error, (uint64_t)-JOBD_E_TASK);
    cr_expect(text_has(r.name, "unlucky"));
    cr_expect(text_has(r.text, "item 13: 13 is refused"));
}

Test(map, maps_within_maps_run_here_and_ask_for_nothing) {
    jobd_args_array(a, 3);
    jobd_args_str(a, "work.map");
    jobd_args_array(a, 2);
    for (uint32_t i = 0; i < 2; i++) {
        jobd_args_array(a, 3);
        jobd_args_str(a, "work.square");
        jobd_args_array(a, 1);
        jobd_args_array(a, 1);
        jobd_args_u64(a, 5 + i);
        jobd_args_i64(a, -1);
    }
    jobd_args_i64(a, -1);
    fake_run(&m, 0, "work.map", finish());
    fake_send(&m);
    lend(JOBD_E_AGAIN);
    struct jd_result r = fake_result(&m);
    static const unsigned char want[] = {0xdd, 0,  0,    0, 2, 0xdd, 0, 0, 0,
                                         1,    25, 0xdd, 0, 0, 0,    1, 36};
    cr_assert_eq(r.error, 0u, "%.*s", (int)r.text.len, (const char *)r.text.data);
    cr_expect(r.value.len == sizeof want && memcmp(r.value.data, want, sizeof want) == 0);
}

Test(map, an_item_of_a_chunk_may_map) {
    jobd_args_array(a, 2);
    for (uint32_t i = 0; i < 2; i++) {
        jobd_args_array(a, 3);
        jobd_args_str(a, "work.square");
        jobd_args_array(a, 1);
        jobd_args_array(a, 1);
        jobd_args_u64(a, 5 + i);
        jobd_args_i64(a, -1);
    }
    fake_run_chunk(&m, 0, "work.map", finish(), 2);
    fake_send(&m);
    lend(JOBD_E_AGAIN);
    lend(JOBD_E_AGAIN);
    cr_expect_eq(fake_result(&m).error, 0u);
    cr_expect_eq(jd_board_read_item(m.board, 0), 1u, "the map's items are not the chunk's");
}

Test(map, stops_here_too) {
    jobd_args_reset(a);
    jobd_args_array(a, 3);
    jobd_args_str(a, "work.meet");
    jobd_args_array(a, 1);
    jobd_args_array(a, 1);
    jobd_args_u64(a, 2); // it waits for another one, which never comes
    jobd_args_i64(a, -1);
    uint64_t seq = fake_run(&m, 0, "work.map", finish());
    fake_send(&m);
    lend(JOBD_E_AGAIN);
    fake_wait_started(&m, 0, seq);
    jd_board_ask_stop(m.board, 0, seq);
    cr_expect_eq(fake_result(&m).error, (uint64_t)-JOBD_E_CANCELLED);
    fake_run(&m, 1, "work.map", map_of("work.square", 3, 0));
    fake_send(&m);
    lend(JOBD_E_AGAIN);
    cr_expect(text_has(fake_result(&m).text, "JOBD_E_TIMEOUT"));
}

// ---- what is no map ----

Test(map, of_nothing_asks_for_nothing) {
    fake_run(&m, 0, "work.map", map_of("work.square", 0, -1));
    fake_send(&m);
    expect_squares(fake_result(&m), 0);
}

Test(map, mistakes_are_answered) {
    fake_run(&m, 0, "work.unknown_call", (jobd_bytes){"\x90", 1});
    fake_run(&m, 1, "work.map", map_of("no.such.task", 2, -1));
    fake_run(&m, 2, "work.map", (jobd_bytes){"\x93\xa1x\x91\x01\xff", 6}); // 1 is no array
    fake_run(&m, 3, "work.map", (jobd_bytes){"\x93\x01\x90\xff", 4});      // 1 is no name
    fake_send(&m);
    cr_expect(text_has(fake_result(&m).text, "JOBD_E_NOTSUP"));
    cr_expect(text_has(fake_result(&m).text, "no task \"no.such.task\""));
    cr_expect(text_has(fake_result(&m).text, "JOBD_E_INVAL"));
    cr_expect(text_has(fake_result(&m).text, "JOBD_E_INVAL"));
}
