"""What a graph comes to: its inputs by name, the shape of every node, and the value of every node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import UsageError, nearest
from .graph import CONST, INPUT, Graph, Node, as_array
from .op import Op, Options, Shape, elementwise
from .ops import OPS


def bind(graph: Graph, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Positional and named values as {input: float64 array}. Raises UsageError for too many, missing or unknown ones, and for
    shapes that the graph is not made for."""
    given = {n: as_array(v, f"the input {n!r}") for n, v in assign(graph.inputs, args, kwargs).items()}
    if graph.exact:
        check_sizes(graph, {n: v.shape for n, v in given.items()})
    return given


def assign(names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any], what: str = "input") -> dict[str, Any]:
    """Values by position, by name or as one mapping, in the order of `names`. Raises UsageError for too many, missing or unknown
    ones, and for one given twice."""
    mapped: Mapping[str, Any] = {}
    if len(args) == 1 and isinstance(args[0], Mapping):
        mapped, args = args[0], ()
    if len(args) > len(names):
        raise UsageError(f"{len(args)} values were given, the {what}s are {len(names)}: {', '.join(names) or 'none'}")
    given = {**dict(zip(names, args)), **mapped}
    check_names(names, {**mapped, **kwargs}, what)
    twice = [n for n in kwargs if n in given]
    if twice:
        how = "in a mapping" if mapped else "by position"
        raise UsageError(f"the {what} {twice[0]!r} was given twice, {how} and by name")
    given |= kwargs
    missing = [n for n in names if n not in given]
    if missing:
        euler = "; e to the power of a is written exp(a)" if "e" in missing else ""
        raise UsageError(f"no value was given for {', '.join(missing)}", f"give all {what}s, e.g. {missing[0]}=1.0{euler}")
    return {n: given[n] for n in names}


def check_names(names: Sequence[str], given: Iterable[str], what: str = "input") -> None:
    """Raises UsageError for a name that is none of these."""
    known = set(names)
    for name in given:
        if name not in known:
            raise UsageError(f"there is no {what} {name!r}{nearest(str(name), names)}")


def check_sizes(graph: Graph, given: Mapping[str, Shape]) -> None:
    """Raises UsageError for shapes other than those the graph is written for."""
    written = dict(zip(graph.inputs, graph.sizes or ()))
    for name, size in written.items():
        if len(given[name]) != len(size) or (graph.exact and given[name] != size):
            ranks = ("a scalar", "a vector", "a matrix")
            kinds = ", ".join(f"{n} {s if graph.exact else ranks[len(s)]}" for n, s in written.items())
            raise UsageError(f"this graph was written for {kinds}; {name} has shape {given[name]}",
                             "make it for these shapes from the original, J.shaped(…), or ask that with .at(…)")


def shapes(graph: Graph, given: Mapping[str, Shape]) -> list[Shape]:
    """The shape of every node from the shapes of the inputs. Raises UsageError naming both operands and their shapes."""
    check_sizes(graph, given)
    found: list[Shape] = []
    for node in graph.nodes:
        if node.op == INPUT:
            found.append(tuple(given[node.name]))
        elif node.op == CONST:
            found.append(np.shape(node.value))  # type: ignore[arg-type]
        else:
            found.append(result_shape(node, graph.nodes, found))
    return found


def result_shape(node: Node, nodes: Sequence[Node], found: Sequence[Shape]) -> Shape:
    operands, op = [found[k] for k in node.operands], OPS[node.op]
    try:
        return op.shape(*operands, **op.named(node.options))
    except ValueError as why:
        names = [nodes[k].name or nodes[k].value for k in node.operands]
        told = " and ".join(f"{name} {shape}" for name, shape in zip(names, operands))
        spread = op.shape is elementwise and {len(s) for s in operands if s} == {1, 2}
        fix = "pass it as a vector (n,), e.g. with .ravel(); " if spread else ""
        written = op.written(len(names), node.options).template
        assert isinstance(written, str)
        line = (f"{node.name} = " if node.name else "") + written.format(*names)
        raise UsageError(f"shapes do not match in `{line}`: {told}", f"{fix}{why}") from None


def evaluate(nodes: Iterable[Node], given: Mapping[str, Any]) -> list[Any]:
    """The value of every node, left to right. Overflow gives inf and an undefined result nan, as in IEEE 754."""
    values: list[Any] = []
    with np.errstate(all="ignore"):
        for node in nodes:
            if node.op == INPUT:
                values.append(given[node.name])
            elif node.op == CONST:
                values.append(np.asarray(node.value, dtype=np.float64))
            elif node.options:
                op = OPS[node.op]
                values.append(op.compute(*[values[k] for k in node.operands], **op.named(node.options)))
            else:
                values.append(OPS[node.op].compute(*[values[k] for k in node.operands]))
    return values


def evaluate_one(op: Op, *operands: Any, options: Options = ()) -> Any:
    """One operation on numbers. Raises UsageError where their shapes do not match."""
    try:
        op.shape(*map(np.shape, operands), **op.named(options))
    except ValueError as why:
        told = " and ".join(str(np.shape(v)) for v in operands)
        raise UsageError(f"{op.name}: shapes do not match: {told}", str(why)) from None
    with np.errstate(all="ignore"):
        return plain(op.compute(*operands, **op.named(options)))


def plain(value: Any) -> Any:
    """A scalar as a Python number, an array as it is."""
    if isinstance(value, float):  # NumPy's too
        return float(value)
    return value.item() if np.ndim(value) == 0 and hasattr(value, "item") else value
