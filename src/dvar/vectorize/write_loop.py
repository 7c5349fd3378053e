"""The for-loops anyone would write first: plain Python over the examples, every named line as the user wrote it.

A vector is a list, a linear map a sum over j. Where a line had to be rewritten to stay finite, the original stands beside it
as a comment. Without examples the same writer gives a straight-line program of the graph.
"""

from __future__ import annotations

import re

from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.op import ATOM, FIRST, SECOND, Form, Loops, elementwise
from ..expression.ops import OPS
from ..expression.writing import write
from .program import Listing, as_numbers, call_template, not_python, on_numpy, spell_value, times_one


def write_loop(listing: Listing) -> str:
    """Source of a function of (parameters, data) → (value, *derivatives)."""
    return Writer(listing).source()


class Writer:
    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.names = listing.names
        answers = {listing.value, *(k for k in listing.slopes.values() if k is not None)}
        self.numbers = as_numbers(listing.nodes, () if listing.data else answers)
        self.ieee = not_python(listing.nodes)
        used = {k for node in listing.nodes for k in node.operands}
        self.answers = {k for k in listing.slopes.values() if k is not None and listing.nodes[k].operands}
        self.alone = listing.alone(lambda i, node: (i, *node.operands) if self.is_whole(node) else (), self.answers & used)
        for i in [i for i in range(len(listing.nodes)) if self.alone(i)]:
            listing.name(i)
        self.i = self.names.fresh("i")
        self.indices = [self.names.fresh(n) for n in ("j", "k", "l", "j2", "k2", "l2", "j3", "k3", "l3")]
        self.sum, self.len = (self.names.function("builtins", n) for n in ("sum", "len"))
        self.sizes: dict[int, str] = {}

    def source(self) -> str:
        one = self.listing
        parameters = [i for i, n in enumerate(one.nodes) if n.op == INPUT and not one.varies[i]]
        data = [i for i, n in enumerate(one.nodes) if n.op == INPUT and one.varies[i]]
        m = self.names.fresh("m") if data else ""
        setup = [f"{m} = {self.len}({one.name(data[0])})"] if data else []
        total, skip = m, list[str]()
        if one.total:
            total, weight = self.names.fresh("total"), one.called[next(i for i in data if one.nodes[i].name == one.total)]
            setup.append(f"{total} = {self.sum}({weight})")
            skip = [f"if {weight}[{self.i}] == 0: continue  # it does not count, whatever its loss is"]
        setup += self.size_lines([*parameters, *data])
        function = self.names.fresh(f"{one.output}_and_derivatives")
        self.texts = write(one.nodes, lambda i: self.alone(i) or i in self.answers, self.element, self.form, element_of)
        lines = {i: text for i, text in self.texts.items() if self.alone(i)}
        by_row = self.by_row()
        before = [self.line(i, lines[i]) for i in lines if not by_row[i]]
        inside = [self.line(i, lines[i]) for i in lines if by_row[i]]
        value = self.names.fresh("J") if data else self.text_of(one.value)
        slopes = {p: self.names.fresh("d" + p) for p in one.parameters}
        starts, adds, ends = self.accumulate(slopes, bool(data), total)
        body = [*setup, *before]
        if data:
            body += [f"{value} = 0.0", *starts, f"for {self.i} in {self.names.function('builtins', 'range')}({m}):"]
            body += [f"    {line}" for line in [*skip, *inside, f"{value} += {self.text_of(one.value)}", *adds]]
            body += [f"{value} /= {total}", *ends]
        else:
            body += starts
        returned = ", ".join([value, *slopes.values()])
        arguments = ", ".join(one.name(i) for i in [*parameters, *data])
        imports = self.names.import_lines()
        head = [*imports, *([""] if imports else []), f"def {function}({arguments}):"]
        return "\n".join([*head, *(f"    {b}" for b in [*body, f"return {returned}{',' * (not slopes)}"]), ""])

    def by_row(self) -> list[bool]:
        """Which lines stand inside the loop: what differs by example, and what an example's vector only lends its shape to."""
        found: list[bool] = []
        for i, node in enumerate(self.listing.nodes):
            found.append(self.listing.varies[i] or any(found[k] for k in node.operands))
        return found

    def size_lines(self, inputs: list[int]) -> list[str]:
        """n = len(w): a name for every size that a loop runs over."""
        told = []
        for i in inputs:
            shape, head = self.listing.shapes[i], self.listing.name(i) + ("[0]" if self.listing.varies[i] else "")
            for axis, size in reversed(list(enumerate(shape))):
                if size not in self.sizes:
                    self.sizes[size] = self.names.fresh("nhpqr"[min(len(self.sizes), 4)])
                    told.append(f"{self.sizes[size]} = {self.len}({head}{'[0]' * axis})")
        return told

    # one line per node

    def line(self, i: int, text: str) -> str:
        rank = len(self.listing.shapes[i])
        listed = text if self.is_whole(self.listing.nodes[i]) else self.listed(text, self.listing.shapes[i])
        said = f"{self.listing.name(i)} = {listed}"
        original = self.listing.written.get(i)
        return said + (f"  # as written: {original}" if original and rank == 0 else "")

    def listed(self, text: str, shape: tuple[int, ...]) -> str:
        """The list of all elements, from the text of one."""
        for mark, size in reversed(list(zip((FIRST, SECOND), shape))):
            if text == "0.0":
                text = f"[0.0] * {self.sizes.get(size, size)}"
                continue
            j = self.free(text)
            text = f"[{text.replace(mark, j)} for {j} in {self.span(size)}]"
        return text

    def span(self, size: int) -> str:
        return f"{self.names.function('builtins', 'range')}({self.sizes.get(size, size)})"

    def free(self, *texts: str) -> str:
        """An index variable that the texts do not use yet."""
        return next(j for j in self.indices if not any(re.search(rf"\b{j}\b", t) for t in texts))

    def element(self, i: int) -> str:
        """How an element of a node with a name is written."""
        row = f"[{self.i}]" if self.listing.nodes[i].op == INPUT and self.listing.varies[i] else ""
        marks = "".join(f"[{mark}]" for mark, _ in zip((FIRST, SECOND), self.listing.shapes[i]))
        return self.listing.name(i) + row + marks

    def form(self, i: int, node: Node) -> Form:
        op = OPS[node.op]
        if op.element is not None:
            shapes = tuple(self.listing.shapes[k] for k in node.operands)
            return op.element(Loops(shapes, op.named(node.options), self.free, self.span, self.sum))
        if self.is_whole(node):
            options = [f"{name}={value!r}" for name, value in op.named(node.options).items()]
            call = f"{self.names.function(*op.function)}({', '.join([*map(self.whole, node.operands), *options])})"
            return Form(lambda *texts: call, (0,) * len(node.operands), ATOM)
        if op.loop:
            form = Form(op.loop, (0,) * op.arity, ATOM)
        elif op.text:
            form = Form(op.text, op.sides, op.binds)
        else:
            form = Form(call_template(self.names, op), op.sides or (0,) * op.arity, ATOM)
        if i in self.ieee:
            return on_numpy(form, self.names.function("numpy", "float64"))
        return times_one(form) if i in self.numbers else form

    def is_whole(self, node: Node) -> bool:
        """Whether a node is a call of its function on whole vectors and matrices, rather than written element by element."""
        op = OPS.get(node.op)
        return op is not None and op.element is None and op.shape is not elementwise

    def whole(self, i: int) -> str:
        """How a node is written as a whole: a number, a list, a list of lists."""
        node = self.listing.nodes[i]
        if node.op == CONST:
            return spell_value(node.value)  # type: ignore[arg-type]
        return self.listing.name(i) + (f"[{self.i}]" if node.op == INPUT and self.listing.varies[i] else "")

    # the sums over examples

    def text_of(self, i: int) -> str:
        node = self.listing.nodes[i]
        return element_of(node.value) if node.op == CONST else self.element(i)  # type: ignore[arg-type]

    def accumulate(self, slopes: dict[str, str], summed: bool, total: str) -> tuple[list[str], list[str], list[str]]:
        """For each parameter: how its derivative starts, what an example adds, the division by m or the total weight."""
        starts, adds, ends = [], [], []
        shapes = {n.name: self.listing.shapes[i] for i, n in enumerate(self.listing.nodes) if n.op == INPUT}
        for parameter, name in slopes.items():
            shape, k = shapes[parameter], self.listing.slopes[parameter]
            text = "0.0" if k is None else self.expression(k)
            if not summed:
                starts.append(f"{name} = {self.listed(text, shape)}")
                continue
            starts.append(f"{name} = {self.listed('0.0', shape)}")
            adds += self.nested(name, shape, "+=", text)
            ends += self.nested(name, shape, "/=", total)
        return starts, adds, ends

    def expression(self, k: int) -> str:
        """A derivative's element: the name of its line, or the expression itself where nothing else uses it."""
        return self.text_of(k) if self.alone(k) or k not in self.texts else self.texts[k]

    def nested(self, name: str, shape: tuple[int, ...], sign: str, text: str) -> list[str]:
        used: list[str] = []
        for mark, _ in zip((FIRST, SECOND), shape):
            used.append(self.free(text, *used))
            text = text.replace(mark, used[-1])
        lines = [f"{'    ' * d}for {j} in {self.span(size)}:" for d, (j, size) in enumerate(zip(used, shape))]
        lines.append("    " * len(used) + name + "".join(f"[{j}]" for j in used) + f" {sign} {text}")
        return lines


def element_of(value: Value) -> str:
    """A constant, or the element of a constant vector or matrix."""
    marks, part = [FIRST, SECOND], value
    text = spell_value(value)
    while isinstance(part, tuple):
        text, part = f"{text}[{marks.pop(0)}]", part[0]
    return text
