"""m examples to play with: a cost over points or a table, its programs side by side, and gradient descent one step at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from ..data import table as tables
from ..data.columns import Number
from ..data.encoding import Encoding
from ..data.source import Source
from ..errors import DvarError, UsageError, many
from ..models.named import LOGISTIC
from ..vectorize.cost import Cost

SAMPLE = Path(__file__).parent / "web" / "flights.parquet"  # 4,000 rows of those that examples/make_flights.py makes
FEATURES = ("distance", "hour", "month", "carrier", "temp", "wind_speed", "precip")
LOOPED, CELLS = 5_000, 250_000  # rows that the plain loop runs over, and numbers in them; more would keep a person waiting
STEPS = 1000  # of one request at the most


@dataclass
class Trial:
    """A logistic cost and where gradient descent stands on it. `names` are the coefficients', the intercept apart."""

    cost: Cost
    names: tuple[str, ...]
    theta: Any = None
    costs: list[float] = field(default_factory=list)
    lock: Any = field(default_factory=RLock)  # requests come on several threads

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> dict[str, Any]:
        with self.lock:
            self.theta = np.zeros(self.cost.size)
            self.costs = [self.cost.value_gradient(self.theta)[0]]
            return self.told()

    def told(self) -> dict[str, Any]:
        """What a page shows, as JSON."""
        parameters = self.cost.named(self.theta)
        return {
            "m": self.cost.m, "n": len(self.names), "names": list(self.names), "w": np.ravel(parameters["w"]).tolist(),
            "b": float(parameters["b"]), "costs": [None if not math.isfinite(c) else c for c in self.costs[-STEPS:]],
            "steps": len(self.costs) - 1,
        }

    def descend(self, rate: float, steps: int) -> dict[str, Any]:
        """w := w − α·dw, so many times; it ends where the cost is no longer finite."""
        if not (math.isfinite(rate) and rate > 0 and 1 <= steps <= STEPS):
            raise UsageError(f"the rate is {rate!r} and the steps are {steps!r}", f"a positive rate, and 1 to {STEPS:,} steps")
        with self.lock, np.errstate(all="ignore"):  # a rate far too high is told, not warned of
            before, slope = len(self.costs), self.cost.value_gradient(self.theta)[1]
            for _ in range(steps):
                moved = self.theta - rate * slope
                value, slope = self.cost.value_gradient(moved) if np.isfinite(moved).all() else (math.inf, slope)
                if not math.isfinite(value):
                    self.costs.append(math.inf)
                    break
                self.theta = moved
                self.costs.append(value)
            return {**self.told(), "costs": [None if not math.isfinite(c) else c for c in self.costs[before:]]}

    def race(self) -> list[dict[str, Any]]:
        """Value and gradient by each program: the seconds of a pass on this machine, and how far its answer is from NumPy's."""
        rows = max(1, min(LOOPED, CELLS // max(1, len(self.names))))
        few = self.cost if self.cost.m <= rows else self.part(rows)
        parameters, found = self.cost.named(self.theta), list[dict[str, Any]]()
        for target, cost in {"loop": few, "numpy": self.cost, "fused": self.cost}.items():
            run = cost.program(target)
            answer, seconds = timed(run, parameters)
            same = cost.program("numpy")(parameters)
            differs = max(float(np.max(np.abs(np.subtract(a, b)))) for a, b in zip(answer, same))
            found.append({"program": run.target, "asked": target, "m": cost.m, "seconds": seconds, "cost": answer[0],
                          "differs": differs})
        return found

    def part(self, rows: int) -> Cost:
        """The cost of the first rows alone."""
        return Cost(self.cost.loss, {n: v[slice(0, rows)] for n, v in self.cost.data.items()})


def timed(run: Any, parameters: dict[str, Any]) -> tuple[tuple[Any, ...], float]:
    """The answer, and the shortest of some passes after a first one, which may have to compile."""
    answer, best = run(parameters), math.inf
    ended = time.perf_counter() + 0.15
    while True:
        started = time.perf_counter()
        run(parameters)
        best = min(best, time.perf_counter() - started)
        if time.perf_counter() > ended:
            return answer, best


def of_points(points: Sequence[Sequence[float]]) -> Trial:
    """Points of a plane, each (x1, x2, y) with y 0 or 1."""
    array = np.asarray(points, dtype=np.float64).reshape(-1, 3) if len(points) else np.zeros((0, 3))
    if len(array) < 2:
        raise UsageError(f"{many(len(array), 'point')} cannot be learned from", "click some of each kind")
    if not (np.isfinite(array).all() and np.isin(array[:, 2], (0, 1)).all()):
        raise UsageError("a point is x1, x2 and 0 or 1")
    return Trial(Cost(LOGISTIC.graph, {"x": np.ascontiguousarray(array[:, :2]), "y": array[:, 2].copy()}), ("x1", "x2"))


def of_table(table: Any, target: str, features: Sequence[str] | None = None, standardise: bool = True) -> Trial:
    """A table with a yes/no target; its features on a common scale, or as they are. Raises UsageError and DvarError."""
    names = [c for c in table.column_names if c != target] if features is None else list(features)
    y, known, _ = tables.target(table, target, None)
    source = Source(table, np.flatnonzero(known))
    encoding = Encoding.learn(source, names, reference=True)
    if not standardise:
        parts = tuple(replace(p, shift=0.0, scale=1.0) if isinstance(p, Number) else p for p in encoding.parts)
        encoding = replace(encoding, parts=parts)
    return Trial(Cost(LOGISTIC.graph, {"x": encoding.encode(source), "y": y[source.rows]}), tuple(encoding.names))


@cache
def sample() -> Any:
    """The flights that come with dvar, 4,000 rows."""
    return tables.read(SAMPLE)


def of_flights(standardise: bool = True) -> Trial:
    return of_table(sample(), "late", FEATURES, standardise)


def of_csv(text: bytes, target: str, standardise: bool = True) -> Trial:
    """A table that a person brought, as CSV; the last column is the target unless one is named."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_bytes(text)
        try:
            table = tables.read(path)
        except (UsageError, DvarError) as error:
            raise type(error)(error.what.replace(str(path), "the table"), error.help) from None
    return of_table(table, target or table.column_names[-1], None, standardise)
