// Holds the examples of PROTOCOL.md against the code: every frame must decode to the operation and
// shape that stands before it, and encode to the same bytes again.
//
//     frames PROTOCOL.md
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "frame.h"
#include "msg.h"

enum { EXAMPLE_MAX_BYTES = 512, LINE_MAX_BYTES = 256 };

struct example {
    char op[32];
    char shape[16];
    unsigned n_said; // bytes, as the text has it
    size_t n;
    uint8_t bytes[EXAMPLE_MAX_BYTES];
};

static int op_of(const char *name) {
    for (unsigned op = 0; op < JD_OP_END; op++)
        if (jd_op_known(op) && strcmp(jd_op_name(op), name) == 0)
            return (int)op;
    return -1;
}

static bool add_hex(struct example *e, const char *hex) {
    unsigned byte;
    int used;
    for (; sscanf(hex, " %2x%n", &byte, &used) == 1; hex += used) {
        if (e->n == sizeof e->bytes)
            return false;
        e->bytes[e->n++] = (uint8_t)byte;
    }
    return true;
}

static const char *shape_name(const struct jd_msg *msg) {
    static const char *const names[] = {"request", "reply", "event"};
    return msg->shape == JD_REPLY && msg->error ? "error" : names[msg->shape];
}

static const char *decode(const struct example *e, struct jd_msg *ret) {
    jobd_bytes payload;
    size_t need;
    if (e->n != e->n_said)
        return "the number of bytes is not as said";
    if (jd_frame_next(e->bytes, e->n, JD_FRAME_DEFAULT_BYTES, &payload, &need) != (int64_t)e->n)
        return "not exactly one frame";
    if (jd_check(payload, NULL) < 0)
        return "the payload is malformed";
    if (jd_msg_unpack(payload, ret) < 0)
        return "the message does not decode";
    if (ret->shape == JD_REPLY)
        ret->op = (uint16_t)op_of(e->op);
    if (op_of(e->op) != ret->op || strcmp(e->shape, shape_name(ret)) != 0)
        return "another operation or shape than said";
    if (ret->shape == JD_REPLY && !ret->error && jd_msg_unpack_reply(ret) < 0)
        return "the result does not decode";
    return NULL;
}

static bool check_example(const struct example *e) {
    struct jd_msg msg;
    struct jd_buf again;
    const char *wrong = decode(e, &msg);
    jd_buf_init(&again, EXAMPLE_MAX_BYTES);
    if (!wrong && (jd_msg_pack(&again, EXAMPLE_MAX_BYTES, &msg) < 0 || again.len != e->n ||
                   memcmp(again.data, e->bytes, e->n) != 0))
        wrong = "it encodes to other bytes";
    jd_buf_free(&again);
    if (wrong)
        fprintf(stderr, "%s %s: %s\n", e->op, e->shape, wrong);
    return !wrong;
}

// The examples stand between the lines ```frames and ```; a line that begins with a space goes on
// with the frame before.
static bool check_file(FILE *in, unsigned *ret_n) {
    char line[LINE_MAX_BYTES];
    bool inside = false, ok = true;
    struct example e = {.n = 0};
    while (fgets(line, sizeof line, in)) {
        bool fence = strncmp(line, "```", 3) == 0;
        int hex_at = 0;
        if (inside && line[0] == ' ') {
            ok = add_hex(&e, line) && ok;
            continue;
        }
        if (inside && e.n > 0) {
            ok = check_example(&e) && ok;
            ++*ret_n;
        }
        e.n = 0;
        if (fence)
            inside = strcmp(line, "```frames\n") == 0;
        else if (inside &&
                 (sscanf(line, "%31s %15s %u B %n", e.op, e.shape, &e.n_said, &hex_at) < 3 ||
                  !add_hex(&e, line + hex_at)))
            ok = false;
    }
    return ok && !inside;
}

int main(int argc, char **argv) {
    unsigned n = 0;
    FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!in) {
        fprintf(stderr, "usage: frames PROTOCOL.md\n");
        return EXIT_FAILURE;
    }
    bool ok = check_file(in, &n);
    fclose(in);
    printf("%u example frames\n", n);
    return ok && n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
