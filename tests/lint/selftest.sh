#!/usr/bin/env bash
# A check that finds nothing may be a check that looks nowhere. So each rule is broken once, in a copy
# of the tree, and its check must say so, naming the file.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
tar -C "$root" --exclude='./build*' --exclude=./.git --exclude=./.cache -cf - . | tar -C "$copy" -xf -
n=0 failed=0

expect() { # CHECK FILE WHAT: the check must name the file, then the file is as it was
    local said
    n=$((n + 1))
    said=$("$root/tests/lint/lint.sh" -C "$copy" "$1" 2>&1) || true
    if [[ $said != *"$2:"* ]]; then
        echo "the check \"$1\" did not find: ${3%%$'\n'*} (in $2)" >&2
        failed=1
    fi
    if [[ -e $root/$2 ]]; then cp "$root/$2" "$copy/$2"; else rm "$copy/$2"; fi
}
add() { # CHECK FILE LINE: append it
    printf '%s\n' "$3" >>"$copy/$2"
    expect "$1" "$2" "$3"
}
change() { # CHECK FILE SED: edit it
    sed -i "$3" "$copy/$2"
    if cmp -s "$root/$2" "$copy/$2"; then
        echo "the selftest changed nothing: $3 (in $2)" >&2
        failed=1
    fi
    expect "$1" "$2" "$3"
}

add imports common/buf.c '#include <unistd.h>'
add imports common/buf.c '#include <sys/socket.h>'
add imports common/buf.c '#include <uv.h>'
add imports common/buf.c '#include <time.h>'
add imports common/buf.c '#include "core.h"'
add imports common/kernels/split.c '#include "../server/core/core.h"'
add imports server/core/jobs.c '#include "io/loop.h"'
add imports server/core/jobs.c '#include <uv.h>'
add imports server/core/jobs.c '#include <jobd/jobd.h>'
add imports server/io/peer.c '#include "conn.h"'
add imports worker/runner.c '#include "core.h"'
add imports worker/runner.c '#include "conn.h"'
add imports client/conn.c '#include "runner.h"'
add imports client/ctl/main.c '#include "conn.h"'

for call in 'strcpy(a, b)' 'strcat (a, b)' 'sprintf(a, "x")' 'gets(a)' 'strtok(a, b)' 'alloca(9)'; do
    add banned tests/abi/frames.c "    $call;"
done
for call in 'malloc(9)' 'calloc(1, 9)' 'realloc(p, 9)' 'free(p)' 'strdup(s)'; do
    add banned server/core/jobs.c "    $call;"
done
add banned client/ctl/main.c '    p = malloc(9);'
for call in 'usleep(9)' 'sleep(1)' 'nanosleep(&t, 0)'; do add banned worker/runner.c "    $call;"; done
add banned server/io/spawn.c '    pid = fork();'
add banned client/conn.c '    system("true");'
add banned common/msg.c '    msgpack_unpack_next(&u, p, n, &at);'
add banned common/msg.c '#include <assert.h>'
add banned tests/abi/headers.sh 'sleep 1'

add globals server/core/jobs.c 'static unsigned n_calls;'
add globals client/conn.c 'static char text[20] = "x";'
add globals worker/runner.c 'int n_jobs_now = 0;'

add sizes common/new.c "$(seq 451 | sed 's|^|// |')"
add sizes common/new.c "$(echo 'void f(void) {'; seq 70 | sed 's|.*|    g();|'; echo '}')"

add docs client/include/jobd/jobd.h 'JOBD_API int jobd_new(void);'
change docs client/include/jobd/jobd.h '0,/ Blocks /s/ Blocks / Sleeps /'
change docs common/include/jobd/types.h '0,/Thread  \[/s/Thread  \[/Threads [/'
change docs client/include/jobd/jobd.h '0,/ Since /s/ Since / From /'

if command -v clang-format >/dev/null; then
    add format common/new.c 'int  f( void );'
fi
add spaces common/buf.c 'int x; '
add spaces README.md 'text '
add spaces common/buf.c "$(printf '\tint x;')"
add flags CMakeLists.txt 'add_link_options(-ffast-math)'
add flags config/warnings.cmake 'add_compile_options(-Ofast)'
change config config/jobd.conf '/^# *grace_ms *=/d'
change config config/man/jobd.conf.5 '/grace/d'
change protocol common/PROTOCOL.md 's/| 0x12 | job.submit/| 0x14 | job.submit/'
change protocol common/PROTOCOL.md '/^| NAME_MAX /d'
change protocol common/PROTOCOL.md 's/^| NAME_MAX | 128/| NAME_MAX | 127/'
change protocol common/PROTOCOL.md 's/^| 2 | task | str/| 2 | task | bin/'
change protocol common/PROTOCOL.md 's/^### Body SUBMIT: the first 4/### Body SUBMIT: the first 5/'
change protocol common/PROTOCOL.md 's/^| -65 | /| -66 | /'

echo "$n rules broken, each found by its check"
exit $failed
