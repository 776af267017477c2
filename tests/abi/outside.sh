#!/usr/bin/env bash
# Uses jobd as a stranger does, from nothing but what `cmake --install` puts into an empty directory:
# a program found by CMake and by pkg-config, the program of README.md, and a task plugin.
#   outside.sh BUILD_DIR [EXTRA_CFLAGS]      the flags: those of a sanitized build
set -euo pipefail
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export CFLAGS=${2-} LDFLAGS=${2-}
. "$root/tests/support/daemon.sh"

temp=$(mktemp -d)
trap 'daemon_stop; rm -rf "$temp"' EXIT
prefix=$temp/prefix
export PKG_CONFIG_PATH LD_LIBRARY_PATH PATH=$prefix/bin:$PATH

expect() { # WHAT IT SHOULD SAY, COMMAND...
    local want=$1 said
    shift
    said=$("$@" 2>&1) || true
    [[ $said == *"$want"* ]] && return
    printf '%s\n  should say: %s\n  said: %s\n' "$*" "$want" "$said" >&2
    cat "$temp/log" >&2
    exit 1
}

cmake --install "$build" --prefix "$prefix" >/dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name jobd.pc)")
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")

echo "1. a program outside: CMake, pkg-config"
cmake -S "$root/tests/abi/outside" -B "$temp/cmake" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$temp/cmake" >/dev/null
mkdir "$temp/make"
make -s -C "$temp/make" -f "$root/tests/abi/outside/Makefile" SRCDIR="$root/tests/abi/outside/"
version=$(pkg-config --modversion jobd)
for program in cmake/outside cmake/outside-static make/outside; do
    expect "libjobd $version" "$temp/$program"
done

echo "2. a task plugin"
mkdir "$temp/plugin"
make -s -C "$temp/plugin" -f "$root/tests/abi/plugin/Makefile" SRCDIR="$root/tests/abi/plugin/"
printf '%s\n' "worker_path = $prefix/libexec/jobd/jobd-worker" \
    "plugins = $temp/plugin/example_plugin.so" "workers = 1" >"$temp/jobd.conf"

echo "3. the installed daemon with all of them"
touch "$temp/log"
daemon_start "$temp" "$prefix/bin/jobd" --socket "$temp/sock" --config "$temp/jobd.conf"
for program in cmake/outside cmake/outside-static make/outside; do
    expect "ping: answered" "$temp/$program" "$JOBD_SOCKET"
done
expect 144 jobctl submit demo.square '[12]'
expect "demo.fail always fails" jobctl submit demo.fail
expect "demo.square" jobctl tasks
expect "demo.parabola from 0 to 1 = 0.1666" jobctl integrate demo.parabola 0 1 --tol 1e-12 --kernel fast

echo "4. the program of README.md"
sed -n '/^```c$/,/^```$/p' "$root/README.md" | grep -v '^```' >"$temp/tour.c"
# shellcheck disable=SC2046,SC2086 # flags are meant to be split
${CC:-cc} -std=c11 -Wall -Wextra -Werror $CFLAGS -o "$temp/tour" "$temp/tour.c" $(pkg-config --cflags --libs jobd)
shown=$(sed -n '/^future: /,/^process: /p' "$root/README.md")
expect "${shown:?README.md does not show what its program prints}" "$temp/tour"

mapfile -t pids < <(daemon_processes)
jobctl shutdown >/dev/null
daemon_wait
for pid in "${pids[@]}"; do
    [[ ! -d /proc/$pid ]] || { echo "process $pid is left behind" >&2; exit 1; }
done
