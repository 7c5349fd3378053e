"""What the commands cost beside what they cannot do without: whole processes, and reading, side by side.

    python benchmarks/commands.py [--runs 5] [--census census_income_10k.csv] [--flights flights_3m.parquet]

Processes of both kinds are started alternately; ratios are of the medians of their wall time and, in brackets, of their processor
time, which other work on the machine disturbs less. Rows read, and rows written, are compared before times.

* `--help` of every command beside a start of Python that imports NumPy: at most 2.
* `dvar fit` of 10,000 rows of CSV beside `python -c "import sklearn.linear_model"`: at most 1.
* reading and encoding beside PyArrow's reading alone, in one process: at most 1.5.
* `dvar predict` of three million rows beside a process that reads their columns and writes as many with PyArrow.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

DVAR = [sys.executable, "-m", "dvar.cli"]
COMMANDS = ("", "fit", "predict", "evaluate", "show", "race", "explain", "play", "slope", "derivatives", "completion")
ROWS = 10_000
COPY = """
import sys, pyarrow as pa, pyarrow.parquet as pq, pyarrow.csv as csv, numpy as np
with pq.ParquetFile(sys.argv[1], pre_buffer=False) as file, open(sys.argv[2], "wb") as out:
    writer = None
    for batch in file.iter_batches(1 << 17, columns=sys.argv[3].split(",")):
        x = np.arange(len(batch)) / 7919 % 1
        made = pa.table({"probability": x, "prediction": (x > 0.5).astype("int8")})
        writer = writer or csv.CSVWriter(out, made.schema)
        writer.write_table(made)
    writer.close()
"""


def measured(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of one process."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # everybody's modules are compiled once
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def beside(what: str, one: list[str], other: list[str], runs: int, limit: float | None) -> None:
    times: list[list[tuple[float, float]]] = [[], []]
    for k in range(runs + 1):
        for times_of, command in zip(times, (one, other)):
            found = measured(command)
            if k:  # the first of each fills caches
                times_of.append(found)
    (wall, busy), (their_wall, their_busy) = ([statistics.median(c) for c in zip(*t)] for t in times)
    told = f" (at most {limit:g})" if limit is not None else ""
    print(f"{what:<44} {wall:6.2f} s beside {their_wall:6.2f} s: {wall / their_wall:5.2f} × [{busy / their_busy:.2f} ×]{told}")


def fastest(functions: list[Callable[[], object]], runs: int) -> list[float]:
    """The seconds of each function's fastest call, called alternately."""
    best = [float("inf")] * len(functions)
    for _ in range(runs):
        for k, function in enumerate(functions):
            started = time.perf_counter()
            function()
            best[k] = min(best[k], time.perf_counter() - started)
    return best


def reading(path: str, target: str, runs: int, features: list[str] | None = None) -> None:
    """Reading and encoding beside PyArrow's reading alone, as it reads by default: on all threads, its text as text."""
    import pyarrow.parquet as pq
    from pyarrow import csv

    from dvar.data.encoding import Encoding
    from dvar.data.reading import read
    from dvar.data.source import Source

    def ours() -> int:
        table = read(path)
        source = Source(table)
        encoding = Encoding.learn(source, features or [c for c in table.column_names if c != target], reference=True)
        return len(encoding.encode(source))

    def theirs() -> int:
        return int((pq.read_table(path) if path.endswith("parquet") else csv.read_csv(path)).num_rows)

    if ours() != theirs():
        sys.exit(f"{path}: not the same rows: times would mean nothing")
    a, b = fastest([ours, theirs], 3 * runs)
    print(f"{'reading and encoding ' + Path(path).name:<44} {a:6.3f} s beside {b:6.3f} s: {a / b:5.2f} × (at most 1.5)")


def plain_csv(path: str, rows: int) -> None:
    rng = np.random.default_rng(0)
    x, c = rng.normal(size=(rows, 6)), rng.choice(list("abcdef"), rows)
    y = np.where(x[:, 0] + (c == "b") + rng.logistic(size=rows) > 0, "yes", "no")
    lines = (",".join([y[k], *(f"{v:.4f}" for v in x[k]), c[k]]) for k in range(rows))
    Path(path).write_text("y,a,b,c,d,e,f,kind\n" + "\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--census")
    parser.add_argument("--flights")
    options = parser.parse_args()
    start, peer = [sys.executable, "-c", "import numpy"], [sys.executable, "-c", "import sklearn.linear_model"]
    flights = Path(__file__).parents[1] / "examples" / "flights.parquet"
    with tempfile.TemporaryDirectory() as folder:
        small, large, out = f"{folder}/small.csv", f"{folder}/large.csv", f"{folder}/m.json"
        plain_csv(small, ROWS)
        plain_csv(large, 30 * ROWS)
        for command in COMMANDS:
            words = [*filter(None, [command]), "--help"]
            beside(" ".join(["dvar", *words]), [*DVAR, *words], start, options.runs, 2)
        files = [(small, "y"), *([(options.census, "income_gt_50k")] if options.census else [])]
        for path, target in files:
            beside(f"dvar fit {Path(path).name}", [*DVAR, "fit", path, "--target", target, "--out", out, "--overwrite"], peer,
                   options.runs, 1)
        for path, target in [*files, (large, "y"), (str(flights), "late")]:
            reading(path, target, options.runs)
        if options.flights:
            parts = ["origin", "destination", "hour(date)", "weekday(date)", "month(date)", "distance"]
            reading(options.flights, "delay", max(options.runs // 2, 1), parts)
            made = "origin,destination,distance,hour(date)"
            asked = ["--target", "delay > 15", "--features", made, "--out", out, "--overwrite"]
            subprocess.run([*DVAR, "fit", options.flights, *asked], check=True, capture_output=True)
            ours = [*DVAR, "predict", out, options.flights, "-o", f"{folder}/p.csv"]
            theirs = [sys.executable, "-c", COPY, options.flights, f"{folder}/q.csv", "origin,destination,distance,date"]
            measured(ours), measured(theirs)
            if len({Path(f"{folder}/{name}.csv").read_bytes().count(b"\n") for name in "pq"}) != 1:
                sys.exit("not as many rows were written: times would mean nothing")
            beside("dvar predict, three million rows", ours, theirs, max(options.runs // 2, 1), None)


if __name__ == "__main__":
    main()
