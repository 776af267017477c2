#!/usr/bin/env bash
# Every public header compiles alone, in C11, C17 and C++17, pedantically, with each compiler there is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
failed=0 tried=0
flags=(-Wall -Wextra -Wpedantic -Werror -fsyntax-only -Icommon/include -Iclient/include)

try() { # HEADER COMPILER ARG...
    local header=$1
    shift
    command -v "$1" >/dev/null || return 0
    tried=$((tried + 1))
    if ! printf '#include <jobd/%s>\n' "$header" | "$@" "${flags[@]}" -; then
        echo "jobd/$header does not compile alone: $*" >&2
        failed=1
    fi
}

for header in types.h task.h jobd.h uv.h; do
    # libuv's own header wants more than ISO C
    [[ $header == uv.h ]] && flags+=(-D_GNU_SOURCE)
    for std in c11 c17; do
        try $header gcc -xc -std=$std
        try $header clang -xc -std=$std
    done
    try $header g++ -xc++ -std=c++17
    try $header clang++ -xc++ -std=c++17
done
echo "$tried compilations"
exit $failed
