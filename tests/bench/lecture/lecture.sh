# shellcheck shell=bash
# ./dev bench --lecture [--update]: the lecture's integral by all its means, beside jobd's, in one run.
# Writes build/lecture.md and build/lecture.svg, and with --update README.md's section from them.

packages_lecture=(python3 python3-dev cython3 python3-joblib python3-numba gnuplot-nox)

# The interpreter of these packages, whatever else is in PATH.
lecture_python() {
    if [[ -x /usr/bin/python3 ]]; then echo /usr/bin/python3; else command -v python3; fi
}

lecture_cython() { # compiles integrate.pyx as the lecture's notebook would: -O2, no fast-math
    local dir=build/lecture
    mkdir -p $dir
    PYTHONWARNINGS=ignore cython3 -3 tests/bench/lecture/integrate.pyx -o $dir/integrate.c &&
        cc -O2 -fPIC -shared $(python3-config --includes) $dir/integrate.c -lm \
            -o "$dir/integrate$(python3-config --extension-suffix)"
}

lecture() { # [--update]
    local python update=()
    case ${1-} in
    --update) update=(--readme README.md --chart tests/bench/lecture/lecture.svg) ;;
    '') ;;
    *) die "bench --lecture knows no \"$1\"; see ./dev help" ;;
    esac
    (need "${packages_lecture[@]}") || echo "dev: rows that need a missing package will be left out" >&2
    python=$(lecture_python) || die "no python3 is here: it leads the rounds"
    build release -DJOBD_BENCH=ON
    PATH=/usr/bin:$PATH lecture_cython || echo "dev: without Cython its rows will be left out" >&2
    PYTHONPATH=build/lecture PYTHONDONTWRITEBYTECODE=1 run "$python" tests/bench/lecture/rounds.py \
        --bench build/release/tests/bench/jobd-bench --out build/lecture "${update[@]}"
}
