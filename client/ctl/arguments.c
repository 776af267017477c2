#include "arguments.h"

#include <string.h>

#include "json.h"

static int check_json(const struct ctl *ctl, const json_t *v, const json_error_t *e) {
    if (v)
        return 0;
    return ctl_misuse(ctl, "text is written with its quotes: jobctl submit TASK '\"text\"'",
                      "the arguments are not JSON: line %d, column %d: %s", e->line, e->column,
                      e->text);
}

static int load(const struct ctl *ctl, const char *text, json_t **ret) {
    const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL; // see build()
    json_error_t error = {.line = 0};
    json_t *v;
    if (!text)
        v = json_array();
    else if (strcmp(text, "-") == 0)
        v = json_loadf(stdin, flags, &error);
    else
        v = json_loads(text, flags, &error);
    int r = check_json(ctl, v, &error);
    if (!r)
        *ret = v;
    return r;
}

// 0 | an exit code after printing why.
static int build(const struct ctl *ctl, const json_t *v, struct arguments *a) {
    int r = a->builder ? 0 : JOBD_E_NOMEM;
    if (!r && !json_is_array(v))
        r = jobd_args_array(a->builder, 1);
    if (!r)
        r = ctl_json_build(v, a->builder);
    if (!r)
        r = jobd_args_finish(a->builder, &a->bytes);
    if (r == JOBD_E_INVAL)
        return ctl_exit_of(ctl_misuse(ctl,
                                      "a \"$bin\" is base 64, a \"$u64\" digits up to 2^64 - 1, "
                                      "and no text holds \\u0000",
                                      "the arguments hold what cannot be sent"));
    if (r == JOBD_E_LIMIT)
        return ctl_exit_of(ctl_misuse(ctl, NULL, "the arguments are nested deeper than 32"));
    return r ? ctl_fail_call(ctl, r, "make a message of the arguments") : CTL_DONE;
}

int arguments_read(const struct ctl *ctl, const char *text, struct arguments *ret) {
    *ret = (struct arguments){.builder = jobd_args_new()};
    json_t *v = NULL;
    int r = ctl_exit_of(load(ctl, text, &v));
    if (!r)
        r = build(ctl, v, ret);
    json_decref(v);
    return r;
}

void arguments_free(struct arguments *a) {
    jobd_args_free(a->builder);
    *a = (struct arguments){.builder = NULL};
}
