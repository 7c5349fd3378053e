"""Text of the same few bytes in all rows, as codes of airports and states are: as numbers its letters are places of a list,
which takes a third of the time that hashing does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .buffers import starts

SHORT = 3  # bytes at the most: a list of all that there may be is then made of memory that is not touched
MANY = 1 << 15  # rows: fewer are hashed in no time
TEXTS = 1 << 16  # looked up at once: few long operations, as threads wait for each other between them
LEVELS = 1 << 15  # at the most: their codes are of 16 bits


def of_short_text(chunks: list[Any]) -> tuple[np.ndarray, list[str | None]] | None:
    """Codes, and the text of each, of chunks of Arrow's text; None where it is not short, or its lengths differ."""
    rows, size = sum(map(len, chunks)), length_of(chunks)
    if not size or rows < MANY:
        return None
    code_of, texts = np.zeros(1 << 8 * size, np.int16), list[int]()  # one more than the code; 0: not met before
    found, at = np.empty(rows, np.int16), 0
    for keys in (keys for chunk in chunks for keys in as_numbers(chunk, size)):
        codes = code_of.take(keys)
        if not codes.all():
            new = np.unique(keys[codes == 0])
            if len(texts) + len(new) > LEVELS - 1:
                return None
            code_of[new] = np.arange(len(texts) + 1, len(texts) + 1 + len(new))
            texts += new.tolist()
            codes = code_of.take(keys)
        np.subtract(codes, 1, out=found[at : at + len(keys)])
        at += len(keys)
    return found, [text.to_bytes(size, "little").decode() for text in texts]


def length_of(chunks: list[Any]) -> int:
    """How many bytes each text has: SHORT at the most; else, or where they differ or some are missing, 0."""
    size = 0
    for chunk in filter(len, chunks):
        ends = starts(chunk)
        size = size or int(ends[1] - ends[0])
        same = size <= SHORT and ends[-1] - ends[0] == size * len(chunk) and (ends[1:] - ends[:-1] == size).all()
        if chunk.null_count or not same:
            return 0
    return size


def as_numbers(chunk: Any, size: int) -> Iterator[np.ndarray]:
    """Each text of a chunk as the number that its bytes are, the lowest first: of four bytes that are read the first `size`."""
    letters, at = chunk.buffers()[2], int(starts(chunk)[0])
    whole = max((len(letters) - at - 4) // size + 1, 0)  # texts after which so many bytes are left
    for lo in range(0, len(chunk), TEXTS):
        keys = np.empty(min(TEXTS, len(chunk) - lo), np.intp)
        count = min(max(whole - lo, 0), len(keys))
        if count:
            four = np.ndarray(count, "<u4", letters, at + lo * size, size)
            np.bitwise_and(four, (1 << 8 * size) - 1, out=keys[:count], dtype=np.intp, casting="unsafe")
        for k in range(count, len(keys)):
            first = at + (lo + k) * size
            keys[k] = int.from_bytes(letters[first : first + size], "little")
        yield keys
