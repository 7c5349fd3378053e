"""What the operations on vectors and matrices do to their numbers, one by one: how their rows are unrolled.

Each function takes the numbers being written (`make`, `fold`, `const`), the numbers of every operand in order, the operands'
shapes and the options, and answers the numbers of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .op import Shape

Unroll = Callable[..., list[int]]


def lines(shape: Shape, axis: int | None) -> list[list[int]]:
    """The places of the numbers that a reduction along the axis takes together, result by result."""
    places = np.arange(int(np.prod(shape))).reshape(shape)
    if axis is None:
        return [places.ravel().tolist()]
    along: list[list[int]] = np.moveaxis(places, axis, -1).reshape(-1, shape[axis]).tolist()
    return along


def reduced(fold: Callable[[Any, list[int]], int]) -> Unroll:
    def unroll(numbers: Any, operands: list[list[int]], shapes: list[Shape], axis: int | None) -> list[int]:
        return [fold(numbers, [operands[0][k] for k in line]) for line in lines(shapes[0], axis)]

    return unroll


def total(numbers: Any, parts: list[int]) -> int:
    made: int = numbers.fold("plus", parts) if parts else numbers.const(0.0)
    return made


def mean(numbers: Any, parts: list[int]) -> int:
    made: int = numbers.make("over", total(numbers, parts), numbers.const(float(len(parts))))
    return made


def largest(numbers: Any, parts: list[int]) -> int:
    made: int = numbers.fold("maximum", parts)
    return made


def smallest(numbers: Any, parts: list[int]) -> int:
    made: int = numbers.fold("minimum", parts)
    return made


def exponentials(numbers: Any, parts: list[int]) -> tuple[int, list[int]]:
    """The largest number, and exp of each less it."""
    top = largest(numbers, parts)
    return top, [numbers.make("exp", numbers.make("minus", part, top)) for part in parts]


def beside_the_largest(numbers: Any, parts: list[int]) -> tuple[int, int]:
    """The largest number, and log1p(Σ exp(part − largest) without the 1 of one that is largest)."""
    top, e = exponentials(numbers, parts)
    one, zero = numbers.const(1.0), numbers.const(0.0)
    largest = [numbers.make("equal", part, top) for part in parts]
    rest = total(numbers, [numbers.make("where", yes, zero, part) for yes, part in zip(largest, e)])
    others = numbers.make("minus", total(numbers, [numbers.make("where", yes, one, zero) for yes in largest]), one)
    return top, numbers.make("log1p", numbers.make("plus", rest, others))


def logsumexp(numbers: Any, parts: list[int]) -> int:
    made: int = numbers.make("plus", *beside_the_largest(numbers, parts))
    return made


def logsoftmax(numbers: Any, operands: list[list[int]], shapes: list[Shape], axis: int | None) -> list[int]:
    out = [0] * len(operands[0])
    for line in lines(shapes[0], axis):
        top, log = beside_the_largest(numbers, [operands[0][k] for k in line])
        for k in line:
            out[k] = numbers.make("neg", numbers.make("plus", numbers.make("minus", top, operands[0][k]), log))
    return out


def softmax(numbers: Any, operands: list[list[int]], shapes: list[Shape], axis: int | None) -> list[int]:
    out = [0] * len(operands[0])
    for line in lines(shapes[0], axis):
        _, e = exponentials(numbers, [operands[0][k] for k in line])
        share = numbers.make("over", numbers.const(1.0), total(numbers, e))
        for k, part in zip(line, e):
            out[k] = numbers.make("times", part, share)
    return out


def norm(numbers: Any, parts: list[int]) -> int:
    made: int = numbers.fold("hypot", parts) if len(parts) > 1 else numbers.make("abs", parts[0])
    return made


def dot(numbers: Any, operands: list[list[int]], shapes: list[Shape]) -> list[int]:
    a = np.reshape(operands[0], (-1, shapes[0][-1]))
    b = np.reshape(operands[1], (shapes[1][0], -1))
    return [total(numbers, [numbers.make("times", int(p), int(q)) for p, q in zip(row, column)]) for row in a for column in b.T]


def outer(numbers: Any, operands: list[list[int]], shapes: list[Shape]) -> list[int]:
    return [numbers.make("times", p, q) for p in operands[0] for q in operands[1]]


def take(numbers: Any, operands: list[list[int]], shapes: list[Shape]) -> list[int]:
    """The chain where(k == 0, a₀, where(k == 1, a₁, …)); for k that numbers nothing, nan."""
    rows = np.reshape(operands[0], (shapes[0][0], -1))
    out = []
    for column in rows.T:
        made = numbers.nan()
        for k in range(len(column) - 1, -1, -1):
            made = numbers.make("where", numbers.make("equal", operands[1][0], numbers.const(float(k))), int(column[k]), made)
        out.append(made)
    return out


def onehot(numbers: Any, operands: list[list[int]], shapes: list[Shape]) -> list[int]:
    one, zero = numbers.const(1.0), numbers.const(0.0)
    return [numbers.make("where", numbers.make("equal", operands[0][0], numbers.const(float(k))), one, zero)
            for k in range(shapes[1][0])]


def count(numbers: Any, operands: list[list[int]], shapes: list[Shape], axis: int | None) -> list[int]:
    size = int(np.prod(shapes[0])) if axis is None else shapes[0][axis]
    return [numbers.const(float(size))]
