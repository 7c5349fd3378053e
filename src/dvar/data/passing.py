"""Text on its way to be cut into fields: bytes 0 are refused wherever they stand, and a space after each sign between fields,
where all rows have one, is left out, as readers do that "skip initial spaces".
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
    """A stream of text of which each part is looked at as it is read."""

    def __init__(self, name: str, stream: Any, spaced: str) -> None:
        self.name, self.stream, self.line = name, stream, 0
        self.spaces = Spaces(spaced) if spaced else None

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        while some := self.stream.read(size):
            refuse_zero(self.name, some, self.line)
            self.line += some.count(b"\n")
            if out := self.spaces(some) if self.spaces else some:
                return bytes(out)
        return b""


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
