// The one task of plugins that are about something else: how they are loaded.
#ifndef TESTS_PLUGIN_NOTHING_H
#define TESTS_PLUGIN_NOTHING_H

#include <jobd/task.h>

static int nothing(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host;
    (void)ctx;
    (void)args;
    return 0;
}

#endif
