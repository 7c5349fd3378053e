"""From a text or a Python function to its graph. A function that asks for shapes waits: it is traced when they are known, and
kept for each set of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, NoReturn

import numpy as np

from .api import Cost, Graph, merged
from .derive.slope import Slope
from .derive.slope import slope as nudged
from .errors import UsageError
from .expression import formula
from .expression.graph import as_array
from .expression.op import Shape
from .expression.refusals import ShapeAsked
from .expression.trace import called, inputs_of, trace, written
from .expression.traced import Traced
from .expression.values import assign, bind, check_names
from .vectorize.given import by_row


def graph(source: str | Callable[..., Any]) -> Graph:
    """A Python function (also as a decorator) or the text of a formula → its Graph. Raises UsageError where it is neither."""
    if isinstance(source, Graph):
        return source
    if isinstance(source, str) or not callable(source):
        return Graph(formula.parse(source).nodes)
    try:
        return Graph(trace(source).nodes)
    except ShapeAsked as asked:
        return Waiting(source, asked.what)


def slope(
    source: str | Callable[..., Any] | Graph, /, *args: Any, nudge: float = 0.001, of: str | None = None, **inputs: Any
) -> Slope:
    """How far f moves when one input is nudged: `.value`, `.nudged`, `.slope`, and the exact `.derivative`.

    Inputs by name, by position or as one mapping; with several, `of` says which is nudged.
    """
    made = source if isinstance(source, Graph) else graph(source)
    return nudged(*made.bound(args, inputs), nudge, of)


class Waiting(Graph):
    """The graph of a function that asks for shapes, such as len(x).

    `at`, `over` and a call trace the function for the shapes of what they are given; `.shaped(x=3)` is the graph for these
    shapes, with all that a graph can do.
    """

    def __init__(self, function: Callable[..., Any], asked: str) -> None:
        self.function, self.asked, self.name, self.arguments = function, asked, written(function)[1], inputs_of(function)
        self.known = lru_cache(maxsize=64)(self.traced)
        self.__module__ = getattr(function, "__module__", "")  # where pickle looks for it

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.arguments

    @property
    def nodes(self) -> NoReturn:
        raise UsageError(*self.told())

    def told(self) -> tuple[str, str]:
        """What it waits for, and how to go on."""
        values, shapes = (", ".join(f"{n}={v}" for n in self.inputs) for v in ("…", "(…)"))
        return (f"{self.name}({', '.join(self.inputs)}) asks for {self.asked}, so it becomes a graph when shapes are known",
                f"give values, {self.name}.at({values}), or shapes, {self.name}.shaped({shapes}), e.g. (3,) for a vector of 3")

    def traced(self, sizes: tuple[tuple[str, Shape], ...]) -> Graph:
        """The graph for inputs of these shapes. Raises UsageError where the function asks for the shape of another one."""
        try:
            return Graph(trace(self.function, dict(sizes)).nodes)
        except ShapeAsked as asked:
            others = ", ".join(f"{n}={s}" for n, s in sizes)
            raise UsageError(
                f"{self.name} asks for {asked.what}, and the shape of {' and '.join(asked.inputs)} is not known",
                f"say it: {self.name}.shaped({', '.join(f'{n}=(…)' for n in asked.inputs)}{', ' * bool(others)}{others})",
            ) from None

    def bound(self, args: tuple[Any, ...], inputs: Mapping[str, Any]) -> tuple[Graph, dict[str, Any]]:
        given = bind(self, args, inputs)
        return self.known(tuple((n, v.shape) for n, v in given.items())), given

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        given = assign(self.inputs, args, inputs)
        if any(isinstance(v, Traced) for v in given.values()):  # a function that is being traced calls this one
            return called(self.function, given)
        graph, values = self.bound((), given)
        return graph(values)

    def shaped(self, **shapes: Any) -> Graph:
        """The graph for inputs of these shapes, a number or a tuple each; those not named are scalars."""
        sizes = self.all_shapes(shapes)
        return Graph(self.known(tuple(sizes.items())).nodes, sizes=tuple(sizes.values()), exact=True)

    def over(self, data: Mapping[str, Any] | None = None, /, *, axis: int = 0, **more: Any) -> Cost:
        """As of any graph. The shapes of the data are known; the function may not ask for those of the parameters."""
        options = {k: more.pop(k) for k in ("weight", "threads", "program") if k in more}
        data = merged(data, more)
        check_names(self.inputs, data)
        either = {n: [np.shape(by_row(n, v, axis, vector))[1:] for vector in (False, True)] for n, v in data.items()}
        sizes = tuple((n, a) for n, (a, b) in either.items() if a == b)  # (1, m) along axis 1 may be a number or a vector
        return self.known(sizes).over(data, axis=axis, **options)

    def fix(self, **values: Any) -> Graph:
        """The function with inputs made constants: a graph, or one that still waits."""
        check_names(self.inputs, values)
        arrays = {n: as_array(v, f"the input {n!r}") for n, v in values.items()}
        return graph(partial(self.function, **{n: v if v.ndim else values[n] for n, v in arrays.items()}))

    def __reduce__(self) -> Any:
        """By name, as Python pickles functions: the decorated one, or the function that it was made of."""
        name = getattr(self.function, "__qualname__", "")
        return name if getattr(sys.modules.get(self.__module__), name, None) is self else (graph, (self.function,))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __str__(self) -> str:
        return "\n".join(self.told())

    __repr__ = __str__

    def _repr_svg_(self) -> None:  # type: ignore[override]
        """No picture yet; a notebook shows the sentence."""
