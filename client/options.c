#include "options.h"

#include <string.h>

int jd_options_copy(void *into, size_t into_bytes, const void *from) {
    size_t from_bytes;
    if (!from)
        return 0;
    memcpy(&from_bytes, from, sizeof from_bytes);
    if (from_bytes < sizeof from_bytes)
        return JOBD_E_INVAL;
    for (size_t i = into_bytes; i < from_bytes; i++) {
        if (((const unsigned char *)from)[i] != 0)
            return JOBD_E_VERSION;
    }
    memcpy(into, from, JD_MIN(into_bytes, from_bytes));
    return 0;
}
