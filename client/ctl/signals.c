#include "signals.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jobd/types.h>

enum { SIGNAL_MAX = 64 };

static int parse_number(const char *text, int *ret) {
    char *end;
    long n = strtol(text, &end, 10);
    if (*end || n < 1 || n > SIGNAL_MAX)
        return JOBD_E_INVAL;
    *ret = (int)n;
    return 0;
}

int signals_parse(const char *text, int *ret) {
    if (isdigit((unsigned char)*text))
        return parse_number(text, ret);
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (int i = 1; i <= SIGNAL_MAX; i++) {
        const char *name = sigabbrev_np(i);
        if (name && strcasecmp(name, text) == 0) {
            *ret = i;
            return 0;
        }
    }
    return JOBD_E_INVAL;
}
