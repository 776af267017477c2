// Job ids on the command line.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ids.h"
#include "mem.h"

static void expect_ids(const char *text, const char *expected) {
    struct ids ids = {.n = 0};
    char list[256] = "";
    cr_assert_eq(ids_add(&ids, text), 0, "%s", text);
    for (size_t i = 0, n = 0; i < ids.n; i++)
        n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%llu", i ? " " : "",
                              (unsigned long long)ids.at[i]);
    cr_expect_str_eq(list, expected, "%s: %s", text, list);
    ids_free(&ids);
}

Test(ids, single_ones_ranges_and_lists) {
    expect_ids("12", "12");
    expect_ids("3-9", "3 4 5 6 7 8 9");
    expect_ids("1,4,7", "1 4 7");
    expect_ids("5-5", "5");
    expect_ids("9,1-3,2", "9 1 2 3 2");
    expect_ids("18446744073709551614-18446744073709551615",
               "18446744073709551614 18446744073709551615");
}

Test(ids, what_is_none) {
    static const char *const texts[] = {"",
                                        "0",
                                        "-",
                                        "x",
                                        "1x",
                                        "1,",
                                        ",1",
                                        "1,,2",
                                        "3-",
                                        "-3",
                                        "9-3",
                                        "1-2-3",
                                        " 1",
                                        "1 ",
                                        "1.5",
                                        "+1",
                                        "0x10",
                                        "0-3",
                                        "18446744073709551616"};
    for (size_t i = 0; i < JD_LEN(texts); i++) {
        struct ids ids = {.n = 0};
        cr_expect_eq(ids_add(&ids, texts[i]), JOBD_E_INVAL, "\"%s\"", texts[i]);
        ids_free(&ids);
    }
}

Test(ids, a_million_and_no_more) {
    struct ids ids = {.n = 0};
    cr_expect_eq(ids_add(&ids, "1-1000001"), JOBD_E_LIMIT);
    cr_expect_eq(ids.n, 0, "such a range is not begun");
    cr_expect_eq(ids_add(&ids, "1-18446744073709551615"), JOBD_E_LIMIT);
    cr_expect_eq(ids_add(&ids, "1-1000000"), 0);
    cr_expect_eq(ids.n, IDS_MAX);
    cr_expect_eq(ids.at[IDS_MAX - 1], IDS_MAX);
    cr_expect_eq(ids_add(&ids, "7"), JOBD_E_LIMIT);
    ids_free(&ids);
}

Test(ids, out_of_memory_is_an_answer) {
    struct ids ids = {.n = 0};
    jd_mem_fail_nth(1);
    cr_expect_eq(ids_add(&ids, "7"), JOBD_E_NOMEM);
    cr_expect_eq(ids_add(&ids, "7"), 0);
    ids_free(&ids);
}

// ---- Tokens; what is wrong with them goes to stderr ----

static void feed_stdin(const char *text) {
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(write(fds[1], text, strlen(text)), (ssize_t)strlen(text));
    close(fds[1]);
    dup2(fds[0], STDIN_FILENO);
    close(fds[0]);
}

Test(ids, a_dash_reads_them_from_standard_input) {
    const struct ctl ctl = {.json = false};
    char first[] = "1", dash[] = "-", last[] = "9";
    struct ids ids;
    feed_stdin("2 3,4\n\n\t5-6\r\n7");
    cr_assert_eq(ids_read(&ctl, (char *[]){first, dash, last, NULL}, &ids), 0);
    cr_assert_eq(ids.n, 8);
    cr_expect_eq(ids.at[0], 1);
    cr_expect_eq(ids.at[3], 4);
    cr_expect_eq(ids.at[6], 7);
    cr_expect_eq(ids.at[7], 9);
    ids_free(&ids);
}

Test(ids, none_at_all_is_a_mistake) {
    const struct ctl ctl = {.json = false};
    char dash[] = "-", word[] = "last";
    struct ids ids;
    feed_stdin(" \n");
    cr_expect_eq(ids_read(&ctl, (char *[]){dash, NULL}, &ids), CTL_USAGE);
    ids_free(&ids);
    cr_expect_eq(ids_read(&ctl, (char *[]){word, NULL}, &ids), CTL_USAGE);
    ids_free(&ids);
}
