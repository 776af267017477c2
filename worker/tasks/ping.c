// ping: the way there and back, and nothing in between.
#include "pack.h"
#include "tasks/tasks.h"

enum { PING_HEAD_BYTES = 1 + 9 + 9 }; // an array and two numbers

// What to send back: the first argument, or nil.
static int read_echo(jobd_bytes args, jobd_bytes *ret) {
    static const unsigned char nil = 0xc0;
    jobd_reader r = jobd_reader_of(args);
    uint32_t n = 0;
    *ret = (jobd_bytes){&nil, 1};
    if (args.len > 0 && jobd_read_array(&r, &n) < 0)
        return r.err;
    return n > 0 ? jobd_read_raw(&r, ret) : 0;
}

int task_ping(const jobd_host *host, jobd_task_ctx *ctx, jobd_bytes args) {
    jobd_bytes echo;
    struct jd_buf b;
    if (read_echo(args, &echo) < 0)
        return host->fail(ctx, "bad_args", "ping takes [value] or []");
    if (!tasks_buf(host, ctx, PING_HEAD_BYTES + echo.len, &b))
        return JOBD_E_NOMEM;
    msgpack_packer pk = jd_packer_of(&b);
    int r = msgpack_pack_array(&pk, 3);
    r = r ? r : msgpack_pack_uint64(&pk, host->started_ns(ctx));
    r = r ? r : msgpack_pack_uint64(&pk, host->now_ns(ctx));
    r = r ? r : jd_pack_write_long(&b, echo);
    return r ? r : host->result(ctx, jd_buf_view(&b));
}
