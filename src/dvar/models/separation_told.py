"""Separation in words: a sentence for each direction along which the loss falls for ever, its columns and the rows it tells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from string import digits
from typing import Any

import numpy as np

from ..data.columns import Columns
from ..descend.fit import Fit
from ..vectorize.by_example import ByExample
from ..vectorize.cost import Cost
from .covariance import weights
from .named import picks
from .separation import MOVED, certificate, ends, features, looked_for, moves, ruled_out, slot_of, told_at_once
from .words import listed

TOLD = 8  # columns that get a sentence of their own
DO = "add a penalty (l2)"


def separations(cost: Cost, fit: Fit, names: Sequence[str], answers: Sequence[str] | None = None) -> list[str]:
    """A sentence for each separation that the fit ran into; none where all its parameters have a finite optimum. `answers` are
    what 0, 1, … of y are called."""
    if not fit.flat and fit.method == "newton":  # which looks for itself
        return []
    theta = cost.flat(fit.params)
    if ruled_out(cost, theta):
        return []
    if told_at_once(cost, theta):
        rows = int(np.count_nonzero(weights(cost)))
        return [f"all columns together tell y in all {rows:,} rows (perfect separation), so there is no finite optimum and the "
                f"last finite values are shown: leave columns out, or {DO}"]
    each, start = ends(cost, theta)
    alone, left, directions, units = looked_for(each, start, theta)
    columns: dict[tuple[str, int], int] = {}  # one sentence, however many classes a column has weights for
    for k in alone:
        slot = each.slots[slot_of(each, k)]
        columns.setdefault((slot.data, slot.parameters.index(k)), k)
    first, more = list(columns.values())[:TOLD], list(columns.values())[TOLD:]
    said = [alone_told(each, names, k, alone[k], answers) for k in first]
    if more:
        them = listed([column_name(each, names, k) for k in more])
        said.append(f"{len(more):,} more columns alone tell y where they are not 0, and have no finite optimum: {them}; "
                    f"merge levels, leave columns out, or {DO}")
    rest = (weights(cost) > 0) & ~np.any([*alone.values()], axis=0) if alone else weights(cost) > 0
    if left and directions.size and rest.any():  # where a parameter tells a row alone, others have nothing to add to it
        said += together_told(each, theta, directions, units, left if fit.flat or cost.convex else (), rest, names, answers)
    return said


def alone_told(each: ByExample, names: Sequence[str], k: int, touched: Any, answers: Sequence[str] | None) -> str:
    """A parameter that alone tells the rows it meets."""
    name, rows = column_name(each, names, k), int(touched.sum())
    kind = "perfect separation" if touched[weights(each.cost) > 0].all() else "quasi-complete separation"
    (_, x), = features(each, [k])
    if not each.slots[slot_of(each, k)].data:
        return (f"the loss of {rows:,} rows falls for ever along {names[k]} and that of none rises, so it has no finite optimum "
                f"and the last finite value is shown: {DO}")
    if shifted(each, k):
        of = () if picks(each.cost.loss) else rows_of(each.cost, touched)
        made = (of and threshold(as_given(each, k, x), name, of, two(answers))) or f"{name} tells y"
        return (f"{made} in {told_rows(each.cost, touched)}, so its coefficient has no finite optimum and the last finite value "
                f"is shown: leave it out, or {DO}")
    indicator = bool(((x == 0) | (x == 1)).all())
    where = f"where {name}" + ("" if indicator and "=" in name else " is 1" if indicator else " is not 0")
    y, all_of_them = values_of_y(each.cost, touched, answers), "the one row" if rows == 1 else f"all {rows:,} rows"
    all_of_them = f"the {rows:,} rows" if y.startswith("never ") and rows > 1 else all_of_them
    what = f"y is {y} in {all_of_them} {where}" if y else f"{name} tells y in {all_of_them} {where}"
    do = "merge it with another level, leave it out" if indicator else "leave it out"
    return f"{what} ({kind}), so its coefficient has no finite optimum and the last finite value is shown: {do}, or {DO}"


def together_told(
    each: ByExample, theta: Any, directions: Any, units: Any, left: Sequence[int], rest: Any, names: Sequence[str],
    answers: Sequence[str] | None,
) -> list[str]:
    """What several parameters separate together; `left` are those known to have no finite optimum, `rest` (m,) the rows that no
    parameter tells alone."""
    direction = certificate(each, theta, directions)
    if direction is None and len(left) == 1:
        return [f"the loss falls for ever as {names[left[0]]} {'grows' if theta[left[0]] > 0 else 'falls'}, so it has no finite "
                f"optimum and the last finite value is shown: leave it out, or {DO}"]
    if direction is None:
        return [f"the loss falls for ever as {listed([names[k] for k in left])} grow, so they have no finite optimum and the "
                f"last finite values are shown: leave some out, or {DO}"] if left else []
    fall = moves(each, direction[:, None])[:, 0]
    touched = fall > MOVED * fall.max()
    if not (touched & rest).any():
        return []
    part = np.abs(direction) / units
    used = [k for k in np.argsort(-part) if part[k] > 1e-6 * part.max()]
    found = [k for k in used if any(s.data and k in s.parameters for s in each.slots)]
    of = () if picks(each.cost.loss) else rows_of(each.cost, touched)
    lines = (threshold(as_given(each, k, x), names[k], of, two(answers)) for k, x in features(each, found) if of)
    made = next(filter(None, lines), "")
    told = list(dict.fromkeys(column_name(each, names, k) for k in sorted(found)))
    y = values_of_y(each.cost, touched, answers)
    where = np.flatnonzero(touched)
    if y and not any(x.take(where).any() for _, x in features(each, found)):  # a reference level
        made = f"y is {y} where {listed(told)} {'is' if len(told) == 1 else 'are all'} 0,"
    made = made or (f"{told[0]} tells y" if len(told) == 1 else f"a sum of {listed(told)} tells y")
    return [f"{made} in {told_rows(each.cost, touched)}, so there is no finite optimum and the last finite values are shown: "
            f"leave a column out, or {DO}"]


def told_rows(cost: Cost, touched: Any) -> str:
    """How many of the rows that count are told (m,), and what that is called."""
    rows, m = int(touched.sum()), int(np.count_nonzero(weights(cost)))
    return f"all {m:,} rows (perfect separation)" if rows == m else f"{rows:,} of {m:,} rows (quasi-complete separation)"


def two(answers: Sequence[str] | None) -> Sequence[str]:
    """What y = 0 and y = 1 are called."""
    return answers if answers is not None and len(answers) == 2 else ("0", "1")


def shifted(each: ByExample, k: int) -> bool:
    """Whether a parameter's column is measured from its mean, so that 0 of it is not 0."""
    slot = each.slots[slot_of(each, k)]
    columns = each.cost.data.get(slot.data)
    return isinstance(columns, Columns) and bool(columns.encoding.units[0][slot.parameters.index(k)])


def as_given(each: ByExample, k: int, x: Any) -> Any:
    """A parameter's column (m,) in its own units; x is as the loss reads it."""
    slot = each.slots[slot_of(each, k)]
    columns = each.cost.data.get(slot.data)
    return columns.as_given(slot.parameters.index(k)) if isinstance(columns, Columns) else x


def threshold(x: Any, name: str, of: Sequence[Any], answers: Sequence[str]) -> str:
    """y = 1 where x > 2.5, if a column x (m,) and the intercept tell so in the rows `of` y = 0 and of y = 1; else ""."""
    no, yes = ((x.take(rows), answer) for rows, answer in zip(of, answers))
    (low, below), (high, above) = (no, yes) if no[0].max() < yes[0].max() else (yes, no)
    if low.max() >= high.min():
        return ""
    if low.min() == low.max() and high.min() == high.max():
        return f"y is {above} where {name} is {high[0]:g} and {below} where it is {low[0]:g},"
    return f"y is {above} where {name} is from {high.min():g} on and {below} up to {low.max():g},"


def rows_of(cost: Cost, touched: Any) -> tuple[Any, ...]:
    """Which of these rows are of y = 0, and which of y = 1; nothing where y is something else, or one of them has none."""
    y = np.asarray(cost.data["y"]) if "y" in cost.data else np.zeros((0, 0))
    if y.ndim != 1 or not ((y == 0) | (y == 1)).all():
        return ()
    found = tuple(np.flatnonzero(touched & (y == value)) for value in (0, 1))
    return found if all(map(len, found)) else ()


def values_of_y(cost: Cost, rows: Any, answers: Sequence[str] | None) -> str:
    """The value of y in these rows, where it is the same in all, or the classes that none has; else ""."""
    y = cost.data.get("y")
    if y is None or len(y.shape) != 1:
        return ""
    y = np.asarray(y)
    found = np.unique(y[rows])

    def called(value: float) -> str:
        return answers[int(value)] if answers is not None else f"{value:g}"

    if len(found) == 1:
        return called(found[0])
    never = np.setdiff1d(np.unique(y), found) if picks(cost.loss) else found[:0]
    return f"never {listed([called(v) for v in never], 5)}" if len(never) else ""


def column_name(each: ByExample, names: Sequence[str], k: int) -> str:
    """The name of a parameter's column: what the names of all classes' weights for it end in."""
    slot = each.slots[slot_of(each, k)]
    if not slot.data:
        return names[k]
    rows = [names[s.parameters[slot.parameters.index(k)]] for s in each.slots if s.data == slot.data]
    if len(rows) == 1:
        return names[k]
    return common(rows) or names[k]


def common(rows: Sequence[str]) -> str:
    """What names of a column's weights for several classes have in common, as x of "10: x" and "20: x", W[:, 0] of "W[0, 0]" and
    "W[1, 0]"."""
    begin, end = shared(rows), shared([name[::-1] for name in rows])[::-1]
    left, right = begin.rstrip(digits), end.lstrip(digits)
    if "[" in left and left.endswith(("[", ", ")) and right.endswith("]") and right.startswith(("]", ", ")):
        return f"{left}:{right}"
    return max(end.partition(": ")[2] or end, begin.rstrip(" ("), key=len)


def shared(texts: Sequence[str]) -> str:
    """What all texts begin with."""
    return "".join(letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, zip(*texts)))
