// A line on the terminal that shows how far something is and when it will be done:
//
//     wait  [=========>                    ]  33%  12/36  4.1/s  ETA 0:06
//
// It is on standard error, and only if that is a terminal that can move its cursor. It comes after
// half a second, so that what is short leaves no trace, and goes when somebody else prints a line.
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;

enum { PROGRESS_TICK_MS = 100, PROGRESS_LINE_MAX = 256 };

struct progress {
    const char *what;
    double n_done;  // things, and parts of things that are under way
    double n_total; // 0 = not known
    bool about;     // n_total is an estimate
    bool on;        // draw it at all
    bool shown;     // it stands on the terminal
    uint64_t begin_ns;
    uint64_t drawn_ns; // last
};

// The line as it stands after that time, at most `columns` characters wide; pure. Returns its length.
size_t progress_render(const struct progress *p, double elapsed_s, unsigned columns,
                       char ret[PROGRESS_LINE_MAX]);

// From now on ctl_turn() draws it. p is borrowed until progress_end().
void progress_begin(struct progress *p, struct ctl *ctl, const char *what, double n_total);
void progress_end(struct ctl *ctl);
// May a bar be drawn for this command? Not in JSON, not if quiet, not in a pipe.
bool progress_is_wanted(const struct ctl *ctl);

// These take NULL.
bool progress_is_on(const struct progress *p);
void progress_tick(struct progress *p);  // draws it, if it is time to
void progress_clear(struct progress *p); // takes it off, before somebody prints a line

#endif
