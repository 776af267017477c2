// A plugin that says it cannot work here.
#include <stddef.h>

#include <jobd/task.h>

const jobd_task_module *jobd_task_module_v1(void) {
    return NULL;
}
