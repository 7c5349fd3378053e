"""Cost: the mean of one example's loss over m examples, J(parameters) = 1/m Σ L, its derivatives and its programs.

The loss is a graph; `over` marks which of its inputs vary by example, the others are the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..data.columns import Columns
from ..data.sparse import Sparse
from ..derive.derivation import derivative_name
from ..derive.higher import along, as_direction
from ..errors import UsageError, many, nearest
from ..expression.graph import INPUT
from ..expression.ops import OPS
from ..expression.values import assign
from .program import Program
from .summed import Summed
from .targets import written


class Cost(Summed):
    """J(parameters) over m examples: values and derivatives by name, programs to print and to call."""

    def at(self, *args: Any, **parameters: Any) -> CostPass:
        """J and its derivatives at given parameters: one pass over the data."""
        given = self.bound(args, parameters)
        cost = self.sized(given)
        value, gradient = cost.value_gradient(cost.flat(given))
        return CostPass(value, cost.named(gradient))

    def hessian(self, *args: Any, **parameters: Any) -> Any:
        """∂²J, (P, P), parameters raveled in the order of `inputs`."""
        given = self.bound(args, parameters)
        cost = self.sized(given)
        return cost.value_gradient_hessian(cost.flat(given))[2]

    def hvp(self, *args: Any, direction: Mapping[str, Any], **parameters: Any) -> dict[str, Any]:
        """The Hessian times a direction, {parameter: number or array of its shape}: one pass over the data, no Hessian.

        `direction` says by name how the parameters move; those it leaves out stay."""
        given = self.bound(args, parameters)
        cost = self.sized(given)
        moves = {n: np.zeros(s) for n, s in cost.sizes.items()} | as_direction(direction, cost.sizes, "parameter")
        slope, names = cost.slope_along
        d = slope.at({**given, **{names[n]: v for n, v in moves.items()}}).d
        return {n: d[n] for n in cost.inputs}

    def hessian_times(self, theta: Any, v: Any, rows: Sequence[slice] | None = None) -> Any:
        """The Hessian times a vector (P,), at a flat vector: one pass over the data, or over these runs of rows alone."""
        parabola = self.bent(theta) if rows is None else None
        if parabola is not None:
            return parabola.value_gradient(v)[1]
        return self.slope_along[0].value_gradient(np.concatenate([theta, v]), rows)[1][: self.size]

    def has_products(self) -> bool:
        """Whether products with the Hessian cost what a gradient does: by a parabola."""
        from .parabola import few

        return few(self) is not None

    def bent(self, theta: Any) -> Cost | None:
        """The parabola at a flat vector, kept until another is asked for; None where products do without."""
        from .parabola import parabola

        kept = self.kept_parabola
        if not kept or not np.array_equal(kept[0], theta):
            kept[:] = [theta.copy(), parabola(self, theta)]
        found: Cost | None = kept[1]
        return found

    @cached_property
    def kept_parabola(self) -> list[Any]:
        return []

    def gauss_newton(self, theta: Any) -> Any:
        """Of a loss that is a square r², the Hessian (P, P) without the curvature of r; None where r is linear or not there."""
        if self.squared is None:
            return None
        whole = self.squared.value_gradient_hessian(np.concatenate([theta, np.zeros(self.size)]))[2]
        return whole[self.size :, self.size :]

    @cached_property
    def squared(self) -> Cost | None:
        from .squares import squared_slope

        found = squared_slope(self)
        return found if found is not None and found.has_hessian() else None

    @cached_property
    def rounded(self) -> Cost | None:
        """The cost with its kinks rounded off, by a parameter more, the last; None where it has none, or others."""
        from .rounded import rounded

        return rounded(self)

    @cached_property
    def slope_along(self) -> tuple[Cost, dict[str, str]]:
        """The slope of J along a direction, as a cost of the parameters and the direction; and what that is called in it."""
        graph, names = along(self.graph, self.shapes(self.graph), self.inputs)
        parameters = {n: self.sizes[n] for n in self.inputs}
        return self.over_same_data(graph, parameters | {v: self.sizes[n] for n, v in names.items()}), names

    def bound(self, args: tuple[Any, ...], parameters: Mapping[str, Any]) -> dict[str, Any]:
        return assign(self.inputs, args, parameters, "parameter")

    def program(self, target: str) -> Program:
        """The program the graph writes for a target, bound to the data: called with the parameters it runs over all m rows.

        Where there is no fused program of a loss or of its data, the NumPy program stands in and its first line says why."""
        asked, note = target, ""
        if target == "fused":
            if not isinstance(self.fused, str):
                source = self.fused.run.text
            else:
                target, note = "numpy", f"# no fused program: {self.fused}; this is the NumPy program\n"
        if target != "fused":
            source, function = written(target, self.listed())
            source = note + source

        def call(*args: Any, **parameters: Any) -> tuple[Any, ...]:
            given = self.bound(args, parameters)
            cost = self.sized(given)
            if cost is not self:
                raise UsageError(f"this program was written for parameters of the shapes {self.sizes}, now given {cost.sizes}",
                                 "ask for the program of these shapes: J.sized(parameters).program(…)")
            theta = self.flat(given)
            if target == "loop":
                with np.errstate(all="ignore"):
                    value, *slopes = function(*self.operands(theta), *self.whole().values())
            else:
                value, *slopes = self.run_blocks(theta, fused=target == "fused")
            return float(value), *(float(s) if np.ndim(s) == 0 else np.asarray(s) for s in slopes)

        return Program(target, source, call, (self, asked))

    def zero_is_saddle(self) -> str:
        """A product of two different parameters in the loss, as a sentence, where with all of them zero one has no slope."""
        inside: list[set[str]] = []
        pairs = []
        for node in self.graph.nodes:
            found = {node.name} if node.op == INPUT and node.name in self.inputs else set()
            inside.append(found.union(*(inside[k] for k in node.operands)))
            if node.operands and OPS[node.op].linear == (0, 1):  # a product
                a, b = (inside[k] for k in node.operands)
                if a and b and not a & b:
                    pairs.append((a, b))
        if not pairs:
            return ""
        slopes = self.named(self.value_gradient(np.zeros(self.size))[1])
        still = {n for n, slope in slopes.items() if not np.any(slope) or not np.isfinite(slope).all()}
        told = [f"{', '.join(sorted(a))} and {', '.join(sorted(b))}" for a, b in pairs if (a | b) & still]
        return f"{told[0]} are multiplied with each other" if told else ""

    def bad_rows(self) -> str:
        """Which data are not finite, as a sentence; "" where all are."""
        for name, value in self.data.items():
            if not isinstance(value, Columns):
                sound = value.finite() if isinstance(value, Sparse) else np.isfinite(value)
                bad = ~(sound if sound.ndim == 1 else sound.all(axis=1))
                bad = int((bad if self.counts is None else bad & self.counts).sum())
                if bad:
                    return f"{name} holds nan or inf in {bad:,} of {many(self.m, 'example')}: leave these out, or fill them"
        return ""

    def kinks(self) -> tuple[str, ...]:
        """The operations of the loss whose slope jumps as the parameters move."""
        moves: list[bool] = []
        for node in self.graph.nodes:
            moves.append(node.name in self.inputs if node.op == INPUT else any(moves[k] for k in node.operands))
        return tuple(dict.fromkeys(n.op for n, yes in zip(self.graph.nodes, moves) if yes and n.op in OPS and OPS[n.op].kink
                                   and not OPS[n.op].analytic))

    def __repr__(self) -> str:
        told = ", ".join(f"{n} {self.sizes.get(n, '?')}" for n in self.inputs)
        said = "".join(f"\n  {note}" for note in self.notes)
        return f"<Cost J({told}): mean of {self.loss.output} over {many(self.m, 'example')}{said}>"


class CostPass:
    """J at given parameters and its derivatives: `q.value`, `q.dw` or `q.d["w"]`."""

    def __init__(self, value: float, d: dict[str, Any]) -> None:
        self.value, self.d = value, d

    def __getattr__(self, name: str) -> Any:
        named = {derivative_name(parameter): slope for parameter, slope in self.__dict__.get("d", {}).items()}
        if name not in named:
            raise AttributeError(f"there is no {name!r} here{nearest(name, ['value', *named])}")
        return named[name]

    def __repr__(self) -> str:
        return "\n".join([f"J = {self.value!r}", *(f"{derivative_name(k)} = {v!r}" for k, v in self.d.items())])
