"""Slopes of a number within the levels of a category, and the rows at which there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from . import table as tables
from .codes import looked_up
from .columns import Number, Part


@dataclass(frozen=True)
class Slope(Number):
    """A number where the column `within` is at one level (None: where it is missing), else 0: that level's own slope."""

    within: str
    level: str | None

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.column}:{self.within}={'(missing)' if self.level is None else self.level}",)

    def here(self, text: str) -> bool:
        return text == self.level


@dataclass(frozen=True)
class Rest(Slope):
    """The slope of all levels that are not known by name."""

    known: tuple[str, ...]

    def here(self, text: str) -> bool:
        return text not in self.known


def within(
    x: np.ndarray, gaps: np.ndarray | None, levels: tables.Levels | None, part: Slope
) -> tuple[np.ndarray, np.ndarray | None]:
    """The numbers where a slope is that of the row's level, 0 elsewhere, and where they are missing there. Without any levels
    all are missing."""
    texts, codes = ((), np.full(len(x), -1)) if levels is None else (levels.texts, levels.codes)
    here = np.array([*map(part.here, texts), part.level is None]).take(codes)
    return np.where(here, x, 0).astype(np.float64), None if gaps is None else gaps & here


def count_within(
    parts: Sequence[Part], dropped: Mapping[str, str], texts: Mapping[str, tables.Levels | None], rows: int,
    unseen: dict[str, int], missing: dict[str, int],
) -> None:
    """Add to `unseen` and `missing`, by column, the rows of a level, or of none, at which nothing was learned."""
    slopes = [p for p in parts if isinstance(p, Slope)]
    for name in sorted({p.within for p in slopes} - set(unseen)):
        inside = [p for p in slopes if p.within == name]
        left_out = {d.removeprefix(start) for p in inside for d in dropped if d.startswith(start := f"{p.column}:{name}=")}
        known = {p.level for p in inside} | left_out
        levels = texts[name]
        if not known.intersection((None, "(missing)")):
            missing[name] = rows if levels is None else int(np.count_nonzero(levels.codes < 0))
        plain = any(type(p) is Number and p.column == q.column for p in parts for q in inside)  # their reference has no name here
        if levels is not None and not plain and not any(isinstance(p, Rest) for p in inside):
            strange = np.array([text not in known for text in levels.texts] + [False], np.int8)
            unseen[name] = int(np.count_nonzero(looked_up(strange, levels.codes)))
