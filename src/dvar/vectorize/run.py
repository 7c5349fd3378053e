"""Runs a program over blocks of rows on threads and adds the partial sums.

Rows are cut into blocks, and blocks into groups, by the data alone, never by the number of threads; the sums of a group are
added in the order of its rows and the groups in theirs, so the same bits come out for any number of threads. BLAS is held
to one thread while blocks run: they are small, and the threads are ours.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import UsageError

ELEMENTS = 1 << 17  # numbers in one block of rows: 1 MiB, so that it stays in the cache between its two halves
ROWS = (256, 16_384)  # the fewest and the most rows of a block
GROUPS = 32  # partial sums kept at once


def partition(m: int, width: int) -> list[list[slice]]:
    """Groups of blocks of rows; `width` is how many numbers a row holds."""
    size = min(max(ELEMENTS // max(width, 1), ROWS[0]), ROWS[1])
    blocks = [slice(lo, min(lo + size, m)) for lo in range(0, m, size)]
    each = -(-len(blocks) // GROUPS) or 1
    return [blocks[k : k + each] for k in range(0, len(blocks), each)]


def thread_count(asked: int | None, best: int | None = None) -> int:
    """What was asked for, else DVAR_THREADS, else `best`, else the cores this process may use. Raises UsageError below 1."""
    wanted = asked if asked is not None else os.environ.get("DVAR_THREADS", best)
    if wanted is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        count = int(wanted)
    except (TypeError, ValueError):
        count = 0
    if count < 1:
        raise UsageError(f"the number of threads is {wanted!r}", "give a whole number of at least 1")
    return count


@lru_cache(maxsize=4)
def pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="dvar")


def added(function: Callable[[slice], tuple[Any, ...]], groups: list[list[slice]], threads: int) -> list[Any]:
    """The sums of what `function` answers for every block."""

    def group(blocks: list[slice]) -> list[Any]:
        with np.errstate(all="ignore"):
            sums = list(function(blocks[0]))
            for rows in blocks[1:]:
                sums = [s + v for s, v in zip(sums, function(rows))]
        return sums

    with one_blas_thread():
        parts: Iterator[list[Any]]
        parts = map(group, groups) if threads == 1 or len(groups) == 1 else pool(threads).map(group, groups)
        total = next(parts)
        for part in parts:
            total = [s + v for s, v in zip(total, part)]
    return total


class _Blas:
    """BLAS's threads are set for the whole process: the first to enter sets them to one, the last to leave gives them back."""

    lock = threading.Lock()
    inside = 0
    limit: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    with _Blas.lock:
        _Blas.inside += 1
        if _Blas.inside == 1:
            _Blas.limit = controller().limit(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _Blas.lock:
            _Blas.inside -= 1
            if _Blas.inside == 0:
                _Blas.limit.restore_original_limits()
                _Blas.limit = None


@lru_cache(maxsize=1)
def controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
