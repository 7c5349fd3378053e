"""What a cost is given: data with examples along the first axis, weights as one more input, the parameters' shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..data.columns import Columns
from ..errors import UsageError
from ..expression.graph import CONST, INPUT, Builder, Graph, result_shape
from ..expression.op import Shape, elementwise
from ..expression.ops import OPS


def beside_dot(graph: Graph) -> set[str]:
    """The inputs that stand beside @: vectors per example, even where a vector has one number."""
    return {graph.nodes[k].name for node in graph.nodes if node.op == "dot" for k in node.operands}


def by_row(name: str, value: Any, axis: int, vector: bool) -> Any:
    """The data of one input with examples along the first axis; a view, never a copy of an array."""
    if axis not in (0, 1):
        raise UsageError(f"axis is {axis!r}", "0 where examples are rows, 1 where they are columns")
    if isinstance(value, Columns):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        raise UsageError(f"{name} is an array of {array.dtype} with shape {array.shape}", "give numbers of shape (m,) or (m, n)")
    if axis == 1 and array.ndim == 2:
        return array[0] if array.shape[0] == 1 and not vector else array.T
    return array


def weighted(graph: Graph) -> tuple[Graph, str]:
    """The loss times one more input, the example's weight; and that input's name."""
    builder = Builder()
    for node in graph.nodes:
        builder.nodes.append(node)
        builder.taken.setdefault(node.name, 1)
    weight = builder.input("weight")
    name = builder.nodes[weight].name
    output = builder.apply("times", weight, len(graph.nodes) - 1)
    builder.give(output, "weighted_" + graph.output)
    return replace(builder.close(output), off=graph.off), name


def infer(graph: Graph, known: Mapping[str, Shape], parameters: tuple[str, ...]) -> dict[str, Shape]:
    """The shapes of the parameters that follow from the data: a partner of x in w @ x is a vector of x's length, any other
    parameter a number. What is ambiguous (w * x with a vector x) or does not fit is left out."""
    found: list[Shape | None] = []
    sizes: dict[str, Shape] = {}
    index: dict[int, str] = {}
    for i, node in enumerate(graph.nodes):
        if node.op == INPUT:
            index[i] = node.name
            found.append(known.get(node.name))
            continue
        if node.op == CONST:
            found.append(np.shape(node.value))  # type: ignore[arg-type]
            continue
        for k in node.operands:
            if found[k] is None and index.get(k) in parameters:
                others = [found[j] for j in node.operands if j != k]
                guess = partner(node.op, others)
                if guess is not None:
                    found[k] = sizes[index[k]] = guess
        operands = [found[k] for k in node.operands]
        if any(s is None for s in operands):
            found.append(None)
            continue
        try:
            found.append(result_shape(node, graph.nodes, found))  # type: ignore[arg-type]
        except UsageError:
            return {}
    for name in parameters:  # what no operation uses, or only other parameters of unknown shape, is a number
        if name not in sizes and all(s is not None for s, n in zip(found, graph.nodes) if n.op != INPUT):
            sizes[name] = ()
    return {} if found[-1] is None else sizes


def partner(op: str, others: list[Shape | None]) -> Shape | None:
    """The shape of a parameter beside operands of these shapes; None where it could be more than one."""
    if op == "dot":
        return others[0] if others and others[0] is not None and len(others[0]) == 1 else None
    if OPS[op].shape is elementwise:
        return None if any(others) else ()
    return None
