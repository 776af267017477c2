#!/usr/bin/env bash
# The rules of this tree that no compiler knows: lint.sh [-C ROOT] [CHECK...], all checks by default.
# A check prints what is wrong as file:line: text; one that prints anything has failed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
if [[ ${1-} == -C ]]; then
    root=$2
    shift 2
fi
cd "$root"
checks=(imports banned globals sizes docs format spaces flags config protocol)

files() { # PATTERN...: the project's files of these names, build directories left out
    local names=() pattern
    for pattern in "$@"; do names+=(-o -name "$pattern"); done
    find . \( -path './build*' -o -name .git -o -name .cache \) -prune -o -type f \
        \( "${names[@]:1}" \) -print | sed 's|^\./||' | sort
}
sources=$(files '*.c' '*.h')
code=$(mktemp) # every source line as file:line:text, without comments and strings
trap 'rm -f "$code"' EXIT
xargs awk -f "$here/code.awk" <<<"$sources" >"$code"

# ---- imports: they point down only ----
outside='^(uv|unistd|fcntl|poll|pthread|time|spawn)\.h$|^(sys|net|netinet|arpa|linux|uv)/'
room() { # ROOM "DIRS with its quoted includes" "jobd/ headers it may see" REGEX it may not include
    local file line header kind dir found
    while IFS=$'\t' read -r file line kind header; do
        if [[ $kind == quoted ]]; then
            found=
            for dir in $2; do [[ -f $dir/$header ]] && found=$dir; done
            [[ $found && $header != *..* ]] ||
                echo "$file:$line: $1 must not include \"$header\": it may look only into $2"
        elif [[ $header == jobd/* ]]; then
            [[ " $3 " == *" ${header#jobd/} "* ]] || echo "$file:$line: $1 must not include <$header>"
        elif [[ $4 && $header =~ $4 ]]; then
            echo "$file:$line: $1 must not include <$header>: it does no input and output of its own"
        fi
    done < <(grep -E "^$1/[^/]*$" <<<"$sources" | xargs -r awk -v OFS='\t' '
        match($0, /^[ \t]*#[ \t]*include[ \t]+[<"]/) {
            split(substr($0, RLENGTH), part, /[<">]/)
            print FILENAME, FNR, substr($0, RLENGTH, 1) == "<" ? "angle" : "quoted", part[2]
        }')
}
check_imports() {
    room common common 'types.h task.h' "$outside"
    room common/kernels common 'types.h task.h' "$outside"
    room common/include/jobd '' 'types.h' "$outside"
    room server/core 'server/core common' 'types.h task.h' "$outside"
    room server 'server server/core common' 'types.h task.h' ''
    room server/io 'server server/io server/core common' 'types.h task.h' ''
    room worker 'worker common' 'types.h task.h' '^uv'
    room worker/tasks 'worker worker/tasks common' 'types.h task.h' '^uv'
    room client 'client common' 'types.h task.h jobd.h' '^uv'
    room client/ctl 'client/ctl common' 'types.h jobd.h' '^uv'
    room client/examples 'client/examples' 'types.h task.h jobd.h uv.h' ''
}

# ---- banned: calls that have no place here ----
banned() { # REGEX "WHERE (a regex of paths)" "EXCEPT (a regex of paths)" WHY
    grep -E "^($2)[^:]*:[0-9]+:.*\b($1)[[:space:]]*\(" "$code" | grep -vE "^($3)" | while IFS=: read -r file line _; do
        echo "$file:$line: $4"
    done || true
}
check_banned() {
    local rooms='common/|server/|worker/|client/[^e]'
    banned 'strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca' '' '$^' \
        'banned call: it cannot be told where its buffer ends (or keeps hidden state)'
    # jobctl frees what jansson and open_memstream give it.
    banned 'malloc|calloc|realloc|reallocarray' "$rooms" 'common/mem\.[ch]:|client/include/' \
        'memory comes from common/mem.h only, so that tests can make every allocation fail'
    banned 'strdup|strndup|free' "$rooms" 'common/mem\.[ch]:|client/include/|client/ctl/' \
        'memory comes from common/mem.h only, so that tests can make every allocation fail'
    banned 'sleep|usleep|nanosleep|clock_nanosleep' '' \
        'worker/tasks/|client/examples/tasks\.c:|tests/bench/|tests/support/plugin_' \
        'nothing waits by sleeping: wait for the event itself'
    banned 'fork|vfork|system|popen|uv_spawn' "$rooms" '$^' \
        'processes are started by posix_spawn of an executable, never by a bare fork'
    banned 'msgpack_unpack[a-z_]*|msgpack_unpacker_[a-z_]*' "$rooms" '$^' \
        'bytes of a peer go through jobd_reader, never through msgpack-c'
    grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<assert\.h>' $(grep -E "^($rooms)" <<<"$sources") /dev/null |
        sed -E 's/^([^:]+:[0-9]+):.*/\1: assert.h vanishes in release builds: use JD_ASSERT/' || true
    grep -nE '^[[:space:]]*sleep[[:space:]]' dev $(files '*.sh') /dev/null |
        sed -E 's/^([^:]+:[0-9]+):.*/\1: nothing waits by sleeping: wait for the event itself/' || true
}

# ---- globals: state belongs to a struct that somebody owns ----
check_globals() {
    grep -E '^(common|server|worker|client)/[^:]*\.c:[0-9]+:(static |_Thread_local |_Atomic )*[a-z_]+[a-z0-9_ *]* \**[a-z0-9_]+(\[[^]]*\])*( = .*|;)$' "$code" |
        grep -vE ':[0-9]+:.*\b(const|typedef|extern|return|goto)\b|^[^:]*(main|log|mem)\.c:|^client/examples/' |
        grep -vE ':[0-9]+:(struct|union|enum) [a-z0-9_]+;' |
        sed -E 's/^([^:]+:[0-9]+):.*/\1: a variable at file scope: only main.c, log.c and mem.c may have one/' || true
}

check_sizes() {
    xargs awk -f "$here/sizes.awk" <<<"$sources"
    awk 'END { if (NR > 300) print FILENAME ":" NR ": at most 300 lines" }' dev
}

check_docs() { awk -f "$here/docs.awk" common/include/jobd/*.h client/include/jobd/*.h; }

check_format() {
    if ! command -v clang-format >/dev/null; then
        echo "clang-format is not installed: format not checked" >&2
        return
    fi
    xargs clang-format --dry-run <<<"$sources" 2>&1 |
        sed -nE 's/^([^ :]+:[0-9]+):[0-9]+: .*clang-format.*/\1: run clang-format -i/p' | sort -u -t: -k1,1 || true
}

check_spaces() {
    local all
    all=$(files '*.[ch]' '*.sh' '*.awk' '*.md' '*.cmake' '*.in' '*.txt' '*.json' '*.conf' '*.service' \
        '*.[158]' dev run)
    grep -nE '[[:space:]]+$' $all | sed -E 's/^([^:]+:[0-9]+):.*/\1: trailing spaces/' || true
    grep -nP '\t' $sources | sed -E 's/^([^:]+:[0-9]+):.*/\1: a tab; indent with 4 spaces/' || true
}

# Fast-math as a flag of a whole target reaches the link line, where gcc adds start-up code that turns
# denormal numbers off for the whole process.
check_flags() {
    grep -nE '^[^#]*(-ffast-math|-Ofast|-funsafe-math-optimizations)' \
        $(files CMakeLists.txt '*.cmake' CMakePresets.json) |
        sed -E 's/^([^:]+:[0-9]+):.*/\1: no fast-math flag: give kernels single flags/' || true
}

# ---- config: every key the daemon reads is in the sample file and in the manual ----
check_config() {
    local key
    for key in $(awk -f "$here/config_keys.awk" server/config.h); do
        grep -qE "^# ?$key *=" config/jobd.conf ||
            echo "config/jobd.conf:1: the key \"$key\" of server/config.h is not shown here"
        # in a manual page a hyphen or an underscore may be escaped; all of it is read, or sed would
        # end by SIGPIPE now and then
        sed 's/\\//g' config/man/jobd.conf.5 2>/dev/null | grep -wF -- "$key" >/dev/null ||
            echo "config/man/jobd.conf.5:1: the key \"$key\" of server/config.h is not explained here"
    done
}

# ---- protocol: PROTOCOL.md and the headers say the same ----
check_protocol() {
    diff <(awk -f "$here/facts_code.awk" common/proto.h common/check.h common/include/jobd/types.h | sort) \
        <(awk -f "$here/facts_doc.awk" common/PROTOCOL.md | sort) |
        sed -nE -e 's/^< (.*)/common\/PROTOCOL.md:1: says nothing of: \1/p' \
            -e 's/^> (.*)/common\/PROTOCOL.md:1: the headers do not know: \1/p' || true
}

failed=0
for check in "${@:-${checks[@]}}"; do
    found=$("check_$check")
    [[ $found ]] || continue
    failed=1
    printf '%s\n' "$found" | sed "s/\$/ [$check]/"
done
exit $failed
