"""A loss over m examples: its data and its parameters by name, their shapes, and blocks of rows as programs read them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np

from ..data.columns import Columns
from ..data.sparse import Sparse
from ..derive.derivation import derive
from ..errors import DvarError, UsageError, nearest
from ..expression.graph import Graph, as_array
from ..expression.op import Shape
from ..expression.ops import OPS
from ..expression.values import assign
from .core import Core, core
from .given import TYPED, as_block, as_weights, beside_dot, by_row, infer, weighted, written_out
from .hessian import slots
from .program import Listing, listing
from .write_numpy import used_as_numbers


class Examples:
    """The inputs of a loss: the data vary by example, the others are the parameters – scalars, vectors or matrices, of which
    `sizes` gives the shapes by name.

    A flat vector of all parameters (P,) is what solvers see: each raveled, in the order of `inputs`.
    """

    def __init__(self, graph: Graph, data: Mapping[str, Any], weight: Any = None, axis: int = 0) -> None:
        self.loss = graph
        for name in data:
            if name not in graph.inputs:
                raise UsageError(f"the loss has no input {name!r}{nearest(name, graph.inputs)}")
        vectors = beside_dot(graph)
        notes: list[str] = []  # what was converted, or read otherwise than plainly
        # In the order of the graph's inputs, which is the order in which programs take them.
        weights = None if weight is None else as_weights(weight, axis, notes)
        self.data = {n: by_row(n, data[n], axis, n in vectors, notes, weights) for n in graph.inputs if n in data}
        if not self.data:
            raise UsageError("no input varies by example", "say which do, e.g. L.over(x=X, y=Y)")
        self.weight, self.counts = "", None
        if weights is not None:
            graph, self.weight = weighted(graph)
            self.data[self.weight] = weights
            counts = np.asarray(weights) != 0
            self.counts = None if counts.all() else counts  # (m,): whose weight is not 0; None: all examples
        self.notes = tuple(notes)
        self.m = self.count()
        self.total = float(np.sum(self.data[self.weight], dtype=np.float64)) if self.weight else float(self.m)
        self.graph = graph
        self.inputs = tuple(n for n in graph.inputs if n not in self.data)
        self.sizes, self.open = infer(graph, {n: v.shape[1:] for n, v in self.data.items()}, self.inputs)
        if len(self.sizes) == len(self.inputs):
            self.derivation  # noqa: B018 – shapes that do not match are found here

    def count(self) -> int:
        lengths = {name: len(v) for name, v in self.data.items()}
        if len(set(lengths.values())) > 1:
            raise UsageError("the number of examples differs: " + ", ".join(f"{k} has {n}" for k, n in lengths.items()),
                             "examples are rows; pass axis=1 where they are columns")
        m = next(iter(lengths.values()))
        if m == 0:
            raise DvarError("there are no examples: " + ", ".join(f"{k} has shape {v.shape}" for k, v in self.data.items()))
        return m

    # parameters

    def sized(self, parameters: Mapping[str, Any]) -> Self:
        """The same cost for parameters of these shapes: itself where they are its own, which stays as it is.

        Raises UsageError for missing and unknown parameters and for shapes that do not go with the data's.
        """
        given = assign(self.inputs, (), parameters, "parameter")
        sizes = {n: np.shape(as_array(v, f"the parameter {n!r}")) for n, v in given.items()}
        if sizes == self.sizes:
            return self
        other = self.over_same_data(self.graph, sizes)
        other.derivation  # noqa: B018 – shapes that do not match are found here
        return other

    def over_same_data(self, graph: Graph, sizes: dict[str, Shape]) -> Self:
        """The mean of another graph over the same examples; `sizes` has its parameters."""
        other = copy.copy(self)
        other.graph, other.sizes, other.open, other.inputs = graph, sizes, "", tuple(sizes)
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Without what is computed when it is needed, programs among it: for pickle, and for the copy above."""
        computed = {n for kind in type(self).__mro__ for n, v in vars(kind).items() if isinstance(v, cached_property)}
        return {n: v for n, v in vars(self).items() if n not in computed}

    @cached_property
    def places(self) -> dict[str, slice]:
        """Where each parameter stands in the flat vector."""
        found, at = {}, 0
        for name in self.inputs:
            size = int(np.prod(self.sizes[name]))
            found[name] = slice(at, at + size)
            at += size
        return found

    def check_open(self) -> None:
        """Raises UsageError where the data leave the shape of a parameter open."""
        if self.open:
            raise UsageError(self.open, "give a start for every parameter (start=, --start), or the parameters to .at(…)")

    @property
    def size(self) -> int:
        """P, the number of parameters in all."""
        self.check_open()
        return sum(int(np.prod(self.sizes[n])) for n in self.inputs)

    def flat(self, parameters: Mapping[str, Any]) -> Any:
        """The flat vector (P,) of parameters of this cost's shapes."""
        return raveled([np.asarray(parameters[n], dtype=np.float64) for n in self.inputs])

    def named(self, theta: Any) -> dict[str, Any]:
        """The parameters of a flat vector by name, scalars as floats."""
        found = {}
        for name in self.inputs:
            part = np.reshape(theta[self.places[name]], self.sizes[name])
            found[name] = part.item() if part.ndim == 0 else part.copy()
        return found

    def operands(self, theta: Any) -> list[Any]:
        """The parameters as a program takes them: NumPy's numbers, for which 1/0 is inf and no error."""
        return [v if np.ndim(v) else np.float64(v) for v in self.named(theta).values()]

    # graphs of one example

    def shapes(self, graph: Graph) -> tuple[Shape, ...]:
        """Those of the inputs of a graph, which are data and parameters of this cost."""
        return tuple(self.sizes[n] if n in self.sizes else self.data[n].shape[1:] for n in graph.inputs)

    def core(self, graph: Graph) -> Core:
        """What is left of such a graph when its linear maps are taken out."""
        return core(graph, self.shapes(graph), frozenset(self.data).intersection(graph.inputs))

    @cached_property
    def derivation(self) -> Any:
        self.check_open()
        try:
            return derive(self.graph, self.shapes(self.graph))
        except UsageError as error:
            thin = [n for n, v in self.data.items() if len(np.shape(v)) == 2 and np.shape(v)[1] == 1]
            if thin:
                name, value = thin[0], self.data[thin[0]]
                flat = name + ".toarray()" * isinstance(value, Sparse) + ".ravel()"
                flat = "the column itself" if isinstance(value, Columns) else flat
                raise UsageError(error.what, f"{name} has shape {np.shape(value)}: where it is one number per example, "
                                             f"pass {flat}") from None
            raise

    def listed(self) -> Listing:
        one = listing(self.derivation, self.data)
        one.total = self.weight
        return one

    # data

    @property
    def width(self) -> int:
        """How many numbers a row holds."""
        # Typed columns are made numbers part by part: however many there are, the largest block serves them best.
        return sum(1 if isinstance(v, Columns) and n not in self.as_numbers else
                   v.stored // self.m if isinstance(v, Sparse) and n not in self.as_numbers else int(np.prod(v.shape[1:]))
                   for n, v in self.data.items())

    @cached_property
    def as_numbers(self) -> set[str]:
        """Typed and sparse columns that the loss uses otherwise than in linear maps: they are made numbers block by block."""
        return {n for n in used_as_numbers(self.listed()) if isinstance(self.data[n], TYPED)}

    def block(self, rows: slice) -> dict[str, Any]:
        """The data of some rows: numbers as float64, typed columns as they are."""
        found = {}
        for name, value in self.data.items():
            part = value[rows]
            if isinstance(part, TYPED):
                found[name] = part.dense() if name in self.as_numbers else part
            else:
                found[name] = as_block(part)
        return found

    def counted(self, rows: slice) -> tuple[dict[str, Any], int]:
        """The same without the rows of weight 0, which do not count, whatever stands there; and how many rows that leaves."""
        found, count = self.block(rows), rows.stop - rows.start
        if self.counts is None or self.counts[rows].all():
            return found, count
        counts = self.counts[rows]
        return {name: part[counts] for name, part in found.items()}, int(counts.sum())

    def total_of(self, rows: Sequence[slice] | None) -> float:
        """The weight of these runs of rows: how many there are, where all weigh 1; 1 where none counts, whose mean is 0."""
        if rows is None:
            return self.total
        if not self.weight:
            return float(sum(r.stop - r.start for r in rows))
        return float(sum(np.sum(self.data[self.weight][r], dtype=np.float64) for r in rows)) or 1.0

    def whole(self) -> dict[str, Any]:
        """All rows, as numbers: what a plain Python loop reads."""
        return {name: written_out(part) for name, part in self.block(slice(0, self.m)).items()}

    @cached_property
    def met(self) -> dict[str, str]:
        """The data that each vector of parameters meets as w @ x and nobody else does; empty where one meets them otherwise."""
        found = slots(self.derivation, tuple(self.data)) or []
        pairs = {(s.parameter, s.data) for s in found if s.data}
        nodes, beside = self.graph.nodes, {d for _, d in pairs}
        other = any(nodes[k].name in beside and not OPS[n.op].maps for n in nodes for k in n.operands)
        once = len({p for p, _ in pairs}) == len(beside) == len(pairs)
        cut = all(isinstance(self.data[d], (np.ndarray, Sparse)) for d in beside)
        return dict(pairs) if once and cut and not other else {}

    def among(self, kept: Any) -> Self | None:
        """The same cost of the parameters that a mask (P,) keeps, the others being 0: over the columns that they meet, in a copy.
        None where they are met otherwise than as `met` says."""
        if not self.met or not all(kept[p].all() for n, p in self.places.items() if n not in self.met):
            return None
        data, sizes = dict(self.data), dict(self.sizes)
        for name, x in self.met.items():
            columns = np.flatnonzero(kept[self.places[name]])
            data[x], sizes[name] = self.data[x].take(columns, axis=1), (len(columns),)
        other = self.over_same_data(self.graph, sizes)
        other.data = data
        return other


def raveled(slopes: list[Any]) -> Any:
    return np.concatenate([np.ravel(s) for s in slopes]) if slopes else np.zeros(0)
