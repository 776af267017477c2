"""The lecture's integral in Python: cos over [0, pi/2], 10^6 steps, two jobs, by all its means.

    variants.py NAME    plays the rounds that stdin asks for

A line of stdin, "NAME N_CALLS", is one round; the answer is a line with the mean seconds of a call
and the integral. Each variant has an interpreter of its own, as in a notebook that runs nothing else:
what one has imported or started costs no other one anything. jobd-bench --lecture answers alike.
"""

import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

N_STEPS = 1_000_000
N_JOBS = 2
UPPER = math.pi / 2


def integrate(a, b, n_iter):
    """The left Riemann sum of cos."""
    cos = math.cos
    step = (b - a) / n_iter
    acc = 0.0
    for i in range(n_iter):
        acc += cos(a + i * step) * step
    return acc


def compiled():
    """The same, from integrate.pyx."""
    from integrate import integrate as function

    return function


def parts():
    """The arguments of each job, for functions that map over them."""
    step = UPPER / N_JOBS
    return [(i * step, (i + 1) * step, N_STEPS // N_JOBS) for i in range(N_JOBS)]


def submit_all(executor, function):
    futures = [executor.submit(function, *part) for part in parts()]
    return sum(f.result() for f in futures)  # in the order of the parts: always the same digits


# ---- how a variant is called: each of these returns a function without arguments ----


def serial(function):
    return lambda: function(0.0, UPPER, N_STEPS)


def pool_per_call(executor_class, function):
    def call():
        with executor_class(max_workers=N_JOBS) as executor:
            return submit_all(executor, function)

    return call


def pool_kept(executor_class, function):
    executor = executor_class(max_workers=N_JOBS)
    return lambda: submit_all(executor, function)


def joblib_per_call(backend):
    from joblib import Parallel, delayed

    function = compiled()

    def call():
        parallel = Parallel(n_jobs=N_JOBS, backend=backend)
        return sum(parallel(delayed(function)(*part) for part in parts()))

    return call


def joblib_kept(backend):
    from joblib import Parallel, delayed

    function = compiled()
    parallel = Parallel(n_jobs=N_JOBS, backend=backend).__enter__()
    return lambda: sum(parallel(delayed(function)(*part) for part in parts()))


def numba_compiled(parallel):
    import numba

    @numba.njit(parallel=parallel, fastmath=True)
    def function(a, b, n_iter):
        step = (b - a) / n_iter
        acc = 0.0
        for i in numba.prange(n_iter):
            acc += math.cos(a + i * step) * step
        return acc

    if parallel:
        numba.set_num_threads(N_JOBS)
    return serial(function)


VARIANTS = {
    "python-serial": lambda: serial(integrate),
    "python-threads": lambda: pool_per_call(ThreadPoolExecutor, integrate),
    "python-processes-per-call": lambda: pool_per_call(ProcessPoolExecutor, integrate),
    "python-processes-kept": lambda: pool_kept(ProcessPoolExecutor, integrate),
    "cython-serial": lambda: serial(compiled()),
    "cython-threads-per-call": lambda: pool_per_call(ThreadPoolExecutor, compiled()),
    "cython-threads-kept": lambda: pool_kept(ThreadPoolExecutor, compiled()),
    "cython-processes-per-call": lambda: pool_per_call(ProcessPoolExecutor, compiled()),
    "cython-processes-kept": lambda: pool_kept(ProcessPoolExecutor, compiled()),
    "joblib-threading": lambda: joblib_per_call("threading"),
    "joblib-multiprocessing": lambda: joblib_per_call("multiprocessing"),
    "joblib-multiprocessing-kept": lambda: joblib_kept("multiprocessing"),
    "joblib-loky": lambda: joblib_per_call("loky"),
    "numba-serial": lambda: numba_compiled(parallel=False),
    "numba-prange": lambda: numba_compiled(parallel=True),
}


def play(call, n_calls):
    start = time.perf_counter()
    for _ in range(n_calls):
        value = call()
    print(f"{(time.perf_counter() - start) / n_calls:.9g} {value:.17g}", flush=True)


def main():
    name = sys.argv[1]
    try:
        call = VARIANTS[name]()
    except ImportError as error:
        call = None
        why = error
    for line in sys.stdin:
        if call:
            play(call, int(line.split()[1]))
        else:
            print(f"missing {why}", flush=True)


if __name__ == "__main__":
    main()
