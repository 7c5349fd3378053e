"""Expressions of a tape in words: as text and as LaTeX, with known nodes (atoms) under their names or as their numbers."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from ..derive.passes import elements, show
from ..expression.graph import CONST, INPUT, Node, Value
from ..expression.op import SUM, Form, Shape
from ..expression.ops import OPS
from ..expression.writing import spell_name, spell_number, text_form, write

TOLD = 500  # characters of one formula; a longer one tells nobody anything
CUT = "…"  # at the end of one that is longer
FEW = 4  # elements of an array that are shown
WHOLE, CORNER = 3, 2  # in LaTeX: rows or columns of a matrix that is shown whole, and of the corner of a larger one

GREEK = re.compile(  # what LaTeX has a command for
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega|"
    "Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
LATEX_TEXT = {c: "\\" + c for c in "{}$&#%_"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", CUT: r"\ldots{}",
}


def in_lines(nodes: Sequence[Node], longest: int) -> list[int]:
    """Which nodes get a line of their own: inputs, what the user named, the output; and an unnamed part that, written into
    the lines that use it, would make these longer than `longest` characters."""
    shown, length = [], list[int]()
    for i, node in enumerate(nodes):
        written = 8 if node.op in (INPUT, CONST) else len(OPS[node.op].form) + sum(length[k] for k in node.operands)
        if node.op == INPUT or node.given or i == len(nodes) - 1 or written > longest:
            shown.append(i)
            written = 8
        length.append(written)
    return shown


def reach(nodes: Sequence[Node], root: int, atoms: Container[int]) -> set[int]:
    """The nodes an expression is written with, from its root, which is always opened, to the atoms."""
    found, stack = {root}, list(nodes[root].operands)
    while stack:
        k = stack.pop()
        if k not in found:
            found.add(k)
            if k not in atoms:
                stack += nodes[k].operands
    return found


def told_name(name: str) -> str:
    """A name as a picture shows it: layer.z without the backticks that it needs in a formula."""
    return name if all(spell_name(part) == part for part in name.split(".")) else spell_name(name)


def told_number(value: Any) -> str:
    """A result as people write it; never -0."""
    return show(value + 0.0 if np.asarray(value).dtype.kind == "f" else value)


def literal(value: Any) -> str:
    """A value as it is put into a formula: a number, or a vector or matrix of FEW at the most, as [1, 2]; "" of a larger one."""
    if np.ndim(value) == 0:
        return told_number(value)
    return elements(value, FEW) if 0 < np.size(value) <= FEW else ""


def spell_value(value: Value) -> str:
    """A constant, short."""
    if isinstance(value, tuple):
        return literal(np.asarray(value)) or show(np.asarray(value))
    written = "π" if value == math.pi else spell_number(value)
    return written if len(written) <= 8 else show(value)


def write_root(
    nodes: Sequence[Node],
    root: int,
    atoms: Mapping[int, str],
    form: Callable[[int, Node], Form] = text_form,
    number: Callable[[Value], str] = spell_value,
    longest: int = TOLD,
) -> str:
    """The expression of `root`, atoms as they are written here; `form` is asked with a node's place among `nodes`."""
    needed = sorted(reach(nodes, root, atoms))
    place = {k: n for n, k in enumerate(needed)}
    last = len(needed) - 1
    local, minus = list[Node](), dict[int, Form]()
    for n, k in enumerate(needed):
        if k not in atoms or n == last:
            local.append(nodes[k]._replace(operands=tuple(place[j] for j in nodes[k].operands)))
        elif atoms[k].startswith("-"):  # a negative number: in parentheses wherever a sign stands beside it
            minus[n] = Form(lambda text=atoms[k]: text, (), SUM)  # no template: a name may have braces
            local.append(Node("same"))
        else:
            local.append(Node(INPUT, (), atoms[k]))
    if local[last].op == INPUT:
        return atoms.get(root, local[last].name)
    return write(local, lambda n: n == last, lambda n: local[n].name, lambda n, node: minus.get(n) or form(needed[n], node),
                 number, longest)[last]


def latex_written(nodes: Sequence[Node], root: int, atoms: Mapping[int, str], shapes: Sequence[Shape]) -> str:
    def form(k: int, node: Node) -> Form:
        return OPS[node.op].written_latex(len(node.operands), node.options, all(shapes[j] for j in nodes[k].operands))

    written = write_root(nodes, root, atoms, form, latex_constant, 4 * TOLD)
    return r"\ldots" if CUT in written else written  # cut, its braces would not match


def latex_name(name: str) -> str:
    """A name as a variable: w1 → w_{1}, learning_rate → learning_{rate}, `layer1.z` upright where it is no single letter."""
    if not re.fullmatch(r"[^\W\d][\w.]*", name):
        return rf"\text{{{latex_text(name)}}}"
    head, _, tail = name.partition("_")
    stem = head.rstrip("0123456789") or head
    below = [part for part in (head[len(stem):], *tail.split("_")) if part]
    if "." in tail or (len(below) > 1 and not "".join(below).isdigit()):
        return rf"\mathit{{{latex_text(name)}}}" if name.isascii() else rf"\text{{{latex_text(name)}}}"
    return latex_word(stem) + (rf"_{{{','.join(map(latex_word, below))}}}" if below else "")


def latex_word(word: str) -> str:
    if GREEK.fullmatch(word):
        return "\\" + word
    if len(word) == 1 and greek_letter(word):
        return greek_letter(word)
    if not word.isascii():
        return rf"\text{{{latex_text(word)}}}"
    return word if len(word) == 1 or word.isdigit() else rf"\mathit{{{latex_text(word)}}}"


def latex_text(text: str) -> str:
    return "".join(LATEX_TEXT.get(c) or (f"${greek_letter(c)}$" if greek_letter(c) else c) for c in text)


def greek_letter(character: str) -> str:
    r"""μ → \mu; nothing for any other."""
    found = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    name = (found[2].lower() if found[1] == "SMALL" else found[2].title()) if found else ""
    return "\\" + name if GREEK.fullmatch(name) else ""


def latex_number(value: Any) -> str:
    """1.5, 10^{-8}, of a vector its first elements, and a matrix, of a larger one its corner."""
    if np.ndim(value) > 1:
        return latex_matrix(value)
    if np.ndim(value):
        first = ",\\ ".join([latex_number(float(v)) for v in value[:FEW]] + [r"\ldots"] * (len(value) > FEW))
        return rf"\left[{first}\right]"
    if isinstance(value, float) and not math.isfinite(value):
        return r"\text{nan}" if math.isnan(value) else r"\infty" if value > 0 else r"-\infty"
    digits, _, exponent = told_number(value).partition("e")
    return digits if not exponent else rf"{digits} \cdot 10^{{{int(exponent)}}}"


def latex_matrix(value: Any) -> str:
    m, n = np.shape(value)
    rows, columns = (k if k <= WHOLE else CORNER for k in (m, n))
    lines = [[latex_number(float(v)) for v in row[:columns]] + [r"\cdots"] * (n > columns) for row in value[:rows]]
    lines += [[r"\vdots"] * columns + [r"\ddots"] * (n > columns)] * (m > rows)
    body = r" \\ ".join(map(" & ".join, lines))
    return rf"\begin{{bmatrix}} {body} \end{{bmatrix}}" + (rf"_{{{m} \times {n}}}" if (m, n) != (rows, columns) else "")


def latex_constant(value: Value) -> str:
    return r"\pi" if value == math.pi else latex_number(value)


def latex_operand(value: Any) -> str:
    """A number as it stands in a formula, or a vector or matrix of FEW at the most; "" of a larger one."""
    if np.ndim(value):
        return latex_number(value) if 0 < np.size(value) <= FEW else ""
    told = latex_number(value)
    return f"({told})" if r"\cdot" in told else told


def cells(text: str) -> int:
    """The width of a line in characters; Chinese, Japanese and Korean ones are two wide."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
