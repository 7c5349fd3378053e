"""A plain Python function → Graph, with the names of its local variables.

The function is called once with traced values (`traced.py`); every operation on one becomes a node, called what the local
variable it is assigned to is called (`names.py`). It is traced without shapes; a function that asks for one is traced for the
shapes it will be used with.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import CodeType
from typing import Any

import numpy as np

from ..errors import UsageError
from .applied import place
from .graph import CONST, INPUT, Graph
from .op import Shape
from .standins import without_math
from .traced import Traced
from .tracing import Trace

RETURN = "return one number, the expression whose derivatives are asked for, or several: return p, q"


def trace(fn: Callable[..., Any], sizes: Mapping[str, Shape] | None = None) -> Graph:
    """The Graph of a Python function. Arguments without a default are its inputs, in their order; `sizes` has their shapes.

    Raises UsageError, naming the line, where the function asks a traced value for something a graph cannot hold, and
    ShapeAsked where it asks for a shape that is not known.
    """
    code, name = written(fn)
    state = Trace(Traced, sys._getframe(), code, sizes)
    inputs = {n: Traced(state, state.builder.input(n)) for n in inputs_of(fn)}
    state.measure()
    try:
        result = called(fn, inputs)
        state.names.close()
        output = as_node(result, state, name)
        named = state.builder.nodes[output].name and not state.names.depth.get(output)
    finally:
        state.open = False
        del state.names  # and with them the frames
    builder = state.builder
    if builder.nodes[output].op in (INPUT, CONST):
        output, named = builder.apply("same", output), ""
    if not named:  # or named by a function that was called: return loss(a, y)
        builder.give(output, name)
    return builder.close(output)


def written(fn: Any) -> tuple[CodeType | None, str]:
    """The code of the function as the user wrote it, inside decorators, partial functions and methods; and its name."""
    inner = fn
    while inner is not None:
        fn = inner
        inner = fn.func if isinstance(fn, partial) else getattr(fn, "__wrapped__", getattr(fn, "__func__", None))
    name = getattr(fn, "__name__", "f")
    code = getattr(fn, "__code__", None) or getattr(inspect.getattr_static(type(fn), "__call__", None), "__code__", None)
    return code, name if name.isidentifier() else "f"


def parameters(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    """The arguments without a default. Raises UsageError for *args and **kwargs, and for what does not say its arguments."""
    try:
        found = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        raise UsageError(f"the arguments of {fn!r} are not known", "write it as a function of its own: lambda x: …") from None
    for p in found:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise UsageError(f"the function takes *{p.name}; a graph needs to know its inputs", "name every argument")
    return [p for p in found if p.default is p.empty]


def inputs_of(fn: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's inputs."""
    return tuple(p.name for p in parameters(fn))


def called(fn: Callable[..., Any], inputs: Mapping[str, Any]) -> Any:
    """What the function returns of traced values."""
    first = [p.name for p in parameters(fn) if p.kind is p.POSITIONAL_ONLY]
    try:
        return without_math(fn)(*(inputs[n] for n in first), **{n: v for n, v in inputs.items() if n not in first})
    except RecursionError:
        raise UsageError(f"{written(fn)[1]} calls itself more than {sys.getrecursionlimit()} times deep, or without an end",
                         "say where it ends by a number, not by a traced value; write many steps as a loop") from None
    except ValueError as error:
        if isinstance(error.__cause__, UsageError) and str(error).startswith("setting an array element"):
            raise error.__cause__ from None  # what NumPy makes of a refusal
        if "values to unpack" in str(error):
            raise UsageError(f"{written(fn)[1]}: {error}", "as many names on the left as the vector has elements") from None
        raise


def as_node(result: Any, state: Trace, name: str) -> int:
    """The node of what the function returned; several values are stacked. Raises UsageError for what is no value."""
    if isinstance(result, Traced):
        return place(state, result)
    if isinstance(result, (tuple, list)) and result:
        if len({len(part) if isinstance(part, (tuple, list)) else -1 for part in result}) > 1:
            raise UsageError(f"{name} returned rows of different lengths", RETURN)
        return state.builder.join("stack", [as_node(part, state, name) for part in result])
    if isinstance(result, (int, float, np.number, np.ndarray)) and np.asarray(result).dtype.kind in "iuf":
        return state.builder.const(result)
    if inspect.iscoroutine(result):
        result.close()
    found = f"an empty {type(result).__name__}" if isinstance(result, (tuple, list)) else type(result).__name__
    help = "names for several values are those of the variables: return p, q" if isinstance(result, dict) else RETURN
    raise UsageError(f"{name} returned {found}, not a value made from its inputs", help)
