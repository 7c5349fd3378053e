"""Slopes and curvatures example by example: what inference asks of a cost beyond its sums.

The loss of an example is a function of a few numbers, its slots: what the linear maps give and the parameters that are numbers
(see core.py). Its first and second derivatives by them, found by differentiating the graph, are kept for every example. Whatever
sums over examples of products of derivatives are wanted – the information, the outer product of the scores – are Gram matrices
of the features with weights made of these numbers, so features stay as they are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..derive.derivation import derive
from ..errors import DvarError, UsageError
from ..expression.graph import INPUT, Graph
from .core import Core
from .example import with_curves
from .given import written_out
from .hessian import product
from .program import compiled, listing
from .run import added
from .write_numpy import write_numpy

if TYPE_CHECKING:
    from .cost import Cost
    from .summed import Summed

ROWS = 4096  # of a block that is written out as numbers


class Slot(NamedTuple):
    """A number of the example's loss: an element of what a linear map gives, or of a parameter (data "")."""

    place: slice  # of its parameters in the flat vector
    data: str

    @property
    def parameters(self) -> range:
        """The same as numbers: of the features in turn."""
        return range(self.place.start, self.place.stop, self.place.step or 1)


@dataclass(frozen=True, eq=False, repr=False)
class ByExample:
    """First (q, m) and second (q, q, m) derivatives of each example's loss, its weight left out, by its q slots; 0 where that
    weight is 0."""

    cost: Cost
    slots: tuple[Slot, ...]
    slopes: Any
    curves: Any

    def gram(self, weight: Callable[[int, int], Any]) -> Any:
        """Σ over examples i and slots a, b of weight(a, b)_i x_ai x_biᵀ, (P, P); `weight` is symmetric, (m,)."""
        total = np.zeros((self.cost.size, self.cost.size))
        for a, s in enumerate(self.slots):
            for b, t in enumerate(self.slots[: a + 1]):
                u = weight(a, b)
                if not u.any():
                    continue
                place(total, s, t, self.crossed(s, t, u))
        return total

    def crossed(self, s: Slot, t: Slot, u: Any) -> Any:
        """Σ u_i x_si x_tiᵀ, block by block."""
        blocks = [rows for group in self.cost.groups for rows in group] if s.data or t.data else [slice(0, self.cost.m)]
        same = s.data == t.data  # then one object: typed columns count their own pairs by their codes
        parts = ((rows, self.features(s, rows)) for rows in blocks)
        return sum(crossed(x, x if same else self.features(t, rows), u[rows]) for rows, x in parts)

    def features(self, slot: Slot, rows: slice) -> Any:
        return features(self.cost, slot.data, rows)

    def blocks(self) -> Iterator[slice]:
        return (slice(lo, min(lo + ROWS, self.cost.m)) for lo in range(0, self.cost.m, ROWS))

    def scores(self, rows: slice) -> Any:
        """The gradient of each of these examples' losses, (rows, P)."""
        return self.spread(rows, self.slopes)

    def spread(self, rows: slice, numbers_of: Any) -> Any:
        """Σ_a numbers_of[a, i] x_ai for each of these rows, (rows, P)."""
        total = np.zeros((rows.stop - rows.start, self.cost.size))
        for slot, u in zip(self.slots, numbers_of):
            x = self.features(slot, rows)
            total[:, slot.place] += u[rows, None] if x is None else u[rows, None] * written_out(x)
        return total

    def total(self, numbers_of: Any) -> Any:
        """Σ over examples i and slots a of numbers_of[a, i] x_ai, (P,)."""
        found = np.zeros(self.cost.size)
        for slot, u in zip(self.slots, numbers_of):
            for group in self.cost.groups:
                for rows in group:
                    x = self.features(slot, rows)
                    found[slot.place] += u[rows].sum() if x is None else u[rows] @ x
        return found

    def along(self, direction: Any) -> Any:
        """How far each slot of each example moves as the parameters do by `direction`, (P,) or (P, k): (q, m) or (q, m, k)."""
        moved = np.empty((len(self.slots), self.cost.m, *direction.shape[1:]))
        for out, slot in zip(moved, self.slots):
            for rows in self.blocks():
                x = self.features(slot, rows)
                out[rows] = direction[slot.place][0] if x is None else x @ direction[slot.place]
        return moved


def features(cost: Summed, data: str, rows: slice) -> Any:
    """The data that a slot's parameters are multiplied with; None where that is 1."""
    if not data:
        return None
    part = cost.data[data][rows]
    return part.astype(np.float64, copy=False) if isinstance(part, np.ndarray) else part


def crossed(x: Any, other: Any, u: Any) -> Any:
    """Σ u_i x_i otherᵢᵀ over the rows of a block, None standing for 1."""
    if x is not None and other is not None:
        return product(x, other, u)
    if x is None and other is None:
        return np.reshape(u.sum(), (1, 1))
    one = (u @ (x if other is None else other))[None]
    return one.T if other is None else one


def place(total: Any, s: Slot, t: Slot, piece: Any) -> None:
    """A piece added in both of its places in a symmetric matrix (P, P)."""
    total[s.place, t.place] += piece
    if s is not t:
        total[t.place, s.place] += piece.T


def by_example(cost: Cost, theta: Any) -> ByExample:
    """Each example's derivatives at a flat vector: one pass over the data. Raises DvarError where a matrix of parameters enters
    the loss otherwise than as W @ x or x @ W."""
    slots, derivatives = derivatives_at(cost, cost.loss, theta)
    slopes, curves = np.zeros((len(slots), cost.m)), np.zeros((len(slots), len(slots), cost.m))

    def fill(rows: slice) -> tuple[()]:
        slopes[:, rows], curves[:, :, rows] = derivatives(cost.block(rows), rows.stop - rows.start)
        if cost.counts is not None:
            slopes[:, rows][:, ~cost.counts[rows]] = curves[:, :, rows][:, :, ~cost.counts[rows]] = 0.0
        return ()

    added(fill, cost.groups, cost.threads)
    return ByExample(cost, tuple(slots), slopes, curves)


def hessian_by_example(cost: Summed, theta: Any, groups: list[list[slice]]) -> Any:
    """Σ of the examples' Hessians (P, P), their weights included, over groups of blocks. Raises DvarError as above."""
    slots, derivatives = derivatives_at(cost, cost.graph, theta)

    def block(rows: slice) -> tuple[Any]:
        data, count = cost.counted(rows)
        _, curves = derivatives(data, count)
        total = np.zeros((cost.size, cost.size))
        for a, s in enumerate(slots):
            for b, t in enumerate(slots[: a + 1]):
                if curves[a, b].any():
                    place(total, s, t, crossed(data.get(s.data), data.get(t.data), curves[a, b]))
        return (total,)

    return added(block, groups, cost.threads)[0]


def derivatives_at(cost: Summed, graph: Graph, theta: Any) -> tuple[list[Slot], Callable[[dict[str, Any], int], tuple[Any, Any]]]:
    """The slots of a graph over the cost's data; and a function of a block of these, n rows → the slopes (q, n) and curves
    (q, q, n) of its examples there."""
    found = cost.core(graph)
    slots, names = slots_of(cost, found)
    data = tuple(n for n in found.graph.inputs if n in cost.data)
    run, first, second, shape = program(found, tuple(dict.fromkeys(name for name, _ in names)), data)
    at: dict[str, int] = {}
    for slot in range(len(slots)):
        at.setdefault(names[slot][0], slot)
    parameters = cost.named(theta)

    def of(block: dict[str, Any], count: int) -> tuple[Any, Any]:
        slopes, curves = np.zeros((len(slots), count)), np.zeros((len(slots), len(slots), count))
        given: dict[str, Any] = {n: block[n] if n in block else np.asarray(parameters[n]) for n in found.graph.inputs
                                 if n in block or n in parameters}
        for m in found.maps:
            w = np.asarray(parameters[m.parameter])
            given[m.result] = block[m.data] @ (w if m.turned or w.ndim == 1 else w.T)
        with np.errstate(all="ignore"):
            answers = run(given)
        for name, value, size in zip(first, answers, shape):
            part = np.broadcast_to(value, (count, *size)).reshape(count, prod(size))
            slopes[at[name] : at[name] + part.shape[1]] = part.T
        for (element, other), value, size in zip(second, answers[len(first):], shape[len(first):]):
            part = np.broadcast_to(value, (count, *size)).reshape(count, prod(size))
            a, b = at[element.name] + element.at, at[other]
            curves[a, b : b + part.shape[1]] = part.T
            curves[b : b + part.shape[1], a] = part.T
        return slopes, curves

    return slots, of


def has_slots(cost: Summed) -> bool:
    """Whether an example's loss depends on the parameters through a few numbers, its slots."""
    try:
        slots_of(cost, cost.core(cost.graph))
    except DvarError:
        return False
    return True


def slots_of(cost: Summed, found: Core) -> tuple[list[Slot], list[tuple[str, int]]]:
    """The slots, and for each the input of the core and the element that it is."""
    slots, names = [], []
    for m in found.maps:
        for k in range(int(np.prod(m.shape))):
            slots.append(Slot(m.place(cost.places[m.parameter].start, k), m.data))
            names.append((m.result, k))
    for name in cost.inputs:
        if name not in found.sizes:
            continue
        if len(found.sizes[name]) > 1:
            raise DvarError(f"the matrix {name} of shape {found.sizes[name]} enters the loss otherwise than as {name} @ x or "
                            f"x @ {name}, so the curvature of an example is not known in a few numbers")
        for k in range(int(np.prod(found.sizes[name]))):
            lo = cost.places[name].start + k
            slots.append(Slot(slice(lo, lo + 1), ""))
            names.append((name, k))
    return slots, names


@lru_cache(maxsize=64)
def program(found: Core, names: tuple[str, ...], data: tuple[str, ...]) -> tuple[Any, list[str], list[Any], list[Any]]:
    """A function of the core's inputs by name → its derivatives; which they are, first ones and second, and their shapes."""
    derivation = derive(found.graph, tuple(found.sizes[n] for n in found.graph.inputs))
    index = {n.name: i for i, n in enumerate(found.graph.nodes) if n.op == INPUT}
    by = {n: found.sizes[n] for n in names}
    d = {n: derivation.d[index[n]] for n in by if index[n] in derivation.d}
    tape, pairs = with_curves(derivation.run.copy(), d, by)
    rows = [*d.values(), *(k for _, _, k in pairs)]
    vary = [*data, *(m.result for m in found.maps)]
    one = listing(derivation, vary, rows, tape, derivatives=False)
    function = compiled(write_numpy(one), "numpy")
    inputs = [n.name for n in one.nodes if n.op == INPUT]
    order = [n for n in inputs if n not in vary] + [n for n in inputs if n in vary]

    def run(given: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(function(*(given[n] if np.ndim(given[n]) else np.float64(given[n]) for n in order), 1.0)[1:])

    if not vary:
        raise UsageError("nothing in the loss varies by example")
    return run, list(d), [(a, b) for a, b, _ in pairs], [tape.shapes[k] for k in rows]
