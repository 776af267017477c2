#include "duration.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <jobd/types.h>

#include "guard.h"

static const struct unit {
    const char *name;
    double ms;
} units[] = {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};

static const double longest_ms = 100 * 365 * 86400e3;

static const struct unit *unit_of(const char *name, size_t n) {
    for (size_t i = 0; i < JD_LEN(units); i++)
        if (strlen(units[i].name) == n && memcmp(units[i].name, name, n) == 0)
            return &units[i];
    return NULL;
}

// "1.5h" at *at, which then stands behind it. Milliseconds, or below 0 if there is no such thing.
static double step(const char **at) {
    size_t n_digits = strspn(*at, "0123456789.");
    char *end;
    double number = strtod(*at, &end);
    if (!isdigit((unsigned char)**at) || end != *at + n_digits)
        return -1;
    size_t n_unit = strspn(end, "abcdefghijklmnopqrstuvwxyz");
    const struct unit *u = unit_of(end, n_unit);
    *at = end + n_unit;
    return u ? number * u->ms : -1;
}

int duration_parse(const char *text, int64_t *ret_ms) {
    double sum_ms = 0;
    const char *at = text;
    do {
        double ms = step(&at);
        if (ms < 0)
            return JOBD_E_INVAL;
        sum_ms += ms;
    } while (*at);
    if (sum_ms < 1 || sum_ms > longest_ms)
        return JOBD_E_INVAL;
    *ret_ms = (int64_t)sum_ms;
    return 0;
}
