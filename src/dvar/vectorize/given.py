"""What a cost is given: data with examples along the first axis, weights as one more input, the parameters' shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..data.columns import Columns
from ..data.native import Chunked, native_dtype, streamed, told
from ..data.sparse import Sparse, is_sparse, sparse
from ..derive.tape import ancestors
from ..errors import DvarError, UsageError
from ..expression.graph import CONST, INPUT, Builder, Graph, array_of
from ..expression.op import Op, Shape, elementwise
from ..expression.ops import OPS
from ..expression.values import result_shape, shapes

TYPED = (Columns, Sparse)  # features that are no arrays: they know their own linear maps


def beside_dot(graph: Graph) -> set[str]:
    """The inputs that stand beside @: vectors per example, even where a vector has one number."""
    return {graph.nodes[k].name for node in graph.nodes if node.operands and OPS[node.op].maps for k in node.operands}


def by_row(name: str, value: Any, axis: int, vector: bool, notes: list[str] | None = None, weight: Any = None) -> Any:
    """The data of one input with examples along the first axis: an array as it is, a frame as typed columns, a sparse matrix by
    rows, a series as an array or in chunks. What is converted or read otherwise than plainly is noted, a sentence each. `weight`
    (m,) counts in the means of a frame's columns."""
    notes = [] if notes is None else notes
    if axis not in (0, 1):
        raise UsageError(f"axis is {axis!r}", "0 where examples are rows, 1 where they are columns")
    if isinstance(value, (Columns, Sparse, Chunked)):
        return value
    if axis == 1 and hasattr(value, "columns"):
        raise UsageError(f"{name} is a frame, whose rows are its examples", "leave axis out")
    if is_frame(value):
        from ..data import frames  # which arrays need not wait for

        value = frames.read(name, value, notes)
        if frames.is_table(value):
            return frames.columns(name, value, notes, weight)
        if frames.is_series(value):
            return frames.numbers(name, value)
    if is_sparse(value):
        return sparse(name, value, axis, notes)
    return array_by_row(name, value, axis, vector, notes)


def is_frame(value: Any) -> bool:
    """Whether it is a frame or a series: of pandas, or of whoever speaks Arrow's PyCapsule interface."""
    return (hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")
            or type(value).__module__.partition(".")[0] == "pandas")


def as_weights(value: Any, axis: int, notes: list[str]) -> Any:
    """The examples' weights. Raises DvarError for what cannot weigh."""
    weight = by_row("weight", value, axis, False, notes)
    if len(weight.shape) != 1:
        raise UsageError(f"the weights have shape {weight.shape}", "give one number per example, of shape (m,)")
    least, total = (float(np.min(weight)), float(np.sum(weight, dtype=np.float64))) if len(weight) else (0.0, 1.0)
    if not (least >= 0 and 0 < total < np.inf):
        raise DvarError(f"the weights must be finite, at least 0 and not all 0; their smallest is {least:g}, their sum {total:g}")
    return weight


def array_by_row(name: str, value: Any, axis: int, vector: bool, notes: list[str]) -> Any:
    """A view, never a copy of an array."""
    array = array_of(value, name)
    if hasattr(value, "mask") and np.ma.is_masked(value):  # what has none need not wait for np.ma
        raise UsageError(f"{name} has masked elements", "fill them with .filled(…), leave these rows out, or give a frame: "
                                                        "what is missing in a column gets a coefficient that says so")
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        plainly = array.dtype == object and not array.ndim  # what is no list either
        kind = type(value).__name__ if plainly else f"an array of {array.dtype} with shape {array.shape}"
        raise UsageError(f"{name} is {kind}", "give numbers of shape (m,) or (m, n)")
    if array.dtype != native_dtype(array.dtype):
        lost = ", which holds fewer digits" if array.dtype.itemsize > 8 else ""
        plain = native_dtype(array.dtype)
        notes.append(f"{name}: {told(array.dtype)} is read as {plain}{lost}, converted a few rows at a time in every pass; "
                     f"{name}.astype('{plain}') converts once")
    elif not streamed(array):
        how = f"apart in memory (strides {array.strides})" if array.flags.aligned else "where numbers cannot be read directly"
        notes.append(f"{name}: its rows lie {how}, so a few at a time are copied in every pass; {name}.copy() copies once")
    if axis == 1 and array.ndim == 2:
        return array[0] if array.shape[0] == 1 and not vector else array.T
    return array


def as_block(part: Any) -> Any:
    """Rows of an array as float64 that BLAS reads as they lie."""
    part = np.asarray(part, dtype=np.float64)
    if part.ndim == 2 and 8 not in part.strides and part.size:
        part = np.ascontiguousarray(part)
    return part


def written_out(part: Any) -> Any:
    """Rows of data as float64: typed columns and sparse ones as (rows, n), of a category zeros and ones for each level."""
    if isinstance(part, Columns):
        return part @ np.eye(part.shape[1])
    return part.dense() if isinstance(part, Sparse) else np.asarray(part, dtype=np.float64)


def weighted(graph: Graph) -> tuple[Graph, str]:
    """The loss times one more input, the example's weight; and that input's name."""
    builder = Builder(graph)
    weight = builder.input("weight")
    name = builder.nodes[weight].name
    output = builder.apply("times", weight, len(graph.nodes) - 1)
    builder.give(output, "weighted_" + graph.output)
    return builder.close(output), name


def infer(graph: Graph, known: Mapping[str, Shape], parameters: tuple[str, ...]) -> tuple[dict[str, Shape], str]:
    """The shapes of the parameters that follow from the data: a partner of x in w @ x is a vector of x's length, any other
    parameter a number. What is ambiguous (w * x with a vector x) or does not fit is left out; the second answer says, as a
    sentence, which shapes stay open, and why. Raises UsageError where the data do not match among themselves."""
    found: list[Shape | None] = []
    sizes: dict[str, Shape] = {}
    index: dict[int, str] = {}
    why = ""
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
                guess = partner(OPS[node.op], others)
                if guess is not None:
                    found[k] = sizes[index[k]] = guess
        operands = [found[k] for k in node.operands]
        if any(s is None for s in operands):
            found.append(None)
            why = why or hidden(graph, i, found, parameters)
            continue
        try:
            found.append(result_shape(node, graph.nodes, found))  # type: ignore[arg-type]
        except UsageError:
            if not sizes:
                raise
            return {}, open_shapes(parameters)
    for name in parameters:  # what no operation uses, or only other parameters of unknown shape, is a number
        if name not in sizes and all(s is not None for s, n in zip(found, graph.nodes) if n.op != INPUT):
            sizes[name] = ()
    sizes = {} if found[-1] is None else {n: sizes[n] for n in parameters if n in sizes}  # in the order of the inputs
    unknown = [n for n in parameters if n not in sizes]
    if not unknown and None in found:  # of lines that the loss does without
        try:
            shapes(graph, {**known, **sizes})
        except UsageError:
            return {}, open_shapes(parameters)
    return sizes, (why or open_shapes(unknown)) if unknown else ""


def open_shapes(names: Iterable[str]) -> str:
    return f"the shapes of {', '.join(names)} do not follow from the data"


def hidden(graph: Graph, at: int, found: Sequence[Shape | None], parameters: tuple[str, ...]) -> str:
    """Of v @ h with an unknown v: the length of h is a width that is nowhere in the data. "" for any other operation."""
    nodes = graph.nodes
    wide = [nodes[k].name for k in nodes[at].operands if nodes[k].op not in (INPUT, CONST) and not found[k]]
    if not OPS[nodes[at].op].maps or not wide:
        return ""
    inside = ancestors(nodes[: at + 1], [at])
    names = [n.name for n, yes in zip(nodes, inside) if yes and n.name in parameters]
    return f"{open_shapes(names)}: nothing there says how long {wide[0]} is (a hidden width)"


def partner(op: Op, others: Sequence[Shape | None]) -> Shape | None:
    """The shape of a parameter beside operands of these shapes; None where it could be more than one."""
    if op.shape is elementwise:
        return None if any(others) else ()
    return op.beside(others) if op.beside else None
