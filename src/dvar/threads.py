"""How many threads there are, and what runs on them beside a program: columns of a table, and the batch after this one."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import UsageError

LARGE = 1 << 16  # rows: columns of fewer are done before a thread has begun


def thread_count(asked: int | None, best: int | None = None) -> int:
    """What was asked for, else DVAR_THREADS, else `best`, else the cores this process may use. Raises UsageError for anything
    but a whole number of at least 1."""
    told = os.environ.get("DVAR_THREADS") if asked is None else None
    if asked is None and told is None:
        if best is not None:
            return best
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        count = operator.index(asked) if told is None else int(told)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        count = 0
    if count < 1 or isinstance(asked, (bool, np.bool_)):
        where = "the environment variable DVAR_THREADS" if told is not None else "the number of threads"
        raise UsageError(f"{where} is {asked if told is None else told!r}", "give a whole number of at least 1")
    return count


@lru_cache(maxsize=4)
def pool(count: int, process: int) -> ThreadPoolExecutor:
    """Threads of this process: those of a parent are not there after a fork."""
    return ThreadPoolExecutor(count, thread_name_prefix="dvar")


def each(function: Callable[[Any], Any], columns: Iterable[Any], rows: int) -> list[Any]:
    """What a function answers for each of some columns of so many rows: on threads where these are many, as NumPy and PyArrow
    hold no lock over long loops."""
    columns, threads = list(columns), thread_count(None) if rows >= LARGE else 1
    if min(threads, len(columns)) <= 1:
        return list(map(function, columns))
    found: list[Any] = [None] * len(columns)
    wrong: dict[int, BaseException] = {}
    left = iter(range(len(columns)))

    def work() -> None:
        for k in left:
            try:
                found[k] = function(columns[k])
            except BaseException as error:
                wrong[k] = error
                list(left)  # nothing more is begun

    others = [pool(threads, os.getpid()).submit(work) for _ in range(min(threads, len(columns)) - 1)]
    work()
    for other in others:  # one that has not begun finds nothing left
        other.cancel() or other.result()
    if wrong:
        raise wrong[min(wrong)]
    return found


def ahead(items: Iterator[Any]) -> Iterator[Any]:
    """The items, each made on another thread while the one before it is used; what is under way is waited for at the end."""
    end = object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item
