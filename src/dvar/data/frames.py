"""Frames given directly – pandas, Polars, Arrow, whatever speaks Arrow's PyCapsule interface – as features and as columns.

Nothing is learned here and nothing standardised: a column of numbers is its own coefficient's, in its own units. A category has
one for every level but the first; a missing number counts as the column's mean, and a coefficient of its own says that it was
missing. Whatever is not plain is said in a note. The values of numbers stay where they are (bits of bool and of null masks are
unpacked, a byte each); categories become codes in the smallest integer that holds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np

from ..errors import DvarError, UsageError, many
from . import table as tables
from .columns import BLOCK, Category, Columns, Missing, Number, Part
from .encoding import Encoding
from .native import SHORT, joined, native_dtype, told

NAMED = 5  # columns named in one note


def read(name: str, value: Any, notes: list[str]) -> Any:
    """A frame as a `pyarrow.Table`, a series as a ChunkedArray; where pandas holds NumPy's numbers, these; sparse columns of
    pandas as SciPy's matrix; anything else as it is. Raises DvarError for what Arrow cannot hold."""
    import pyarrow as pa

    try:
        if type(value).__module__.partition(".")[0] == "pandas":
            return read_pandas(name, value, notes)
        if isinstance(value, (pa.Table, pa.ChunkedArray)):
            return value
        if isinstance(value, pa.RecordBatch):
            return pa.Table.from_batches([value])
        array = pa.chunked_array(value if hasattr(value, "__arrow_c_stream__") else [pa.array(value)])
    except (pa.ArrowException, TypeError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DvarError(f"{name} cannot be read: {first}",
                        "columns are numbers or categories, each with a name of its own") from None
    if not pa.types.is_struct(array.type):
        return array
    return pa.Table.from_batches([pa.RecordBatch.from_struct_array(c) for c in array.chunks], pa.schema(array.type.fields))


def read_pandas(name: str, value: Any, notes: list[str]) -> Any:
    import pyarrow as pa

    if not hasattr(value, "columns"):
        return np.asarray(value) if is_plain(value.dtype) else chunked(pa.Array.from_pandas(value))
    types = list(value.dtypes)
    if len(value) and types and all(type(t).__name__ == "SparseDtype" for t in types):
        return value.sparse.to_coo()
    if len(value) and len(set(types)) == 1 and is_plain(types[0]):
        block = value.iloc[:1].to_numpy()  # a view where all columns lie in one block
        if np.may_share_memory(block, value.iloc[:, 0].to_numpy()):
            array = value.to_numpy()
            if types[0].kind != "f" or np.isfinite(array).all():
                return array
    strange = {c: native_dtype(t) for c, t in zip(value.columns, types) if is_plain(t) and t != native_dtype(t)}
    if strange:
        notes.append(f"{name}: {', '.join(sorted({told(t) for t in types if is_plain(t) and t != native_dtype(t)}))} "
                     f"was converted, {many(len(strange), 'column')} once")
        value = value.astype(strange)
    return pa.Table.from_pandas(value, preserve_index=False)


def is_plain(dtype: Any) -> bool:
    """Whether a type is one of NumPy's numbers."""
    return isinstance(dtype, np.dtype) and dtype.kind in "biuf"


def chunked(array: Any) -> Any:
    import pyarrow as pa

    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def is_table(value: Any) -> bool:
    return hasattr(value, "column_names") and hasattr(value, "num_rows")


def is_series(value: Any) -> bool:
    return hasattr(value, "chunks") and hasattr(value, "null_count")


# one number an example


def numbers(name: str, column: Any) -> Any:
    """A ChunkedArray as numbers (m,). Raises UsageError where it is of another type, DvarError where some are missing."""
    how = tables.kind(column.type)
    if how != "number" and not (how == "nothing" and len(column)):
        raise UsageError(f"{name} is a column of type {column.type}, one value per example",
                         f"give numbers, such as {name} == 'yes' for a yes/no column, or the codes of its levels")
    if column.null_count:
        raise DvarError(f"{name} is missing in {column.null_count:,} of {many(len(column), 'row')}", "leave these rows out")
    return read_chunks(column)[0] if len(column) else np.zeros(0)


def read_chunks(column: Any) -> tuple[Any, Any]:
    """The values of a column of numbers, an array or Chunked, and where they are missing or not finite (None: nowhere)."""
    import pyarrow as pa

    found = [tables.numbers(pa.chunked_array([c])) for c in column.chunks]
    if all(gaps is None for _, gaps in found):
        return joined([x for x, _ in found]), None
    gaps = np.concatenate([np.zeros(len(x), bool) if g is None else g for x, g in found])
    return joined([x for x, _ in found]), gaps


# features


@dataclass
class Read:
    """Columns under way."""

    parts: list[Part]
    data: list[Any]
    gaps: list[Any]

    def add(self, part: Part, data: Any, gaps: Any = None) -> None:
        self.parts.append(part)
        self.data.append(data)
        self.gaps.append(gaps)


def columns(name: str, table: Any, notes: list[str], weight: Any = None) -> Columns:
    """A `pyarrow.Table` as features, a column at a time in its order; what is not plain is noted. Means count each row as its
    `weight` (m,).

    A column of which nothing is known is left out. Raises DvarError for columns that are neither numbers nor categories, or
    where none is left.
    """
    other = {c: table.schema.field(c).type for c in dict.fromkeys(table.column_names)
             if tables.kind(tables.column(table, c).type) in ("time", "other")}
    if other:
        raise DvarError(f"{name} has columns that are neither numbers nor categories: "
                        + ", ".join(f"{c!r} of type {t}" for c, t in other.items()), "make them numbers, or leave them out")
    made, empty, combined = Read([], [], []), list[str](), list[str]()
    for label in table.column_names:
        column = table.column(label)
        texts = tables.kind(column.type) == "category"
        if column.null_count == len(column) or not (add_category(label, column, made, notes, name) if texts else
                                                    add_number(label, column, made, notes, name, weight)):
            empty.append(label)
        elif not texts and table.num_rows > SHORT and len(column.chunks) > 1 and isinstance(made.data[-1], np.ndarray):
            combined.append(label)
    if empty and table.num_rows:
        notes.append(f"{name}: {listed(empty)} left out, as nothing of {'it' if len(empty) == 1 else 'them'} is known")
    if combined:
        notes.append(f"{name}: {listed(combined)} stored in many short chunks and joined, a copy; .combine_chunks() does so once")
    if not made.parts:
        raise DvarError(f"{name} has no column that can be a feature: {many(table.num_columns, 'column')}, "
                        f"{many(table.num_rows, 'row')}")
    return Columns(Encoding(tuple(made.parts), dict.fromkeys(empty, "all missing"), table.num_rows), tuple(made.data),
                   tuple(made.gaps), {}, {})


def add_number(label: str, column: Any, made: Read, notes: list[str], name: str, weight: Any) -> bool:
    """The column of numbers and, where some are missing, the one that says so; False where all are."""
    values, gaps = read_chunks(column)
    if gaps is None:
        made.add(Number(label, 0.0, 1.0, 0.0), values)
        return True
    count = int(np.count_nonzero(gaps))
    mean = mean_of_known(values, gaps, weight)
    if mean is None:
        return False
    made.add(Number(label, mean, 1.0, 0.0), values, gaps)
    same = next((k for k, p in enumerate(made.parts) if isinstance(p, Missing) and np.array_equal(made.data[k], gaps)), None)
    if same is None:
        made.add(Missing(label), gaps)
        told_by = f"and {label + ' missing'!r} says so"
    else:
        first = made.parts[same]
        assert isinstance(first, Missing)
        made.parts[same] = Missing(first.column, (*first.also, label))
        told_by = f"and {first.names[0]!r}, the same rows, says so"
    notes.append(f"{name}: {label!r} is missing or not finite in {count:,} of {many(len(gaps), 'row')}: it counts as its mean "
                 f"{mean:.6g} there, {told_by}")
    return True


def mean_of_known(values: Any, gaps: Any, weight: Any = None) -> float | None:
    """The mean of what is known, block by block, scaled so that no sum of large numbers overflows; None where no row that counts
    is known. Weights of another length are refused where all data are compared."""
    if getattr(weight, "ndim", 0) != 1 or len(weight) != len(gaps):
        weight = np.broadcast_to(1.0, len(gaps))
    blocks = [slice(lo, lo + BLOCK) for lo in range(0, len(gaps), BLOCK)]
    total = fsum(float(np.sum(weight[b][~gaps[b]], dtype=np.float64)) for b in blocks)
    if not total > 0:
        return None
    return fsum(float((np.asarray(values[b], np.float64)[~gaps[b]] * (weight[b][~gaps[b]] / total)).sum()) for b in blocks)


def add_category(label: str, column: Any, made: Read, notes: list[str], name: str) -> bool:
    """The codes of a category: 0 its first level, which has no coefficient; missing last."""
    found = tables.levels(column)
    counts = np.bincount(found.codes + 1, minlength=1 + len(found.texts))
    levels = [text for text, count in zip(found.texts, counts[1:]) if count]
    if not levels:
        return False
    part = Category(label, tuple(levels if found.ordered else sorted(levels)), bool(counts[0]), True)
    code = {level: k for k, level in enumerate(part.levels)}
    last = len(part.names)  # of what is missing, where that is a level
    recode = np.array([code.get(text, 0) for text in found.texts] + [last], np.min_scalar_type(last))
    made.add(part, recode.take(found.codes))  # −1 is the last
    text = ", text that is all numbers," if tables.all_numbers(column.type, levels) else ""
    notes.append(f"{name}: {label!r}{text} is a category of {many(len(levels), 'level')}{' and what is missing' * part.missing}; "
                 f"{levels[0] if found.ordered else min(levels)!r} has no coefficient: the others are its difference from it")
    return True


def listed(names: list[str]) -> str:
    some = ", ".join(repr(n) for n in names[:NAMED])
    return some + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "") + (" is" if len(names) == 1 else " are")

