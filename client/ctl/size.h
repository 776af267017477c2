// Amounts of memory as people write them: "65536", "512M", "2GiB", "1.5G". Units are powers of 1024.
#ifndef CTL_SIZE_H
#define CTL_SIZE_H

#include <stdint.h>

// 0 | JOBD_E_INVAL (no size, or more than 2^53 bytes).
int size_parse(const char *text, uint64_t *ret_bytes);

#endif
