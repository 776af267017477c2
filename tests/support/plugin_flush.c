// A plugin that does on loading what the start code of -ffast-math does: denormal numbers are
// switched off for the process.
#include <jobd/task.h>

#if defined(__SSE2__)
#include <xmmintrin.h>

__attribute__((constructor)) static void flush_denormals(void) {
    _mm_setcsr(_mm_getcsr() | 0x8040);
}
#endif

static int nothing(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    (void)host;
    (void)ctx;
    (void)args;
    return 0;
}

static const jobd_task_def tasks[] = {{"flush.nothing", nothing, 0, "[] -> nil"}};

static const jobd_task_module module = JOBD_TASK_MODULE("flush", "1", tasks);

const jobd_task_module *jobd_task_module_v1(void) {
    return &module;
}
