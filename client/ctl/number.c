#include "number.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "print.h"

bool number_is(const char *token) {
    struct jd_expr e;
    return jd_expr_parse((jobd_bytes){token, strlen(token)}, NULL, &e, NULL) == 0;
}

// Two lines: the text, and a caret under the column, which counts bytes from 1.
static void point_at(const char *text, size_t column, char *ret, size_t size) {
    char shown[JD_EXPR_TEXT_MAX + 1];
    size_t n = 0, n_before = 0;
    for (; text[n] && n < JD_EXPR_TEXT_MAX; n++) {
        shown[n] = iscntrl((unsigned char)text[n]) ? '?' : text[n];
        n_before += n + 1 < column && ((unsigned char)text[n] & 0xc0) != 0x80;
    }
    shown[n] = '\0';
    snprintf(ret, size, "    %s\n    %*s^", shown, (int)n_before, "");
}

int number_misuse(const struct ctl *ctl, const char *name, const char *text,
                  const struct jd_expr_error *error) {
    char hint[2 * JD_EXPR_TEXT_MAX + 16];
    if (error->column > 0)
        point_at(text, error->column, hint, sizeof(hint));
    return ctl_misuse(ctl, error->column > 0 ? hint : NULL, "%s: %s", name, error->text);
}

int number_parse(const struct ctl *ctl, const char *name, const char *text, double *ret) {
    struct jd_expr e;
    struct jd_expr_error error;
    if (jd_expr_parse((jobd_bytes){text, strlen(text)}, NULL, &e, &error))
        return number_misuse(ctl, name, text, &error);
    double x = jd_expr_eval(&e, 0);
    if (!isfinite(x)) {
        char shown[CTL_DOUBLE_MAX];
        ctl_double_text(x, shown);
        return ctl_misuse(ctl, "a finite number is needed", "%s: \"%.64s\" is %s", name, text,
                          shown);
    }
    *ret = x;
    return 0;
}

int number_parse_count(const struct ctl *ctl, const char *name, const char *text, uint64_t most,
                       uint64_t *ret) {
    double x;
    int r = number_parse(ctl, name, text, &x);
    if (r)
        return r;
    if (x < 0 || x > (double)most || x != floor(x)) {
        char hint[80];
        snprintf(hint, sizeof(hint), "a whole number up to %" PRIu64 " is needed", most);
        return ctl_misuse(ctl, hint, "%s cannot be \"%.64s\"", name, text);
    }
    *ret = (uint64_t)x;
    return 0;
}
