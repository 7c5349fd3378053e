"""The operations as people call them, dv.exp; and a graph called on traced values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import UsageError
from .applied import apply, place
from .graph import CONST, INPUT, Graph, as_array
from .op import Op
from .ops import OF_TWO
from .refusals import where
from .traced import Traced
from .values import check_sizes


def inline(graph: Graph, given: Mapping[str, Any]) -> Any:
    """A graph called on traced values: its nodes become part of the graph that is being traced, called J.u, J.v."""
    trace = next(v.trace for v in given.values() if type(v) is Traced)
    if graph.exact:
        check_sizes(graph, {n: v.shape if type(v) is Traced else np.shape(v) for n, v in given.items()})
    builder, at = trace.builder, {}
    for i, node in enumerate(graph.nodes):
        name = f"{graph.output}.{node.name}" if node.given and i + 1 < len(graph.nodes) else ""
        if node.op == INPUT:
            value = given[node.name]
            at[i] = place(trace, value) if type(value) is Traced else builder.const(as_array(value, f"the input {node.name!r}"))
        elif node.op == CONST:
            at[i] = builder.const(node.value, name)
        else:
            at[i] = builder.apply(node.op, *(at[k] for k in node.operands), options=node.options)
            if name:
                builder.give(at[i], name)
    return trace.value(at[len(graph.nodes) - 1])


def function(op: Op) -> Callable[..., Any]:
    """The operation as people call it, dv.exp: on traced values, numbers and arrays alike."""

    def call(*operands: Any, **options: Any) -> Any:
        if op.many and len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = tuple(operands[0])
        try:
            if op.name in OF_TWO and len(operands) == 2:
                raise ValueError(f"{op.name} takes one operand, 2 given; of two values it is dv.{OF_TWO[op.name]}(a, b), "
                                 f"along an axis dv.{op.name}(a, axis=0)")
            op.check_count(len(operands))
            return apply(op, *operands, **options)
        except UsageError:
            raise
        except ValueError as why:
            what, _, help = str(why).partition("; ")
            raise UsageError(what + where() * any(type(v) is Traced for v in operands), help) from None

    call.__name__ = call.__qualname__ = op.name
    slopes = ", ".join(s for s in op.slopes if s) or "none"
    call.__doc__ = f"{op.form.format(*'abc')}; derivatives: {slopes}; defined for {op.domain}."
    return call
