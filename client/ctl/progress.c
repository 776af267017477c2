#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl.h"

enum { COLUMNS_DEFAULT = 80, BAR_LEAST = 10, BAR_MOST = 40, BEGIN_MS = 500, TEXT_MAX = 48 };

// "0:07", "12:34", "1:02:03"; a time that cannot be told is "-:--".
static void time_text(double seconds, char ret[TEXT_MAX]) {
    if (!(seconds >= 0 && seconds < 360000)) {
        snprintf(ret, TEXT_MAX, "-:--");
        return;
    }
    unsigned s = (unsigned)(seconds + 0.5);
    if (s >= 3600)
        snprintf(ret, TEXT_MAX, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(ret, TEXT_MAX, "%u:%02u", s / 60, s % 60);
}

// Three digits and a unit: "0.12", "45.6", "789", "12.3k", "4.56M".
static void rate_text(double rate, char ret[TEXT_MAX]) {
    static const char *const units[] = {"", "k", "M", "G"};
    size_t u = 0;
    for (; rate >= 999.5 && u + 1 < JD_LEN(units); u++)
        rate /= 1000;
    int places = rate < 9.995 ? 2 : rate < 99.95 ? 1 : 0;
    snprintf(ret, TEXT_MAX, "%.*f%s", places, rate, units[u]);
}

static size_t render_open_end(const struct progress *p, double elapsed_s, unsigned columns,
                              char ret[PROGRESS_LINE_MAX]) {
    char rate[TEXT_MAX], spent[TEXT_MAX];
    rate_text(elapsed_s > 0 ? p->n_done / elapsed_s : 0, rate);
    time_text(elapsed_s, spent);
    size_t size = JD_MIN((size_t)columns + 1, (size_t)PROGRESS_LINE_MAX);
    snprintf(ret, size, "%s  %.0f done  %s/s  %s", p->what, floor(p->n_done), rate, spent);
    return strlen(ret);
}

static void render_bar(double part, unsigned width, char *ret) {
    unsigned n_full = (unsigned)(part * width);
    for (unsigned i = 0; i < width; i++)
        ret[i] = (char)(i < n_full ? '=' : i == n_full ? '>' : ' ');
}

size_t progress_render(const struct progress *p, double elapsed_s, unsigned columns,
                       char ret[PROGRESS_LINE_MAX]) {
    if (!(p->n_total > 0))
        return render_open_end(p, elapsed_s, columns, ret);
    double done = JD_MIN(JD_MAX(p->n_done, 0), p->n_total), part = done / p->n_total;
    char rate[TEXT_MAX], left[TEXT_MAX], end[5 * TEXT_MAX];
    rate_text(elapsed_s > 0 ? done / elapsed_s : 0, rate);
    time_text(done > 0 ? elapsed_s * (p->n_total - done) / done : -1, left);
    size_t n_end =
        (size_t)snprintf(end, sizeof(end), "%3.0f%%  %.0f/%s%.0f  %s/s  ETA %s", floor(part * 100),
                         floor(done), p->about ? "~" : "", p->n_total, rate, left);
    size_t size = JD_MIN((size_t)columns + 1, (size_t)PROGRESS_LINE_MAX);
    size_t n_others = strlen(p->what) + 2 + 2 + 2 + n_end; // blanks, and the brackets of the bar
    if (n_others + BAR_LEAST >= size) {                    // no room for a bar
        snprintf(ret, size, "%s %s", p->what, end);
        return strlen(ret);
    }
    unsigned width = (unsigned)JD_MIN(size - 1 - n_others, (size_t)BAR_MOST);
    char bar[BAR_MOST + 1] = "";
    render_bar(part, width, bar);
    snprintf(ret, size, "%s  [%s]  %.*s", p->what, bar, (int)n_end, end);
    return strlen(ret);
}

bool progress_is_wanted(const struct ctl *ctl) {
    const char *terminal = getenv("TERM");
    return !ctl->json && !ctl->quiet && isatty(STDERR_FILENO) && terminal && *terminal &&
           strcmp(terminal, "dumb") != 0;
}

void progress_begin(struct progress *p, struct ctl *ctl, const char *what, double n_total) {
    *p = (struct progress){
        .what = what,
        .n_total = n_total,
        .on = progress_is_wanted(ctl),
        .begin_ns = ctl_now_ns(),
    };
    p->drawn_ns = p->begin_ns + (BEGIN_MS - PROGRESS_TICK_MS) * 1000000u;
    ctl->progress = p;
}

void progress_end(struct ctl *ctl) {
    progress_clear(ctl->progress);
    ctl->progress = NULL;
}

bool progress_is_on(const struct progress *p) {
    return p && p->on;
}

static unsigned terminal_columns(void) {
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : COLUMNS_DEFAULT;
}

void progress_tick(struct progress *p) {
    if (!progress_is_on(p))
        return;
    uint64_t now_ns = ctl_now_ns();
    if (now_ns < p->drawn_ns + PROGRESS_TICK_MS * 1000000u)
        return;
    char line[PROGRESS_LINE_MAX];
    // One column less than there are: some terminals wrap when the last one is written.
    progress_render(p, (double)(now_ns - p->begin_ns) / 1e9, terminal_columns() - 1, line);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    p->drawn_ns = now_ns;
    p->shown = true;
}

void progress_clear(struct progress *p) {
    if (!p || !p->shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    p->shown = false;
}
