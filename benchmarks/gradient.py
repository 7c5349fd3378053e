"""Value and gradient of a mean loss beside peers: milliseconds, ratios, and the share of the rate at which memory is read.

    pip install dvar scikit-learn torch jax glum && python benchmarks/gradient.py --flights ../shared/data/flights_3m.parquet

Peers that are not installed are said to be missing and skipped. All run in this one process, on the same arrays, on all cores,
and all answers are compared before anything is timed. Then they are called in turn. Reported are medians: milliseconds; how
many times dvar's time a peer took in the same run; and dvar's share of the read rate, the time of a plain read of the features
on as many threads over dvar's. The last rows are processes of their own: a program's first call, and the memory of a gradient.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import dvar as dv

CORES = len(os.sched_getaffinity(0))
PAUSE = 0.05  # seconds before each call: idle threads of OpenBLAS and OpenMP spin for a while, on cores that others need
SHAPES = {"8M × 4": (8_000_000, 4), "4M × 10": (4_000_000, 10), "2M × 28": (2_000_000, 28), "1M × 100": (1_000_000, 100),
          "200k × 1000": (200_000, 1000)}
CATEGORIES = ("origin", "destination", "hour", "month", "weekday")

Call = Callable[[], Any]  # answers value, slopes by all weights, by intercepts: the same numbers in the same order for all
Job = tuple[dict[str, Call], tuple[Any, ...]]  # dvar's call, then the peers'; the arrays of features


class Loss(NamedTuple):
    """dvar's graph has a weight and an intercept for each map; peers have W (rows, n) and c (rows,), and so read X once."""

    graph: str
    targets: Callable[[Any, Any], Any]  # random generator, z → y
    torch: Callable[[Any, Any, Any], Any]  # torch.nn.functional, z, y → mean loss; z is (m,) or, of several rows, (m, rows)
    jax: Callable[[Any, Any, Any], Any]  # jax, z, y → loss of each example
    rows: int = 1


LOSSES = {
    "logistic": Loss(
        "inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))",
        lambda rng, z: (rng.random(len(z)) < 1 / (1 + np.exp(-z))).astype(np.float64),
        lambda F, z, y: F.binary_cross_entropy_with_logits(z, y), lambda jax, z, y: jax.nn.softplus(z) - y * z),
    "Poisson": Loss(
        "inputs: w, b, x, y\nz = w @ x + b; L = exp(z) - y*z", lambda rng, z: rng.poisson(np.exp(z)).astype(np.float64),
        lambda F, z, y: (z.exp() - y * z).mean(), lambda jax, z, y: jax.numpy.exp(z) - y * z),
    "Huber": Loss(
        "inputs: w, b, x, y\nr = w @ x + b - y; L = where(abs(r) < 1, r**2/2, abs(r) - 0.5)",
        lambda rng, z: z + rng.standard_cauchy(len(z)), lambda F, z, y: F.huber_loss(z, y),
        lambda jax, z, y: jax.numpy.where(abs(z - y) < 1, (z - y) ** 2 / 2, abs(z - y) - 0.5)),
    "squared": Loss(
        "inputs: w, b, x, y\nL = (w @ x + b - y)**2", lambda rng, z: z + rng.standard_normal(len(z)),
        lambda F, z, y: F.mse_loss(z, y), lambda jax, z, y: (z - y) ** 2),
    "softmax of 10": Loss(
        "inputs: W, c, x, y\nz = W @ x + c; L = logsumexp(z) - z[y]",
        lambda rng, z: np.argmax(z + rng.gumbel(size=z.shape), axis=1), lambda F, z, y: F.cross_entropy(z, y),
        lambda jax, z, y: jax.nn.logsumexp(z, axis=1) - jax.numpy.take_along_axis(z, y[:, None], 1)[:, 0], 10),
    "Gaussian, two maps": Loss(  # the mean and the logarithm of the variance
        "inputs: w, u, b, c, x, y\nz = w @ x + b; s = u @ x + c; L = (s + (y - z)**2*exp(-s))/2",
        lambda rng, z: z[:, 0] + np.exp(z[:, 1] / 2) * rng.standard_normal(len(z)),
        lambda F, z, y: (z[:, 1] + (y - z[:, 0]) ** 2 * (-z[:, 1]).exp()).mean() / 2,
        lambda jax, z, y: (z[:, 1] + (y - z[:, 0]) ** 2 * jax.numpy.exp(-z[:, 1])) / 2, 2),
}


def of_dvar(loss: Loss, X: Any, y: Any, W: Any, c: Any) -> Call:
    cost = dv.graph(loss.graph).over(x=X, y=y)
    given = dict(zip(cost.inputs, (W, c) if len(cost.inputs) == 2 else (*W, *c)))
    program = cost.sized(given).program("fused")
    if program.target != "fused":
        print(str(program).splitlines()[0])
    return partial(program, **given)


def of_sklearn(_: Any, X: Any, y: Any, w: Any, b: Any) -> Call:
    from sklearn._loss import HalfBinomialLoss
    from sklearn.linear_model._linear_loss import LinearModelLoss

    linear = LinearModelLoss(base_loss=HalfBinomialLoss(), fit_intercept=True)
    return partial(linear.loss_gradient, np.append(w, b), X, y, n_threads=CORES)


def of_torch(loss: Loss, X: Any, y: Any, W: Any, c: Any) -> Call:
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(CORES)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    W, c = (torch.tensor(v, dtype=X.dtype, requires_grad=True) for v in (W, c))

    def call():
        value = loss.torch(F, F.linear(X, W, c) if loss.rows > 1 else X @ W + c, y)
        return value.detach(), torch.autograd.grad(value, (W, c))
    return call


def of_jax(loss: Loss, X: Any, y: Any, W: Any, c: Any) -> Call:
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    both = jax.jit(jax.value_and_grad(lambda W, c, X, y: loss.jax(jax, X @ W.T + c, y).mean(), (0, 1)))
    arrays = [jax.device_put(v) for v in (W, c, X, y)]
    return lambda: jax.block_until_ready(both(*arrays))


def by_hand(_: Any, X: Any, y: Any, w: Any, b: Any) -> Any:
    z = X @ w + b
    e = np.exp(-np.abs(z))
    slope = (np.where(z >= 0, 1, e) / (1 + e) - y) / len(y)
    return np.mean(np.maximum(z, 0) - y * z + np.log1p(e)), slope @ X, slope.sum()


def of_csr(categories: list[Any], distance: Any, y: Any, w: Any, b: float) -> Call:
    from scipy import sparse
    from sklearn.preprocessing import OneHotEncoder

    expanded = OneHotEncoder(drop="first").fit_transform(np.column_stack(categories))
    return of_sklearn(None, sparse.hstack([expanded, distance[:, None]], format="csr"), y, w, b)


def of_glum(categories: list[Any], distance: Any, y: Any, w: Any, b: float) -> Call:
    """As glum makes a step: rows by its family, columns by tabmat, the intercept apart. It adds up the likelihood's slopes."""
    from glum import BinomialDistribution, LogitLink
    from tabmat import CategoricalMatrix, DenseMatrix, SplitMatrix

    X = SplitMatrix([*(CategoricalMatrix(c, drop_first=True) for c in categories), DenseMatrix(distance[:, None])])
    family, link, weight, start = BinomialDistribution(), LogitLink(), np.full(len(y), 1 / len(y)), np.full(len(y), b)

    def call():
        z, a, deviance = family.eta_mu_deviance(link, 1.0, start, X.matvec(w), y, weight)
        d, h = family.rowwise_gradient_hessian(link, w, 1.0, X, y, weight, z, a)
        edge = X.transpose_matvec(h)
        hessian = np.block([[X.sandwich(h), edge[:, None]], [edge, h.sum()]])
        return deviance / 2, -np.append(X.transpose_matvec(d), d.sum()), hessian
    return call


PEERS = {  # what each needs, and its call
    "dvar float64": ("numpy", lambda loss, X, y, W, c: of_dvar(loss, X.astype(np.float64), y.astype(np.float64), W, c)),
    "scikit-learn": ("sklearn", of_sklearn), "PyTorch": ("torch", of_torch), "JAX": ("jax", of_jax),
    "NumPy": ("numpy", lambda *given: partial(by_hand, *given)), "sklearn, CSR": ("sklearn", of_csr), "glum": ("glum", of_glum),
}
MISSING = [peer for peer, (module, _) in PEERS.items() if not find_spec(module)]


def beside(dvar: Call, features: tuple[Any, ...], peers: tuple[str, ...], *given: Any) -> Job:
    return {"dvar": dvar} | {peer: PEERS[peer][1](*given) for peer in peers if peer not in MISSING}, features


def dense(name: str, shape: str, dtype: type, peers: tuple[str, ...], options: Any) -> Job:
    """The parameters at which value and gradient are taken are near those that y is drawn with."""
    loss, (m, n), rng = LOSSES[name], SHAPES[shape], np.random.default_rng(0)
    X = rng.standard_normal((max(int(m * options.scale), 1000), n), dtype)
    W, c = rng.standard_normal((loss.rows, n)) / math.sqrt(2 * n), np.linspace(0.1, 0.3, loss.rows)
    W, c = (W, c) if loss.rows > 1 else (W[0], c[0])
    y = loss.targets(rng, X @ W.T + c)
    given = loss, X, y if y.dtype.kind == "i" else y.astype(dtype), 0.8 * W, c + 0.1
    return beside(of_dvar(*given), (X,), peers, *given)


def flights(second: bool, options: Any) -> Job:
    """delay > 15 on five categories, each without its first level, and the distance, standardised."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from dvar.data.encoding import Encoding

    table = pq.read_table(options.flights)
    table = table.take(np.arange(0, len(table), round(1 / options.scale)))
    for part, of in {"hour": pc.hour, "month": pc.month, "weekday": pc.day_of_week}.items():
        table = table.append_column(part, of(table["date"]).cast(pa.string()))
    columns = Encoding.learn(table, [*CATEGORIES, "distance"], reference=True).encode(table)
    y, distance = (table["delay"].to_numpy() > 15).astype(np.float64), table["distance"].to_numpy().astype(np.float64)
    told = [table[name].combine_chunks().dictionary_encode() for name in CATEGORIES]
    codes = [np.argsort(np.argsort(t.dictionary.to_pylist())).astype(np.int32)[t.indices.to_numpy()] for t in told]
    w, b = np.random.default_rng(0).standard_normal(columns.shape[1]) / 3, -1.5
    cost = dv.graph(LOSSES["logistic"].graph).over(x=columns, y=y)
    if second and not cost.runs_fused:
        print("these are so few examples that the Hessian is the NumPy program's")
    ours = partial(cost.value_gradient_hessian, cost.flat({"w": w, "b": b})) if second else partial(cost.program("fused"), w, b)
    given = codes, (distance - distance.mean()) / distance.std(), y, w, b
    return beside(ours, columns.data, ("glum",) if second else ("sklearn, CSR",), *given)


def flat(answer: Any) -> Any:
    parts = [flat(part) for part in answer] if isinstance(answer, (tuple, list)) else [np.asarray(answer, dtype=np.float64)]
    return np.concatenate([np.ravel(part) for part in parts])


def differ(a: Any, b: Any) -> float:
    """The difference of two flat answers: of the values, relative; of the slopes, relative to the largest."""
    return max(float(np.max(np.abs(a[part] - b[part])) / np.max(np.abs(a[part]))) for part in (slice(1), slice(1, None)))


def reading(arrays: tuple[Any, ...]) -> Call:
    """Every byte read once, as whole numbers: NumPy's sum of floats waits for its additions, not for memory."""
    words = [np.ravel(a).view(np.uint8)[: a.nbytes // 8 * 8].view(np.int64) for a in arrays]
    parts = [part for w in words for part in np.array_split(w, CORES)]
    pool = ThreadPoolExecutor(CORES)
    return lambda: list(pool.map(np.bitwise_xor.reduce, parts))


def in_turn(calls: dict[str, Call], runs: int) -> dict[str, list[float]]:
    """Seconds of each call, run by run; another one begins each time."""
    names, times = list(calls), {name: [] for name in calls}
    for k in range(runs):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            time.sleep(PAUSE)
            started = time.perf_counter()
            calls[name]()
            times[name].append(time.perf_counter() - started)
    return times


def ratio(a: list[float], b: list[float]) -> float:
    return statistics.median(x / y for x, y in zip(a, b))


def row(name: str, calls: dict[str, Call], features: tuple[Any, ...], runs: int) -> dict[str, float]:
    """Prints a row; how many times dvar's time each peer takes. Its numbers must be dvar's to 1e-9, of float32 data to 1e-4."""
    answers = {peer: flat(call()) for peer, call in calls.items()}
    apart = {peer: differ(answers["dvar"], answer) for peer, answer in answers.items()}
    for peer, difference in apart.items():
        if not difference < (1e-4 if features[0].dtype == np.float32 else 1e-9):
            sys.exit(f"{name}: the answers of dvar and {peer} differ by {difference:.1e}: times would mean nothing")
    times = in_turn(calls | {"read": reading(features)}, runs)
    ours, read = times.pop("dvar"), times.pop("read")
    rate = sum(a.nbytes for a in features) / statistics.median(read) / 1e9
    ratios = {peer: ratio(t, ours) for peer, t in times.items()}
    told = "".join(f"{peer:>14}{statistics.median(t) * 1e3:9,.1f} {f'({ratios[peer]:,.3g}×)':9}" for peer, t in times.items())
    print(f"{name:<28}{statistics.median(ours) * 1e3:8,.1f} ms {ratio(read, ours):5.0%} of {rate:4.1f} GB/s "
          f"{max(apart.values()):8.0e}{told}".rstrip(), flush=True)
    return ratios


def means(rows: list[dict[str, float]]) -> None:
    """The geometric means of the ratios, where there are several rows."""
    frameworks = [min(r[p] for p in ("PyTorch", "JAX") if p in r) for r in rows if "PyTorch" in r or "JAX" in r]
    shared = [peer for peer in rows[0] if all(peer in r for r in rows)]
    columns = {peer: [r[peer] for r in rows] for peer in shared} | {"the best of PyTorch and JAX": frameworks}
    told = [f"{peer} {statistics.geometric_mean(c):.3g}×" for peer, c in columns.items() if len(c) > 1]
    if told:
        print("geometric means:", ", ".join(told))


def child(script: str, *arguments: Any, **environment: str) -> float:
    """The number that a Python process of its own prints."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # everybody's modules are compiled once
    return float(subprocess.run(command, env=kept | environment, check=True, stdout=subprocess.PIPE, text=True).stdout)


FIRST = """
import sys, time, numba
import numpy as np
X, y = np.ones((1000, 28)), np.ones(1000)
started = time.perf_counter()
import dvar as dv
dv.graph(sys.argv[1]).over(x=X, y=y).program("fused")(w=np.zeros(28), b=0.0)
print(time.perf_counter() - started)
"""
IMPORT = "import time; started = time.perf_counter(); import sklearn.linear_model; print(time.perf_counter() - started)"


def first_call(graph: str, options: Any) -> str:
    """After `import numba`: import dvar, the logistic cost, its program and one call; with nothing kept on disk, and with it."""
    def once() -> list[float]:
        with tempfile.TemporaryDirectory() as empty:
            found = [child(FIRST, graph, DVAR_CACHE=empty) for _ in range(2)]
            return [*found, math.nan if "scikit-learn" in MISSING else child(IMPORT)]
    once()  # compiles modules that nobody has imported yet
    cold, cached, peer = zip(*(once() for _ in range(options.runs)))
    told = {"cold": cold, "cached": cached, "import sklearn.linear_model": peer}
    return ", ".join(f"{name} {statistics.median(t) * 1e3:,.0f} ms ({ratio(t, peer):.2f})" for name, t in told.items())


MEMORY = """
import sys
import numpy as np
import dvar as dv
def resident(what):
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith(what))
graph, m, at = dv.graph(sys.argv[1]), int(sys.argv[2]), {"w": np.zeros(100), "b": 0.0}
graph.over(x=np.ones((1000, 100)), y=np.ones(1000)).program("fused")(**at)
y, X = np.ones(m), np.random.default_rng(0).standard_normal((m, 100))
open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew; ru_maxrss could still hold what the parent had
before = resident("VmRSS")
graph.over(x=X, y=y).program("fused")(**at)
print(resident("VmHWM") - before)
"""


def memory(graph: str, options: Any) -> str:
    """The peak of a process beyond what it held, its program loaded and X there: the second finds the program compiled."""
    m = int(1_000_000 * options.scale)
    with tempfile.TemporaryDirectory() as kept:
        extra = [child(MEMORY, graph, m, DVAR_CACHE=kept) for _ in range(2)][1]
    return f"{extra:.1f} MiB beyond an array of {m * 800 / 1e6:,.0f} MB"


ROWS: dict[str, dict[str, Callable[[Any], Job]]] = {
    "the logistic cost of float64 data": {
        f"logistic {s}": partial(dense, "logistic", s, np.float64, ("scikit-learn", "PyTorch", "JAX", "NumPy")) for s in SHAPES},
    "the logistic cost of float32 data": {
        f"float32 {s}": partial(dense, "logistic", s, np.float32, ("dvar float64",)) for s in list(SHAPES)[2:]},
    "other losses": {
        f"{name} 2M × 28": partial(dense, name, "2M × 28", np.float64, ("PyTorch", "JAX")) for name in list(LOSSES)[1:]},
    "the logistic cost of flights: five categories and a number": {
        "flights gradient": partial(flights, False), "flights Hessian": partial(flights, True)},
}
ALONE = {"first call": first_call, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flights", metavar="FILE", help="without it their rows are left out")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose names hold it")
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of examples; 0.01 tries the script out")
    options = parser.parse_args()
    for peer in MISSING:
        print(f"{peer} is missing and skipped")
    for title, rows in ROWS.items():
        wanted = {name: job for name, job in rows.items() if options.only.lower() in name.lower()}
        if wanted and "flights" in title and not options.flights:
            print("\nflights are skipped: no --flights FILE was given")
        elif wanted:
            print(f"\n{title}: dvar, its share of the read rate, how far answers differ; peers, ms")
            means([row(name, *job(options), options.runs) for name, job in wanted.items()])
    for name, told in ALONE.items():
        if options.only.lower() in name:
            print(f"\n{name:<14}{told(LOSSES['logistic'].graph, options)}")


if __name__ == "__main__":
    main()
