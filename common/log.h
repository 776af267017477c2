// One line per event, key=value. What happens to a line is the sink's business: main() sets one;
// with none (tests, simulator, libjobd) nothing is written and nothing is formatted.
#ifndef JD_LOG_H
#define JD_LOG_H

#include <jobd/types.h>

#include "guard.h"

enum jd_log_level { JD_LOG_ERROR, JD_LOG_WARN, JD_LOG_INFO, JD_LOG_DEBUG };
enum { JD_LOG_LINE_MAX = 1024 };

typedef void (*jd_log_sink)(enum jd_log_level level, const char *line, size_t len);

void jd_log_setup(enum jd_log_level least_important, jd_log_sink sink); // sink NULL = silence
bool jd_log_on(enum jd_log_level level);
// event: dotted words, "worker.exit"; fmt: "key=%d key2=%s", or "". Longer lines are cut.
void jd_log(enum jd_log_level level, const char *event, const char *fmt, ...) JD_PRINTF(3, 4);

// Text of a peer, made fit for a line: quoted, control characters and quotes escaped, cut to size.
// Returns out.
const char *jd_log_quote(char *out, size_t size, jobd_bytes text);
// The same for a value that rarely needs it, a path say: as it is if it has no blank, quote, '=' or
// control character (and fits), else quoted. Returns out, or value itself.
const char *jd_log_value(char *out, size_t size, const char *value);
const char *jd_log_level_name(enum jd_log_level level);
// -1 = no such level.
int jd_log_level_of(const char *name);

#endif
