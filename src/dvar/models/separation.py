"""Separation: directions in which the loss of no row rises and that of some falls for ever, so that there is no finite optimum.

Albert & Anderson, "On the existence of maximum likelihood estimates in logistic regression models", Biometrika 71 (1984): perfect
where the direction tells every row, quasi-complete where some rows stay undecided. A parameter alone is looked at first; what is
left is looked for among the directions whose curvature has vanished.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..data.columns import Category, Columns
from ..descend.curvature import directions_of, vanished
from ..descend.fit import Fit
from ..descend.part import runs_of
from ..vectorize.by_example import ByExample, by_example
from ..vectorize.cost import Cost
from .covariance import inverse, weights
from .named import picks

VANISHED = 1e-6  # curvature below this share of that at 0; what has it is looked at row by row
LITTLE = 1e-3  # the same for parameters alone, which are looked at exactly
MOVED = 1e-7  # of the largest move: a row that moves less stays
STEPS = 60  # of the search for a direction that several parameters make together
REACH = 60.0  # beyond, a row's share of that search is rounding
MOST = 50_000  # different rows in it
AT_ONCE = 1 << 21  # numbers of rows looked at along several directions at once
FAR = 100.0  # units of a parameter: where the loss is not convex its slopes must hold as far as that
SAME = 1e-10  # of the cost: by less it does not change
LEAST = 1e-290  # slopes below have no more digits


def ruled_out(cost: Cost, theta: Any) -> bool:
    """Whether a part of the rows tells that nothing separates: a direction that does has next to no curvature left in any row.
    Where the part had none at the start no row of it is moved; whether others are, all rows are asked there."""
    runs, zero = runs_of(cost.m, cost.size), np.zeros(cost.size)
    if runs is None:
        return False
    first, _, start = cost.value_gradient_hessian(zero, runs)
    now = cost.value_gradient_hessian(theta, runs)[2]
    if not (np.isfinite(now).all() and np.isfinite(start).all()) or vanished(now, start, LITTLE)[0].size:
        return False
    found = inverse(start)
    if not found.blind.size:
        return True
    moved = found.blind @ np.random.default_rng(0).normal(size=found.blind.shape[1])
    before, after = (cost.value_gradient(at)[0] for at in (zero, moved))
    return bool(abs(after - before) <= SAME * abs(first))


def told_at_once(cost: Cost, theta: Any) -> bool:
    """Whether twice the parameters lower the loss of every row, of so many rows and of several classes that looking for a shorter
    direction takes longer than the fit."""
    if not cost.convex or runs_of(cost.m, cost.size) is None or not picks(cost.loss):
        return False
    before, after = (cost.per_example(share * theta) for share in (1.0, 2.0))
    return bool(((after < before) | (after == 0))[weights(cost) > 0].all())


def looked_for(each: ByExample, first: ByExample, theta: Any) -> tuple[dict[int, Any], list[int], Any, Any]:
    """The parameters that alone tell rows, and which (m,); others along whose directions (P, k) the curvature has vanished, these
    directions, and the parameters' units (P,)."""
    cost = each.cost
    start, now = (cost.total * cost.value_gradient_hessian(at)[2] for at in (np.zeros(cost.size), theta))
    if not np.isfinite(start).all():
        return {}, [], np.zeros((cost.size, 0)), np.ones(cost.size)
    little, units, _ = vanished(now, start, LITTLE)
    alone = falling((each, first), directions_of(little))
    if not cost.convex:  # then slopes tell of the next step only
        ways = {k: FAR * units * (np.arange(cost.size) == k) for k in alone}
        alone = {k: alone[k] for k, way in ways.items() if steady(each, theta, way) or steady(each, theta, -way)}
    told = list(alone)
    start[told], start[:, told] = 0.0, 0.0  # what is told alone is not told again
    directions, units, _ = vanished(now, start, VANISHED)
    return alone, list(directions_of(directions)), units[:, None] * directions, units


def without_optimum(cost: Cost, fit: Any) -> tuple[int, ...]:
    """The parameters without finite optimum, by position: those that the fit found so; of a fit by a method that does not look,
    or of parameters given by name, those along whose directions no row's loss rises."""
    if isinstance(fit, Fit) and (fit.flat or fit.method == "newton"):
        return fit.flat
    theta = cost.flat(fit.params if isinstance(fit, Fit) else fit)
    if ruled_out(cost, theta):
        return ()
    each, start = ends(cost, theta)
    alone, left, directions, _ = looked_for(each, start, theta)
    sure = directions.size and certificate(each, theta, directions) is not None
    return tuple(sorted({*alone, *(left if sure else ())}))


def slot_of(each: ByExample, k: int) -> int:
    return next(a for a, s in enumerate(each.slots) if k in s.parameters)


def ends(cost: Cost, theta: Any) -> tuple[ByExample, ByExample]:
    """The derivatives at the fit and at the start; where a row's slopes at the fit are too small to be told from 0, those at the
    start, of the same signs."""
    each, start = by_example(cost, theta), by_example(cost, np.zeros(cost.size))
    lost = np.abs(each.slopes).max(axis=0) < LEAST
    return replace(each, slopes=np.where(lost, start.slopes, each.slopes)), start


def falling(ends: Sequence[ByExample], which: Sequence[int]) -> dict[int, Any]:
    """The parameters of `which` along ± which alone some rows' losses fall and none rises, and the rows that fall (m,). Asked at
    the fit and at the start: of many classes a row's slope by one may be lost at the fit beside its slope by another."""
    shares, found = np.stack([share_of(each) for each in ends]), {}
    held = levels_held(ends[0], shares)
    for k, x in features(ends[0], [k for k in which if k not in held]):
        fall = shares[:, slot_of(ends[0], k)] * x
        fall[np.abs(fall) <= MOVED * np.abs(fall).max(axis=1, initial=0.0, keepdims=True)] = 0.0
        if fall.any() and not fall.min() < 0 < fall.max():
            found[k] = fall.any(axis=0)
    return found


def levels_held(each: ByExample, shares: Any) -> set[int]:
    """The parameters of levels where the losses of some rows fall and those of others rise: `shares` (2, q, m) are counted by
    code, a column at a time. Those where they hardly do are left to be looked at row by row."""
    held: set[int] = set()
    for a, slot in enumerate(each.slots):
        columns = each.cost.data.get(slot.data)
        if not isinstance(columns, Columns):
            continue
        ways = 2 * (shares[:, a] > MOVED).any(axis=0) + (shares[:, a] < -MOVED).any(axis=0)
        for part, at, codes in zip(columns.encoding.parts, columns.encoding.slices, columns.data):
            if isinstance(part, Category):
                seen = np.bincount(4 * np.asarray(codes, np.intp) + ways, minlength=4 * (1 + at.stop - at.start)).reshape(-1, 4)
                both = np.flatnonzero(seen[1:, 2:].any(axis=1) & seen[1:, 1::2].any(axis=1))
                held.update(slot.parameters[k] for k in (at.start + both).tolist())
    return held


def moves(each: ByExample, directions: Any) -> Any:
    """By how much the loss of each row falls along each of the directions (P, k), in units of its own slope: (m, k)."""
    share = share_of(each)
    parts = [np.einsum("am,amk->mk", share, each.along(directions[:, some]))
             for some in batches(range(directions.shape[1]), each)]
    return np.concatenate(parts, axis=1)


def share_of(each: ByExample) -> Any:
    """By how much the loss of each row falls as its slots grow, in units of its largest slope: (q, m)."""
    size = np.abs(each.slopes).max(axis=0)
    counts = (weights(each.cost) > 0) & (size > 0)
    return np.where(counts, -each.slopes / np.where(size > 0, size, 1.0), 0.0)


def batches(which: Sequence[int], each: ByExample) -> Iterator[list[int]]:
    """`which`, so many at a time that what is asked of all rows along them stays small."""
    count = max(AT_ONCE // max(each.slopes.size, 1), 1)
    return (list(which[lo : lo + count]) for lo in range(0, len(which), count))


def certificate(each: ByExample, theta: Any, directions: Any) -> Any:
    """A sum (P,) of the directions along which no row's loss rises and as many as possible fall; None where none is found.

    Newton's method on Σ exp(−fall) over the rows. Its minimum is at a finite place where there is no such sum (Gordan's
    theorem); else each step takes the rows that can fall further by about 1, and those that cannot end where they stay.
    """
    fall = moves(each, directions)
    size = np.abs(fall).max(axis=1, keepdims=True)
    moving = size[:, 0] > MOVED * size.max(initial=0.0)
    rows = np.unique(np.round(fall[moving] / size[moving], 9), axis=0)
    if not len(rows) or len(rows) > MOST:
        return None
    far = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        root = np.exp(-0.5 * np.minimum(rows @ far, REACH))
        step = np.linalg.lstsq(root[:, None] * rows, root, rcond=None)[0]
        far += step / max(1.0, -float((rows @ step).min()))
    falls = rows @ far > STEPS / 2
    if not falls.any():
        return None
    stay = rows[~falls]
    far -= np.linalg.lstsq(stay, stay @ far, rcond=1e-9)[0]
    direction = directions @ far / np.abs(rows[falls] @ far).min()
    return direction if steady(each, theta, direction) else None


def steady(each: ByExample, theta: Any, direction: Any) -> bool:
    """Whether the loss of no row is higher that far along a direction (P,)."""
    before, after = (each.cost.per_example(theta + share * direction) for share in (0.0, 1.0))
    return bool((after <= before + 1e-9 * (1.0 + np.abs(before))).all())


def features(each: ByExample, which: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """Parameters, and what each is multiplied with in each row, (m,)."""
    slots = {k: each.slots[slot_of(each, k)] for k in which}
    typed = {k: x for k, slot in slots.items() if isinstance(x := each.cost.data.get(slot.data), Columns)}
    others = of_arrays(each, [k for k in which if k not in typed])
    yield from ((k, typed[k].feature(slots[k].parameters.index(k)) if k in typed else next(others)) for k in which)


def of_arrays(each: ByExample, which: Sequence[int]) -> Iterator[Any]:
    """The same of arrays, some at a time."""
    for some in batches(which, each):
        direction = np.zeros((each.cost.size, len(some)))
        direction[some, range(len(some))] = 1.0
        moved = np.ascontiguousarray(np.swapaxes(each.along(direction), 1, 2))
        yield from (moved[slot_of(each, k), j] for j, k in enumerate(some))
