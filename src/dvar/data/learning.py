"""What a column of the training rows becomes: a standardised number, a category's levels, a slope at each level, or nothing.

What is left out is answered with its reason. Nothing is copied but what is derived.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import frexp, fsum, sqrt
from sys import float_info
from typing import Any

import numpy as np

from ..errors import DvarError, many
from . import features as named
from . import table as tables
from .columns import BLOCK, Category, Number, Part
from .source import Source
from .within import Rest, Slope, within

STRETCH = 1 << 18  # rows whose moments are found together: threads wait for each other between operations
CHANGES = 32  # rows on average, and more, in which a mask stays as it is, are jumped over rather than gone through
LARGE = 400  # a power of two; numbers beyond it, or below its inverse, are scaled
IDENTIFIER = 100  # levels, each in one row only, that are not worth keeping for the sake of the rows without one
MOST_SLOPES = 100  # levels that a number has slopes of their own at: each is a column of numbers
MAX_LEVELS = 1000  # of a category, unless said otherwise; the rest, the rarest, become one
OTHER_LEVEL = "(other)"  # a level of this name takes every text that is no level


@dataclass(frozen=True)
class Joint(Category):
    """Categories' levels together, beside the categories themselves: those with a reference (`base`) have no coefficient."""

    base: tuple[str, ...]


OTHER = {
    "nothing": "all missing",
    "timestamp": "a date or time ({0}), neither number nor category; ask for hour({1}), weekday({1}), month({1}) or year({1})",
    "date": "a date ({0}), neither number nor category; ask for weekday({1}), month({1}) or year({1})",
    "time": "a time of day ({0}), neither number nor category; ask for hour({1})",
    "other": "of type {}, neither number nor category",
}


def learn_number(
    name: str, x: np.ndarray, gaps: np.ndarray | None, centre: bool, weight: np.ndarray | None = None
) -> Number | str:
    """How to read a column of numbers, or why it is left out; `weight` is positive, as many as rows."""
    if len(x) == 0 or (gaps is not None and gaps.all()):
        return "all missing"
    low, high, mean, scale = moments(x, gaps, weight)
    if float(low) == float(high):
        same = str(low) if low == high else f"from {low} to {high}, one number in float64"
        return f"always {same}" + ("" if gaps is None else " where it is known")
    return Number(name, mean, scale, mean if centre else 0.0)


def moments(
    x: np.ndarray, gaps: np.ndarray | None, weight: np.ndarray | None = None, unit: float = 1.0
) -> tuple[Any, Any, float, float]:
    """Of the numbers that are known, of which there is at least one: the least and the largest, mean and population standard
    deviation, weighted where `weight` is given: of each stretch in two passes of float64, corrected by what its first mean
    leaves over, then of the stretches together (Chan, Golub & LeVeque, The American Statistician 37, 1983).

    Very large and very small numbers are divided by a `unit`, a power of two, so that no sum or square over- or underflows.
    """
    lows, highs, totals, means, squares = [], [], [], [], []
    with np.errstate(all="ignore"):
        for lo in range(0, len(x), STRETCH):
            some, w = x[lo : lo + STRETCH], None if weight is None else weight[lo : lo + STRETCH]
            if gaps is not None:
                known = ~gaps[lo : lo + STRETCH]
                some, w = kept(some, known), None if w is None else kept(w, known)
            if not len(some):
                continue
            lows.append(some.min())
            highs.append(some.max())
            block = room()[: len(some)]
            block[:] = some
            if unit != 1.0:
                block /= unit
            total = len(block) if w is None else float(w.sum())
            mean = float((block if w is None else w * block).sum()) / total
            block -= mean
            weighted = block if w is None else w * block
            over = float(weighted.sum()) / total
            weighted *= block
            totals.append(total)
            means.append(mean + over)
            squares.append(float(weighted.sum()) - total * over * over)  # which may be infinite before it is scaled
    low, high = min(lows), max(highs)
    exponent = frexp(max(abs(float(low)), abs(float(high))))[1]
    if unit == 1.0 and abs(exponent) >= LARGE:
        return moments(x, gaps, weight, 2.0 ** min(max(exponent, -1000), 1000))
    total = fsum(totals)
    mean = fsum(t * m for t, m in zip(totals, means)) / total
    variance = fsum(s + t * (m - mean) ** 2 for t, m, s in zip(totals, means, squares)) / total
    return low, high, mean * unit, max(sqrt(max(variance, 0.0)) * unit, float_info.min)


ROOM = threading.local()


def room() -> np.ndarray:
    """A stretch of float64 that each thread writes into again and again: new memory takes longer to get than to fill."""
    if not hasattr(ROOM, "numbers"):
        ROOM.numbers = np.empty(STRETCH)
    found: np.ndarray = ROOM.numbers
    return found


def kept(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The known of some numbers: indexing by a mask is the faster way where it hardly ever changes."""
    return x[known] if np.count_nonzero(known[1:] != known[:-1]) < len(x) / CHANGES else x.compress(known)


def learn_category(
    name: str, column: tables.Levels, reference: bool, max_levels: int = MAX_LEVELS, weight: np.ndarray | None = None
) -> Category | str:
    """How to read a column of categories, or why it is left out. What is frequent is told by `weight` where it is given."""
    *used, missing = used_levels(column)
    rows = len(column.codes)
    levels = [text for text, seen in zip(column.texts, used) if seen]
    if not levels:
        return "all missing"
    if len(levels) == 1 and not missing:
        return f"always {levels[0]!r}"
    if len(levels) == rows or (len(levels) > IDENTIFIER and len(levels) == np.count_nonzero(column.codes >= 0)):
        return f"{many(len(levels), 'level')} in {many(rows, 'row')}: it looks like an identifier"
    levels = levels if column.ordered else sorted(levels)
    if len(levels) > max_levels:
        count = dict(zip(column.texts, np.bincount(column.codes + 1, weight)[1:].tolist()))
        kept = set(sorted(levels, key=lambda level: -count[level])[:max_levels])
        levels = [level for level in levels if level in kept and level != OTHER_LEVEL] + [OTHER_LEVEL]
    return Category(name, tuple(levels), missing, reference)


def levels_of(source: Source, name: str) -> tables.Levels:
    """The levels of a column that is a category."""
    levels = source.levels(name)
    assert levels is not None
    return levels


def used_levels(column: tables.Levels) -> list[bool]:
    """Whether each text is some row's, and at the end whether some row is missing."""
    codes, count = column.codes, len(column.texts)
    if column.all_used:
        return [True] * count + [bool(len(codes)) and bool(codes.min() < 0)]
    if codes.itemsize == 1:  # nothing finds a byte as fast as the C library
        every = codes.tobytes()
        return [code in every for code in (*range(count), 255)]
    used = np.zeros(count + 1, bool)
    while len(codes):
        used[codes[:BLOCK]] = True
        codes = codes[BLOCK:]
        if used[:-1].all():
            used[-1] |= bool(len(codes)) and codes.min() < 0
            break
    found: list[bool] = used.tolist()
    return found


def learn(
    source: Source, name: str, wanted: Sequence[str], reference: bool, centre: bool, max_levels: int,
    weight: np.ndarray | None = None,
) -> tuple[list[Part], np.ndarray | None, dict[str, str]]:
    """A column's part, where its number is missing, and what is left out."""
    column = source.column(name)
    how = tables.kind(column.type)
    learned: Part | str
    gaps = None
    dropped: dict[str, str] = {}
    if how == "number":
        x, gaps = source.numbers(name)
        learned = learn_number(name, x, gaps, centre, weight)
    elif how == "category":
        levels = levels_of(source, name)
        learned = learn_category(name, levels, reference, max_levels, weight)
        if isinstance(learned, Category):
            if len(learned.levels) >= max_levels and (count := sum(used_levels(levels)[:-1])) > max_levels:
                dropped[f"{name} levels"] = f"the {count - max_levels:,} rarest of {count:,} are one level, {OTHER_LEVEL}"
            factors = [] if source.table.schema.get_all_field_indices(name) else named.factors(name, ())
            if factors and reference and all(f in wanted for f in factors):
                learned = beside_its_factors(source, learned, factors)
    else:
        of = str(column.type)
        when = next((kind for kind in ("timestamp", "date", "time") if of.startswith(kind)), "other") if how == "time" else how
        learned = OTHER[when].format(of, name)  # a duration has no hour and no month
    return ([], gaps, {**dropped, name: learned}) if isinstance(learned, str) else ([learned], gaps, dropped)


def beside_its_factors(source: Source, part: Category, factors: Sequence[str]) -> Joint | str:
    """A product of categories that are features themselves: a combination with any one's reference is told by the others."""
    first = []
    for factor in factors:
        found = levels_of(source, factor)
        used = [found.texts[c] for c in np.unique(found.codes[found.codes >= 0])]
        first.append(used[0] if found.ordered else min(used))
    base = tuple(level for level in part.levels if any(a == b for a, b in zip(_cut(level, len(factors)), first)))
    rest = tuple(level for level in part.levels if level not in base)
    return Joint(part.column, rest, part.missing, False, base) if rest else "every combination holds a reference level"


def _cut(level: str, count: int) -> list[str]:
    return level.split(":", count - 1)


def learn_slopes(
    source: Source, numeric: str, levelled: str, reference: bool, centre: bool, max_levels: int,
    weight: np.ndarray | None = None,
) -> tuple[list[Part], np.ndarray | None, dict[str, str]]:
    """A slope of the numbers at each level; at all but the first where the numbers are a feature themselves."""
    name = f"{numeric}:{levelled}"
    x, gaps = source.numbers(numeric)
    levels = levels_of(source, levelled)
    category = learn_category(levelled, levels, reference, max_levels, weight)
    if isinstance(category, str):
        return [], None, {name: category}
    if len(category.levels) > MOST_SLOPES:
        raise DvarError(f"{name} would be {many(len(category.levels), 'column')} of numbers, one for each level of {levelled}",
                        f"up to {MOST_SLOPES} are made; leave it out, or take fewer with --max-levels {MOST_SLOPES - 1}")
    parts: list[Part] = []
    dropped: dict[str, str] = {}
    plain = Slope(numeric, 0.0, 1.0, 0.0, levelled, None)
    slopes = [replace(plain, level=level) for level in category.levels[reference:] if level != OTHER_LEVEL]
    if OTHER_LEVEL in category.levels[reference:]:
        known = tuple(level for level in category.levels if level != OTHER_LEVEL)
        slopes.append(Rest(numeric, 0.0, 1.0, 0.0, levelled, OTHER_LEVEL, known))
    for part in [*slopes, *[plain] * category.missing]:
        learned = learn_number(numeric, *within(x, gaps, levels, part), centre, weight)
        if isinstance(learned, str):
            dropped[part.names[0]] = learned
        else:
            parts.append(replace(part, mean=learned.mean, scale=learned.scale, shift=learned.shift))
    return parts, gaps, dropped
