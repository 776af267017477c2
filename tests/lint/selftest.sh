#!/usr/bin/env bash
# A check that finds nothing may be a check that looks nowhere. So each rule is broken once, in a copy
# of the tree, and its check must say so, naming the file.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
tar -C "$root" --exclude='./build*' --exclude=./.git --exclude=./.cache -cf - . | tar -C "$copy" -xf -
n=0 failed=0
files=() places=() what=() # what is broken now, and what the check must say of it

add() { # FILE TEXT: append it
    local line=
    printf '%s\n' "$2" >>"$copy/$1"
    [[ $2 == *$'\n'* ]] || line=$(wc -l <"$copy/$1"):
    files+=("$1")
    places+=("$1:$line")
    what+=("${2%%$'\n'*}")
}
change() { # FILE SED COMPLAINT: edit it
    sed -i "$2" "$copy/$1"
    files+=("$1")
    places+=("$3")
    what+=("$2")
}
found_by() { # CHECK: it must name every place; then all is as it was
    local said i file
    said=$("$root/tests/lint/lint.sh" -C "$copy" "$1" 2>&1) || true
    for i in "${!places[@]}"; do
        n=$((n + 1))
        if [[ $said != *"${places[i]}"* ]]; then
            echo "the check \"$1\" did not say \"${places[i]}\" of: ${what[i]}" >&2
            failed=1
        fi
    done
    for file in "${files[@]}"; do
        if [[ -e $root/$file ]]; then cp "$root/$file" "$copy/$file"; else rm -f "$copy/$file"; fi
    done
    files=() places=() what=()
}

add common/buf.c '#include <unistd.h>'
add common/buf.c '#include <sys/socket.h>'
add common/buf.c '#include <uv.h>'
add common/buf.c '#include <time.h>'
add common/buf.c '#include "core.h"'
add common/kernels/split.c '#include "../server/core/core.h"'
add server/core/jobs.c '#include "io/loop.h"'
add server/core/jobs.c '#include <uv.h>'
add server/core/jobs.c '#include <jobd/jobd.h>'
add server/io/peer.c '#include "conn.h"'
add worker/runner.c '#include "core.h"'
add worker/runner.c '#include "conn.h"'
add client/conn.c '#include "runner.h"'
add client/ctl/main.c '#include "conn.h"'
found_by imports

for call in 'strcpy(a, b)' 'strcat (a, b)' 'sprintf(a, "x")' 'gets(a)' 'strtok(a, b)' 'alloca(9)'; do
    add tests/abi/frames.c "    $call;"
done
for call in 'malloc(9)' 'calloc(1, 9)' 'realloc(p, 9)' 'free(p)' 'strdup(s)'; do
    add server/core/jobs.c "    $call;"
done
add client/ctl/main.c '    p = malloc(9);'
for call in 'usleep(9)' 'sleep(1)' 'nanosleep(&t, 0)'; do add worker/runner.c "    $call;"; done
add server/io/spawn.c '    pid = fork();'
add client/conn.c '    system("true");'
add common/msg.c '    msgpack_unpack_next(&u, p, n, &at);'
add common/msg.c '#include <assert.h>'
add tests/abi/headers.sh 'sleep 1'
found_by banned

add server/core/jobs.c 'static unsigned n_calls;'
add client/conn.c 'static char text[20] = "x";'
add worker/runner.c 'int n_jobs_now = 0;'
found_by globals

add common/long.c "$(seq 451 | sed 's|^|// |')"
add common/function.c "$(echo 'void f(void) {'; seq 70 | sed 's|.*|    g();|'; echo '}')"
found_by sizes

add client/include/jobd/jobd.h 'JOBD_API int jobd_new(void);'
change client/include/jobd/jobd.h '0,/ Blocks /s/ Blocks / Sleeps /' 'lacks "Blocks"'
change common/include/jobd/types.h '0,/Thread  \[/s/Thread  \[/Threads [/' 'lacks "Thread"'
change client/include/jobd/jobd.h '0,/ Since /s/ Since / From /' 'lacks "Since"'
found_by docs

if command -v clang-format >/dev/null; then
    add common/ugly.c 'int  f( void );'
    found_by format
fi

add common/buf.c 'int x; '
add README.md 'text '
add common/buf.c "$(printf '\tint x;')"
found_by spaces

add CMakeLists.txt 'add_link_options(-ffast-math)'
add config/warnings.cmake 'add_compile_options(-Ofast)'
found_by flags

change config/jobd.conf '/^# *grace_ms *=/d' 'config/jobd.conf:1: the key "grace_ms"'
change config/man/jobd.conf.5 '/grace/d' 'config/man/jobd.conf.5:1: the key "grace_ms"'
found_by config

change common/PROTOCOL.md 's/| 0x12 | job.submit/| 0x14 | job.submit/' 'says nothing of: op 0x12 job.submit'
change common/PROTOCOL.md 's/^| NAME_MAX | 128/| NAME_MAX | 127/' 'do not know: limit NAME_MAX 127'
change common/PROTOCOL.md '/^| TEXT_MAX /d' 'says nothing of: limit TEXT_MAX'
change common/PROTOCOL.md 's/^| 2 | task | str/| 2 | task | bin/' 'field SUBMIT 2 task str'
change common/PROTOCOL.md 's/^\(### Body SUBMIT: the first\) 4/\1 5/' 'body SUBMIT 4'
change common/PROTOCOL.md 's/^| -65 | /| -66 | /' 'error -65 JOBD_E_DEADLINE'
change common/PROTOCOL.md 's/^| 9 | timed out/| 9 | late/' 'state 9 timed out'
found_by protocol

echo "$n rules broken, each found by its check"
exit $failed
