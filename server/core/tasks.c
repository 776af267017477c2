#include "tasks.h"

#include <string.h>

#include "mem.h"
#include "state.h"
#include "suggest.h"

enum { UNKNOWN_NS = 1000000, SUMMARY_MAX = 256 };

void tasks_free_all(struct tasks *tasks) {
    for (uint32_t i = 0; i < tasks->n; i++) {
        jd_free(tasks->list[i].name);
        jd_free(tasks->list[i].summary);
    }
    jd_free(tasks->list);
}

static uint32_t hash_of(jobd_bytes name) { // FNV-1a
    const unsigned char *p = name.data;
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ p[i]) * 16777619u;
    return h ^ h >> 15;
}

static bool is_named(const struct task *task, jobd_bytes name) {
    return task->name_bytes == name.len && memcmp(task->name, name.data, name.len) == 0;
}

// The place of a name: where it is, or where it would go.
static uint32_t place_of(const struct tasks *tasks, jobd_bytes name) {
    uint32_t at = hash_of(name) % TASKS_HASH;
    while (tasks->hash[at] && !is_named(&tasks->list[tasks->hash[at] - 1], name))
        at = (at + 1) % TASKS_HASH;
    return at;
}

int tasks_find(struct tasks *tasks, jobd_bytes name) {
    if (name.len == 0)
        return -1;
    if (tasks->last < tasks->n && is_named(&tasks->list[tasks->last], name))
        return (int)tasks->last;
    int task = (int)tasks->hash[place_of(tasks, name)] - 1;
    if (task >= 0)
        tasks->last = (uint32_t)task;
    return task;
}

int tasks_intern(struct tasks *tasks, jobd_bytes name) {
    if (!jd_name_ok(name, TASK_NAME_BYTES))
        return JOBD_E_INVAL;
    uint32_t at = place_of(tasks, name);
    if (tasks->hash[at])
        return tasks->hash[at] - 1;
    if (tasks->n == JD_TASKS_MAX)
        return JOBD_E_LIMIT;
    if (tasks->n == tasks->cap) {
        uint32_t cap = tasks->cap ? tasks->cap * 2 : 16;
        void *list = jd_realloc(tasks->list, cap * sizeof *tasks->list);
        if (!list)
            return JOBD_E_NOMEM;
        tasks->list = list;
        tasks->cap = cap;
    }
    char *copy = text_copy(name);
    if (!copy)
        return JOBD_E_NOMEM;
    tasks->list[tasks->n] = (struct task){.name = copy, .name_bytes = (uint8_t)name.len};
    tasks->hash[at] = (uint16_t)++tasks->n;
    return (int)tasks->n - 1;
}

static int register_one(struct tasks *tasks, jobd_reader *r, uint32_t wire) {
    uint32_t n;
    uint64_t flags;
    jobd_bytes name, summary;
    jobd_read_array(r, &n);
    jobd_read_str(r, &name);
    jobd_read_u64(r, &flags);
    if (jobd_read_str(r, &summary) < 0 || n != 3 || flags > UINT32_MAX)
        return JOBD_E_PROTO;
    int index = tasks_intern(tasks, name);
    if (index < 0)
        return index == JOBD_E_INVAL ? JOBD_E_PROTO : index;
    struct task *task = &tasks->list[index];
    if (tasks->settled)
        return task->known && task->wire == wire && task->flags == flags ? 0 : JOBD_E_EXIST;
    if (task->known)
        return JOBD_E_PROTO; // twice in one list
    summary.len = JD_MIN(summary.len, (size_t)SUMMARY_MAX);
    task->summary = text_copy(summary);
    if (!task->summary)
        return JOBD_E_NOMEM;
    task->wire = (uint16_t)wire;
    task->flags = (uint32_t)flags;
    task->known = true;
    return 0;
}

int tasks_register(struct tasks *tasks, jobd_bytes list) {
    jobd_reader r = jobd_reader_of(list);
    uint32_t n;
    if (jobd_read_array(&r, &n) < 0 || n > JD_TASKS_MAX)
        return JOBD_E_PROTO;
    if (tasks->settled && n != tasks->n_wire)
        return JOBD_E_EXIST;
    int err = 0;
    for (uint32_t i = 0; i < n && !err; i++)
        err = register_one(tasks, &r, i);
    if (!err) {
        tasks->settled = true;
        tasks->n_wire = n;
    }
    for (uint32_t i = 0; i < tasks->n && err && !tasks->settled; i++) { // as it was before
        tasks->list[i].known = false;
        jd_free(tasks->list[i].summary);
        tasks->list[i].summary = NULL;
    }
    return err;
}

const char *tasks_suggest(const struct tasks *tasks, jobd_bytes name) {
    struct jd_suggestion s = jd_suggestion_of(name);
    for (uint32_t i = 0; i < tasks->n; i++)
        if (tasks->list[i].known)
            jd_suggestion_offer(&s, jd_text(tasks->list[i].name));
    return s.best.data;
}

void task_ran(struct task *task, uint64_t run_ns) {
    task->runs++;
    uint64_t weight = task->runs < TASK_RUNS_KNOWN ? task->runs : TASK_RUNS_KNOWN;
    task->avg_ns = (task->avg_ns * (weight - 1) + run_ns) / weight;
}

uint32_t task_estimate_ns(const struct task *task) {
    if (task->runs < TASK_RUNS_KNOWN)
        return UNKNOWN_NS;
    return (uint32_t)JD_MIN(task->avg_ns, (uint64_t)UINT32_MAX);
}
