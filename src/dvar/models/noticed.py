"""What is to be said of the columns that a model learns from, a sentence each: nothing is taken for something else in silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..data import features as asked
from ..data import table as tables
from ..data.columns import Category
from ..data.encoding import Encoding
from ..data.learning import OTHER_LEVEL
from ..data.numerals import as_number, is_code, is_date
from ..data.times import as_times, times
from ..errors import many


def noticed(table: Any, chosen: Sequence[str], made_of: tuple[str, ...], target: str) -> list[str]:
    """What is to be said of the columns: those of the target, and numbers that are not finite."""
    said = [] if made_of == (target,) else [f"left out: {name}: it makes the target {target}" for name in made_of]
    columns = dict(zip(table.column_names, table.columns))
    for name in (n for n in chosen if n in columns):
        if count := tables.not_finite(columns[name]):
            said.append(f"{name}: NaN or infinite in {many(count, 'row')}, which counts as missing")
        if tables.counts_rows(columns[name]):
            said.append(f"{name} is another whole number in each row, none left out: does it number the rows? "
                        f"--features '-{name}' leaves it out")
    return said


def look_alike(levels: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of levels that are one but for spaces around them and capitals."""
    seen: dict[str, str] = {}
    for level in levels:
        if (first := seen.setdefault(level.strip().casefold(), level)) != level:
            yield first, level


def written(table: Any, encoding: Encoding) -> Iterator[str]:
    """What is to be said of features that are text and written as something else."""
    import pyarrow as pa

    columns = frozenset(table.column_names)
    for part in encoding.parts:
        name = part.column
        known = [level for level in part.levels if level != OTHER_LEVEL] if isinstance(part, Category) else []
        if not known or name not in columns:
            continue
        if all(as_number(level) is not None and not is_code(level) for level in known):
            yield (f"{name}: text such as {known[0]!r} is read as levels, and all of it is numbers; "
                   f"number({name}) reads them, category({name}) says that levels are meant")
        elif is_date(known[0]) and as_times(pa.chunked_array([known], pa.string())) is not None:
            yield (f"{name}: text such as {known[0]!r} is read as levels, and all of it is dates; "
                   f"ask for weekday({name}), month({name}) or year({name})")
        elif alike := next(look_alike(known), None):
            yield f"{name}: {alike[0]!r} and {alike[1]!r} are two levels, which differ in spaces or capitals alone"


def in_utc(table: Any, encoding: Encoding) -> Iterator[str]:
    """Which hours and weekdays are those of UTC, a product's among them."""
    columns = dict(zip(table.column_names, table.columns))
    for name in dict.fromkeys(factor for read in encoding.reads for factor in asked.factors(read, columns) or [read]):
        if name not in columns and name.startswith(("hour(", "weekday(")):
            made_of = asked.bases(name, columns)[0]
            some = columns[made_of].drop_null()[:1]  # all of a column's text was read in one way
            some = times(name, some) if tables.kind(some.type) == "category" else some
            if getattr(some.type, "tz", None) == "UTC":
                yield f"{name} is that of UTC, in which {made_of} is read"
