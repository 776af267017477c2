// Both ends of a pair, each used as a task uses its pipes.
#include "pipes.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mem.h"
#include "rng.h"

static struct jd_board board;
static struct link l;
static struct post post;
static struct pipes pipes;
static jobd_task_ctx ctx;

static void begin(void) {
    const struct jd_run job = {.slot = 1, .seq = 1};
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    l = (struct link){.fd = -1, .board = &board, .max_frame = 65536};
    post_init(&post, &l, NULL);
    ctx_init(&ctx, &post);
    ctx_begin(&ctx, &job, 1);
    pipes.n = 2;
    for (int i = 0; i < 2; i++) {
        pipes.end[i].fd = fds[i];
        jd_buf_init(&pipes.end[i].in, 2 * PIPES_MESSAGE_MAX_BYTES);
    }
    post.pipes = &pipes;
}

static void end(void) {
    pipes_close(&pipes);
    ctx_free(&ctx);
    post_free(&post);
}

TestSuite(pipes, .init = begin, .fini = end);

static void expect_message(const char *text) {
    jobd_bytes got = {NULL, 0};
    cr_assert_eq(pipes_recv(&ctx, 1, 0, &got), 0);
    cr_expect_eq(got.len, strlen(text));
    cr_expect_eq(memcmp(got.data, text, got.len), 0);
}

static void one_way(void) { // from 0 to 1
    cr_assert_eq(shutdown(pipes.end[0].fd, SHUT_RD), 0);
    cr_assert_eq(shutdown(pipes.end[1].fd, SHUT_WR), 0);
}

Test(pipes, messages_stay_apart) {
    jobd_bytes got;
    cr_expect_eq(pipes_recv(&ctx, 1, 0, &got), JOBD_E_TIMEOUT);
    cr_expect_eq(pipes_send(&ctx, 0, jd_text("one"), 0), 0);
    cr_expect_eq(pipes_send(&ctx, 0, jd_text(""), 0), 0);
    cr_expect_eq(pipes_send(&ctx, 0, jd_text("three"), 0), 0);
    cr_expect_eq(pipes_poll(&ctx, 1, 0), 1);
    expect_message("one");
    expect_message("");
    cr_expect_eq(pipes_poll(&ctx, 1, 0), 1);
    cr_expect_eq(pipes_poll(&ctx, 1, 0), 1, "a look takes nothing");
    expect_message("three");
    cr_expect_eq(pipes_poll(&ctx, 1, 1), 0);
}

Test(pipes, a_message_that_comes_in_pieces_is_whole) {
    static const char bytes[] = "\0\0\0\5hello";
    jobd_bytes got;
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        cr_expect_eq(pipes_poll(&ctx, 1, 0), 0);
        cr_expect_eq(pipes_recv(&ctx, 1, 0, &got), JOBD_E_TIMEOUT);
        cr_assert_eq(write(pipes.end[0].fd, bytes + i, 1), 1);
    }
    expect_message("hello");
}

Test(pipes, any_sizes_and_as_many_as_there_are) {
    enum { MESSAGES = 200 };
    struct rng g = rng_begin("pipes");
    unsigned char *bytes = jd_zalloc(PIPES_MESSAGE_MAX_BYTES);
    pid_t sender = fork();
    for (int i = 0; i < MESSAGES; i++) {
        size_t n = i == 7 ? PIPES_MESSAGE_MAX_BYTES
                          : rng_below(&g, rng_below(&g, 10) ? 3000 : PIPES_MESSAGE_MAX_BYTES);
        memset(bytes, i, n);
        jobd_bytes got = {NULL, 0};
        if (sender == 0) {
            if (pipes_send(&ctx, 0, (jobd_bytes){bytes, n}, JOBD_FOREVER) < 0)
                _exit(1);
            continue;
        }
        cr_assert_eq(pipes_recv(&ctx, 1, JOBD_FOREVER, &got), 0);
        cr_assert_eq(got.len, n);
        cr_assert_eq(memcmp(got.data, bytes, n), 0);
    }
    if (sender == 0)
        _exit(0);
    int status;
    cr_assert_eq(waitpid(sender, &status, 0), sender);
    cr_expect_eq(status, 0);
    jd_free(bytes);
}

Test(pipes, a_message_over_the_limit_is_not_sent) {
    jobd_bytes big = {"", PIPES_MESSAGE_MAX_BYTES + 1};
    cr_expect_eq(pipes_send(&ctx, 0, big, JOBD_FOREVER), JOBD_E_MSGSIZE);
    cr_expect_eq(pipes_poll(&ctx, 1, 0), 0);
    cr_assert_eq(write(pipes.end[0].fd, "\0\x10\0\1", 4), 4);
    cr_expect_eq(pipes_recv(&ctx, 1, JOBD_FOREVER, &big), JOBD_E_PROTO);
}

Test(pipes, the_end_comes_after_what_was_sent) {
    jobd_bytes got;
    cr_expect_eq(pipes_send(&ctx, 0, jd_text("last"), 0), 0);
    cr_expect_eq(pipes_close_one(&ctx, 0), 0);
    cr_expect_eq(pipes_close_one(&ctx, 0), JOBD_E_STATE);
    cr_expect_eq(pipes_send(&ctx, 0, jd_text("x"), 0), JOBD_E_STATE);
    expect_message("last");
    cr_expect_eq(pipes_poll(&ctx, 1, 0), 1);
    cr_expect_eq(pipes_recv(&ctx, 1, JOBD_FOREVER, &got), JOBD_E_QCLOSED);
    cr_expect_eq(pipes_send(&ctx, 1, jd_text("x"), JOBD_FOREVER), JOBD_E_QCLOSED);
}

Test(pipes, an_end_that_dropped_messages_is_gone_too) {
    jobd_bytes got;
    cr_expect_eq(pipes_send(&ctx, 1, jd_text("never read"), 0), 0);
    cr_expect_eq(pipes_close_one(&ctx, 0), 0);
    cr_expect_eq(pipes_recv(&ctx, 1, JOBD_FOREVER, &got), JOBD_E_QCLOSED);
    cr_expect_eq(pipes_send(&ctx, 1, jd_text("x"), JOBD_FOREVER), JOBD_E_QCLOSED);
}

Test(pipes, one_way_is_one_way) {
    jobd_bytes got;
    one_way();
    cr_expect_eq(pipes_send(&ctx, 0, jd_text("down"), 0), 0);
    expect_message("down");
    cr_expect_eq(pipes_send(&ctx, 1, jd_text("up"), 0), JOBD_E_PERM);
    cr_expect_eq(pipes_recv(&ctx, 0, JOBD_FOREVER, &got), JOBD_E_PERM);
    cr_expect_eq(pipes_poll(&ctx, 0, JOBD_FOREVER), JOBD_E_PERM);
    cr_expect_eq(pipes_close_one(&ctx, 0), 0);
    cr_expect_eq(pipes_recv(&ctx, 1, JOBD_FOREVER, &got), JOBD_E_QCLOSED);
}

Test(pipes, there_are_as_many_as_there_are) {
    jobd_bytes got;
    cr_expect_eq(pipes_count(&ctx), 2u);
    cr_expect_eq(pipes_send(&ctx, 2, jd_text("x"), 0), JOBD_E_NOENT);
    post.pipes = NULL;
    cr_expect_eq(pipes_count(&ctx), 0u);
    cr_expect_eq(pipes_recv(&ctx, 0, 0, &got), JOBD_E_NOENT);
    cr_expect_eq(pipes_close_one(&ctx, 0), JOBD_E_NOENT);
}

// Until nothing more goes in.
static unsigned fill(void) {
    static char bytes[10000];
    unsigned n = 0;
    while (pipes_send(&ctx, 0, (jobd_bytes){bytes, 0}, 0) == 0)
        n++;
    return n;
}

Test(pipes, a_full_pipe_times_out_and_goes_on_when_there_is_room) {
    jobd_bytes got;
    unsigned n = fill();
    cr_assert_gt(n, 10u);
    cr_expect_eq(pipes_send(&ctx, 0, jd_text("x"), 1), JOBD_E_TIMEOUT);
    for (unsigned i = 0; i < n; i++)
        cr_assert_eq(pipes_recv(&ctx, 1, 0, &got), 0);
    cr_expect_eq(pipes_recv(&ctx, 1, 0, &got), JOBD_E_TIMEOUT, "nothing of what was refused");
    cr_expect_eq(pipes_send(&ctx, 0, jd_text("again"), 0), 0);
    expect_message("again");
}

Test(pipes, a_job_that_is_to_stop_waits_no_longer) {
    jobd_bytes got;
    fill();
    jd_board_ask_stop(&board, 1, 1);
    cr_expect_eq(pipes_send(&ctx, 0, jd_text("x"), JOBD_FOREVER), JOBD_E_CANCELLED);
    cr_expect_eq(pipes_recv(&ctx, 0, JOBD_FOREVER, &got), JOBD_E_CANCELLED);
    cr_expect_eq(pipes_poll(&ctx, 0, JOBD_FOREVER), JOBD_E_CANCELLED);
}

Test(pipes, half_a_message_is_an_end) {
    char *bytes = jd_zalloc(PIPES_MESSAGE_MAX_BYTES);
    jobd_bytes got;
    jd_board_ask_stop(&board, 1, 1);
    int r = pipes_send(&ctx, 0, (jobd_bytes){bytes, PIPES_MESSAGE_MAX_BYTES}, JOBD_FOREVER);
    cr_expect_eq(r, JOBD_E_CANCELLED);
    jd_board_ask_stop(&board, 1, 0);
    cr_expect_eq(pipes_recv(&ctx, 1, JOBD_FOREVER, &got), JOBD_E_QCLOSED);
    cr_expect_eq(pipes_send(&ctx, 0, jd_text("x"), 0), JOBD_E_STATE);
    jd_free(bytes);
}
