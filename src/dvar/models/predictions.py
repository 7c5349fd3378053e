"""Predictions as tables, a batch at a time: for a yes/no target the probability of the positive value and the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..errors import DvarError
from .training import Model, Note


def predictions(model: Model, tables: Iterable[Any], keep: bool, notes: list[Note]) -> Iterator[Any]:
    """One row per row of the tables, in their order; what was noticed is added up in `notes`.

    Columns: `probability` of the positive value and `prediction` (1 from a half on, else 0) for a yes/no target, else
    `prediction`, or one for each number of a vector; with `keep` behind those of the table.
    Raises DvarError where the table does not allow it.
    """
    for table in tables:
        values, seen = model.predict(table)
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        lost = [] if finite.all() else [Note("prediction", "without a finite number", int(np.count_nonzero(~finite)))]
        add(notes, [*seen, *lost])
        made = columns(model, values)
        if keep and (both := sorted(set(made).intersection(table.column_names))):
            raise DvarError(f"the table has a column {both[0]!r} already", "leave out --keep, or rename the column")
        yield joined(table if keep else None, made)


def columns(model: Model, values: Any) -> dict[str, Any]:
    """Predicted values, (m,) or (m, k), as columns by name."""
    values = np.asarray(values)
    if model.positive and values.ndim == 1:
        return {"probability": values, "prediction": (values >= 0.5).astype("int8")}
    if values.ndim == 1:
        return {"prediction": values}
    flat = values.reshape(len(values), -1)
    return {f"prediction_{k}": np.ascontiguousarray(flat[:, k]) for k in range(flat.shape[1])}


def joined(table: Any, made: dict[str, Any]) -> Any:
    import pyarrow as pa

    if table is None:
        return pa.table({name: pa.array(column) for name, column in made.items()})
    for name, column in made.items():
        table = table.append_column(name, pa.array(column))
    return table


def add(notes: list[Note], seen: Iterable[Note]) -> None:
    """Add what was noticed of one batch to what was noticed before."""
    for note in seen:
        for k, before in enumerate(notes):
            if (before.column, before.what) == (note.column, note.what):
                notes[k] = before._replace(rows=before.rows + note.rows)
                break
        else:
            notes.append(note)


def wanted(model: Model) -> dict[str, str]:
    """The columns that a model reads, and as what: "number", "category", or as they come ("")."""
    found = dict(model.encoding.reads) if model.encoding is not None else {}
    return found | dict.fromkeys(model.own, "number")
