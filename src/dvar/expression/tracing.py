"""Trace: one function while it is being traced. The graph so far, its names, and the shapes that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..errors import UsageError
from .graph import CONST, INPUT, Builder, Node
from .names import Names
from .op import Shape
from .refusals import ShapeAsked, refuse, where
from .values import result_shape
from .writing import write


class Trace:
    """One function being traced: the graph so far, its names, and the shapes of its nodes where shapes were given.

    `kind` is the class of the values in the user's hands, `base` the frame that calls the function, `code` the function's own,
    `sizes` the shapes of its inputs. `shapes` is None where none is known; otherwise it has one for each node, None where it
    does not follow.
    """

    def __init__(self, kind: Any, base: FrameType, code: CodeType | None, sizes: Mapping[str, Shape] | None) -> None:
        self.kind = kind
        self.builder = Builder()
        self.names = Names(self.builder, self.index_of, base, code)
        self.sizes = sizes
        self.shapes: list[Shape | None] | None = None if sizes is None else []
        self.open = True  # the function has not returned yet

    def index_of(self, value: Any) -> int | None:
        """Which node a variable holds; None where it holds another thing."""
        return value.index if type(value) is self.kind and value.trace is self else None

    def value(self, index: int) -> Any:
        """A node that was just made, in the user's hands: named, and its shape found."""
        self.names.note(index)
        self.measure()
        return self.kind(self, index)

    def measure(self) -> None:
        """The shapes of new nodes. Refuses operands that do not go together."""
        if self.shapes is None:
            return
        nodes = self.builder.nodes
        for node in nodes[len(self.shapes) :]:
            known: list[Any] = self.shapes
            if node.op == INPUT:
                found = (self.sizes or {}).get(node.name)
            elif node.op == CONST:
                found = np.shape(node.value)  # type: ignore[arg-type]
            elif any(known[k] is None for k in node.operands):
                found = None
            else:
                found = self.result_shape(node, known)
            self.shapes.append(found)

    def result_shape(self, node: Node, known: Sequence[Shape]) -> Shape:
        nodes = self.builder.nodes
        try:
            return result_shape(node, nodes, known)
        except UsageError:
            written = {k: nodes[k]._replace(name=self.written(k)) for k in node.operands if nodes[k].op != CONST}
        try:
            return result_shape(node, [written.get(k, n) for k, n in enumerate(nodes)], known)
        except UsageError as why:
            refuse(why.what, why.help)

    def written(self, index: int) -> str:
        """A node's name, or how it was made."""
        nodes = self.builder.nodes[: index + 1]
        if nodes[index].name:
            return nodes[index].name
        return write(nodes, lambda i: i == index or bool(nodes[i].name), lambda i: nodes[i].name, longest=40)[index]

    def shape_of(self, index: int, asked: str) -> Shape:
        """The shape of a node. Raises ShapeAsked where it is not known; `asked` says by what: "len({})"."""
        if not self.open:
            refuse("a value kept from a tracing was asked for its shape", "the shapes of a pass are those of its values")
        found = None if self.shapes is None else self.shapes[index]
        if found is None:
            raise ShapeAsked(asked.format(self.written(index)) + where(), self.unknown(index))
        return found

    def unknown(self, index: int) -> tuple[str, ...]:
        """The inputs without a known shape that a node depends on."""
        nodes, wanted = self.builder.nodes, {index}
        for i in range(index, -1, -1):
            if i in wanted:
                wanted.update(nodes[i].operands)
        return tuple(nodes[i].name for i in sorted(wanted) if nodes[i].op == INPUT and nodes[i].name not in (self.sizes or {}))
