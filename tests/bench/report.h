// The table and its JSON twin.
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

struct series;
struct report;

enum target_kind {
    TARGET_NONE,
    TARGET_AT_MOST,
    TARGET_AT_LEAST,
};

struct target {
    enum target_kind kind;
    double limit; // of the ratio to the floor; of the value itself where there is no floor
};

struct report_row {
    const char *name; // as "roundtrip.p50.1w"
    const char *unit;
    const struct series *value; // NULL = jobd was not run
    const struct series *floor; // NULL = there is none
    const char *floor_name;
    struct target target;
};

struct report *report_new(void);
void report_free(struct report *r); // NULL is allowed
// Everything is copied.
void report_add(struct report *r, const struct report_row *row);
// A fact that belongs to the figures but is none. Copied.
void report_note(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void report_print(const struct report *r, bool json);

#endif
