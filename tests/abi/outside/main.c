// A program as anybody outside would write it: one job, one result.
//
//     outside [SOCKET]    without a socket: only the version
#include <jobd/jobd.h>

#include <stdio.h>

static int ask_worker(jobd_conn *conn) {
    jobd_executor *ex = NULL;
    jobd_future *f = NULL;
    jobd_bytes value;
    uint32_t n = 0;
    const unsigned char args[] = {0x91, 0x2a}; // [42]
    int r = jobd_executor_open(conn, NULL, &ex);
    if (r == 0)
        r = jobd_submit(ex, "ping", (jobd_bytes){args, sizeof(args)}, NULL, &f);
    if (r == 0)
        r = jobd_future_result(f, JOBD_FOREVER, &value);
    if (r == 0) {
        jobd_reader reader = jobd_reader_of(value);
        r = jobd_read_array(&reader, &n);
    }
    jobd_future_unref(f);
    jobd_executor_free(ex);
    return r < 0 ? r : (int)n;
}

int main(int argc, char **argv) {
    jobd_conn *conn;
    jobd_error error;
    if (jobd_check_version() < 0)
        return 1;
    printf("libjobd %s\n", jobd_version_string());
    if (argc < 2)
        return 0;
    if (jobd_connect(argv[1], NULL, &conn, &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    int r = ask_worker(conn);
    jobd_close(conn);
    printf("ping: %s\n", r == 3 ? "answered" : jobd_strerror(r));
    return r == 3 ? 0 : 1;
}
