"""Python's own pools on a no-op: answers each name that it reads with one figure."""

import os
import socket
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool

try:
    import joblib
except ImportError:
    joblib = None

WORKERS = 2
CHUNK = 1000
QUICK = sys.argv[1] == "quick"
ITEMS = 20_000 if QUICK else 400_000
ROUND_TRIPS = 200 if QUICK else 3000


def no_op(x):
    return x


def millions_per_s(n, walk):
    start = time.perf_counter()
    assert walk() == n
    return n / (time.perf_counter() - start) / 1e6


def executor_map():
    return millions_per_s(
        ITEMS, lambda: sum(1 for _ in executor.map(no_op, range(ITEMS), chunksize=CHUNK)))


def pool_map():
    return millions_per_s(ITEMS, lambda: len(pool.map(no_op, range(ITEMS), chunksize=CHUNK)))


def loky_map():
    n = ITEMS // 4
    call = joblib.delayed(no_op)
    return millions_per_s(n, lambda: len(joblib.Parallel(n_jobs=WORKERS)(call(i) for i in range(n))))


def executor_round_trip():
    """The median, in microseconds."""
    times = []
    for i in range(ROUND_TRIPS):
        start = time.perf_counter()
        executor.submit(no_op, i).result()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2] * 1e6


def main():
    known = {f.__name__: f for f in (executor_map, pool_map, executor_round_trip)}
    if joblib:
        known["loky_map"] = loky_map
    print(*known, "", file=talk, flush=True)
    for line in talk:
        print(known[line.strip()](), file=talk, flush=True)


if __name__ == "__main__":
    executor = ProcessPoolExecutor(WORKERS)
    pool = Pool(WORKERS)
    executor.submit(no_op, 0).result()
    os.set_inheritable(3, False)
    talk = socket.socket(fileno=3).makefile("rw")
    try:
        main()
    finally:
        pool.terminate()
        pool.join()
        executor.shutdown()
        if joblib:
            from joblib.externals.loky import get_reusable_executor

            get_reusable_executor(max_workers=WORKERS).shutdown()
