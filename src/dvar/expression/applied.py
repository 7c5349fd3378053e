"""What operations make of values: nodes, where one of these is held by a function that is being traced, else numbers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..errors import UsageError
from .graph import as_array
from .op import Op
from .refusals import refuse, short, where
from .tracing import Trace
from .values import evaluate_one


class Held:
    """A node of the graph to be, in the user's hands. What these may do with it, `Traced` says."""

    __slots__ = ("index", "trace")

    def __init__(self, trace: Trace, index: int) -> None:
        self.trace, self.index = trace, index

    @property
    def told(self) -> str:
        """How it is written."""
        return self.trace.written(self.index)

    @property
    def inner(self) -> str:
        """How it is written inside other operations."""
        return self.told if self.told.isidentifier() else f"({self.told})"


def index_part(part: Any) -> Any:
    """A whole number, or a slice as (start, stop, step)."""
    if isinstance(part, slice) and all(v is None or isinstance(v, int) for v in (part.start, part.stop, part.step)):
        return part.start, part.stop, part.step
    if isinstance(part, bool) or not hasattr(part, "__index__") or np.ndim(part):
        refuse(f"a traced value was indexed with [{part!r}]", "an index is a whole number or a part start:stop; "
               "choose by a condition with dv.where, pick one class with p[k], several with dv.stack([x[0], x[2]])")
    return operator.index(part)


def option(name: str, value: Any) -> Any:
    """The value of an option as a row has it: an axis, a shape. Refuses what is neither."""
    if name == "at" or value is None:
        return value
    sizes = value if name == "shape" and isinstance(value, (tuple, list)) else (value,)
    if any(isinstance(n, Held) or not hasattr(n, "__index__") for n in sizes):
        refuse(f"{name}={value!r} was given", "an axis is a whole number, a shape is some; they cannot be computed by the graph")
    found = tuple(map(operator.index, sizes))
    return found if name == "shape" else found[0]


def apply(op: Op, *operands: Any, **given: Any) -> Any:
    """The operation on values: a node where one of them is traced, else the number itself.

    Raises ValueError for options that the operation does not have.
    """
    options = op.options_of({k: option(k, v) if k in op.options else v for k, v in given.items()}) if given or op.options else ()
    trace = next((v.trace for v in operands if isinstance(v, Held)), None)
    if trace is None:
        return evaluate_one(op, *(as_array(v, f"what {op.name} is given") for v in operands), options=options)
    indices = [place(trace, v) if isinstance(v, Held) else number(trace, v, op, operands) for v in operands]
    return trace.value(trace.builder.join(op.name, indices, options))


def place(trace: Trace, value: Held) -> int:
    """The index of a traced value's node. Refuses one of another tracing."""
    if value.trace is not trace or not trace.open:
        refuse("a value kept from another tracing was used here", "take it as an argument of this function")
    return value.index


def number(trace: Trace, value: Any, op: Op, operands: tuple[Any, ...]) -> int:
    """The index of a constant. Refuses what is none, saying where it stands."""
    try:
        return trace.builder.const(value)
    except UsageError as why:
        if where() in why.what:  # a list of traced values
            raise
        told = [v.told if isinstance(v, Held) else short(v) for v in operands]
        written = op.written(len(operands), op.unless_said).template
        line = written.format(*told) if isinstance(written, str) else op.name
        refuse(f"`{line}`: {why.what}", why.help)
