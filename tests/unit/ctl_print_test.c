// What jobctl prints, and the numbers and durations it reads.
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "duration.h"
#include "mem.h"
#include "number.h"
#include "print.h"
#include "rng.h"

static void expect_double(double x, const char *expected) {
    char text[CTL_DOUBLE_MAX];
    ctl_double_text(x, text);
    cr_expect_str_eq(text, expected);
}

Test(print, doubles_are_as_short_as_they_can_be) {
    expect_double(0, "0");
    expect_double(-0.0, "-0");
    expect_double(1, "1");
    expect_double(0.1, "0.1");
    expect_double(0.1 + 0.2, "0.30000000000000004");
    expect_double(1.0007851925466296, "1.0007851925466296");
    expect_double(1.00078519254663, "1.00078519254663");
    expect_double(1e300, "1e+300");
    expect_double(INFINITY, "inf");
    expect_double(-INFINITY, "-inf");
    expect_double(NAN, "nan");
    expect_double(-(double)NAN, "nan");
}

Test(print, doubles_read_back_the_same) {
    struct rng g = rng_begin("doubles");
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = rng_u64(&g);
        double x, back;
        char text[CTL_DOUBLE_MAX];
        memcpy(&x, &bits, sizeof(x));
        if (!isfinite(x))
            continue;
        ctl_double_text(x, text);
        back = strtod(text, NULL);
        cr_assert_eq(memcmp(&back, &x, sizeof(x)), 0, "%s is not %a", text, x);
    }
}

static const char *table_of(const char *rows, const char *const *first, bool is_map) {
    static char text[4096];
    memset(text, 0, sizeof(text));
    json_t *v = json_loads(rows, 0, NULL);
    FILE *out = fmemopen(text, sizeof(text), "w");
    cr_assert_eq(is_map ? ctl_print_map(out, v, first) : ctl_print_table(out, v, first), 0);
    fclose(out);
    json_decref(v);
    return text;
}

static const char *const first[] = {"pid", "none", "state", NULL};

Test(print, tables_align_and_hide_nothing) {
    cr_expect_str_eq(table_of("[{\"state\":\"idle\",\"pid\":7,\"new\":true},"
                              "{\"state\":\"running\",\"pid\":4242,\"more\":[1,2.5]}]",
                              first, false),
                     " PID  STATE    NEW  MORE\n"
                     "   7  idle     yes  -\n"
                     "4242  running  -    [1,2.5]\n");
}

Test(print, text_from_elsewhere_stays_on_its_line) {
    cr_expect_str_eq(table_of("[{\"state\":\"a\\u001b[31m\\nb\"}]", first, false),
                     "STATE\na?[31m?b\n");
}

Test(print, characters_count_once) {
    cr_expect_str_eq(table_of("[{\"state\":\"gr\xc3\xbcn\",\"x\":\"y\"}]", first, false),
                     "STATE  X\ngr\xc3\xbcn   y\n");
}

Test(print, maps_are_names_and_values) {
    cr_expect_str_eq(table_of("{\"more\":null,\"state\":\"running\",\"pid\":7}", first, true),
                     "pid    7\n"
                     "state  running\n"
                     "more   -\n");
}

Test(print, out_of_memory_is_an_answer) {
    json_t *rows = json_loads("[{\"a\":1}]", 0, NULL);
    for (unsigned long n = 1; n <= 2; n++) {
        jd_mem_fail_nth(n);
        cr_expect_eq(ctl_print_table(stderr, rows, first), JOBD_E_NOMEM);
    }
    json_decref(rows);
}

// ---- Durations ----

Test(duration, as_people_write_them) {
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"1ms", 1},          {"500ms", 500},    {"90s", 90000},   {"5m", 300000},
                 {"1h30m", 5400000},  {"1.5h", 5400000}, {"0.25s", 250},   {"1d", 86400000},
                 {"1h0m1s", 3601000}, {"2.s", 2000},     {"1s500ms", 1500}};
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        int64_t ms = 0;
        cr_expect_eq(duration_parse(cases[i].text, &ms), 0, "%s", cases[i].text);
        cr_expect_eq(ms, cases[i].ms, "%s", cases[i].text);
    }
}

Test(duration, what_is_none) {
    static const char *const texts[] = {"",
                                        "90",
                                        "s",
                                        "1x",
                                        "1 s",
                                        "-1s",
                                        "+1s",
                                        "1s ",
                                        "1ss",
                                        "1.2.3s",
                                        "0s",
                                        "0.1ms",
                                        "1e3s",
                                        "0x5s",
                                        "infs",
                                        ".s",
                                        "1h30",
                                        "200000d",
                                        "99999999999999999999d"};
    int64_t ms = 77;
    for (size_t i = 0; i < JD_LEN(texts); i++)
        cr_expect_eq(duration_parse(texts[i], &ms), JOBD_E_INVAL, "\"%s\"", texts[i]);
    cr_expect_eq(ms, 77, "written only on success");
}

// ---- Numbers; what is wrong with one goes to stderr ----

static char said[4096];

static void read_said(int fd, int saved) {
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    ssize_t n = pread(fd, said, sizeof(said) - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    close(fd);
    close(saved);
}

static int parse_saying(const char *text, double *ret) {
    const struct ctl ctl = {.json = false};
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO), fd = dup(fileno(file));
    fclose(file);
    fflush(stderr);
    dup2(fd, STDERR_FILENO);
    int r = number_parse(&ctl, "A", text, ret);
    read_said(fd, saved);
    return r;
}

Test(number, expressions) {
    double x;
    cr_expect_eq(parse_saying("-pi/2", &x), 0);
    cr_expect_eq(x, -M_PI / 2);
    cr_expect_str_eq(said, "");
}

Test(number, a_caret_shows_where) {
    double x = 77;
    cr_expect_eq(parse_saying("2*(1+)", &x), JOBD_E_INVAL);
    cr_expect_eq(x, 77, "written only on success");
    cr_expect_not_null(strstr(said, "jobctl: A: column 6: "), "%s", said);
    cr_expect_not_null(strstr(said, "\n    2*(1+)\n         ^\n"), "%s", said);
}

Test(number, the_caret_counts_characters) {
    double x;
    cr_expect_eq(parse_saying("1+\xc3\xbc", &x), JOBD_E_INVAL);
    cr_expect_not_null(strstr(said, "\n    1+\xc3\xbc\n      ^\n"), "%s", said);
}

Test(number, only_finite_ones) {
    double x;
    cr_expect_eq(parse_saying("1/0", &x), JOBD_E_INVAL);
    cr_expect_str_eq(said, "jobctl: A: \"1/0\" is inf\na finite number is needed\n");
}

Test(number, counts_are_whole) {
    const struct ctl ctl = {.json = false};
    uint64_t n = 77;
    cr_expect_eq(number_parse_count(&ctl, "N", "1e6", 1u << 20, &n), 0);
    cr_expect_eq(n, 1000000);
    cr_expect_eq(number_parse_count(&ctl, "N", "2^20", 1u << 20, &n), 0);
    cr_expect_eq(n, 1048576);
    cr_expect_eq(number_parse_count(&ctl, "N", "2^20+1", 1u << 20, &n), JOBD_E_INVAL);
    cr_expect_eq(number_parse_count(&ctl, "N", "0.5", 1u << 20, &n), JOBD_E_INVAL);
    cr_expect_eq(number_parse_count(&ctl, "N", "-1", 1u << 20, &n), JOBD_E_INVAL);
    cr_expect_eq(n, 1048576, "written only on success");
}
