#include "why.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "guard.h"
#include "print.h"

#include <jobd/types.h>

enum { BAR_MOST = 30, LABEL_WIDTH = 11 };

static const char *text_of(const json_t *map, const char *name) {
    const char *text = json_string_value(json_object_get(map, name));
    return text ? text : "";
}

static double number_of(const json_t *map, const char *name) {
    return json_number_value(json_object_get(map, name));
}

static void begin_line(FILE *out, const char *label) {
    fprintf(out, "%-*s", LABEL_WIDTH, label);
}

static void print_text(FILE *out, const char *label, const char *text) {
    if (!*text)
        return;
    begin_line(out, label);
    ctl_print_safe(out, text);
    putc('\n', out);
}

// "job 12 (sleep, pool default): queued", and why.
static void print_head(FILE *out, const json_t *map) {
    fprintf(out, "job %.0f", number_of(map, "job"));
    const char *task = text_of(map, "task"), *pool = text_of(map, "pool");
    if (*task) {
        fputs(" (", out);
        ctl_print_safe(out, task);
        fputs(*pool ? ", pool " : "", out);
        ctl_print_safe(out, pool);
        putc(')', out);
    }
    fputs(": ", out);
    ctl_print_safe(out, *text_of(map, "state") ? text_of(map, "state") : "in no known state");
    putc('\n', out);
    print_text(out, "why", text_of(map, "reason"));
}

static void print_owner(FILE *out, const json_t *map) {
    begin_line(out, "owner");
    ctl_print_safe(out, *text_of(map, "owner") ? text_of(map, "owner") : "-");
    if (number_of(map, "submitted_s") > 0)
        fprintf(out, ", submitted %.3f s ago", number_of(map, "submitted_s"));
    if (json_is_number(json_object_get(map, "ended_s")))
        fprintf(out, ", ended %.3f s ago", number_of(map, "ended_s"));
    if (number_of(map, "priority") != 0)
        fprintf(out, ", priority %.0f", number_of(map, "priority"));
    putc('\n', out);
    print_text(out, "label", text_of(map, "label"));
}

static void print_worker(FILE *out, const json_t *map) {
    if (number_of(map, "pid") == 0)
        return;
    begin_line(out, "worker");
    if (json_is_number(json_object_get(map, "worker")))
        fprintf(out, "%.0f, ", number_of(map, "worker"));
    fprintf(out, "pid %.0f, run %.0f", number_of(map, "pid"), number_of(map, "attempt"));
    if (number_of(map, "lost") > 0)
        fprintf(out, ", %.0f lost with their workers", number_of(map, "lost"));
    putc('\n', out);
    const json_t *progress = json_object_get(map, "progress");
    if (json_number_value(progress) > 0 || *text_of(map, "note")) {
        begin_line(out, "progress");
        fprintf(out, "%.0f%%  ", floor(100 * json_number_value(progress)));
        ctl_print_safe(out, text_of(map, "note"));
        putc('\n', out);
    }
}

// Where the time went: a bar for each part of the job's life, together BAR_MOST long.
static void print_times(FILE *out, const json_t *map) {
    static const struct {
        const char *name, *label;
    } spans[] = {
        {"queued_s", "queued"}, {"sent_s", "sent"}, {"run_s", "running"}, {"result_s", "result"}};
    double sum_s = 0;
    for (size_t i = 0; i < JD_LEN(spans); i++)
        sum_s += JD_MAX(number_of(map, spans[i].name), 0);
    const char *title = "time";
    for (size_t i = 0; i < JD_LEN(spans); i++) {
        const json_t *span = json_object_get(map, spans[i].name);
        if (!json_is_number(span))
            continue;
        double seconds = JD_MAX(json_number_value(span), 0);
        unsigned n = sum_s > 0 ? (unsigned)lround(BAR_MOST * seconds / sum_s) : 0;
        begin_line(out, title);
        fprintf(out, "%-8s %10.3f s%s", spans[i].label, seconds, n ? "  " : "");
        for (; n > 0; n--)
            putc('#', out);
        putc('\n', out);
        title = "";
    }
    if (number_of(map, "cpu_s") > 0) {
        begin_line(out, title);
        fprintf(out, "%-8s %10.3f s\n", "cpu", number_of(map, "cpu_s"));
    }
    if (number_of(map, "max_rss_bytes") > 0) {
        begin_line(out, "memory");
        fprintf(out, "%.1f MiB at most\n", number_of(map, "max_rss_bytes") / 1048576);
    }
}

static void print_error(FILE *out, const json_t *map) {
    int code = (int)number_of(map, "error");
    if (code) {
        begin_line(out, "error");
        fputs(jobd_errname(code), out);
        putc(' ', out);
        ctl_print_safe(out, text_of(map, "error_name"));
        fputs(*text_of(map, "error_name") ? ": " : "", out);
        ctl_print_safe(out, text_of(map, "error_text"));
        putc('\n', out);
    }
    if (number_of(map, "signal") > 0)
        fprintf(out, "%-*s%.0f\n", LABEL_WIDTH, "signal", number_of(map, "signal"));
    else if (number_of(map, "exit_status") > 0)
        fprintf(out, "%-*s%.0f\n", LABEL_WIDTH, "exit code", number_of(map, "exit_status"));
    if (number_of(map, "result_bytes") > 0)
        fprintf(out, "%-*s%.0f bytes\n", LABEL_WIDTH, "result", number_of(map, "result_bytes"));
}

// What the worker wrote last, line by line.
static void print_output(FILE *out, const json_t *map) {
    const char *at = text_of(map, "last_output");
    if (*at)
        fputs("last output\n", out);
    while (*at) {
        size_t n = strcspn(at, "\n");
        fputs("  | ", out);
        for (size_t i = 0; i < n; i++)
            putc((unsigned char)at[i] < ' ' || at[i] == 0x7f ? '?' : at[i], out);
        putc('\n', out);
        at += n + (at[n] != '\0');
    }
}

static int print_others(FILE *out, const json_t *map) {
    static const char *const shown[] = {
        "job",           "state",       "task",        "pool",        "label",       "owner",
        "priority",      "attempt",     "lost",        "reason",      "queued_s",    "sent_s",
        "run_s",         "result_s",    "worker",      "pid",         "progress",    "note",
        "error",         "error_name",  "error_text",  "exit_status", "signal",      "cpu_s",
        "max_rss_bytes", "last_output", "submitted_s", "ended_s",     "result_bytes"};
    static const char *const none[] = {NULL};
    json_t *others = json_copy((json_t *)(uintptr_t)map);
    if (!others)
        return JOBD_E_NOMEM;
    for (size_t i = 0; i < JD_LEN(shown); i++)
        json_object_del(others, shown[i]);
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(others, next, name, value) {
        if (json_is_null(value))
            json_object_del(others, name);
    }
    int r = ctl_print_map(out, others, none);
    json_decref(others);
    return r;
}

int why_print(FILE *out, const json_t *map) {
    print_head(out, map);
    print_owner(out, map);
    print_worker(out, map);
    print_times(out, map);
    print_error(out, map);
    print_output(out, map);
    return print_others(out, map);
}
