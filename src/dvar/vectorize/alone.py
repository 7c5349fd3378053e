"""The program of a graph by itself, without examples: its value and derivatives at inputs given in its call."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..derive.assumed import assumed, derive_assumed
from ..derive.derivation import derive
from ..derive.passes import defined
from ..errors import UsageError
from ..expression.graph import Graph
from ..expression.op import Shape
from ..expression.values import bind, plain
from .program import NotWritable, Program, listing
from .targets import on_floats, written


def program(graph: Graph, target: str) -> Program:
    """Value and derivatives in the inputs' order, for the shapes that the graph is written for, else those it takes."""
    sizes, found = assumed(graph), derive_assumed(graph)
    one = listing(found)
    try:
        source, function = written(target, one)
    except NotWritable:
        return fused(graph, sizes)

    def call(*args: Any, **inputs: Any) -> tuple[Any, ...]:
        bound = bind(graph, args, inputs)
        values = list(bound.values())
        shapes = tuple(v.shape for v in values)
        if [len(s) for s in shapes] != [len(s) for s in sizes]:
            told = ", ".join(f"{n} a {('scalar', 'vector', 'matrix')[len(s)]}" for n, s in zip(graph.inputs, sizes))
            said = ", ".join(f"{n}={s}" for n, s in zip(graph.inputs, shapes) if s)
            help = f"write it for these shapes: .shaped({said}).program({target!r})"
            raise UsageError(f"this program was written for {told}", help)
        run = function if shapes == sizes else for_shapes(graph, target, shapes)
        number = float if target != "numpy" and on_floats(one) else np.float64  # NumPy's, for which 1/0 is inf and no error
        given = (v if v.ndim else number(v) for v in values)
        with np.errstate(all="ignore"):
            value, *slopes = (plain(np.array(v, dtype=np.float64)) for v in run(*given))
        return value, *defined(found, bound, value, dict(zip(graph.inputs, slopes))).values()

    return Program(target, source, call, (graph, target), function)


@lru_cache(maxsize=64)
def for_shapes(graph: Graph, target: str, sizes: tuple[Any, ...]) -> Callable[..., tuple[Any, ...]]:
    """The function of a program for inputs of other lengths than were assumed: loops have them written in."""
    return written(target, listing(derive(graph, sizes)))[1]


def fused(graph: Graph, sizes: tuple[Shape, ...]) -> Program:
    """The compiled program, as if there were one example. Raises UsageError where there is none."""
    from .fused import Adding, FusedProgram

    if any(sizes) and graph.sizes is None:
        raise UsageError("a compiled program needs to know the shapes", f"say them: .shaped({', '.join(graph.inputs)})")
    found = derive(graph, sizes)  # shapes that do not match are found here
    try:
        made = FusedProgram(graph, dict(zip(graph.inputs, sizes)), {})
    except NotWritable as why:
        raise UsageError(f"there is no fused program of this graph: {why}", 'ask for "loop" or "numpy"') from None

    def call(*args: Any, **inputs: Any) -> tuple[Any, ...]:
        values = bind(graph, args, inputs)
        for name, size in zip(graph.inputs, sizes):
            if values[name].shape != size:
                raise UsageError(f"this program was written for {name} of shape {size}, now given {values[name].shape}")
        value, *slopes = map(plain, made.answer(Adding(made, values)(slice(0, 1))))
        return value, *defined(found, values, value, dict(zip(graph.inputs, slopes))).values()

    return Program("fused", made.run.text, call, (graph, "fused"))
