"""Fit: what was learned, and how it was reached."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from weakref import ref

from ..errors import many
from .objective import Point, Sums
from .run import Row


class End(NamedTuple):
    """What a fit saw of the cost, without penalties, where it ended; the curvature is as near as it took to get there."""

    cost: ref[Sums]  # so that a fit does not keep the data
    place: Point


@dataclass(frozen=True, repr=False)
class Fit:
    """What was learned, and how it was reached."""

    params: dict[str, Any]
    cost: float  # of the objective, its penalty included
    converged: bool
    message: str
    method: str
    passes: int  # over the data
    history: tuple[Row, ...]  # a row a pass; where a run begins with a part of the examples, of passes over these too
    seconds: float
    curvature: Any = None  # the Hessian at the end (P, P), or a function that asks for it; None where the method needs none
    flat: tuple[int, ...] = ()  # positions of parameters without a finite optimum
    regular: bool = False  # the cost is curved along every direction, as the method has seen
    told: str = ""  # the rate and momentum that were asked for
    program: str = ""  # that ran over the data: "numpy", or "fused" where compiling it was worth it
    end: End | None = None  # for a fit that starts here; where the method tells of it

    @cached_property
    def hessian(self) -> Any:
        """The Hessian at the end, (P, P), where the method works with it, else None; where the end was told by gradients this
        takes a pass over the data, when it is first asked for. A pickled fit has what was asked for before."""
        return self.curvature() if callable(self.curvature) else self.curvature

    @property
    def whole(self) -> tuple[Row, ...]:
        """The history of the passes over all examples, whose costs can be compared."""
        return tuple(row for row in self.history if row.share == 1.0)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"end": None} | ({"curvature": vars(self).get("hessian")} if callable(self.curvature) else {})

    def plot(self, *others: Fit, ax: Any = None) -> Any:
        """The cost above the best one reached, by pass, on a logarithmic scale; other fits of the same cost beside it.

        Answers Matplotlib's axes, drawn on `ax` where one is given. Raises UsageError where Matplotlib is not installed."""
        from .plot import plot

        return plot((self, *others), ax)

    def __repr__(self) -> str:
        passes = many(self.passes, "pass")
        return f"<Fit: cost {self.cost:.10g} by {self.method} in {passes}, {self.seconds:.3f} s; {self.message}>"

    def _repr_html_(self) -> str:
        from ..show.notebook import fit_html

        return fit_html(self)
