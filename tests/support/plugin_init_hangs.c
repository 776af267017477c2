// A plugin whose init() never comes back, and which leaves a process behind besides.
#include <unistd.h>

#include "plugin_nothing.h"

static const jobd_task_def tasks[] = {{"init_hangs.nothing", nothing, 0, "[] -> nil"}};

static int init(void) {
    if (fork() == 0)
        setsid();
    while (pause() < 0)
        continue;
    return 0;
}

static const jobd_task_module module = {.struct_size = sizeof(jobd_task_module),
                                        .abi_major = JOBD_TASK_ABI_MAJOR,
                                        .abi_minor = JOBD_TASK_ABI_MINOR,
                                        .name = "init_hangs",
                                        .version = "1",
                                        .tasks = tasks,
                                        .n_tasks = 1,
                                        .init = init};

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
