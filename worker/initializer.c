#include "initializer.h"

#include <stdio.h>

#include "ctx.h"
#include "host.h"

enum { TEXT_BYTES = JD_ERROR_NAME_MAX + CTX_MESSAGE_BYTES + 2 };

// 0 | why it failed, and the sentence in text.
static int run(struct post *p, const struct jd_init *init, char *text) {
    const jobd_task_def *task = registry_at(p->tasks, init->task);
    if (!task) {
        snprintf(text, TEXT_BYTES, "the worker has no task of that number");
        return JOBD_E_NOTASK;
    }
    jobd_task_ctx ctx;
    ctx_init(&ctx, p);
    ctx_begin_init(&ctx);
    int error = ctx_error(&ctx, task->fn(&host_table, &ctx, init->args));
    snprintf(text, TEXT_BYTES, "%s%s%s", ctx.name, ctx.name[0] ? ": " : "", ctx.message);
    ctx_end(&ctx);
    ctx_free(&ctx);
    return error;
}

static int first_message(struct link *l, struct jd_msg *ret) {
    int r;
    while ((r = link_next(l, ret)) == 0) {
        link_release(l);
        if ((r = link_fill(l)) < 0)
            return r;
    }
    return r < 0 ? r : 0;
}

int initializer_serve(struct post *p) {
    struct jd_msg msg;
    char text[TEXT_BYTES];
    int r = first_message(p->link, &msg);
    if (r < 0)
        return r;
    if (msg.shape != JD_REQUEST || msg.op != JD_OP_INIT) {
        link_put_back(p->link);
        return 0;
    }
    int error = run(p, &msg.u.init, text);
    const struct jd_msg reply = {
        .shape = JD_REPLY, .op = JD_OP_INIT, .id = msg.id, .error = error, .text = jd_text(text)};
    link_release(p->link);
    return post_send_now(p, &reply);
}
