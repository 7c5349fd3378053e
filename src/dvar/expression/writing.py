"""Graph → text, in the language of `formula.py` or of whatever a Form spells: LaTeX, a program. One pass, no recursion."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from .graph import CONST, INPUT, Graph, Node, Value
from .op import ATOM, MINUS, Form
from .ops import OPS


def spell_name(name: str) -> str:
    plain = re.fullmatch(r"[^\W\d]\w*", name) and name.isidentifier()
    return name if plain and name not in ("pi", "σ", "π") else f"`{name}`"


def spell_number(value: Value) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(spell_number, value)) + "]"
    if math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    if value == 0 and math.copysign(1.0, value) < 0:
        return "-0.0"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def text_form(index: int, node: Node) -> Form:
    return OPS[node.op].written(len(node.operands), node.options)


def write(
    nodes: Sequence[Node],
    alone: Callable[[int], bool],
    name: Callable[[int], str],
    form: Callable[[int, Node], Form] = text_form,
    number: Callable[[Value], str] = spell_number,
    longest: int | None = None,
) -> dict[int, str]:
    """The right-hand side of every node that stands alone (has a line of its own), the others written into these.

    `alone` says which nodes are referred to by `name`; the rest are written where they are used, with no more parentheses
    than the order of operations needs. One pass, no recursion. What does not stand alone should be used once, or be short:
    beyond `longest` characters (for telling, never for running) the rest of it is left to the imagination, as ….
    """
    inline: list[tuple[str, int]] = []  # how a node is written where it is used, and how tightly that binds
    lines: dict[int, str] = {}
    for i, node in enumerate(nodes):
        if node.op == INPUT:
            inline.append((name(i), ATOM))
            continue
        if node.op == CONST:
            value = node.value
            text, binds = number(value), ATOM  # type: ignore[arg-type]
            if isinstance(value, float) and math.copysign(1.0, value) < 0:
                binds = MINUS
        else:
            text, binds = filled(form(i, node), [inline[k] for k in node.operands])
        if longest is not None and len(text) > longest:
            text, binds = text[:longest] + "…", ATOM
        if alone(i):
            lines[i] = text
            text, binds = name(i), ATOM
        inline.append((text, binds))
    return lines


def filled(form: Form, parts: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """The text of a node, and how tightly it binds, from those of its operands."""
    template, sides, binds = form
    texts = [text if tight >= need else f"({text})" for (text, tight), need in zip(parts, sides or (0,) * len(parts))]
    return template.format(*texts) if isinstance(template, str) else template(*texts), binds


def text(graph: Graph) -> str:
    """One named line per node; parses back to the same graph."""
    nodes = graph.nodes

    def form(index: int, node: Node) -> Form:
        numbers = [nodes[k].op == CONST and not nodes[k].name for k in node.operands]
        return OPS[node.op].written(len(node.operands), node.options, plain=numbers[-1:] == [True])

    lines = write(nodes, lambda i: bool(nodes[i].name), lambda i: spell_name(nodes[i].name), form)
    told = [f"{spell_name(nodes[i].name)} = {line}" for i, line in lines.items()]
    used = {k for n in nodes for k in n.operands}
    inputs = [n.name for n in nodes if n.op == INPUT]
    if inputs != sorted(inputs) or any(n.op == INPUT and i not in used for i, n in enumerate(nodes)):
        told.insert(0, "inputs: " + ", ".join(map(spell_name, inputs)))
    return "\n".join(told)
