// Characters, names and numbers of an expression's text, the same in every locale.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr_ops.h"
#include "guard.h"

char jd_expr_peek(const struct jd_expr_text *t, size_t ahead) {
    return t->at + ahead < t->len ? t->data[t->at + ahead] : '\0';
}

bool jd_expr_skip_space(struct jd_expr_text *t) {
    while (t->at < t->len && memchr(" \t\r\n", t->data[t->at], 4))
        t->at++;
    return t->at == t->len;
}

static bool is_digit(char c, bool hex) {
    return (c >= '0' && c <= '9') || (hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

size_t jd_expr_name_len(const struct jd_expr_text *t) {
    size_t n = is_name_start(jd_expr_peek(t, 0));
    while (n && (is_name_start(jd_expr_peek(t, n)) || is_digit(jd_expr_peek(t, n), false)))
        n++;
    return n;
}

bool jd_expr_number_here(const struct jd_expr_text *t) {
    return is_digit(jd_expr_peek(t, 0), false) ||
           (jd_expr_peek(t, 0) == '.' && is_digit(jd_expr_peek(t, 1), false));
}

// The exponent behind the digits, 0 if there is none.
static long take_exponent(struct jd_expr_text *t, bool hex) {
    size_t n_sign = jd_expr_peek(t, 1) == '+' || jd_expr_peek(t, 1) == '-';
    if ((jd_expr_peek(t, 0) | 0x20) != (hex ? 'p' : 'e') ||
        !is_digit(jd_expr_peek(t, 1 + n_sign), false))
        return 0;
    bool negative = jd_expr_peek(t, 1) == '-';
    long exponent = 0;
    for (t->at += 1 + n_sign; is_digit(jd_expr_peek(t, 0), false); t->at++)
        exponent = JD_MIN(exponent * 10 + (jd_expr_peek(t, 0) - '0'), 100000); // beyond any double
    return negative ? -exponent : exponent;
}

// Copy digits and fold the point into the exponent, so that strtod(), whose point depends on the
// locale, sees none: 12.5e3 is read as 125e2, and 0x1.8p3 as 0x18p-1.
double jd_expr_take_number(struct jd_expr_text *t) {
    char copy[JD_EXPR_TEXT_MAX + 16];
    size_t n = 0;
    bool hex = jd_expr_peek(t, 0) == '0' && (jd_expr_peek(t, 1) | 0x20) == 'x' &&
               is_digit(jd_expr_peek(t, 2), true);
    long n_fraction = 0;
    if (hex)
        for (; n < 2; n++)
            copy[n] = t->data[t->at++];
    for (bool fraction = false;
         is_digit(jd_expr_peek(t, 0), hex) || (jd_expr_peek(t, 0) == '.' && !fraction); t->at++) {
        if (jd_expr_peek(t, 0) == '.') {
            fraction = true;
            continue;
        }
        copy[n++] = jd_expr_peek(t, 0);
        n_fraction += fraction;
    }
    long exponent = take_exponent(t, hex) - n_fraction * (hex ? 4 : 1);
    snprintf(copy + n, sizeof copy - n, "%c%ld", hex ? 'p' : 'e', exponent);
    return strtod(copy, NULL);
}
