// Base 64 with padding (RFC 4648 section 4), for bytes inside JSON.
#ifndef CTL_BASE64_H
#define CTL_BASE64_H

#include <jobd/types.h>

// Owned text: jd_free(); NULL when memory is out.
char *base64_encode(jobd_bytes bytes);
// Owned bytes: jd_free(). 0 | JOBD_E_INVAL (not base 64) | JOBD_E_NOMEM.
int base64_decode(jobd_bytes text, unsigned char **ret, size_t *ret_n);

#endif
