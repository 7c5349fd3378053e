"""Runs a program over blocks of rows on threads and adds the partial sums.

Rows are cut into blocks, and blocks into groups, by the data and the number of parameters alone, never by the number of threads;
the sums of a group are added in the order of its rows and the groups in theirs, so the same bits come out for any number of
threads. BLAS is held to one thread while blocks run: they are small, and the threads are ours.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from ..threads import pool

ELEMENTS = 1 << 17  # numbers in one block of rows: 1 MiB, so that it stays in the cache between its two halves
ROWS = (256, 16_384)  # the fewest and the most rows of a block
GROUPS = 32  # partial sums at the most
PARTIAL_SUMS = 1 << 22  # numbers in all of them, 32 MiB, unless one alone has more
PARTIAL_SUMS_OF_PAIRS = 1 << 25  # where second derivatives are among them, 256 MiB


def group_count(numbers: int, pairs: bool = False) -> int:
    """How many partial sums of so many numbers each are kept at once."""
    return min(max((PARTIAL_SUMS_OF_PAIRS if pairs else PARTIAL_SUMS) // max(numbers, 1), 1), GROUPS)


def partition(m: int, width: int, count: int = GROUPS) -> list[list[slice]]:
    """At most `count` groups of blocks of rows; `width` is how many numbers a row holds."""
    size = min(max(ELEMENTS // max(width, 1), ROWS[0]), ROWS[1])
    blocks = [slice(lo, min(lo + size, m)) for lo in range(0, m, size)]
    each = -(-len(blocks) // count) or 1
    return [blocks[k : k + each] for k in range(0, len(blocks), each)]


def added(function: Callable[[Any], tuple[Any, ...]], groups: list[list[Any]], threads: int) -> list[Any]:
    """The sums of what `function` answers for every block; it answers arrays of its own, which are added to in place."""

    def group(blocks: list[slice]) -> list[Any]:
        with np.errstate(all="ignore"):
            sums = list(function(blocks[0]))
            for rows in blocks[1:]:
                sums = add(sums, function(rows))
        return sums

    with one_blas_thread(), in_order(group, groups, threads) as parts:
        total = next(parts)
        for part in parts:
            total = add(total, part)
    return total


def add(sums: list[Any], more: Any) -> list[Any]:
    with np.errstate(all="ignore"):
        for k, part in enumerate(more):
            if isinstance(sums[k], np.ndarray):
                sums[k] = np.add(sums[k], part, out=sums[k] if sums[k].shape == np.shape(part) else None)
            else:
                sums[k] += part
    return sums


@contextmanager
def in_order(
    function: Callable[[list[slice]], list[Any]], groups: list[list[slice]], threads: int
) -> Iterator[Iterator[list[Any]]]:
    """What `function` answers for each group, in their order; no call is under way when this ends, be it by an error."""
    if threads == 1 or len(groups) == 1:
        yield map(function, groups)
        return
    pending: list[Future[list[Any]]] = []
    try:
        pending += (pool(threads, os.getpid()).submit(function, group) for group in groups)
        pending.reverse()
        yield (pending.pop().result() for _ in groups)
    finally:
        for call in pending:
            call.cancel()
        wait(pending)


class _Blas:
    """BLAS's threads are set for the whole process: the first to enter sets them to one, the last to leave gives them back."""

    lock = threading.Lock()
    inside = 0
    limit: Any = None  # what gives them back; in the child of a fork inside one, until it is used there


def alone() -> None:
    """In the child of a fork: the threads that were inside, one of them holding the lock maybe, are not there."""
    _Blas.lock, _Blas.inside = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=alone)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    with _Blas.lock:
        if _Blas.inside == 0:
            limit = controller(len(sys.modules)).limit(limits=1, user_api="blas")
            _Blas.limit = _Blas.limit or limit
        _Blas.inside += 1
    try:
        yield
    finally:
        with _Blas.lock:
            _Blas.inside -= 1
            if _Blas.inside == 0:
                limit, _Blas.limit = _Blas.limit, None
                limit.restore_original_limits()


@lru_cache(maxsize=1)
def controller(modules: int) -> Any:
    """Whoever sets the threads of the BLAS libraries that are loaded; another one may come with a module imported later."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
