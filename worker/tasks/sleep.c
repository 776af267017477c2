#include "tasks/tasks.h"

#define SLEEP_MAX_S 1e9 // 31 years; more would not fit the clock for long

int task_sleep(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    uint64_t start_ns = host->now_ns(ctx);
    jobd_reader r = jobd_reader_of(args);
    uint32_t n;
    double seconds;
    if (jobd_read_array(&r, &n) < 0 || n != 1 || jobd_read_f64(&r, &seconds) < 0 ||
        !(seconds >= 0 && seconds <= SLEEP_MAX_S))
        return host->fail(ctx, "bad_args", "sleep takes [seconds], a number from 0 to 1e9");
    return tasks_sleep_until(host, ctx, start_ns + (uint64_t)(seconds * 1e9));
}
