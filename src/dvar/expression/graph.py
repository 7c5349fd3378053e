"""Node and Graph: a flat tuple of nodes in topological order, each naming its operands by their index.

Inputs come first, in the order in which they are given; the output is the last node. Every node has a name, except
constants that nobody named. Tuples of tuples: comparing, hashing, pickling and copying a graph are Python's own, and
nothing recurses however long the graph. What the nodes *mean* stands in the table of operations (`ops.py`).
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..errors import UsageError, nearest
from .op import Options, Shape
from .ops import OPS

Value = float | tuple[Any, ...]  # a scalar, or nested tuples of numbers: a constant is hashable
INPUT, CONST = "input", "const"
MINUS_ZERO = re.compile(r"-0\.0(?!\d)")
SHORT = 20  # a name made of its operands' names stays this short


class Node(NamedTuple):
    op: str  # a row of the table, or "input", or "const"
    operands: tuple[int, ...] = ()
    name: str = ""  # "" only for constants that nobody named
    given: bool = False  # the name is the user's; otherwise it was made from the operation
    value: Value | None = None  # of a constant
    options: Options = ()  # of the operation: the values its row's options have here


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """An expression as a computation graph; the last node is its output."""

    nodes: tuple[Node, ...]
    off: frozenset[str] = frozenset()  # rules of rewriting that are switched off
    sizes: tuple[Shape, ...] | None = None  # the inputs' shapes it is written for: their ranks count, lengths may differ
    exact: bool = False  # lengths count too: a function that asks for them was traced for these

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in the order in which they are taken by position."""
        return tuple(n.name for n in self.nodes if n.op == INPUT)

    @property
    def output(self) -> str:
        """The name of the output, which is the last node."""
        return self.nodes[-1].name

    @cached_property
    def minus_zeros(self) -> tuple[int, ...]:
        """The constants that hold a -0.0: it equals 0.0, but arctan2 and 1/0 tell them apart."""
        return tuple([i for i, n in enumerate(self.nodes) if n.op == CONST and MINUS_ZERO.search(repr(n.value))])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and (self.nodes, self.off, self.minus_zeros) == (
            other.nodes, other.off, other.minus_zeros)

    def __hash__(self) -> int:
        return hash((self.nodes, self.off))

    def index(self, name: str) -> int:
        """The index of the node called `name`. Raises UsageError, naming those there are."""
        for i, node in enumerate(self.nodes):
            if node.name == name:
                return i
        raise UsageError(f"there is no node {name!r} in this graph{nearest(name, self.names())}")

    def names(self) -> list[str]:
        return [n.name for n in self.nodes if n.name]


class Builder:
    """Collects nodes in order, gives each a name that no other has, and closes into a Graph.

    It carries a graph on where one is given, and has the same rules switched off."""

    def __init__(self, graph: Graph | None = None, off: frozenset[str] = frozenset()) -> None:
        self.nodes: list[Node] = []
        self.taken: dict[str, int] = {}  # name → how many times it was asked for
        self.constants: dict[Value | str, int] = {}  # constants nobody named, by their digits: each is one node
        self.off = off if graph is None else graph.off
        for i, node in enumerate(() if graph is None else graph.nodes):
            self.keep(node, range(i))

    def unique(self, name: str) -> str:
        """x, then x_2, x_3, …"""
        count = self.taken.get(name, 0) + 1
        fresh = numbered(name, count)
        while fresh in self.taken and count > 1:
            count += 1
            fresh = numbered(name, count)
        self.taken[name] = count
        self.taken.setdefault(fresh, 1)
        return fresh

    def input(self, name: str) -> int:
        return self._add(Node(INPUT, (), self.unique(name), True))

    def const(self, value: Any, name: str = "") -> int:
        value = constant(value)
        if name:
            return self._add(Node(CONST, (), self.unique(name), True, value))
        key = digits(value)
        if key not in self.constants:
            self.constants[key] = self._add(Node(CONST, value=value))
        return self.constants[key]

    def apply(self, op: str, *operands: int, options: Options = ()) -> int:
        return self._add(Node(op, operands, "", False, None, options or OPS[op].unless_said))

    def join(self, op: str, operands: Sequence[int], options: Options = ()) -> int:
        """The operation; of more operands than its row has, one after the other (concatenate)."""
        if len(operands) <= OPS[op].arity or OPS[op].arity == 1:
            return self.apply(op, *operands, options=options)
        joined = operands[0]
        for k in operands[1:]:
            joined = self.apply(op, joined, k, options=options)
        return joined

    def keep(self, node: Node, place: Mapping[int, int] | Sequence[int]) -> int:
        """A node of another graph under its own name, its operands now at `place[k]`."""
        self.taken.setdefault(node.name, 1)
        return self._add(moved(node, place))

    def _add(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def give(self, index: int, name: str) -> None:
        """Call a node that has no name yet `name`, made unique."""
        node = self.nodes[index]
        self.nodes[index] = Node(node.op, node.operands, self.unique(name), True, node.value, node.options)

    def close(self, output: int) -> Graph:
        """The Graph whose last node is `output`; what depends on the output cannot matter to it and is left out.

        Constants nobody named come right before their first use, so that a traced function and its text are one graph.
        """
        after = {output}
        for i in range(output + 1, len(self.nodes)):
            if after.intersection(self.nodes[i].operands):
                after.add(i)
        silent = {i for i, n in enumerate(self.nodes) if n.op == CONST and not n.name}
        order = [i for i, n in enumerate(self.nodes) if n.op == INPUT]
        placed = set(order)
        for i in [i for i, n in enumerate(self.nodes) if n.op != INPUT and i not in after] + [output]:
            for k in () if i in silent else (*self.nodes[i].operands, i):
                if k not in placed:
                    placed.add(k)
                    order.append(k)
        place = {old: new for new, old in enumerate(order)}
        nodes = [moved(self.nodes[i], place) for i in order]
        name_the_rest(nodes)
        return Graph(tuple(nodes), self.off)


def moved(node: Node, place: Mapping[int, int] | Sequence[int]) -> Node:
    """The node among others, its operands now at `place[k]`."""
    return Node(node.op, tuple([place[k] for k in node.operands]), node.name, node.given, node.value, node.options)


def name_the_rest(nodes: list[Node]) -> None:
    """Give every operation without a name one made from it. A name that would have been made counts as not given:
    text printed with made names reads back as the same graph."""
    theirs = {n.name for n in nodes if n.name}
    count: dict[str, int] = {}
    free: dict[str, int] = {}  # the first number, after those used, that makes a name nobody gave
    for i, node in enumerate(nodes):
        if node.op in (INPUT, CONST):
            continue
        made = automatic(node, nodes)
        times = free.get(made, 1)
        while (name := numbered(made, times)) in theirs:
            times += 1
        free[made] = times
        if node.name:
            times, name = number_of(node.name, made), node.name
        if count.get(made, 0) < times <= free[made]:
            nodes[i] = Node(node.op, node.operands, name, False, node.value, node.options)
            count[made], free[made] = times, max(free[made], times + 1)


def numbered(name: str, times: int) -> str:
    return name if times == 1 else f"{name}_{times}"


def number_of(name: str, made: str) -> int:
    """Which of plus, plus_2, plus_3, … a name is; 0 where it is none."""
    if name == made:
        return 1
    number = name[len(made) + 1 :]
    times = int(number) if name.startswith(made) and number.isdecimal() and len(number) < SHORT else 0
    return times if times > 1 and name == numbered(made, times) else 0


def automatic(node: Node, nodes: Sequence[Node]) -> str:
    """`b_times_c` where the operands have names of their own and it stays short, else `times`: the operation."""
    word = OPS[node.op].word or node.op
    names = [nodes[k].name for k in node.operands]
    if all(nodes[k].given for k in node.operands):
        made = f"{names[0]}_{word}_{names[1]}" if len(names) == 2 else "_".join([word, *names])
        if len(made) <= SHORT and made.isidentifier() and not keyword.iskeyword(made):
            return made
    return node.op


def constant(value: Any) -> Value:
    """A number, or an array as nested tuples. Raises UsageError for what is not a number, NaN among them."""
    if type(value) in (float, int) and -1e15 < value < 1e15:
        return float(value)
    array = as_array(value, "a constant")
    if np.isnan(array).any():
        raise UsageError("a constant is nan (not a number)", "give it a number, or make it an input")

    def nested(part: Any) -> Value:
        return tuple(map(nested, part)) if isinstance(part, list) else float(part)

    return nested(array.tolist())


def digits(value: Value) -> Value | str:
    """What tells one constant from another: 0.0 == -0.0, but they are two numbers."""
    return value if isinstance(value, float) and value else repr(value)


def array_of(value: Any, what: str) -> Any:
    """`value` as an array of any type. Raises UsageError for rows that are no array together."""
    try:
        return np.asarray(value)
    except UsageError:  # of a traced value inside
        raise
    except ValueError:
        raise UsageError(f"{what} is no vector or matrix: its rows differ in length", "give rows of one length") from None


def as_array(value: Any, what: str) -> Any:
    """`value` as float64, a scalar, vector or matrix. Raises UsageError naming `what` is not one."""
    array = array_of(value, what)
    if hasattr(value, "mask") and np.ma.is_masked(value):  # what has none need not wait for np.ma
        raise UsageError(f"{what} has masked elements", "fill them first, with .filled(…), or leave them out")
    if array.dtype == object and all(isinstance(v, (int, float, np.number)) for v in array.flat):
        try:
            array = array.astype(np.float64)  # whole numbers of 2**63 and more
        except OverflowError:
            raise UsageError(f"{what} is a whole number too large for float64", "the largest is about 1.8e308") from None
    if array.dtype.kind not in "biuf":
        kind = type(value).__name__ if array.dtype == object or array.ndim == 0 else f"an array of {array.dtype}"
        raise UsageError(f"{what} is {kind}, not a number", "give real numbers: int, float, or an array of them")
    if array.ndim > 2:
        raise UsageError(f"{what} has shape {array.shape}; a graph takes scalars, vectors and matrices")
    return array.astype(np.float64, copy=False)
