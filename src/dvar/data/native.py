"""Numbers as programs read them: of this machine's byte order, at most 8 bytes each, in one stretch of memory or in few.

Arrays that are none of this are read through copies of a few rows at a time: what is converted is never there as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

SHORT = 16_384  # rows; what is no longer than this is simply copied
CHUNK = 8_192  # rows that chunks have on average where they are worth reading one by one


def native_dtype(dtype: Any) -> Any:
    """The type that numbers of this type are read as: float16 as float32, which holds it; longdouble as float64."""
    if dtype == np.float16:
        return np.dtype(np.float32)
    if dtype.kind == "f" and dtype.itemsize > 8:
        return np.dtype(np.float64)
    return dtype if dtype.isnative else dtype.newbyteorder("=")


def native(array: Any) -> Any:
    """The same numbers in their native type; the array itself where they are."""
    return array.astype(native_dtype(array.dtype), copy=False)


def told(dtype: Any) -> str:
    """float64 stored big-endian, float16."""
    return dtype.name if dtype.isnative else f"{dtype.newbyteorder('=').name} of the other byte order"


def streamed(array: Any) -> bool:
    """Whether runs of rows lie in memory as a compiled program and BLAS read them."""
    return bool(array.flags.aligned and (array.ndim == 1 or array.flags.c_contiguous or array.flags.f_contiguous))


def plain(array: Any) -> bool:
    """Whether a compiled program reads an array where it is. Single numbers that lie apart are copied: it takes many."""
    return (isinstance(array, np.ndarray) and array.dtype == native_dtype(array.dtype) and streamed(array)
            and (array.ndim != 1 or array.flags.c_contiguous))


class Converted:
    """An array (m,) or (m, n) whose slices are copies of these rows, native and row by row."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.dtype, self.shape = native_dtype(array.dtype), array.shape

    def __getitem__(self, rows: slice) -> Any:
        return np.array(self.array[rows], self.dtype, order="C")


class Chunked:
    """A column (m,) that lies in several arrays. A slice is an array: a view within one of them, else a copy of these rows
    unless they are many. Rows that a mask (m,) keeps are a copy."""

    ndim = 1

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = tuple(p for p in parts if len(p))
        self.ends = np.cumsum([len(p) for p in self.parts])
        self.dtype = self.parts[0].dtype

    def __len__(self) -> int:
        return int(self.ends[-1])

    @property
    def shape(self) -> tuple[int]:
        return (len(self),)

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, np.ndarray):
            return np.asarray(self)[rows]
        lo, hi, step = rows.indices(len(self))
        assert step == 1
        first, last = np.searchsorted(self.ends, [lo, max(lo, hi - 1)], "right")
        found = []
        for k in range(first, min(last, len(self.parts) - 1) + 1):
            start = int(self.ends[k]) - len(self.parts[k])
            found.append(self.parts[k][max(lo - start, 0) : max(hi - start, 0)])
        if len(found) > 1 and hi - lo > SHORT:
            return Chunked(found)
        return np.concatenate(found) if len(found) != 1 else found[0]

    def end(self, row: int) -> int:
        """Where the array that holds this row ends."""
        return int(self.ends[np.searchsorted(self.ends, row, "right")])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.concatenate(self.parts, dtype=dtype)


def whole(value: Any) -> Any:
    """A column or matrix as one native array, row by row where it was neither so nor column by column."""
    return value if plain(value) else native(np.asarray(value)) if isinstance(value, Chunked) else Converted(value)[:]


def joined(parts: Sequence[Any]) -> Any:
    """Arrays (m_k,) as one column: itself where it is one, a copy where they are many short ones, else Chunked."""
    parts = [p for p in parts if len(p)] or list(parts[:1])
    if len(parts) == 1:
        return parts[0]
    m = sum(map(len, parts))
    if m <= SHORT or m < CHUNK * len(parts) or not all(p.flags.aligned for p in parts):
        return np.concatenate(parts)
    return Chunked(parts)
