"""Rows whose level has no slope, where numbers have slopes within a category that is no feature itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .codes import looked_up
from .columns import Number, Part
from .learning import Rest, Slope
from .table import Levels


def count_within(
    parts: Sequence[Part], dropped: Mapping[str, str], texts: Mapping[str, Levels | None], rows: int,
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
