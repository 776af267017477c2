// A pool of the configuration is one line: its name, then name=value for what is not the default.
#include <inttypes.h>
#include <string.h>

#include "kind.h"
#include "mem.h"
#include "msg.h"
#include "suggest.h"

#define BLANKS " \t"

// These are the daemon's own.
static const char *const names_taken[] = {"default", "threads", "processes"};

static const char *const attributes[] = {"initializer",
#define X(KIND, name, initial, least, most) #name,
                                         CONFIG_POOL_MAP(X)
#undef X
};

static int set_initializer(struct config_pool *pool, const char *task, char *why) {
    if (!jd_name_ok(jd_text(task), JD_NAME_MAX))
        return kind_refuse(why, "'%.128s' is not the name of a task", task);
    pool->initializer = jd_strdup(task);
    return pool->initializer ? 0 : kind_refuse(why, "out of memory");
}

static int set_attribute(struct config_pool *pool, const char *name, const char *value, char *why) {
    char reason[KIND_WHY_BYTES];
    if (strcmp(name, "initializer") == 0)
        return set_initializer(pool, value, why);
#define X(KIND, field, initial, least, most)                                                       \
    if (strcmp(name, #field) == 0)                                                                 \
        return kind_set_##KIND(&pool->field, value, (struct kind_range){least, most}, reason) == 0 \
                   ? 0                                                                             \
                   : kind_refuse(why, #field ": %.200s", reason);
    CONFIG_POOL_MAP(X)
#undef X
    JD_UNREACHABLE();
}

// item: "name=value". *seen: bit 1 << place in `attributes`.
static int take_item(struct config_pool *pool, char *item, unsigned *seen, char *why) {
    char *value = strchr(item, '=');
    if (!value)
        return kind_refuse(why, "'%.64s' is not name=value", item);
    *value++ = '\0';
    for (unsigned i = 0; i < JD_LEN(attributes); i++) {
        if (strcmp(item, attributes[i]) != 0)
            continue;
        if (*seen & 1u << i)
            return kind_refuse(why, "'%s' is there twice", item);
        *seen |= 1u << i;
        return set_attribute(pool, item, value, why);
    }
    const char *close = jd_suggest(jd_text(item), attributes, JD_LEN(attributes));
    if (close)
        return kind_refuse(why, "a pool has no '%.64s'; did you mean '%s'?", item, close);
    return kind_refuse(why, "a pool has no '%.64s'", item);
}

static int check_name(const struct config_pools *pools, const char *name, char *why) {
    if (!jd_name_ok(jd_text(name), JD_NAME_MAX))
        return kind_refuse(
            why, "'%.64s' cannot name a pool: letters, digits and -./:_, at most %d of them", name,
            JD_NAME_MAX);
    for (size_t i = 0; i < JD_LEN(names_taken); i++)
        if (strcmp(name, names_taken[i]) == 0)
            return kind_refuse(why, "the pool '%s' is there by itself; choose another name", name);
    for (size_t i = 0; i < pools->n; i++)
        if (strcmp(name, pools->at[i].name) == 0)
            return kind_refuse(why, "the pool '%s' is there twice", name);
    return 0;
}

static void free_pool(struct config_pool *pool) {
    jd_free(pool->name);
    jd_free(pool->initializer);
}

// rest: what follows the name; it is cut up.
static int read_pool(struct config_pool *pool, const char *name, char *rest, char *why) {
    char *item;
    unsigned seen = 0;
    *pool = (struct config_pool){
#define X(KIND, field, initial, least, most) .field = initial,
        CONFIG_POOL_MAP(X)
#undef X
    };
    pool->name = jd_strdup(name);
    int r = pool->name ? 0 : kind_refuse(why, "out of memory");
    while (r == 0 && (item = strsep(&rest, BLANKS)))
        if (*item)
            r = take_item(pool, item, &seen, why);
    if (r < 0)
        free_pool(pool);
    return r;
}

static int add_pool(struct config_pools *pools, const char *name, char *rest, char *why) {
    if (check_name(pools, name, why) < 0)
        return -1;
    struct config_pool *at = jd_realloc(pools->at, (pools->n + 1) * sizeof *at);
    if (!at)
        return kind_refuse(why, "out of memory");
    pools->at = at;
    if (read_pool(&at[pools->n], name, rest, why) < 0)
        return -1;
    pools->n++;
    return 0;
}

int kind_set_POOLS(struct config_pools *pools, const char *value, struct kind_range range,
                   char *why) {
    if (!*value)
        return 0;
    if (pools->n == range.most)
        return kind_refuse(why, "more than %" PRIu64 " pools", range.most);
    char *copy = jd_strdup(value), *rest = copy;
    if (!copy)
        return kind_refuse(why, "out of memory");
    const char *name = strsep(&rest, BLANKS);
    int r = add_pool(pools, name, rest, why);
    jd_free(copy);
    return r;
}

void kind_free_POOLS(struct config_pools *pools) {
    for (size_t i = 0; i < pools->n; i++)
        free_pool(&pools->at[i]);
    jd_free(pools->at);
}

void kind_print_POOLS(FILE *out, const char *name, const struct config_pools *pools) {
    if (pools->n == 0)
        fprintf(out, "%s =\n", name);
    for (size_t i = 0; i < pools->n; i++) {
        const struct config_pool *pool = &pools->at[i];
        fprintf(out, "%s = %s", name, pool->name);
#define X(KIND, field, initial, least, most)                                                       \
    if (pool->field != initial)                                                                    \
        fprintf(out, " " #field "=%" PRIu64, pool->field);
        CONFIG_POOL_MAP(X)
#undef X
        if (pool->initializer)
            fprintf(out, " initializer=%s", pool->initializer);
        fprintf(out, "\n");
    }
}
