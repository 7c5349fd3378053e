"""The slope a beginner measures: one input nudged, beside the derivative that the chain rule gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import UsageError, nearest
from ..expression.graph import Graph
from .line import forward
from .nudge import subject_of
from .passes import Pass, run, show


class Slope(NamedTuple):
    """How far f moves when one input is nudged by a little, beside the derivative that the chain rule gives there."""

    of: str
    at: float
    nudge: float
    value: float  # f(a)
    nudged: float  # f(a + nudge)
    slope: float  # (nudged − value)/nudge
    derivative: float
    kink: str = ""  # where f bends or jumps here: the slopes beside it

    def __str__(self) -> str:
        return (
            f"at {self.of} = {show(self.at)}:  f = {self.value:.10g}\n"  # digits that rounding leaves alone, as the page shows
            f"nudge {self.of} by {self.nudge:.10g}:  f = {self.nudged:.10g}\n"
            f"slope = (f after − f before) / nudge = {self.slope:.10g}\n"
            f"derivative = {self.derivative:.10g}{f'   ({self.kink})' if self.kink else ''}"
        )


def slope(graph: Graph, given: dict[str, Any], nudge: float = 0.001, of: str | None = None) -> Slope:
    """Nudge one input of a graph of scalars. Raises UsageError where it is not clear which, or the nudge is not usable."""
    scalars = [n for n in graph.inputs if np.ndim(given[n]) == 0]
    if not graph.inputs:
        raise UsageError("there is no input to nudge: it is a constant", 'name one, as in "a**2" with a=2')
    if of is None:
        if len(graph.inputs) == 1 and not scalars:
            name = graph.inputs[0]
            raise UsageError(f"{name} has shape {np.shape(given[name])}, and one number is nudged",
                             ".at(…).check() nudges every element")
        if len(graph.inputs) != 1:
            raise UsageError(f"there are {len(graph.inputs)} inputs: {', '.join(graph.inputs)}",
                             f"say which: of={graph.inputs[0]!r}, as an option --of {graph.inputs[0]}")
        of = graph.inputs[0]
    if of not in scalars:
        raise UsageError(f"{of!r} is not a scalar input{nearest(of, scalars)}")
    if not isinstance(nudge, (int, float, np.number)):
        raise UsageError(f"the nudge is {nudge!r}, not a number", "give a small number, such as 0.001")
    at, nudge = float(given[of]), float(nudge)
    if not np.isfinite(nudge) or nudge == 0 or at + nudge == at:
        raise UsageError(f"a nudge of {nudge!r} does not move {of} = {at!r}", "give a small number that does, such as 0.001")
    before = Pass(graph, given)
    after = run(graph, (), {**given, of: at + nudge})
    row = subject_of(before, of, forward(before.derivation, before.given)).row(())
    return Slope(of, at, nudge, before.value, after, (after - before.value) / nudge, before.d[of], row.verdict * row.kink)
