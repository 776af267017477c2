"""Lets all variants of the lecture's integral take turns, and writes the report. See lecture.sh."""

import argparse
import datetime
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

from variants import N_JOBS, N_STEPS, UPPER

HERE = pathlib.Path(__file__).parent
N_ROUNDS = 7
ROUND_S = 0.2  # a round has as many calls as take this long; half as many go before it unmeasured
WARM_S = 2  # cores that were idle are slow for so long
BUSY_CORES = 0.1  # others may use so much; beyond it, the report says that they did
MARK_BEGIN = "<!-- written by ./dev bench --lecture --update -->"
MARK_END = "<!-- up to here -->"

# name, label, what computes the sum, and the same work in one job (for the speed-up of two)
ROWS = [
    ("python-serial", "Python, serial", "Python", None),
    ("python-threads", "Python, ThreadPoolExecutor", "Python", "python-serial"),
    ("python-processes-per-call", "Python, ProcessPoolExecutor, one per call", "Python", "python-serial"),
    ("python-processes-kept", "Python, ProcessPoolExecutor, kept", "Python", "python-serial"),
    ("cython-serial", "Cython, serial", "libm", None),
    ("cython-threads-per-call", "Cython nogil, ThreadPoolExecutor, one per call", "libm", "cython-serial"),
    ("cython-threads-kept", "Cython nogil, ThreadPoolExecutor, kept", "libm", "cython-serial"),
    ("cython-processes-per-call", "Cython, ProcessPoolExecutor, one per call", "libm", "cython-serial"),
    ("cython-processes-kept", "Cython, ProcessPoolExecutor, kept", "libm", "cython-serial"),
    ("joblib-threading", "Cython nogil, joblib threading", "libm", "cython-serial"),
    ("joblib-multiprocessing", "Cython, joblib multiprocessing, one pool per call", "libm", "cython-serial"),
    ("joblib-multiprocessing-kept", "Cython, joblib multiprocessing, kept", "libm", "cython-serial"),
    ("joblib-loky", "Cython, joblib loky", "libm", "cython-serial"),
    ("numba-serial", "numba fastmath, serial", "libm", None),
    ("numba-prange", "numba fastmath, prange", "libm", "numba-serial"),
    ("bare-libm", "bare C, two warm processes", "libm", None),
    ("jobd-serial-portable", "jobd, backend serial, portable", "libm", None),
    ("jobd-thread-portable", "jobd, backend thread, portable", "libm", "jobd-serial-portable"),
    ("jobd-process-portable", "jobd, backend process, portable", "libm", "jobd-serial-portable"),
    ("bare-simd", "bare C, two warm processes, AVX2", "SIMD", None),
    ("jobd-serial-fast", "jobd, backend serial, fast", "SIMD", None),
    ("jobd-thread-fast", "jobd, backend thread, fast", "SIMD", "jobd-serial-fast"),
    ("jobd-process-fast", "jobd, backend process, fast", "SIMD", "jobd-serial-fast"),
]
YARDSTICK = "jobd-process-fast"
SLOWEST = "python-serial"


def expected():
    """The left sum in closed form, by Dirichlet's kernel: no loop that could share a mistake."""
    step = UPPER / N_STEPS
    return step / 2 * (1 + math.sin((N_STEPS - 0.5) * step) / math.sin(step / 2))


class Failed(Exception):
    pass


class Player:
    """A process that plays rounds."""

    def __init__(self, argv):
        self.argv = argv
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def play(self, name, n_calls):
        """Mean seconds of a call, or None with self.missing set."""
        try:
            print(name, n_calls, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline().split(maxsplit=1)
        except BrokenPipeError:
            answer = []
        if len(answer) != 2:
            raise Failed(f"{name}: {self.argv[0]} gave no answer; what it said is above")
        if answer[0] == "missing":
            self.missing = answer[1].strip()
            return None
        seconds, value = map(float, answer)
        if not abs(value - expected()) < 1e-11:
            raise Failed(f"{name}: the integral is {value!r}, not {expected()!r}")
        return seconds

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already; its exit status says how
        return self.process.wait()


class Variant:
    def __init__(self, row, player):
        self.name, self.label, self.code, self.alone = row
        self.player = player
        self.n_calls = 1
        self.seconds = []  # of a call, one for each round

    def prepare(self):
        """Starts what it needs and finds how many calls a round has. False = it cannot run here."""
        if self.player.play(self.name, 1) is None:
            return False
        self.n_calls = max(1, round(ROUND_S / self.player.play(self.name, 3)))
        return True

    def round(self):
        self.player.play(self.name, max(1, self.n_calls // 2))
        self.seconds.append(self.player.play(self.name, self.n_calls))

    def median_ms(self):
        return statistics.median(self.seconds) * 1e3


def busy_cores():
    """How many cores others use, measured for a second in which this program does nothing."""

    def ticks():
        with open("/proc/stat") as stat:
            times = list(map(int, stat.readline().split()[1:9]))
        return sum(times), times[3] + times[4]  # all; idle or waiting for a disk

    all_before, idle_before = ticks()
    time.sleep(1)
    all_after, idle_after = ticks()
    idle = (idle_after - idle_before) / max(1, all_after - all_before)
    return os.cpu_count() * (1 - idle)


def warm_cores():
    """Keeps every core busy for a while."""
    spin = f"import time\nend = time.monotonic() + {WARM_S}\nwhile time.monotonic() < end: pass"
    spinners = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count())]
    for spinner in spinners:
        spinner.wait()


def measure(bench):
    """Returns the variants that ran, and for each reason the labels of those that did not."""
    in_c = Player([bench, "--lecture"])
    players = [in_c]
    variants, left_out = [], {}
    try:
        for row in ROWS:
            player = in_c
            if not row[0].startswith(("jobd", "bare")):
                player = Player([sys.executable, str(HERE / "variants.py"), row[0]])
                players.append(player)
            variant = Variant(row, player)
            if variant.prepare():
                variants.append(variant)
            else:
                left_out.setdefault(player.missing, []).append(variant.label)
        warm_cores()
        for i in range(N_ROUNDS):
            print(f"round {i + 1} of {N_ROUNDS}", file=sys.stderr, flush=True)
            for variant in variants:
                variant.round()
    finally:
        codes = [player.end() for player in players]
    if any(codes):
        raise Failed("a variant did not end well; what it said is above")
    return variants, left_out


# ---- the report ----


def first_line(argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def version_of(module):
    try:
        return f"{module} {__import__(module).__version__}"
    except ImportError:
        return f"no {module}"


def machine():
    cpu = "unknown CPU"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.system()
    modules = ", ".join(version_of(m) for m in ("Cython", "joblib", "numba"))
    return (
        f"{cpu}, {os.cpu_count()} cores, {system}, kernel {platform.release()}, "
        f"{first_line(['cc', '--version'])}, Python {platform.python_version()}, {modules}"
    )


def significant(x, n=3):
    return f"{x:.{max(0, n - 1 - math.floor(math.log10(x)))}f}" if x > 0 else "0"


def table(variants):
    median = {v.name: v.median_ms() for v in variants}
    lines = [
        "| variant | sum by | mean ± std. dev., ms | median, ms | × jobd's last row | speed-up over Python | of 2 jobs over 1 |",
        "| --- | --- | --: | --: | --: | --: | --: |",
    ]
    for v in variants:
        mean, deviation = statistics.mean(v.seconds) * 1e3, statistics.pstdev(v.seconds) * 1e3
        gain = f"{median[v.alone] / median[v.name]:.2f}" if v.alone in median else ""
        label = f"**{v.label}**" if v.name == YARDSTICK else v.label
        lines.append(
            f"| {label} | {v.code} | {significant(mean)} ± {significant(deviation, 2)} "
            f"| {significant(median[v.name])} | {significant(median[v.name] / median[YARDSTICK])} "
            f"| {significant(median[SLOWEST] / median[v.name])} | {gain} |"
        )
    return lines


def report(variants, left_out, others, chart):
    today = datetime.date.today().isoformat()
    busy = " **The machine was busy: these figures mean little.**" if others > BUSY_CORES else ""
    lines = [
        f"Measured on {today}: {machine()}. Other programs used {others:.2f} cores before the run.{busy}",
        "",
        f"![Median time of a call, a bar for each variant, on a logarithmic scale]({chart})",
        "",
        *table(variants),
    ]
    for why, labels in left_out.items():
        lines += ["", f"Left out here ({why}): {'; '.join(labels)}."]
    return "\n".join(lines) + "\n"


def draw(variants, data, chart):
    """One line for each bar: label, milliseconds, family."""
    families = ["Python", "libm", "SIMD"]
    with open(data, "w") as file:
        for v in variants:
            colour = 3 if v.name.startswith("jobd") else families.index(v.code)
            print(f'"{v.label}" {v.median_ms():.6g} {colour}', file=file)
    settings = f"data='{data}'; chart='{chart}'"
    try:
        subprocess.run(["gnuplot", "-e", settings, str(HERE / "chart.gp")], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failed(f"the chart cannot be drawn: {error}; is gnuplot-nox installed?") from error


def update_readme(readme, text):
    before, _, rest = readme.read_text().partition(MARK_BEGIN)
    _, _, after = rest.partition(MARK_END)
    if not after:
        raise Failed(f"{readme} lacks the lines {MARK_BEGIN} and {MARK_END}")
    readme.write_text(f"{before}{MARK_BEGIN}\n{text}{MARK_END}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", required=True, help="the program jobd-bench")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="report, without .md")
    parser.add_argument("--readme", type=pathlib.Path, help="file to write the report into, too")
    parser.add_argument("--chart", help="the chart's place for --readme, relative to it")
    args = parser.parse_args()
    others = busy_cores()
    try:
        variants, left_out = measure(args.bench)
        out = args.out
        text = report(variants, left_out, others, f"{out.name}.svg")
        pathlib.Path(f"{out}.md").write_text("# The lecture's integral\n\n" + text)
        print(text)
        draw(variants, f"{out}.dat", f"{out}.svg")
        if args.readme:
            chart = args.readme.parent / args.chart
            chart.write_bytes(pathlib.Path(f"{out}.svg").read_bytes())
            update_readme(args.readme, report(variants, left_out, others, args.chart))
    except Failed as error:
        sys.exit(f"lecture: {error}")


if __name__ == "__main__":
    main()
