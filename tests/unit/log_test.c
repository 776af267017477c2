#include <criterion/criterion.h>
#include <string.h>

#include "log.h"
#include "rng.h"

static char last_line[JD_LOG_LINE_MAX + 1];
static size_t last_len;
static int last_level, n_lines;

static void keep_line(enum jd_log_level level, const char *line, size_t len) {
    cr_assert_lt(len, (size_t)JD_LOG_LINE_MAX);
    memcpy(last_line, line, len);
    last_line[len] = '\0';
    last_len = len;
    last_level = (int)level;
    n_lines++;
}

Test(log, writes_nothing_without_a_sink) {
    cr_expect_not(jd_log_on(JD_LOG_ERROR));
    jd_log(JD_LOG_ERROR, "worker.exit", "pid=%d", 1);
    cr_expect_eq(n_lines, 0);
}

Test(log, one_line_per_event) {
    jd_log_setup(JD_LOG_INFO, keep_line);
    jd_log(JD_LOG_WARN, "worker.exit", "pid=%d signal=%s", 7, "KILL");
    cr_expect_str_eq(last_line, "event=worker.exit pid=7 signal=KILL");
    cr_expect_eq(last_level, JD_LOG_WARN);
    jd_log(JD_LOG_INFO, "server.ready", "%s", "");
    cr_expect_str_eq(last_line, "event=server.ready", "no space at the end");
    cr_expect_eq(n_lines, 2);
}

Test(log, less_important_lines_are_left_out) {
    for (int max = JD_LOG_ERROR; max <= JD_LOG_DEBUG; max++) {
        jd_log_setup((enum jd_log_level)max, keep_line);
        for (int level = JD_LOG_ERROR; level <= JD_LOG_DEBUG; level++) {
            int before = n_lines;
            jd_log((enum jd_log_level)level, "e", "k=%d", level);
            cr_expect_eq(n_lines - before, level <= max);
            cr_expect_eq(jd_log_on((enum jd_log_level)level), level <= max);
        }
    }
    jd_log_setup(JD_LOG_DEBUG, NULL);
    cr_expect_not(jd_log_on(JD_LOG_ERROR));
}

Test(log, a_long_line_is_cut) {
    static char text[4 * JD_LOG_LINE_MAX];
    memset(text, 'x', sizeof text - 1);
    jd_log_setup(JD_LOG_INFO, keep_line);
    jd_log(JD_LOG_INFO, "e", "text=%s", text);
    cr_expect_eq(last_len, JD_LOG_LINE_MAX - 1u);
    cr_expect_eq(strlen(last_line), last_len);
}

Test(log, levels_have_names) {
    for (int level = JD_LOG_ERROR; level <= JD_LOG_DEBUG; level++)
        cr_expect_eq(jd_log_level_of(jd_log_level_name((enum jd_log_level)level)), level);
    cr_expect_eq(jd_log_level_of("warn"), JD_LOG_WARN);
    cr_expect_eq(jd_log_level_of("loud"), -1);
    cr_expect_eq(jd_log_level_of(""), -1);
}

static void expect_quoted(const char *text, size_t len, const char *want) {
    char out[64];
    cr_expect_str_eq(jd_log_quote(out, sizeof out, (jobd_bytes){text, len}), want);
}

Test(log, quotes_what_a_peer_sent) {
    expect_quoted("", 0, "\"\"");
    expect_quoted("plain text", 10, "\"plain text\"");
    expect_quoted("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    expect_quoted("one\nevent=forged", 16, "\"one\\x0aevent=forged\"");
    expect_quoted("\0\x1b\x7f\r", 4, "\"\\x00\\x1b\\x7f\\x0d\"");
    expect_quoted("caf\xc3\xa9", 5, "\"caf\xc3\xa9\"");
}

Test(log, a_value_is_quoted_where_it_must_be) {
    char out[64];
    cr_expect_str_eq(jd_log_value(out, sizeof out, "/run/jobd/sock"), "/run/jobd/sock");
    cr_expect_str_eq(jd_log_value(out, sizeof out, "/a b"), "\"/a b\"");
    cr_expect_str_eq(jd_log_value(out, sizeof out, "/a\nevent=b"), "\"/a\\x0aevent=b\"");
    cr_expect_str_eq(jd_log_value(out, sizeof out, ""), "\"\"");
}

Test(log, what_is_quoted_always_fits_and_holds_no_control_character) {
    struct rng g = rng_begin("log");
    for (int round = 0; round < 20000; round++) {
        char out[80], text[100];
        size_t size = 8 + rng_below(&g, sizeof out - 8), len = rng_below(&g, sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = rng_below(&g, 3) ? (char)rng_u64(&g) : "\"\\\n"[rng_below(&g, 3)];
        memset(out, '#', sizeof out);
        cr_assert_eq(jd_log_quote(out, size, (jobd_bytes){text, len}), out);
        size_t n = strnlen(out, sizeof out);
        cr_assert_lt(n, size);
        cr_assert(n >= 2 && out[0] == '"' && out[n - 1] == '"');
        bool escaped = false;
        for (size_t i = 1; i < n - 1; i++) {
            cr_assert((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
            cr_assert(out[i] != '"' || escaped);
            escaped = !escaped && out[i] == '\\';
        }
        cr_assert_not(escaped, "the closing quote would be read as escaped");
        cr_assert(size == sizeof out || out[size] == '#');
    }
}
