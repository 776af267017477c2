// A plugin that was built against a later header.
#include "plugin_nothing.h"

static const jobd_task_def tasks[] = {{"abi_minor.nothing", nothing, 0, "[] -> nil"}};

static const jobd_task_module module = {.struct_size = sizeof(jobd_task_module),
                                        .abi_major = JOBD_TASK_ABI_MAJOR,
                                        .abi_minor = JOBD_TASK_ABI_MINOR + 1,
                                        .name = "abi_minor",
                                        .version = "1",
                                        .tasks = tasks,
                                        .n_tasks = 1};

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
