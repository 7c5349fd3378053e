"""Derivatives of derivatives, and of vectors: Hessians, their products with a direction, Jacobians.

All of them are first derivatives of another graph. The slope along a direction v, Σ v·∂J/∂x, is a number again, and its
derivative is the Hessian times v (Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994). A vector
J, weighed by v and added up, is a number whose derivative is a row of the Jacobian where v is a unit vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import UsageError, nearest
from ..expression.graph import INPUT, Builder, Graph, Node, as_array
from ..expression.op import Shape
from ..expression.ops import OPS
from ..expression.values import shapes
from .derivation import derive, extract
from .passes import Pass, evaluated
from .tape import Tape

Named = dict[str, Any]


@lru_cache(maxsize=64)
def along(graph: Graph, sizes: tuple[Shape, ...], names: tuple[str, ...]) -> tuple[Graph, dict[str, str]]:
    """The Graph of Σ v·∂J/∂x over the inputs x in `names`; and what each one's direction v is called there."""
    found = derive(graph, sizes)
    index = {n.name: i for i, n in enumerate(graph.nodes) if n.op == INPUT}
    tape, directions = found.run.copy(), free_names(graph, names)
    terms = []
    for name in names:
        v = tape.add(Node(INPUT, (), directions[name], True), sizes[graph.inputs.index(name)])
        if index[name] in found.d:
            terms += inner(tape, v, found.d[index[name]])
    total = terms[0] if terms else tape.const(0.0)
    for term in terms[1:]:
        total = tape.apply("plus", total, term)
    return extract(found, total, "slope", tape), directions


def inner(tape: Tape, v: int, d: int) -> list[int]:
    """The terms of Σ v·d, two arrays of one shape. Where d is made of outer products and multiples of vectors, as of features,
    these meet v in linear maps, as they met what d is the derivative by."""
    terms, times = list[int](), {d: tape.const(1.0)}  # what of d is still to be taken apart, and how many times it is there

    def add(k: int, factor: int) -> None:
        times[k] = tape.apply("plus", times[k], factor) if k in times else factor

    while times:
        k = max(times)  # what it is made of comes before it
        factor, op, operands = times.pop(k), tape.nodes[k].op, tape.nodes[k].operands
        numbers = [j for j in operands if tape.shapes[j] == ()]
        if operands and (signs := OPS[op].signs([len(tape.shapes[j]) for j in operands])):
            for j, sign in zip(operands, signs):
                add(j, factor if sign > 0 else tape.apply("neg", factor))
        elif op == "times" and len(numbers) == 1:
            add(next(j for j in operands if j not in numbers), tape.apply("times", factor, *numbers))
        else:
            if op == "outer":
                a, b = operands
                a, product = (b, tape.apply("dot", a, v)) if tape.nodes[a].op == INPUT else (a, tape.apply("dot", v, b))
                term = tape.apply("dot", a, product)
            else:
                term = tape.apply("dot", v, k) if len(tape.shapes[k]) == 1 else tape.apply("sum", tape.apply("times", v, k))
            terms.append(tape.apply("times", factor, term))
    return terms


def free_names(graph: Graph, names: tuple[str, ...]) -> dict[str, str]:
    """For each name one that no node has: v_w."""
    taken, fresh = set(graph.names()), {}
    for name in names:
        fresh[name] = f"v_{name}"
        while fresh[name] in taken:
            fresh[name] += "_"
        taken.add(fresh[name])
    return fresh


@lru_cache(maxsize=64)
def weighed(graph: Graph) -> tuple[Graph, str]:
    """The Graph of sum(v * J) of a vector or matrix J; and what v is called there."""
    builder, [name] = Builder(graph), free_names(graph, (graph.output,)).values()
    weights = builder.input(name)
    builder.give(builder.apply("sum", builder.apply("times", weights, len(graph.nodes) - 1)), "slope")
    return builder.close(len(builder.nodes) - 1), name


def unit_vectors(shape: Shape) -> list[Any]:
    """Arrays of this shape with a single one, in the order of their elements."""
    return [np.reshape(row, shape) for row in np.eye(int(np.prod(shape)))]


def times_direction(graph: Graph, given: Mapping[str, Any], direction: Mapping[str, Any]) -> Named:
    """The Hessian times a direction: by input, how fast ∂J/∂input changes as all inputs move along the direction.

    Inputs that the direction leaves out stay where they are. Raises UsageError for names and shapes that do not match.
    """
    moves = as_direction(direction, {n: np.shape(given[n]) for n in graph.inputs}, "input")
    slope, names = along(graph, tuple(np.shape(given[n]) for n in graph.inputs), tuple(moves))
    d = evaluated(slope, {**given, **{names[n]: v for n, v in moves.items()}})[2]
    return {n: d[n] for n in graph.inputs}


def as_direction(direction: Mapping[str, Any], sizes: Mapping[str, Shape], what: str) -> dict[str, Any]:
    """By name, how inputs or parameters move, as arrays. Raises UsageError for names and shapes that do not match."""
    if not isinstance(direction, Mapping):
        raise UsageError(f"the direction is {type(direction).__name__}", f"give it by name, of {', '.join(sizes)}")
    moves = {}
    for name, value in direction.items():
        if name not in sizes:
            raise UsageError(f"the direction has {name!r}, which is no {what}{nearest(str(name), sizes)}")
        moves[name] = as_array(value, f"the direction of {name!r}")
        if moves[name].shape != sizes[name]:
            raise UsageError(f"the direction of {name!r} has shape {moves[name].shape}, the {what} {sizes[name]}")
    return moves


def hessian(graph: Graph, given: Mapping[str, Any]) -> Any:
    """∂²J, (P, P): all inputs raveled, in their order."""
    sizes = tuple(np.shape(given[n]) for n in graph.inputs)
    slope, names = along(graph, sizes, graph.inputs)
    still = {names[n]: np.zeros(s) for n, s in zip(graph.inputs, sizes)}
    rows = []
    for name, size in zip(graph.inputs, sizes):
        for unit in unit_vectors(size):
            d = evaluated(slope, {**given, **still, names[name]: unit})[2]
            rows.append(np.concatenate([np.ravel(d[n]) for n in graph.inputs]))
    return np.array(rows).reshape(len(rows), len(rows))


def jacobian(graph: Graph, given: Mapping[str, Any]) -> Named:
    """By input, ∂J/∂input in the shape of the output followed by the input's."""
    shape = shapes(graph, {n: np.shape(given[n]) for n in graph.inputs})[-1]
    if shape == ():
        d = Pass(graph, given).d
        return {n: d[n] for n in graph.inputs}
    slope, name = weighed(graph)
    rows = [evaluated(slope, {**given, name: unit})[2] for unit in unit_vectors(shape)]
    return {n: np.reshape([row[n] for row in rows], shape + np.shape(given[n])) for n in graph.inputs}
