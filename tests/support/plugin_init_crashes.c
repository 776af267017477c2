// A plugin that crashes in init().
#include <stdlib.h>

#include "plugin_nothing.h"

static const jobd_task_def tasks[] = {{"init_crashes.nothing", nothing, 0, "[] -> nil"}};

static int init(void) {
    abort();
}

static const jobd_task_module module = {.struct_size = sizeof(jobd_task_module),
                                        .abi_major = JOBD_TASK_ABI_MAJOR,
                                        .abi_minor = JOBD_TASK_ABI_MINOR,
                                        .name = "init_crashes",
                                        .version = "1",
                                        .tasks = tasks,
                                        .n_tasks = 1,
                                        .init = init};

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
