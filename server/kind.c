#include "kind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"

int kind_refuse(char *why, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, KIND_WHY_BYTES, fmt, ap);
    va_end(ap);
    return -1;
}

int kind_set_PATH(char **path, const char *value, struct kind_range range, char *why) {
    if (strlen(value) > range.most)
        return kind_refuse(why, "the path has %zu bytes, at most %" PRIu64 " are allowed",
                           strlen(value), range.most);
    char *copy = jd_strdup(value);
    if (!copy)
        return kind_refuse(why, "out of memory");
    jd_free(*path);
    *path = copy;
    return 0;
}

static int add_item(struct config_list *list, const char *item, struct kind_range range,
                    char *why) {
    if (item[0] != '/')
        return kind_refuse(why, "'%s' is not an absolute path", item);
    if (list->n == range.most)
        return kind_refuse(why, "more than %" PRIu64 " entries", range.most);
    char **at = jd_realloc(list->at, (list->n + 1) * sizeof *at);
    if (!at)
        return kind_refuse(why, "out of memory");
    list->at = at;
    list->at[list->n] = jd_strdup(item);
    return list->at[list->n] ? (list->n++, 0) : kind_refuse(why, "out of memory");
}

// Adds to what is there: a long list goes over several lines.
int kind_set_LIST(struct config_list *list, const char *value, struct kind_range range, char *why) {
    char *copy = jd_strdup(value), *rest = copy, *item;
    int r = copy ? 0 : kind_refuse(why, "out of memory");
    while (r == 0 && (item = strsep(&rest, ","))) {
        item += strspn(item, " \t");
        for (size_t n = strlen(item); n > 0 && strchr(" \t", item[n - 1]); n--)
            item[n - 1] = '\0';
        if (strpbrk(item, " \t"))
            r = kind_refuse(why, "'%s' holds a blank: separate entries with commas", item);
        else if (*item)
            r = add_item(list, item, range, why);
    }
    jd_free(copy);
    return r;
}

static int set_number(uint64_t *number, const char *value, unsigned shift_max,
                      struct kind_range range, char *why) {
    static const char suffixes[] = "KMG";
    char *end;
    errno = 0;
    uint64_t v = strtoull(value, &end, 10);
    unsigned shift = 0;
    if (shift_max && *end && strchr(suffixes, *end))
        shift = 10 * (unsigned)(strchr(suffixes, *end++) - suffixes + 1);
    bool overflow = errno == ERANGE || v << shift >> shift != v;
    if (value[0] < '0' || value[0] > '9' || *end)
        return kind_refuse(why, "'%s' is not a number%s", value,
                           shift_max ? " with an optional suffix K, M or G" : "");
    if (overflow || v << shift < range.least || v << shift > range.most)
        return kind_refuse(why, "%s is out of range, %" PRIu64 " to %" PRIu64 " is allowed", value,
                           range.least, range.most);
    *number = v << shift;
    return 0;
}

int kind_set_NUM(uint64_t *number, const char *value, struct kind_range range, char *why) {
    return set_number(number, value, 0, range, why);
}

int kind_set_BYTES(uint64_t *number, const char *value, struct kind_range range, char *why) {
    return set_number(number, value, 30, range, why);
}

int kind_set_LEVEL(uint64_t *level, const char *value, struct kind_range range, char *why) {
    int v = jd_log_level_of(value);
    (void)range;
    if (v < 0)
        return kind_refuse(why, "'%s' is not one of error, warn, info, debug", value);
    *level = (uint64_t)v;
    return 0;
}

void kind_free_PATH(char **path) {
    jd_free(*path);
}

void kind_free_LIST(struct config_list *list) {
    for (size_t i = 0; i < list->n; i++)
        jd_free(list->at[i]);
    jd_free(list->at);
}

void kind_print_PATH(FILE *out, const char *name, char *const *path) {
    fprintf(out, "%s = %s\n", name, *path);
}

void kind_print_LIST(FILE *out, const char *name, const struct config_list *list) {
    fprintf(out, "%s =", name);
    for (size_t i = 0; i < list->n; i++)
        fprintf(out, "%s %s", i > 0 ? "," : "", list->at[i]);
    fprintf(out, "\n");
}

void kind_print_NUM(FILE *out, const char *name, const uint64_t *number) {
    fprintf(out, "%s = %" PRIu64 "\n", name, *number);
}

void kind_print_LEVEL(FILE *out, const char *name, const uint64_t *level) {
    fprintf(out, "%s = %s\n", name, jd_log_level_name((enum jd_log_level) * level));
}
