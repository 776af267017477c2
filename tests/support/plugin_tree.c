// A plugin whose tasks leave processes behind, as careless tasks do. Each starts a program that has
// left its parent, its session and its process group, and gives its process id.
#include <stdio.h>
#include <unistd.h>

#include <jobd/task.h>

static long start_daemon(void) {
    // The ids come through a pipe that the daemon does not keep open.
    FILE *f = popen("setsid sleep 1000 >/dev/null 2>&1 & echo $!", "r");
    long pid = 0;
    if (!f)
        return 0;
    if (fscanf(f, "%ld", &pid) != 1)
        pid = 0;
    pclose(f);
    return pid;
}

static int report(const jobd_host *host, jobd_task_ctx *ctx) {
    char note[32];
    long pid = start_daemon();
    if (pid <= 0)
        return host->fail(ctx, "no_daemon", "cannot start the daemon: is there a setsid program?");
    snprintf(note, sizeof note, "%ld", pid);
    return host->progress(ctx, 0.5, note);
}

static int leave(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    return report(host, ctx);
}

static int hang(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)args;
    int r = report(host, ctx);
    while (r == 0)
        pause();
    return r;
}

static const jobd_task_def tasks[] = {
    {"tree.leave", leave, 0, "[] -> nil; the daemon's process id is the progress note"},
    {"tree.hang", hang, 0, "[] -> never; the daemon's process id is the progress note"},
};

static const jobd_task_module module = JOBD_TASK_MODULE("tree", "1", tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
