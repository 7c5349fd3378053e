"""The shapes of what operations on vectors and matrices make. Where operands do not fit they raise ValueError, saying why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .op import Shape, spell_key

Key = tuple[Any, ...]  # an index: whole numbers and slices as (start, stop, step)


def matmul_shape(a: Shape, b: Shape) -> Shape:
    """(k,)·(k,) → scalar, (h,k)·(k,) → (h,), (k,)·(k,h) → (h,), (h,k)·(k,p) → (h,p). Raises ValueError otherwise."""
    if not a or not b:
        raise ValueError("@ takes vectors and matrices; a scalar is multiplied with *")
    if a[-1] != b[0]:
        raise ValueError(f"the inner sizes {a[-1]} and {b[0]} differ")
    return a[:-1] + b[1:]


def matmul_beside(others: Sequence[Shape | None]) -> Shape | None:
    """Beside a vector stands a vector as long; what stands beside a matrix may be either."""
    return others[0] if others and others[0] is not None and len(others[0]) == 1 else None


def outer_shape(a: Shape, b: Shape) -> Shape:
    if len(a) != 1 or len(b) != 1:
        raise ValueError("outer takes two vectors")
    return a + b


def reduced_shape(a: Shape, axis: int | None) -> Shape:
    """Without the axis. Raises ValueError where there is no such axis."""
    if axis is None:
        return ()
    k = place_of(axis, a)
    return a[:k] + a[k + 1 :]


def place_of(axis: int, a: Shape) -> int:
    if not -len(a) <= axis < len(a):
        raise ValueError(f"there is no axis {axis} in the shape {a}")
    return axis % len(a)


def some_shape(a: Shape, axis: int | None) -> Shape:
    """Of a reduction that needs some numbers."""
    if 0 in (a if axis is None else (a[place_of(axis, a)],)):
        raise ValueError("no numbers have no mean, and none is the largest or smallest")
    return reduced_shape(a, axis)


def kept_shape(a: Shape, axis: int | None) -> Shape:
    reduced_shape(a, axis)
    return a


def spread_shape(a: Shape, like: Shape, axis: int | None) -> Shape:
    if a != reduced_shape(like, axis):
        raise ValueError(f"spread over {like} takes the shape {reduced_shape(like, axis)}")
    return like


def index_shape(a: Shape, at: Key) -> Shape:
    """Raises ValueError where the index is outside, or there are more indices than axes."""
    if len(at) > len(a):
        raise ValueError(f"{len(at)} indices are more than the axes of the shape {a}")
    left: Shape = ()
    for size, part in zip(a, at):
        if isinstance(part, tuple):
            left += (len(range(*slice(*part).indices(size))),)
        elif not -size <= part < size:
            raise ValueError(f"the index {part} is outside: there are {size}, numbered from 0")
    return left + a[len(at) :]


def place_shape(g: Shape, like: Shape, at: Key) -> Shape:
    if g != index_shape(like, at):
        raise ValueError(f"place{spell_key(at)} in {like} takes the shape {index_shape(like, at)}")
    return like


def take_shape(a: Shape, k: Shape) -> Shape:
    if not a or k:
        raise ValueError("take picks from a vector or a matrix's rows by one number")
    return a[1:]


def onehot_shape(k: Shape, like: Shape) -> Shape:
    if k or not like:
        raise ValueError("onehot takes a number, then what it numbers")
    return like[:1]


def stack_shape(*parts: Shape) -> Shape:
    if len(set(parts)) != 1 or len(parts[0]) > 1:
        raise ValueError("stack takes numbers, or vectors of one length")
    return (len(parts), *parts[0])


def concatenate_shape(a: Shape, b: Shape, axis: int) -> Shape:
    if len(a) != len(b) or not a:
        raise ValueError("concatenate takes two vectors or two matrices")
    k = place_of(axis, a)
    if a[:k] + a[k + 1 :] != b[:k] + b[k + 1 :]:
        raise ValueError(f"all sizes but those along axis {axis} must be equal")
    return (*a[:k], a[k] + b[k], *a[k + 1 :])


def cut_shape(g: Shape, a: Shape, b: Shape, part: int, axis: int) -> Shape:
    if g != concatenate_shape(a, b, axis):
        raise ValueError(f"what is cut has the shape {concatenate_shape(a, b, axis)}")
    return (a, b)[part]


def reshape_shape(a: Shape, shape: Shape) -> Shape:
    """Raises ValueError where the number of elements differs; one size may be -1, whatever is left."""
    size, given = int(np.prod(a)), int(np.prod([n for n in shape if n != -1]))
    if shape.count(-1) > 1 or len(shape) > 2 or (given and size % given) or (-1 not in shape and given != size):
        raise ValueError(f"{size} elements do not make the shape {shape}")
    return tuple(n if n != -1 else (size // given if given else 0) for n in shape)


def shaped_shape(g: Shape, like: Shape) -> Shape:
    return reshape_shape(g, like)
