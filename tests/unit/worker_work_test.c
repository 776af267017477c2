#include "work.h"

#include <criterion/criterion.h>
#include <string.h>

#include "mem.h"

static struct jd_board board;
static struct work_queue q;

static int push(unsigned slot, uint64_t seq) {
    char args[8];
    memset(args, (int)seq, sizeof args);
    const struct jd_run run = {.slot = slot, .seq = seq, .args = {args, seq % 8}};
    return work_push(&q, &run, &board);
}

static void expect_next(uint64_t seq) {
    struct work *w = work_pop(&q);
    cr_assert(w);
    cr_expect_eq(w->run.seq, seq);
    cr_assert_eq(w->run.args.len, seq % 8);
    for (size_t i = 0; i < w->run.args.len; i++)
        cr_expect_eq(((const unsigned char *)w->run.args.data)[i], (unsigned char)seq);
    jd_free(w);
}

Test(work, comes_out_in_order_with_its_arguments) {
    cr_expect_null(work_pop(&q));
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t seq = 1; seq < 20; seq++)
            cr_assert_eq(push(3, seq), 0);
        for (uint64_t seq = 1; seq < 20; seq++)
            expect_next(seq);
        cr_expect_null(work_pop(&q));
    }
}

Test(work, a_full_queue_forgets_what_was_taken_back) {
    for (unsigned slot = 0; slot < JD_BOARD_SLOTS; slot++) {
        jd_board_publish(&board, slot, slot + 1);
        cr_assert_eq(push(slot, slot + 1), 0);
    }
    cr_expect_eq(push(0, 1000), JOBD_E_PROTO, "all of them are still to run");
    cr_assert(jd_board_revoke(&board, 7, 8));
    jd_board_publish(&board, 7, 1000);
    cr_expect_eq(push(7, 1000), 0);
    cr_expect_eq(q.n, (unsigned)JD_BOARD_SLOTS);
    for (uint64_t seq = 1; seq <= JD_BOARD_SLOTS; seq++)
        if (seq != 8)
            expect_next(seq);
    expect_next(1000);
    cr_expect_null(work_pop(&q));
}

Test(work, no_memory_is_an_answer) {
    jd_mem_fail_nth(1);
    cr_expect_eq(push(0, 1), JOBD_E_NOMEM);
    cr_expect_null(work_pop(&q));
}

Test(work, is_freed_with_what_is_in_it) {
    push(0, 1);
    push(1, 2);
    work_free(&q);
    cr_expect_null(work_pop(&q));
}
