"""Text as a table: how it is cut and typed, and what was guessed or changed on the way, said.

PyArrow cuts and types it. Here is what it does not do: find out which sign stands between fields and how letters are encoded,
say which line is ragged, and see that a column of text is numbers written with spaces or signs.
"""

from __future__ import annotations

import csv as lines
import io
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..errors import DvarError, UsageError, many
from .opening import HEAD, Ahead, checked_names, unreadable

MISSING_TEXT = ("", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "NaN", "nan", "?")
MOST_LEVELS = 2**16  # beyond these, text of a CSV file is kept as text and not as codes
LARGEST_BLOCK = 2**31 - 1
STEP = 1 << 20  # bytes looked at together
PART = 1 << 17  # bytes looked at together for fields led by 0: they stay in the cache
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
WHY = {"utf-16": "by the mark it begins with", "latin-1": "since it is not UTF-8",
       "utf-16-le": "since every other byte is 0", "utf-16-be": "since every other byte is 0"}
BETWEEN = ",;\t|"


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


@dataclass(frozen=True)
class Cut:
    """How a text file is cut into fields: what its first bytes tell."""

    delimiter: str
    encoding: str
    names: tuple[str, ...]
    codes: tuple[str, ...]  # columns whose digits begin with 0: not numbers but names made of digits

    @property
    def letters(self) -> str:
        """The encoding as PyArrow takes it: a mark of UTF-8 it passes over by itself."""
        return "utf-8" if self.encoding == "utf-8-sig" else self.encoding


def cut(name: str, form: str, start: bytes, decimal: str, content: Any = b"", encoding: str = "") -> Cut:
    """Encoding, delimiter and column names of a CSV or TSV file by how it starts, codes by as much of its content as is there."""
    encoding = encoding or next((e for mark, e in MARKS if start.startswith(mark)), "") or without_mark(start)
    wide = encoding.startswith("utf-16")
    if b"\0" in start and not wide:
        line = start[: start.index(b"\0")].count(b"\n") + 1
        raise DvarError(f"{name} cannot be read: line {line} holds bytes that are not text",
                        "is the file of the kind its suffix says?")
    try:
        head = start[: len(start) // 2 * 2 if wide else None].decode(encoding)
    except UnicodeDecodeError as error:
        if wide or error.start < len(start) - 4:
            return cut(name, form, start, decimal, content, "latin-1")
        head = start[: error.start].decode(encoding)
    whole = head if len(start) < HEAD else head[: head.rfind("\n") + 1] or head
    delimiter = "\t" if form == "tsv" else sniffed(whole, decimal)
    names = tuple(next(filter(None, lines.reader(io.StringIO(whole, newline=""), delimiter=delimiter)), ()))
    if not names and len(start) < HEAD:
        raise DvarError(f"{name} holds nothing but blank lines", "a table needs a line of column names and at least one row")
    some = whole.encode() if wide or not content else content
    return Cut(delimiter, encoding, names, led_by_zero(some, delimiter, names))


def led_by_zero(content: Any, delimiter: str, names: Sequence[str]) -> tuple[str, ...]:
    """The columns in which some field is digits led by a 0, as "007", wherever it stands; but in a row that goes over several
    lines, and beyond the first MiB of a row. Which column it is, is counted; lines are cut until one shows it."""
    import numpy as np

    letters, found = np.frombuffer(content, np.uint8), np.zeros(len(names), bool)
    known = np.append(found, True)  # columns in which nothing is looked for any more, and what stands beyond them
    for lo, led in digits_led(letters, delimiter):
        before, past = max(lo - PART, 0), lo + 2 * PART  # the lines of the first and the last are to be whole
        while max(lo - STEP, 0) < before and not ends_line(letters[before:lo]).any():
            before = max(before - PART, 0)
        while past < min(lo + STEP, len(letters)) and not ends_line(letters[lo + PART : past]).any():
            past += PART
        near = letters[before:past]
        ends, quotes, signs = (before + np.flatnonzero(of) for of in (ends_line(near), near == ord('"'), near == ord(delimiter)))
        first, line = np.append(before - 1, ends) + 1, np.searchsorted(ends, led)
        ends = np.append(ends, before + len(near))
        if len(quotes):
            start = first[np.searchsorted(ends, signs)]
            signs = signs[(np.searchsorted(quotes, signs) - np.searchsorted(quotes, start)) % 2 == 0]  # not in a quoted field
        column = np.minimum(np.searchsorted(signs, led) - np.searchsorted(signs, first[line]), len(names))
        new, last = ~known[column], -1
        for k, at in zip(line[new].tolist(), column[new].tolist(), strict=True):
            if known[at] or k == last:
                continue
            last = k
            row = fields(bytes(letters[first[k] : ends[k]]).decode("latin-1"), delimiter)
            if len(row) == len(names) and row != list(names):
                found |= [is_code(field) for field in row]
                known[:-1] |= found | [delimiter in field for field in row]  # such a field makes its column text
    return tuple(n for n, is_found in zip(names, found.tolist(), strict=True) if is_found)


def fields(line: str, delimiter: str) -> list[str]:
    """A line cut into its fields, however long they are."""
    limit = lines.field_size_limit(2**30)
    try:
        return next(lines.reader([line], delimiter=delimiter), [])
    finally:
        lines.field_size_limit(limit)


def digits_led(letters: Any, delimiter: str) -> Iterator[tuple[int, Any]]:
    """Where digits led by a 0 stand between signs that separate fields, for each part of the letters that holds some: (where
    the part begins, places)."""
    import numpy as np

    zero, beside = np.uint8(ord("0")), np.zeros(256, bool)  # the signs before and after a field
    beside[[ord(sign) for sign in (delimiter, *'\n\r"')]] = True
    for lo in range(1, len(letters) - 1, PART):
        some = letters[lo - 1 : lo + PART + 1]
        might = some[1:-1] == zero  # few operations on all letters, the rest on those few that are left
        might &= some[2:] >= zero
        might &= some[:-2] < ord("-") if delimiter < "-" else beside[some[:-2]]
        led = lo + np.flatnonzero(might)
        led = led[beside[letters[led - 1]]]
        after = led + 1
        while (more := (letters.take(after, mode="clip") - zero < 10) & (after < len(letters))).any():
            after += more
        whole = (after > led + 1) & (beside[letters.take(after, mode="clip")] | (after == len(letters)))
        if whole.any():
            yield lo, led[whole]


def ends_line(letters: Any) -> Any:
    return (letters == ord("\n")) | (letters == ord("\r"))


def without_mark(start: bytes) -> str:
    """The encoding of text that begins with no mark: UTF-8, unless every other byte is 0, as of Latin letters in UTF-16."""
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if len(zeros) > 1 and zeros.count(0) > 0.8 * len(zeros):
            return encoding
    return "utf-8"


def called_well(names: Sequence[str]) -> list[str]:
    """Column names without the spaces around them; one that is empty is called by its place, "column 2"."""
    return [name.strip() or f"column {k + 1}" for k, name in enumerate(names)]


def sniffed(head: str, decimal: str) -> str:
    """The sign between the fields: of those that cut all first lines into equally many, the one that cuts them most."""
    best, most = ",", 1
    for sign in BETWEEN:
        if sign == decimal == "," and any(other in head.split("\n", 1)[0] for other in ";\t"):
            continue
        counts = [len(row) for row in islice(lines.reader(io.StringIO(head, newline=""), delimiter=sign), 50) if row]
        if counts and counts[0] > most and counts.count(counts[0]) >= 0.9 * len(counts):
            best, most = sign, counts[0]
    return best


def text(name: str, form: str, stream: Ahead, how: How, say: Callable[[str], None]) -> Any:
    """The table in CSV, TSV or JSON lines."""
    start = stream.ahead(HEAD)
    content = stream.buffer()
    if form == "jsonl":
        return json_lines(name, content)
    table = cut_up(name, cut(name, form, start, how.decimal, content), content, how, say)
    if binary(table):
        table = cut_up(name, cut(name, form, start, how.decimal, content, "latin-1"), content, how, say)
    return numbered(table, how, say)


def cut_up(name: str, made: Cut, content: Any, how: How, say: Callable[[str], None]) -> Any:
    """PyArrow settles each column's type on the first block; where that proves wrong, the whole file is one block."""
    import pyarrow as pa
    from pyarrow import csv

    told(made, name, say)
    checked_names(name, called_well(made.names))
    parse, convert = options(made, how, quoted=over_lines(content))
    for block_size in (2**21, min(len(content) + 1, LARGEST_BLOCK)):
        try:
            reading = csv.ReadOptions(block_size=block_size, encoding=made.letters)
            table = csv.read_csv(pa.BufferReader(content), reading, parse, convert)
            break
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            wrong = error
            if "Expected" in str(error) and "columns, got" in str(error):
                refuse_unclosed(name, made, content)
                raise ragged(name, made, content) or error from None
            if "Empty CSV" in str(error):
                what = f"{name} has {many(len(made.names), 'column')} but no rows"
                raise DvarError(what, "a table needs at least one row") from None
    else:
        raise unreadable(name, wrong) from None
    if swallowed(table):
        refuse_unclosed(name, made, content)
    return table.rename_columns(called_well(table.column_names))


def swallowed(table: Any) -> bool:
    """Whether some text of the last row goes over several lines, as it does where a quotation mark is never closed."""
    last = [c[-1].as_py() for c in table.columns if is_text(c.type)] if table.num_rows else []
    return any("\n" in value for value in last if value)


def is_text(type_: Any) -> bool:
    import pyarrow as pa

    of = type_.value_type if pa.types.is_dictionary(type_) else type_
    return bool(pa.types.is_string(of) or pa.types.is_large_string(of))


def told(made: Cut, name: str, say: Callable[[str], None]) -> None:
    usual = "\t" if name.lower().endswith((".tsv", ".tab", ".tsv.gz")) else ","
    if made.delimiter != usual and len(made.names) > 1:
        say(f"{name}: fields are separated by {made.delimiter!r}")
    if why := WHY.get(made.encoding):
        say(f"{name}: read as {made.encoding}, {why}")
    if made.names and all(as_number(column, ".") is not None for column in made.names):
        say(f"{name}: line 1 is read as the names of the columns, and all of them are numbers: does it lack such a line?")
    if spaced := [column for column in made.names if column != column.strip() and column.strip()]:
        say(f"{name}: spaces around the names of {many(len(spaced), 'column')} are left out")
    if unnamed := [column for column, was in zip(called_well(made.names), made.names) if not was.strip()]:
        say(f"{name}: columns without a name are called by their place: {', '.join(unnamed)}")
    for column in called_well(made.codes):
        say(f"{column}: digits that begin with 0 are read as text; number({column}) reads them as numbers")


def over_lines(content: Any) -> bool:
    """Whether a field may go over several lines: an odd number of quotation marks stands before the end of some line. Reading is
    faster by a third where none does."""
    import numpy as np

    letters, marks = np.frombuffer(content, np.uint8), 0
    for lo in range(0, len(letters), STEP):
        some = letters[lo : lo + STEP]
        quotes = np.flatnonzero(some == ord('"'))
        if marks % 2 or len(quotes):
            ends = np.flatnonzero(ends_line(some))
            if ((np.searchsorted(quotes, ends) + marks) % 2).any():
                return True
            marks += len(quotes)
    return False


def options(made: Cut, how: How, types: dict[str, Any] | None = None, quoted: bool = True) -> tuple[Any, Any]:
    """PyArrow's options for a file cut like this; `quoted`: fields may go over several lines. In a table of one column a blank
    line is a row whose value is missing."""
    import pyarrow as pa
    from pyarrow import csv

    parse = csv.ParseOptions(delimiter=made.delimiter, ignore_empty_lines=len(made.names) > 1, newlines_in_values=quoted)
    kept = {column: pa.dictionary(pa.int32(), pa.string()) for column in made.codes}
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
                if header and line == header + 1:
                    help = f"line {header} is read as the names of the columns: is one lacking, or something above them?"
                return DvarError(what + more, help)
            header = header or (line if row else 0)
    except lines.Error:
        pass
    return None


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


def json_lines(name: str, content: Any) -> Any:
    """One object a line."""
    import pyarrow as pa
    from pyarrow import json

    for block_size in (2**23, min(len(content) + 1, LARGEST_BLOCK)):
        try:
            return json.read_json(pa.BufferReader(content), json.ReadOptions(block_size=block_size))
        except pa.ArrowInvalid as error:
            wrong = error
    row = re.search(r"in row (\d+)", str(wrong))
    where = f" line {int(row[1]) + 1}" if row else ""
    what = re.sub(r"JSON parse error: | in row \d+$", "", str(wrong).splitlines()[0])[:200]
    raise DvarError(f"{name}{where} cannot be read: {what}",
                    "JSON lines hold one object a line, each column of one type")


def is_code(text: str) -> bool:
    """Whether a text is digits led by 0: a name made of digits."""
    return text[:1] == "0" and text[1:].isdigit()


GROUPED = re.compile(r"([+-]?)\s*((?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d+)?)")
POINTS = re.compile(r"[+-]?\s*\d{1,3}(?:\.\d{3})+(?:,\d*)?")  # 1.000.000,5, where a comma stands before decimals
FEWEST = 0.5  # of a column's texts are numbers where it is one of numbers with something else in it


def as_number(text: str, decimal: str = ".") -> float | None:
    """A number written with spaces or signs (" 5", "+5", "- 5", "1 000"); None where the text is none."""
    text = text.strip().replace("−", "-")
    if decimal == ",":
        text = (text.replace(".", "") if POINTS.fullmatch(text) else text).replace(",", ".")
    match = GROUPED.fullmatch(text)
    if not match or not any(c.isdigit() for c in match[2]):
        return None
    try:
        return float(match[1] + re.sub(r"\s", "", match[2]))
    except ValueError:
        return None


LOOKS = (  # what text that is no number looks like, and what is said of it
    (re.compile(r"[+-]?\d+,\d+"), "numbers with a decimal comma; --decimal , reads them so"),
    (re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}(?:[ T].*)?"), "dates, and is read as levels: a date is written 2024-01-31"),
    (re.compile(r"[+-]?\s*[$€£¥]?\s*[+-]?\d[\d,.' ]*\s*[%$€£¥]?"),
     "numbers, and is read as levels: a number is written with digits, a sign and a point"),
)


def numbered(table: Any, how: How, say: Callable[[str], None]) -> Any:
    """The table with the columns of text that are all numbers made so; and a word where text looks meant as something else."""
    import pyarrow as pa

    for k, field in enumerate(table.schema):
        if not is_text(field.type):
            continue
        column = table.column(k)
        some = different(column)
        if not some or any(map(is_code, some)):
            continue
        numeric = sum(as_number(v, how.decimal) is not None for v in some)
        if numeric == len(some) and pa.types.is_dictionary(field.type):
            made = [decoded(chunk, how.decimal) for chunk in column.chunks]
            if all(chunk is not None for chunk in made):
                say(f"{field.name}: text such as {some[0]!r} is read as numbers; category({field.name}) reads it as levels")
                table = table.set_column(k, field.name, pa.chunked_array(made))
                continue
        looks = next((words for form, words in LOOKS if all(map(form.fullmatch, some))), "") if numeric < len(some) else ""
        if looks:
            one = next(v for v in some if as_number(v, how.decimal) is None)
            say(f"{field.name}: text such as {one!r} looks like {looks}")
        elif numeric >= FEWEST * len(some):
            tell_others(field.name, column, how, say)
    return table


def different(column: Any) -> list[str]:
    """Some different texts of a column: those of the first of its dictionaries, or of its first rows."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        return [] if not column.num_chunks else [v for v in column.chunk(0).dictionary[:100].to_pylist() if v is not None]
    return [v for v in column[:100].to_pylist() if v is not None]


def tell_others(name: str, column: Any, how: How, say: Callable[[str], None]) -> None:
    """What stands in a column of numbers so that it is one of text."""
    from pyarrow import compute

    counts = {v["values"]: v["counts"] for v in compute.value_counts(column.cast("string")).to_pylist()}
    others = {text: count for text, count in counts.items() if text is not None and as_number(text, how.decimal) is None}
    if not others or sum(others.values()) > (1 - FEWEST) * len(column):
        return
    first = sorted(others, key=lambda text: -others[text])
    some = ", ".join(map(repr, first[:5])) + (", …" if len(first) > 5 else "")
    say(f"{name}: read as levels, since {sum(others.values()):,} of {many(len(column), 'row')} hold no number ({some}); "
        f"--missing {shlex.quote(first[0])} {'and so on ' if len(first) > 1 else ''}makes them missing, and the others numbers")


def decoded(chunk: Any, decimal: str) -> Any:
    """A dictionary of text as numbers; None where some text is no number, or a code."""
    import pyarrow as pa

    texts = chunk.dictionary.to_pylist()
    values = [None if text is None or is_code(text) else as_number(text, decimal) for text in texts]
    if any(v is None for v in values):
        return None
    return pa.array(values, pa.float64()).take(chunk.indices)
