"""The main job beside its scikit-learn equivalent: wall time and peak memory of whole commands, side by side.

    python benchmarks/flights.py [--runs 5]

Each run starts one process of either kind, alternately, and reports the ratios of their medians. Answers are compared
before times: the command's cost against the optimum of the same training rows, and the two on the held-out rows.
The scikit-learn script does what the command does: read, one-hot, impute with indicator, standardise, and logistic
regression with C = 1e10 (as good as no penalty) at its default tolerance. The training rows are the command's own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent / "examples" / "flights.parquet"
CLOSE = 1e-8  # of the command's cost to the optimum, absolute


def peer(rows_file: str) -> None:
    """The scikit-learn equivalent, run in a process of its own; prints what the comparison needs as JSON."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pd.read_parquet(TABLE)
    frame = frame[frame["late"].notna()]
    rows = np.load(rows_file)
    y = frame.pop("late").astype(bool).to_numpy()
    train, held = frame.iloc[rows["train"]], frame.iloc[rows["held"]]
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    encode = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(drop="first", handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    model = make_pipeline(encode, LogisticRegression(C=1e10))
    model.fit(train, y[rows["train"]])
    guess = model.predict_proba(held)[:, 1]
    print(json.dumps({
        "cost": log_loss(y[rows["held"]], guess),
        "auc": roc_auc_score(y[rows["held"]], guess),
    }))


def measured(command: list[str]) -> tuple[float, float, str]:
    """Wall seconds, peak memory in MiB and standard output of one process."""
    with tempfile.TemporaryFile("w+") as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        out.seek(0)
        if status:
            sys.exit(f"failed: {' '.join(command)}")
        return seconds, usage.ru_maxrss / 1024, out.read()


def optimum(rows_file: str) -> None:
    """Prints the lowest cost of the training rows, by scikit-learn's Newton on an expanded matrix, and saves the rows."""
    import numpy as np
    import pyarrow.parquet as pq
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    from dvar.data import table as tables
    from dvar.data.encoding import Encoding
    from dvar.models.training import SEED

    table = pq.read_table(TABLE)
    y, known, _ = tables.target(table, "late")
    train, held = tables.split(known, 0.2, SEED)
    place = np.cumsum(known) - 1
    encoding = Encoding.learn(table, [c for c in table.column_names if c != "late"], reference=True, rows=train)
    columns = encoding.encode(table, train)
    X = np.vstack([np.eye(len(block)) @ block for _, block in columns.blocks()])
    model = LogisticRegression(C=1e12, solver="newton-cholesky", tol=1e-12, max_iter=200).fit(X, y[train])
    np.savez(rows_file, train=place[train], held=place[held])
    print(json.dumps(log_loss(y[train], model.predict_proba(X)[:, 1])))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)  # a process of its own: peer or optimum, and the rows' file
    options = parser.parse_args()
    if options.part:
        {"peer": peer, "optimum": optimum}[options.part[0]](options.part[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = f"{folder}/rows.npz"
        best = json.loads(measured([sys.executable, __file__, "--part", "optimum", rows])[2])
        dvar = [sys.executable, "-m", "dvar.cli", "fit", str(TABLE), "--target", "late", "--json", "--out", f"{folder}/late.json"]
        other = [sys.executable, __file__, "--part", "peer", rows]
        ours, theirs = json.loads(measured(dvar)[2]), json.loads(measured(other)[2])
        print(f"cost of the training rows: optimum {best:.12f}, dvar {ours['cost']:.12f} ({ours['cost'] - best:+.1e})")
        for name, worth in (("dvar", ours["holdout"]), ("scikit-learn", theirs)):
            print(f"{name:<13} held out: cost {worth['cost']:.6f}, AUC {worth['auc']:.6f}")
        if abs(ours["cost"] - best) > CLOSE or abs(ours["holdout"]["auc"] - theirs["auc"]) > 1e-3:
            sys.exit("the answers differ: times would mean nothing")
        times: dict[str, list[tuple[float, float]]] = {"dvar": [], "scikit-learn": []}
        for _ in range(options.runs):
            for name, command in (("dvar", dvar), ("scikit-learn", other)):
                seconds, peak, _ = measured(command)
                times[name].append((seconds, peak))
    middle = {n: [statistics.median(column) for column in zip(*runs)] for n, runs in times.items()}
    for name, (seconds, peak) in middle.items():
        print(f"{name:<13} {seconds:6.2f} s  {peak:6.0f} MiB   (medians of {options.runs} runs)")
    ratio = [a / b for a, b in zip(middle["dvar"], middle["scikit-learn"])]
    print(f"dvar takes {ratio[0]:.2f} of the time and {ratio[1]:.2f} of the peak memory")


if __name__ == "__main__":
    main()
