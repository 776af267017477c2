#include <criterion/criterion.h>
#include <string.h>

#include "guard.h"
#include "msg.h"
#include "rng.h"
#include "suggest.h"

static struct rng rng;

static unsigned distance(const char *a, const char *b) {
    return jd_edit_distance(jd_text(a), jd_text(b), JD_SUGGEST_WORD_MAX);
}

Test(edit_distance, known_pairs) {
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {
        {"", "", 0},         {"", "abc", 3},
        {"cos", "cos", 0},   {"cos", "cso", 1},
        {"cos", "co", 1},    {"cos", "coos", 1},
        {"cos", "cas", 1},   {"COS", "cos", 0},
        {"ca", "abc", 3},    {"kitten", "sitting", 3},
        {"abcd", "badc", 2}, {"integrate", "integarte", 1},
        {"a", "b", 1},       {"ab", "ba", 1},
    };
    for (size_t i = 0; i < JD_LEN(cases); i++)
        cr_expect(distance(cases[i].a, cases[i].b) == cases[i].distance, "%s %s: %u", cases[i].a,
                  cases[i].b, distance(cases[i].a, cases[i].b));
}

Test(edit_distance, stops_at_the_limit) {
    cr_expect(jd_edit_distance(jd_text("kitten"), jd_text("sitting"), 3) == 3);
    cr_expect(jd_edit_distance(jd_text("kitten"), jd_text("sitting"), 2) == JD_EDIT_FAR);
    cr_expect(jd_edit_distance(jd_text("cos"), jd_text("cos"), 0) == 0);
    cr_expect(jd_edit_distance(jd_text("cos"), jd_text("cas"), 0) == JD_EDIT_FAR);
}

Test(edit_distance, words_are_bounded) {
    char longest[JD_SUGGEST_WORD_MAX + 1];
    memset(longest, 'a', sizeof longest);
    jobd_bytes fits = {longest, JD_SUGGEST_WORD_MAX}, too_long = {longest, JD_SUGGEST_WORD_MAX + 1};
    cr_expect(jd_edit_distance(fits, fits, 5) == 0);
    cr_expect(jd_edit_distance(fits, jd_text(""), JD_SUGGEST_WORD_MAX) == JD_SUGGEST_WORD_MAX);
    cr_expect(jd_edit_distance(fits, too_long, 5) == JD_EDIT_FAR);
    cr_expect(jd_edit_distance(too_long, fits, 5) == JD_EDIT_FAR);
}

static jobd_bytes random_word(char *out, size_t max) {
    size_t n = rng_below(&rng, max + 1);
    for (size_t i = 0; i < n; i++)
        out[i] = "abc"[rng_below(&rng, 3)];
    return (jobd_bytes){out, n};
}

Test(edit_distance, properties) {
    rng = rng_begin("suggest");
    for (int round = 0; round < 20000; round++) {
        char x[9], y[9];
        jobd_bytes a = random_word(x, 8), b = random_word(y, 8);
        unsigned d = jd_edit_distance(a, b, JD_SUGGEST_WORD_MAX);
        size_t longer = JD_MAX(a.len, b.len), shorter = JD_MIN(a.len, b.len);
        bool same = a.len == b.len && memcmp(x, y, a.len) == 0;
        cr_assert(d == jd_edit_distance(b, a, JD_SUGGEST_WORD_MAX), "symmetric");
        cr_assert((d == 0) == same, "zero exactly for equal words");
        cr_assert(d >= longer - shorter && d <= longer, "between the bounds");
        unsigned limit = (unsigned)rng_below(&rng, 9);
        cr_assert(jd_edit_distance(a, b, limit) == (d <= limit ? d : JD_EDIT_FAR), "limit %u",
                  limit);
    }
}

Test(suggest, finds_the_closest) {
    static const char *const names[] = {"ping", "integrate", "countdown", "sleep", "run"};
    static const struct {
        const char *word, *best;
    } cases[] = {
        {"integrat", "integrate"},
        {"intergate", "integrate"},
        {"Ping", "ping"},
        {"pign", "ping"},
        {"countdwon", "countdown"},
        {"slep", "sleep"},
        {"rnu", "run"},
        {"zebra", NULL},
        {"", NULL},
        {"x", NULL},
    };
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        const char *best = jd_suggest(jd_text(cases[i].word), names, JD_LEN(names));
        bool ok = cases[i].best ? best && strcmp(best, cases[i].best) == 0 : !best;
        cr_expect(ok, "%s: %s", cases[i].word, best ? best : "NULL");
    }
    cr_expect(jd_suggest(jd_text("ping"), names, 0) == NULL);
}

Test(suggest, one_letter_is_not_close_to_another) {
    static const char *const letters[] = {"a", "b"}, *const pairs[] = {"ab"};
    cr_expect(jd_suggest(jd_text("x"), letters, 2) == NULL);
    cr_expect(jd_suggest(jd_text("a"), pairs, 1) == pairs[0]);
}

Test(suggest, the_first_of_equals_stays) {
    static const char *const names[] = {"cosx", "cosy", "cos"};
    cr_expect(jd_suggest(jd_text("cosz"), names, 2) == names[0]);
    cr_expect(jd_suggest(jd_text("cos"), names, 3) == names[2], "an equal word beats all");
}

Test(suggest, names_need_no_terminator) {
    static const char names[] = {'l', 'o', 'c', 'k', '1', 'l', 'o', 'c', 'k', 's'};
    struct jd_suggestion s = jd_suggestion_of(jd_text("lcoks"));
    jd_suggestion_offer(&s, (jobd_bytes){names, 5});
    cr_expect(s.best.data == NULL);
    jd_suggestion_offer(&s, (jobd_bytes){names + 5, 5});
    cr_expect(s.best.data == names + 5 && s.best.len == 5 && s.distance == 1);
}
