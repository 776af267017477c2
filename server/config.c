#include "config.h"

#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpus.h"
#include "log.h"
#include "mem.h"
#include "suggest.h"

enum { WHY_BYTES = 256 };

struct range {
    uint64_t least, most;
};

// ---- values: 0, or -1 and why ----

static int refuse(char *why, const char *fmt, ...) JD_PRINTF(2, 3);
static int refuse(char *why, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, WHY_BYTES, fmt, ap);
    va_end(ap);
    return -1;
}

static int set_PATH(char **path, const char *value, struct range range, char *why) {
    if (strlen(value) > range.most)
        return refuse(why, "the path has %zu bytes, at most %" PRIu64 " are allowed", strlen(value),
                      range.most);
    char *copy = jd_strdup(value);
    if (!copy)
        return refuse(why, "out of memory");
    jd_free(*path);
    *path = copy;
    return 0;
}

static int add_item(struct config_list *list, const char *item, struct range range, char *why) {
    if (item[0] != '/')
        return refuse(why, "'%s' is not an absolute path", item);
    if (list->n == range.most)
        return refuse(why, "more than %" PRIu64 " entries", range.most);
    char **at = jd_realloc(list->at, (list->n + 1) * sizeof *at);
    if (!at)
        return refuse(why, "out of memory");
    list->at = at;
    list->at[list->n] = jd_strdup(item);
    return list->at[list->n] ? (list->n++, 0) : refuse(why, "out of memory");
}

// Adds to what is there: a long list goes over several lines.
static int set_LIST(struct config_list *list, const char *value, struct range range, char *why) {
    char *copy = jd_strdup(value), *rest = copy, *item;
    int r = copy ? 0 : refuse(why, "out of memory");
    while (r == 0 && (item = strsep(&rest, ","))) {
        item += strspn(item, " \t");
        for (size_t n = strlen(item); n > 0 && strchr(" \t", item[n - 1]); n--)
            item[n - 1] = '\0';
        if (strpbrk(item, " \t"))
            r = refuse(why, "'%s' holds a blank: separate entries with commas", item);
        else if (*item)
            r = add_item(list, item, range, why);
    }
    jd_free(copy);
    return r;
}

static int set_number(uint64_t *number, const char *value, unsigned shift_max, struct range range,
                      char *why) {
    static const char suffixes[] = "KMG";
    char *end;
    errno = 0;
    uint64_t v = strtoull(value, &end, 10);
    unsigned shift = 0;
    if (shift_max && *end && strchr(suffixes, *end))
        shift = 10 * (unsigned)(strchr(suffixes, *end++) - suffixes + 1);
    bool overflow = errno == ERANGE || v << shift >> shift != v;
    if (value[0] < '0' || value[0] > '9' || *end)
        return refuse(why, "'%s' is not a number%s", value,
                      shift_max ? " with an optional suffix K, M or G" : "");
    if (overflow || v << shift < range.least || v << shift > range.most)
        return refuse(why, "%s is out of range, %" PRIu64 " to %" PRIu64 " is allowed", value,
                      range.least, range.most);
    *number = v << shift;
    return 0;
}

static int set_NUM(uint64_t *number, const char *value, struct range range, char *why) {
    return set_number(number, value, 0, range, why);
}

static int set_BYTES(uint64_t *number, const char *value, struct range range, char *why) {
    return set_number(number, value, 30, range, why);
}

static int set_LEVEL(uint64_t *level, const char *value, struct range range, char *why) {
    int v = jd_log_level_of(value);
    (void)range;
    if (v < 0)
        return refuse(why, "'%s' is not one of error, warn, info, debug", value);
    *level = (uint64_t)v;
    return 0;
}

static void free_PATH(char **path) {
    jd_free(*path);
}

static void free_LIST(struct config_list *list) {
    for (size_t i = 0; i < list->n; i++)
        jd_free(list->at[i]);
    jd_free(list->at);
}

static void free_NUM(const uint64_t *number) {
    (void)number;
}
#define free_BYTES free_NUM
#define free_LEVEL free_NUM

static void print_PATH(FILE *out, const char *name, char *const *path) {
    fprintf(out, "%s = %s\n", name, *path);
}

static void print_LIST(FILE *out, const char *name, const struct config_list *list) {
    fprintf(out, "%s =", name);
    for (size_t i = 0; i < list->n; i++)
        fprintf(out, "%s %s", i > 0 ? "," : "", list->at[i]);
    fprintf(out, "\n");
}

static void print_NUM(FILE *out, const char *name, const uint64_t *number) {
    fprintf(out, "%s = %" PRIu64 "\n", name, *number);
}
#define print_BYTES print_NUM

static void print_LEVEL(FILE *out, const char *name, const uint64_t *level) {
    fprintf(out, "%s = %s\n", name, jd_log_level_name((enum jd_log_level) * level));
}

// ---- keys ----

static const char *const key_names[] = {
#define X(KIND, name, initial, least, most) #name,
    CONFIG_MAP(X)
#undef X
};

static int set_key(struct config *c, const char *key, const char *value, char *why) {
#define X(KIND, name, initial, least, most)                                                        \
    if (strcmp(key, #name) == 0)                                                                   \
        return set_##KIND(&c->name, value, (struct range){least, most}, why);
    CONFIG_MAP(X)
#undef X
    const char *close = jd_suggest((jobd_bytes){key, strlen(key)}, key_names, JD_LEN(key_names));
    if (close)
        return refuse(why, "unknown key '%.64s'; did you mean '%s'?", key, close);
    return refuse(why, "unknown key '%.64s'", key);
}

int config_init(struct config *c) {
    char why[WHY_BYTES];
    *c = (struct config){0};
#define X(KIND, name, initial, least, most)                                                        \
    if (set_key(c, #name, initial, why) < 0)                                                       \
        return JOBD_E_NOMEM;
    CONFIG_MAP(X)
#undef X
    return 0;
}

void config_free(struct config *c) {
#define X(KIND, name, initial, least, most) free_##KIND(&c->name);
    CONFIG_MAP(X)
#undef X
}

void config_print(const struct config *c, FILE *out) {
#define X(KIND, name, initial, least, most) print_##KIND(out, #name, &c->name);
    CONFIG_MAP(X)
#undef X
}

int config_set(struct config *c, const char *where, const char *key, const char *value,
               struct fault *f) {
    char why[WHY_BYTES];
    if (set_key(c, key, value, why) == 0)
        return 0;
    return fault_set(f, FAULT_USAGE, "%s: %s", where, why);
}

// ---- the file ----

struct reading {
    struct config *config;
    FILE *file;
    int line;     // being read
    int bad_line; // the first that is wrong; 0 = none
    char why[WHY_BYTES];
    bool seen[JD_LEN(key_names)];
};

// inih hands on what it takes for a line, of at most `size` bytes.
static char *next_line(char *text, int size, void *arg) {
    struct reading *r = arg;
    if (!fgets(text, size, r->file))
        return NULL;
    r->line++;
    size_t n = strlen(text);
    if (n + 1 == (size_t)size && text[n - 1] != '\n' && r->bad_line == 0) {
        r->bad_line = r->line;
        refuse(r->why,
               "the line is longer than %d bytes; a list may go on in further lines of the "
               "same key",
               size - 2);
    }
    return text;
}

static int set_twice(struct reading *r, const char *key) {
    for (size_t i = 0; i < JD_LEN(key_names); i++) {
        if (strcmp(key, key_names[i]) != 0)
            continue;
        bool twice = r->seen[i] && strcmp(key, "plugins") != 0;
        r->seen[i] = true;
        return twice;
    }
    return 0;
}

static int on_pair(void *arg, const char *section, const char *key, const char *value) {
    struct reading *r = arg;
    char why[WHY_BYTES];
    int bad;
    if (*section)
        bad = refuse(why, "there are no sections, but here is [%.64s]", section);
    else if (set_twice(r, key))
        bad = refuse(why, "'%s' is set twice (an indented line goes on with the one before)", key);
    else
        bad = set_key(r->config, key, value, why);
    if (bad && r->bad_line == 0) {
        r->bad_line = r->line;
        memcpy(r->why, why, sizeof why);
    }
    return !bad;
}

int config_load(struct config *c, const char *path, struct fault *f) {
    struct reading r = {.config = c, .file = fopen(path, "re")};
    if (!r.file)
        return fault_sys(f, FAULT_CONFIG, "cannot read the configuration %s", path);
    int line = ini_parse_stream(next_line, &r, on_pair, &r);
    bool unreadable = ferror(r.file) != 0;
    fclose(r.file);
    if (unreadable)
        return fault_set(f, FAULT_CONFIG, "cannot read the configuration %s", path);
    if (r.bad_line > 0 && (line <= 0 || line >= r.bad_line))
        return fault_set(f, FAULT_CONFIG, "%s:%d: %s", path, r.bad_line, r.why);
    if (line != 0)
        return fault_set(f, FAULT_CONFIG, "%s:%d: this is not 'key = value'", path, line);
    return 0;
}

// ---- what the defaults stand for ----

static int set_path(char **path, const char *dir, const char *name) {
    size_t size = strlen(dir) + strlen(name) + 1;
    char *s = jd_alloc(size);
    if (!s)
        return JOBD_E_NOMEM;
    snprintf(s, size, "%s%s", dir, name);
    jd_free(*path);
    *path = s;
    return 0;
}

static const char *from_env(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static int resolve_socket(struct config *c) {
    const char *path = from_env("JOBD_SOCKET"), *runtime = from_env("XDG_RUNTIME_DIR");
    if (path)
        return set_path(&c->socket, path, "");
    return runtime ? set_path(&c->socket, runtime, "/jobd/sock")
                   : set_path(&c->socket, "/run/jobd/sock", "");
}

static int resolve_state(struct config *c, bool beside_socket) {
    const char *state = from_env("XDG_STATE_HOME"), *home = from_env("HOME");
    if (beside_socket) {
        char *copy = jd_strdup(c->socket);
        int r = copy ? set_path(&c->state, dirname(copy), "") : JOBD_E_NOMEM;
        jd_free(copy);
        return r;
    }
    if (state)
        return set_path(&c->state, state, "/jobd");
    if (geteuid() != 0 && home)
        return set_path(&c->state, home, "/.local/state/jobd");
    return set_path(&c->state, "/var/lib/jobd", "");
}

int config_resolve(struct config *c, struct fault *f) {
    bool beside_socket = *c->socket || from_env("JOBD_SOCKET");
    int r = *c->socket ? 0 : resolve_socket(c);
    if (r == 0 && !*c->state)
        r = resolve_state(c, beside_socket);
    if (c->workers == 0)
        c->workers = JD_MIN(cpus_usable(), 1024u);
    return r == 0 ? 0 : fault_set(f, FAULT_INTERNAL, "out of memory");
}
