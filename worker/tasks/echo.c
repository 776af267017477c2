// echo: its argument. The least a job can do.
#include "tasks/tasks.h"

int task_echo(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_reader r = jobd_reader_of(args);
    jobd_bytes value;
    uint32_t n;
    if (jobd_read_array(&r, &n) < 0 || n != 1 || jobd_read_raw(&r, &value) < 0)
        return host->fail(ctx, "bad_args", "echo takes [value]");
    return host->result(ctx, value);
}
