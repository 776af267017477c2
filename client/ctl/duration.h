// Spans of time as people write them: "90s", "5m", "1h30m", "500ms", "1.5h".
#ifndef CTL_DURATION_H
#define CTL_DURATION_H

#include <stdint.h>

// 0 | JOBD_E_INVAL (no duration, less than a millisecond, or more than 100 years). A bare number is
// refused: its unit would be a guess.
int duration_parse(const char *text, int64_t *ret_ms);

#endif
