"""Line: the output of a graph as a function of one number — an element of an input, or how far an input is moved in a direction.

The graph is evaluated as it runs, and only what depends on the input is evaluated again. Three more things are asked of the same
nodes: how far rounding moves them, the slope that a complex nudge gives, and whether an operation bends or jumps here.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..errors import DvarError
from ..expression.graph import INPUT, Node
from ..expression.ops import OPS
from ..expression.values import evaluate
from .derivation import Derivation
from .differences import EPS, Reading
from .tape import ancestors

SAMPLES = 6  # runs with every number moved as rounding moves it
TINY = 1e-20  # a complex nudge, relative: its square is lost beside 1
LOWEST = 1e-290  # … yet no smaller than this; of 0 nothing is relative
AT_ZERO = 1e-150
LEAST = 1e-300  # what comes of it must stay well above the smallest float
NEAR = 2.0**-30  # relative: an operation that bends so near to its operand is said to bend there


@dataclass(frozen=True, eq=False, repr=False)
class Forward:
    """Values and derivatives as they run, each with its number."""

    nodes: Sequence[Node]
    values: Sequence[Any]
    output: int

    @property
    def value(self) -> float:
        return float(self.values[self.output])

    def run(self, path: Iterable[int], changed: Mapping[int, Any], rounding: Rounding | None = None) -> list[Any]:
        """The numbers with some changed, evaluating again the nodes of `path`, as they may come out with `rounding`."""
        values = list(self.values)
        for i, value in changed.items():
            values[i] = value
        with np.errstate(all="ignore"):
            for i in path:
                node = self.nodes[i]
                operands = [values[k] for k in node.operands]
                if rounding is not None:
                    # What chooses stays as it was: rounding is to show, not a step to the other side.
                    operands = [self.values[k] if chooses(node, p) else rounding.moved(k, values[k])
                                for p, k in enumerate(node.operands)]
                values[i] = compute(node, operands)
        return values

    def rounded(self, path: Iterable[int], where: Container[int]) -> list[list[Any]]:
        """The numbers as they are, and as they may come out with these nodes rounded otherwise."""
        rounding = Rounding(where)
        return [list(self.values), *(self.run(path, {}, rounding) for _ in range(SAMPLES))]

    @cached_property
    def all_rounded(self) -> list[list[Any]]:
        computed = [i for i, n in enumerate(self.nodes) if n.operands]
        return self.rounded(computed, set(computed))


class Rounding:
    """Rounding made visible: these nodes are moved at random, each time they are used, by up to one unit in the last place.
    Parker, "Monte Carlo Arithmetic: exploiting randomness in floating-point arithmetic", UCLA CSD-970002 (1997)."""

    def __init__(self, where: Container[int]) -> None:
        self.where = where
        self.random = np.random.default_rng(0)

    def moved(self, k: int, value: Any) -> Any:
        if k not in self.where or np.asarray(value).dtype.kind not in "fc":
            return value
        return value * (1 + EPS * self.random.uniform(-1, 1, np.shape(value)))


def compute(node: Node, operands: Sequence[Any]) -> Any:
    row = OPS[node.op]
    return row.compute(*operands, **row.named(node.options))


def forward(found: Derivation, given: Mapping[str, Any]) -> Forward:
    return Forward(found.run.nodes, evaluate(found.run.nodes, given), found.value[-1])


def chooses(node: Node, position: int) -> bool:
    """A condition, an index, what floor is taken of: no derivative flows through it, and it does not just lend its shape."""
    row = OPS[node.op]
    return row.slopes[position if position < row.arity else 0] in (None, "0") and position not in row.likes


class Route(NamedTuple):
    """The way from an input to the output."""

    input: int
    path: Sequence[int]  # the nodes to evaluate again
    touched: Container[int]  # these, and the input
    matters: bool  # the output depends on it
    flows: bool  # not only through conditions, steps and indices
    analytic: bool
    bends: bool


def route(forward: Forward, name: str) -> Route:
    nodes = forward.nodes
    start = next((i for i, n in enumerate(nodes) if n.op == INPUT and n.name == name), -1)
    wanted, touched, flowing = ancestors(list(nodes), [forward.output]), {start}, {start}
    path = []
    for i, node in enumerate(nodes):
        if wanted[i] and not touched.isdisjoint(node.operands):
            touched.add(i)
            path.append(i)
            if any(k in flowing and not chooses(node, p) for p, k in enumerate(node.operands)):
                flowing.add(i)
    analytic = all(OPS[nodes[i].op].analytic for i in path)
    bends = any(bent(forward, i, p) for i in path for p, k in enumerate(nodes[i].operands) if k in touched)
    return Route(start, path, touched, forward.output in touched, forward.output in flowing, analytic, bends)


@dataclass(frozen=True, eq=False, repr=False)
class Line:
    """`where` is the index of an element, or a direction: an array of the input's shape."""

    forward: Forward
    route: Route
    array: Any
    where: Any

    @property
    def x(self) -> float:
        return float(self.array[self.where]) if isinstance(self.where, tuple) else 0.0

    @property
    def scale(self) -> float:
        """The size of what is nudged."""
        return abs(self.x) if isinstance(self.where, tuple) else 1.0

    def moved(self, to: Any) -> Any:
        """The input with its element at this number, or moved so far in the direction."""
        if not isinstance(self.where, tuple):
            return self.array + to * self.where
        array = self.array.astype(type(to))
        array[self.where] = to
        return array

    def __call__(self, to: float) -> float:
        return float(self.forward.run(self.route.path, {self.route.input: self.moved(to)})[self.forward.output])

    def complex_step(self) -> Reading | None:
        """The imaginary part that a tiny imaginary nudge gives the output, over the nudge: nothing is subtracted, so
        nothing cancels. Squire & Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40
        (1998). None where an operation on the way does not take complex numbers, bends, or computes something else with them,
        and where no number is tiny beside what is nudged.

        It shares the evaluation from left to right with what is checked, but not the chain rule: an operation that computes the
        wrong value goes unseen here as in any nudge, a wrong local derivative or a lost contribution does not.
        """
        nudge = max(TINY * self.scale, LOWEST) if self.scale else AT_ZERO
        if self.route.bends or not self.route.analytic or 0 < self.scale < 1e6 * nudge:
            return None
        rounding = Rounding(self.route.touched)
        slopes = []
        for part, shake in ((1.0, None), (0.3, rounding), (0.7, rounding)):
            values = self.forward.run(self.route.path, {self.route.input: self.moved(complex(self.x, part * nudge))}, shake)
            if shake is None and not all(same(values[i], self.forward.values[i], nudge) for i in self.route.path):
                return None
            slopes.append(float(np.imag(values[self.forward.output])) / (part * nudge))
        if not np.isfinite(slopes).all():
            return None
        return Reading(slopes[0], 4 * max(abs(s - slopes[0]) for s in slopes) + LEAST / nudge)


def same(value: Any, real: Any, nudge: float) -> bool:
    """Whether the real part is the value without the nudge; where it is not, this is another function or another branch of it."""
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(np.real(value) - real) <= 1e-6 * np.abs(real) + np.abs(np.imag(value)) + nudge))


def bent(forward: Forward, i: int, position: int) -> bool:
    """Whether an operation bends or jumps where this operand of it is: its slopes to both sides, over two distances so small that
    nothing else shows, are not one number."""
    node = forward.nodes[i]
    row, operands = OPS[node.op], [np.asarray(forward.values[k]) for k in node.operands]
    at = operands[position]
    if at.dtype.kind != "f" or not (row.kink or row.domain != "all real numbers"):
        return False
    sizes = np.abs(at)
    for other in operands:
        if other.shape in ((), at.shape):
            sizes = np.maximum(sizes, np.abs(other))
    sizes = np.where(sizes > 0, sizes, np.max(sizes, initial=0.0) or 1.0)
    # Elements move by different amounts, so that equal ones do not stay equal.
    move = NEAR * sizes * np.linspace(1.0, 1.5, at.size).reshape(at.shape)
    slopes = []
    with np.errstate(all="ignore"):
        here = np.asarray(forward.values[i], dtype=np.float64)
        for part in (1.0, -1.0, 1 / 16, -1 / 16, 1 / NEAR):  # the last tells how steep it is at large: x² at 0 does not bend
            try:
                there = compute(node, [*operands[:position], at + part * move, *operands[position + 1 :]])
            except DvarError:
                return False  # an index between two
            slopes.append((np.asarray(there, dtype=np.float64) - here) / part)
        *near, far = slopes
        steep = np.max(np.abs([*near, np.nan_to_num(far, posinf=0.0, neginf=0.0)]), axis=0)
        return not bool(np.all(np.ptp(near, axis=0) <= 1e-3 * steep) and np.all(np.isfinite(near)))
