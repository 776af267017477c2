#include <stdio.h>

#include "pack.h"
#include "tasks/tasks.h"

enum { COUNTDOWN_MAX_S = 1000000000, COUNTDOWN_NS_PER_S = 1000000000 };

static void report(const jobd_host *host, jobd_task_ctx *ctx, uint64_t done, uint64_t n) {
    char note[32];
    snprintf(note, sizeof note, "T-%llu", (unsigned long long)(n - done));
    host->progress(ctx, n ? (double)done / (double)n : 1, note);
}

int task_countdown(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    uint64_t start_ns = host->now_ns(ctx), n;
    jobd_reader reader = jobd_reader_of(args);
    uint32_t n_args;
    if (jobd_read_array(&reader, &n_args) < 0 || n_args != 1 || jobd_read_u64(&reader, &n) < 0 ||
        n > COUNTDOWN_MAX_S)
        return host->fail(ctx, "bad_args", "countdown takes [n], whole seconds from 0 to 1e9");
    int r;
    for (uint64_t done = 0; done < n; done++) {
        report(host, ctx, done, n);
        if ((r = tasks_sleep_until(host, ctx, start_ns + (done + 1) * COUNTDOWN_NS_PER_S)) < 0)
            return r;
    }
    report(host, ctx, n, n);
    struct jd_buf b;
    if (!tasks_buf(host, ctx, 9, &b))
        return JOBD_E_NOMEM;
    msgpack_packer pk = jd_packer_of(&b);
    r = msgpack_pack_uint64(&pk, n);
    return r ? r : host->result(ctx, jd_buf_view(&b));
}
