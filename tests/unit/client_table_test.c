#include <criterion/criterion.h>

#include "mem.h"
#include "table.h"

Test(client_table, small_numbers_first_and_again) {
    struct jd_table t;
    int a, b;
    jd_table_init(&t, 1000);
    cr_assert_eq(jd_table_take(&t, 1, &a), 0);
    cr_assert_eq(jd_table_take(&t, 2, &b), 1);
    cr_assert_eq(jd_table_take(&t, 3, NULL), 2);
    cr_assert_eq(jd_table_find(&t, 1)->ptr, &b);
    cr_assert_eq(jd_table_find(&t, 2)->tag, 3);
    cr_assert_null(jd_table_find(&t, 3));
    cr_assert_null(jd_table_find(&t, UINT64_MAX));
    jd_table_give(&t, 1);
    cr_assert_null(jd_table_find(&t, 1));
    cr_assert_eq(jd_table_take(&t, 4, &a), 1);
    cr_assert_eq(jd_table_take(&t, 4, &a), 3);
    for (uint32_t i = 0; i < 4; i++)
        jd_table_give(&t, i);
    cr_assert_eq(jd_table_take(&t, 1, &a), 0, "an empty table begins anew");
    cr_assert_eq(jd_table_take(&t, 1, &a), 1);
    jd_table_free_all(&t);
}

Test(client_table, limit_and_memory) {
    struct jd_table t;
    jd_table_init(&t, 100);
    jd_mem_fail_nth(1);
    cr_assert_eq(jd_table_take(&t, 1, NULL), JOBD_E_NOMEM);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(jd_table_take(&t, 1, NULL), i);
    cr_assert_eq(jd_table_take(&t, 1, NULL), JOBD_E_LIMIT);
    jd_table_give(&t, 57);
    cr_assert_eq(jd_table_take(&t, 1, NULL), 57);
    jd_table_free_all(&t);
}
