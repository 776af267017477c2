// Options structs start with their size, so that programs and libraries of different age agree.
#ifndef JD_OPTIONS_H
#define JD_OPTIONS_H

#include <jobd/types.h>

#include "guard.h"

// Copies the caller's options over the zeroed struct at `into`; from = NULL leaves all defaults.
// 0 | JOBD_E_INVAL (no size) | JOBD_E_VERSION (a field is set that this library does not have).
JD_MUST_USE int jd_options_copy(void *into, size_t into_bytes, const void *from);

#endif
