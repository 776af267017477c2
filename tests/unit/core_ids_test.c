// The table of job ids, held against a plain list.
#include <criterion/criterion.h>
#include <stdlib.h>

#include "core/ids.h"
#include "mem.h"
#include "rng.h"

static struct ids ids;

Test(core_ids, nothing_is_there_at_first) {
    cr_expect_eq(ids_find(&ids, 0), 0u);
    cr_expect_eq(ids_find(&ids, UINT64_MAX), 0u);
    ids_free_all(&ids);
}

Test(core_ids, dense_ids_come_and_go) {
    for (uint64_t id = 1; id <= 5000; id++)
        cr_assert(ids_set(&ids, id, (uint32_t)id + 7));
    cr_expect_eq(ids.n_pages, 5u);
    for (uint64_t id = 1; id <= 5000; id++)
        cr_assert_eq(ids_find(&ids, id), (uint32_t)id + 7);
    for (uint64_t id = 1; id <= 5000; id++) {
        ids_clear(&ids, id);
        cr_assert_eq(ids_find(&ids, id), 0u);
    }
    cr_expect_eq(ids.n_pages, 0u);
    ids_free_all(&ids);
}

Test(core_ids, one_old_job_among_millions_costs_one_page) {
    cr_assert(ids_set(&ids, 3, 1));
    for (uint64_t id = 4; id < 3000000; id++) {
        cr_assert(ids_set(&ids, id, 2));
        ids_clear(&ids, id);
    }
    cr_expect_eq(ids_find(&ids, 3), 1u);
    cr_expect_leq(ids.n_pages, 1u);
    cr_expect_leq(ids.size, 16u);
    ids_free_all(&ids);
}

// Far apart, so that each has a page: they meet in the table, and leave holes in it.
Test(core_ids, as_a_list_would_have_it) {
    enum { N = 600, STEPS = 20000 };
    static uint64_t id[N];
    static uint32_t job[N];
    struct rng g = rng_begin("core_ids");
    for (uint32_t i = 0; i < N; i++)
        id[i] = ((uint64_t)i << 20) + rng_below(&g, 1 << 20);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t i = (uint32_t)rng_below(&g, N);
        if (job[i]) {
            ids_clear(&ids, id[i]);
            job[i] = 0;
        } else {
            job[i] = 1 + (uint32_t)rng_below(&g, 1000);
            cr_assert(ids_set(&ids, id[i], job[i]));
        }
        i = (uint32_t)rng_below(&g, N);
        cr_assert_eq(ids_find(&ids, id[i]), job[i]);
        cr_assert_eq(ids_find(&ids, id[i] ^ 1), 0u);
    }
    for (uint32_t i = 0; i < N; i++)
        cr_assert_eq(ids_find(&ids, id[i]), job[i]);
    ids_free_all(&ids);
}

Test(core_ids, without_memory_nothing_changes) {
    for (uint64_t id = 0; id < 8; id++)
        cr_assert(ids_set(&ids, id << 20, 5));
    for (unsigned long nth = 1; nth <= 2; nth++) { // the larger table, then the page
        jd_mem_fail_nth(nth);
        bool done = ids_set(&ids, UINT64_C(99) << 20, 6);
        jd_mem_fail_nth(0);
        cr_expect_not(done);
        cr_expect_eq(ids_find(&ids, UINT64_C(99) << 20), 0u);
    }
    cr_expect(ids_set(&ids, UINT64_C(99) << 20, 6));
    for (uint64_t id = 0; id < 8; id++)
        cr_expect_eq(ids_find(&ids, id << 20), 5u);
    ids_free_all(&ids);
}
