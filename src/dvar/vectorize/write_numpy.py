"""The vectorised program: the same graph, one line per named node, for all rows of a block at once.

What depends on an example carries the examples along its first axis: a number per example is (rows,), a vector per
example (rows, n). A linear map of features and its transpose are matrix products, so that `x` may be an array or the
typed columns of a table. The program answers its rows' share of the mean over m examples; the shares of all blocks add
up to the cost and its derivatives.
"""

from __future__ import annotations

import re

from ..expression import arrays
from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.op import ATOM, MINUS, PRODUCT, Form, Layout, elementwise
from ..expression.ops import OPS
from ..expression.writing import filled, write
from .program import Listing, as_numbers, call_template, not_python, on_numpy, spell_value, times_one

OURS = re.compile(r"\bour\.(\w+)")  # in the row of an operation: a function of the room it lives in


def write_numpy(listing: Listing) -> str:
    """Source of a function of (parameters, data, m) → (value, *derivatives, *rows)."""
    return Writer(listing).source()


def used_as_numbers(listing: Listing) -> set[str]:
    """The data, vectors per example, that the program uses otherwise than in linear maps w @ x and their transposes."""
    writer = Writer(listing)
    nodes = listing.nodes
    summed = writer.summands(writer.wanted())
    found: set[str] = set()
    stack = [i for i in range(len(nodes)) if writer.alone(i) or i in summed]
    written = set(stack)
    while stack:
        node = nodes[stack.pop()]
        for position, k in enumerate(node.operands):
            op = OPS[node.op]
            linear = op.maps and not all(listing.varies[j] for j in node.operands)
            if nodes[k].op == INPUT and listing.varies[k] and listing.shapes[k] and not linear and position not in op.likes:
                found.add(nodes[k].name)
            if k not in written:
                written.add(k)
                stack.append(k)
    return found


class Writer:
    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.names = listing.names
        self.alone = listing.alone(self.repeated)
        self.numbers = as_numbers(listing.nodes, listing.rows if listing.data else self.wanted())
        self.ieee = not_python(listing.nodes)
        self.m = self.names.fresh("m") if listing.data else ""
        self.np = self.names.fresh("np")
        self.uses_np = False

    def source(self) -> str:
        one = self.listing
        function = self.names.fresh(f"{one.output}_and_derivatives")
        answers: list[tuple[str, str]] = []
        cost = self.names.fresh("J") if one.data else one.called.get(one.value, "")
        summed = self.summands(self.wanted())
        lines = write(one.nodes, lambda i: self.alone(i) or i in summed, one.name, self.form, self.number)
        body = [f"{self.listing.name(i)} = {text}" for i, text in lines.items()]
        if one.data:
            answers.append((cost, self.mean(one.value)))
        for parameter, k in one.slopes.items():
            name = self.names.fresh("d" + parameter)
            answers.append((name, self.zeros(parameter) if k is None else self.mean(k)))
        returned = [a for a, _ in answers] if one.data else [self.atom(one.value), *(a for a, _ in answers)]
        body += [f"{a} = {text}" for a, text in answers]
        returned += [self.atom(k) for k in one.rows]
        inputs = [i for i, n in enumerate(one.nodes) if n.op == INPUT]
        arguments = [one.name(i) for i in (*(i for i in inputs if not one.varies[i]), *(i for i in inputs if one.varies[i]))]
        head = f"def {function}({', '.join([*arguments, *([self.m] if self.m else [])])}):"
        imports = ([f"import numpy as {self.np}" if self.np != "np" else "import numpy as np"] if self.uses_np else [])
        imports += self.names.import_lines()
        ends = [f"return {', '.join(returned)}" + ("," if len(returned) == 1 else "")]
        return "\n".join([*imports, *([""] if imports else []), head, *(f"    {b}" for b in [*body, *ends]), ""])

    def wanted(self) -> set[int]:
        return {self.listing.value, *self.listing.rows, *(k for k in self.listing.slopes.values() if k is not None)}

    # numbers

    def number(self, value: Value) -> str:
        if isinstance(value, tuple):
            self.uses_np = True
            return f"{self.np}.array({spell_value(value)})"
        return spell_value(value)

    # one node

    def form(self, i: int, node: Node) -> Form:
        op = OPS[node.op]
        if op.numpy is not None:
            template, sides, binds = op.numpy(self.layout(node))
            assert isinstance(template, str)
            if "np." in template:
                self.uses_np = True
                template = template.replace("np.", f"{self.np}.")
            return Form(OURS.sub(lambda match: self.names.function(arrays.__name__, match[1]), template), sides, binds)
        if op.text:
            template, sides, binds = op.text, op.sides, op.binds
        else:
            template, sides, binds = call_template(self.names, op), op.sides or (0,) * op.arity, ATOM
        if op.shape is elementwise:
            template, sides = self.aligned(i, node, template, sides)
        form = Form(template, sides, binds)
        if i in self.ieee:
            self.uses_np = True
            return on_numpy(form, f"{self.np}.float64")
        return times_one(form) if i in self.numbers else form

    def aligned(self, i: int, node: Node, template: str, sides: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
        """A number per example beside a vector per example gets an axis: (rows,) → (rows, 1)."""
        rank = len(self.listing.shapes[i])
        parts, needs = [], []
        for k, side in zip(node.operands, sides):
            missing = rank - len(self.listing.shapes[k])
            if missing and self.listing.varies[k]:
                parts.append("{}[:" + ", None" * missing + "]")
                needs.append(ATOM)
            else:
                parts.append("{}")
                needs.append(side)
        return template.format(*parts), tuple(needs)

    def layout(self, node: Node) -> Layout:
        one = self.listing
        return Layout(self.ranks(node), tuple(one.varies[k] for k in node.operands), OPS[node.op].named(node.options))

    def ranks(self, node: Node) -> tuple[int, ...]:
        return tuple(len(self.listing.shapes[k]) for k in node.operands)

    def repeated(self, i: int, node: Node) -> list[int]:
        """The operands that the node's text holds more than once."""
        op = OPS[node.op]
        if op.numpy is None:
            return []
        template = op.numpy(self.layout(node)).template
        assert isinstance(template, str)
        return [k for position, k in enumerate(node.operands) if template.count(f"{{{position}}}") > 1]

    # the mean over m examples

    def summands(self, wanted: set[int]) -> set[int]:
        """The nodes that the sums over examples are written with: they need lines of their own."""
        found: set[int] = set(self.listing.rows)
        stack = list(wanted)
        while stack:
            i = stack.pop()
            parts = self.parts(i)
            if parts is None:
                found.add(i)
            elif all(self.listing.varies[k] for k in parts) and self.listing.nodes[i].op in ("times", "outer"):
                found.update(parts)  # a product of two columns is summed as a @ b, from their lines
            else:
                stack += parts
        return {i for i in found if self.listing.nodes[i].op not in (INPUT, CONST)} - {i for i in found if self.alone(i)}

    def parts(self, i: int) -> tuple[int, ...] | None:
        """The operands that the sum over examples of node i is made from; None where it is a sum of the node itself."""
        one, node = self.listing, self.listing.nodes[i]
        if not one.varies[i] or self.alone(i) or not one.data or not node.operands:
            return None
        ranks = self.ranks(node)
        if OPS[node.op].signs(ranks) or node.op == "outer":
            return node.operands
        if node.op == "times" and (sum(ranks) < 2 or not all(one.varies[k] for k in node.operands)):
            return node.operands  # a factor that no example changes stands before the sum
        return None

    def mean(self, i: int) -> str:
        if not self.listing.data:
            return self.listing.name(i) if self.listing.nodes[i].op != CONST else self.number(self.listing.nodes[i].value)  # type: ignore[arg-type]
        if not self.listing.varies[i]:
            return f"{self.atom(i)} * ({self.rows()} / {self.m})"
        text, binds = self.total(i)
        return f"{text if binds >= PRODUCT else f'({text})'} / {self.m}"

    def rows(self) -> str:
        return self.listing.name(next(k for k, n in enumerate(self.listing.nodes) if n.name in self.listing.data)) + ".shape[0]"

    def atom(self, i: int) -> str:
        node = self.listing.nodes[i]
        return self.number(node.value) if node.op == CONST else self.listing.name(i)  # type: ignore[arg-type]

    def total(self, i: int) -> tuple[str, int]:
        """The sum of node i over the examples of the block, and how tightly its text binds. As deep as `parts` goes."""
        one, node = self.listing, self.listing.nodes[i]
        parts = self.parts(i)
        if parts is None:
            if not one.varies[i]:
                return f"{self.atom(i)} * {self.rows()}", PRODUCT
            if node.op == INPUT and one.shapes[i]:
                self.uses_np = True
                return f"{self.np}.ones({self.rows()}) @ {self.listing.name(i)}", PRODUCT
            return f"{self.atom(i)}.sum({'axis=0' if one.shapes[i] else ''})", ATOM
        op = OPS[node.op]
        if op.signs(self.ranks(node)):
            return filled(Form(op.text, op.sides, op.binds), [self.total(k) for k in parts])
        a, b = parts
        if node.op == "outer" and not (one.varies[a] and one.varies[b]):
            self.uses_np = True
            left, right = (self.total(k)[0] if one.varies[k] else self.atom(k) for k in parts)
            return f"{self.np}.multiply.outer({left}, {right})", ATOM
        if node.op == "outer":
            if one.nodes[a].op == INPUT:  # features that are no array know d @ x alone
                return f"({self.atom(b)}.T @ {self.atom(a)}).T", ATOM
            return f"{self.atom(a)}.T @ {self.atom(b)}", PRODUCT
        if not (one.varies[a] and one.varies[b]):
            a, b = (b, a) if one.varies[a] else (a, b)
            text, binds = self.total(b)
            return f"{self.atom(a)} * {text if binds >= MINUS else f'({text})'}", PRODUCT
        if len(one.shapes[a]) > len(one.shapes[b]):
            a, b = b, a
        return f"{self.atom(a)} @ {self.atom(b)}", PRODUCT

    def zeros(self, parameter: str) -> str:
        i = next(k for k, n in enumerate(self.listing.nodes) if n.name == parameter)
        if not self.listing.shapes[i]:
            return "0.0"
        self.uses_np = True
        return f"{self.np}.zeros({self.listing.shapes[i]})"
