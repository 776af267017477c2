// The allocator, and what every room above it does when memory is out: answer, and change nothing.
#include <criterion/criterion.h>
#include <string.h>

#include "mem.h"
#include "msg.h"
#include "slab.h"

Test(mem, size_zero_is_a_block) {
    void *a = jd_alloc(0), *b = jd_zalloc(0), *c = jd_realloc(NULL, 0);
    cr_expect(a && b && c);
    c = jd_realloc(c, 0);
    cr_expect(c);
    jd_free(a);
    jd_free(b);
    jd_free(c);
    jd_free(NULL);
}

Test(mem, zalloc_clears_and_strdup_copies) {
    unsigned char *z = jd_zalloc(4096);
    cr_assert(z);
    for (size_t i = 0; i < 4096; i++)
        cr_assert_eq(z[i], 0);
    jd_free(z);
    char *s = jd_strdup("worker");
    cr_expect_str_eq(s, "worker");
    jd_free(s);
}

Test(mem, only_the_nth_allocation_fails) {
    for (unsigned long n = 1; n <= 4; n++) {
        jd_mem_fail_nth(n);
        void *got[6] = {jd_alloc(8),   jd_zalloc(8), jd_realloc(NULL, 8),
                        jd_strdup(""), jd_alloc(8),  jd_alloc(8)};
        for (unsigned long i = 0; i < JD_LEN(got); i++) {
            cr_expect_eq(got[i] == NULL, i + 1 == n, "n=%lu, allocation %lu", n, i + 1);
            jd_free(got[i]);
        }
    }
    jd_mem_fail_nth(1);
    jd_mem_fail_nth(0);
    void *p = jd_alloc(1);
    cr_expect(p, "0 switches it off");
    jd_free(p);
}

Test(mem, a_failed_realloc_leaves_the_block) {
    char *s = jd_strdup("kept");
    jd_mem_fail_nth(1);
    void *bigger = jd_realloc(s, 1u << 20);
    cr_expect_null(bigger);
    cr_expect_str_eq(s, "kept");
    jd_free(s);
}

// ---- every allocating room: fail its 1st, 2nd, 3rd ... allocation until a run in which none did
// ----

static int run_buf(void) {
    static const char chunk[1000];
    struct jd_buf b;
    jd_buf_init(&b, 100000);
    int r = 0;
    for (int i = 0; i < 50 && !r; i++) {
        size_t before = jd_buf_used(&b);
        r = jd_buf_append(&b, chunk, sizeof chunk);
        cr_expect_eq(jd_buf_used(&b), r ? before : before + sizeof chunk);
    }
    jd_buf_free(&b);
    return r;
}

static int run_slab(void) {
    struct jd_slab s;
    jd_slab_init(&s, 64, 1u << 20);
    int r = 0;
    for (uint32_t i = 0; i < 40000 && !r; i++) {
        r = jd_slab_take(&s) ? 0 : JOBD_E_NOMEM;
        cr_expect_eq(s.used, r ? i : i + 1);
    }
    if (r) { // refused once, not for ever
        cr_expect(jd_slab_take(&s));
    }
    jd_slab_free_all(&s);
    return r;
}

static int run_value(void) {
    jobd_args *a = jobd_args_new();
    if (!a)
        return JOBD_E_NOMEM;
    jobd_bytes whole;
    jobd_args_array(a, 300);
    for (int i = 0; i < 300; i++)
        jobd_args_str(a, "a string of some length, so that the builder has to grow");
    int r = jobd_args_finish(a, &whole);
    if (r) { // the error sticks until reset
        cr_expect_eq(jobd_args_nil(a), r);
        jobd_args_reset(a);
        cr_expect_eq(jobd_args_nil(a), 0);
        cr_expect_eq(jobd_args_finish(a, &whole), 0);
        cr_expect_eq(whole.len, 1u);
    }
    jobd_args_free(a);
    return r;
}

static int run_msg(void) {
    static char args[3000];
    struct jd_msg m = {.shape = JD_REQUEST, .op = JD_OP_SUBMIT, .id = 7};
    m.u.submit =
        (struct jd_submit){.handle = 1, .task = jd_text("ping"), .args = {args, sizeof args}};
    struct jd_buf b;
    jd_buf_init(&b, 1u << 20);
    int r = 0;
    for (int i = 0; i < 20 && !r; i++) {
        size_t before = jd_buf_used(&b);
        r = jd_msg_pack(&b, JD_FRAME_DEFAULT_BYTES, &m);
        cr_expect(r == 0 || jd_buf_used(&b) == before, "half a frame was left behind");
    }
    jd_buf_free(&b);
    return r;
}

static void fail_each(const char *room, int (*run)(void)) {
    unsigned long n = 0;
    int r;
    do {
        jd_mem_fail_nth(++n);
        r = run();
        jd_mem_fail_nth(0);
        cr_assert(r == 0 || r == JOBD_E_NOMEM, "%s, allocation %lu: %s", room, n, jobd_errname(r));
    } while (r);
    cr_expect_gt(n, 2u, "%s allocates more than once", room);
}

Test(mem, every_room_answers_when_memory_is_out) {
    fail_each("buf", run_buf);
    fail_each("slab", run_slab);
    fail_each("value", run_value);
    fail_each("msg", run_msg);
}
