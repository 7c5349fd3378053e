"""Arrow's buffers as NumPy's arrays: read directly, which keeps memory and types as they are in a file."""

from __future__ import annotations

from typing import Any

import numpy as np


def joined(parts: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0, dtype)


def values_of(chunk: Any, dtype: np.dtype) -> np.ndarray:
    """The values of an Arrow array of numbers, straight from its buffer."""
    buffer = chunk.buffers()[1]
    if len(chunk) == 0 or buffer is None:
        return np.zeros(len(chunk), dtype)
    if dtype.kind == "b":
        return bits(buffer, chunk.offset, len(chunk))
    return np.frombuffer(buffer, dtype, len(chunk), chunk.offset * dtype.itemsize)


def decimals(column: Any) -> Any:
    """A column of decimals as the float64 that is nearest to each, as text is read; PyArrow's own cast may miss it by a bit.

    A whole number below 2⁵³ over a power of ten below 10²³, both exact, is rounded once; others go by way of text."""
    import pyarrow as pa

    type_, scale = column.type, column.type.scale
    words = max(type_.bit_width // 64, 1)
    stored = np.dtype(np.int32 if type_.bit_width == 32 else np.int64)
    made = []
    for chunk in column.chunks:
        buffer, first = chunk.buffers()[1], chunk.offset * words * stored.itemsize
        every = np.frombuffer(buffer, stored, len(chunk) * words, first).reshape(-1, words)
        low, gaps = every[:, 0].astype(np.int64), missing_of(chunk)
        short = (np.abs(low) <= 1 << 53) & (every[:, 1:] == (low >> 63)[:, None]).all(axis=1)
        if 0 <= scale <= 22 and (short if gaps is None else short | gaps).all():
            made.append(pa.array(low / 10.0**scale, mask=gaps))
        else:
            made.append(chunk.cast(pa.string()).cast(pa.float64()))
    return pa.chunked_array(made, pa.float64())


def missing_of(chunk: Any) -> np.ndarray | None:
    if chunk.null_count == 0:
        return None
    missing = bits(chunk.buffers()[0], chunk.offset, len(chunk))
    np.logical_not(missing, out=missing)
    return missing


def bits(buffer: Any, start: int, count: int) -> np.ndarray:
    """`count` bits from bit `start` on, as bool: Arrow packs them least significant first."""
    packed = np.frombuffer(buffer, np.uint8)[start // 8 : (start + count + 7) // 8]
    return np.unpackbits(packed, bitorder="little")[start % 8 :][:count].view(bool)


def gaps_of(column: Any) -> np.ndarray | None:
    """Which rows of a column of chunks are null; None where none is."""
    if not column.null_count:
        return None
    masks = ((len(chunk), missing_of(chunk)) for chunk in column.chunks)
    return joined([np.zeros(count, bool) if mask is None else mask for count, mask in masks], np.dtype(bool))


def starts(chunk: Any) -> np.ndarray:
    """Where each text of a chunk begins, and where the last ends."""
    dtype = np.dtype(np.int64 if str(chunk.type) == "large_string" else np.int32)
    return np.frombuffer(chunk.buffers()[1], dtype, len(chunk) + 1, chunk.offset * dtype.itemsize)
