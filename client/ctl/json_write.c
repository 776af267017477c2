// JSON text. jansson prints every real number with the same number of digits; here each has as many
// as it needs, so that 0.1 stays 0.1 and nothing is lost.
#include <string.h>

#include "json.h"
#include "print.h"

static void write_string(FILE *out, const char *s, size_t n) {
    putc('"', out);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", out);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            putc(c, out);
    }
    putc('"', out);
}

static void write_real(FILE *out, double x) {
    char text[CTL_DOUBLE_MAX];
    ctl_double_text(x, text);
    fputs(text, out);
    if (!strpbrk(text, ".en")) // stays a real number for who reads it
        fputs(".0", out);
}

static void write_array(FILE *out, const json_t *array) {
    putc('[', out);
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            putc(',', out);
        ctl_json_write(out, json_array_get(array, i));
    }
    putc(']', out);
}

static void write_object(FILE *out, const json_t *object) {
    const char *key, *before = "";
    json_t *value;
    putc('{', out);
    json_object_foreach((json_t *)(uintptr_t)object, key, value) { // reads only
        fputs(before, out);
        write_string(out, key, strlen(key));
        putc(':', out);
        ctl_json_write(out, value);
        before = ",";
    }
    putc('}', out);
}

void ctl_json_write(FILE *out, const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        write_object(out, v);
        break;
    case JSON_ARRAY:
        write_array(out, v);
        break;
    case JSON_STRING:
        write_string(out, json_string_value(v), json_string_length(v));
        break;
    case JSON_INTEGER:
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        break;
    case JSON_REAL:
        write_real(out, json_real_value(v));
        break;
    case JSON_TRUE:
        fputs("true", out);
        break;
    case JSON_FALSE:
        fputs("false", out);
        break;
    case JSON_NULL:
        fputs("null", out);
        break;
    }
}
