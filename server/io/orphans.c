#include "io/orphans.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop.h"
#include "mem.h"

enum { ROUND_DELAY_MAX_MS = 50, PROC_PATH_BYTES = 64 };

// ---- who our children are ----

static int pid_list_add(struct pid_list *list, pid_t pid) {
    if (list->n == list->cap) {
        uint32_t cap = list->cap ? 2 * list->cap : 32;
        pid_t *at = jd_realloc(list->at, cap * sizeof *at);
        if (!at)
            return JOBD_E_NOMEM;
        list->at = at;
        list->cap = cap;
    }
    list->at[list->n++] = pid;
    return 0;
}

void pid_list_free(struct pid_list *list) {
    jd_free(list->at);
    *list = (struct pid_list){0};
}

static bool pid_list_has(const struct pid_list *list, pid_t pid) {
    for (uint32_t i = 0; i < list->n; i++)
        if (list->at[i] == pid)
            return true;
    return false;
}

static int add_children_of_thread(struct pid_list *list, long tid) {
    char path[PROC_PATH_BYTES];
    int pid, r = 0;
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", tid);
    FILE *f = fopen(path, "re");
    while (f && r == 0 && fscanf(f, "%d", &pid) == 1)
        r = pid_list_add(list, pid);
    if (f)
        fclose(f);
    return r;
}

static int add_if_child(struct pid_list *list, long pid) {
    char path[PROC_PATH_BYTES];
    int ppid = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    // The name stands in brackets and may hold anything.
    char line[512];
    const char *after = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    bool child = after && sscanf(after + 1, " %*c %d", &ppid) == 1 && ppid == (int)getpid();
    fclose(f);
    return child ? pid_list_add(list, (pid_t)pid) : 0;
}

// Calls add() for every number in a directory.
static int each_number(const char *path, struct pid_list *list,
                       int (*add)(struct pid_list *list, long number)) {
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int r = dir ? 0 : JOBD_E_SYS;
    while (r == 0 && (entry = readdir(dir))) {
        long number = strtol(entry->d_name, NULL, 10);
        if (number > 0)
            r = add(list, number);
    }
    if (dir)
        closedir(dir);
    return r;
}

static int find_children(struct pid_list *list) {
    if (access("/proc/thread-self/children", R_OK) == 0)
        return each_number("/proc/self/task", list, add_children_of_thread);
    return each_number("/proc", list, add_if_child);
}

int orphans_prepare(struct pid_list *ret_spared) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return JOBD_E_SYS;
    return find_children(ret_spared);
}

// ---- rounds ----

unsigned orphans_round(const struct pid_list *spared, bool (*own)(void *arg, pid_t pid),
                       void *arg) {
    struct pid_list children = {0};
    siginfo_t info;
    unsigned found = 0;
    if (find_children(&children) < 0)
        found++; // not known is not none
    for (uint32_t i = 0; i < children.n; i++) {
        pid_t pid = children.at[i];
        if (pid_list_has(spared, pid) || own(arg, pid))
            continue;
        // Only we reap our children, so the number is still this process's.
        kill(pid, SIGKILL);
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG);
        found++;
    }
    pid_list_free(&children);
    return found;
}

static bool own_worker(void *arg, pid_t pid) {
    return links_own(arg, pid);
}

static void on_round(uv_timer_t *timer) {
    struct orphans *o = timer->data;
    loop_now(o->loop);
    if (orphans_round(o->spared, own_worker, &o->loop->links) > 0) {
        o->delay_ms = JD_MIN(JD_MAX(2 * o->delay_ms, 1), ROUND_DELAY_MAX_MS);
        uv_timer_start(&o->timer, on_round, o->delay_ms, 0);
        return;
    }
    while (o->n_waiting > 0)
        pump_feed(&o->loop->pump,
                  &(struct event){.kind = EVENT_TREE_GONE, .worker = o->waiting[--o->n_waiting]});
}

int orphans_init(struct orphans *o, struct loop *loop, const struct pid_list *spared, uint32_t n) {
    o->loop = loop;
    o->spared = spared;
    o->waiting = jd_zalloc(n * sizeof *o->waiting);
    uv_timer_init(&loop->uv, &o->timer);
    o->timer.data = o;
    return o->waiting ? 0 : JOBD_E_NOMEM;
}

void orphans_free(struct orphans *o) {
    jd_free(o->waiting);
}

void orphans_after(struct orphans *o, uint32_t worker) {
    o->waiting[o->n_waiting++] = worker;
    o->delay_ms = 0;
    uv_timer_start(&o->timer, on_round, 0, 0);
}
