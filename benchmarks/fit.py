"""Time to one objective, dvar beside peers: seconds and ratios, each peer at its loosest tolerance that is near enough.

    pip install dvar scikit-learn glum torch statsmodels && python benchmarks/fit.py --flights ../shared/data/flights_3m.parquet

All run in this one process, on the same arrays, on all cores. The objective is dvar's own cost of the data plus the penalty,
taken at each answer: an answer counts if it is above the lowest of all by 1e-8 of it at the most. A peer is first run at
tighter and tighter tolerances until its answer counts, then timed at that one; dvar is run as it comes. Encoding is part of
the time where a peer needs it (flights); no first run is, neither dvar's, which may compile, nor a peer's. Peers that are not
installed are said to be missing; one whose tries take longer than --limit seconds in all, or that stays too far off, is told so
and not timed. A peer that takes longer than a tenth of that is timed once.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import dvar as dv

CORES = len(os.sched_getaffinity(0))
GAP = 1e-8
TOLERANCES = tuple(10.0**-k for k in range(3, 13))
LOGISTIC = dv.graph("inputs: w, b, x, y\nz = w @ x + b; a = sigmoid(z); L = -(y*log(a) + (1 - y)*log(1 - a))")
SOFTMAX = dv.graph("inputs: W, c, x, y\nz = W @ x + c; L = logsumexp(z) - z[y]")
POISSON = dv.graph("inputs: w, b, x, y\nz = w @ x + b; L = exp(z) - y*z")
FLIGHTS = ("origin", "destination", "hour(date)", "month(date)", "weekday(date)", "distance")

Call = Callable[[float], Any]  # a tolerance → an answer, which the row's objective understands; None: given up at `ends`
ends = math.inf  # when a peer that makes its answer of many is given up between two of them, by time.perf_counter


class Job(NamedTuple):
    objective: Callable[[Any], float]
    dvar: Callable[[], Any]
    peers: dict[str, Call]


def of_sklearn(X: Any, y: Any, l2: float, solver: str) -> Call:
    from sklearn.linear_model import LogisticRegression

    def call(tol: float) -> Any:
        c = 1 / (l2 * X.shape[0]) if l2 else np.inf
        found = LogisticRegression(C=c, solver=solver, tol=tol, max_iter=10_000).fit(X, y)
        if len(found.classes_) > 2:
            return {"W": found.coef_, "c": found.intercept_}
        return {"w": found.coef_[0], "b": float(found.intercept_[0])}
    return call


def of_sklearn_poisson(X: Any, y: Any, solver: str) -> Call:
    from sklearn.linear_model import PoissonRegressor

    def call(tol: float) -> Any:
        found = PoissonRegressor(alpha=0.0, solver=solver, tol=tol, max_iter=10_000).fit(X, y)
        return {"w": found.coef_, "b": float(found.intercept_)}
    return call


def of_glum(X: Any, y: Any, family: str, l2: float, l1: float = 0.0) -> Call:
    from glum import GeneralizedLinearRegressor

    def call(tol: float) -> Any:
        total = l1 + l2
        found = GeneralizedLinearRegressor(family=family, alpha=total, l1_ratio=l1 / total if total else 0.0, gradient_tol=tol,
                                           max_iter=1000).fit(X() if callable(X) else X, y)
        return {"w": found.coef_, "b": float(found.intercept_)}
    return call


def of_statsmodels(X: Any, y: Any) -> Call:
    import statsmodels.api as sm

    def call(tol: float) -> Any:
        found = sm.GLM(y, sm.add_constant(X, has_constant="add"), family=sm.families.Poisson()).fit(tol=tol)
        return {"w": found.params[1:], "b": float(found.params[0])}
    return call


def of_sklearn_quantile(X: Any, y: Any, share: float) -> Call:
    from sklearn.linear_model import QuantileRegressor

    def call(tol: float) -> Any:
        names = ("primal_feasibility_tolerance", "dual_feasibility_tolerance")
        exact = {name: min(max(tol, 1e-10), 1e-3) for name in names}  # what the linear program's solver takes
        found = QuantileRegressor(quantile=share, alpha=0.0, solver="highs", solver_options=exact).fit(X, y)
        return {"w": found.coef_, "b": float(found.intercept_)}
    return call


def of_statsmodels_quantile(X: Any, y: Any, share: float) -> Call:
    import statsmodels.api as sm

    def call(tol: float) -> Any:
        found = sm.QuantReg(y, sm.add_constant(X, has_constant="add")).fit(q=share, p_tol=tol, max_iter=10_000)
        return {"w": found.params[1:], "b": float(found.params[0])}
    return call


def of_torch(X: Any, y: Any, l2: float, loss: str, rows: int = 1) -> Call:
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(CORES)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    of = {"logistic": F.binary_cross_entropy_with_logits, "softmax": F.cross_entropy, "Poisson": F.poisson_nll_loss}[loss]

    def call(tol: float) -> Any:
        W = torch.zeros((rows, X.shape[1]) if rows > 1 else X.shape[1], dtype=X.dtype, requires_grad=True)
        c = torch.zeros(rows if rows > 1 else (), dtype=X.dtype, requires_grad=True)
        made = torch.optim.LBFGS([W, c], max_iter=10_000, tolerance_grad=tol, tolerance_change=0, history_size=20,
                                 line_search_fn="strong_wolfe")

        def closure():
            made.zero_grad()
            value = of(F.linear(X, W, c) if rows > 1 else X @ W + c, y) + l2 / 2 * (W * W).sum()
            value.backward()
            return value
        made.step(closure)
        names = ("W", "c") if rows > 1 else ("w", "b")
        return dict(zip(names, (W.detach().numpy(), c.detach().numpy() if rows > 1 else float(c))))
    return call


NEEDS = {"sk": "sklearn", "gl": "glum", "Py": "torch", "st": "statsmodels"}
MISSING = {module for module in NEEDS.values() if not find_spec(module)}


def there(peers: dict[str, Callable[[], Call]]) -> dict[str, Call]:
    return {name: made() for name, made in peers.items() if NEEDS[name[:2]] not in MISSING}


def objective(cost: Any, l2: float, answer: Any, l1: float = 0.0) -> float:
    weights = [np.ravel(v) for v in answer.values() if np.ndim(v)]
    if "W" in answer:
        weights = weights[:1]
    w = np.concatenate(weights)
    return cost.at(answer).value + l2 / 2 * float(w @ w) + l1 * float(np.abs(w).sum())


def drawn(m: int, n: int, options: Any, correlated: bool = True) -> Any:
    """Features as they come: correlated by halves with a common part, of scales from 1/2 to 2."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((max(int(m * options.scale), 1000), n))
    if correlated:
        X += 0.7 * rng.standard_normal((len(X), 1))
        X *= np.geomspace(0.5, 2, n)
    return rng, X, rng.standard_normal(n) / math.sqrt(2 * n)


def dense(m: int, n: int, options: Any) -> Job:
    l2 = 1e-4
    rng, X, w = drawn(m, n, options)
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-X @ w - 0.2))).astype(np.float64)
    cost = LOGISTIC.over(x=X, y=y)
    solvers = ("lbfgs", "newton-cholesky", "newton-cg", "sag")
    peers = {f"sklearn {s}": partial(of_sklearn, X, y, l2, s) for s in solvers}
    peers |= {"glum": partial(of_glum, X, y, "binomial", l2), "PyTorch L-BFGS": partial(of_torch, X, y, l2, "logistic")}
    return Job(partial(objective, cost, l2), lambda: LOGISTIC.over(x=X, y=y).minimize(l2=l2), there(peers))


def sparse(options: Any) -> Job:
    from scipy import sparse as sp

    l2, m, n = 1e-4, max(int(100_000 * options.scale), 1000), 50_000
    rng = np.random.default_rng(0)
    X = sp.random_array((m, n), density=0.001, format="csr", rng=rng, data_sampler=rng.standard_normal)
    y = (rng.random(m) < 1 / (1 + np.exp(-(X @ rng.standard_normal(n)) / 4))).astype(np.float64)
    cost = LOGISTIC.over(x=X, y=y)
    peers = {f"sklearn {s}": partial(of_sklearn, X, y, l2, s) for s in ("lbfgs", "newton-cg", "sag")}
    return Job(partial(objective, cost, l2), lambda: LOGISTIC.over(x=X, y=y).minimize(l2=l2), there(peers))


def softmax(options: Any) -> Job:
    l2 = 1e-4
    rng, X, _ = drawn(500_000, 50, options)
    y = np.argmax(X @ (rng.standard_normal((10, 50)) / 10).T + rng.gumbel(size=(len(X), 10)), axis=1)
    cost = SOFTMAX.over(x=X, y=y)
    start = {"W": np.zeros((10, 50)), "c": np.zeros(10)}
    peers = {f"sklearn {s}": partial(of_sklearn, X, y, l2, s) for s in ("lbfgs", "newton-cg")}
    peers |= {"PyTorch L-BFGS": partial(of_torch, X, y, l2, "softmax", 10)}
    ours = lambda: SOFTMAX.over(x=X, y=y).minimize(l2=l2, penalize=["W"], start=start)  # noqa: E731
    return Job(partial(objective, cost, l2), ours, there(peers))


def poisson(options: Any) -> Job:
    rng, X, w = drawn(1_000_000, 30, options)
    y = rng.poisson(np.exp(X @ w / 4)).astype(np.float64)
    cost = POISSON.over(x=X, y=y)
    peers = {f"sklearn {s}": partial(of_sklearn_poisson, X, y, s) for s in ("lbfgs", "newton-cholesky")}
    peers |= {"glum": partial(of_glum, X, y, "poisson", 0.0), "statsmodels": partial(of_statsmodels, X, y),
              "PyTorch L-BFGS": partial(of_torch, X, y, 0.0, "Poisson")}
    return Job(partial(objective, cost, 0.0), lambda: POISSON.over(x=X, y=y).minimize(), there(peers))


def quantile(options: Any) -> Job:
    share = 0.9
    rng, X, w = drawn(20_000, 20, options)
    y = X @ w + rng.standard_t(3, size=len(X))
    loss = dv.graph(f"inputs: w, b, x, y\nr = y - (w @ x + b); L = maximum({share}*r, ({share} - 1)*r)")
    cost = loss.over(x=X, y=y)
    peers = {"sklearn HiGHS": partial(of_sklearn_quantile, X, y, share),
             "statsmodels": partial(of_statsmodels_quantile, X, y, share)}
    return Job(partial(objective, cost, 0.0), lambda: loss.over(x=X, y=y).minimize(), there(peers))


def path(options: Any) -> Job:
    """l1 at 50 values from where all are zero to a thousandth of it; the objective is the sum of the 50."""
    rng, X, w = drawn(200_000, 100, options)
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-X @ (w * (np.arange(100) % 5 == 0) * 2) - 0.2))).astype(np.float64)
    cost = LOGISTIC.over(x=X, y=y)
    strengths = np.abs(X.T @ (y - y.mean())).max() / len(X) * np.geomspace(1, 1e-3, 50)

    def of_dvar() -> Any:
        start, answers, cost = None, [], LOGISTIC.over(x=X, y=y)
        for l1 in strengths:
            start = cost.minimize(l1=l1, start=start)
            answers.append(start.params)
        return answers

    def of_glums() -> Call:
        from glum import GeneralizedLinearRegressor

        def call(tol: float) -> Any:
            made = GeneralizedLinearRegressor(family="binomial", alpha_search=True, n_alphas=50, min_alpha_ratio=1e-3,
                                              l1_ratio=1.0, gradient_tol=tol)
            made = made.fit(X, y)
            return [{"w": w, "b": float(b)} for w, b in zip(made.coef_path_, made.intercept_path_)]
        return call

    def of_sklearns(solver: str, **more: Any) -> Call:
        from sklearn.linear_model import LogisticRegression

        def call(tol: float) -> Any:
            made = LogisticRegression(l1_ratio=1.0, solver=solver, tol=tol, max_iter=1000, **more)
            answers = []
            for l1 in strengths:
                if time.perf_counter() > ends:
                    return None
                found = made.set_params(C=1 / (l1 * len(X))).fit(X, y)
                answers.append({"w": found.coef_[0].copy(), "b": float(found.intercept_[0])})
            return answers
        return call

    peers = {"glum": of_glums, "sklearn saga": partial(of_sklearns, "saga", warm_start=True),
             "sklearn liblinear": partial(of_sklearns, "liblinear", intercept_scaling=1e4)}  # its intercept is as good as free
    total = lambda answers: sum(objective(cost, 0.0, a, l1) for a, l1 in zip(answers, strengths))  # noqa: E731
    return Job(total, of_dvar, there(peers))


def flights(options: Any) -> Job:
    """delay > 15 on five categories, each without its first level, and the distance, standardised; encoding included, of which
    glum's and scikit-learn's begins at codes and dvar's at text and dates."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from dvar.data.encoding import Encoding
    from dvar.data.source import Source

    l2, table = 1e-5, pq.read_table(options.flights)
    table = table.take(np.arange(0, len(table), round(1 / options.scale)))
    y, distance = (table["delay"].to_numpy() > 15).astype(np.float64), table["distance"].to_numpy().astype(np.float64)
    parts = (table["origin"], table["destination"], *(of(table["date"]) for of in (pc.hour, pc.month, pc.day_of_week)))
    told = [part.combine_chunks().dictionary_encode() for part in parts]
    codes = [np.argsort(np.argsort(t.dictionary.to_pylist())).astype(np.int32)[t.indices.to_numpy()] for t in told]

    def cost() -> Any:
        source = Source(table)
        return LOGISTIC.over(x=Encoding.learn(source, FLIGHTS, reference=True).encode(source), y=y)

    def csr() -> Any:
        from scipy import sparse as sp
        from sklearn.preprocessing import OneHotEncoder

        standard = (distance - distance.mean()) / distance.std()
        return sp.hstack([OneHotEncoder(drop="first").fit_transform(np.column_stack(codes)), standard[:, None]], format="csr")

    def split() -> Any:
        from tabmat import CategoricalMatrix, DenseMatrix, SplitMatrix

        standard = (distance - distance.mean()) / distance.std()
        return SplitMatrix([*(CategoricalMatrix(c, drop_first=True) for c in codes), DenseMatrix(standard[:, None])])

    peers = {f"sklearn {s}": (lambda s=s: lambda tol: of_sklearn(csr(), y, l2, s)(tol)) for s in ("lbfgs", "newton-cholesky")}
    peers |= {"glum": lambda: of_glum(split, y, "binomial", l2)}
    return Job(partial(objective, cost(), l2), lambda: cost().minimize(l2=l2), there(peers))


def census(options: Any) -> Job:
    """Income above 50,000 on all columns, every level kept. Peers are given the numbers that dvar's columns stand for, as CSR."""
    import pyarrow.parquet as pq
    from scipy import sparse as sp

    from dvar.data.encoding import Encoding
    from dvar.data.source import Source

    l2, table = 1e-4, pq.read_table(options.census)
    table = table.take(np.arange(0, len(table), round(1 / options.scale)))
    names = [c for c in table.column_names if c != "income_gt_50k"]
    target = table["income_gt_50k"].combine_chunks().dictionary_encode().indices.to_numpy()
    y = (target == np.argmin(np.bincount(target))).astype(np.float64)

    def columns() -> Any:
        source = Source(table)
        return Encoding.learn(source, names, reference=False).encode(source)

    one = columns()
    blocks = [sp.csr_matrix(part @ np.eye(one.shape[1])) for _, part in one.blocks()]
    X = sp.vstack(blocks, format="csr")
    peers = {f"sklearn {s}": partial(of_sklearn, X, y, l2, s) for s in ("lbfgs", "newton-cholesky", "newton-cg")}
    peers |= {"glum": partial(of_glum, X, y, "binomial", l2)}
    cost = LOGISTIC.over(x=one, y=y)
    return Job(partial(objective, cost, l2), lambda: LOGISTIC.over(x=columns(), y=y).minimize(l2=l2), there(peers))


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = call()
    return time.perf_counter() - started, answer


def answer_of(fit: Any) -> Any:
    return fit.params if hasattr(fit, "params") else fit


def settled(job: Job, limit: float) -> tuple[float, dict[str, tuple[float, float]], list[str]]:
    """dvar's gap; per peer the loosest tolerance that counts and the time it took; what is said of the others."""
    global ends
    ours = job.objective(answer_of(job.dvar()))
    lowest, found, notes = ours, dict[str, tuple[float, float]](), list[str]()
    for name, call in job.peers.items():
        at, ends = math.inf, time.perf_counter() + limit
        for tol in TOLERANCES:
            took, answer = seconds(partial(call, tol))
            at = min(at, math.inf if answer is None else job.objective(answer))
            if at - lowest <= GAP * abs(lowest) or time.perf_counter() > ends:
                break
        lowest = min(lowest, at)
        if at - lowest <= GAP * abs(lowest):
            found[name] = (tol, took)
        elif answer is None:
            notes.append(f"{name}: > {took:.0f} s at tolerance {tol:.0e}, when it was given up")
        else:
            notes.append(f"{name}: still {(at - lowest) / abs(lowest):.0e} off after a run of {took:.1f} s")
    return (ours - lowest) / abs(lowest), found, notes


def row(name: str, job: Job, options: Any) -> None:
    gap, found, notes = settled(job, options.limit)
    if gap > GAP:
        notes.append(f"dvar itself is {gap:.1e} off")
    calls: dict[str, Callable[[], Any]] = {"dvar": job.dvar}
    calls |= {n: partial(job.peers[n], tol) for n, (tol, took) in found.items() if took <= options.limit / 10}
    times: dict[str, list[float]] = {n: [] for n in calls}
    for k in range(options.runs):
        for n in [*list(calls)[k % len(calls) :], *list(calls)[: k % len(calls)]]:
            time.sleep(0.05)
            times[n].append(seconds(calls[n])[0])
    ours = times.pop("dvar")
    times |= {n: [took] * len(ours) for n, (_, took) in found.items() if n not in calls}
    ratios = {n: statistics.median(a / b for a, b in zip(t, ours)) for n, t in times.items()}
    told = "".join(f"  {n} {statistics.median(times[n]):.2f} s ({r:.3g}×)" for n, r in sorted(ratios.items(), key=lambda p: p[1]))
    best = f"{min(ratios.values()):.3g}× the best peer" if ratios else "no peer"
    how = getattr(job.dvar(), "method", "")
    print(f"{name:<24}{statistics.median(ours):8.3f} s by {how}, gap {gap:.0e}: {best}{told}", flush=True)
    for note in notes:
        print(f"{'':<24}{note}")


ROWS: dict[str, Callable[[Any], Job]] = {
    "dense 1M × 28": partial(dense, 1_000_000, 28), "dense 200k × 100": partial(dense, 200_000, 100),
    "dense 20k × 2,000": partial(dense, 20_000, 2000), "sparse 100k × 50,000": sparse, "flights": flights, "census": census,
    "softmax 500k × 50": softmax, "Poisson 1M × 30": poisson, "quantile 20k × 20": quantile,
    "l1 path 200k × 100": path,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flights", metavar="FILE", help="without it this row is left out")
    parser.add_argument("--census", metavar="FILE", help="without it this row is left out")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose names hold it")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds that the tries of a peer may take")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of examples; 0.01 tries the script out")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # peers warn of iterations that end; here the objective judges
    for module in sorted(MISSING):
        print(f"{module} is missing and skipped")
    for name, made in ROWS.items():
        if options.only.lower() not in name.lower():
            continue
        if name in ("flights", "census") and not getattr(options, name):
            print(f"{name:<24}skipped: no --{name} FILE was given")
            continue
        row(name, made(options), options)


if __name__ == "__main__":
    main()
