// A plugin that crashes as soon as it is loaded.
#include <signal.h>

#include "plugin_nothing.h"

static const jobd_task_def tasks[] = {{"load_crashes.nothing", nothing, 0, "[] -> nil"}};

__attribute__((constructor)) static void crash(void) {
    signal(SIGSEGV, SIG_DFL); // or a sanitizer makes an exit status of it
    raise(SIGSEGV);
}

static const jobd_task_module module = {.struct_size = sizeof(jobd_task_module),
                                        .abi_major = JOBD_TASK_ABI_MAJOR,
                                        .abi_minor = JOBD_TASK_ABI_MINOR,
                                        .name = "load_crashes",
                                        .version = "1",
                                        .tasks = tasks,
                                        .n_tasks = 1};

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
