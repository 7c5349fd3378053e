"""Files in, Arrow tables out, whole.

PyArrow does the reading and is imported inside functions only, so that `import dvar` does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..errors import DvarError, UsageError, many
from ..threads import LARGE, each
from .numerals import as_number, is_text
from .opening import READS, Ahead, called, checked_names, opened, suffixes, unreadable
from .text import USUAL, How, silent, text

NO_KEY = "__HIVE_DEFAULT_PARTITION__"  # what a folder is called whose rows have none


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
            table = parquet(stream) if form == "parquet" else usual_dictionaries(arrow(stream).read_all())
        if form in ("csv", "tsv"):
            return table
        table.validate()  # what a damaged file claims to hold may be more than is there
        checked_names(name, table.column_names)
        return made_missing(table, how)
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        raise unreadable(name, error) from None
    finally:
        if stream is not None:
            stream.close()


def usual_dictionaries(table: Any) -> Any:
    """The table, missing where a dictionary's entry is, and views of text in it as text: PyArrow neither unites dictionaries that
    hold a null nor takes from views."""
    import pyarrow as pa
    from pyarrow import compute

    def mended(chunk: Any) -> Any:
        texts, codes = chunk.dictionary, chunk.indices
        texts = texts.cast(pa.string()) if str(texts.type) == "string_view" else texts
        if texts.null_count:
            place = compute.subtract(compute.cumulative_sum(texts.is_valid().cast("int64")), 1)
            codes, texts = compute.if_else(texts.is_valid(), place, None).take(codes).cast(codes.type), texts.drop_null()
        return pa.DictionaryArray.from_arrays(codes, texts, ordered=chunk.type.ordered)

    for k, field in enumerate(table.schema):
        chunks = table.column(k).chunks if pa.types.is_dictionary(field.type) else []
        if chunks and (str(field.type.value_type) == "string_view" or any(chunk.dictionary.null_count for chunk in chunks)):
            table = table.set_column(k, field.name, pa.chunked_array(map(mended, chunks)))
    return table


def of_one_piece(table: Any) -> Any:
    """The table, each column's values in a row and each text in its dictionary once; a column at a time on each thread, so that
    no more than these are there twice."""
    import pyarrow as pa

    schema, rows, types = table.schema, table.num_rows, table.schema.types
    if rows < LARGE and not any(map(pa.types.is_nested, types)):
        return table.unify_dictionaries().combine_chunks()
    columns = [table.select([k]) for k in range(table.num_columns)]
    del table

    def joined(k: int) -> Any:
        if columns[k].column(0).num_chunks > 1 and not pa.types.is_nested(types[k]):
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
    """A column after the other, numbers in one piece: the peak is the table plus what decoding a column of a row group takes."""
    with parquet_file(stream.whole()) as file:
        return file.read()


def parquet_file(source: Any) -> Any:
    """A Parquet file whose text comes as dictionaries."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def file(**how: Any) -> Any:
        return pq.ParquetFile(source if isinstance(source, str) else pa.BufferReader(source), pre_buffer=False, **how)

    plainly = file()
    if not (text := [f.name for f in plainly.schema_arrow if is_text(f.type) and not pa.types.is_dictionary(f.type)]):
        return plainly
    with plainly:
        return file(metadata=plainly.metadata, read_dictionary=text)


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
    """One part; a folder called key=value is a column of text, written as in an address, missing where it is Hive's own word."""
    import pyarrow as pa

    try:
        with path.open("rb") as file:
            table = parquet(Ahead(file))
    except (pa.ArrowException, OSError) as error:
        raise unreadable(str(path), error) from None
    for step in path.relative_to(folder).parts[:-1]:
        key, sign, value = step.partition("=")
        if sign and key not in table.column_names:
            code, texts = (None, []) if value == NO_KEY else (0, [unquote(value)])
            codes = pa.repeat(pa.scalar(code, pa.int32()), table.num_rows)
            table = table.append_column(key, pa.DictionaryArray.from_arrays(codes, pa.array(texts, pa.string())))
    return table


def plain(table: Any) -> Any:
    """The table, dictionaries as their values, and views of text as text."""
    import pyarrow as pa

    def stored(type_: Any) -> Any:
        of = type_.value_type if pa.types.is_dictionary(type_) else type_
        return pa.string() if str(of) == "string_view" else of

    return table.cast(pa.schema([pa.field(f.name, stored(f.type)) for f in table.schema]))


def arrow(stream: Ahead) -> Any:
    """A reader of Arrow's file or stream format."""
    import pyarrow as pa

    if stream.ahead(6) == b"ARROW1":
        file = pa.ipc.open_file(stream.whole())

        class Whole:
            schema = file.schema
            read_all = staticmethod(file.read_all)

            def __iter__(self) -> Iterator[Any]:
                return (file.get_batch(i) for i in range(file.num_record_batches))

        return Whole()
    return pa.ipc.open_stream(pa.PythonFile(stream, "r"))
