"""A part of the rows from all over the data, where these are so many that it tells about every parameter."""

from __future__ import annotations

import numpy as np

from .objective import Part, Problem

PART, FEW, LARGE = 16, 20, 50_000  # one row in so many, and so many for each parameter; where there are so many examples
RUNS = 32  # of rows from all over the data, at the most


def part_of(problem: Problem, size: int) -> tuple[Part, int] | None:
    """The objective over runs of rows from all over the data, and how many these are; None where there are too few to tell of so
    many parameters in a small part of the time."""
    rows = runs_of(problem.examples, size)
    return None if rows is None else (Part(problem.smooth, rows), sum(run.stop - run.start for run in rows))


def runs_of(m: int, size: int) -> list[slice] | None:
    """Runs of rows from all over m, a small part of them that tells about so many parameters; None where there is none."""
    if not has_part(m, size):
        return None
    count = max(m // PART, FEW * size)
    runs = int(np.clip(count // max(4 * size, 512), 4, RUNS))
    return [slice(lo, lo + count // runs) for lo in np.linspace(0, m - count // runs, runs).astype(int).tolist()]


def has_part(m: int, size: int) -> bool:
    """Whether a small part of m rows tells about so many parameters."""
    return m >= LARGE and FEW * size <= m // 8
