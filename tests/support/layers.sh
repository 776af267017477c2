# shellcheck shell=bash
# ./dev test: every layer of tests in the build it belongs to, and a table of them at the end. All
# layers run, whatever fails before.

layers_all=(lint unit sim conformance fuzz e2e abi storm tsan clang)
rows=()           # what the table will show
n_passed=0 n_failed=0
declare -A builds # preset -> yes or no

row() { # NAME PASSED FAILED SECONDS
    rows+=("$(printf '%-14s %7d %7d %9.1f  %s' "$1" "$2" "$3" "$4" "$( (($3)) && echo FAILED || echo ok)")")
    n_passed=$((n_passed + $2))
    n_failed=$((n_failed + $3))
}

seconds_since() { # START, as $EPOCHREALTIME gave it
    LC_ALL=C awk -v a="${1/,/.}" -v b="${EPOCHREALTIME/,/.}" 'BEGIN { print b - a }'
}

# Once for each preset. A build counts as a test only when it fails.
built() { # PRESET
    local start=$EPOCHREALTIME failed=0
    if [[ ! ${builds[$1]-} ]]; then
        say "building $1"
        builds[$1]=yes
        build "$1" || { builds[$1]=no && failed=1; }
        row "build $1" 0 $failed "$(seconds_since "$start")"
    fi
    [[ ${builds[$1]} == yes ]]
}

# What ctest ran: a Criterion program counts as many tests as it holds, any other as one. A program
# that ctest calls failed has at least one failed test, whatever it says itself.
counts() { # LOG of ctest: prints PASSED FAILED
    awk '
        function finish() {
            if (name == "") return
            if (!ok && bad == 0) { bad = 1; good -= (good > 0) }
            if (ok && good + bad == 0) good = 1
            passed += good
            failed += bad
        }
        / Testing: / { finish(); name = $3; ok = good = bad = 0 }
        /Synthesis: Tested: / {
            gsub(/\033\[[0-9;]*m/, "")
            match($0, /Passing: [0-9]+/); good += substr($0, RSTART + 9, RLENGTH - 9)
            match($0, /Failing: [0-9]+/); bad += substr($0, RSTART + 9, RLENGTH - 9)
            match($0, /Crashing: [0-9]+/); bad += substr($0, RSTART + 10, RLENGTH - 10)
        }
        /^Test Passed\.$/ { ok = 1 }
        END { finish(); print passed + 0, failed + 0 }' "$1"
}

tests() { # LAYER PRESET: the tests with that label
    local log=build/$2/Testing/Temporary/LastTest.log start passed=0 failed=0 status=0
    if ! built "$2"; then
        row "$1" 0 1 0
        return
    fi
    say "$1"
    rm -f "$log"
    start=$EPOCHREALTIME
    run ctest --test-dir "build/$2" -L "^$1\$" --output-on-failure --no-tests=error -j "$n_cpus" ||
        status=$?
    [[ ! -f $log ]] || read -r passed failed < <(counts "$log")
    ((status == 0 || failed > 0)) || failed=1
    row "$1" "$passed" "$failed" "$(seconds_since "$start")"
}

layer() { # NAME
    case $1 in
    clang) if built clang; then row clang 1 0 0; else row clang 0 1 0; fi ;;
    tsan) tests tsan tsan ;;
    abi | storm) tests "$1" release-test ;; # as it is shipped: no sanitizers, optimised
    sim) tests sim release-test; tests sim test ;; # all of it, and a part with sanitizers
    lint | unit | conformance | fuzz | e2e) tests "$1" test ;;
    *) die "there is no layer \"$1\"; there are: ${layers_all[*]}" ;;
    esac
}

layers() { # [LAYER...]
    local name line start=$EPOCHREALTIME others
    for name in "${@:-${layers_all[@]}}"; do layer "$name"; done
    if ((!$#)) && built test; then # a label that nobody has told this script
        others=$(ctest --test-dir build/test --print-labels | sed -n 's/^  //p')
        for name in $others; do
            [[ " ${layers_all[*]} " == *" $name "* ]] || tests "$name" test
        done
    fi

    say "all layers"
    printf '%-14s %7s %7s %9s  %s\n' layer passed failed seconds result
    for line in "${rows[@]}"; do echo "$line"; done
    printf 'in %.0f s\n\n%d passed, %d failed\n' "$(seconds_since "$start")" "$n_passed" "$n_failed"
    ((n_failed == 0))
}
