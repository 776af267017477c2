#!/usr/bin/env bash
# What libjobd exports is what its headers declare, and what symbols.txt has promised before.
#   symbols.sh LIBJOBD.so
# A new function: add it to the header, to client/jobd.map and to symbols.txt. One that is gone breaks
# programs: it needs another major version.
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

promised=$(grep -v '^#' "$root/tests/abi/symbols.txt")
exported=$(nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
declared=$(cat "$root"/common/include/jobd/types.h "$root"/client/include/jobd/jobd.h |
    sed -nE 's/^JOBD_API .*\b(jobd_[a-z0-9_]+)\(.*/\1/p' | sort)

diff -u --label promised --label exported <(echo "$promised") <(echo "$exported")
diff -u --label promised --label declared <(echo "$promised") <(echo "$declared")
echo "$(wc -l <<<"$promised") functions"
