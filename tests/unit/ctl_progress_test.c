// The line that shows how far something is.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "progress.h"
#include "rng.h"

static void expect_line(const struct progress *p, double elapsed_s, unsigned columns,
                        const char *expected) {
    char line[PROGRESS_LINE_MAX];
    size_t n = progress_render(p, elapsed_s, columns, line);
    cr_expect_str_eq(line, expected, "%u columns: %s", columns, line);
    cr_expect_eq(n, strlen(line));
}

Test(progress, a_bar_a_rate_and_a_time) {
    expect_line(&(struct progress){.what = "wait", .n_done = 12, .n_total = 36}, 3, 79,
                "wait  [=============>                          ]   33%  12/36  4.00/s  ETA 0:06");
    expect_line(&(struct progress){.what = "map", .n_done = 1, .n_total = 2}, 10, 56,
                "map  [==========>         ]   50%  1/2  0.10/s  ETA 0:10");
}

Test(progress, its_ends) {
    expect_line(&(struct progress){.what = "map", .n_total = 5}, 0, 60,
                "map  [>                       ]    0%  0/5  0.00/s  ETA -:--");
    expect_line(&(struct progress){.what = "map", .n_done = 5, .n_total = 5}, 5, 60,
                "map  [========================]  100%  5/5  1.00/s  ETA 0:00");
    // More than all, or less than nothing, is not believed.
    expect_line(&(struct progress){.what = "map", .n_done = 9, .n_total = 5}, 5, 60,
                "map  [========================]  100%  5/5  1.00/s  ETA 0:00");
    expect_line(&(struct progress){.what = "map", .n_done = -1, .n_total = 5}, 5, 60,
                "map  [>                       ]    0%  0/5  0.00/s  ETA -:--");
}

Test(progress, parts_of_things_count) {
    expect_line(&(struct progress){.what = "integrate", .n_done = 0.5, .n_total = 1}, 30, 70,
                "integrate  [==============>             ]   50%  0/1  0.02/s  ETA 0:30");
}

Test(progress, estimates_are_marked) {
    expect_line(&(struct progress){.what = "map", .n_done = 50, .n_total = 1000, .about = true}, 10,
                60, "map  [>                  ]    5%  50/~1000  5.00/s  ETA 3:10");
}

Test(progress, without_a_total_it_counts) {
    expect_line(&(struct progress){.what = "map", .n_done = 4500}, 3725, 60,
                "map  4500 done  1.21/s  1:02:05");
    expect_line(&(struct progress){.what = "map", .n_done = 45e6}, 9, 60,
                "map  45000000 done  5.00M/s  0:09");
}

Test(progress, rates_have_three_digits) {
    static const struct {
        double n;
        const char *text;
    } cases[] = {{0.004, "0.00/s"}, {9.99, "9.99/s"},   {9.996, "10.0/s"},  {99.96, "100/s"},
                 {999.4, "999/s"},  {999.6, "1.00k/s"}, {12345, "12.3k/s"}, {1e9, "1.00G/s"}};
    char line[PROGRESS_LINE_MAX];
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        progress_render(&(struct progress){.what = "map", .n_done = cases[i].n}, 1, 60, line);
        cr_expect(strstr(line, cases[i].text), "%g: %s", cases[i].n, line);
    }
}

Test(progress, where_there_is_no_room_the_bar_goes_first) {
    const struct progress p = {.what = "wait", .n_done = 12, .n_total = 36};
    expect_line(&p, 3, 40, "wait  33%  12/36  4.00/s  ETA 0:06");
    expect_line(&p, 3, 12, "wait  33%  1");
    expect_line(&p, 3, 0, "");
}

Test(progress, it_is_never_wider_than_the_terminal) {
    struct rng g = rng_begin("progress");
    for (int i = 0; i < 20000; i++) {
        struct progress p = {.what = "integrate",
                             .n_done = (double)rng_below(&g, 1u << rng_below(&g, 31)),
                             .n_total = (double)rng_below(&g, 1u << rng_below(&g, 31)),
                             .about = rng_below(&g, 2) == 0};
        unsigned columns = (unsigned)rng_below(&g, 400);
        char line[PROGRESS_LINE_MAX];
        size_t n = progress_render(&p, (double)rng_below(&g, 1000000) / 7, columns, line);
        cr_assert_leq(n, columns);
        cr_assert_eq(n, strlen(line));
    }
}

Test(progress, nothing_is_drawn_where_nobody_looks) {
    struct ctl ctl = {.json = false};
    struct progress p;
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    setenv("TERM", "xterm", 1);
    dup2(fileno(file), STDERR_FILENO); // no terminal
    progress_begin(&p, &ctl, "wait", 3);
    bool on = progress_is_on(ctl.progress);
    p.drawn_ns = 0;
    progress_tick(ctl.progress);
    progress_end(&ctl);
    dup2(saved, STDERR_FILENO);
    cr_expect_not(on);
    cr_expect_eq(fseek(file, 0, SEEK_END), 0);
    cr_expect_eq(ftell(file), 0);
    cr_expect_null(ctl.progress);
    cr_expect_not(progress_is_on(NULL));
    progress_tick(NULL);
    progress_clear(NULL);
    fclose(file);
    close(saved);
}

// ---- On a terminal ----

// Standard error is a terminal; what is written there can be read from *ret_fd.
static int open_terminal(int *ret_fd) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int fd = open(ptsname(master), O_RDWR | O_NOCTTY), saved = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    *ret_fd = master;
    return saved;
}

Test(progress, on_a_terminal_it_comes_and_goes) {
    struct ctl ctl = {.json = false};
    struct progress p;
    char text[512] = "";
    int terminal, saved = open_terminal(&terminal);
    setenv("TERM", "xterm", 1);
    progress_begin(&p, &ctl, "wait", 3);
    bool on = progress_is_on(&p), early = p.shown;
    p.drawn_ns = 0; // long ago
    progress_tick(&p);
    bool shown = p.shown;
    progress_end(&ctl);
    ssize_t n = read(terminal, text, sizeof(text) - 1);
    ctl.json = true;
    bool in_json = progress_is_wanted(&ctl);
    ctl.json = false;
    setenv("TERM", "dumb", 1);
    bool on_dumb = progress_is_wanted(&ctl);
    dup2(saved, STDERR_FILENO);
    cr_expect(on && !early && shown && !p.shown);
    cr_expect(n > 0 && strncmp(text, "\rwait  [", 8) == 0, "%s", text);
    cr_expect_str_eq(text + n - 4, "\r\033[K", "it is taken off in the end");
    cr_expect_not(in_json);
    cr_expect_not(on_dumb);
    close(terminal);
    close(saved);
}
