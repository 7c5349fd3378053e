"""Parts of dates and times: hour, weekday, month and year, of columns of them or of text in which they are written."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..errors import DvarError
from . import table as tables
from .buffers import gaps_of, joined, values_of
from .codes import dictionary
from .text import timestamps

TIMES = 1 << 16  # looked up at once: few long operations, as threads wait for each other between them
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DATES = "name a column of dates; in text they are written 2024-01-31, 2024-01-31T17:45 or 17:45"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def of_time(name: str, made: Any, which: str, texts: Sequence[str] | None) -> Any:
    """A part of a date or time (in its own time zone): as levels in their order, or as a number where it goes on without end."""
    import pyarrow as pa
    from pyarrow import compute

    made = times(name, made) if tables.kind(made.type) == "category" else made
    if tables.kind(made.type) not in ("time", "nothing") or pa.types.is_duration(made.type):
        raise DvarError(f"{name} asks for a date or time, and the column is of type {tables.called(made.type)}", DATES)
    if tables.kind(made.type) == "nothing":
        return made
    try:
        x, gaps = by_the_hour(made, getattr(compute, which), np.dtype(np.int64 if texts is None else np.int8))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise DvarError(f"{name} cannot be had from the type {made.type}", "a date has no hour, a time of day no year") from None
    if texts is None:
        return pa.chunked_array([pa.array(x, mask=gaps)])
    return dictionary(x - 1 if which == "month" else x, gaps, texts)


def times(name: str, made: Any) -> Any:
    """A column of text as the dates or times that are written in it, all in one way; in UTC where they name a zone."""
    import pyarrow as pa

    text = made.cast(pa.large_string())
    if (found := as_times(text)) is None:
        k = bisect_left(range(len(text)), True, key=lambda k: as_times(text[: k + 1]) is None)
        if as_times(text[k : k + 1]) is None:
            raise DvarError(f"{name} asks for a date or time, and the column is text such as {text[k].as_py()!r}", DATES)
        before = text[:k].drop_null()[0].as_py()
        raise DvarError(f"{name} asks for dates or times written in one way, and {text[k].as_py()!r} stands below {before!r}",
                        "give all of them a zone, or none; and all of them a day, or none")
    return found


def as_times(text: Any) -> Any:
    """Text as times, be they of a day or of every day; None where that is not what is written in all of it."""
    import pyarrow as pa
    from pyarrow import compute

    if (found := timestamps(text)) is not None:
        return found
    day, sign = (pa.scalar(part, text.type) for part in ("1970-01-01", "T"))
    with suppress(pa.ArrowInvalid):  # PyArrow reads a time of day as that of some day
        return compute.binary_join_element_wise(day, text, sign).cast(pa.timestamp("ns")).cast(pa.time64("ns"))
    return None


def by_the_hour(made: Any, part: Callable[[Any], Any], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray | None]:
    """A part of each time, and where it is missing: of each hour there may be, and then looked up, where these are fewer than
    the rows. In a time zone hours may begin at any minute."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_timestamp(made.type) and made.type.tz is None and made.null_count < len(made):
        hour, gaps = 3600 * PER_SECOND[made.type.unit], gaps_of(made)
        chunks = [values_of(chunk, np.dtype(np.int64)) for chunk in made.chunks]
        ends = np.cumsum([len(times) for times in chunks]).tolist()
        known = [t if gaps is None else t.compress(~gaps[end - len(t) : end]) for t, end in zip(chunks, ends)]
        low, high = (int(of([of(t) for t in known if len(t)])) for of in (np.min, np.max))
        first = low // hour
        if high // hour - first < len(made):
            hours = np.arange(first, high // hour + 1) * hour
            hours[0] = low  # the first hour may begin before what 64 bits hold
            parts = tables.numbers(part(pa.chunked_array([hours]).cast(made.type)))[0].astype(dtype)
            some = (times[lo : lo + TIMES] for times in chunks for lo in range(0, len(times), TIMES))
            found = [parts.take(times // hour - first, mode="clip") for times in some]  # under a gap is anything
            return joined(found, dtype), gaps
    x, gaps = tables.numbers(part(made))
    return x.astype(dtype, copy=False), gaps
