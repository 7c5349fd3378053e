"""Files in, Arrow tables of some ten thousand rows out, so that memory stays bounded whatever a file holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ..errors import DvarError
from .cutting import Cut, called_well, cut
from .numerals import decoded, is_text
from .opening import Ahead, called, checked_names, opened, unreadable
from .passing import Passing, Spaces
from .reading import arrow, checked_how, made_missing, parquet_file, part, part_files, usual_dictionaries
from .text import USUAL, How, cut_otherwise, json_lines, mistyped, options, ragged, refuse_unclosed, swallowed

ROWS = 1 << 17  # in a batch of Parquet
PART = 1 << 23  # bytes of JSON, at least, in a batch of more than one


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
        names: list[str] = []
        for file in part_files(Path(path)):
            table = part(Path(path), file)
            names = names or table.column_names
            yield table.select(names) if set(names) == set(table.column_names) else table
    elif form == "parquet":
        with parquet_file(stream.whole() if str(path) == "-" else str(path)) as file:
            for batch in file.iter_batches(ROWS):
                yield pa.Table.from_batches([batch])
    elif form == "arrow":
        for batch in arrow(stream):
            yield usual_dictionaries(pa.Table.from_batches([batch]))
    elif form == "jsonl":
        yield from json_batches(name, stream)
    else:
        yield from csv_batches(name, form, stream, how, wanted)


def json_batches(name: str, stream: Ahead) -> Iterator[Any]:
    """Columns and types are those of the whole file, which is read twice where it is long; of a stream those of each part."""
    parts = json_parts(stream)
    some = [*islice(parts, 2)]
    types = json_types(name) if len(some) == 2 and Path(name).is_file() else None
    for before, lines in chain(some, parts):
        yield json_lines(name, lines, types, before)


def json_types(name: str) -> Any:
    """The columns of a file of JSON lines, each of a type that holds what all of its parts have."""
    import pyarrow as pa

    _, stream = opened(name)
    found: dict[str, Any] = {}
    try:
        for before, lines in json_parts(stream):
            for field in json_lines(name, lines, None, before).schema:
                found[field.name] = wider(found.get(field.name, field.type), field.type)
    finally:
        stream.close()
    return pa.schema(list(found.items()))


def wider(one: Any, other: Any) -> Any:
    """The type that holds what either does: text where no other one does."""
    import pyarrow as pa

    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other):  # PyArrow leaves out the zone of times in whole seconds
        one, other = (pa.timestamp(of.unit, one.tz or other.tz) for of in (one, other))
    try:
        return pa.unify_schemas([pa.schema({"": of}) for of in (one, other)], promote_options="permissive").field(0).type
    except pa.ArrowException:
        return pa.string()


def json_parts(stream: Ahead) -> Iterator[tuple[int, Any]]:
    """The text in parts that end with a line, each behind the number of lines before it."""
    import pyarrow as pa

    left, before = b"", 0
    while more := stream.read(PART):
        if len(left) >= PART and (end := left.rfind(b"\n") + 1):  # the last line need not end, and comes with those before it
            yield before, pa.py_buffer(left[:end])
            before += left.count(b"\n", 0, end)
            left = left[end:]
        left += more
    if left.strip():
        yield before, pa.py_buffer(left)


def csv_batches(name: str, form: str, stream: Ahead, how: How, wanted: dict[str, str]) -> Iterator[Any]:
    """Types are those of the first block, but what is wanted as levels is text, and, where more follows, whole numbers may go on
    as others."""
    import pyarrow as pa
    from pyarrow import csv

    start = stream.lines_ahead(1 << 20)
    ends = len(start) < 1 << 20
    made, spaced = cut(name, form, start, how.decimal), ""
    if made.spaced:
        start, spaced = Spaces(made.delimiter)(start), made.delimiter
        made = cut(name, form, start, how.decimal)
    plain = made.letters == "utf-8" and start.isascii()
    checked_names(name, called_well(made.names))
    passing: Any = stream if made.encoding.startswith("utf-16") else Passing(name, stream, spaced, plain)
    end = start.rfind(b"\n") + 1
    if made.encoding.startswith("utf-16"):
        end -= end % 2  # not in the middle of a letter
    whole = start if ends else start[:end] or start
    try:
        types, called = {}, dict(zip(made.names, called_well(made.names)))
        first = cut_types(made, whole, how, {column for column, name in called.items() if name in wanted})
        for column, type_ in first.items():
            as_what = wanted.get(called[column])
            if as_what == "category":
                types[column] = pa.string()
            elif pa.types.is_integer(type_) or pa.types.is_null(type_):
                types[column] = pa.float64() if as_what == "number" else type_ if ends else pa.string()
            else:
                types[column] = type_.value_type if pa.types.is_dictionary(type_) else type_
        parse, convert = options(made, how, types)
        convert.auto_dict_encode = False
        reading = csv.ReadOptions(block_size=max(2**22, len(start)), encoding=made.letters)
        table = None
        for batch in csv.open_csv(pa.PythonFile(passing, "r"), reading, parse, convert):
            table = pa.Table.from_batches([batch]).rename_columns(called_well(made.names))
            yield with_numbers(table, [n for n, what in wanted.items() if what == "number"], how)
    except pa.ArrowInvalid as error:
        if (again := reread(name, spaced)) is not None:
            refuse_unclosed(name, made, again)
            if told := ragged(name, made, again):
                raise told from None
        if told := mistyped(name, made, error, again) or cut_otherwise(name, made, error):
            raise told from None
        raise unreadable(name, error) from None
    if table is not None and swallowed(table) and (again := reread(name, spaced)) is not None:
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


def reread(name: str, spaced: str) -> Any:
    """The bytes of a text file once more, to say where a mistake is; None of a stream that is gone."""
    if not Path(name).is_file():
        return None
    _, stream = opened(name)
    try:
        return Spaces(spaced)(stream.whole()) if spaced else stream.whole()
    finally:
        stream.close()


def cut_types(made: Cut, start: bytes, how: How, wanted: Collection[str]) -> dict[str, Any]:
    """The types of the columns as they start. Whole numbers past 64 bits, which PyArrow takes for floats, are text where nothing
    is made of them: they keep their digits."""
    import pyarrow as pa
    from pyarrow import compute, csv

    def table(types: dict[str, Any]) -> Any:
        parse, convert = options(made, how, types)
        reading = csv.ReadOptions(block_size=len(start) + 1, encoding=made.letters)
        return csv.read_csv(pa.py_buffer(start), reading, parse, convert)

    found = table({})
    types = dict(zip(found.column_names, found.schema.types))
    large = {name: pa.string() for name, type_ in types.items() if name not in wanted and pa.types.is_floating(type_)
             and (compute.max(compute.abs(found.column(name))).as_py() or 0) >= 2**63}
    for name in large:
        if compute.any(compute.match_substring_regex(table(large).column(name), r"^[+-]?\d{19,}$")).as_py():
            types[name] = pa.string()
    return types
