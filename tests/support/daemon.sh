# shellcheck shell=bash
# A private daemon for scripts: started in a directory of its own, ready when it says so, and gone
# without a trace afterwards. To be sourced.
#
#   daemon_start DIR JOBD [ARG...]   sets daemon_pid and exports JOBD_SOCKET; its log is DIR/log
#   daemon_processes                 prints the ids of the daemon and of all that it has started
#   daemon_wait                      waits for its end; returns its exit status
#   daemon_stop                      ends it, however far it came; for traps

daemon_pid=

daemon_start() {
    local dir=$1 line log
    shift
    export JOBD_SOCKET=$dir/sock
    mkfifo "$dir/stderr"
    "$@" </dev/null >/dev/null 2>"$dir/stderr" &
    daemon_pid=$!
    exec {log}<"$dir/stderr"
    while IFS= read -r line <&"$log"; do
        printf '%s\n' "$line" >>"$dir/log"
        [[ $line == *"event=start "* ]] && break
    done
    if [[ ! -S $JOBD_SOCKET ]]; then
        echo "the daemon did not start; it said:" >&2
        cat "$dir/log" >&2
        return 1
    fi
    cat <&"$log" >>"$dir/log" & # or its log would fill the pipe and stop it
    exec {log}<&-
}

daemon_processes() {
    local pids=("$daemon_pid") i children
    for ((i = 0; i < ${#pids[@]}; i++)); do
        children=$(cat "/proc/${pids[i]}"/task/*/children 2>/dev/null || true)
        # shellcheck disable=SC2206 # a list of numbers, meant to be split
        pids+=($children)
    done
    printf '%s\n' "${pids[@]}"
}

daemon_wait() {
    local status=0
    wait "$daemon_pid" || status=$?
    daemon_pid=
    return $status
}

daemon_stop() {
    [[ $daemon_pid ]] || return 0
    kill -TERM "$daemon_pid" 2>/dev/null || true
    daemon_wait || true
}
