// multiprocessing.Pipe: ping here, pong in a process, and the daemon sees none of it.
//
//     ping_pong [ROUNDS]
#include "example.h"

int main(int argc, char **argv) {
    static const jobd_bytes ping = {"ping", 4};
    int n_rounds = argc > 1 ? atoi(argv[1]) : 3, code;
    jobd_conn *conn = connect_to_jobd();
    jobd_pipe *here, *there;
    jobd_process *ponger;
    jobd_bytes pong, value;

    must(jobd_pipe_new(true, &here, &there), "pipe");
    jobd_process_options opts = {JOBD_OPTIONS(jobd_process_options), .task = "lecture.ponger",
                                 .pipes = &there, .n_pipes = 1};
    must(jobd_process_new(conn, &opts, &ponger), "process");
    must(jobd_process_start(ponger), "start");
    // its end went with it: closed here, so that the end of the pipe can be seen on both sides
    printf("sending on its end: %s\n", jobd_errname(jobd_pipe_send(there, ping, JOBD_NOWAIT)));

    for (int i = 0; i < n_rounds; i++) {
        must(jobd_pipe_send(here, ping, JOBD_FOREVER), "send");
        must(jobd_pipe_recv(here, JOBD_FOREVER, &pong), "recv");
        printf("ping %.*s\n", (int)pong.len, (const char *)pong.data);
    }
    must(jobd_pipe_close(here), "close");
    must(jobd_process_join(ponger, JOBD_FOREVER), "join");
    must(jobd_process_exitcode(ponger, &code), "exitcode");
    must(jobd_future_result(jobd_process_sentinel(ponger), JOBD_NOWAIT, &value), "result");
    printf("it answered %g times and ended with %d\n", number(value), code);

    jobd_process_free(ponger);
    jobd_pipe_free(here);
    jobd_pipe_free(there);
    jobd_close(conn);
    return 0;
}
