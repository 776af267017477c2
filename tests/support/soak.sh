# shellcheck shell=bash
# ./dev soak: storms of kills and aborts, run after run, each with a seed of its own, until the time is
# over or so many workers were killed. The first that fails ends it and says how to repeat it.

soak_kills_per_run=1000 # of storm; see tests/e2e/storm_test.c
soak_log=build/release-test/soak.log

storm_once() { # NAME
    local seed=$((RANDOM * 32768 + RANDOM)) program=build/release-test/tests/e2e_$1
    if JOBD_TEST_SEED=$seed JOBD_TEST_STORM=100 "$program" >"$soak_log" 2>&1; then
        grep "^$1: [0-9]" "$soak_log" | sed "s/\$/ (seed $seed)/"
        return
    fi
    cat "$soak_log"
    die "repeat it: JOBD_TEST_SEED=$seed JOBD_TEST_STORM=100 $program"
}

soak() { # [SECONDS | --kills N]
    local seconds=0 kills=0 n_kills=0 end
    case ${1-} in
    --kills) kills=${2:?--kills needs a number} ;;
    --kills=*) kills=${1#--kills=} ;;
    '') seconds=600 ;;
    *) seconds=$1 ;;
    esac
    [[ $seconds$kills =~ ^[0-9]+$ ]] || die "soak takes a number of seconds, or --kills N"
    end=$((SECONDS + seconds))
    while ((n_kills < kills || SECONDS < end)); do
        storm_once storm
        n_kills=$((n_kills + soak_kills_per_run))
        ((seconds == 0)) || storm_once aborts
    done
    echo "$n_kills workers killed: every job had one outcome, no result came twice, nobody was left waiting"
}
