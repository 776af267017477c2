#include "report.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"
#include "stats.h"

// The report is its own JSON; the table is printed from it.
struct report {
    json_t *rows;
    json_t *notes;
};

struct report *report_new(void) {
    struct report *r = jd_alloc(sizeof *r);
    JD_ASSERT(r);
    *r = (struct report){.rows = json_array(), .notes = json_array()};
    return r;
}

void report_free(struct report *r) {
    if (!r)
        return;
    json_decref(r->rows);
    json_decref(r->notes);
    jd_free(r);
}

static json_t *json_of_spread(struct spread s) {
    return json_pack("{s:f, s:f, s:f}", "min", s.min, "median", s.median, "max", s.max);
}

static void add_target(json_t *row, struct target t, double value) {
    bool most = t.kind == TARGET_AT_MOST;
    bool met = most ? value <= t.limit : value >= t.limit;
    json_object_set_new(row, "target",
                        json_pack("{s:s, s:f, s:b}", "relation", most ? "<=" : ">=", "limit",
                                  t.limit, "met", (int)met));
}

static void add_ratios(json_t *o, const struct report_row *row) {
    double value = series_spread(row->value).median, floor = series_spread(row->floor).median;
    json_object_set_new(o, "ratio", json_real(value / floor));
    json_object_set_new(o, "ratio_pairwise", json_real(series_ratio(row->value, row->floor)));
    if (row->target.kind != TARGET_NONE)
        add_target(o, row->target, value / floor);
}

void report_add(struct report *r, const struct report_row *row) {
    const struct series *any = row->value ? row->value : row->floor;
    json_t *o =
        json_pack("{s:s, s:s, s:i}", "name", row->name, "unit", row->unit, "rounds", (int)any->n);
    if (row->value)
        json_object_set_new(o, "jobd", json_of_spread(series_spread(row->value)));
    if (row->floor) {
        json_object_set_new(o, "floor_name", json_string(row->floor_name));
        json_object_set_new(o, "floor", json_of_spread(series_spread(row->floor)));
    }
    if (row->value && row->floor)
        add_ratios(o, row);
    else if (row->value && row->target.kind != TARGET_NONE)
        add_target(o, row->target, series_spread(row->value).median);
    json_array_append_new(r->rows, o);
}

void report_note(struct report *r, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_array_append_new(r->notes, json_string(text));
}

// ---- the table ----

static const char *text_of(const json_t *row, const char *key) {
    const char *s = json_string_value(json_object_get(row, key));
    return s ? s : "";
}

static void print_spread(const json_t *spread) {
    double v[3];
    const char *const keys[] = {"min", "median", "max"};
    if (!spread) {
        printf(" %31s", "");
        return;
    }
    for (int i = 0; i < 3; i++)
        v[i] = json_number_value(json_object_get(spread, keys[i]));
    int digits = v[1] >= 1000 ? 0 : v[1] >= 100 ? 1 : v[1] >= 10 ? 2 : 3;
    printf(" %9.*f %11.*f %9.*f", digits, v[0], digits, v[1], digits, v[2]);
}

static void print_ratio(const json_t *row, const char *key) {
    const json_t *v = json_object_get(row, key);
    if (v)
        printf(" %7.3f", json_real_value(v));
    else
        printf(" %7s", "");
}

static void print_row(const json_t *row) {
    printf("%-22s %-6s", text_of(row, "name"), text_of(row, "unit"));
    print_spread(json_object_get(row, "jobd"));
    printf(" |");
    print_spread(json_object_get(row, "floor"));
    print_ratio(row, "ratio");
    print_ratio(row, "ratio_pairwise");
    const json_t *t = json_object_get(row, "target");
    if (t)
        printf("  %s %-5g %s", text_of(t, "relation"), json_real_value(json_object_get(t, "limit")),
               json_is_true(json_object_get(t, "met")) ? "met" : "MISSED");
    if (json_object_get(row, "floor_name"))
        printf("  (%s)", text_of(row, "floor_name"));
    printf("\n");
}

static void print_table(const struct report *r) {
    size_t i;
    json_t *v;
    printf("%-22s %-6s %9s %11s %9s | %9s %11s %9s %7s %7s  target\n", "", "unit", "jobd min",
           "median", "max", "floor min", "median", "max", "ratio", "pairs");
    json_array_foreach(r->rows, i, v) print_row(v);
    json_array_foreach(r->notes, i, v) printf("%s\n", json_string_value(v));
}

static void print_json(const struct report *r) {
    struct utsname u;
    uname(&u);
    json_t *o = json_pack("{s:s, s:I, s:{s:s, s:s, s:i}, s:O, s:O}", "jobd", JOBD_VERSION, "time",
                          (json_int_t)time(NULL), "machine", "kernel", u.release, "arch", u.machine,
                          "cores", (int)sysconf(_SC_NPROCESSORS_ONLN), "results", r->rows, "notes",
                          r->notes);
    JD_ASSERT(o);
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(o);
}

void report_print(const struct report *r, bool json) {
    if (json)
        print_json(r);
    else
        print_table(r);
    fflush(stdout);
}
