# shellcheck shell=bash
# ./dev demo: a private daemon computes an integral, runs a task for every line, stops a job that runs,
# shows who did it, and is gone again.

# The seconds that jobctl took for the integral, in so many parts.
demo_seconds() { # PARTS
    jobctl integrate cos 0 pi/2 -n 10000000 -j "$1" | sed -nE 's/.* parts?, ([0-9.]+) s,.*/\1/p'
}

demo_speed() {
    local i one=() two=() n_runs=7
    for ((i = 0; i < 2; i++)); do # warm-up
        demo_seconds 1 >/dev/null
        demo_seconds 2 >/dev/null
    done
    for ((i = 0; i < n_runs; i++)); do # in turns, so that both see the same machine
        one+=("$(demo_seconds 1)")
        two+=("$(demo_seconds 2)")
    done
    paste <(printf '%s\n' "${one[@]}" | sort -n) <(printf '%s\n' "${two[@]}" | sort -n) |
        awk -v n="$n_runs" -v cpus="$(nproc)" -v load="$(cut -d' ' -f1 /proc/loadavg)" 'NR == (n + 1) / 2 {
            printf "median of %d runs, 10,000,000 steps: one part %.3f s, two parts %.3f s\n", n, $1, $2
            printf "speed-up of two parts over one: %.2f (%d CPUs here, load average %s)\n", $1 / $2, cpus, load
        }'
}

demo_map() {
    echo "\$ seq -f '[\"cos\", 0, %g, 1000]' 5 | jobctl map integrate --keep-order"
    seq -f '["cos", 0, %g, 1000]' 5 | jobctl map integrate --keep-order
}

# A job that runs is listed as soon as its worker's page was looked at, which is every 10 ms.
demo_until_running() { # JOB
    local i
    for ((i = 0; i < 1000; i++)); do
        jobctl list --state running --json | grep -q "\"job\": *$1[,}]" && return
    done
    die "job $1 does not run: $(jobctl why "$1")"
}

demo_kill() {
    local id
    echo "\$ id=\$(jobctl submit --detach --quiet sleep 3600)"
    id=$(jobctl submit --detach --quiet sleep 3600)
    demo_until_running "$id"
    run jobctl kill "$id"
    run jobctl wait --ignore-failures "$id"
    run jobctl why "$id"
}

demo_nothing_left() { # PID...
    local pid
    for pid in "$@"; do
        [[ ! -d /proc/$pid ]] || die "process $pid is still there after the daemon's end"
    done
    echo "no process is left of: $*"
}

demo() {
    local pids
    demo_dir=$(mktemp -d)
    trap 'daemon_stop; rm -rf "$demo_dir"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    PATH=$PWD/build/release:$PATH

    say "a private daemon with two workers"
    echo "\$ jobd --socket $demo_dir/sock --workers 2 &"
    daemon_start "$demo_dir" jobd --socket "$demo_dir/sock" --workers 2
    run export JOBD_SOCKET="$JOBD_SOCKET"

    say "the integral of cos from 0 to pi/2 in two parts, in the order they are done"
    run jobctl integrate cos 0 pi/2 -n 1000000 -j 2
    say "what the second worker is worth"
    demo_speed
    say "round trips from here to a worker and back"
    run jobctl ping -c 5
    say "a task for every line"
    demo_map
    say "a job that runs is stopped"
    demo_kill
    say "the workers"
    run jobctl workers

    say "the end"
    mapfile -t pids < <(daemon_processes)
    run jobctl shutdown
    daemon_wait || die "the daemon's exit status is not 0; its log: $(cat "$demo_dir/log")"
    demo_nothing_left "${pids[@]}"
}
