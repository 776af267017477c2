#include "registry.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "guard.h"

static int n_init, n_fini;

static int fn(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host;
    (void)ctx;
    (void)args;
    return 0;
}

static int init_ok(void) {
    n_init++;
    return 0;
}

static int init_bad(void) {
    return 7;
}

static void fini(void) {
    n_fini++;
}

static const jobd_task_def two[] = {{"a.one", fn, 0, NULL}, {"a.two", fn, 0, "x"}};

static jobd_task_module module_of(const jobd_task_def *tasks, size_t n) {
    jobd_task_module m = JOBD_TASK_MODULE("m", "1", two);
    m.tasks = tasks;
    m.n_tasks = n;
    return m;
}

static void expect_refused(const struct registry *before, const jobd_task_module *m, int code,
                           const char *part) {
    struct registry r = *before;
    jobd_error why = {0};
    cr_expect_eq(registry_add(&r, m, &why), code, "%s", part);
    cr_expect_eq(why.code, code);
    cr_expect(strstr(why.message, part), "%s", why.message);
    cr_expect_eq(r.n_tasks, before->n_tasks);
}

Test(registry, keeps_the_order_and_finds_by_name) {
    struct registry r = {0};
    jobd_task_module m = module_of(two, 2);
    cr_assert_eq(registry_add(&r, &m, NULL), 0);
    cr_expect_eq(registry_at(&r, 0), &two[0]);
    cr_expect_eq(registry_at(&r, 1), &two[1]);
    cr_expect_null(registry_at(&r, 2));
    cr_expect_null(registry_at(&r, UINT64_MAX));
    cr_expect_eq(registry_find(&r, (jobd_bytes){"a.two", 5}), &two[1]);
    cr_expect_null(registry_find(&r, (jobd_bytes){"a.tw", 4}));
    cr_expect_null(registry_find(&r, (jobd_bytes){"a.twos", 6}));
    registry_free(&r);
}

Test(registry, init_runs_once_and_fini_at_the_end) {
    struct registry r = {0};
    jobd_task_module m = module_of(two, 2);
    m.init = init_ok;
    m.fini = fini;
    cr_assert_eq(registry_add(&r, &m, NULL), 0);
    cr_expect_eq(n_init, 1);
    registry_fini(&r);
    cr_expect_eq(n_fini, 1);
    registry_free(&r);
}

Test(registry, another_abi_is_refused_with_both_versions) {
    struct registry r = {0};
    jobd_task_module m = module_of(two, 2);
    m.abi_major = 2;
    expect_refused(&r, &m, JOBD_E_VERSION, "built for task ABI 2.1, this worker speaks 1.1");
    m.abi_major = 1;
    m.abi_minor = 9;
    expect_refused(&r, &m, JOBD_E_VERSION, "built for task ABI 1.9, this worker speaks 1.1");
    m.abi_minor = 0;
    m.struct_size = 16;
    expect_refused(&r, &m, JOBD_E_VERSION, "16 bytes");
}

Test(registry, bad_modules_are_refused_whole) {
    static char long_name[JOBD_TASK_NAME_MAX + 2];
    struct registry r = {0};
    memset(long_name, 'a', sizeof long_name - 1);
    const struct {
        jobd_task_def second;
        int code;
        const char *part;
    } cases[] = {
        {{"Upper", fn, 0, NULL}, JOBD_E_INVAL, "\"Upper\""},
        {{"", fn, 0, NULL}, JOBD_E_INVAL, "1 to 64 bytes"},
        {{NULL, fn, 0, NULL}, JOBD_E_INVAL, "1 to 64 bytes"},
        {{"a b", fn, 0, NULL}, JOBD_E_INVAL, "\"a b\""},
        {{long_name, fn, 0, NULL}, JOBD_E_INVAL, "1 to 64 bytes"},
        {{"b.none", NULL, 0, NULL}, JOBD_E_INVAL, "no function"},
        {{"b.one", fn, 0, NULL}, JOBD_E_EXIST, "\"b.one\" already"},
        {{"a.two", fn, 0, NULL}, JOBD_E_EXIST, "\"a.two\" already"},
    };
    jobd_task_module first = module_of(two, 2);
    cr_assert_eq(registry_add(&r, &first, NULL), 0);
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        const jobd_task_def tasks[] = {{"b.one", fn, 0, NULL}, cases[i].second};
        jobd_task_module m = module_of(tasks, 2);
        expect_refused(&r, &m, cases[i].code, cases[i].part);
    }
    jobd_task_module none = module_of(two, 0);
    expect_refused(&r, &none, JOBD_E_INVAL, "no tasks");
    registry_free(&r);
}

Test(registry, a_failing_init_is_refused_with_its_answer) {
    struct registry r = {0};
    jobd_task_module m = module_of(two, 2);
    jobd_error why;
    m.init = init_bad;
    m.fini = fini;
    cr_expect_eq(registry_add(&r, &m, &why), JOBD_E_STATE);
    cr_expect(strstr(why.message, "init() returned 7"));
    registry_fini(&r);
    cr_expect_eq(n_fini, 0);
    registry_free(&r);
}

static double one(double x) {
    return x * 0 + 1;
}

Test(registry, knows_the_functions_of_plugins) {
    static const jobd_integrand_def defs[] = {{"a.one", one, NULL, "1"}, {"a.uno", one, NULL, ""}};
    static const jobd_integrand_module module = JOBD_INTEGRAND_MODULE(defs);
    struct registry r = {0};
    cr_assert_eq(registry_add_integrands(&r, &module, NULL), 0);
    cr_expect_eq(registry_find_integrand(&r, (jobd_bytes){"a.uno", 5}), &defs[1]);
    cr_expect_null(registry_find_integrand(&r, (jobd_bytes){"a.un", 4}));
    cr_expect_null(registry_find(&r, (jobd_bytes){"a.uno", 5}), "it is no task");
    registry_free(&r);
}

Test(registry, bad_functions_are_refused_whole) {
    static const jobd_integrand_def first[] = {{"a.one", one, NULL, NULL}};
    const struct {
        jobd_integrand_def second;
        int code;
        const char *part;
    } cases[] = {
        {{"cos", one, NULL, NULL}, JOBD_E_INVAL, "\"cos\": it must be \"module.function\""},
        {{NULL, one, NULL, NULL}, JOBD_E_INVAL, "3 to 64 bytes"},
        {{"A.b", one, NULL, NULL}, JOBD_E_INVAL, "\"A.b\""},
        {{"a.b-c", one, NULL, NULL}, JOBD_E_INVAL, "\"a.b-c\""},
        {{"a.1", one, NULL, NULL}, JOBD_E_INVAL, "\"a.1\""},
        {{"b.none", NULL, NULL, NULL}, JOBD_E_INVAL, "neither f nor block"},
        {{"b.one", one, NULL, NULL}, JOBD_E_EXIST, "\"b.one\" already"},
        {{"a.one", one, NULL, NULL}, JOBD_E_EXIST, "\"a.one\" already"},
    };
    struct registry r = {0};
    jobd_error why;
    const jobd_integrand_module before = JOBD_INTEGRAND_MODULE(first);
    cr_assert_eq(registry_add_integrands(&r, &before, NULL), 0);
    for (size_t i = 0; i < JD_LEN(cases); i++) {
        const jobd_integrand_def defs[] = {{"b.one", one, NULL, NULL}, cases[i].second};
        const jobd_integrand_module m = JOBD_INTEGRAND_MODULE(defs);
        cr_expect_eq(registry_add_integrands(&r, &m, &why), cases[i].code, "%s", cases[i].part);
        cr_expect(strstr(why.message, cases[i].part), "%s", why.message);
        cr_expect_eq(r.n_integrands, 1u);
    }
    jobd_integrand_module m = before;
    m.n_integrands = 0;
    cr_expect_eq(registry_add_integrands(&r, &m, &why), JOBD_E_INVAL);
    m.abi_minor = 9;
    cr_expect_eq(registry_add_integrands(&r, &m, &why), JOBD_E_VERSION);
    cr_expect(strstr(why.message, "task ABI 1.9"), "%s", why.message);
    m = before;
    m.struct_size = 8;
    cr_expect_eq(registry_add_integrands(&r, &m, &why), JOBD_E_VERSION);
    cr_expect(strstr(why.message, "JOBD_INTEGRAND_MODULE"), "%s", why.message);
    registry_free(&r);
}

Test(registry, holds_as_many_tasks_as_the_limit_and_no_more) {
    static jobd_task_def many[JD_TASKS_MAX + 1];
    static char names[JD_TASKS_MAX + 1][24];
    struct registry r = {0};
    for (size_t i = 0; i < JD_LEN(many); i++) {
        snprintf(names[i], sizeof names[i], "t%zu", i);
        many[i] = (jobd_task_def){names[i], fn, 0, NULL};
    }
    jobd_task_module all = module_of(many, JD_TASKS_MAX);
    jobd_task_module one = module_of(&many[JD_TASKS_MAX], 1);
    cr_assert_eq(registry_add(&r, &all, NULL), 0);
    expect_refused(&r, &one, JOBD_E_LIMIT, "4096 tasks");
    registry_free(&r);
}
