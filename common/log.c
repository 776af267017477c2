#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum jd_log_level level_max = JD_LOG_INFO;
static jd_log_sink the_sink;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void jd_log_setup(enum jd_log_level least_important, jd_log_sink sink) {
    level_max = least_important;
    the_sink = sink;
}

bool jd_log_on(enum jd_log_level level) {
    return the_sink && level <= level_max;
}

void jd_log(enum jd_log_level level, const char *event, const char *fmt, ...) {
    if (!jd_log_on(level))
        return;
    char line[JD_LOG_LINE_MAX];
    int n = snprintf(line, sizeof line, "event=%s ", event);
    va_list ap;
    va_start(ap, fmt);
    int more = vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + (size_t)JD_MAX(more, 0);
    len = JD_MIN(len, sizeof line - 1);
    while (len > 0 && line[len - 1] == ' ')
        len--;
    the_sink(level, line, len);
}

const char *jd_log_quote(char *out, size_t size, jobd_bytes text) {
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = text.data;
    size_t n = 0;
    JD_ASSERT(size >= 8);
    out[n++] = '"';
    for (size_t i = 0; i < text.len && n + 6 < size; i++) {
        if (p[i] == '"' || p[i] == '\\') {
            out[n++] = '\\';
            out[n++] = (char)p[i];
        } else if (p[i] < 0x20 || p[i] == 0x7f) {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[p[i] >> 4];
            out[n++] = hex[p[i] & 15];
        } else {
            out[n++] = (char)p[i];
        }
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

const char *jd_log_value(char *out, size_t size, const char *value) {
    const unsigned char *p = (const unsigned char *)value;
    while (*p > ' ' && *p != 0x7f && !strchr("\"\\=", *p))
        p++;
    if (*p == '\0' && p != (const unsigned char *)value)
        return value;
    return jd_log_quote(out, size, (jobd_bytes){value, strlen(value)});
}

const char *jd_log_level_name(enum jd_log_level level) {
    return level_names[level];
}

int jd_log_level_of(const char *name) {
    for (int i = 0; i < (int)JD_LEN(level_names); i++)
        if (strcmp(name, level_names[i]) == 0)
            return i;
    return -1;
}
