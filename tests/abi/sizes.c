// What is frozen: structs that programs and plugins hold by value, and the board that jobd and
// jobd-worker share. Compiling this file is the test. Options structs may grow at their end: then
// the new size is written down here, and the fields before keep their offsets.
#include <jobd/jobd.h>
#include <jobd/task.h>

#include "board.h"

#define FROZEN(type, size) _Static_assert(sizeof(type) == (size), #type " has changed its size")
#define AT(type, member, offset)                                                                   \
    _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")

FROZEN(jobd_bytes, 16);
FROZEN(jobd_reader, 24);
FROZEN(jobd_error, 328);
AT(jobd_error, sys_errno, 4);
AT(jobd_error, name, 8);
AT(jobd_error, message, 72);

FROZEN(jobd_conn_options, 56);
AT(jobd_conn_options, client_name, 8);
AT(jobd_conn_options, connect_timeout_ms, 16);
AT(jobd_conn_options, max_frame, 24);
AT(jobd_conn_options, max_pending_bytes, 32);
AT(jobd_conn_options, on_close, 40);
AT(jobd_conn_options, on_close_arg, 48);

FROZEN(jobd_executor_options, 24);
AT(jobd_executor_options, pool, 8);
AT(jobd_executor_options, max_workers, 16);

FROZEN(jobd_submit_options, 80);
AT(jobd_submit_options, time_limit_ms, 8);
AT(jobd_submit_options, max_lost, 16);
AT(jobd_submit_options, priority, 20);
AT(jobd_submit_options, delay_ms, 24);
AT(jobd_submit_options, deadline_ms, 32);
AT(jobd_submit_options, max_retries, 40);
AT(jobd_submit_options, retry_delay_ms, 48);
AT(jobd_submit_options, key, 56);
AT(jobd_submit_options, label, 64);
AT(jobd_submit_options, detached, 72);

FROZEN(jobd_job_info, 72);
AT(jobd_job_info, job_id, 8);
AT(jobd_job_info, state, 16);
AT(jobd_job_info, worker_pid, 24);
AT(jobd_job_info, attempt, 32);
AT(jobd_job_info, progress, 40);
AT(jobd_job_info, run_ns, 48);
AT(jobd_job_info, done_order, 56);
AT(jobd_job_info, status, 64);

FROZEN(jobd_map_options, 48);
AT(jobd_map_options, chunk, 8);
AT(jobd_map_options, window, 16);
AT(jobd_map_options, unordered, 24);
AT(jobd_map_options, timeout_ms, 32);
AT(jobd_map_options, submit, 40);

FROZEN(jobd_parallel_options, 64);
AT(jobd_parallel_options, backend, 8);
AT(jobd_parallel_options, n_jobs, 16);
AT(jobd_parallel_options, chunk, 24);
AT(jobd_parallel_options, timeout_ms, 32);
AT(jobd_parallel_options, tasks, 40);
AT(jobd_parallel_options, n_tasks, 48);
AT(jobd_parallel_options, args, 56);

FROZEN(jobd_process_options, 112);
AT(jobd_process_options, name, 8);
AT(jobd_process_options, task, 16);
AT(jobd_process_options, args, 24);
AT(jobd_process_options, argv, 40);
AT(jobd_process_options, env, 48);
AT(jobd_process_options, cwd, 56);
AT(jobd_process_options, pipes, 64);
AT(jobd_process_options, n_pipes, 72);
AT(jobd_process_options, time_limit_ms, 80);
AT(jobd_process_options, keep, 88);
AT(jobd_process_options, on_output, 96);
AT(jobd_process_options, on_output_arg, 104);

FROZEN(jobd_pool_options, 64);
AT(jobd_pool_options, workers, 8);
AT(jobd_pool_options, threads, 12);
AT(jobd_pool_options, initializer, 16);
AT(jobd_pool_options, init_args, 24);
AT(jobd_pool_options, recycle_jobs, 40);
AT(jobd_pool_options, recycle_rss_bytes, 48);
AT(jobd_pool_options, max_lent, 56);

FROZEN(jobd_job_filter, 40);
AT(jobd_job_filter, states, 8);
AT(jobd_job_filter, pool, 16);
AT(jobd_job_filter, task, 24);
AT(jobd_job_filter, label, 32);

FROZEN(jobd_happening, 72);
AT(jobd_happening, what, 8);
AT(jobd_happening, pool, 16);
AT(jobd_happening, job_id, 24);
AT(jobd_happening, task, 32);
AT(jobd_happening, state, 40);
AT(jobd_happening, pid, 48);
AT(jobd_happening, text, 56);
AT(jobd_happening, missed, 64);

FROZEN(jobd_host, 168);
AT(jobd_host, result, 16);
AT(jobd_host, fail, 24);
AT(jobd_host, cancelled, 32);
AT(jobd_host, time_left_ms, 40);
AT(jobd_host, progress, 48);
AT(jobd_host, log, 56);
AT(jobd_host, alloc, 64);
AT(jobd_host, job_id, 72);
AT(jobd_host, attempt, 80);
AT(jobd_host, now_ns, 88);
AT(jobd_host, started_ns, 96);
AT(jobd_host, item, 104);
AT(jobd_host, call, 112);
AT(jobd_host, n_pipes, 120);
AT(jobd_host, pipe_send, 128);
AT(jobd_host, pipe_recv, 136);
AT(jobd_host, pipe_poll, 144);
AT(jobd_host, pipe_close, 152);
AT(jobd_host, integrand, 160);

FROZEN(jobd_integrand_def, 32);
AT(jobd_integrand_def, f, 8);
AT(jobd_integrand_def, block, 16);
AT(jobd_integrand_def, summary, 24);

FROZEN(jobd_integrand_module, 32);
AT(jobd_integrand_module, integrands, 16);
AT(jobd_integrand_module, n_integrands, 24);
FROZEN(jobd_task_def, 32);
FROZEN(jobd_task_module, 64);

// PROTOCOL.md section 11. Another layout is another JD_BOARD_LAYOUT.
_Static_assert(JD_BOARD_LAYOUT == 2, "write the new layout down in PROTOCOL.md and here");
FROZEN(struct jd_board, 88192);
AT(struct jd_board, taken, 64);
AT(struct jd_board, out_tail, 72);
AT(struct jd_board, slot, 128);
AT(struct jd_board, cancel, 2176);
AT(struct jd_board, progress, 4224);
FROZEN(struct jd_board_progress, 64);
AT(struct jd_board, item, 20608);
AT(struct jd_board, ring, 22656);
