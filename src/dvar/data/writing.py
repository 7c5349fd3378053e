"""Tables out: a batch at a time, in the format that the end of a file's name says, packed where it says so."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..errors import DvarError, UsageError
from ..files import whole
from .opening import FORMATS, PACKED, suffixes
from .reading import plain

WRITES = ".csv, .tsv, .txt, .jsonl, each also as .gz, .zst or .bz2, .parquet, .arrow and .feather"
ANY_TYPE = "name a .parquet file, which holds any type, or leave out --keep"


def form_of(out: str) -> tuple[str, str]:
    """What a file's name says is to be written, and how it is packed. Raises UsageError where it says nothing."""
    last, packed = suffixes(Path(out))
    if Path(out).is_dir():
        raise UsageError(f"{out} is a folder", "name a file in it")
    if last not in FORMATS:
        raise UsageError(f"{out} does not end in .csv or another that is written", f"e.g. -o out.csv; what is written: {WRITES}")
    if packed and FORMATS[last] in ("parquet", "arrow"):
        raise UsageError(f"{out}: {FORMATS[last]} is packed by itself", f"e.g. -o {out.removesuffix(packed)}")
    if not Path(out).absolute().parent.is_dir():
        raise UsageError(f"there is no folder {Path(out).parent}", "make it, or name another file")
    return FORMATS[last], PACKED.get(packed, "")


def write(out: str, tables: Iterator[Any]) -> int:
    """Write tables of one schema, one below the other, whole or not at all; how many rows. Raises DvarError where it fails."""
    import pyarrow as pa

    form, packed = form_of(out)
    try:
        with whole(out) as file:
            if not packed:
                return stream(file, form, tables)
            with pa.CompressedOutputStream(pa.PythonFile(Kept(file), "w"), packed) as stream_:
                return stream(stream_, form, tables)
    except (OSError, pa.ArrowException) as error:
        first: BaseException | None = error  # what went wrong at first, before what packs could not be closed
        while first is not None and not (isinstance(first, OSError) and first.strerror):
            first = first.__context__
        why = first.strerror or "" if isinstance(first, OSError) else str(error).splitlines()[0]
        help = ANY_TYPE if "Invalid UTF8" in why else "name another file with -o"
        raise DvarError(f"{out} cannot be written: {why}", help) from None


class Kept(io.RawIOBase):
    """A file that stays open when what writes to it is done."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        return int(self.file.write(content))


def stream(file: Any, form: str, tables: Iterator[Any]) -> int:
    """Write tables of one schema to a stream; how many rows."""
    import pyarrow as pa

    rows, put = 0, None
    with closing_all() as closing:
        for table in tables:
            table = plain(table)
            if put is None:
                schema = table.schema
                put = WRITERS[form](file, schema, closing)
            try:
                table = table if table.schema == schema else table.cast(schema)
            except (pa.ArrowException, ValueError) as error:
                why = str(error).splitlines()[0][:200]
                raise DvarError(f"from row {rows + 1:,} on the table has other columns or types: {why}",
                                "leave out --keep; or make each column of one type") from None
            put(table)
            rows += table.num_rows
    return rows


@contextmanager
def closing_all() -> Iterator[list[Any]]:
    """Writers to close at the end; after a mistake there is nothing to finish, but no writer is to be left open."""
    made: list[Any] = []
    try:
        yield made
    except BaseException:
        for writer in made:
            with suppress(Exception):
                writer.close()
        raise
    for writer in made:
        writer.close()


def text(delimiter: str) -> Any:
    def begin(file: Any, schema: Any, closing: list[Any]) -> Any:
        import pyarrow as pa
        from pyarrow import csv

        if nested := [f"column `{f.name}` ({f.type})" for f in schema if pa.types.is_nested(f.type)]:
            raise DvarError(f"CSV and TSV cannot hold {', '.join(nested)}", ANY_TYPE)
        closing.append(csv.CSVWriter(file, schema, write_options=csv.WriteOptions(quoting_style="needed", delimiter=delimiter)))
        return closing[-1].write_table

    return begin


def parquet(file: Any, schema: Any, closing: list[Any]) -> Any:
    from pyarrow import parquet

    closing.append(parquet.ParquetWriter(file, schema))
    return closing[-1].write_table


def arrow(file: Any, schema: Any, closing: list[Any]) -> Any:
    import pyarrow as pa

    closing.append(pa.ipc.new_file(file, schema))
    return closing[-1].write_table


def lines(file: Any, schema: Any, closing: list[Any]) -> Any:
    def value(v: Any) -> Any:
        return None if isinstance(v, float) and not math.isfinite(v) else v

    def other(v: Any) -> Any:
        if isinstance(v, Decimal):
            return int(v) if v == int(v) else float(v)  # a long number of an account keeps its digits
        return str(v)

    def put(table: Any) -> None:
        rows = ({k: value(v) for k, v in row.items()} for row in table.to_pylist())
        file.write("".join(json.dumps(row, ensure_ascii=False, default=other) + "\n" for row in rows).encode())

    return put


WRITERS: dict[str, Any] = {"csv": text(","), "tsv": text("\t"), "parquet": parquet, "arrow": arrow, "jsonl": lines}
