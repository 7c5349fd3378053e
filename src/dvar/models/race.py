"""A race: the programs that one graph writes, on the same data. They must agree before they are timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..data import features as asked
from ..data.encoding import Encoding
from ..data.reading import read
from ..data.source import Source
from ..errors import DvarError, many
from ..vectorize.cost import Cost
from . import target as targets
from .named import LOGISTIC

PROGRAMS = {"loop": "plain Python, a for-loop over rows", "numpy": "NumPy, vectorised",
            "fused": "compiled, blocks of rows on threads"}
CLOSE = 1e-9  # how far programs may differ, relative to the largest derivative: they add in another order
SECONDS = 0.3  # a program is called again for about so long; its fastest call counts


class Race(NamedTuple):
    """The seconds of each program's fastest call, and of its first, writing and compiling included."""

    seconds: dict[str, float]
    first: dict[str, float]
    apart: float  # how far their answers are, relative to the largest derivative


def raced(cost: Cost) -> Race:
    """The programs of a cost. Raises DvarError where they do not agree."""
    values = list(cost.named(np.random.default_rng(0).normal(size=cost.size) * 0.1).values())
    answers, best, first = zip(*(timed(cost, name, values) for name in PROGRAMS))
    size = max(float(np.max(np.abs(answers[0]))), 1e-300)
    apart = float(np.max(np.abs(np.array(answers) - answers[0]))) / size
    if not apart <= CLOSE:
        raise DvarError(f"the programs differ by {apart:.2g} of the largest derivative", "this should not be: please report it")
    return Race(dict(zip(PROGRAMS, best)), dict(zip(PROGRAMS, first)), apart)


def made_up(rows: int) -> tuple[Cost, str]:
    """A cost to race on, and what it is of."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(rows, 20))
    y = (X @ rng.normal(size=20) + rng.logistic(size=rows) > 0).astype(float)
    return Cost(LOGISTIC.graph, {"x": X, "y": y}), "logistic regression of made-up numbers"


def of_table(file: str, target: str, features: str | None, rows: int, say: Callable[[str], None]) -> tuple[Cost, str]:
    """The same of the first rows of a table whose target is known."""
    table = read(file, say=say)
    y, known, label = targets.read(table, target, True, None)
    some = np.flatnonzero(known)[:rows]
    wanted = asked.chosen(asked.split(features), table.column_names, targets.columns(table, target))
    source = Source(table, some)
    x = Encoding.learn(source, wanted, reference=True).encode(source)
    if len(some) < known.sum():
        say(f"the first {len(some):,} of {many(int(known.sum()), 'row')} run; --rows takes more")
    return Cost(LOGISTIC.graph, {"x": x, "y": y[some]}), f"logistic regression of {target} = {label}"


def timed(cost: Cost, name: str, values: list[Any]) -> tuple[Any, float, float]:
    """What a program answers, raveled; the seconds of its fastest call, and of its first."""
    start = time.perf_counter()
    program = cost.program(name)
    answer = np.concatenate([np.ravel(part) for part in program(*values)])
    first = time.perf_counter() - start
    best, spent = first, 0.0
    while spent < SECONDS:
        start = time.perf_counter()
        program(*values)
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return answer, best, first
