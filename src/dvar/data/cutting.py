"""How a text file is cut into fields: the sign between them, how letters are encoded and what the columns are called, by how it
starts; in which columns digits are names, as "007", and whether a field goes over several lines, by all of it.
"""

from __future__ import annotations

import csv as lines
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..errors import DvarError
from .numerals import is_code
from .opening import HEAD, MARK
from .passing import is_spaced, refuse_zero

STEP = 1 << 20  # bytes that a row may be long
PART = 1 << 17  # bytes looked at together: they stay in the cache
MARKS = ((MARK, "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
UTF_32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
BETWEEN = ",;\t|"
NOT_WINDOWS = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")  # bytes that stand for nothing in cp1252
SIGN = re.compile(r"\"?sep=.?\"?(?=[\r\n])", re.IGNORECASE)  # the first line of some spreadsheets' files
HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]+")


@dataclass(frozen=True)
class Cut:
    """How a text file is cut into fields: what its first bytes tell."""

    delimiter: str
    encoding: str
    names: tuple[str, ...]
    codes: tuple[str, ...]  # columns whose digits begin with 0: not numbers but names made of digits
    hexadecimal: tuple[str, ...]  # columns of 0x1F and the like, which PyArrow takes for numbers up to 8 bytes, −1 for the last
    spaced: bool  # whether a space follows the delimiter in every row; what such a text is, is known once it is left out

    @property
    def letters(self) -> str:
        """The encoding as PyArrow takes it: a mark of UTF-8 it passes over by itself."""
        return "utf-8" if self.encoding == "utf-8-sig" else self.encoding


def cut(name: str, form: str, start: bytes, decimal: str, content: Any = b"", encoding: str = "") -> Cut:
    """Encoding, delimiter and column names of a CSV or TSV file by how it starts, codes by as much of its content as is there."""
    if start.startswith(UTF_32):
        raise DvarError(f"{name} is encoded as UTF-32, which is not read", "save it as UTF-8")
    encoding = encoding or next((e for mark, e in MARKS if start.startswith(mark)), "") or without_mark(start)
    wide = encoding.startswith("utf-16")
    if not wide:
        refuse_zero(name, content or start)
    try:
        head = start[: len(start) // 2 * 2 if wide else None].decode(encoding)
    except UnicodeDecodeError as error:
        if wide or len(start) < HEAD or error.reason != "unexpected end of data":
            return cut(name, form, start, decimal, content, western(content or start))
        head = start[: error.start].decode(encoding)
    if said := SIGN.match(head):
        raise DvarError(f"{name} line 1 is {said[0]!r}, which says what stands between fields and names no column",
                        "leave that line out: what stands between fields is found without it")
    whole = head if len(start) < HEAD else head[: head.rfind("\n") + 1] or head
    with fields_of_any_length():
        delimiter = "\t" if form == "tsv" and "\t" in whole else sniffed(whole, decimal, "\t" if form == "tsv" else ",")
        names = tuple(next(filter(None, lines.reader(io.StringIO(whole, newline=""), delimiter=delimiter)), ()))
        spaced = not wide and is_spaced(whole, delimiter)
        hexadecimal = written_0x(whole, delimiter, names)
    if not names and len(start) < HEAD:
        raise DvarError(f"{name} holds nothing but blank lines", "a table needs a line of column names and at least one row")
    some = whole.encode() if wide or not content else content
    return Cut(delimiter, encoding, names, () if spaced else led_by_zero(some, delimiter, names), hexadecimal, spaced)


def western(content: Any) -> str:
    """How text is encoded that is not UTF-8: as Windows does, with “ and €, unless a byte stands for nothing there."""
    return "latin-1" if any(content.find(byte) >= 0 for byte in NOT_WINDOWS) else "cp1252"


def written_0x(head: str, delimiter: str, names: Sequence[str]) -> tuple[str, ...]:
    """The columns in which a field of the first lines is written as 0x1F."""
    below = head.find("\n") + 1  # the names
    if max(head.find(x, below) for x in "xX") < 0 or not HEXADECIMAL.search(head, below):  # one letter is found at once
        return ()
    rows = lines.reader(io.StringIO(head, newline=""), delimiter=delimiter, skipinitialspace=True)
    next(filter(None, rows), None)  # a column's name may be written so
    found = {k for row in rows for k, field in enumerate(row) if HEXADECIMAL.fullmatch(field)}
    return tuple(n for k, n in enumerate(names) if k in found)


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
    """A line cut into its fields."""
    with fields_of_any_length():
        return next(lines.reader([line], delimiter=delimiter), [])


@contextmanager
def fields_of_any_length() -> Iterator[None]:
    """Python's reader of CSV refuses fields beyond 128 KiB, as a long line is where the wrong sign is tried between fields."""
    limit = lines.field_size_limit(2**30)
    try:
        yield
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
        if not might.any():
            continue
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
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])) if 0 in start else ():
        if len(zeros) > 1 and zeros.count(0) > 0.8 * len(zeros):
            return encoding
    return "utf-8"


def called_well(names: Sequence[str]) -> list[str]:
    """Column names without the spaces around them; one that is empty is called by its place, "column 2"."""
    return [name.strip().strip("\ufeff") or f"column {k + 1}" for k, name in enumerate(names)]  # and without a second mark


def sniffed(head: str, decimal: str, usual: str) -> str:
    """The sign between the fields: of those that cut all first lines into equally many, the one that cuts them most."""
    def rows(sign: str) -> Iterator[list[str]]:
        return filter(None, lines.reader(io.StringIO(head, newline=""), delimiter=sign))

    decimals = decimal == "," and any(other in head.split("\n", 1)[0] for other in ";\t")
    first = {sign: len(next(rows(sign), ())) for sign in BETWEEN if not (decimals and sign == ",")}
    best, most = usual, 1
    if all(count < 2 for sign, count in first.items() if sign != usual):
        return usual
    for sign, count in first.items():
        if count > most and [*map(len, found := [*islice(rows(sign), 50)])].count(count) >= 0.9 * len(found):
            best, most = sign, count
    return best


def over_lines(content: Any) -> bool:
    """Whether a field may go over several lines: an odd number of quotation marks stands before the end of some line. Reading is
    faster by a third where none does."""
    import numpy as np

    if (first := content.find(b'"')) < 0:
        return False
    letters, marks = np.frombuffer(content, np.uint8), 0
    for lo in range(first, len(letters), PART):
        some = letters[lo : lo + PART]
        quotes = np.flatnonzero(some == ord('"'))
        if marks % 2 or len(quotes):
            ends = np.flatnonzero(ends_line(some))
            if ((np.searchsorted(quotes, ends) + marks) % 2).any():
                return True
            marks += len(quotes)
    return False
