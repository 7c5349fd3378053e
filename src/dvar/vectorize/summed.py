"""Sums over m examples: what a solver asks of a cost — its value, gradient and Hessian at a flat vector of parameters.

The loss is a graph of one example; the programs it writes run over blocks of rows, and the sums of the blocks are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..data.columns import Columns
from ..derive.convex import ANY, is_convex
from ..errors import DvarError, UsageError
from ..expression.graph import Graph
from ..expression.op import Shape
from ..threads import thread_count
from .examples import Examples, raveled
from .given import TYPED
from .hessian import assemble, second_order
from .program import compiled, listing
from .run import added, group_count, partition
from .switch import pays
from .write_numpy import write_numpy

if TYPE_CHECKING:
    from .fused import FusedProgram

MOST_SECOND = 20_000  # parameters that have a Hessian, of 3 GB then
FUSED_HESSIAN = 1000  # parameters; a matrix of more for each of the partial sums is no longer small


class Summed(Examples):
    """J(parameters), the mean of a loss over m examples."""

    def __init__(
        self, graph: Graph, data: Mapping[str, Any], weight: Any = None, axis: int = 0, threads: int | None = None,
        program: str | None = None,
    ) -> None:
        if program not in (None, "numpy", "fused"):
            raise UsageError(f"program is {program!r}", 'give "fused" or "numpy", or leave it out: the faster one is taken')
        super().__init__(graph, data, weight, axis)
        self.asked = program
        # Counting by category holds Python's lock: a second thread would only wait for it (two threads took 1.3 × as long).
        counted = any(isinstance(v, Columns) and v.encoding.groups for v in self.data.values())
        self.threads = thread_count(threads, 1 if counted else None)
        self.fused_threads = thread_count(threads)  # compiled code holds no lock

    def over_same_data(self, graph: Graph, sizes: dict[str, Shape]) -> Self:
        other = super().over_same_data(graph, sizes)
        if graph is not self.graph:
            other.asked = None if self.asked == "fused" else self.asked  # which was asked of this graph
        return other

    # programs

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
        return pays(self, second=False)

    @cached_property
    def runs_fused_second(self) -> bool:
        """Whether a fused program gives Hessians."""
        return self.size <= FUSED_HESSIAN and pays(self, second=True)

    @cached_property
    def second(self) -> tuple[Callable[..., tuple[Any, ...]], Callable[..., Any], bool] | None:
        found = second_order(self.derivation, tuple(self.data))
        if found is None:
            return None
        one, pairs = found
        return compiled(write_numpy(one), "numpy"), assemble(pairs, self.places, self.size), bool(pairs)

    @cached_property
    def groups(self) -> list[list[slice]]:
        """The blocks of rows; they depend on the data and the number of parameters alone."""
        return partition(self.m, self.width, group_count(self.size))

    @cached_property
    def second_groups(self) -> list[list[slice]]:
        """The same for second derivatives, P² numbers."""
        return partition(self.m, self.width, group_count(self.size * (self.size + 1), pairs=True))

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
        value, *slopes = self.run_blocks(theta, rows, fused=self.runs_fused)
        return float(value), raveled(slopes)

    def run_blocks(self, theta: Any, rows: Sequence[slice] | None = None, *, fused: bool) -> list[Any]:
        """J and its derivatives by the fused program or the NumPy program. Where the former's numbers are not finite, as of a
        class that is none or of an endless loss times the weight 0, the latter says what is wrong, or leaves such rows out."""
        if fused and not isinstance(self.fused, str):
            found = self.run_fused(self.fused, self.named(theta), rows)
            if finite(found):
                return found
        parameters, total = self.operands(theta), self.total_of(rows)

        def sums(block: slice) -> tuple[Any, ...]:
            return self.first(*parameters, *self.counted(block)[0].values(), total)

        return added(sums, self.groups if rows is None else within(self.groups, rows), self.threads)

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

    def value_gradient_hessian(self, theta: Any, rows: Sequence[slice] | None = None) -> tuple[float, Any, Any]:
        """J, its gradient (P,) and its Hessian (P, P): one pass over the data, or the mean over these runs of rows alone.

        Raises DvarError where a matrix of parameters enters the loss otherwise than as W @ x or x @ W.
        """
        if self.runs_fused_second and not isinstance(self.fused_second, str):
            value, *slopes, hessian = self.run_fused(self.fused_second, self.named(theta), rows)
            if finite((value, *slopes, hessian)):
                return float(value), raveled(slopes), hessian
        if self.size > MOST_SECOND:
            raise DvarError(f"the Hessian of {self.size:,} parameters has {self.size**2:,} numbers, "
                            f"{self.size**2 / 1.25e8:,.0f} GB", "ask for hvp, or take a method that needs none")
        groups = self.second_groups if rows is None else within(self.second_groups, rows)
        if self.second is None:
            from .by_example import hessian_by_example

            return *self.value_gradient(theta, rows), hessian_by_example(self, theta, groups) / self.total_of(rows)
        program, assembled, _ = self.second
        parameters, total = self.operands(theta), self.total_of(rows)
        count = 1 + len(self.inputs)

        def sums(block: slice) -> tuple[Any, ...]:
            data, rows_left = self.counted(block)
            answers = program(*parameters, *data.values(), total)
            curvature = assembled(data, rows_left, answers[count:]) / total
            return (*answers[:count], curvature)

        value, *slopes, hessian = added(sums, groups, self.threads)
        return float(value), raveled(slopes), hessian

    def has_hessian(self) -> bool:
        return self.second is not None

    def bends(self) -> bool:
        """Whether the Hessian that there is holds a second derivative at all."""
        return self.second is not None and self.second[2]

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


def finite(numbers: Iterable[Any]) -> bool:
    return all(np.isfinite(n).all() for n in numbers)


def within(groups: list[list[slice]], rows: Sequence[slice]) -> list[list[slice]]:
    """Runs of rows, in order, in place of all: each cut to the size of a block, as many blocks to a group as there are."""
    size, each = max(b.stop - b.start for b in groups[0]), max(len(g) for g in groups)
    blocks = [slice(lo, min(lo + size, r.stop)) for r in rows for lo in range(r.start, r.stop, size)]
    return [blocks[k : k + each] for k in range(0, len(blocks), each)]
