#include "support/cli.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { ARGS_MAX = 24 };

struct proc_result cli_run(const char *socket, const char *const *args) {
    const char *argv[ARGS_MAX + 1] = {JOBD_CTL_PATH, "--socket", socket};
    for (size_t i = 0; args[i]; i++) {
        cr_assert_lt(i + 3, ARGS_MAX);
        argv[i + 3] = args[i];
    }
    return proc_run((struct proc_spec){.argv = argv});
}

void cli_well(const struct scene *s, const char *const *args, const char *say) {
    struct proc_result r = cli_run(s->d.socket, args);
    cr_assert_eq(r.status, 0, "jobctl %s: exit code %d\n%s", args[0], r.status, r.err);
    cr_assert_str_empty(r.err);
    cr_assert(strstr(r.out, say), "'%s' is missing:\n%s", say, r.out);
    proc_result_free(&r);
}

void cli_fails(const struct scene *s, int status, const char *const *args, const char *say,
               const char *say_too) {
    struct proc_result r = cli_run(s->d.socket, args);
    cr_assert_eq(r.status, status, "jobctl %s %s: exit code %d, %d was expected\n%s%s", args[0],
                 args[0] ? args[1] : "", r.status, status, r.out, r.err);
    cr_assert_str_empty(r.out);
    cr_assert(strstr(r.err, say) && strstr(r.err, say_too), "'%s' and '%s' were expected:\n%s", say,
              say_too, r.err);
    proc_result_free(&r);
}

json_t *cli_parse(const char *text) {
    json_error_t why;
    json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    cr_assert(v, "no JSON: %s\n%s", why.text, text);
    cr_assert(json_is_object(v) && text[0] == '{' && strchr(text, '\n') == text + strlen(text) - 1,
              "more than one line with one object:\n%s", text);
    cr_assert_eq(json_integer_value(json_object_get(v, "v")), 1);
    return v;
}

json_t *cli_well_json(const struct scene *s, const char *const *args) {
    struct proc_result r = cli_run(s->d.socket, args);
    cr_assert_eq(r.status, 0, "jobctl %s: exit code %d\n%s", args[0], r.status, r.err);
    cr_assert_str_empty(r.err);
    json_t *v = cli_parse(r.out);
    proc_result_free(&r);
    return v;
}

json_t *cli_fails_json(const char *socket, int status, const char *const *args) {
    struct proc_result r = cli_run(socket, args);
    cr_assert_eq(r.status, status, "jobctl %s: exit code %d\n%s", args[0], r.status, r.err);
    cr_assert_str_empty(r.out);
    json_t *v = cli_parse(r.err), *error = json_object_get(v, "error");
    cr_assert_eq(json_integer_value(json_object_get(error, "exit")), status);
    cr_assert(json_is_string(json_object_get(error, "message")));
    json_incref(error);
    json_decref(v);
    proc_result_free(&r);
    return error;
}

const char *cli_text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    cr_assert(text, "there is no '%s'", name);
    return text;
}

char *cli_output(const struct scene *s, const char *const *args) {
    struct proc_result r = cli_run(s->d.socket, args);
    cr_assert_eq(r.status, 0, "jobctl %s: exit code %d\n%s", args[0], r.status, r.err);
    cr_assert_str_empty(r.err);
    size_t n = strlen(r.out);
    cr_assert(n > 0 && r.out[n - 1] == '\n', "no line: %s", r.out);
    char *text = strndup(r.out, n - 1);
    proc_result_free(&r);
    return text;
}

bool cli_job_is(const struct scene *s, const char *id, const char *state) {
    json_t *why = cli_well_json(s, ARGS("why", id, "--json"));
    bool is = strcmp(cli_text_of(why, "state"), state) == 0;
    json_decref(why);
    return is;
}
