// A task that computes and listens to nobody: only a kill ends it.
#include <jobd/task.h>

static int spin(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    volatile uint64_t n = 0;
    (void)host, (void)ctx, (void)args;
    while (n < UINT64_MAX) // for some centuries
        n++;
    return 0;
}

static const jobd_task_def tasks[] = {{"bench.spin", spin, 0, "[] -> nothing, never"}};
static const jobd_task_module module = JOBD_TASK_MODULE("bench", "1", tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
