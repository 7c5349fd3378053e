"""A table in, NumPy out: its columns are decoded here, its target found, its rows split.

PyArrow is imported inside functions only, so that `import dvar` does not pay for it; PyArrow's compute library is never
asked where a buffer can be read directly, which keeps both memory and types as they are in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DvarError, UsageError, many, nearest
from .buffers import decimals, gaps_of, joined, missing_of, values_of
from .codes import code_type, looked_up
from .numerals import as_amount, as_number, is_code
from .reading import read as read
from .short_text import of_short_text

SORTED = 1 << 15  # texts: more take longer to be sorted than to be told apart
MANY = 20  # rows: of fewer, different whole numbers may well have no gaps by chance


def column(table: Any, name: str) -> Any:
    """The column of that name as a ChunkedArray. Raises UsageError if there is none, DvarError if there are several."""
    found = table.schema.get_all_field_indices(name)
    if not found:
        what = f"there is no column {name!r}{nearest(name, table.column_names)}"
        raise UsageError(what, "name a column of the table")
    if len(found) > 1:
        raise DvarError(f"there is more than one column named {name!r}", "give every column its own name")
    return table.column(found[0])


KINDS: dict[int, str] = {}  # of Arrow types, by their number, as they are met


def kind(type_: Any) -> str:
    """How a column of this Arrow type is read: "number", "category", "nothing" (all null), "time" or "other"."""
    if (found := KINDS.get(type_.id)) is None:
        found = KINDS[type_.id] = kind_of(type_)
    return found


def kind_of(type_: Any) -> str:
    from pyarrow import types

    if types.is_integer(type_) or types.is_floating(type_) or types.is_boolean(type_) or types.is_decimal(type_):
        return "number"
    text = types.is_string(type_) or types.is_large_string(type_) or str(type_) == "string_view"
    if text or types.is_dictionary(type_):
        return "category"
    if types.is_null(type_):
        return "nothing"
    return "time" if types.is_temporal(type_) else "other"


def called(type_: Any) -> str:
    """What a column's type is called to a person: text, though it be stored as a dictionary; else as Arrow calls it."""
    from pyarrow import types

    if types.is_dictionary(type_):
        return called(type_.value_type)
    return "text" if kind(type_) == "category" else str(type_)


def numbers(column: Any, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """A column of numbers as (values, missing): values in the column's own dtype, arbitrary where missing.

    `rows` picks rows by number. `missing` is a bool mask, or None where nothing is; NaN and ±inf are missing. One chunk
    is not copied (except bool, whose bits are unpacked).
    """
    from pyarrow import types

    column = decimals(column) if types.is_decimal(column.type) else column
    dtype = np.dtype(column.type.to_pandas_dtype())
    values = joined([values_of(chunk, dtype) for chunk in column.chunks], dtype)
    missing = gaps_of(column)
    if rows is not None:
        values, missing = values.take(rows), missing if missing is None else missing.take(rows)
    if dtype.kind == "f" and len(values) and not (np.isfinite(values.min()) and np.isfinite(values.max())):
        finite = np.isfinite(values)
        missing = ~finite if missing is None else missing | ~finite
    return values, missing if missing is not None and missing.any() else None


def not_finite(column: Any) -> int:
    """How many values of a column are NaN or infinite."""
    from pyarrow import types

    if not types.is_floating(column.type):
        return 0
    values = [values_of(chunk, np.dtype(column.type.to_pandas_dtype())) for chunk in column.chunks]
    known = [missing_of(chunk) for chunk in column.chunks]
    return sum(int(np.count_nonzero(~np.isfinite(v) & (True if gap is None else ~gap))) for v, gap in zip(values, known))


def counts_rows(column: Any) -> bool:
    """Whether a column of whole numbers is that of the rows, in whatever order: m different ones, each but the last followed by
    the next."""
    from pyarrow import types

    if not types.is_integer(column.type) or column.null_count or len(column) < MANY:
        return False
    values, _ = numbers(column)
    low = int(values.min())
    return int(values.max()) - low == len(values) - 1 and bool((np.bincount((values - low).astype(np.intp)) == 1).all())


class Levels(NamedTuple):
    """A column of categories: row i is `texts[codes[i]]`, missing where its code is −1. Texts are sorted, unless their order is
    declared or they are very many.

    Codes are in the smallest signed integer that holds how many texts there are."""

    codes: np.ndarray
    texts: tuple[str, ...]
    ordered: bool
    all_used: bool = False  # each text is known to be that of some row


def levels(column: Any, rows: np.ndarray | None = None) -> Levels:
    """A column of text or of a dictionary, its chunks' dictionaries united; `rows` picks rows by number."""
    from pyarrow import types

    plain = not types.is_dictionary(column.type)
    ordered = not plain and column.type.ordered
    pieces = coded_text(column) if plain else coded(column.chunks)
    seen: dict[str, None] = dict.fromkeys(text for _, told in pieces for text in told if text is not None)
    texts = sorted(seen) if not ordered and len(seen) <= SORTED else list(seen)
    code: dict[str | None, int] = {text: k for k, text in enumerate(texts)}
    parts, previous, recode = [], None, np.empty(0, np.int8)
    for index, told in pieces:
        if told is not previous:
            recode, previous = np.array([code.get(text, -1) for text in told] + [-1], code_type(len(texts))), told
        parts.append(looked_up(recode, index))
    codes = joined(parts, np.dtype(np.int8))
    return Levels(codes if rows is None else codes.take(rows), tuple(texts), ordered, plain and rows is None)


def coded_text(column: Any) -> list[tuple[np.ndarray, list[str | None]]]:
    """A column of text in pieces of codes and the text of each, missing where it is −1."""
    short = of_short_text(column.chunks) if str(column.type) in ("string", "large_string") else None
    return coded(map(_encoded, column.chunks)) if short is None else [short]


def coded(chunks: Iterable[Any]) -> list[tuple[np.ndarray, list[str | None]]]:
    """The same of dictionaries; those that are equal are one list of texts. A text may be None: it is missing too."""
    pieces, previous, texts = [], None, list[str | None]()
    for chunk in chunks:
        if previous is None or not chunk.dictionary.equals(previous):
            previous = chunk.dictionary
            texts = [_text(value) for value in previous.to_pylist()]
        index = values_of(chunk.indices, np.dtype(chunk.indices.type.to_pandas_dtype()))
        missing = missing_of(chunk.indices)
        index = index.astype(code_type(len(texts)), copy=missing is not None)
        if missing is not None:
            np.putmask(index, missing, -1)
        pieces.append((index, texts))
    return pieces


def text_as_numbers(column: Any, amounts: bool = False) -> Any:
    """A column of text as numbers, written with spaces or signs; with `amounts` also in per cent or a currency, all in one.
    The first text that is none, where there is one."""
    import pyarrow as pa

    codes, texts, *_ = levels(column)
    values, sign = np.zeros(len(texts) + 1), ""
    for k in np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(texts))).tolist():
        value, own = as_amount(texts[k]) if amounts else (as_number(texts[k]), "")
        if value is None or (own and sign and own != sign):
            return texts[k]
        values[k], sign = value, sign or own
    return pa.chunked_array([pa.array(values.take(codes), mask=codes < 0)])


def all_numbers(type_: Any, texts: Sequence[str]) -> bool:
    """Whether a column, plain text by its type, holds numbers only, which one may not have meant as levels."""
    from pyarrow import types

    return not types.is_dictionary(type_) and all(as_number(text) is not None and not is_code(text) for text in texts)


def _encoded(chunk: Any) -> Any:
    """A chunk of text as a dictionary."""
    import pyarrow as pa

    try:
        return chunk.dictionary_encode()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # string_view in some versions
        return pa.array(chunk.to_pylist(), pa.large_string()).dictionary_encode()


def _text(value: Any) -> str | None:
    return None if value is None or (isinstance(value, float) and not np.isfinite(value)) else str(value)


def target(table: Any, name: str, positive: str | None = None) -> tuple[np.ndarray, np.ndarray, str]:
    """A yes/no column as (y, known, label): y (rows,) float64 is 1 where yes, 0 where no, NaN where not known.

    `known` (rows,) is a bool mask; `label` is the value that counts as yes, as text: `positive`, else of the two
    the one that sorts last (true of a bool, 1 of 0 and 1; in a declared order the last).
    Raises UsageError for a name or a value that is not there, DvarError for a column that asks no yes/no question.
    """
    values = column(table, name)
    match kind(values.type):
        case "number":
            x, missing = numbers(values)
            known = np.ones(len(x), bool) if missing is None else ~missing
            found = np.unique(x[known])
            texts = [as_text(v) for v in found[:1000]]
            codes = x
        case "category":
            codes, named, ordered, _ = levels(values)
            known = codes >= 0
            used = np.flatnonzero(np.bincount(codes[known], minlength=len(named)))
            found = used if ordered else np.array(sorted(used, key=lambda u: named[u]), np.intp)
            texts = [named[u] for u in found]
        case "nothing":
            found, known, texts = np.empty(0), np.zeros(len(values), bool), []
        case _:
            what = f"target `{name}` is of type {called(values.type)}, not a yes/no question"
            raise DvarError(what, "take a column of two values")
    _check_two(name, len(found), texts, len(values), kind(values.type) == "number")
    if positive is None:
        yes = 1
    elif positive in texts or (values.type == "bool" and positive.lower() in texts):
        yes = texts.index(positive if positive in texts else positive.lower())
    else:
        raise UsageError(f"{positive!r} is not a value of target `{name}`", f"its values: {_listed(texts)}")
    if not texts[yes]:
        raise UsageError(f"of target `{name}` an empty text would count as yes", f"name the other: --positive {texts[1 - yes]!r}")
    return np.where(known, codes == found[yes], np.nan), known, texts[yes]


def number_target(table: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A column of numbers as (y, known): y (rows,) float64, NaN where `known` (rows,) bool is false.

    Raises UsageError for a name that is not there, DvarError for a column of anything but numbers or of none at all.
    """
    values = column(table, name)
    how = kind(values.type)
    if how not in ("number", "nothing"):
        what = f"target `{name}` is of type {called(values.type)}, not a number"
        raise DvarError(what, "leave out `--loss` for a yes/no target, or take a column of numbers")
    x, missing = numbers(values) if how == "number" else (np.zeros(len(values)), np.ones(len(values), bool))
    known = np.ones(len(x), bool) if missing is None else ~missing
    if not known.any():
        _check_two(name, 0, [], len(values))
    return np.where(known, x.astype(np.float64), np.nan), known


def _check_two(name: str, count: int, texts: list[str], rows: int, numeric: bool = False) -> None:
    """Raises DvarError unless a target has exactly two known values."""
    if count == 0:
        raise DvarError(f"target `{name}` is missing in all {many(rows, 'row')}", "take a column with known values")
    if count == 1:
        raise DvarError(f"target `{name}` is always {texts[0]}", "take a column of two values")
    if count > 2:
        what = f"target `{name}` has {many(count, 'value')} ({some_of(texts)}), not two"
        if not numeric:
            raise DvarError(what, "take a column of two values, or of numbers with a --loss")
        raise DvarError(what, f"cut it in two, as --target '{name} > {texts[len(texts) // 2]}', or give a loss of a number, as "
                              "--loss 'z = w@x + b; L = (z - y)**2'")


def some_of(texts: Sequence[str]) -> str:
    """The first values of a column, as they are or, where they begin or end with a space or are empty, in quotation marks."""
    return ", ".join(t if t and t == t.strip() else repr(t) for t in texts[:5]) + (", …" if len(texts) > 5 else "")


def as_text(value: Any) -> str:
    """A number as text: true, 3, 2.5."""
    if isinstance(value, np.bool_):
        return str(bool(value)).lower()
    return str(int(value)) if value == int(value) else str(float(value))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(n) for n in names)


def split(known: np.ndarray, holdout: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows held out: sorted int64 row numbers of the true entries of `known`, none in both.

    Of m known rows round(m·holdout) are held out: those which the permutation of `numpy.random.default_rng(seed)` puts
    first. Raises UsageError if `holdout` is not in [0, 1), DvarError if no row is left to learn from.
    """
    if not 0 <= holdout < 1:
        what = f"a hold-out of {holdout} is not a share of the rows"
        raise UsageError(what, "give a number from 0 (none) to below 1, as 0.2")
    rows = np.flatnonzero(known).astype(np.int64, copy=False)
    count = round(len(rows) * holdout)
    if count == len(rows):
        raise DvarError(f"{many(count, 'row')} of {len(rows):,} held out: none is left to learn from", "hold out less")
    held = np.zeros(len(rows), bool)
    held[np.random.default_rng(seed).permutation(len(rows))[:count]] = True
    return rows[~held], rows[held]
