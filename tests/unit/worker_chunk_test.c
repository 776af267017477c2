// A chunk, item by item: with a board and no master.
#include "chunk.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "host.h"
#include "job.h"
#include "log.h"
#include "mem.h"

enum { MAX_VALUE = 64, SLOT = 5, SEQ = 7 };

static struct jd_board board;
static struct link l;
static struct post post;
static jobd_task_ctx ctx;

// What the task below was told, and does.
static uint32_t n_calls, fail_at = UINT32_MAX, stop_at = UINT32_MAX, big_at = UINT32_MAX;
static size_t n_result = 1;

static int step(const jobd_host *host, jobd_task_ctx *c, jobd_bytes args) {
    uint32_t n, item = host->item(c, &n);
    unsigned char value[100] = {0xc4, 98};
    char *memory = host->alloc(c, 10);
    memset(memory, 1, 10);
    n_calls++;
    cr_assert(args.len == 2 && ((const unsigned char *)args.data)[1] == item % 128);
    cr_assert_eq(jd_board_read_item(&board, SLOT), (uint64_t)item);
    if (item == fail_at)
        return host->fail(c, "odd", "an odd item");
    if (item == stop_at)
        jd_board_ask_stop(&board, SLOT, SEQ);
    if (item == big_at)
        return host->result(c, (jobd_bytes){value, sizeof value});
    value[0] = (unsigned char)(item % 128);
    return n_result ? host->result(c, (jobd_bytes){value, n_result}) : 0;
}

static int nothing(const jobd_host *host, jobd_task_ctx *c, jobd_bytes args) {
    (void)host;
    (void)c;
    (void)args;
    return 0;
}

static int halfway(const jobd_host *host, jobd_task_ctx *c, jobd_bytes args) {
    (void)args;
    return host->progress(c, 0.5, NULL);
}

static const jobd_task_def tasks[] = {
    {"step", step, 0, NULL}, {"nothing", nothing, 0, NULL}, {"halfway", halfway, 0, NULL}};
static const jobd_task_module module = JOBD_TASK_MODULE("m", "1", tasks);
static struct registry registry;

static void begin(void) {
    l = (struct link){.fd = -1, .board = &board, .max_frame = MAX_VALUE + JD_ENVELOPE_BYTES};
    jobd_error why;
    cr_assert_eq(registry_add(&registry, &module, &why), 0);
    post_init(&post, &l, &registry);
    ctx_init(&ctx, &post);
}

static void end(void) {
    ctx_end(&ctx);
    ctx_free(&ctx);
    post_free(&post);
    registry_free(&registry);
}

TestSuite(chunk, .init = begin, .fini = end);

// [[0], [1], ...], of n items.
static jobd_bytes items(uint32_t n) {
    static unsigned char bytes[5 + 2 * JD_CHUNK_MAX];
    unsigned char *p = bytes;
    *p++ = 0xdd;
    for (int shift = 24; shift >= 0; shift -= 8)
        *p++ = (unsigned char)(n >> shift);
    for (uint32_t i = 0; i < n; i++) {
        *p++ = 0x91;
        *p++ = i % 128;
    }
    return (jobd_bytes){bytes, 5 + 2 * (size_t)n};
}

static struct jd_result run(uint64_t task, jobd_bytes args, uint32_t n) {
    const struct jd_run job = {.slot = SLOT, .seq = SEQ, .task = task, .args = args, .chunk = n};
    struct jd_msg msg;
    ctx_end(&ctx); // of the last one
    jd_board_publish(&board, SLOT, SEQ);
    cr_assert(job_run(&ctx, &job, 1000, &msg));
    return msg.u.result;
}

// The results before the failure, one small number each.
static void expect_results(struct jd_result r, uint32_t n) {
    jobd_reader in = jobd_reader_of(r.value);
    uint32_t n_there = 0;
    uint64_t v;
    cr_assert_eq(jobd_read_array(&in, &n_there), 0);
    cr_expect_eq(n_there, n);
    for (uint32_t i = 0; i < n_there; i++)
        cr_assert(jobd_read_u64(&in, &v) == 0 && v == i % 128);
    cr_expect_eq(in.pos, in.end);
}

static void expect_error(struct jd_result r, int code, const char *name, const char *part) {
    cr_expect_eq(r.error, (uint64_t)-code);
    cr_expect(r.name.len == strlen(name) && memcmp(r.name.data, name, r.name.len) == 0);
    cr_expect(memmem(r.text.data, r.text.len, part, strlen(part)), "%.*s", (int)r.text.len,
              (const char *)r.text.data);
}

Test(chunk, results_are_one_array_in_order) {
    struct jd_result r = run(0, items(20), 20);
    cr_expect_eq(r.error, 0u);
    cr_expect_eq(n_calls, 20u);
    expect_results(r, 20);
    expect_results(run(0, items(1), 1), 1);
}

Test(chunk, no_result_is_nil) {
    n_result = 0;
    struct jd_result r = run(0, items(3), 3);
    cr_expect_eq(r.error, 0u);
    cr_expect(r.value.len == 8 && memcmp((const char *)r.value.data + 5, "\xc0\xc0\xc0", 3) == 0);
}

Test(chunk, a_failing_item_keeps_the_results_before_it) {
    fail_at = 6;
    struct jd_result r = run(0, items(20), 20);
    cr_expect_eq(n_calls, 7u);
    expect_error(r, JOBD_E_TASK, "odd", "an odd item");
    expect_results(r, 6);
    cr_expect_eq(jd_board_read_item(&board, SLOT), 6u);
}

Test(chunk, the_first_item_may_fail_too) {
    fail_at = 0;
    struct jd_result r = run(0, items(4), 4);
    expect_error(r, JOBD_E_TASK, "odd", "an odd item");
    expect_results(r, 0);
}

Test(chunk, stops_between_items_when_asked) {
    stop_at = 3;
    struct jd_result r = run(0, items(20), 20);
    cr_expect_eq(n_calls, 4u, "the item that was running had its result");
    expect_error(r, JOBD_E_CANCELLED, "", "asked to");
    expect_results(r, 4);
}

Test(chunk, an_item_too_big_fails_alone) {
    big_at = 2;
    struct jd_result r = run(0, items(5), 5);
    expect_error(r, JOBD_E_RESULT_TOO_BIG, "", "with item 2");
    expect_results(r, 2);
}

Test(chunk, all_of_it_may_be_too_big) {
    struct jd_result r = run(0, items(100), 100);
    expect_error(r, JOBD_E_RESULT_TOO_BIG, "", "65 bytes, the limit is 64");
    expect_results(r, MAX_VALUE - 5);
    n_result = 0;
    n_calls = 0;
    r = run(1, items(60), 60);
    expect_error(r, JOBD_E_RESULT_TOO_BIG, "", "65 bytes");
}

Test(chunk, what_is_no_array_of_arguments_is_the_first_items_failure) {
    static const struct {
        jobd_bytes args;
        uint32_t n_good;
    } bad[] = {{{NULL, 0}, 0},
               {{"\xc0", 1}, 0},
               {{"\x92\x91\x00\x91\x01", 5}, 0}, // two, and three were said
               {{"\x93\x91\x00\x91\x01", 5}, 2}, // cut short
               {{"\x93\x91\x00\x01\x91\x02", 6}, 1},
               {{"\x93\x91\x00\x91\x01\x91", 6}, 2}};
    for (size_t i = 0; i < JD_LEN(bad); i++) {
        struct jd_result r = run(0, bad[i].args, 3);
        expect_error(r, JOBD_E_TASK, "bad_args", "of 3 are not an array");
        expect_results(r, bad[i].n_good);
    }
}

Test(chunk, no_memory_is_an_answer) {
    jd_mem_fail_nth(1);
    struct jd_result r = run(1, items(3), 3);
    expect_error(r, JOBD_E_NOMEM, "", "no memory");
    cr_expect_eq(r.value.len, 0u);
    cr_expect_eq(run(1, items(3), 3).error, 0u);
}

Test(chunk, progress_is_of_the_whole) {
    double fraction;
    char note[JD_NOTE_MAX + 1];
    run(2, items(4), 4);
    jd_board_read_progress(&board, SLOT, &fraction, note);
    cr_expect_eq(fraction, 3.5 / 4);
}

Test(chunk, the_next_job_of_the_slot_shows_nothing_of_it) {
    double fraction;
    char note[JD_NOTE_MAX + 1];
    run(2, items(4), 4);
    cr_expect_eq(jd_board_read_item(&board, SLOT), 3u);
    run(1, (jobd_bytes){"\x90", 1}, 0);
    cr_expect_eq(jd_board_read_item(&board, SLOT), 0u);
    jd_board_read_progress(&board, SLOT, &fraction, note);
    cr_expect_eq(fraction, 0.0);
}

Test(chunk, an_item_allocates_nothing) {
    l.max_frame = 1 << 20;
    ctx_free(&ctx);
    ctx_init(&ctx, &post);
    run(1, items(JD_CHUNK_MAX), JD_CHUNK_MAX);
    jd_mem_fail_nth(1);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    struct jd_result r = run(1, items(JD_CHUNK_MAX), JD_CHUNK_MAX);
    clock_gettime(CLOCK_MONOTONIC, &after);
    cr_expect_eq(r.error, 0u);
    jd_mem_fail_nth(0);
    double ns =
        (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
    cr_log_info("%.1f ns for an item that does nothing", ns / JD_CHUNK_MAX);
}
