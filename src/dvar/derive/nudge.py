"""Numeric derivatives by nudging: the slope a beginner measures, and the check of a gradient against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import UsageError, nearest
from ..expression.graph import Graph
from .passes import Pass, run, show


class Slope(NamedTuple):
    """How far f moves when one input is nudged by a little, beside the derivative that the chain rule gives there."""

    of: str
    at: float
    nudge: float
    value: float  # f(a)
    nudged: float  # f(a + nudge)
    slope: float  # (nudged − value)/nudge
    derivative: float

    def __str__(self) -> str:
        return (
            f"at {self.of} = {show(self.at)}:  f = {self.value!r}\n"
            f"nudge {self.of} by {self.nudge!r}:  f = {self.nudged!r}\n"
            f"slope = (f after − f before) / nudge = {self.slope!r}\n"
            f"derivative = {self.derivative!r}"
        )


def slope(graph: Graph, given: dict[str, Any], nudge: float = 0.001, of: str | None = None) -> Slope:
    """Nudge one input of a graph of scalars. Raises UsageError where it is not clear which, or the nudge is not usable."""
    scalars = [n for n in graph.inputs if np.ndim(given[n]) == 0]
    if of is None:
        if len(graph.inputs) != 1 or not scalars:
            raise UsageError(f"there are {len(graph.inputs)} inputs: {', '.join(graph.inputs)}", 'say which, of="a"')
        of = graph.inputs[0]
    if of not in scalars:
        raise UsageError(f"{of!r} is not a scalar input{nearest(of, scalars)}")
    at, nudge = float(given[of]), float(nudge)
    if not np.isfinite(nudge) or nudge == 0 or at + nudge == at:
        raise UsageError(f"a nudge of {nudge!r} does not move {of} = {at!r}", "give a small number that does, such as 0.001")
    before = Pass(graph, given)
    after = run(graph, (), {**given, of: at + nudge})
    return Slope(of, at, nudge, before.value, after, (after - before.value) / nudge, before.d[of])


class Row(NamedTuple):
    name: str  # of the input, with its index where it is an array
    derivative: float
    nudged: float  # the numeric derivative
    error: float  # how far apart, beyond what the numeric one is unsure of, relative to their size
    kink: bool  # the slopes to the left and to the right differ


@dataclass(frozen=True, repr=False)
class Check:
    """Every input nudged. `ok` where back-propagation and nudging agree; `worst` is the input that agrees least."""

    rows: tuple[Row, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        return all(r.kink or r.error <= self.tolerance for r in self.rows)

    @property
    def worst(self) -> Row | None:
        return max(self.rows, key=lambda r: (not r.kink, r.error), default=None)

    def __repr__(self) -> str:
        width = max([5, *(len(r.name) for r in self.rows)])
        lines = [f"{'input':<{width}}  {'back-propagation':>22}  {'nudging':>22}"]
        for r in self.rows:
            verdict = "a kink: its slopes differ" if r.kink else "agree" if r.error <= self.tolerance else "DIFFER"
            lines.append(f"{r.name:<{width}}  {r.derivative:>22.15g}  {r.nudged:>22.15g}  {verdict}")
        return "\n".join(lines)


def check(graph: Graph, given: dict[str, Any], tolerance: float = 1e-6) -> Check:
    """Nudge every element of every input and compare with back-propagation.

    Central differences with Ridders' extrapolation ("Accurate computation of F′(x) and F′(x)F″(x)", Advances in
    Engineering Software 4, 1982), which also says how sure it is.
    """
    d = Pass(graph, given).d
    rows = []
    for name in graph.inputs:
        for index in np.ndindex(np.shape(given[name])):

            def moved(value: float, name: str = name, index: tuple[int, ...] = index) -> float:
                array = np.array(given[name], dtype=np.float64)
                array[index] = value
                return float(run(graph, (), {**given, name: array}))

            at, exact = float(given[name][index]), float(np.asarray(d[name])[index])
            nudged, unsure = ridders(moved, at)
            size = max(abs(exact), abs(nudged), 1e-300)
            error = max(0.0, abs(exact - nudged) - unsure) / size if np.isfinite(exact - nudged) else np.inf
            kink = error > tolerance and is_kink(moved, at)
            label = name + (f"[{', '.join(map(str, index))}]" if index else "")
            rows.append(Row(label, exact, nudged, error, kink))
    return Check(tuple(rows), tolerance)


def ridders(f: Callable[[float], float], x: float) -> tuple[float, float]:
    """f′(x) and an estimate of its error: central differences with shrinking steps, extrapolated to step zero."""
    best, unsure = np.nan, np.inf
    step = 0.01 * max(abs(x), 1e-3)
    noise = 8 * np.finfo(float).eps * abs(f(x))
    table: list[list[float]] = []
    for i in range(14):
        h = step / 4.0**i
        row = [(f(x + h) - f(x - h)) / ((x + h) - (x - h))]
        if not np.isfinite(row[0]):  # so large a step leaves the domain
            table = []
            continue
        for j in range(1, len(table) + 1):
            row.append(row[j - 1] + (row[j - 1] - table[-1][j - 1]) / (16.0**j - 1))
            spread = max(abs(row[j] - row[j - 1]), abs(row[j] - table[-1][j - 1])) + noise / h
            if spread < unsure:
                best, unsure = row[j], spread
        table.append(row)
    return best, unsure


def is_kink(f: Callable[[float], float], x: float) -> bool:
    """The slopes measured to the left and to the right stay apart as the step shrinks."""
    h = 1e-6 * max(abs(x), 1e-3)
    gaps = []
    for step in (h, h / 16):
        right, left = (f(x + step) - f(x)) / step, (f(x) - f(x - step)) / step
        gaps.append(abs(right - left))
    return bool(gaps[1] > 0.5 * gaps[0] and gaps[0] > 1e-3 * max(abs(right), abs(left)))
