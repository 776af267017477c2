#include "ctx.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "frame.h"
#include "host.h"
#include "log.h"
#include "mem.h"

static struct jd_board board;
static struct link l;
static struct post post;
static jobd_task_ctx ctx;
static const struct jd_run job = {.slot = 3, .seq = 9, .job = 42, .attempt = 2};

enum { MAX_VALUE = 100 };

static void begin(void) {
    l = (struct link){.fd = -1, .board = &board, .max_frame = MAX_VALUE + JD_ENVELOPE_BYTES};
    jd_buf_init(&l.out, 1 << 16);
    post_init(&post, &l, NULL);
    ctx_init(&ctx, &post);
    ctx_begin(&ctx, &job, 1000);
}

static void end(void) {
    ctx_end(&ctx);
    ctx_free(&ctx);
    post_free(&post);
    jd_buf_free(&l.out);
}

static struct jd_result outcome(int returned) {
    struct jd_result r = {0};
    ctx_outcome(&ctx, ctx_error(&ctx, returned), &r);
    return r;
}

static int give(const void *data, size_t n) {
    return host_table.result(&ctx, (jobd_bytes){data, n});
}

static void expect_error(struct jd_result r, int code, const char *name, const char *part) {
    cr_expect_eq(r.error, (uint64_t)-code);
    cr_expect_eq(r.value.len, 0u);
    cr_expect(r.name.len == strlen(name) && memcmp(r.name.data, name, r.name.len) == 0);
    cr_expect(memmem(r.text.data, r.text.len, part, strlen(part)), "%.*s", (int)r.text.len,
              (const char *)r.text.data);
}

TestSuite(ctx, .init = begin, .fini = end);

Test(ctx, knows_its_job) {
    cr_expect_eq(host_table.struct_size, sizeof(jobd_host));
    cr_expect_eq(host_table.job_id(&ctx), 42u);
    cr_expect_eq(host_table.attempt(&ctx), 2u);
}

Test(ctx, the_last_result_wins) {
    cr_expect_eq(give("\x01", 1), 0);
    cr_expect_eq(give("\xa2hi", 3), 0);
    struct jd_result r = outcome(0);
    cr_expect_eq(r.error, 0u);
    cr_expect(r.value.len == 3 && memcmp(r.value.data, "\xa2hi", 3) == 0);
}

Test(ctx, no_result_is_an_empty_one) {
    struct jd_result r = outcome(0);
    cr_expect_eq(r.error, 0u);
    cr_expect_eq(r.value.len, 0u);
}

Test(ctx, a_result_is_exactly_one_value) {
    static const struct {
        const char *data;
        size_t n;
    } bad[] = {{"", 0}, {"\x01\x02", 2}, {"\x92\x01", 2}, {"\xc1", 1}, {"\xdd\xff\xff\xff\xff", 5}};
    for (size_t i = 0; i < JD_LEN(bad); i++)
        cr_expect_eq(give(bad[i].data, bad[i].n), JOBD_E_INVAL);
    expect_error(outcome(0), JOBD_E_TASK, "bad_result", "exactly one");
}

Test(ctx, a_good_result_heals_a_refused_one) {
    give("", 0);
    cr_expect_eq(give("\xc0", 1), 0);
    cr_expect_eq(outcome(0).error, 0u);
}

Test(ctx, a_result_over_the_limit_names_both_sizes) {
    unsigned char big[MAX_VALUE + 1] = {0xc4, MAX_VALUE - 1};
    cr_expect_eq(give(big, MAX_VALUE + 1), JOBD_E_RESULT_TOO_BIG);
    expect_error(outcome(0), JOBD_E_RESULT_TOO_BIG, "", "101 bytes, the limit is 100");
    expect_error(outcome(JOBD_E_RESULT_TOO_BIG), JOBD_E_RESULT_TOO_BIG, "", "101 bytes");
    big[1]--;
    cr_expect_eq(give(big, MAX_VALUE), 0);
    cr_expect_eq(outcome(0).value.len, (size_t)MAX_VALUE);
}

Test(ctx, no_memory_for_the_result_is_an_answer) {
    jd_mem_fail_nth(1);
    cr_expect_eq(give("\xc0", 1), JOBD_E_NOMEM);
    expect_error(outcome(0), JOBD_E_NOMEM, "", "1 bytes");
}

Test(ctx, fail_names_the_error) {
    int r = host_table.fail(&ctx, "bad_args", "give more");
    cr_expect_eq(r, JOBD_E_TASK);
    expect_error(outcome(r), JOBD_E_TASK, "bad_args", "give more");
}

Test(ctx, fail_cuts_long_texts) {
    char long_text[500];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    struct jd_result r = outcome(host_table.fail(&ctx, long_text, long_text));
    cr_expect_eq(r.name.len, 63u);
    cr_expect_eq(r.text.len, 255u);
    r = outcome(host_table.fail(&ctx, NULL, NULL));
    expect_error(r, JOBD_E_TASK, "", "JOBD_E_TASK");
}

Test(ctx, an_error_without_a_word_gets_one) {
    expect_error(outcome(JOBD_E_NOENT), JOBD_E_TASK, "", "the task returned JOBD_E_NOENT");
}

Test(ctx, a_number_that_is_no_error_is_one) {
    expect_error(outcome(5), JOBD_E_TASK, "", "returned 5");
}

Test(ctx, the_last_job_leaves_nothing_to_the_next) {
    host_table.fail(&ctx, "old", "old");
    give("\x01", 1);
    outcome(JOBD_E_TASK);
    ctx_end(&ctx);
    ctx_begin(&ctx, &job, 2000);
    struct jd_result r = outcome(0);
    cr_expect(r.error == 0 && r.value.len == 0);
    expect_error(outcome(-1), JOBD_E_TASK, "", "JOBD_E_INVAL");
}

Test(ctx, cancelled_follows_its_own_sequence) {
    jd_board_ask_stop(&board, 3, 8);
    cr_expect(!host_table.cancelled(&ctx));
    expect_error(outcome(JOBD_E_CANCELLED), JOBD_E_TASK, "", "JOBD_E_CANCELLED");
    jd_board_ask_stop(&board, 3, 9);
    cr_expect(host_table.cancelled(&ctx));
    expect_error(outcome(JOBD_E_CANCELLED), JOBD_E_CANCELLED, "", "");
    cr_expect_eq(outcome(0).error, 0u, "done is done");
}

Test(ctx, time_left) {
    struct jd_run limited = job;
    cr_expect_eq(host_table.time_left_ms(&ctx), JOBD_FOREVER);
    limited.time_limit_ms = 1000000;
    ctx_begin(&ctx, &limited, host_table.now_ns(&ctx));
    int64_t left = host_table.time_left_ms(&ctx);
    cr_expect(left > 0 && left <= 1000000);
    ctx_begin(&ctx, &limited, 1);
    limited.time_limit_ms = 1;
    ctx_begin(&ctx, &limited, 1);
    cr_expect_eq(host_table.time_left_ms(&ctx), 0);
    limited.time_limit_ms = UINT64_MAX;
    ctx_begin(&ctx, &limited, 1);
    cr_expect_eq(host_table.time_left_ms(&ctx), JOBD_FOREVER);
}

static double shown(char *note) {
    double fraction;
    jd_board_read_progress(&board, 3, &fraction, note);
    return fraction;
}

Test(ctx, progress_is_clamped_and_noted) {
    char note[JD_NOTE_MAX + 1];
    host_table.progress(&ctx, 0.25, "a quarter");
    cr_expect_eq(shown(note), 0.25);
    cr_expect_str_eq(note, "a quarter");
    host_table.progress(&ctx, 7, NULL);
    cr_expect_eq(shown(note), 1.0);
    cr_expect_str_eq(note, "a quarter");
    host_table.progress(&ctx, -1, NULL);
    cr_expect_eq(shown(note), 0.0);
    host_table.progress(&ctx, 0.5, NULL);
    host_table.progress(&ctx, NAN, NULL);
    cr_expect_eq(shown(note), 0.0);
}

// What the job has put into the ring since the last look.
static struct jd_msg sent(void) {
    static unsigned char bytes[JD_BOARD_RING_BYTES];
    struct jd_msg msg;
    jobd_bytes payload;
    size_t need;
    cr_assert(jd_board_ring_read(&board, l.sent, l.tail, false, bytes));
    int64_t size = jd_frame_next(bytes, (size_t)(l.tail - l.sent), 1 << 16, &payload, &need);
    cr_assert_eq(size, (int64_t)(l.tail - l.sent), "one frame");
    cr_assert_eq(jd_msg_unpack(payload, &msg), 0);
    l.sent = l.tail;
    return msg;
}

Test(ctx, a_line_of_its_log_is_a_frame) {
    char long_text[3000];
    host_table.log(&ctx, 99, "half %d\n done", 7);
    struct jd_msg msg = sent();
    cr_expect_eq(msg.op, JD_OP_TASK_LOG);
    cr_expect(msg.u.task_log.slot == 3 && msg.u.task_log.seq == 9);
    cr_expect_eq(msg.u.task_log.level, 3u);
    cr_expect_eq(msg.u.task_log.text.len, strlen("half 7\n done"));
    cr_expect_eq(memcmp(msg.u.task_log.text.data, "half 7\n done", 12), 0);
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    host_table.log(&ctx, -5, "%s", long_text);
    msg = sent();
    cr_expect_eq(msg.u.task_log.level, 0u);
    cr_expect_eq(msg.u.task_log.text.len, (size_t)JD_TEXT_MAX);
}

static char logged[JD_LOG_LINE_MAX];

static void keep(enum jd_log_level level, const char *line, size_t len) {
    memcpy(logged, line, len);
    logged[len] = '\0';
    cr_expect_eq(level, JD_LOG_DEBUG);
}

Test(ctx, an_initializer_has_no_job) {
    jd_log_setup(JD_LOG_DEBUG, keep);
    ctx_begin_init(&ctx);
    host_table.log(&ctx, 3, "half %d\n done", 7);
    cr_expect_str_eq(logged, "event=task.log text=\"half 7\\x0a done\"");
    cr_expect_eq(l.tail, 0u);
    cr_expect(!host_table.cancelled(&ctx), "nothing was asked of sequence 0");
    host_table.progress(&ctx, 0.5, "half");
    double fraction;
    char note[JD_NOTE_MAX + 1];
    jd_board_read_progress(&board, 0, &fraction, note);
    cr_expect_eq(fraction, 0.0);
    cr_expect_eq(host_table.job_id(&ctx), 0u);
}

Test(ctx, any_other_job_is_item_0_of_1) {
    uint32_t n = 99;
    cr_expect_eq(host_table.item(&ctx, &n), 0u);
    cr_expect_eq(n, 1u);
    cr_expect_eq(host_table.item(&ctx, NULL), 0u);
}

Test(ctx, memory_of_a_job_is_aligned_and_stops_costing) {
    for (int round = 0; round < 5; round++) {
        if (round == 1)
            jd_mem_fail_nth(1); // from the second job on nothing is allocated
        for (size_t n = 0; n < 200; n += 7) {
            unsigned char *p = host_table.alloc(&ctx, n);
            cr_assert(p);
            cr_expect_eq((uintptr_t)p % _Alignof(max_align_t), 0u);
            memset(p, 0xff, n);
        }
        ctx_end(&ctx);
        ctx_begin(&ctx, &job, 1000);
    }
    jd_mem_fail_nth(0);
    cr_expect_null(host_table.alloc(&ctx, SIZE_MAX));
}

Test(ctx, a_huge_job_does_not_keep_its_memory) {
    cr_assert(host_table.alloc(&ctx, 8 * ARENA_KEEP_MAX_BYTES));
    ctx_end(&ctx);
    cr_expect_leq(ctx.arena.cap, (size_t)ARENA_KEEP_MAX_BYTES);
}
