"""What estimators are given: arrays and sparse matrices as scikit-learn takes them, frames as dvar does.

An array is numbers, all of them finite. A frame – pandas, Polars, Arrow – may hold numbers, booleans, categories and text, with
missing values; how its columns become features is learned once, from the rows of the fit. scikit-learn's own checks say what is
wrong with shapes, names and counts of features, so that its words are the ones its users know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight, check_array, check_consistent_length, column_or_1d, validate_data

from ..data.columns import Category, Number
from ..data.encoding import Encoding
from ..data.learning import OTHER_LEVEL
from ..data.source import Source
from ..data.table import all_numbers
from ..errors import DvarError, UsageError, many
from .training import chosen_features, own_units


def table_of(X: Any) -> Any:
    """A frame as a `pyarrow.Table`; None where X is no frame. Raises DvarError for columns that Arrow cannot hold."""
    pandas = type(X).__module__.partition(".")[0] == "pandas" and hasattr(X, "columns")
    arrow = type(X).__module__.partition(".")[0] == "pyarrow" and hasattr(X, "schema")
    if not pandas and not arrow and not (hasattr(X, "__arrow_c_stream__") and hasattr(X, "columns")):
        return None
    import pyarrow as pa

    try:
        if pandas:
            return pa.Table.from_pandas(X, preserve_index=False)
        return pa.table(X)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DvarError(f"the frame cannot be read: {first}", "columns hold numbers, yes or no, categories or text") from None


@dataclass(frozen=True)
class Reader:
    """How X becomes data of a graph, x and the columns that the loss names: learned at `fit`, the same at `predict`."""

    columns: tuple[str, ...]  # of the frame that was learned from, or x0, x1, …
    encoding: Encoding | None  # None: X was an array, and x is X
    own: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The n features' names."""
        return self.columns if self.encoding is None else self.encoding.names

    def data(self, X: Any, rows: Any = None) -> dict[str, Any]:
        """x, and columns by name, from what `checked` answered, or from a `Source`, which has rows of its own."""
        if not isinstance(X, Source) and not hasattr(X, "schema"):
            return {"x": X if rows is None else X[rows]}
        source = X if isinstance(X, Source) else Source(X, rows)
        found = {name: own_units(source.table, name, source.rows) for name in self.own}
        return found | ({"x": self.encoding.encode(source)} if self.encoding is not None else {})

    def to_original(self, w: Any, b: Any) -> tuple[Any, Any]:
        """Weights (…, n) and intercepts (…) of features in their own units, of those that the graph was fitted with."""
        if self.encoding is None:
            return w, b
        turn = self.encoding.to_original()
        return np.asarray(w) @ turn[1:, 1:].T, np.asarray(b) + np.asarray(w) @ turn[0, 1:]

    def from_original(self, w: Any, b: Any) -> tuple[Any, Any]:
        """The reverse."""
        if self.encoding is None:
            return w, b
        turn = np.linalg.inv(self.encoding.to_original())
        return np.asarray(w) @ turn[1:, 1:].T, np.asarray(b) + np.asarray(w) @ turn[0, 1:]


def checked(estimator: Any, X: Any, y: Any = None, *, fit: bool, target: str = "") -> tuple[Any, Any]:
    """X as an array, a CSR matrix or a Table, and y (m,) as it was given; raises what scikit-learn raises.

    `target`: where y is None, the column of the frame that it is.
    """
    table = table_of(X)
    if not fit and table is None and estimator.reader_.encoding is not None:
        X = validate_data(estimator, X, reset=False, dtype=None)
        return table_named(X, estimator.reader_.columns), None
    if not fit and table is not None and estimator.reader_.encoding is None and not estimator.reader_.own:
        table = None  # learned from an array
    if table is None:
        unlike_numbers(X)
        kinds = {"accept_sparse": "csr", "dtype": [np.float64, np.float32], "reset": fit}
        try:
            return validate_data(estimator, X, y, **kinds) if fit else (validate_data(estimator, X, **kinds), None)
        except ValueError as error:
            raise missing(error, X, fit) from None
    if target and target in table.column_names:
        y = table.column(target).to_numpy() if y is None and fit else y
        X = table = table.drop_columns(target)
    if y is None:
        validate_data(estimator, X, reset=fit, skip_check_array=True, **({"y": None} if fit else {}))
        return table, None
    validate_data(estimator, X, y, reset=fit, skip_check_array=True)
    try:
        y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
    except ValueError as error:
        raise missing(error, X, fit) from None
    check_consistent_length(np.empty(table.num_rows), y)
    if not table.num_rows:
        raise DvarError(f"the frame has {many(table.num_columns, 'column')} but no rows", "give at least one row to learn from")
    return table, y


def missing(error: ValueError, X: Any, fit: bool) -> ValueError:
    """What scikit-learn says of missing numbers and answers, with what to do about them here; any other error as it is."""
    if "contains NaN" in str(error) and "Input X" not in str(error):
        return DvarError("Input y contains NaN: of some rows the answer is missing", "leave these rows out")
    if "contains NaN" not in str(error):
        return error
    if hasattr(X, "tocoo"):  # whose zeros are never written out
        entries = X.tocoo()
        rows = len(np.unique(entries.coords[0][np.isnan(entries.data)]))
    else:
        rows = int(np.isnan(np.asarray(X, dtype=np.float64)).any(axis=1).sum())
    frame = "; or give a frame, as pandas.DataFrame(X), which may have missing values" if fit else ""
    return DvarError(f"Input X contains NaN in {rows:,} of {many(np.shape(X)[0], 'row')}; no number of an array may be missing",
                     f"leave these rows out, or fill them{frame}")


def unlike_numbers(X: Any) -> None:
    """Raises UsageError for an array that would become other numbers unsaid: dates counted from 1970, masked entries shown."""
    if getattr(getattr(X, "dtype", None), "kind", "") in ("m", "M"):
        raise UsageError(f"X is an array of {X.dtype}: dates or durations, not numbers",
                         "give numbers, as days since a date, in units of your choice")
    if np.ma.is_masked(X):
        raise UsageError(f"entries of X are masked, {np.ma.getmaskarray(X).sum():,} in all, and numbers would show them",
                         "fill them, X.filled(…), or give a frame with missing values")


def text_read(given: Any, X: Any, encoding: Encoding | None) -> list[str]:
    """What is to be said of numbers written as text, a sentence each: of an array they are read as numbers, of a frame as levels.
    `X` is what `given` became."""
    if encoding is None:
        given = np.asarray(given) if isinstance(given, (list, tuple)) else given
        kind = getattr(getattr(given, "dtype", None), "kind", "")
        text = kind in ("U", "S") or (kind == "O" and any(isinstance(v, (str, bytes)) for v in np.ravel(given)))
        return ["X is an array of text, and what it holds is read as numbers: X.astype(float) says so"] if text else []
    levels = {p.column: p.levels for p in encoding.parts if isinstance(p, Category) and p.column in X.column_names}
    return [f"{c}: text such as {texts[0]!r} is read as levels, and all of it is numbers; "
            f"give the column as numbers for one coefficient, or as categories" for c, texts in levels.items()
            if all_numbers(X.column(c).type, [text for text in texts if text != OTHER_LEVEL])]


def table_named(X: Any, columns: Sequence[str]) -> Any:
    """An array as a Table with these columns."""
    import pyarrow as pa

    dense = X.toarray() if hasattr(X, "toarray") else X
    return pa.table({name: pa.array(np.ascontiguousarray(dense[:, j])) for j, name in enumerate(columns)})


def learned(
    estimator: Any, X: Any, inputs: Sequence[str], *, features: Sequence[str] | None, reference: bool, centre: bool, own: bool,
    weight: Any = None,
) -> Reader:
    """How X, an array or a `Source`, becomes the inputs of a graph, each row counting as its weight (of all rows of the table)
    says; `own`: an input called as a column is that column."""
    if not isinstance(X, Source):
        if features is not None:
            raise UsageError("features names columns, and X is an array without names", "give a frame, or leave features out")
        known = getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(X.shape[1])])
        return Reader(tuple(map(str, known)), None)
    table, source = X.table, X
    columns = tuple(table.column_names)
    named = tuple(n for n in inputs if n in columns and n not in ("x", "y")) if own else ()
    chosen = [c for c in chosen_features(table, "", features) if c not in named]
    if weight is not None and (weight == 0).any():  # of which nothing is learned
        rows = np.arange(len(weight)) if X.rows is None else X.rows
        source = Source(table, rows[weight[rows] > 0])
    encoding = None
    if "x" in inputs:
        encoding = Encoding.learn(source, chosen, reference=reference, centre=centre, weight=weight)
    return Reader(columns, encoding, named)


def unscaled(reader: Reader) -> Reader:
    """Numbers in their own units: for methods that work on the data as given."""
    if reader.encoding is None:
        return reader
    parts = tuple(replace(p, shift=0.0, scale=1.0) if isinstance(p, Number) else p for p in reader.encoding.parts)
    return replace(reader, encoding=replace(reader.encoding, parts=parts))


def checked_weight(weight: Any, X: Any) -> Any:
    """The examples' weights (m,), or None; finite, at least 0, not all 0."""
    if weight is None:
        return None
    return _check_sample_weight(weight, X if not hasattr(X, "schema") else np.empty((X.num_rows, 1)), dtype=np.float64,
                                ensure_non_negative=True)


def checked_offset(offset: Any, rows: int, learned_with: bool | None = None) -> Any:
    """What is added to w @ x + b, (m,), or None. `learned_with`: whether the fit had one, without which none can be told."""
    if learned_with is not None and learned_with != (offset is not None):
        raise UsageError("the model was fitted with an offset, and none is given here" if learned_with else
                         "an offset is given, and the model was fitted without one",
                         "give offset= to both, or to neither; zeros stand for none")
    if offset is None:
        return None
    offset = column_or_1d(check_array(offset, ensure_2d=False, dtype=np.float64, input_name="offset"))
    if len(offset) != rows:
        raise UsageError(f"offset has {many(len(offset), 'number')}, X {many(rows, 'row')}", "give one number a row")
    return offset
