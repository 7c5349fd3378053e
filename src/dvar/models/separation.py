"""Separation: directions in which the loss of no row rises and that of some falls for ever, so that there is no finite optimum.

Albert & Anderson, "On the existence of maximum likelihood estimates in logistic regression models", Biometrika 71 (1984): perfect
where the direction tells every row, quasi-complete where some rows stay undecided. A parameter alone is looked at first; what is
left is a linear program over the directions whose curvature has vanished (Konis, Linear programming algorithms for detecting
separated data in binary logistic regression models, 2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..descend.curvature import directions_of, vanished
from ..descend.minimize import Fit
from ..vectorize.by_example import ByExample, by_example
from ..vectorize.cost import Cost
from .covariance import information, observed, weights
from .words import listed

VANISHED = 1e-6  # curvature below this share of that at 0; what has it is looked at row by row
MOVED = 1e-7  # of the largest move: a row that moves less stays
REACH = 1e4  # how far a linear program goes for a row
MOST = 50_000  # different rows of a linear program
LEAST = 1e-290  # slopes below have no more digits
DO = "add a penalty (l2)"


def separations(cost: Cost, fit: Fit, names: Sequence[str]) -> list[str]:
    """A sentence for each separation that the fit ran into; none where all its parameters have a finite optimum."""
    if not fit.flat and fit.method == "newton":  # which looks for itself
        return []
    each = signed(cost, fit)
    start, now = information(cost, np.zeros(cost.size)), observed(each)
    said: dict[tuple[str, int], str] = {}  # by column: one sentence, however many classes it has weights for
    left = []
    for k in directions_of(vanished(now, start, VANISHED)[0]):
        direction = np.zeros(cost.size)
        direction[k] = 1.0
        fall = falling(each, direction)
        if fall is not None:
            slot = each.slots[slot_of(each, k)]
            said.setdefault((slot.data, k - slot.place.start), alone_told(each, names, k, fall > 0))
            start[k], start[:, k] = 0.0, 0.0  # what is told alone is not told again
        else:
            left.append(k)
    directions, units, _ = vanished(now, start, VANISHED)
    if left and directions.size:
        return [*said.values(), *together_told(each, units[:, None] * directions, units, left, names)]
    return list(said.values())


def slot_of(each: ByExample, k: int) -> int:
    return next(a for a, s in enumerate(each.slots) if s.place.start <= k < s.place.stop)


def signed(cost: Cost, fit: Fit) -> ByExample:
    """The derivatives at the fit; where a row's slopes are too small to be told from 0, those at the start, of the same signs."""
    each, start = by_example(cost, cost.flat(fit.params)), by_example(cost, np.zeros(cost.size))
    lost = np.abs(each.slopes).max(axis=0) < LEAST
    return replace(each, slopes=np.where(lost, start.slopes, each.slopes))


def falling(each: ByExample, direction: Any) -> Any:
    """How far each row's loss falls along ± the direction, (m,), 0 where it stays; None where some fall and others rise."""
    fall = moves(each, direction[:, None])[:, 0]
    fall[np.abs(fall) <= MOVED * np.abs(fall).max(initial=0.0)] = 0.0
    if not fall.any() or (fall.min() < 0 < fall.max()):
        return None
    return np.abs(fall)


def moves(each: ByExample, directions: Any) -> Any:
    """By how much the loss of each row falls along each of the directions (P, k), in units of its own slope: (m, k)."""
    counts = weights(each.cost) > 0
    size = np.abs(each.slopes).max(axis=0)
    share = np.where(counts & (size > 0), -each.slopes / np.where(size > 0, size, 1.0), 0.0)
    return np.stack([np.einsum("am,am->m", share, each.along(v)) for v in directions.T], axis=1)


def alone_told(each: ByExample, names: Sequence[str], k: int, touched: Any) -> str:
    """A parameter that alone tells the rows it meets."""
    name, rows = names[k], int(touched.sum())
    kind = "perfect separation" if touched[weights(each.cost) > 0].all() else "quasi-complete separation"
    indicator = set(np.unique(feature(each, k))) <= {0.0, 1.0}
    where = f"where {name}" + ("" if indicator and "=" in name else " is 1" if indicator else " is not 0")
    y, all_of_them = values_of_y(each.cost, touched), "the one row" if rows == 1 else f"all {rows:,} rows"
    what = f"y is {y} in {all_of_them} {where}" if y else f"{name} tells y in {all_of_them} {where}"
    do = "merge it with another level, leave it out" if indicator else "leave it out"
    return f"{what} ({kind}), so its coefficient has no finite optimum and the last finite value is shown: {do}, or {DO}"


def together_told(each: ByExample, directions: Any, units: Any, left: Sequence[int], names: Sequence[str]) -> list[str]:
    """What several parameters separate together; `left` are those known to have no finite optimum."""
    direction = certificate(each, directions)
    if direction is None:
        return [f"the loss falls for ever as {listed([names[k] for k in left])} grow, so they have no finite optimum and the "
                f"last finite values are shown: leave some out, or {DO}"] if left else []
    fall, counts = moves(each, direction[:, None])[:, 0], weights(each.cost) > 0
    touched = fall > MOVED * fall.max()
    part = np.abs(direction) / units
    used = [k for k in np.argsort(-part) if part[k] > 1e-6 * part.max()]
    rows, m = int(touched.sum()), int(counts.sum())
    kind = f"all {m:,} rows (perfect separation)" if rows == m else f"{rows:,} of {m:,} rows (quasi-complete separation)"
    features = [k for k in used if any(s.data and s.place.start <= k < s.place.stop for s in each.slots)]
    made = next(filter(None, (threshold(each, k, names[k], touched) for k in features)), "")
    told, y = [names[k] for k in sorted(features)], values_of_y(each.cost, touched)
    if y and not any(feature(each, k)[touched].any() for k in features):  # a reference level
        made = f"y is {y} where {listed(told)} {'is' if len(told) == 1 else 'are all'} 0,"
    made = made or (f"{told[0]} tells y" if len(told) == 1 else f"a sum of {listed(told)} tells y")
    return [f"{made} in {kind}, so there is no finite optimum and the last finite values are shown: leave a column out, or {DO}"]


def certificate(each: ByExample, directions: Any) -> Any:
    """A sum (P,) of the directions along which no row's loss rises and as many as possible fall; None where none is found.

    The sum is scaled so that each row that falls does so by 1 or, within REACH, by what it can: max Σ s, 0 ≤ s ≤ 1, s ≤ fall.
    """
    from scipy.optimize import linprog
    from scipy.sparse import diags_array, hstack

    fall = moves(each, directions)
    size = np.abs(fall).max()
    rows, many = np.unique(np.round(fall[np.abs(fall).max(axis=1) > MOVED * size] / size, 9), axis=0, return_counts=True)
    if not len(rows) or len(rows) > MOST:
        return None
    k = rows.shape[1]
    falls = hstack([-rows, diags_array(np.ones(len(rows)))])
    found = linprog(np.r_[np.zeros(k), -many], A_ub=falls, b_ub=np.full(len(rows), 1e-8 * REACH),
                    bounds=[(-REACH, REACH)] * k + [(0, 1)] * len(rows), method="highs")
    return directions @ found.x[:k] if found.status == 0 and -found.fun > 1e-3 else None


def feature(each: ByExample, k: int) -> Any:
    """What the parameter k is multiplied with in each row, (m,)."""
    one = np.zeros(each.cost.size)
    one[k] = 1.0
    return each.along(one)[slot_of(each, k)]


def threshold(each: ByExample, k: int, name: str, touched: Any) -> str:
    """y = 1 where x > 2.5, if a column and the intercept tell so; else ""."""
    y = np.asarray(each.cost.data["y"]) if "y" in each.cost.data else np.zeros((0, 0))
    if y.ndim != 1 or set(np.unique(y)) != {0, 1}:
        return ""
    x = feature(each, k)[touched]
    no, yes = x[y[touched] == 0], x[y[touched] == 1]
    if not len(no) or not len(yes):
        return ""
    if no.max() <= yes.min():
        return f"y is 1 where {name} is from {yes.min():g} on and 0 up to {no.max():g},"
    if yes.max() <= no.min():
        return f"y is 0 where {name} is from {no.min():g} on and 1 up to {yes.max():g},"
    return ""


def values_of_y(cost: Cost, rows: Any) -> str:
    """The value of y in these rows, where it is the same in all; else ""."""
    y = cost.data.get("y")
    if y is None or len(y.shape) != 1:
        return ""
    found = np.unique(np.asarray(y)[rows])
    return f"{found[0]:g}" if len(found) == 1 else ""
