// The same shape on libuv and msgpack-c. Every process unpacks [id, payload] and packs it again;
// the relay gathers what it read in one turn of the loop and writes it once to each peer.
#include <msgpack.h>
#include <stdlib.h>
#include <uv.h>

#include "floor.h"

// ---- the message ----

static int append(void *stream, const char *bytes, size_t n) {
    struct stream *s = (struct stream *)stream;
    JD_ASSERT(STREAM_BYTES - s->out_len >= n);
    memcpy(s->out + s->out_len, bytes, n);
    s->out_len += n;
    return 0;
}

static void pack(struct stream *s, uint32_t id, const char *payload, uint32_t n) {
    size_t head = s->out_len;
    s->out_len += STREAM_HEAD_BYTES;
    msgpack_packer pk;
    msgpack_packer_init(&pk, s, append);
    msgpack_pack_array(&pk, 2);
    msgpack_pack_uint32(&pk, id);
    msgpack_pack_bin(&pk, n);
    msgpack_pack_bin_body(&pk, payload, n);
    uint32_t len = (uint32_t)(s->out_len - head - STREAM_HEAD_BYTES);
    memcpy(s->out + head, &len, sizeof len);
}

struct message {
    uint32_t id;
    msgpack_object_bin payload;
};

// One zone serves every message of a process: clearing it costs nothing.
static struct message unpack(msgpack_zone *zone, const uint8_t *bytes, uint32_t len) {
    msgpack_object o;
    size_t at = 0;
    msgpack_zone_clear(zone);
    int r = msgpack_unpack((const char *)bytes, len, &at, zone, &o);
    JD_ASSERT(r == MSGPACK_UNPACK_SUCCESS);
    JD_ASSERT(o.type == MSGPACK_OBJECT_ARRAY && o.via.array.size == 2);
    const msgpack_object *item = o.via.array.ptr;
    JD_ASSERT(item[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
              item[1].type == MSGPACK_OBJECT_BIN);
    return (struct message){.id = (uint32_t)item[0].via.u64, .payload = item[1].via.bin};
}

// ---- the relay ----

struct hub;

struct peer {
    uv_pipe_t pipe;
    struct hub *hub;
    struct stream s; // its descriptor is not used: the bytes come and go through the pipe
};

struct hub {
    uv_loop_t loop;
    uv_check_t turn;
    msgpack_zone zone;
    struct balance balance;
    struct peer peers[WORKERS_MAX + 1]; // 0 is the client
};

static void carry(struct hub *h, unsigned from) {
    const uint8_t *bytes;
    uint32_t len;
    while ((bytes = stream_next(&h->peers[from].s, &len))) {
        struct message m = unpack(&h->zone, bytes, len);
        unsigned to = 0;
        if (from == 0) {
            to = balance_take(&h->balance) + 1;
        } else {
            h->balance.under_way[from - 1]--;
        }
        pack(&h->peers[to].s, m.id, m.payload.ptr, m.payload.size);
    }
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *ret) {
    (void)hint;
    struct stream *s = &((struct peer *)handle->data)->s;
    stream_compact(s);
    *ret = uv_buf_init((char *)s->in + s->in_len, (unsigned)(STREAM_BYTES - s->in_len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    (void)buf;
    struct peer *p = (struct peer *)stream->data;
    if (n < 0)
        exit(0); // the other side is gone, and so is the need for this process
    p->s.in_len += (size_t)n;
    carry(p->hub, (unsigned)(p - p->hub->peers));
}

// Runs after all reads of a turn. What is under way is less than any socket's buffer, so that a
// write is never partial.
static void on_turn(uv_check_t *turn) {
    struct hub *h = (struct hub *)turn->data;
    for (unsigned i = 0; i <= h->balance.n_workers; i++) {
        struct peer *p = &h->peers[i];
        if (p->s.out_len == 0)
            continue;
        uv_buf_t buf = uv_buf_init((char *)p->s.out, (unsigned)p->s.out_len);
        int n = uv_try_write((uv_stream_t *)&p->pipe, &buf, 1);
        if (n == UV_EPIPE || n == UV_ECONNRESET)
            exit(0);
        JD_ASSERT(n == (int)p->s.out_len);
        p->s.out_len = 0;
    }
}

int floor_uv_relay(char **args) {
    static struct hub h;
    h.balance.n_workers = (unsigned)atoi(args[0]);
    msgpack_zone_init(&h.zone, MSGPACK_ZONE_CHUNK_SIZE);
    uv_loop_init(&h.loop);
    uv_check_init(&h.loop, &h.turn);
    h.turn.data = &h;
    uv_check_start(&h.turn, on_turn);
    for (unsigned i = 0; i <= h.balance.n_workers; i++) {
        struct peer *p = &h.peers[i];
        p->hub = &h;
        uv_pipe_init(&h.loop, &p->pipe, 0);
        p->pipe.data = p;
        int r = uv_pipe_open(&p->pipe, ROLE_FD + (int)i);
        if (r == 0)
            r = uv_read_start((uv_stream_t *)&p->pipe, on_alloc, on_read);
        if (r < 0)
            return bench_fail("libuv: %s", uv_strerror(r)), 1;
    }
    return uv_run(&h.loop, UV_RUN_DEFAULT);
}

// ---- the two ends ----

int floor_uv_worker(char **args) {
    (void)args;
    static struct stream s = {.fd = ROLE_FD};
    msgpack_zone zone;
    msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE);
    while (stream_fill(&s)) {
        const uint8_t *bytes;
        uint32_t len;
        while ((bytes = stream_next(&s, &len))) {
            struct message m = unpack(&zone, bytes, len);
            pack(&s, m.id, m.payload.ptr, m.payload.size);
        }
        if (!stream_flush(&s))
            break;
    }
    return 0;
}

void floor_uv_put(struct relay *r, uint32_t id) {
    static const char payload[PAYLOAD_BYTES];
    pack(&r->client, id, payload, sizeof payload);
}

uint32_t floor_uv_get(struct relay *r, const uint8_t *payload, uint32_t len) {
    return unpack(&r->zone, payload, len).id;
}
