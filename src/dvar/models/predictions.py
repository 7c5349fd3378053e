"""Predictions as a table: for a yes/no target the probability of the positive value and the answer, else the prediction."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from ..errors import DvarError, UsageError
from ..files import save
from .training import Model

ENDINGS = (".csv", ".parquet")


def predictions(model: Model, table: Any, out: str | None) -> tuple[bytes, tuple[str, ...]]:
    """One row per row of the table, in its order: as CSV bytes, or written to the file `out`; and what was noticed.

    Columns: `probability` of the positive value and `prediction` (1 from a half on, else 0) for a yes/no target, else
    `prediction`. Raises UsageError for an ending that is not written, DvarError where the table or the disk does not allow it.
    """
    import pyarrow as pa

    ending = ".csv" if out is None else Path(out).suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"{out} does not end in {' or '.join(ENDINGS)}", "e.g. -o out.csv")
    values, notes = model.predict(table)
    columns: dict[str, Any] = {"prediction": values}
    if model.positive:
        columns = {"probability": values, "prediction": (values >= 0.5).astype("int8")}
    content = BytesIO()
    made = pa.table({name: pa.array(column) for name, column in columns.items()})
    if ending == ".csv":
        from pyarrow import csv

        csv.write_csv(made, content, csv.WriteOptions(quoting_style="needed"))
    else:
        from pyarrow import parquet

        parquet.write_table(made, content)
    if out is not None:
        try:
            save(content.getvalue(), out)
        except OSError as error:
            raise DvarError(f"{out} cannot be written: {error.strerror}", "name another file with -o") from None
    return content.getvalue(), notes
