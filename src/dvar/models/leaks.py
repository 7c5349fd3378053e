"""Leaks: a feature that alone tells the target in every row was often made from it, or is known only afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.columns import Category, Columns, Missing

FEWEST = 10  # rows of each answer; below, a feature may well tell them by chance


def leaks(columns: Columns, y: Any) -> list[str]:
    """The columns of which one alone separates y = 1 from y = 0, (m,): by a threshold, by levels, or by being missing."""
    yes = y == 1
    if min(np.count_nonzero(yes), np.count_nonzero(~yes)) < FEWEST:
        return []
    found = []
    for part, x, gaps in zip(columns.encoding.parts, columns.data, columns.gaps):
        if isinstance(part, Category):
            told = by_level(x, yes)
        elif isinstance(part, Missing):
            told = bool((x == yes).all() or (x != yes).all())
        else:
            told = (gaps is None or not gaps.any()) and apart(x[yes], x[~yes])
        if told:
            found.append(f"{part.column} missing" if isinstance(part, Missing) else part.column)
    return found


def apart(a: Any, b: Any) -> bool:
    """Whether a threshold lies between all of a and all of b."""
    return bool(a.min() > b.max() or a.max() < b.min())


def by_level(codes: Any, yes: Any) -> bool:
    """Whether each level has one answer only, and levels are few beside rows."""
    counts = np.bincount(codes.astype(np.intp) * 2 + yes, minlength=2).astype(np.int64)
    counts = np.append(counts, 0) if len(counts) % 2 else counts
    used = counts.reshape(-1, 2)
    used = used[used.any(axis=1)]
    return bool((used.min(axis=1) == 0).all() and len(used) * FEWEST <= len(codes))
