#include "registry.h"

#include <string.h>

#include "fault.h"
#include "kernels/formula.h"
#include "mem.h"

void registry_free(struct registry *r) {
    jd_free(r->tasks);
    jd_free(r->modules);
    jd_free(r->integrands);
    *r = (struct registry){0};
}

const jobd_task_def *registry_find(const struct registry *r, jobd_bytes name) {
    for (size_t i = 0; i < r->n_tasks; i++) {
        const char *known = r->tasks[i]->name;
        if (strlen(known) == name.len && memcmp(known, name.data, name.len) == 0)
            return r->tasks[i];
    }
    return NULL;
}

static bool name_ok(const char *name) {
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return n >= 1 && n <= JOBD_TASK_NAME_MAX && name[n] == '\0';
}

// What every table of a plugin begins with.
struct table {
    const char *name, *macro;
    size_t size, least;
    uint32_t abi_major, abi_minor;
};

static int check_abi(const struct table *t, jobd_error *reterr) {
    if (t->abi_major != JOBD_TASK_ABI_MAJOR || t->abi_minor > JOBD_TASK_ABI_MINOR)
        return fault_set(reterr, JOBD_E_VERSION,
                         "built for task ABI %u.%u, this worker speaks %u.%u: build it again with "
                         "this version's jobd/task.h",
                         t->abi_major, t->abi_minor, JOBD_TASK_ABI_MAJOR, JOBD_TASK_ABI_MINOR);
    if (t->size < t->least)
        return fault_set(reterr, JOBD_E_VERSION,
                         "its %s table has %zu bytes, task ABI %u.%u has %zu: use %s() to fill it",
                         t->name, t->size, JOBD_TASK_ABI_MAJOR, JOBD_TASK_ABI_MINOR, t->least,
                         t->macro);
    return 0;
}

static int check_task(const struct registry *r, const jobd_task_module *m, size_t i,
                      jobd_error *reterr) {
    const jobd_task_def *t = &m->tasks[i];
    if (!t->name || !name_ok(t->name))
        return fault_set(reterr, JOBD_E_INVAL,
                         "task %zu has the name \"%.80s\": a name is 1 to %d bytes of [a-z0-9._-]",
                         i, t->name ? t->name : "", JOBD_TASK_NAME_MAX);
    if (!t->fn)
        return fault_set(reterr, JOBD_E_INVAL, "task \"%s\" has no function", t->name);
    bool taken = registry_find(r, (jobd_bytes){t->name, strlen(t->name)}) != NULL;
    for (size_t k = 0; k < i; k++)
        taken |= strcmp(m->tasks[k].name, t->name) == 0;
    if (taken)
        return fault_set(reterr, JOBD_E_EXIST, "there is a task \"%s\" already: rename one of them",
                         t->name);
    return 0;
}

static int check_module(const struct registry *r, const jobd_task_module *m, jobd_error *reterr) {
    int e = check_abi(&(struct table){"module", "JOBD_TASK_MODULE", m->struct_size, sizeof *m,
                                      m->abi_major, m->abi_minor},
                      reterr);
    if (e < 0)
        return e;
    if (!m->tasks || m->n_tasks == 0)
        return fault_set(reterr, JOBD_E_INVAL, "its module has no tasks");
    if (m->n_tasks > JD_TASKS_MAX - r->n_tasks)
        return fault_set(reterr, JOBD_E_LIMIT, "a worker has at most %d tasks", JD_TASKS_MAX);
    for (size_t i = 0; i < m->n_tasks; i++)
        if ((e = check_task(r, m, i, reterr)) < 0)
            return e;
    return 0;
}

// Room for n_more pointers at the end of an array of pointers.
static bool grow(void *array, size_t *cap, size_t n, size_t n_more) {
    void **slots = array, *moved;
    if (n + n_more <= *cap)
        return true;
    size_t want = JD_MAX(*cap * 2, n + n_more);
    if (!(moved = jd_realloc(*slots, want * sizeof(void *))))
        return false;
    *slots = moved;
    *cap = want;
    return true;
}

int registry_add(struct registry *r, const jobd_task_module *m, jobd_error *reterr) {
    int e = check_module(r, m, reterr);
    if (e < 0)
        return e;
    if (!grow(&r->tasks, &r->cap_tasks, r->n_tasks, m->n_tasks) ||
        !grow(&r->modules, &r->cap_modules, r->n_modules, 1))
        return fault_set(reterr, JOBD_E_NOMEM, "no memory for its %zu tasks", m->n_tasks);
    int answer = m->init ? m->init() : 0;
    if (answer != 0)
        return fault_set(reterr, JOBD_E_STATE, "its init() returned %d", answer);
    for (size_t i = 0; i < m->n_tasks; i++)
        r->tasks[r->n_tasks++] = &m->tasks[i];
    r->modules[r->n_modules++] = m;
    return 0;
}

// ---- functions to integrate ----

const jobd_integrand_def *registry_find_integrand(const struct registry *r, jobd_bytes name) {
    for (size_t i = 0; i < r->n_integrands; i++) {
        const char *known = r->integrands[i]->name;
        if (strlen(known) == name.len && memcmp(known, name.data, name.len) == 0)
            return r->integrands[i];
    }
    return NULL;
}

static int check_integrand(const struct registry *r, const jobd_integrand_module *m, size_t i,
                           jobd_error *reterr) {
    const jobd_integrand_def *f = &m->integrands[i];
    const jobd_bytes name = {f->name, f->name ? strlen(f->name) : 0};
    if (!name_ok(f->name ? f->name : "") || !jd_formula_is_foreign(name))
        return fault_set(reterr, JOBD_E_INVAL,
                         "function %zu has the name \"%.80s\": it must be \"module.function\", 3 "
                         "to %d bytes of [a-z0-9_.]",
                         i, f->name ? f->name : "", JOBD_TASK_NAME_MAX);
    if (!f->f && !f->block)
        return fault_set(reterr, JOBD_E_INVAL, "function \"%s\" has neither f nor block", f->name);
    bool taken = registry_find_integrand(r, name) != NULL;
    for (size_t k = 0; k < i; k++)
        taken |= strcmp(m->integrands[k].name, f->name) == 0;
    if (taken)
        return fault_set(reterr, JOBD_E_EXIST,
                         "there is a function \"%s\" already: rename one of them", f->name);
    return 0;
}

int registry_add_integrands(struct registry *r, const jobd_integrand_module *m,
                            jobd_error *reterr) {
    int e = check_abi(&(struct table){"integrand", "JOBD_INTEGRAND_MODULE", m->struct_size,
                                      sizeof *m, m->abi_major, m->abi_minor},
                      reterr);
    if (e < 0)
        return e;
    if (!m->integrands || m->n_integrands == 0)
        return fault_set(reterr, JOBD_E_INVAL, "its table of functions is empty");
    if (m->n_integrands > JD_TASKS_MAX - r->n_integrands)
        return fault_set(reterr, JOBD_E_LIMIT, "a worker has at most %d functions of plugins",
                         JD_TASKS_MAX);
    for (size_t i = 0; i < m->n_integrands; i++)
        if ((e = check_integrand(r, m, i, reterr)) < 0)
            return e;
    if (!grow(&r->integrands, &r->cap_integrands, r->n_integrands, m->n_integrands))
        return fault_set(reterr, JOBD_E_NOMEM, "no memory for its %zu functions", m->n_integrands);
    for (size_t i = 0; i < m->n_integrands; i++)
        r->integrands[r->n_integrands++] = &m->integrands[i];
    return 0;
}

void registry_fini(const struct registry *r) {
    for (size_t i = r->n_modules; i-- > 0;)
        if (r->modules[i]->fini)
            r->modules[i]->fini();
}
