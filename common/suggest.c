// Edit distance with swaps (optimal string alignment). Row i of the table holds the distances of
// the first i letters of a to every prefix of b; only the last three rows are ever looked at.
#include "suggest.h"

#include <string.h>

#include "guard.h"

static unsigned char fold(unsigned char c) {
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
}

static unsigned letter(jobd_bytes b, size_t i) {
    return fold(((const unsigned char *)b.data)[i]);
}

static bool swapped(jobd_bytes a, size_t i, jobd_bytes b, size_t j) {
    return i >= 2 && j >= 2 && letter(a, i - 1) == letter(b, j - 2) &&
           letter(a, i - 2) == letter(b, j - 1);
}

unsigned jd_edit_distance(jobd_bytes a, jobd_bytes b, unsigned limit) {
    unsigned rows[3][JD_SUGGEST_WORD_MAX + 1];
    if (a.len > JD_SUGGEST_WORD_MAX || b.len > JD_SUGGEST_WORD_MAX)
        return JD_EDIT_FAR;
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        unsigned least = row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned changed = above[j - 1] + (letter(a, i - 1) != letter(b, j - 1));
            unsigned d = JD_MIN(changed, JD_MIN(above[j], row[j - 1]) + 1);
            if (swapped(a, i, b, j))
                d = JD_MIN(d, above2[j - 2] + 1);
            row[j] = d;
            least = JD_MIN(least, d);
        }
        if (least > limit) // the rows below can only be larger
            return JD_EDIT_FAR;
    }
    unsigned d = rows[a.len % 3][b.len];
    return d <= limit ? d : JD_EDIT_FAR;
}

struct jd_suggestion jd_suggestion_of(jobd_bytes word) {
    unsigned third = (unsigned)JD_MIN(word.len, (size_t)JD_SUGGEST_WORD_MAX) / 3;
    return (struct jd_suggestion){.word = word, .distance = JD_MAX(1, third) + 1};
}

void jd_suggestion_offer(struct jd_suggestion *s, jobd_bytes name) {
    if (s->distance == 0)
        return;
    unsigned d = jd_edit_distance(s->word, name, s->distance - 1);
    if (d == JD_EDIT_FAR || d >= JD_MAX(s->word.len, name.len))
        return;
    s->best = name;
    s->distance = d;
}

const char *jd_suggest(jobd_bytes word, const char *const *names, size_t n) {
    struct jd_suggestion s = jd_suggestion_of(word);
    for (size_t i = 0; i < n; i++)
        jd_suggestion_offer(&s, (jobd_bytes){names[i], strlen(names[i])});
    return s.best.data;
}
