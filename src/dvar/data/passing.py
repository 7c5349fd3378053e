"""Text on its way to be cut into fields: bytes 0 are refused wherever they stand; a space after each sign between fields,
where all rows have one, is left out, as readers do that "skip initial spaces"; and what proves not to be UTF-8 is made so.
"""

from __future__ import annotations

import csv as lines
import io
from itertools import islice
from typing import Any

import numpy as np

from ..errors import DvarError

ROWS = 50  # first rows that tell whether a space follows each sign


class Passing(io.RawIOBase):
    """A stream of text of which each part is looked at as it is read. Where `plain`, the first letters that are not of ASCII
    tell what the others are: UTF-8, or what Windows writes, which is made UTF-8."""

    def __init__(self, name: str, stream: Any, spaced: str, plain: bool) -> None:
        self.name, self.stream, self.line, self.plain = name, stream, 0, plain
        self.spaces = Spaces(spaced) if spaced else None
        self.windows, self.left = False, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        while some := self.left or self.stream.read(size):
            if not self.left:
                refuse_zero(self.name, some, self.line)
                self.line += some.count(b"\n")
                some = self.in_utf_8(self.spaces(some) if self.spaces else some)
            some, self.left = (some[:size], some[size:]) if size and size > 0 else (some, b"")
            if some:
                return bytes(some)
        return b""

    def in_utf_8(self, some: bytes) -> bytes:
        """A part as UTF-8; what Windows writes may be longer there."""
        if self.plain and not some.isascii():
            self.plain = False
            try:
                some.decode()
            except UnicodeDecodeError as error:
                letter = some[error.start : error.start + 4] + self.stream.ahead(3)  # which may go on in the next part
                self.windows = letter.decode(errors="replace").startswith("\ufffd")
        try:
            return some.decode("cp1252").encode() if self.windows else some
        except UnicodeDecodeError as error:
            what = f"{self.name} is not UTF-8, and 0x{some[error.start]:02x} is no letter of cp1252"
            raise DvarError(what, "write it as UTF-8") from None


def refuse_zero(name: str, content: Any, before: int = 0) -> None:
    """Raises DvarError at a byte that is 0, which stands in no text, with its line; `before`: lines before the content."""
    if (place := content.find(b"\0")) >= 0:
        line = before + 1 + content[:place].count(b"\n")
        raise DvarError(f"{name} cannot be read: line {line} holds bytes that are not text",
                        "is the file of the kind its suffix says?")


def is_spaced(head: str, delimiter: str) -> bool:
    """Whether in the first rows below the names every field but the first begins with a space, or is empty."""
    found = False
    for row in islice(filter(None, lines.reader(io.StringIO(head, newline=""), delimiter=delimiter)), 1, ROWS):
        if not all(field[:1] in ("", " ") for field in row[1:]):
            return False
        found |= any(row[1:])
    return found


class Spaces:
    """A function of one part of a text after the other → the part without the spaces at the beginning of fields."""

    def __init__(self, delimiter: str) -> None:
        self.ends = (ord(delimiter), ord("\n"), ord("\r"))
        self.quoted, self.begins, self.closed = False, True, False  # whether the next part goes on within quotation marks, begins
        # a field, and comes behind a mark that closes one, which may be the first of two that stand for one

    def __call__(self, part: Any) -> bytes:
        letters = np.frombuffer(part, np.uint8)
        if not len(letters):
            return b""
        ends = np.isin(letters, self.ends) & ~self.within(bytes(part))
        space, gone = letters == ord(" "), np.zeros(len(letters), bool)
        first = np.append(self.begins, ends[:-1]) & space
        while first.any():
            gone |= first
            first = np.append(False, first[:-1]) & space
        self.begins = bool(ends[-1] or gone[-1])
        return letters[~gone].tobytes()

    def within(self, part: bytes) -> Any:
        """Which letters stand within quotation marks: a mark opens them at the beginning of a field only."""
        turns = np.zeros(len(part) + 1, np.int8)
        turns[0] = self.quoted
        last = -1 if self.closed else -2
        for k in np.flatnonzero(np.frombuffer(part, np.uint8) == ord('"')).tolist():
            if self.quoted:
                turns[k] -= 1
                self.quoted, last = False, k
            elif last == k - 1 or self.begins_at(part, k):
                turns[k] += 1
                self.quoted = True
        self.closed = last == len(part) - 1
        return np.add.accumulate(turns[:-1], dtype=np.int8) > 0

    def begins_at(self, part: bytes, k: int) -> bool:
        """Whether a field begins here, but for spaces."""
        while k and part[k - 1] == ord(" "):
            k -= 1
        return part[k - 1] in self.ends if k else self.begins
