// "Did you mean ...?": the closest of some names to a word that was not found. The distance counts
// letters missing, added, changed, or swapped with their neighbour; upper and lower case (ASCII)
// are the same letter. Pure, bounded, no allocation.
#ifndef JD_SUGGEST_H
#define JD_SUGGEST_H

#include <limits.h>

#include <jobd/types.h>

enum { JD_SUGGEST_WORD_MAX = 64 }; // bytes; a longer word is close to nothing
#define JD_EDIT_FAR UINT_MAX

// The distance, or JD_EDIT_FAR if it is above limit or a word is too long. O(a.len * b.len).
unsigned jd_edit_distance(jobd_bytes a, jobd_bytes b, unsigned limit);

// The search for the closest name, for candidates that come one at a time. word and every name
// offered are borrowed until the result has been used.
struct jd_suggestion {
    jobd_bytes word;
    jobd_bytes best;   // data is NULL while nothing was close
    unsigned distance; // of best; before there is one, the first distance that is not close
};

// Close means a distance of at most max(1, word.len / 3), and at least one letter in common.
struct jd_suggestion jd_suggestion_of(jobd_bytes word);
// Of equally close names the first one offered stays.
void jd_suggestion_offer(struct jd_suggestion *s, jobd_bytes name);

// The closest of n C strings, or NULL when none is close.
const char *jd_suggest(jobd_bytes word, const char *const *names, size_t n);

#endif
