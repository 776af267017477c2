// A plugin of another age: its ABI has another major number.
#include "plugin_nothing.h"

static const jobd_task_def tasks[] = {{"abi_major.nothing", nothing, 0, "[] -> nil"}};

static const jobd_task_module module = {.struct_size = sizeof(jobd_task_module),
                                        .abi_major = JOBD_TASK_ABI_MAJOR + 1,
                                        .abi_minor = 0,
                                        .name = "abi_major",
                                        .version = "1",
                                        .tasks = tasks,
                                        .n_tasks = 1};

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
