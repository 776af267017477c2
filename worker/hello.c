#include "hello.h"

#include <unistd.h>

#include "clock.h"
#include "fault.h"
#include "pack.h"

static int pack_tasks(struct jd_buf *b, const struct registry *tasks) {
    msgpack_packer pk = jd_packer_of(b);
    int r = msgpack_pack_array(&pk, tasks->n_tasks);
    for (size_t i = 0; r == 0 && i < tasks->n_tasks; i++) {
        const jobd_task_def *t = tasks->tasks[i];
        r = msgpack_pack_array(&pk, 3);
        r = r ? r : jd_pack_str(&pk, jd_text(t->name));
        r = r ? r : msgpack_pack_uint32(&pk, t->flags);
        r = r ? r : jd_pack_str(&pk, jd_text(t->summary ? t->summary : ""));
    }
    return r;
}

static int say_hello(struct link *l, jobd_bytes tasks) {
    const struct jd_msg msg = {
        .shape = JD_REQUEST,
        .op = JD_OP_HELLO,
        .u.hello = {.major = JD_PROTO_MAJOR,
                    .minor = JD_PROTO_MINOR,
                    .role = JD_ROLE_WORKER,
                    .name = jd_text("worker"),
                    .pid = (uint64_t)getpid(),
                    .max_frame = l->max_frame,
                    .tasks = tasks},
    };
    int r = link_send(l, &msg, clock_now_ns());
    return r < 0 ? r : link_flush(l);
}

static int hear_answer(struct link *l, jobd_error *reterr) {
    struct jd_msg msg;
    int r;
    while ((r = link_next(l, &msg)) == 0) {
        link_release(l);
        if ((r = link_fill(l)) < 0)
            return r;
    }
    if (r < 0)
        return r;
    if (msg.shape != JD_REPLY || msg.id != 0)
        return JOBD_E_PROTO;
    if (msg.error)
        return fault_set(reterr, JOBD_E_REFUSED, "the master refused this worker: %.*s",
                         (int)JD_MIN(msg.text.len, (size_t)200), (const char *)msg.text.data);
    msg.op = JD_OP_HELLO;
    if (jd_msg_unpack_reply(&msg) < 0)
        return JOBD_E_PROTO;
    if (msg.u.hello_ok.major != JD_PROTO_MAJOR)
        return fault_set(
            reterr, JOBD_E_VERSION,
            "the master speaks protocol %llu.x, this worker %d.x: jobd and jobd-worker "
            "are of different versions",
            (unsigned long long)msg.u.hello_ok.major, JD_PROTO_MAJOR);
    link_release(l);
    return 0;
}

int hello_exchange(struct link *l, const struct registry *tasks, jobd_error *reterr) {
    struct jd_buf packed;
    jd_buf_init(&packed, l->max_frame);
    int r = pack_tasks(&packed, tasks);
    if (r < 0)
        fault_set(reterr, r, "the list of %zu tasks does not fit a frame of %zu bytes",
                  tasks->n_tasks, l->max_frame);
    else
        r = say_hello(l, jd_buf_view(&packed));
    jd_buf_free(&packed);
    return r < 0 ? r : hear_answer(l, reterr);
}
