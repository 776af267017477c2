#!/usr/bin/env bash
# Is every name accounted for? README.md must have a line for each of names.txt and for each test that
# is here; where a line says "here", there must be such a test, and every file it points to must exist.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export LC_ALL=C
tests=$(sed -nE 's/^Test\([a-z_]+, ([a-zA-Z0-9_]+).*/\1/p' ./*_test.c | sort -u)
rows=$(grep '^| ' README.md | grep -v '^| test |')
first=$(cut -d'|' -f2 <<<"$rows" | grep -o '`[^`]*`' | tr -d '`' | sort -u)

wrong=$(
    comm -23 <(sed 's/#.*//' names.txt | tr -s ' ' '\n' | sed '/^$/d' | sort -u) - <<<"$first" |
        sed 's/.*/names.txt: README.md has no line for &/'
    comm -23 - <(echo "$first") <<<"$tests" | sed 's/.*/README.md: no line has the test &/'
    while IFS='|' read -r _ names where _; do
        [[ $where == ' here'* ]] || continue
        comm -23 <(grep -o '`[^`]*`' <<<"$names" | tr -d '`' | sort -u) - <<<"$tests" |
            sed 's/.*/README.md: there is no test &, though it should be here/'
    done <<<"$rows"
    cut -d'|' -f3 <<<"$rows" | grep -oE '`(e2e|unit)/[a-z_]+`' | tr -d '`' | sort -u |
        while read -r file; do
            [[ -f ../${file}_test.c ]] || echo "README.md: there is no $file"
        done
)
[[ -z $wrong ]] || { printf '%s\n' "$wrong" && exit 1; }
