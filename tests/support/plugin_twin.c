// A plugin with a task that has the name of one of the plugin evil.
#include "plugin_nothing.h"

static const jobd_task_def tasks[] = {{"demo.square", nothing, 0, "[] -> nil"}};

static const jobd_task_module module = {.struct_size = sizeof(jobd_task_module),
                                        .abi_major = JOBD_TASK_ABI_MAJOR,
                                        .abi_minor = JOBD_TASK_ABI_MINOR,
                                        .name = "twin",
                                        .version = "1",
                                        .tasks = tasks,
                                        .n_tasks = 1};

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
