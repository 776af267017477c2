#include "feed.h"

#include "pack.h"
#include "read.h"

enum { HEAD_BYTES = 5 }; // of an array of any length

int jd_feed_init(struct jd_feed *f, jobd_item_fn next, void *arg) {
    *f = (struct jd_feed){.next = next, .arg = arg, .item = jobd_args_new()};
    jd_buf_init(&f->args, SIZE_MAX);
    return f->item ? 0 : JOBD_E_NOMEM;
}

void jd_feed_free(struct jd_feed *f) {
    jobd_args_free(f->item);
    jd_buf_free(&f->args);
}

static bool is_one_array(jobd_bytes b) {
    jobd_reader r = jobd_reader_of(b);
    return jobd_read_type(&r) == JOBD_T_ARRAY && jd_read_skip(&r) == 0 && r.pos == r.end;
}

// The next item: the one that is held, or a new one. 1 | 0 there is none | negative: why.
static int next_item(struct jd_feed *f, jobd_bytes *ret) {
    *ret = f->held;
    f->held = (jobd_bytes){0};
    if (ret->len)
        return 1;
    jobd_args_reset(f->item);
    int r = f->next(f->arg, f->item);
    if (r <= 0)
        return r;
    r = jobd_args_finish(f->item, ret);
    if (r < 0)
        return r;
    return is_one_array(*ret) ? 1 : JOBD_E_INVAL;
}

void jd_feed_end(struct jd_feed *f, int error) {
    f->is_over = true;
    f->error = error;
}

static int end(struct jd_feed *f, int error) {
    jd_feed_end(f, error);
    return 0;
}

// One item into the chunk. 1 | 0 it is full, or nothing more comes.
static int add_item(struct jd_feed *f, size_t max_bytes) {
    jobd_bytes item;
    int r = next_item(f, &item);
    if (r <= 0)
        return end(f, r);
    size_t used = jd_buf_used(&f->args);
    if (item.len > max_bytes - used && used > HEAD_BYTES) {
        f->held = item;
        return 0;
    }
    if (item.len > max_bytes - used)
        return end(f, JOBD_E_MSGSIZE);
    if (jd_buf_append(&f->args, item.data, item.len) < 0)
        return end(f, JOBD_E_NOMEM);
    return 1;
}

// The head is packed against the items, so that what lies before it stays unused.
static jobd_bytes with_head(const struct jd_feed *f, uint32_t n) {
    uint8_t head[JD_PUT_MAX];
    struct jd_out out = {head};
    jd_put_array(&out, n);
    size_t head_bytes = (size_t)(out.at - head);
    uint8_t *at = f->args.data + HEAD_BYTES - head_bytes;
    memcpy(at, head, head_bytes);
    return (jobd_bytes){at, jd_buf_used(&f->args) - HEAD_BYTES + head_bytes};
}

uint32_t jd_feed_take(struct jd_feed *f, uint32_t n, size_t max_bytes, jobd_bytes *ret_args) {
    static const uint8_t head[HEAD_BYTES];
    uint32_t n_items = 0;
    f->args.pos = f->args.len = 0;
    if (!f->is_over && jd_buf_append(&f->args, head, sizeof head) < 0)
        end(f, JOBD_E_NOMEM);
    while (!f->is_over && n_items < n && add_item(f, max_bytes))
        n_items++;
    if (n_items > 0)
        *ret_args = with_head(f, n_items);
    f->n_taken += n_items;
    return n_items;
}
