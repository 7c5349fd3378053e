"""Sums over m examples: what a solver asks of a cost — its value, gradient and Hessian at a flat vector of parameters.

The loss is a graph of one example; the programs it writes run over blocks of rows, and the sums of the blocks are added up.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..data.columns import Columns
from ..data.native import Chunked
from ..data.sparse import Sparse
from ..derive.convex import ANY, is_convex
from ..derive.derivation import derive
from ..errors import DvarError, UsageError, nearest
from ..expression.graph import Graph, as_array, assign
from ..expression.op import Shape
from ..threads import thread_count
from .given import TYPED, as_block, as_weights, beside_dot, by_row, infer, weighted
from .hessian import assemble, second_order, slots
from .program import Listing, compiled, listing
from .run import added, group_count, partition
from .write_numpy import used_as_numbers, write_numpy

if TYPE_CHECKING:
    from .fused import FusedProgram

# What a pass of the NumPy program takes on this kind of machine, per number; what it costs to compile a program, at all and for
# each character of its source, and to load one that has been kept: measured on two cores, rounded. A fit makes some PASSES.
DENSE_SECONDS, SPARSE_SECONDS, TYPED_SECONDS, EXAMPLE_SECONDS = 1.5e-9, 8e-9, 1.5e-8, 2.5e-8
PASSES, LONG, MANY = 10, 1000, 40  # with so many parameters or more, a fit works with gradients alone, and makes MANY passes
PAIR_SECONDS, HESSIANS = 7e-9, 5  # of two typed columns, which each Hessian counts together
COMPILE_SECONDS, CHARACTER_SECONDS, LOAD_SECONDS = 1.0, 2e-4, 0.1
MOST_SECOND = 20_000  # parameters that have a Hessian, of 3 GB then
FUSED_HESSIAN = 1000  # parameters; a matrix of more for each of the partial sums is no longer small


class Summed:
    """J(parameters) over m examples. Parameters are scalars, vectors or matrices; `sizes` gives their shapes by name.

    A flat vector of all parameters (P,) is what solvers see: each raveled, in the order of `inputs`.
    """

    def __init__(
        self, graph: Graph, data: Mapping[str, Any], weight: Any = None, axis: int = 0, threads: int | None = None,
        program: str | None = None,
    ) -> None:
        if program not in (None, "numpy", "fused"):
            raise UsageError(f"program is {program!r}", 'give "fused" or "numpy", or leave it out: the faster one is taken')
        self.loss, self.asked = graph, program
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
        self.weight = ""
        if weights is not None:
            graph, self.weight = weighted(graph)
            self.data[self.weight] = weights
        self.notes = tuple(notes)
        self.m = self.count()
        self.total = float(np.sum(self.data[self.weight], dtype=np.float64)) if self.weight else float(self.m)
        self.graph = graph
        self.inputs = tuple(n for n in graph.inputs if n not in self.data)
        # Counting by category holds Python's lock: a second thread would only wait for it (two threads took 1.3 × as long).
        counted = any(isinstance(v, Columns) and v.encoding.groups for v in self.data.values())
        self.threads = thread_count(threads, 1 if counted else None)
        self.fused_threads = thread_count(threads)  # compiled code holds no lock
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
        if graph is not self.graph:
            other.asked = None if self.asked == "fused" else self.asked  # which was asked of this graph
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Without what is computed when it is needed, programs among it: for pickle, and for the copy above."""
        computed = {n for kind in type(self).__mro__ for n, v in vars(kind).items() if isinstance(v, cached_property)}
        return {n: v for n, v in vars(self).items() if n not in computed}

    @cached_property
    def met(self) -> dict[str, str]:
        """The data that each vector of parameters meets as w @ x and nobody else does; empty where one meets them otherwise."""
        found = slots(self.derivation, tuple(self.data)) or []
        pairs = {(s.parameter, s.data) for s in found if s.data}
        nodes, beside = self.graph.nodes, {d for _, d in pairs}
        other = any(nodes[k].name in beside and n.op != "dot" for n in nodes for k in n.operands)
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

    # programs

    @cached_property
    def derivation(self) -> Any:
        self.check_open()
        sizes = tuple(self.sizes[n] if n in self.sizes else self.data[n].shape[1:] for n in self.graph.inputs)
        try:
            return derive(self.graph, sizes)
        except UsageError as error:
            thin = [n for n, v in self.data.items() if len(np.shape(v)) == 2 and np.shape(v)[1] == 1]
            if thin and not isinstance(self.data[thin[0]], TYPED):
                raise UsageError(error.what, f"{thin[0]} has shape {np.shape(self.data[thin[0]])}: where it is one number "
                                             f"per example, pass {thin[0]}.ravel()") from None
            raise

    def listed(self) -> Listing:
        one = listing(self.derivation, self.data)
        one.total = self.weight
        return one

    @cached_property
    def first(self) -> Callable[..., tuple[Any, ...]]:
        return compiled(write_numpy(self.listed()), "numpy")

    @cached_property
    def fused(self) -> FusedProgram | str:
        """The compiled program; or, as a sentence, why there is none."""
        return self.written_fused(second=False)

    @cached_property
    def fused_second(self) -> FusedProgram | str:
        """The compiled program that answers the Hessian too; or, as a sentence, why there is none."""
        return self.written_fused(second=True)

    @property
    def ran(self) -> str:
        """The program that has answered what was asked so far: "fused" or "numpy"."""
        return "fused" if any(self.__dict__.get(name) for name in ("runs_fused", "runs_fused_second")) else "numpy"

    def written_fused(self, second: bool) -> FusedProgram | str:
        from .fused import FusedProgram
        from .program import NotWritable

        self.derivation  # noqa: B018 – shapes that do not match are found here
        try:
            return FusedProgram(self.graph, {n: self.sizes[n] for n in self.inputs}, self.data, second)
        except NotWritable as why:
            if self.asked == "fused" and not second:
                raise UsageError(f"there is no fused program: {why}", 'leave program= out, or take "numpy"') from None
            return str(why)

    @property
    def runs(self) -> str:
        """The program that runs over the data where values and gradients are asked for: "fused" or "numpy"."""
        return "fused" if self.runs_fused else "numpy"

    @cached_property
    def runs_fused(self) -> bool:
        """Whether the fused program gives values and gradients."""
        return self.pays("fused")

    @cached_property
    def runs_fused_second(self) -> bool:
        """Whether a fused program gives Hessians."""
        return self.size <= FUSED_HESSIAN and self.pays("fused_second")

    def pays(self, name: str) -> bool:
        """Whether passes over the data are so long that a program is soon earned back: compiled or, where it is kept, loaded.

        So a job may run by NumPy once and fused later; `program=` says which, where the last bit matters."""
        typed = sum(len(v.data) for v in self.data.values() if isinstance(v, Columns))
        sparse = sum(v.stored / self.m for v in self.data.values() if isinstance(v, Sparse))
        dense = sum(int(np.prod(v.shape[1:])) for v in self.data.values() if isinstance(v, np.ndarray | Chunked))
        maps = max((s[0] for s in self.sizes.values() if len(s) == 2), default=1)  # results of W @ x
        row = maps * (dense * DENSE_SECONDS + sparse * SPARSE_SECONDS + typed * TYPED_SECONDS + EXAMPLE_SECONDS)
        seconds = (PASSES if self.size < LONG else MANY) * self.m * row
        if name == "fused_second":
            pairs = sum(len(v.data) * (len(v.data) + 1) // 2 for v in self.data.values() if isinstance(v, Columns))
            seconds += HESSIANS * self.m * pairs * PAIR_SECONDS
        if self.asked == "numpy" or (not self.asked and seconds <= LOAD_SECONDS):
            return False
        program = getattr(self, name)
        if isinstance(program, str):
            return False
        compiling = COMPILE_SECONDS + len(program.run.source) * CHARACTER_SECONDS
        return self.asked == "fused" or seconds > compiling or program.run.kept

    @cached_property
    def second(self) -> tuple[Callable[..., tuple[Any, ...]], Callable[..., Any]] | None:
        found = second_order(self.derivation, tuple(self.data))
        if found is None:
            return None
        one, pairs = found
        return compiled(write_numpy(one), "numpy"), assemble(pairs, self.places, self.size)

    @cached_property
    def groups(self) -> list[list[slice]]:
        """The blocks of rows; they depend on the data and the number of parameters alone."""
        return partition(self.m, self.width, group_count(self.size))

    @cached_property
    def second_groups(self) -> list[list[slice]]:
        """The same for second derivatives, P² numbers."""
        return partition(self.m, self.width, group_count(self.size * (self.size + 1), pairs=True))

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

    # what is asked of a cost

    @cached_property
    def convex(self) -> bool:
        """Whether the operations of the loss tell that J is convex; where they do not it may be all the same."""
        def ranges(name: str) -> tuple[float, float]:
            value = self.data[name]
            return ANY if isinstance(value, TYPED) else (float(np.min(value)), float(np.max(value)))

        return is_convex(self.derivation.run, self.derivation.value[-1], self.inputs, ranges)

    def value_gradient(self, theta: Any, rows: Sequence[slice] | None = None) -> tuple[float, Any]:
        """J and its gradient (P,) at a flat vector: one pass over the data, or the mean over these runs of rows alone."""
        if self.runs_fused and not isinstance(self.fused, str):
            value, *slopes = self.run_fused(self.fused, self.named(theta), rows)
            if np.isfinite(value):
                return float(value), raveled(slopes)
            # A number of no class, say, is nan there; the other program says what is wrong.
        parameters, total = self.operands(theta), self.total_of(rows)

        def sums(block: slice) -> tuple[Any, ...]:
            return self.first(*parameters, *self.block(block).values(), total)

        value, *slopes = added(sums, self.groups if rows is None else within(self.groups, rows), self.threads)
        return float(value), raveled(slopes)

    def run_fused(
        self, program: FusedProgram, parameters: Mapping[str, Any], rows: Sequence[slice] | None = None
    ) -> list[Any]:
        """J and its derivatives by a fused program."""
        from .fused import Adding, groups, spread

        adding = Adding(program, parameters)
        if rows is None:
            parts: list[list[Any]] = [[(run,) for run in group] for group in groups(self.m, program.numbers, program.second)]
        else:
            parts = spread(rows)
        [sums] = added(lambda runs: (adding(*runs),), parts, self.fused_threads)
        total = self.total_of(rows)
        return [s / total for s in program.answer(sums)]

    def total_of(self, rows: Sequence[slice] | None) -> float:
        """The weight of these runs of rows: how many there are, where all weigh 1."""
        if rows is None:
            return self.total
        if not self.weight:
            return float(sum(r.stop - r.start for r in rows))
        return float(sum(np.sum(self.data[self.weight][r], dtype=np.float64) for r in rows))

    def value_gradient_hessian(self, theta: Any, rows: Sequence[slice] | None = None) -> tuple[float, Any, Any]:
        """J, its gradient (P,) and its Hessian (P, P): one pass over the data, or the mean over these runs of rows alone.

        Raises DvarError where a matrix of parameters enters the loss otherwise than as W @ x.
        """
        if self.runs_fused_second and not isinstance(self.fused_second, str):
            value, *slopes, hessian = self.run_fused(self.fused_second, self.named(theta), rows)
            if np.isfinite(value):
                return float(value), raveled(slopes), hessian
        if self.size > MOST_SECOND:
            raise DvarError(f"the Hessian of {self.size:,} parameters has {self.size**2:,} numbers, "
                            f"{self.size**2 / 1.25e8:,.0f} GB", "ask for hvp, or take a method that needs none")
        groups = self.second_groups if rows is None else within(self.second_groups, rows)
        if self.second is None:
            from .by_example import hessian_by_example

            return *self.value_gradient(theta, rows), hessian_by_example(self, theta, groups) / self.total_of(rows)
        program, assembled = self.second
        parameters, total = self.operands(theta), self.total_of(rows)
        count = 1 + len(self.inputs)

        def sums(block: slice) -> tuple[Any, ...]:
            data = self.block(block)
            answers = program(*parameters, *data.values(), total)
            curvature = assembled(data, block.stop - block.start, answers[count:]) / total
            return (*answers[:count], curvature)

        value, *slopes, hessian = added(sums, groups, self.threads)
        return float(value), raveled(slopes), hessian

    def has_hessian(self) -> bool:
        return self.second is not None

    def has_curves(self) -> bool:
        """Whether there is a Hessian at all: example by example it takes longer than a gradient, the more results there are."""
        from .by_example import has_slots

        return self.has_hessian() or has_slots(self)

    def per_example(self, theta: Any, node: int = -1) -> Any:
        """A node of the graph (its index; the output unless said) for every example, (m, …) float64, at a flat vector."""
        at = self.derivation.value[node]
        one = listing(self.derivation, self.data, [at], derivatives=False)
        function, values = compiled(write_numpy(one), "numpy"), self.operands(theta)
        out = np.empty((self.m, *self.derivation.run.shapes[at]))

        def fill(rows: slice) -> tuple[()]:
            out[rows] = function(*values, *self.block(rows).values(), self.total)[-1]
            return ()

        added(fill, self.groups, self.threads)
        return out

    def whole(self) -> dict[str, Any]:
        """All rows, as numbers: what a plain Python loop reads. A category is a column of zeros and ones for each level."""
        found = {}
        for n, v in self.data.items():
            counted = isinstance(v, Columns) and n not in self.as_numbers
            array = v @ np.eye(v.shape[1]) if counted else v.dense() if isinstance(v, TYPED) else v
            found[n] = np.asarray(array, dtype=np.float64)
        return found


def raveled(slopes: list[Any]) -> Any:
    return np.concatenate([np.ravel(s) for s in slopes]) if slopes else np.zeros(0)


def within(groups: list[list[slice]], rows: Sequence[slice]) -> list[list[slice]]:
    """Runs of rows, in order, in place of all: each cut to the size of a block, as many blocks to a group as there are."""
    size, each = max(b.stop - b.start for b in groups[0]), max(len(g) for g in groups)
    blocks = [slice(lo, min(lo + size, r.stop)) for r in rows for lo in range(r.start, r.stop, size)]
    return [blocks[k : k + each] for k in range(0, len(blocks), each)]
