"""Files in, Arrow tables out: whole, or a batch at a time so that memory stays bounded whatever the file holds.

PyArrow does the reading and is imported inside functions only, so that `import dvar` does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import DvarError, UsageError, many
from ..threads import each
from .opening import READS, Ahead, called, checked_names, opened, suffixes, unreadable
from .text import (
    USUAL,
    Cut,
    How,
    as_number,
    called_well,
    cut,
    decoded,
    is_text,
    json_lines,
    options,
    ragged,
    refuse_unclosed,
    silent,
    swallowed,
    text,
)

ROWS = 1 << 17  # in a batch of Parquet


def read(path: str | Path, how: How = USUAL, say: Callable[[str], None] = silent) -> Any:
    """The `pyarrow.Table` in a file, a folder of Parquet parts, or standard input ("-"); text as dictionaries where it can be.

    In text a field that is empty, or NA, null, NaN or ?, is missing, and so is what `how` names. `say` is told whatever
    was guessed or changed. Raises UsageError if there is no such file or its kind is unknown, DvarError if what is in it
    cannot be used.
    """
    name = called(path)
    table = of_one_piece(as_written(name, path, how, say))
    if table.num_rows == 0:
        raise DvarError(f"{name} has {many(table.num_columns, 'column')} but no rows", "a table needs at least one row")
    return table


def as_written(name: str, path: str | Path, how: How, say: Callable[[str], None]) -> Any:
    """The table in the pieces in which it is read."""
    import pyarrow as pa

    stream = None
    try:
        form, stream = opened(path)
        checked_how(name, form, how)
        if form in ("csv", "tsv", "jsonl"):
            table = text(name, form, stream, how, say)
        elif form == "folder":
            table = parts(Path(path))
        else:
            table = parquet(stream) if form == "parquet" else arrow(stream).read_all()
        table.validate()  # what a damaged file claims to hold may be more than is there
        checked_names(name, table.column_names)
        return table if form in ("csv", "tsv") else made_missing(table, how)
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        raise unreadable(name, error) from None
    finally:
        if stream is not None:
            stream.close()


def of_one_piece(table: Any) -> Any:
    """The table, each column's values in a row and each text in its dictionary once; a column at a time on each thread, so that
    no more than these are there twice."""
    import pyarrow as pa

    columns, schema = [table.select([k]) for k in range(table.num_columns)], table.schema
    rows = table.num_rows
    del table

    def joined(k: int) -> Any:
        if columns[k].column(0).num_chunks > 1 and not pa.types.is_nested(schema.types[k]):
            columns[k] = columns[k].unify_dictionaries().combine_chunks()
        return columns[k].column(0)

    return pa.Table.from_arrays(each(joined, range(len(columns)), rows), schema=schema)


def checked_how(name: str, form: str, how: How) -> None:
    """Raises UsageError where what is said of text is said of a file whose numbers are numbers."""
    if how.decimal != "." and form not in ("csv", "tsv"):
        raise UsageError(f"--decimal is said of text, and {name} is none: its numbers are numbers", "leave out --decimal")


def made_missing(table: Any, how: How) -> Any:
    """The table, missing where a text or number is one that `how` names."""
    import pyarrow as pa
    from pyarrow import compute

    for k, field in enumerate(table.schema if how.missing else ()):
        of = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_string(of) or pa.types.is_large_string(of):
            named: list[Any] = list(how.missing)
        elif pa.types.is_integer(of) or pa.types.is_floating(of):
            named = [v for v in map(as_number, how.missing) if v is not None and (pa.types.is_floating(of) or v == int(v))]
        else:
            continue
        plain_ = table.column(k).cast(of)
        gone = compute.is_in(plain_, value_set=pa.array(named).cast(of, safe=False)) if named else None
        if gone is not None and compute.any(gone).as_py():
            table = table.set_column(k, field.name, compute.if_else(gone, pa.scalar(None, of), plain_))
    return table


def parquet(stream: Ahead) -> Any:
    """One row group after the other: the peak is the table plus what decoding one group takes."""
    import pyarrow as pa

    with parquet_file(stream.buffer()) as file:
        groups = [file.read_row_group(i) for i in range(file.num_row_groups)]
        table = pa.concat_tables(groups) if groups else file.schema_arrow.empty_table()
    pa.default_memory_pool().release_unused()
    return table


def parquet_file(source: Any, names: Sequence[str] | None = None) -> Any:
    """A Parquet file whose text comes as dictionaries."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.BufferReader(source) if isinstance(source, pa.Buffer) else source
    schema = pq.read_schema(source)
    if isinstance(source, pa.BufferReader):
        source.seek(0)
    text = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    return pq.ParquetFile(source, pre_buffer=False, read_dictionary=text)


def part_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder, in the order of their names; what begins with . or _ is no part."""
    found = [p for p in sorted(folder.rglob("*")) if suffixes(p)[0] in (".parquet", ".pq") and p.is_file()
             and not any(step.startswith((".", "_")) for step in p.relative_to(folder).parts)]
    if not found:
        raise UsageError(f"{folder} is a folder without Parquet files", f"name one file; what is read: {READS}")
    return found


def parts(folder: Path) -> Any:
    """The tables of a folder, one below the other."""
    import pyarrow as pa

    tables = [part(folder, path) for path in part_files(folder)]
    for path, table in zip(part_files(folder), tables):
        if set(table.column_names) != set(tables[0].column_names):
            differ = ", ".join(sorted(set(table.column_names) ^ set(tables[0].column_names))[:9])
            raise DvarError(f"the parts of {folder} differ: {path.name} has other columns ({differ})",
                            "the parts of one table have the same columns")
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:  # dictionaries and plain text, or of other index types: as plain text
        tables = [plain(table) for table in tables]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise DvarError(f"the parts of {folder} differ: {error}", "in all parts a column is of one type") from None


def part(folder: Path, path: Path) -> Any:
    """One part; a folder called key=value is a column of text."""
    import pyarrow as pa

    try:
        with path.open("rb") as file:
            table = parquet(Ahead(file))
    except (pa.ArrowException, OSError) as error:
        raise unreadable(str(path), error) from None
    for step in path.relative_to(folder).parts[:-1]:
        key, sign, value = step.partition("=")
        if sign and key not in table.column_names:
            codes = pa.array([0] * 0, pa.int32()) if not table.num_rows else pa.repeat(pa.scalar(0, pa.int32()), table.num_rows)
            table = table.append_column(key, pa.DictionaryArray.from_arrays(codes, pa.array([value])))
    return table


def plain(table: Any) -> Any:
    import pyarrow as pa

    schema = pa.schema([pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in table.schema])
    return table.cast(schema)


def arrow(stream: Ahead) -> Any:
    """A reader of Arrow's file or stream format."""
    import pyarrow as pa

    if stream.ahead(6) == b"ARROW1":
        file = pa.ipc.open_file(stream.buffer())

        class Whole:
            schema = file.schema
            read_all = staticmethod(file.read_all)

            def __iter__(self) -> Iterator[Any]:
                return (file.get_batch(i) for i in range(file.num_record_batches))

        return Whole()
    return pa.ipc.open_stream(pa.PythonFile(stream, "r"))


def batches(path: str | Path, how: How = USUAL, wanted: dict[str, str] | None = None) -> Iterator[Any]:
    """The table of a file as tables of some ten thousand rows, so that memory stays bounded whatever the file holds.

    `wanted` says of columns whether they are numbers or categories: text has no types of its own, and its first rows need
    not show them. Raises as `read` does.
    """
    import pyarrow as pa

    name, count, stream = called(path), 0, None
    try:
        form, stream = opened(path)
        checked_how(name, form, how)
        for table in streamed(name, form, stream, path, how, wanted or {}):
            table.validate()
            if form not in ("csv", "tsv"):
                table = made_missing(table, how)
            if not count:
                checked_names(name, table.column_names)
            count += table.num_rows
            if table.num_rows:
                yield table
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise unreadable(name, error) from None
    finally:
        if stream is not None:
            stream.close()
    if not count:
        raise DvarError(f"{name} has no rows", "a table needs at least one row")


def streamed(name: str, form: str, stream: Any, path: str | Path, how: How, wanted: dict[str, str]) -> Iterator[Any]:
    import pyarrow as pa

    if form == "folder":
        for file in part_files(Path(path)):
            yield part(Path(path), file)
    elif form == "parquet":
        with parquet_file(stream.buffer() if str(path) == "-" else str(path)) as file:
            for batch in file.iter_batches(ROWS):
                yield pa.Table.from_batches([batch])
    elif form == "arrow":
        for batch in arrow(stream):
            yield pa.Table.from_batches([batch])
    elif form == "jsonl":
        yield from json_batches(name, stream)
    else:
        yield from csv_batches(name, form, stream, how, wanted)


def json_batches(name: str, stream: Ahead) -> Iterator[Any]:
    import pyarrow as pa

    left = b""
    while more := stream.read(1 << 23):
        left += more
        end = left.rfind(b"\n") + 1
        if end:
            yield json_lines(name, pa.py_buffer(left[:end]))
            left = left[end:]
    if left.strip():
        yield json_lines(name, pa.py_buffer(left))


def csv_batches(name: str, form: str, stream: Ahead, how: How, wanted: dict[str, str]) -> Iterator[Any]:
    """Types are those of the first block, but what is wanted as levels is text, and whole numbers may go on as others."""
    import pyarrow as pa
    from pyarrow import csv

    start = stream.ahead(1 << 20)
    made = cut(name, form, start, how.decimal)
    whole = start if len(start) < 1 << 20 else start[: start.rfind(b"\n") + 1] or start
    try:
        first = cut_types(made, whole, how)
        types, called = {}, dict(zip(made.names, called_well(made.names)))
        for column, type_ in first.items():
            as_what = wanted.get(called[column])
            if as_what == "category":
                types[column] = pa.string()
            elif pa.types.is_integer(type_) or pa.types.is_null(type_):
                types[column] = pa.float64() if as_what == "number" else pa.string()
            else:
                types[column] = type_.value_type if pa.types.is_dictionary(type_) else type_
        parse, convert = options(made, how, types)
        convert.auto_dict_encode = False
        reading = csv.ReadOptions(block_size=2**22, encoding=made.letters)
        table = None
        for batch in csv.open_csv(pa.PythonFile(stream, "r"), reading, parse, convert):
            table = pa.Table.from_batches([batch]).rename_columns(called_well(made.names))
            yield with_numbers(table, [n for n, what in wanted.items() if what == "number"], how)
    except pa.ArrowInvalid as error:
        if (again := reread(name)) is not None and (told := ragged(name, made, again)):
            raise told from None
        raise unreadable(name, error) from None
    if table is not None and swallowed(table) and (again := reread(name)) is not None:
        refuse_unclosed(name, made, again)


def with_numbers(table: Any, wanted: Sequence[str], how: How) -> Any:
    """The table, text in which numbers are wanted made so, where all of it is."""
    import pyarrow as pa

    for k, field in enumerate(table.schema):
        if field.name in wanted and is_text(field.type):
            made = [decoded(chunk.dictionary_encode(), how.decimal) for chunk in table.column(k).chunks]
            if all(chunk is not None for chunk in made):
                table = table.set_column(k, field.name, pa.chunked_array(made))
    return table


def reread(name: str) -> Any:
    """The bytes of a text file once more, to say where a mistake is; None of a stream that is gone."""
    if not Path(name).is_file():
        return None
    _, stream = opened(name)
    try:
        return stream.buffer()
    finally:
        stream.close()


def cut_types(made: Cut, start: bytes, how: How) -> dict[str, Any]:
    import pyarrow as pa
    from pyarrow import csv

    parse, convert = options(made, how)
    reading = csv.ReadOptions(block_size=len(start) + 1, encoding=made.letters)
    schema = csv.read_csv(pa.py_buffer(start), reading, parse, convert).schema
    return dict(zip(schema.names, schema.types))
