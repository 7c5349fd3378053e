"""Arguments of compiled programs: what kinds there are, as Numba's types, and as the words that machine code is called with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

ENTRY = "dvar_entry"  # the C function in object code, of an array of words
Kind = str | tuple[str, int, str, bool]  # of an argument: "int", "float" or, of an array, (dtype, dimensions, layout, aligned)


def types_of(arguments: Sequence[Any]) -> tuple[Kind, ...]:
    return tuple(kind_of(a) for a in arguments)


def kind_of(argument: Any) -> Kind:
    if not isinstance(argument, np.ndarray):
        return "float" if isinstance(argument, float) else "int"
    flags = argument.flags
    layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
    return argument.dtype.str, argument.ndim, layout, flags.aligned


def fits(argument: Any, kind: Kind) -> bool:
    """Whether code made for arguments of a kind may read this one: the steps of an array are looked at only in layout "A"."""
    if isinstance(kind, str) or not isinstance(argument, np.ndarray):
        return isinstance(argument, {"int": int, "float": float}.get(str(kind), ()))
    dtype, dimensions, layout, aligned = kind
    flags = argument.flags
    return (argument.ndim == dimensions and argument.dtype.str == dtype and flags.aligned >= aligned
            and (layout == "A" or (flags.c_contiguous if layout == "C" else flags.f_contiguous)))


def numba_types(kinds: tuple[Kind, ...]) -> tuple[Any, ...]:
    import numba

    array: Any = numba.types.Array

    def of(kind: Kind) -> Any:
        if isinstance(kind, str):
            return {"int": numba.int64, "float": numba.float64}[kind]
        dtype, dimensions, layout, aligned = kind
        return array(numba.from_dtype(np.dtype(dtype)), dimensions, layout, aligned=aligned)

    return tuple(map(of, kinds))


def words(arguments: Sequence[Any]) -> Any:
    """Arguments as Numba passes them, in 64 bits each: the addresses of two answers that programs do not use, then the numbers,
    and of each array two null pointers to owners, its size, the size of an element, its address, its shape and its strides."""
    found = [0, 0]
    for a in arguments:
        if isinstance(a, np.ndarray):
            found += (0, 0, a.size, a.itemsize, address(a), *a.shape, *a.strides)
        else:
            found.append(int(np.float64(a).view(np.int64)) if isinstance(a, float) else a)
    return np.array([*found, 0, 0], np.int64)  # an array of ctypes would be a class of its own, made at each call


def addresses_within(stretch: Any, arguments: Sequence[Any]) -> list[int]:
    """Which of the words are addresses of arrays that lie in a stretch of numbers."""
    found, at = [], 2
    for a in arguments:
        if isinstance(a, np.ndarray) and a.base is stretch:
            found.append(at + 4)
        at += 5 + 2 * a.ndim if isinstance(a, np.ndarray) else 1
    return found


def address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])
