"""Codes of levels: how wide they are, and what each stands for, a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

LOOKED = 8192  # codes looked up at once


def code_type(count: int) -> np.dtype:
    """The smallest signed integer that holds this number."""
    return np.dtype(np.int8 if count < 2**7 else np.int16 if count < 2**15 else np.int32)


def looked_up(entries: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The entry, a whole number, of each code, of −1 the last: the codes themselves, or one more, where these are what they
    stand for; else a block at a time, so that what NumPy makes on the way stays in the cache."""
    count = len(entries) - 1
    for shift in (0, 1):
        along = (entries[:-1] == np.arange(shift, count + shift)).all()
        if along and (entries[-1] == np.array(shift - 1).astype(entries.dtype) or not len(codes) or codes.min() >= 0):
            same = codes.view(entries.dtype) if entries.itemsize == codes.itemsize else codes.astype(entries.dtype)
            return same + same.dtype.type(1) if shift else same
    if entries.itemsize == codes.itemsize == 1:  # Python's own loop over bytes is the fastest
        every = np.full(256, entries[-1])
        every[:count] = entries[:-1]
        return np.frombuffer(bytearray(codes).translate(every.tobytes()), entries.dtype)
    found = np.empty(len(codes), entries.dtype)
    for lo in range(0, len(codes), LOOKED):
        found[lo : lo + LOOKED] = entries.take(codes[lo : lo + LOOKED])
    return found


def dictionary(codes: Any, gaps: Any | None, texts: Sequence[str], ordered: bool = True) -> Any:
    """A column of Arrow: text by its codes, missing where there is a gap."""
    import pyarrow as pa

    codes = codes.astype(code_type(len(texts)), copy=False)
    indices = pa.array(codes if gaps is None else np.where(gaps, 0, codes).astype(codes.dtype), mask=gaps)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()), ordered=ordered, safe=False)])
