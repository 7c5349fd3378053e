"""Pass: left to right the value of every node, right to left the derivative of the output with respect to every node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import UsageError, nearest
from ..expression.graph import Graph
from ..expression.values import bind, evaluate, plain
from .derivation import Derivation, derivative_name, derive, runs_as
from .tape import ancestors


class Pass:
    """One forward and backward pass at given inputs.

    `values[name]` and `d[name]` answer every node; as attributes, `p.u` is a value and `p.du` a derivative of the final
    output. Numbers are floats, vectors and matrices NumPy arrays of the node's shape. Where the output is not defined, nor
    is a derivative of it: log has none at −1, though the formula 1/a has a value there.
    """

    values: Mapping[str, Any]
    d: Mapping[str, Any]

    def __init__(self, graph: Graph, given: Mapping[str, Any]) -> None:
        self.graph = graph
        self.given = given = {name: np.array(value) for name, value in given.items()}  # the caller's may change later
        self.derivation, self.values, self.d = evaluated(graph, given)
        self.d = defined(self.derivation, given, self.value, self.d)

    @property
    def value(self) -> Any:
        """The output."""
        return self.values[self.graph.output]

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be represented: one sentence for each value or derivative that is not finite."""
        if not all(np.isfinite(v).all() for v in self.given.values()):
            return ()
        told = []
        for name in (n.name for n in self.graph.nodes if n.given):
            for label, number in ((name, self.values[name]), (derivative_name(name), self.d[name])):
                if not np.isfinite(number).all():
                    why = ("it is not defined here" if np.isnan(number).any()
                           else "it is infinite here, or larger than floating point holds")
                    told.append(f"{label} is {show(number)}: {why}; what does not need it is computed without it")
        return tuple(told)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "values" not in self.__dict__ or "d" not in self.__dict__:
            raise AttributeError(name)
        is_value = name in self.values
        of = next((k for k in self.d if derivative_name(k) == name), None)
        if is_value and of is not None:
            raise UsageError(f"{name!r} is both a node and the derivative with respect to {of!r}",
                             f"write p.values[{name!r}] or p.d[{of!r}]")
        if is_value:
            return self.values[name]
        if of is not None:
            return self.d[of]
        raise AttributeError(f"no node or derivative is called {name!r}{nearest(name, self.values)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.values, *map(derivative_name, self.d)]

    def __repr__(self) -> str:
        rows = [("node", "value", "derivative")]
        rows += [(n, show(v), f"{derivative_name(n)} = {show(self.d[n])}") for n, v in self.values.items()]
        widths = [max(len(r[c]) for r in rows) for c in range(2)]
        lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}" for a, b, c in rows]
        return "\n".join([*lines, *(f"note: {n}" for n in self.notes)])


def evaluated(graph: Graph, given: Mapping[str, Any]) -> tuple[Derivation, dict[str, Any], dict[str, Any]]:
    """The derivation; by name the value of every node and its derivative, as the formulas have them."""
    found = derive(graph, tuple(np.shape(given[n]) for n in graph.inputs))
    computed = evaluate(found.run.nodes, given)
    named = [(i, node.name) for i, node in enumerate(graph.nodes) if node.name]
    still = {i: np.zeros(found.told.shapes[i]) for i, _ in named if i not in found.d}
    values = {name: own(computed[found.value[i]]) for i, name in named}
    return found, values, {name: own(still[i] if i in still else computed[found.d[i]]) for i, name in named}


def own(value: Any) -> Any:
    """A number, or an array that shares no memory: w -= rate * p.dw must change neither an input nor another derivative."""
    return plain(np.array(value)) if np.ndim(value) else plain(value)


def defined(found: Derivation, given: Mapping[str, Any], value: Any, d: Mapping[str, Any]) -> Mapping[str, Any]:
    """The derivatives by name; where the output is not defined, it has none by what it depends on."""
    lost = undefined(found, given, value)
    return {name: plain(np.full(np.shape(v), np.nan)) if name in lost else v for name, v in d.items()}


def undefined(found: Derivation, given: Mapping[str, Any], value: Any) -> set[str]:
    """The nodes by which there is no derivative, since the output depends on them and is not defined.

    It is not defined where an input is nan or an operation is outside its domain. A nan that comes of infinities, as inf − inf of
    numbers too large for floats, says nothing of the derivatives: they are left as they are."""
    if not np.isnan(value):
        return set()
    nodes = found.run.nodes
    on, values = ancestors(nodes, [found.value[-1]]), evaluate(nodes, given)
    lost = any(on[k] and np.isnan(v).any() and all(np.isfinite(values[j]).all() for j in nodes[k].operands)
               for k, v in enumerate(values))
    return {node.name for node, k in zip(found.graph.nodes[:-1], found.value) if on[k] and lost}


def run(graph: Graph, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The output alone, left to right."""
    given = bind(graph, args, kwargs)
    nodes = runs_as(graph, tuple(np.shape(given[n]) for n in graph.inputs))
    return own(evaluate(nodes, given)[-1])


def show(number: Any, few: int = 4) -> str:
    """A number as people write it: six significant digits, 0 for -0; of an array its shape and first few elements."""
    if np.ndim(number):
        return f"{elements(number, few)} {np.shape(number)}"
    return f"{number + 0.0:.6g}" if isinstance(number, float) else str(number)


def elements(array: Any, few: int) -> str:
    """The first few elements: [1, 2, …], or row by row [[1, 2], [3, …], …]."""
    told = list[str]()
    for part in array:
        if few <= 0:
            return f"[{', '.join(told)}, …]"
        told.append(elements(part, few) if np.ndim(part) else f"{part + 0.0:.6g}")
        few -= np.size(part)
    return f"[{', '.join(told)}]"
