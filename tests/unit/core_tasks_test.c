#include <criterion/criterion.h>
#include <string.h>

#include <jobd/task.h>

#include "core/tasks.h"
#include "mem.h"
#include "pack.h"

// What a worker's HELLO carries, in the making.
struct list {
    struct jd_buf b;
    msgpack_packer pk;
};

static void list_begin(struct list *l, uint32_t n) {
    jd_buf_init(&l->b, 1 << 20);
    l->pk = jd_packer_of(&l->b);
    msgpack_pack_array(&l->pk, n);
}

static void list_add(struct list *l, const char *name, uint64_t flags, const char *summary) {
    msgpack_pack_array(&l->pk, 3);
    jd_pack_str(&l->pk, jd_text(name));
    msgpack_pack_uint64(&l->pk, flags);
    jd_pack_str(&l->pk, jd_text(summary));
}

static int list_give(struct list *l, struct tasks *tasks) {
    int r = tasks_register(tasks, jd_buf_view(&l->b));
    jd_buf_free(&l->b);
    return r;
}

static int give(struct tasks *tasks, uint32_t n, const char *const names[], uint64_t flags) {
    struct list l;
    list_begin(&l, n);
    for (uint32_t i = 0; i < n; i++)
        list_add(&l, names[i], flags, "does something");
    return list_give(&l, tasks);
}

static void expect_untouched(const struct tasks *tasks) {
    cr_expect_not(tasks->settled);
    for (uint32_t i = 0; i < tasks->n; i++) {
        cr_expect_not(tasks->list[i].known);
        cr_expect_null(tasks->list[i].summary);
    }
}

static struct tasks tasks; // too large for a stack frame

Test(core_tasks, a_name_has_one_number) {
    int a = tasks_intern(&tasks, jd_text("first")), b = tasks_intern(&tasks, jd_text("second"));
    cr_expect_eq(a, 0);
    cr_expect_eq(b, 1);
    cr_expect_eq(tasks_intern(&tasks, jd_text("first")), a);
    cr_expect_eq(tasks_find(&tasks, jd_text("second")), b);
    cr_expect_eq(tasks_find(&tasks, jd_text("firs")), -1);
    cr_expect_eq(tasks_find(&tasks, jd_text("firstt")), -1);
    cr_expect_eq(tasks_find(&tasks, (jobd_bytes){0}), -1);
    tasks_free_all(&tasks);
}

// Some of them meet `ping` in its place of the table.
Test(core_tasks, a_name_with_a_zero_in_it_is_nobodys) {
    char name[16] = "ping";
    cr_assert_eq(tasks_intern(&tasks, jd_text("ping")), 0);
    for (uint32_t i = 0; i < 200000; i++) {
        memcpy(name + 5, &i, sizeof i);
        cr_assert_eq(tasks_find(&tasks, (jobd_bytes){name, 5 + sizeof i}), -1);
    }
    tasks_free_all(&tasks);
}

Test(core_tasks, what_is_no_name) {
    char longest[TASK_NAME_BYTES + 2];
    memset(longest, 'x', sizeof longest);
    cr_expect_eq(tasks_intern(&tasks, (jobd_bytes){0}), JOBD_E_INVAL);
    cr_expect_eq(tasks_intern(&tasks, jd_text("two words")), JOBD_E_INVAL);
    cr_expect_eq(tasks_intern(&tasks, jd_text("na\xc3\xafve")), JOBD_E_INVAL);
    cr_expect_eq(tasks_intern(&tasks, (jobd_bytes){"a\0b", 3}), JOBD_E_INVAL);
    cr_expect_eq(tasks_intern(&tasks, (jobd_bytes){longest, TASK_NAME_BYTES + 1}), JOBD_E_INVAL);
    cr_expect_eq(tasks_intern(&tasks, (jobd_bytes){longest, TASK_NAME_BYTES}), 0);
    cr_expect_eq(tasks.n, 1u);
    tasks_free_all(&tasks);
}

Test(core_tasks, the_table_is_full_at_its_limit) {
    char name[32];
    for (int i = 0; i < JD_TASKS_MAX; i++) {
        snprintf(name, sizeof name, "task-%d", i);
        cr_assert_eq(tasks_intern(&tasks, jd_text(name)), i);
    }
    cr_expect_eq(tasks_intern(&tasks, jd_text("one-more")), JOBD_E_LIMIT);
    cr_expect_eq(tasks_find(&tasks, jd_text("one-more")), -1);
    for (int i = 0; i < JD_TASKS_MAX; i++) {
        snprintf(name, sizeof name, "task-%d", i);
        cr_assert_eq(tasks_find(&tasks, jd_text(name)), i);
    }
    tasks_free_all(&tasks);
}

Test(core_tasks, out_of_memory_interns_nothing) {
    for (unsigned long nth = 1; nth <= 2; nth++) { // the list, then the name
        jd_mem_fail_nth(nth);
        cr_expect_eq(tasks_intern(&tasks, jd_text("name")), JOBD_E_NOMEM);
        jd_mem_fail_nth(0);
        cr_expect_eq(tasks.n, 0u);
        cr_expect_eq(tasks_find(&tasks, jd_text("name")), -1);
    }
    cr_expect_eq(tasks_intern(&tasks, jd_text("name")), 0);
    tasks_free_all(&tasks);
}

Test(core_tasks, the_first_list_settles_what_there_is) {
    static const char *const names[] = {"ping", "sleep"};
    cr_assert_eq(tasks_intern(&tasks, jd_text("unheard-of")), 0);
    cr_assert_eq(tasks_intern(&tasks, jd_text("sleep")), 1);
    cr_assert_eq(give(&tasks, 2, names, JOBD_TASK_IDEMPOTENT), 0);
    cr_expect(tasks.settled);
    cr_expect_eq(tasks.n_wire, 2u);
    cr_expect_not(tasks.list[0].known, "it waited for a worker that has it, in vain");
    const struct task *sleeper = &tasks.list[1], *ping = &tasks.list[2];
    cr_expect(sleeper->known && ping->known);
    cr_expect_eq(sleeper->wire, 1u, "its place in the worker's list");
    cr_expect_eq(ping->wire, 0u);
    cr_expect_eq(ping->flags, (uint32_t)JOBD_TASK_IDEMPOTENT);
    cr_expect_str_eq(ping->summary, "does something");
    tasks_free_all(&tasks);
}

Test(core_tasks, later_lists_must_be_the_same) {
    static const char *const names[] = {"ping", "sleep"}, *const turned[] = {"sleep", "ping"},
                             *const others[] = {"ping", "sleap"},
                             *const more[] = {"ping", "sleep", "wake"};
    cr_assert_eq(give(&tasks, 2, names, 1), 0);
    cr_expect_eq(give(&tasks, 2, names, 1), 0);
    cr_expect_eq(give(&tasks, 2, names, 0), JOBD_E_EXIST, "flags");
    cr_expect_eq(give(&tasks, 2, turned, 1), JOBD_E_EXIST, "order");
    cr_expect_eq(give(&tasks, 2, others, 1), JOBD_E_EXIST, "names");
    cr_expect_eq(give(&tasks, 1, names, 1), JOBD_E_EXIST, "fewer");
    cr_expect_eq(give(&tasks, 3, more, 1), JOBD_E_EXIST, "more");
    cr_expect(tasks.settled);
    cr_expect(tasks.list[0].known && tasks.list[1].known, "a refused list changes nothing");
    cr_expect_eq(give(&tasks, 2, names, 1), 0);
    tasks_free_all(&tasks);
}

Test(core_tasks, what_is_no_list) {
    static const char *const twice[] = {"ping", "sleep", "ping"}, *const bad[] = {"ping", "a b"};
    static const jobd_bytes wrong[] = {
        {"", 0},                                        // nothing
        {"\x07", 1},                                    // a number
        {"\xdd\x7f\xff\xff\xff", 5},                    // more items than bytes
        {"\x91\x07", 2},                                // an item that is no array
        {"\x91\x92\xa1p\x00", 5},                       // two fields
        {"\x91\x94\xa1p\x00\xa1s\xa1t", 8},             // four
        {"\x91\x93\xa1p\xa1s\x00", 6},                  // in the wrong order
        {"\x91\x93\xa1p\xcf\0\0\0\1\0\0\0\0\xa1s", 14}, // flags of 33 bits
    };
    for (size_t i = 0; i < JD_LEN(wrong); i++) {
        cr_expect_eq(tasks_register(&tasks, wrong[i]), JOBD_E_PROTO, "%zu", i);
        expect_untouched(&tasks);
    }
    cr_expect_eq(give(&tasks, 3, twice, 0), JOBD_E_PROTO);
    expect_untouched(&tasks);
    cr_expect_eq(give(&tasks, 2, bad, 0), JOBD_E_PROTO);
    expect_untouched(&tasks);
    cr_expect_eq(give(&tasks, 2, twice, 0), 0, "and a good one is still welcome");
    tasks_free_all(&tasks);
}

Test(core_tasks, out_of_memory_registers_nothing) {
    static const char *const names[] = {"ping", "sleep"};
    cr_assert_eq(tasks_intern(&tasks, jd_text("sleep")), 0);
    int r = JOBD_E_NOMEM;
    unsigned long nth = 1;
    for (; r == JOBD_E_NOMEM; nth++) {
        struct list l;
        list_begin(&l, 2);
        for (int i = 0; i < 2; i++)
            list_add(&l, names[i], 0, "");
        jd_mem_fail_nth(nth);
        r = tasks_register(&tasks, jd_buf_view(&l.b));
        jd_mem_fail_nth(0);
        jd_buf_free(&l.b);
        if (r)
            expect_untouched(&tasks);
    }
    cr_expect_eq(r, 0);
    cr_expect_geq(nth, 4u, "three allocations at least: a name, two summaries");
    tasks_free_all(&tasks);
}

Test(core_tasks, a_long_summary_is_cut) {
    char text[400];
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = '\0';
    struct list l;
    list_begin(&l, 1);
    list_add(&l, "wordy", 0, text);
    cr_assert_eq(list_give(&l, &tasks), 0);
    cr_expect_eq(strlen(tasks.list[0].summary), 256u);
    tasks_free_all(&tasks);
}

Test(core_tasks, only_known_names_are_suggested) {
    static const char *const names[] = {"integrate", "countdown"};
    tasks_intern(&tasks, jd_text("integrat"));
    cr_assert_eq(give(&tasks, 2, names, 0), 0);
    cr_expect_str_eq(tasks_suggest(&tasks, jd_text("integrat")), "integrate");
    cr_expect_str_eq(tasks_suggest(&tasks, jd_text("cuontdown")), "countdown");
    cr_expect_null(tasks_suggest(&tasks, jd_text("zzz")));
    tasks_free_all(&tasks);
}

Test(core_tasks, a_run_time_is_known_after_eight_runs) {
    struct task task = {0};
    for (int i = 0; i < 7; i++) {
        task_ran(&task, 4000);
        cr_assert_eq(task_estimate_ns(&task), 1000000u, "unknown counts as 1 ms");
    }
    task_ran(&task, 4000);
    cr_expect_eq(task_estimate_ns(&task), 4000u);
    cr_expect_eq(task.runs, 8u);
    task_ran(&task, 12000);
    cr_expect_eq(task_estimate_ns(&task), 5000u, "an eighth of the way");
    for (int i = 0; i < 200; i++)
        task_ran(&task, 100000);
    cr_expect(task_estimate_ns(&task) > 99900 && task_estimate_ns(&task) <= 100000, "it moves");
    for (int i = 0; i < 200; i++)
        task_ran(&task, UINT64_C(3600000000000));
    cr_expect_eq(task_estimate_ns(&task), UINT32_MAX);
}

Test(core_tasks, the_first_runs_count_alike) {
    struct task task = {0};
    for (uint64_t i = 1; i <= 8; i++)
        task_ran(&task, i * 1000);
    cr_expect_eq(task_estimate_ns(&task), 4500u);
}
