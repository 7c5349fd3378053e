"""Text as a table: PyArrow cuts and types it; here it is told how, and what was guessed, changed or found wrong is said, with
the line it is in.
"""

from __future__ import annotations

import csv as lines
import io
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any

from ..errors import DvarError, UsageError, many
from .cutting import Cut, called_well, cut, over_lines, western
from .numerals import as_number, is_text, numbered
from .opening import HEAD, Ahead, checked_names, unreadable
from .passing import Spaces

MISSING_TEXT = ("", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "NaN", "nan", "?")
MOST_LEVELS = 2**16  # beyond these, text of a CSV file is kept as text and not as codes
LEAST_BLOCK, BLOCK, LARGEST_BLOCK = 2**16, 2**20, 2**31 - 1  # bytes, each block read on a thread
DAY = re.compile(r"\d{4}-\d\d-\d\d")
ZONED = rb'\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?(?:\d\d)?)"'  # a time of JSON
WHY = {"utf-16": "by the mark it begins with", "cp1252": "since it is not UTF-8", "latin-1": "since it is not UTF-8",
       "utf-16-le": "since every other byte is 0", "utf-16-be": "since every other byte is 0"}


@dataclass(frozen=True)
class How:
    """How text is to be read where it is not as usual: the sign before decimals, and what else means missing."""

    decimal: str = "."
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.decimal not in (".", ","):
            raise UsageError(f"{self.decimal!r} does not stand before decimals", "give --decimal . or --decimal ,")


USUAL = How()


def silent(note: str) -> None:
    """Says nothing."""


def text(name: str, form: str, stream: Ahead, how: How, say: Callable[[str], None]) -> Any:
    """The table in CSV, TSV or JSON lines."""
    start = stream.lines_ahead(HEAD)
    content = stream.whole()
    if form == "jsonl":
        return json_lines(name, content)
    made = cut(name, form, start, how.decimal, content)
    if made.spaced:
        say(f"{name}: the space after each {made.delimiter!r} is left out")
        start, content = Spaces(made.delimiter)(start), Spaces(made.delimiter)(content)
        made = cut(name, form, start, how.decimal, content)
    table = cut_up(name, made, content, how, say)
    if binary(table):
        table = cut_up(name, cut(name, form, start, how.decimal, content, western(content)), content, how, say)
    return numbered(table, how.decimal, say)


def cut_up(name: str, made: Cut, content: Any, how: How, say: Callable[[str], None]) -> Any:
    """PyArrow settles each column's type on the first block; where that proves wrong, the whole file is one block."""
    import pyarrow as pa
    from pyarrow import csv

    told(made, name, say)
    checked_names(name, called_well(made.names))
    quoted = over_lines(content)
    parse, convert = options(made, how, quoted=quoted)
    if content.find(b'"') < 0:
        parse.quote_char = False  # nothing is quoted, which is faster to know
    half = min(max(len(content) // 2 + 1, LEAST_BLOCK), BLOCK)  # of a small file, so that two threads have something to do
    for block_size in (half, min(len(content) + 1, LARGEST_BLOCK)):
        try:
            reading = csv.ReadOptions(block_size=block_size, encoding=made.letters)
            table = csv.read_csv(pa.BufferReader(content), reading, parse, convert)
            break
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            wrong = error
            if "Expected" in str(error) and "columns, got" in str(error):
                refuse_unclosed(name, made, content)
                raise ragged(name, made, content) or error from None
            if "Empty CSV" in str(error) and block_size > len(content):  # else the header alone is longer than a block
                what = f"{name} has {many(len(made.names), 'column')} but no rows"
                raise DvarError(what, "a table needs at least one row") from None
    else:
        raise unreadable(name, wrong) from None
    if quoted and swallowed(table):
        refuse_unclosed(name, made, content)
    names = table.column_names
    return table if called_well(names) == names else table.rename_columns(called_well(names))


def swallowed(table: Any) -> bool:
    """Whether some text of the last row goes over several lines, as it does where a quotation mark is never closed."""
    last = [c[-1].as_py() for c in table.columns if is_text(c.type)] if table.num_rows else []
    return any("\n" in value for value in last if value)


def told(made: Cut, name: str, say: Callable[[str], None]) -> None:
    usual = "\t" if name.lower().endswith((".tsv", ".tab", ".tsv.gz")) else ","
    if made.delimiter != usual and len(made.names) > 1:
        say(f"{name}: fields are separated by {made.delimiter!r}")
    if why := WHY.get(made.encoding):
        say(f"{name}: read as {made.encoding}, {why}")
    if made.names and all(as_number(column, ".") is not None for column in made.names):
        say(f"{name}: line 1 is read as the names of the columns, and all of them are numbers: does it lack such a line?")
    if len(made.names) == 1 and len(made.names[0].split()) > 1:
        say(f"{name}: its one column is called {made.names[0]!r}; if spaces stand between fields, write commas or tabs")
    if spaced := [column for column in made.names if column != column.strip() and column.strip()]:
        say(f"{name}: spaces around the names of {many(len(spaced), 'column')} are left out")
    if unnamed := [column for column, was in zip(called_well(made.names), made.names) if not was.strip()]:
        above = "; line 1 is read as the names: does a title stand above them?" if 2 * len(unnamed) > len(made.names) else ""
        say(f"{name}: columns without a name are called by their place: {', '.join(unnamed)}{above}")
    for column in called_well(made.codes):
        say(f"{column}: digits that begin with 0 are read as text; number({column}) reads them as numbers")
    for column in called_well(made.hexadecimal):
        say(f"{column}: numbers written as 0x1F are read as text; write them in digits, and they are numbers")


def options(made: Cut, how: How, types: dict[str, Any] | None = None, quoted: bool = True) -> tuple[Any, Any]:
    """PyArrow's options for a file cut like this; `quoted`: fields may go over several lines. In a table of one column a blank
    line is a row whose value is missing."""
    import pyarrow as pa
    from pyarrow import csv

    parse = csv.ParseOptions(delimiter=made.delimiter, ignore_empty_lines=len(made.names) > 1, newlines_in_values=quoted)
    kept = {column: pa.dictionary(pa.int32(), pa.string()) for column in (*made.codes, *made.hexadecimal)}
    convert = csv.ConvertOptions(
        null_values=[*MISSING_TEXT, *how.missing], strings_can_be_null=True, auto_dict_encode=True,
        auto_dict_max_cardinality=MOST_LEVELS, decimal_point=how.decimal, column_types={**kept, **(types or {})},
    )
    return parse, convert


def rows_of(made: Cut, content: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows of a text file with the number of the line each begins in, cut by Python: slow, to say where a mistake is."""
    reader = lines.reader(io.TextIOWrapper(io.BytesIO(memoryview(content)), made.encoding, "replace", newline=""),
                          delimiter=made.delimiter, strict=True)
    before = 0
    lines.field_size_limit(2**30)
    for row in reader:
        yield before + 1, row
        before = reader.line_num


def ragged(name: str, made: Cut, content: Any) -> DvarError | None:
    """What is said of the first line with too few or too many fields."""
    header = 0  # its line
    try:
        for line, row in rows_of(made, content):
            if len(row) != len(made.names) and (row or len(made.names) == 1):
                what = f"{name} line {line} has {many(len(row), 'field')}, the header {len(made.names)}"
                more = f"; with {made.delimiter!r} between fields"
                help = "mend the line, or quote the field in which the sign stands"
                if header and (line == header + 1 or len(made.names) == 1):
                    help = f"line {header} is read as the names of the columns: is one lacking, or something above them?"
                return DvarError(what + more, help)
            header = header or (line if row else 0)
    except lines.Error:
        pass
    return None


def cut_otherwise(name: str, made: Cut, error: Exception) -> DvarError | None:
    """What is said of a row with too few or too many fields by PyArrow's error, where the lines are gone."""
    found = re.search(r"Expected (\d+) columns, got (\d+): (.*)", str(error))
    if not found:
        return None
    what = f"{name}: the row {found[3][:80]!r} has {many(int(found[2]), 'field')}, the header {found[1]}"
    return DvarError(f"{what}; with {made.delimiter!r} between fields", "mend the row, or was the stream cut off?")


def mistyped(name: str, made: Cut, error: Exception, content: Any) -> DvarError | None:
    """What is said of a value that is not of the type of its column, by PyArrow's error; with its line where there is content."""
    found = re.search(r"column #(\d+): CSV conversion error to (\w+): invalid value '(.*)'", str(error), re.DOTALL)
    if not found:
        return None
    at, value = int(found[1]), found[3]
    rows = rows_of(made, content) if content is not None else iter(())
    line = next((f" line {line}" for line, row in rows if row[at : at + 1] == [value]), "")
    kind = "a number" if found[2] in ("double", "int64") else f"of type {found[2]}"
    return DvarError(f"{name}{line}: {value!r} in column {made.names[at]!r} is not {kind}",
                     f"mend it, or --missing {shlex.quote(value)} makes it missing")


def refuse_unclosed(name: str, made: Cut, content: Any) -> None:
    """Raises DvarError where a quotation mark is never closed."""
    if line := unclosed(made, content):
        raise DvarError(f"{name} line {line}: a quotation mark is opened and never closed", "close it, or is the file cut off?")


def unclosed(made: Cut, content: Any) -> int:
    """The line of a quotation mark that is never closed; 0 where there is none."""
    line = 0
    try:
        for line, row in rows_of(made, content):
            line += 1 + sum(field.count("\n") for field in row)
    except lines.Error as error:
        if "unexpected end" in str(error):
            return max(line, 1)
    return 0


def binary(table: Any) -> bool:
    """Whether some text was not UTF-8."""
    import pyarrow as pa

    return any(pa.types.is_binary(t.value_type if pa.types.is_dictionary(t) else t) for t in table.schema.types)


def json_lines(name: str, content: Any, types: Any = None, before: int = 0) -> Any:
    """One object a line; columns are those of `types` where it is given, a schema; `before`: lines before the content."""
    import pyarrow as pa
    from pyarrow import json

    known = None if types is None else pa.schema([f for f in types if not pa.types.is_timestamp(f.type)])  # read as written
    for block_size in (2**23, min(len(content) + 1, LARGEST_BLOCK)):
        try:
            how = json.ParseOptions(explicit_schema=known)
            table = json.read_json(pa.BufferReader(content), json.ReadOptions(block_size=block_size), how)
            return with_times(table, content) if types is None else of_types(table, types)
        except pa.ArrowInvalid as error:
            wrong = error
    row = re.search(r"in row (\d+)", str(wrong))
    where = f" line {before + int(row[1]) + 1}" if row else ""
    what = re.sub(r"JSON parse error: | in row \d+$", "", str(wrong).splitlines()[0])[:200]
    raise DvarError(f"{name}{where} cannot be read: {what}",
                    "JSON lines hold one object a line, each column of one type")


def of_types(table: Any, types: Any) -> Any:
    """The table with the columns of a schema; one that is not there is missing."""
    import pyarrow as pa

    there = set(table.column_names)
    columns = [table.column(f.name).cast(f.type) if f.name in there else pa.nulls(len(table), f.type) for f in types]
    return pa.table(columns, schema=types)


def is_zoned(content: Any, key: str) -> bool:
    """Whether a time with a zone is among the first that a key of JSON has."""
    before = rb'"%s"\s*:\s*"' % re.escape(key.encode())
    first = re.search(before, content)
    return first is not None and bool(re.compile(before + ZONED).search(content, first.start(), first.start() + HEAD))


def with_times(table: Any, content: Any) -> Any:
    """The table, text that is times made so: of JSON, PyArrow takes them for text where some have fractions of a second, and
    leaves out the zone, UTC once read, of others."""
    import pyarrow as pa
    from pyarrow import compute

    for k, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and is_zoned(content, field.name):
            table = table.set_column(k, field.name, table.column(k).cast(pa.timestamp(field.type.unit, "UTC")))
        if not pa.types.is_string(field.type) or not DAY.match(compute.first(table.column(k)).as_py() or ""):
            continue
        if (found := timestamps(table.column(k))) is not None:
            table = table.set_column(k, field.name, found)
    return table


def timestamps(text: Any) -> Any:
    """Text as times, in UTC where they have a zone; None where that is not what is written in all of it."""
    import pyarrow as pa

    for unit, zone in product(("us", "ns"), (None, "UTC")):
        with suppress(pa.ArrowInvalid):
            return text.cast(pa.timestamp(unit, zone))
    return None
