#include "size.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jobd/types.h>

static const double most_bytes = 9007199254740992; // 2^53

int size_parse(const char *text, uint64_t *ret_bytes) {
    static const char letters[] = "KMGT";
    size_t n_digits = strspn(text, "0123456789.");
    char *unit;
    double bytes = strtod(text, &unit);
    if (!isdigit((unsigned char)*text) || unit != text + n_digits)
        return JOBD_E_INVAL;
    const char *letter = *unit ? strchr(letters, toupper((unsigned char)*unit)) : NULL;
    if (letter) {
        bytes = ldexp(bytes, 10 * (int)(letter - letters + 1));
        unit++;
        if (strcasecmp(unit, "iB") == 0 || strcasecmp(unit, "B") == 0)
            unit += strlen(unit);
    }
    if (*unit || bytes > most_bytes)
        return JOBD_E_INVAL;
    *ret_bytes = (uint64_t)bytes;
    return 0;
}
