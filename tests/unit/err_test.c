// The vocabulary: every code has a name and a text of its own, and its number never moves.
#include <criterion/criterion.h>
#include <string.h>

#include <jobd/types.h>

#include "guard.h"

struct word {
    int number;
    const char *name, *text;
};

#define X(name, value, text) {JOBD_E_##name, "JOBD_E_" #name, text},
static const struct word errors[] = {JOBD_ERROR_MAP(X)};
#undef X
#define X(name, value, text) {JOBD_JOB_##name, #name, text},
static const struct word states[] = {JOBD_JOB_STATE_MAP(X)};
#undef X

static void expect_all_distinct(const struct word *w, size_t n) {
    for (size_t i = 0; i < n; i++) {
        cr_expect(w[i].text[0], "%s has no text", w[i].name);
        for (size_t k = 0; k < i; k++) {
            cr_expect_neq(w[i].number, w[k].number, "%s, %s", w[i].name, w[k].name);
            cr_expect_str_neq(w[i].name, w[k].name);
            cr_expect_str_neq(w[i].text, w[k].text);
        }
    }
}

Test(err, every_code_has_its_own_name_and_text) {
    expect_all_distinct(errors, JD_LEN(errors));
    for (size_t i = 0; i < JD_LEN(errors); i++) {
        cr_expect_lt(errors[i].number, 0);
        cr_expect_str_eq(jobd_errname(errors[i].number), errors[i].name);
        cr_expect_str_eq(jobd_strerror(errors[i].number), errors[i].text);
        cr_expect_leq(strlen(errors[i].text), 64u, "a text is a phrase");
    }
}

Test(err, success_and_unknown_codes_have_words_too) {
    cr_expect_str_eq(jobd_strerror(0), "success");
    cr_expect_str_eq(jobd_errname(0), "JOBD_OK");
    const int unknown[] = {1, -7, -19, -85, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < JD_LEN(unknown); i++) {
        cr_expect_str_eq(jobd_strerror(unknown[i]), "unknown error");
        cr_expect_str_eq(jobd_errname(unknown[i]), "JOBD_E_?");
    }
}

Test(err, every_job_state_has_its_own_word) {
    expect_all_distinct(states, JD_LEN(states));
    for (size_t i = 0; i < JD_LEN(states); i++)
        cr_expect_str_eq(jobd_job_state_name(states[i].number), states[i].text);
    cr_expect_str_eq(jobd_job_state_name(JOBD_JOB_NONE), "unknown");
    cr_expect_str_eq(jobd_job_state_name(99), "unknown");
}

// These numbers are on the wire: the list may grow at its end, and never change.
Test(err, numbers_never_move) {
    static const int wire[] = {-1,  -2,  -3,  -4,  -5,  -6,  -20, -21, -22, -23, -24,
                               -40, -41, -42, -43, -44, -45, -46, -60, -61, -62, -63,
                               -64, -65, -66, -67, -68, -80, -81, -82, -83, -84};
    static const char *const names[] = {
        "INVAL",  "STATE",       "DEADLK",   "FORKED",   "NOTOWNER", "OVER",           "NOMEM",
        "SYS",    "LIMIT",       "AGAIN",    "STOPPING", "CLOSED",   "REFUSED",        "PERM",
        "PROTO",  "VERSION",     "MSGSIZE",  "NOTSUP",   "TIMEOUT",  "CANCELLED",      "TASK",
        "NOTASK", "WORKER_DIED", "DEADLINE", "EXITED",   "KILLED",   "RESULT_TOO_BIG", "NOENT",
        "EXIST",  "FULL",        "EMPTY",    "QCLOSED"};
    cr_assert_geq(JD_LEN(errors), JD_LEN(wire));
    for (size_t i = 0; i < JD_LEN(wire); i++) {
        cr_expect_eq(errors[i].number, wire[i]);
        cr_expect_str_eq(errors[i].name + strlen("JOBD_E_"), names[i]);
    }
    for (size_t i = 0; i < JD_LEN(states); i++)
        cr_expect_eq(states[i].number, (int)i + 1);
}

Test(err, the_layout_of_an_error_is_frozen) {
    cr_expect_eq(sizeof(jobd_error), 4u + 4 + 64 + 256);
    cr_expect_eq(offsetof(jobd_error, name), 8u);
    cr_expect_eq(offsetof(jobd_error, message), 72u);
}
