#include "config.h"

#include <ini.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpus.h"
#include "kind.h"
#include "mem.h"
#include "suggest.h"

// ---- keys ----

static const char *const key_names[] = {
#define X(KIND, name, initial, least, most) #name,
    CONFIG_MAP(X)
#undef X
};

static int set_key(struct config *c, const char *key, const char *value, char *why) {
#define X(KIND, name, initial, least, most)                                                        \
    if (strcmp(key, #name) == 0)                                                                   \
        return kind_set_##KIND(&c->name, value, (struct kind_range){least, most}, why);
    CONFIG_MAP(X)
#undef X
    const char *close = jd_suggest((jobd_bytes){key, strlen(key)}, key_names, JD_LEN(key_names));
    if (close)
        return kind_refuse(why, "unknown key '%.64s'; did you mean '%s'?", key, close);
    return kind_refuse(why, "unknown key '%.64s'", key);
}

int config_init(struct config *c) {
    char why[KIND_WHY_BYTES];
    *c = (struct config){0};
#define X(KIND, name, initial, least, most)                                                        \
    if (set_key(c, #name, initial, why) < 0)                                                       \
        return JOBD_E_NOMEM;
    CONFIG_MAP(X)
#undef X
    return 0;
}

void config_free(struct config *c) {
#define X(KIND, name, initial, least, most) kind_free_##KIND(&c->name);
    CONFIG_MAP(X)
#undef X
}

void config_print(const struct config *c, FILE *out) {
#define X(KIND, name, initial, least, most) kind_print_##KIND(out, #name, &c->name);
    CONFIG_MAP(X)
#undef X
}

int config_set(struct config *c, const char *where, const char *key, const char *value,
               struct fault *f) {
    char why[KIND_WHY_BYTES];
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
    char why[KIND_WHY_BYTES];
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
        kind_refuse(r->why,
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
        bool twice = r->seen[i] && strcmp(key, "plugins") != 0 && strcmp(key, "pool") != 0;
        r->seen[i] = true;
        return twice;
    }
    return 0;
}

static int on_pair(void *arg, const char *section, const char *key, const char *value) {
    struct reading *r = arg;
    char why[KIND_WHY_BYTES];
    int bad;
    if (*section)
        bad = kind_refuse(why, "there are no sections, but here is [%.64s]", section);
    else if (set_twice(r, key))
        bad = kind_refuse(why, "'%s' is set twice (an indented line goes on with the one before)",
                          key);
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

// Every number of workers that is still 0 becomes that of the CPUs.
static int resolve_workers(struct config *c, struct fault *f) {
    uint64_t n_cpus = JD_MIN(cpus_usable(), (unsigned)JD_WORKERS_MAX), in_pools = 0;
    for (size_t i = 0; i < c->pool.n; i++) {
        if (c->pool.at[i].workers == 0)
            c->pool.at[i].workers = n_cpus;
        in_pools += c->pool.at[i].workers;
    }
    if (c->workers == 0 && in_pools < c->max_workers)
        c->workers = JD_MIN(n_cpus, c->max_workers - in_pools);
    if (c->workers > 0 && c->workers + in_pools <= c->max_workers)
        return 0;
    return fault_set(f, FAULT_CONFIG,
                     "there may be max_workers = %" PRIu64
                     " worker processes, but the pool \"default\" needs %" PRIu64
                     " of them and the pools of the configuration %" PRIu64
                     "; let there be more, or make the pools smaller",
                     c->max_workers, JD_MAX(c->workers, UINT64_C(1)), in_pools);
}

int config_resolve(struct config *c, struct fault *f) {
    bool beside_socket = *c->socket || from_env("JOBD_SOCKET");
    int r = *c->socket ? 0 : resolve_socket(c);
    if (r == 0 && !*c->state)
        r = resolve_state(c, beside_socket);
    return r == 0 ? resolve_workers(c, f) : fault_set(f, FAULT_INTERNAL, "out of memory");
}
