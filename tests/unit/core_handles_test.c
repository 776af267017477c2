#include <criterion/criterion.h>
#include <signal.h>

#include "core/handles.h"
#include "mem.h"
#include "proto.h"
#include "rng.h"

Test(core_handles, nothing_is_in_an_empty_table) {
    struct handles h = {0};
    uint32_t handle;
    cr_expect_eq(handles_get(&h, 0), 0u);
    cr_expect_eq(handles_get(&h, JD_HANDLE_MAX), 0u);
    cr_expect_eq(handles_next(&h, 0, &handle), 0u);
    handles_free_all(&h);
}

Test(core_handles, set_get_clear) {
    struct handles h = {0};
    cr_assert(handles_set(&h, 0, 11));
    cr_assert(handles_set(&h, 1023, 12));
    cr_assert(handles_set(&h, 1024, 13));
    cr_assert(handles_set(&h, JD_HANDLE_MAX, 14));
    cr_expect_eq(h.used, 4u);
    cr_expect_eq(handles_get(&h, 0), 11u);
    cr_expect_eq(handles_get(&h, 1023), 12u);
    cr_expect_eq(handles_get(&h, 1024), 13u);
    cr_expect_eq(handles_get(&h, JD_HANDLE_MAX), 14u);
    cr_expect_eq(handles_get(&h, 1), 0u);
    cr_expect_eq(handles_get(&h, 500000), 0u, "a page that is not there");
    handles_clear(&h, 1023);
    cr_expect_eq(handles_get(&h, 1023), 0u);
    cr_expect_eq(handles_get(&h, 0), 11u);
    cr_expect_eq(h.used, 3u);
    handles_free_all(&h);
    cr_expect_eq(handles_get(&h, 0), 0u, "usable again, empty");
}

Test(core_handles, next_goes_upwards_over_the_holes) {
    static const uint32_t in_use[] = {5, 6, 1023, 1024, 70000, JD_HANDLE_MAX};
    struct handles h = {0};
    for (size_t i = JD_LEN(in_use); i-- > 0;)
        cr_assert(handles_set(&h, in_use[i], in_use[i] + 1));
    uint32_t handle = 0, from = 0;
    for (size_t i = 0; i < JD_LEN(in_use); i++) {
        cr_assert_eq(handles_next(&h, from, &handle), in_use[i] + 1);
        cr_assert_eq(handle, in_use[i]);
        from = handle + 1;
    }
    cr_expect_eq(handles_next(&h, from, &handle), 0u);
    cr_expect_eq(handles_next(&h, UINT32_MAX, &handle), 0u);
    handles_free_all(&h);
}

// A client that works at the edge of a page costs no allocation each time.
Test(core_handles, one_empty_page_is_kept) {
    struct handles h = {0};
    cr_assert(handles_set(&h, 1, 1));
    cr_assert(handles_set(&h, 1024, 2));
    for (uint32_t i = 0; i < 10; i++) {
        handles_clear(&h, 1024);
        jd_mem_fail_nth(1);
        cr_assert(handles_set(&h, 1024, i + 3));
        jd_mem_fail_nth(0);
        cr_assert_eq(handles_get(&h, 1024), i + 3);
    }
    handles_free_all(&h);
}

Test(core_handles, out_of_memory_changes_nothing) {
    struct handles h = {0};
    for (unsigned long nth = 1; nth <= 2; nth++) { // the directory, then the page
        jd_mem_fail_nth(nth);
        cr_expect_not(handles_set(&h, 5000, 1));
        jd_mem_fail_nth(0);
        cr_expect_eq(h.used, 0u);
        cr_expect_eq(handles_get(&h, 5000), 0u);
    }
    cr_assert(handles_set(&h, 5000, 1));
    jd_mem_fail_nth(1);
    cr_expect_not(handles_set(&h, JD_HANDLE_MAX, 2));
    jd_mem_fail_nth(0);
    cr_expect_eq(handles_get(&h, 5000), 1u);
    cr_expect_eq(h.used, 1u);
    handles_free_all(&h);
}

Test(core_handles, set_twice_is_a_bug, .signal = SIGABRT) {
    struct handles h = {0};
    cr_assert(handles_set(&h, 3, 1));
    cr_assert(handles_set(&h, 3, 2));
}

Test(core_handles, clear_of_nothing_is_a_bug, .signal = SIGABRT) {
    struct handles h = {0};
    cr_assert(handles_set(&h, 3, 1));
    handles_clear(&h, 4);
}

Test(core_handles, behaves_as_an_array) {
    enum { N = 5000 };
    static uint32_t model[N];
    struct handles h = {0};
    struct rng g = rng_begin("core_handles");
    uint32_t n = 0;
    for (uint32_t step = 0; step < 200000; step++) {
        bool filling = (step / 20000) % 2 == 0; // waves, so that pages come and go
        uint32_t handle = (uint32_t)rng_below(&g, N);
        bool set = rng_below(&g, 4) < (filling ? 3 : 1);
        if (set && !model[handle]) {
            model[handle] = step + 1;
            cr_assert(handles_set(&h, handle, step + 1));
            n++;
        } else if (!set && model[handle]) {
            model[handle] = 0;
            handles_clear(&h, handle);
            n--;
        }
        cr_assert_eq(handles_get(&h, handle), model[handle]);
        cr_assert_eq(h.used, n);
    }
    uint32_t handle, seen = 0;
    for (uint32_t from = 0, job; (job = handles_next(&h, from, &handle)) != 0; seen++) {
        cr_assert_eq(job, model[handle]);
        from = handle + 1;
    }
    cr_expect_eq(seen, n);
    handles_free_all(&h);
}
