// Which interval of an adaptive integral is worth another look, and whether all of it is good
// enough, or cannot become so. Pure: knows neither the function nor who computes it.
//
// The intervals tile [a, b]. Each round halves the worst one: it is taken, and given back as two
// panels (kernels/kronrod.h). Several may be out at once, and come back in any order.
#ifndef CTL_ADAPT_H
#define CTL_ADAPT_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/kronrod.h"

enum {
    ADAPT_FIRST = 8,             // intervals at the beginning: 16 panels of 15 points
    ADAPT_INTERVALS_MAX = 20000, // each costs a look at all others
    ADAPT_STALLED_MAX = 20,      // halvings that left the error on one side; see ADAPT_DIVERGES
};

struct adapt_interval {
    double a, b;
    bool looked_at; // else the panel is but an infinite error
    struct jd_panel panel;
    unsigned n_stalled; // so often halving left 99 % of the error or more in the half that is this
    bool out;
};

struct adapt {
    double tolerance, relative; // the error may be the larger of the two, the second times |value|
    struct adapt_interval *at;
    size_t n, n_max, cap;
    size_t n_out;
};

enum adapt_verdict {
    ADAPT_GO,       // halve on
    ADAPT_DONE,     // within the tolerance
    ADAPT_DIVERGES, // where halving the worst interval again and again leaves all of its error
    ADAPT_NARROW,   // the worst interval cannot be halved in double precision
    ADAPT_ROUNDING, // the tolerance is below what rounding does
    ADAPT_LIMIT,    // too many intervals
};

struct adapt_state {
    enum adapt_verdict verdict;
    double value, error; // of all; error: an estimate, infinite at first
    double goal;         // what the error may be
    double rounding;     // the least the error can be
    size_t worst;        // what is best halved next; n = nothing that is not out is worth it
};

// n_max: intervals at most, at least ADAPT_FIRST. 0 | JOBD_E_NOMEM. adapt_free() in any case.
int adapt_begin(struct adapt *s, double a, double b, size_t n_max);
void adapt_free(struct adapt *s);
struct adapt_state adapt_look(const struct adapt *s);
// i: the worst of a look whose verdict was ADAPT_GO, if there is one. 0 | JOBD_E_NOMEM (nothing changed).
int adapt_take(struct adapt *s, size_t i);
// The halves of an interval that was taken, the left one first.
void adapt_give(struct adapt *s, size_t i, const struct jd_panel halves[2]);

#endif
